//! The engine: a ministack process behind the gateway, on a port that the system handed out.
//!
//! It is up when it says so, and it never outlives this process, not even one that is killed: it holds the
//! other end of a pipe of ours (`engine.py`).

use std::{io, net::TcpListener, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{ChildStdin, Command},
    sync::mpsc,
};

use super::{AccountError, Details};
use crate::{
    paths::Paths,
    process::{self, Group},
    progress::Progress,
};

/// How long the engine may take to say that it listens. It takes half a second.
const UP_WITHIN: Duration = Duration::from_secs(60);
/// What it says then.
const UP: &str = "Running on http://";
/// What of this process's environment the engine, and with it every function, may see.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// Where the user pools' keys are, under the account's own folder.
const STATE: &str = "scratch/state";

/// The key with which a user pool of the running account signs ID tokens, in PEM. Nobody has it on AWS; here the attack
/// takes it, to show that a sound signature is not all that is looked at.
pub(crate) fn pool_key(details: &Details, pool: &str) -> io::Result<String> {
    let file = format!("{STATE}/cognito-pool-keys/{pool}-id.pem");
    std::fs::read_to_string(details.folder.join(file))
}

/// A running engine. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Engine {
    group: Group,
    /// Held, never written: closing it is what tells the engine that we are gone.
    _lifeline: Option<ChildStdin>,
}

/// A free port of the loopback, handed out by the system.
pub(super) fn free_port() -> Result<u16, AccountError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| AccountError::Machine { what: "get a port", source: e.into() })
}

/// What the engine is told.
pub(super) struct Setting<'a> {
    /// The folder of the engine's programs.
    pub(super) programs: &'a Path,
    /// Where it is to listen.
    pub(super) port: u16,
    /// The only AWS endpoint that the functions are given.
    pub(super) gateway_url: &'a str,
    /// The twelve digits of the account.
    pub(super) account: &'a str,
    /// The Region of everything.
    pub(super) region: &'a str,
    /// The root's key id and secret.
    pub(super) root: (&'a str, &'a str),
    /// Where what it says is kept.
    pub(super) log: &'a Path,
}

/// Starts the engine and waits until it listens.
pub(super) async fn start(
    paths: &Paths,
    setting: &Setting<'_>,
    progress: Progress,
) -> Result<Engine, AccountError> {
    let step = progress.step("engine (ministack)");
    let scratch = paths.own("scratch");
    // What an earlier engine left; a folder that is not there is as empty.
    let _ = tokio::fs::remove_dir_all(&scratch).await;
    tokio::fs::create_dir_all(&scratch).await.map_err(AccountError::file(&scratch))?;
    let mut command = Command::new(setting.programs.join("python"));
    command.args(["-u", "-c", include_str!("engine.py")]).current_dir(&scratch).env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|passed| name == *passed)));
    command
        .env("AUTH", "true")
        .env("AWS_ACCESS_KEY_ID", setting.root.0)
        .env("AWS_SECRET_ACCESS_KEY", setting.root.1)
        .env("AWS_ENDPOINT_URL", setting.gateway_url)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", setting.port.to_string())
        .env("MINISTACK_ACCOUNT_ID", setting.account)
        .env("MINISTACK_REGION", setting.region)
        .env("TMPDIR", &scratch)
        .env("S3_DATA_DIR", scratch.join("s3"))
        // Where the user pools' keys are: an account's own, gone with it.
        .env("STATE_DIR", paths.own(STATE))
        // No token when the trigger that says what it holds has failed, as in Cognito.
        .env("MINISTACK_COGNITO_PRETOKEN_STRICT", "1")
        // Listeners that nothing here needs, on ports that are not ours to take.
        .env("IOT_MTLS_ENABLED", "false")
        .env("SFTP_ENABLED", "false")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = Group::start(&mut command)
        .map_err(|source| AccountError::Program { step: "could not start the engine", source })?;
    let lifeline = group.child().stdin.take();
    let (lines, mut said) = mpsc::unbounded_channel();
    keep(group.child().stdout.take(), lines.clone());
    keep(group.child().stderr.take(), lines);
    let _ = tokio::fs::remove_file(setting.log).await;
    let mut log = process::append(setting.log).await.map_err(AccountError::file(setting.log))?;
    let (up, is_up) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut up = Some(up);
        while let Some(line) = said.recv().await {
            if log.write_all(format!("{line}\n").as_bytes()).await.is_err() || log.flush().await.is_err() {
                break;
            }
            if line.contains(UP)
                && let Some(up) = up.take()
            {
                let _ = up.send(());
            }
        }
    });
    let silent = || AccountError::Engine { log: paths.shown(setting.log) };
    match tokio::time::timeout(UP_WITHIN, is_up).await {
        Ok(Ok(())) => {}
        // The sender is dropped when both streams end: it ended instead of coming up.
        Ok(Err(_)) | Err(_) => return Err(silent()),
    }
    step.done("");
    Ok(Engine { group, _lifeline: lifeline })
}

impl Engine {
    /// Stops the engine and every function that it runs.
    pub(super) async fn stop(self) {
        self.group.stop().await;
    }
}

/// Sends each line of `stream` to `lines` until it ends.
fn keep(stream: Option<impl AsyncRead + Unpin + Send + 'static>, lines: mpsc::UnboundedSender<String>) {
    let Some(stream) = stream else { return };
    tokio::spawn(async move {
        let mut segments = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = segments.next_segment().await {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
}
