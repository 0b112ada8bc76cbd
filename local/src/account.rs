//! The account: how it comes up, how it is joined, and how it goes.
//!
//! One account a checkout, and beside it those that tests take for themselves ([`Place`]), each with a folder
//! of its own. The lock `running` of an account is held for as long as it runs, the checkout's lock `starting`
//! while one comes up or is joined, so that two who want one at the same moment get the same. The system
//! gives both back when their holder ends, however it ends: there is no stale lock to remove by hand.
//!
//! `target/local/account.json` ([`Details`]) is all that a client needs, and is there only while the account
//! answers.

mod deploy;
mod details;
mod engine;
mod environment;
mod fingerprint;
mod functions;
mod greeting;
mod invoke;
mod logs;
mod python;
mod responses;
mod running;
mod seller;
mod stage;
mod tenants;

use std::{
    fs::File,
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use shared::config::Sessions;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

pub use details::{Credentials, Details, Role, Seller, Tenant, User};
pub(crate) use engine::pool_key;
pub(crate) use environment::function_configuration;
pub use environment::{exports, function_key, sam_environment};
pub(crate) use functions::WITH_CALLERS;
pub use functions::{CARGO_TELLS, FUNCTIONS, deployed};
pub use greeting::greeting;
pub use invoke::invoke;
pub use logs::function_log;
pub use running::Running;
pub(crate) use tenants::open_tenant_with;
pub use tenants::{open_tenant, password};

pub use crate::paths::Place;
use crate::{aws::CallError, doors::DoorError, paths::Paths, process::ProcessError, progress::Progress};

/// How an account is to be started or joined.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where progress is told.
    pub progress: Progress,
    /// Which of the checkout's accounts is meant.
    pub place: Place,
    /// How callers' sessions are to be had; whichever way runs, or else the template's own, if it is not said.
    pub sessions: Option<Sessions>,
}

