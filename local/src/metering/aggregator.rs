//! The built aggregator as a process: what the Lambda service would run, one at a time and under a clock of one's own.

use std::{
    collections::{BTreeMap, VecDeque},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use shared::clock::Clock;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    MeteringError, Trace,
    runtime::{Invocation, Runtime},
    trace::When,
};
use crate::{
    account::{Details, function_configuration, function_key},
    doors::Doors,
};

/// Its name in the template's outputs.
const FUNCTION: &str = "Metering";
/// How much of what it says is kept.
const LINES_MAX: usize = 2_000;

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
    process: Child,
    runtime: Runtime,
    doors: Doors,
    arn: String,
    timeout: Duration,
    said: Arc<Mutex<VecDeque<String>>>,
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
        let deployed = function_configuration(details, FUNCTION).await?;
        let key = function_key(details, FUNCTION)
            .ok_or_else(|| crate::account::AccountError::NoFunction(FUNCTION.to_owned()))?;
        let process = |what: &'static str| move |source| MeteringError::Process { what, source };
        let runtime = Runtime::start().await.map_err(process("cannot open a runtime"))?;
        let mut child = Command::new(details.functions.join("metering").join("bootstrap"))
            .env_clear()
            .envs(&deployed.variables)
            .envs([
                ("AWS_ACCESS_KEY_ID", &key.access_key_id),
                ("AWS_SECRET_ACCESS_KEY", &key.secret_access_key),
                ("AWS_SESSION_TOKEN", &key.session_token),
                ("AWS_REGION", &details.region),
                ("AWS_ENDPOINT_URL", &details.aws_endpoint_url),
                ("AWS_LAMBDA_RUNTIME_API", &runtime.address),
                ("AWS_LAMBDA_FUNCTION_NAME", &deployed.name),
                ("AWS_LAMBDA_FUNCTION_TIMEOUT", &deployed.timeout.as_secs().to_string()),
                ("CLOCK_OFFSET_S", &setting.clock_offset_s.to_string()),
            ])
            .envs([
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "local"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
            ])
            .envs(&setting.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(process("cannot start the metering function"))?;
        let said = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(out) = child.stdout.take() {
            listen(out, said.clone());
        }
        if let Some(out) = child.stderr.take() {
            listen(out, said.clone());
        }
        Ok(Self {
            process: child,
            runtime,
            doors: Doors::of(details)?,
            arn: deployed.arn,
            timeout: setting.timeout.unwrap_or(deployed.timeout),
            said,
        })
    }

    /// Invokes it, and waits for what it answers.
    ///
    /// # Errors
    /// When it ends with an error, dies, or takes too long.
    pub async fn invoke(&mut self, event: &Value, trace: &Trace) -> Result<Value, MeteringError> {
        let answered = self.ask(event, trace).await;
        // It is told its deadline, and what it does until then is its own.
        let patience = self.timeout + Duration::from_secs(5);
        tokio::select! {
            answer = answered => match answer {
                Ok(answer) => answer.map_err(MeteringError::Failed),
                Err(_) => Err(MeteringError::Died(self.last_words())),
            },
            _ = self.process.wait() => Err(MeteringError::Died(self.last_words())),
            () = tokio::time::sleep(patience) => Err(MeteringError::Silent(patience.as_secs())),
        }
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
        self.process
            .kill()
            .await
            .map_err(|source| MeteringError::Process { what: "cannot end the metering function", source })
    }

    /// The most memory that it has had so far, in bytes; none where the system does not tell.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// What it has said, line by line.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    async fn ask(
        &self,
        event: &Value,
        trace: &Trace,
    ) -> tokio::sync::oneshot::Receiver<Result<Value, String>> {
        let deadline = Clock::system().now() + self.timeout;
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let invocation = Invocation {
            id: uuid::Uuid::new_v4().to_string(),
            trace: trace.header(),
            deadline_ms: deadline.as_millis(),
            arn: self.arn.clone(),
            event: event.clone(),
        };
        self.runtime.invoke(invocation).await
    }

    fn last_words(&self) -> String {
        self.said().last().cloned().unwrap_or_default()
    }
}

fn listen(out: impl tokio::io::AsyncRead + Unpin + Send + 'static, said: Arc<Mutex<VecDeque<String>>>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(out).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() >= LINES_MAX {
                said.pop_front();
            }
            said.push_back(line);
        }
    });
}
