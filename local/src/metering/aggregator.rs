//! The built aggregator as a process: what the Lambda service would run, one at a time and under a clock of one's own.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::MeteringError;
use crate::{
    account::Details,
    doors::Doors,
    lambda::{self, Environment, Trace, When},
};

/// Its name in the template's outputs.
const FUNCTION: &str = "Metering";

/// How it is to run.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// How far its clock is from the machine's, in seconds.
    pub clock_offset_s: i64,
    /// Variables that differ from those of the deployed function.
    pub environment: BTreeMap<String, String>,
    /// How long one invocation may take; as deployed if none.
    pub timeout: Option<Duration>,
}

/// A process of the function.
pub struct Aggregator {
    environment: Environment,
    doors: Doors,
}

/// How an invocation ended that was to be killed.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// At this call, as `service:operation`: the process was killed by SIGKILL.
    Killed(String),
    /// It made fewer calls, and answered.
    Answered(Value),
}

impl Aggregator {
    /// Starts the deployed function's binary with its variables and its role's credentials.
    ///
    /// # Errors
    /// When the stack has no such function, or it does not start.
    pub async fn start(details: &Details, setting: &Setting) -> Result<Self, MeteringError> {
        let clock = ("CLOCK_OFFSET_S".to_owned(), setting.clock_offset_s.to_string());
        let setting = lambda::Setting {
            environment: [clock].into_iter().chain(setting.environment.clone()).collect(),
            timeout: setting.timeout,
            ..lambda::Setting::default()
        };
        let environment = Environment::start(details, FUNCTION, &setting).await?;
        Ok(Self { environment, doors: Doors::of(details)? })
    }

    /// Invokes it, and waits for what it answers.
    ///
    /// # Errors
    /// When it ends with an error, dies, or takes too long.
    pub async fn invoke(&mut self, event: &Value, trace: &Trace) -> Result<Value, MeteringError> {
        Ok(self.environment.invoke(event, trace).await?)
    }

    /// Invokes it, and kills it by SIGKILL at its nth AWS call, from 0, before that has its effect or after.
    ///
    /// # Errors
    /// When it ends with an error or dies by itself, or takes too long.
    pub async fn invoke_and_kill(
        mut self,
        event: &Value,
        nth: usize,
        when: When,
    ) -> Result<Ended, MeteringError> {
        let trace = Trace::new();
        trace.hold(&self.doors, nth, when).await?;
        let doors = self.doors.clone();
        let held = tokio::select! {
            held = trace.held(&doors) => held?,
            answer = self.invoke(event, &trace) => {
                trace.release(&doors).await?;
                return answer.map(Ended::Answered);
            }
        };
        self.kill().await?;
        trace.release(&doors).await?;
        Ok(Ended::Killed(held))
    }

    /// Ends it by SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// When the system does not end it.
    pub async fn kill(&mut self) -> Result<(), MeteringError> {
        Ok(self.environment.kill().await?)
    }

    /// The most memory that it has had so far, in bytes; none where the system does not tell.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        self.environment.memory().map(|memory| memory.peak)
    }

    /// What it has said, line by line.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.environment.said()
    }
}
