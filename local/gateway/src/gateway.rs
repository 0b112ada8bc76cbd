//! Starting and stopping: two listeners on the loopback, and nothing else that outlives a request.

use std::sync::{Arc, RwLock};

use axum::body::Body;
use http::{Request, Response};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::access_log::AccessLog;
use crate::accounts::Accounts;
use crate::api::Api;
use crate::aws::{Aws, Cut};
use crate::calls::Calls;
use crate::config::Config;
use crate::faults::Faults;
use crate::holds::Holds;
use crate::kept::Epoch;
use crate::mail::Mail;
use crate::marketplace::Market;
use crate::server::{Answers, listen, serve};

/// The gateway, not yet started.
#[derive(Debug)]
pub struct Gateway;

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener could not be opened; most often the given port is taken.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for; 0 for any.
        port: u16,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The access log could not be opened for appending.
    #[error("cannot open the access log `{path}`")]
    Log {
        /// The path given.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The engine's address is not `http://HOST:PORT`.
    #[error("the engine's address `{0}` is not of the form http://host:port")]
    EngineUrl(String),
    /// An account is not twelve digits, or is not another than the first.
    #[error("`{0}` is not a twelve-digit account with a key of its own")]
    Account(String),
}

/// A started gateway. Dropping it ends both listeners, after at most five seconds for requests under way;
/// [`Running::stop`] waits for that.
pub struct Running {
    /// The AWS endpoint, `http://127.0.0.1:PORT`: what goes into `AWS_ENDPOINT_URL`.
    pub aws_url: String,
    /// The deployed REST API, `http://127.0.0.1:PORT`, once [`Running::serve_api`] was called; 503 before.
    pub api_url: String,
    api: Arc<Api>,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Opens both listeners and serves until the answer is stopped or dropped. The engine need not be up.
    ///
    /// # Errors
    /// [`StartError`] when a port, the log file, the account or the engine's address is not usable.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        let epoch = Epoch::default();
        let accounts = Accounts::new(&config, &epoch)?;
        let log = AccessLog::open(config.access_log.as_deref()).map_err(|source| StartError::Log {
            path: config.access_log.as_deref().unwrap_or_else(|| "".as_ref()).display().to_string(),
            source,
        })?;
        let listen = async |port| listen(port).await.map_err(|source| StartError::Listen { port, source });
        let (aws_listener, aws_port) = listen(config.aws_port).await?;
        let (api_listener, api_port) = listen(config.api_port).await?;

        let calls = Arc::new(Calls::default());
        let engine = accounts.product().engine.clone();
        let seller =
            accounts.get(&config.seller.account).map_or_else(|| engine.clone(), |one| one.engine.clone());
        let aws = Aws {
            market: Market::new(&config.seller.account, &config.region, config.clock.clone(), seller),
            seller: config.seller.account,
            tenant_tag: config.tenant_tag,
            hosts: vec![format!("127.0.0.1:{aws_port}"), format!("localhost:{aws_port}")],
            clock: config.clock.clone(),
            accounts,
            epoch,
            mail: Mail::default(),
            faults: Faults::default(),
            holds: Holds::default(),
            calls: calls.clone(),
            log,
        };
        let host = http::HeaderValue::try_from(format!("127.0.0.1:{api_port}"))
            .map_err(|_| StartError::EngineUrl(config.engine_url))?;
        let api = Arc::new(Api { host, engine, calls, clock: config.clock, deployed: RwLock::new(None) });
        let (stop, stopped) = watch::channel(false);
        Ok(Running {
            aws_url: format!("http://127.0.0.1:{aws_port}"),
            api_url: format!("http://127.0.0.1:{api_port}"),
            listeners: vec![
                serve(aws_listener, Arc::new(aws), stopped.clone()),
                serve(api_listener, api.clone(), stopped),
            ],
            api,
            stop,
        })
    }
}

impl Answers for Aws {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Cut> {
        self.handle(request).await
    }
}

impl Running {
    /// From now on the API listener answers with stage `stage` of the REST API `api_id`.
    pub fn serve_api(&self, api_id: &str, stage: &str) {
        self.api.deploy(api_id, stage);
    }

    /// Stops taking requests, waits at most five seconds for those under way, and returns.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for listener in self.listeners {
            // A listener that has failed has nothing left to stop.
            let _ = listener.await;
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("aws_url", &self.aws_url)
            .field("api_url", &self.api_url)
            .finish_non_exhaustive()
    }
}