impl Default for Options {
    fn default() -> Self {
        Self { progress: Progress::shown(), place: Place::Here, sessions: None }
    }
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// One runs already, and a second was asked for.
    #[error("an account runs already in this checkout (process {pid}): use it, or stop it with ctrl-c first")]
    AlreadyRunning {
        /// Its process id.
        pid: u32,
    },
    /// None runs, and one that runs was asked for.
    #[error("no account runs in this checkout: start one with `cargo run -p local`")]
    NotRunning,
    /// The stack has no function of that name.
    #[error("the stack has no function `{0}`: ask for one of {names}", names = FUNCTIONS.join(", "))]
    NoFunction(String),
    /// One runs, but its functions or template are not this checkout's.
    #[error(
        "the account that runs (process {pid}) was deployed from other code than this checkout's: stop it and run this again"
    )]
    Stale {
        /// Its process id.
        pid: u32,
    },
    /// One runs, but callers' sessions are not had in it as they are to be.
    #[error("the account that runs (process {pid}) has its sessions by {by}: stop it and run this again")]
    OtherSessions {
        /// Its process id.
        pid: u32,
        /// How it has them.
        by: String,
    },
    /// The lock is taken, but nothing answers.
    #[error(
        "another process holds {lock} but its account does not answer: stop that process and run this again"
    )]
    Unresponsive {
        /// The lock's file.
        lock: String,
    },
    /// No Python that would do.
    #[error("python 3.10 or newer, with its venv module, was not found: install it and run this again")]
    NoPython,
    /// A program of the set-up failed.
    #[error("{step}")]
    Program {
        /// What was being done.
        step: &'static str,
        /// How it failed.
        #[source]
        source: ProcessError,
    },
    /// The engine ended or stayed silent instead of coming up.
    #[error("the engine did not come up; what it said is in {log}")]
    Engine {
        /// Its log.
        log: String,
    },
    /// The gateway did not start.
    #[error("the gateway did not start")]
    Gateway(#[source] gateway::StartError),
    /// The gateway does not show what it plays.
    #[error("the gateway's own doors do not answer")]
    Doors(#[source] DoorError),
    /// The template is not of the form that the local build understands.
    #[error("template.yaml: {0}")]
    Template(String),
    /// The seller account's stack is not what the product's needs.
    #[error("template-seller.yaml: {0}")]
    SellerTemplate(String),
    /// `samconfig.toml` is not of the form that a start can add to.
    #[error("samconfig.toml: {0}")]
    Stage(String),
    /// The account refused something that the set-up needs.
    #[error("{step}")]
    Call {
        /// What was being done.
        step: &'static str,
        /// The refusal.
        #[source]
        source: CallError,
    },
    /// A tenant could not be put into the account.
    #[error("could not set up tenant `{tenant}`")]
    Tenant {
        /// Its name.
        tenant: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of the account's own could not be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something that does not fail on a healthy machine did.
    #[error("cannot {what}")]
    Machine {
        /// What was attempted.
        what: &'static str,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AccountError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}

/// An account that somebody holds: started here, or joined.
#[derive(Debug)]
pub enum Held {
    /// It is another process's, and goes on when this one ends.
    Joined(Box<Details>),
    /// It is this process's, and ends with it.
    Started(Box<Running>),
}

impl Held {
    /// What a client needs.
    #[must_use]
    pub fn details(&self) -> &Details {
        match self {
            Self::Joined(details) => details,
            Self::Started(running) => running.details(),
        }
    }

    /// Stops the account if it is this process's.
    pub async fn release(self) {
        match self {
            Self::Joined(_) => {}
            Self::Started(running) => running.stop().await,
        }
    }
}

/// Starts an account of one's own.
///
/// # Errors
/// [`AccountError::AlreadyRunning`] when this checkout has one; others as they say.
pub async fn start(options: &Options) -> Result<Running, AccountError> {
    let paths = Paths::of_account(options.place);
    let _starting = lock_to_start(&paths).await?;
    if let Some(details) = details::of_running(&paths).await {
        return Err(AccountError::AlreadyRunning { pid: details.pid });
    }
    running::start(&paths, options).await
}

/// The account that runs in this checkout.
///
/// # Errors
/// [`AccountError::NotRunning`] when none does.
pub async fn running() -> Result<Details, AccountError> {
    details::of_running(&Paths::of_this_checkout()).await.ok_or(AccountError::NotRunning)
}

/// Joins the account that runs in this checkout, or starts one.
///
/// # Errors
/// [`AccountError::Stale`] when the one that runs was deployed from other code; others as they say.
pub async fn start_or_join(options: &Options) -> Result<Held, AccountError> {
    let paths = Paths::of_account(options.place);
    let _starting = lock_to_start(&paths).await?;
    let Some(details) = details::of_running(&paths).await else {
        return Ok(Held::Started(Box::new(running::start(&paths, options).await?)));
    };
    // A test that passes against yesterday's functions is worse than one that fails.
    let tools = python::tools(&paths, options.progress).await?;
    functions::build(&paths, &tools, options.progress).await?;
    if fingerprint::of_checkout(&paths)? != details.fingerprint {
        return Err(AccountError::Stale { pid: details.pid });
    }
    let by = details.output("TenantSessions");
    if options.sessions.is_some_and(|wanted| wanted.as_str() != by) {
        return Err(AccountError::OtherSessions { pid: details.pid, by: by.to_owned() });
    }
    Ok(Held::Joined(Box::new(details)))
}

/// The folder of the pinned tools (`sam`, `cargo-lambda`, `cfn-lint`), installed if they are not there.
///
/// # Errors
/// As [`start`], as far as it is about Python.
pub async fn tools(options: &Options) -> Result<PathBuf, AccountError> {
    let paths = Paths::of_this_checkout();
    let _starting = lock_to_start(&paths).await?;
    python::tools(&paths, options.progress).await
}

/// The folder of the pinned programs that read templates for the prover, installed if they are not there.
///
/// # Errors
/// As [`start`], as far as it is about Python.
pub async fn prover(options: &Options) -> Result<PathBuf, AccountError> {
    let paths = Paths::of_this_checkout();
    // A lock of its own: whoever proves does not wait for an account to come up.
    let _installing = lock(paths.local("prover.lock")).await?;
    python::prover(&paths, options.progress).await
}

/// The folder of the pinned programs that make random requests, installed if they are not there.
///
/// # Errors
/// As [`start`], as far as it is about Python.
pub async fn fuzzer(options: &Options) -> Result<PathBuf, AccountError> {
    let paths = Paths::of_this_checkout();
    let _installing = lock(paths.local("fuzzer.lock")).await?;
    python::fuzzer(&paths, options.progress).await
}

/// Waits for whoever else is starting or joining an account, and keeps others waiting until dropped.
async fn lock_to_start(paths: &Paths) -> Result<File, AccountError> {
    lock(paths.local("starting.lock")).await
}

/// Waits for whoever else holds this lock, and keeps others waiting until dropped.
async fn lock(path: PathBuf) -> Result<File, AccountError> {
    let waited = tokio::task::spawn_blocking(move || {
        let file = lock_file(&path)?;
        file.lock().map_err(AccountError::file(&path))?;
        Ok(file)
    });
    waited.await.map_err(|e| AccountError::Machine { what: "wait for a lock", source: e.into() })?
}

fn lock_file(path: &Path) -> Result<File, AccountError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(AccountError::file(folder))?;
    }
    File::options().create(true).append(true).open(path).map_err(AccountError::file(path))
}

/// An account held by a thread of its own: for tests, each of which has a runtime of its own.
///
/// It ends when this is dropped or stopped, and at the latest with the process.
#[derive(Debug)]
pub struct Account {
    details: Details,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Account {
    /// Joins the account that runs in this checkout, or starts one; returns when it answers.
    ///
    /// # Errors
    /// As [`start_or_join`].
    pub fn start_or_join(options: Options) -> Result<Self, AccountError> {
        let (ready, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("local account".to_owned())
            .spawn(move || host(&options, &ready, stopped))
            .map_err(|e| AccountError::Machine { what: "start a thread", source: e.into() })?;
        let details = told.recv().map_err(|e| AccountError::Machine {
            what: "hear from the account's thread",
            source: e.into(),
        })??;
        Ok(Self { details, stop: Some(stop), thread: Some(thread) })
    }

    /// What a client needs.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Lets go of the account, and stops it if it was started here.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that it panicked, which it has said already.
            let _ = thread.join();
        }
    }
}

fn host(
    options: &Options,
    ready: &mpsc::Sender<Result<Details, AccountError>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let held = match start_or_join(options).await {
            Ok(held) => held,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        if ready.send(Ok(held.details().clone())).is_ok() {
            let _ = stopped.await;
        }
        held.release().await;
    });
}

/// The runtime that an account lives in.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, AccountError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| AccountError::Machine { what: "start a runtime", source: e.into() })
}

/// The ways in which this process is asked to stop: Ctrl-C, SIGTERM, SIGHUP.
///
/// Listening begins when this is made, and none is missed from then on.
#[derive(Debug)]
pub struct StopRequests {
    signals: [Signal; 3],
}

impl StopRequests {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not let this process listen.
    pub fn listen() -> Result<Self, AccountError> {
        let listen = |kind| {
            signal(kind).map_err(|e| AccountError::Machine { what: "listen for signals", source: e.into() })
        };
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hang_up] = kinds.map(listen);
        Ok(Self { signals: [interrupt?, terminate?, hang_up?] })
    }

    /// Ends at the next request.
    pub async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }

    /// Runs `work` until it is finished, or drops it, and what it started with it, at the next request.
    pub async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            result = work => Some(result),
            () = self.next() => None,
        }
    }
}
