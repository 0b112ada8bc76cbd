//! A function as a process: started with an environment of its own, given events, and looked at from outside.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::runtime_api::{Answer, Poll, RuntimeApi};

/// How long a process may take to ask for its first event or to answer one, callgrind's fiftyfold included.
const PATIENCE: Duration = Duration::from_secs(120);

/// What goes wrong with a process that is measured.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its surroundings could not be had.
    #[error("a process could not be started, stopped or looked at")]
    Io(#[from] io::Error),
    /// It did not ask for an event.
    #[error("{program} did not ask for an event: {said}")]
    NoPoll {
        /// Which.
        program: String,
        /// What it said before.
        said: String,
    },
    /// It did not answer.
    #[error("{program} did not answer: {said}")]
    NoAnswer {
        /// Which.
        program: String,
        /// What it said before.
        said: String,
    },
    /// It answered something else than what was to be measured.
    #[error("{program} answered something else than `{expected}`: {answer}")]
    Wrong {
        /// Which.
        program: String,
        /// What a right answer has in it.
        expected: String,
        /// How its answer begins, and what it logged.
        answer: String,
    },
}

/// How a process is started.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// Its whole environment, but for where the Runtime API is.
    pub(crate) environment: Vec<(String, String)>,
    /// Where what it says is kept.
    pub(crate) log: PathBuf,
}

/// A process that waits for its next event.
pub(crate) struct Process {
    child: Child,
    api: RuntimeApi,
    next: Poll,
    program: Program,
}

/// One event, answered.
pub(crate) struct Invocation {
    /// From the event's departure to the answer's arrival.
    pub(crate) lasted: Duration,
    /// The processor's time of the whole process, from the event to the next poll.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Starts it, and waits for its first poll: how long that took, from before the process was made.
    pub(crate) async fn start(program: &Program) -> Result<(Self, Duration), ProcessError> {
        let mut api = RuntimeApi::start().await?;
        let log = fs::File::create(&program.log)?;
        let mut words = program.command.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command
            .args(words)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let from = Instant::now();
        let mut child = command.spawn()?;
        let next = tokio::select! {
            poll = timeout(PATIENCE, api.polls.recv()) => poll.ok().flatten(),
            _ = child.wait() => None,
        };
        let Some(next) = next else {
            return Err(ProcessError::NoPoll { program: program.name(), said: program.said() });
        };
        let init = next.at.saturating_duration_since(from);
        Ok((Self { child, api, next, program: program.clone() }, init))
    }

    /// Puts an event to it; its answer must have `expected` in it.
    pub(crate) async fn invoke(&mut self, event: &Bytes, expected: &str) -> Result<Invocation, ProcessError> {
        let cpu = self.cpu();
        let (nobody, _) = tokio::sync::oneshot::channel();
        let poll = std::mem::replace(&mut self.next, Poll { at: Instant::now(), event: nobody });
        let from = Instant::now();
        let _ = poll.event.send(event.clone());
        let (answer, next) = match timeout(PATIENCE, self.answered()).await {
            Ok(Some(both)) => both,
            _ => {
                let program = &self.program;
                return Err(ProcessError::NoAnswer { program: program.name(), said: program.said() });
            }
        };
        self.next = next;
        let lasted = answer.at.saturating_duration_since(from);
        let text = String::from_utf8_lossy(&answer.body);
        if answer.is_error || !text.contains(expected) {
            let begins: String = text.chars().take(600).collect();
            return Err(ProcessError::Wrong {
                program: self.program.name(),
                expected: expected.to_owned(),
                answer: format!("{begins}; {}", self.program.said()),
            });
        }
        Ok(Invocation { lasted, cpu: self.cpu().saturating_sub(cpu) })
    }

    async fn answered(&mut self) -> Option<(Answer, Poll)> {
        let answer = self.api.answers.recv().await?;
        Some((answer, self.api.polls.recv().await?))
    }

    /// The processor's time of all its threads.
    pub(crate) fn cpu(&self) -> Duration {
        let Some(id) = self.child.id() else { return Duration::ZERO };
        let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let nanoseconds = threads
            .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
            .filter_map(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok())
            .sum();
        Duration::from_nanos(nanoseconds)
    }

    /// The most memory that it has had at once, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let Some(id) = self.child.id() else { return 0 };
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.unwrap_or_default() * 1024
    }

    /// Asks it to end, and waits for that.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus, ProcessError> {
        if let Some(id) = self.child.id()
            && let Some(id) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        if let Ok(status) = timeout(PATIENCE, self.child.wait()).await {
            return Ok(status?);
        }
        self.child.kill().await?;
        Ok(self.child.wait().await?)
    }
}

impl Program {
    fn name(&self) -> String {
        let path = self.command.last().map(Path::new);
        path.map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// The end of what it has said.
    fn said(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        let from = said.len().saturating_sub(1_500);
        String::from_utf8_lossy(said.get(from..).unwrap_or_default()).into_owned()
    }
}

/// The event as it is sent.
pub(crate) fn bytes(event: &Value) -> Bytes {
    Bytes::from(event.to_string())
}
