//! One execution environment: the process, what it is asked, and what it costs the machine.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
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
    LambdaError, Trace,
    runtime::{Invocation, Runtime},
};
use crate::account::{AccountError, Details, function_configuration, function_key};

/// How much of what it says is kept.
const LINES_MAX: usize = 2_000;

/// How it is to run, where that is not as it is deployed.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Variables that differ from those of the deployed function.
    pub environment: BTreeMap<String, String>,
    /// How long one invocation may take; as deployed if none.
    pub timeout: Option<Duration>,
    /// The program to run; the deployed one if none.
    pub bootstrap: Option<PathBuf>,
    /// A program that runs it, with its arguments, such as valgrind; it is started directly if there is none.
    pub under: Vec<String>,
}

/// A function's process. It ends with this.
pub struct Environment {
    process: Child,
    runtime: Runtime,
    arn: String,
    timeout: Duration,
    said: Arc<Mutex<VecDeque<String>>>,
}

/// What a process holds, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub resident: u64,
    /// At most so far.
    pub peak: u64,
}

impl Environment {
    /// Starts a deployed function, by its name in the template's outputs (`Documents`), with its variables and its
    /// role's credentials.
    ///
    /// # Errors
    /// When the stack has no such function, or it does not start.
    pub async fn start(details: &Details, function: &str, setting: &Setting) -> Result<Self, LambdaError> {
        let deployed = function_configuration(details, function).await?;
        let key =
            function_key(details, function).ok_or_else(|| AccountError::NoFunction(function.to_owned()))?;
        let process = |what: &'static str| move |source| LambdaError::Process { what, source };
        let runtime = Runtime::start().await.map_err(process("cannot open a runtime"))?;
        let built = || details.functions.join(function.to_ascii_lowercase()).join("bootstrap");
        let bootstrap = setting.bootstrap.clone().unwrap_or_else(built);
        let mut command = match setting.under.split_first() {
            None => Command::new(bootstrap),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(bootstrap);
                command
            }
        };
        let mut child = command
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
            .map_err(process("cannot start a function"))?;
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
            arn: deployed.arn,
            timeout: setting.timeout.unwrap_or(deployed.timeout),
            said,
        })
    }

    /// Invokes it, and waits for what it answers. Its AWS calls carry `trace`.
    ///
    /// # Errors
    /// When it ends with an error, dies, or takes too long.
    pub async fn invoke(&mut self, event: &Value, trace: &Trace) -> Result<Value, LambdaError> {
        let answered = self.ask(event, trace).await;
        // It is told its deadline, and what it does until then is its own.
        let patience = self.timeout + Duration::from_secs(5);
        tokio::select! {
            answer = answered => match answer {
                Ok(answer) => answer.map_err(LambdaError::Failed),
                Err(_) => Err(LambdaError::Died(self.last_words())),
            },
            _ = self.process.wait() => Err(LambdaError::Died(self.last_words())),
            () = tokio::time::sleep(patience) => Err(LambdaError::Silent(patience.as_secs())),
        }
    }

    /// Ends it by SIGKILL, and waits for its end.
    ///
    /// # Errors
    /// When the system does not end it.
    pub async fn kill(&mut self) -> Result<(), LambdaError> {
        let cannot = |source| LambdaError::Process { what: "cannot end a function", source };
        self.process.kill().await.map_err(cannot)
    }

    /// Its process id; none once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// What it holds; none where the system does not tell.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
            Some(kib * 1024)
        };
        Some(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
    }

    /// How long its threads have run on a processor, in user mode and in the kernel; none where the system does not
    /// tell. Counted by the scheduler, in nanoseconds (`/proc/PID/task/TID/schedstat`).
    #[must_use]
    pub fn processor_time(&self) -> Option<Duration> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id()?)).ok()?;
        let mut all = Duration::ZERO;
        for task in tasks {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            all += Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?);
        }
        Some(all)
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
