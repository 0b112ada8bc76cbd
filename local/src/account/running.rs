//! An account that runs in this process: the steps from nothing to an answering API, and the way back.

use std::fs::File;

use super::{
    AccountError, Options, deploy, details,
    details::{Credentials, Details, Seller},
    engine, fingerprint, functions, lock_file, python, responses, seller, stage, tenants,
};
use crate::{
    aws::{Root, http_client},
    doors::Doors,
    marketplace::Marketplace,
    paths::Paths,
};

/// The account's number; any twelve digits would do.
const ACCOUNT: &str = "123456789012";
/// The Region of everything.
const REGION: &str = "us-east-1";
/// The root's key. It opens nothing but the loopback.
const ROOT: (&str, &str) = ("test", "test");
/// The stage of the API that the template deploys.
const STAGE: &str = "v1";

/// An account of this process. Dropping it ends all that it started; [`Running::stop`] does so gracefully.
#[derive(Debug)]
pub struct Running {
    // Dropped in this order: no client finds the account any more, then nothing calls the functions, then
    // they and the engine go, and last another account may start.
    published: details::Published,
    details: Details,
    gateway: gateway::Running,
    engine: engine::Engine,
    lock: File,
}

impl Running {
    /// What a client needs.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Stops serving, then everything that was started.
    pub async fn stop(self) {
        drop(self.published);
        self.gateway.stop().await;
        self.engine.stop().await;
        drop(self.lock);
    }
}

/// Starts everything. The caller holds the lock `starting` and has seen that no account answers.
pub(super) async fn start(paths: &Paths, options: &Options) -> Result<Running, AccountError> {
    let progress = options.progress;
    let lock_path = paths.own("running.lock");
    let lock = lock_file(&lock_path)?;
    lock.try_lock().map_err(|_| AccountError::Unresponsive { lock: paths.shown(&lock_path) })?;

    let tools = python::tools(paths, progress).await?;
    // The one waits for the network, the other for the processor.
    let (engine_programs, ()) =
        tokio::try_join!(python::engine(paths, progress), functions::build(paths, &tools, progress))?;
    let template = functions::built_template(paths, &engine_programs, progress).await?;

    let port = engine::free_port()?;
    let access_log = paths.own("access.jsonl");
    // Of an earlier account; absent is fine.
    let _ = tokio::fs::remove_file(&access_log).await;
    let mut config = gateway::Config::new(format!("http://127.0.0.1:{port}"));
    config.account = ACCOUNT.to_owned();
    config.region = REGION.to_owned();
    (config.root_access_key, config.root_secret_key) = (ROOT.0.to_owned(), ROOT.1.to_owned());
    config.access_log = Some(access_log.clone());
    let selling = config.seller.clone();
    let gateway = gateway::Gateway::start(config).await.map_err(AccountError::Gateway)?;

    let engine_log = paths.own("ministack.log");
    let setting = engine::Setting {
        programs: &engine_programs,
        port,
        gateway_url: &gateway.aws_url,
        account: ACCOUNT,
        region: REGION,
        root: ROOT,
        log: &engine_log,
    };
    let engine = engine::start(paths, &setting, progress).await?;

    let root = Root {
        endpoint: gateway.aws_url.clone(),
        region: REGION.to_owned(),
        access_key_id: ROOT.0.to_owned(),
        secret_access_key: ROOT.1.to_owned(),
        session_token: None,
        http: http_client()
            .map_err(|e| AccountError::Machine { what: "make an HTTP client", source: e.into() })?,
    };
    let external_id = seller::external_id();
    let doors = Doors::at(&gateway.aws_url).map_err(AccountError::Doors)?;
    let listed = Marketplace::behind(doors).listed().await.map_err(AccountError::Doors)?;
    let mut added = vec![("SellerExternalId", external_id.as_str())];
    added.extend(options.sessions.map(|sessions| ("TenantSessions", sessions.as_str())));
    let samconfig = stage::with(paths, &added)?;
    let outputs = deploy::deploy(paths, &tools, &root, &template, &samconfig, progress).await?;
    let output = |name: &str| {
        outputs.get(name).cloned().ok_or_else(|| AccountError::Template(format!("has no output `{name}`")))
    };
    let api_id = output("ApiId")?;
    let seller_root = Root {
        access_key_id: selling.access_key.clone(),
        secret_access_key: selling.secret_key.clone(),
        ..root.clone()
    };
    let ((), seller_outputs, tenants) = tokio::try_join!(
        responses::complete(&root, &api_id, STAGE, progress),
        seller::deploy(paths, &seller_root, &outputs, &external_id, progress),
        tenants::provision(&root, &outputs, progress),
    )?;
    gateway.serve_api(&api_id, STAGE);

    let details = Details {
        api_url: format!("{}/{STAGE}", gateway.api_url),
        aws_endpoint_url: gateway.aws_url.clone(),
        region: REGION.to_owned(),
        user_pool_id: output("UserPoolId")?,
        user_pool_client_id: output("UserPoolClientId")?,
        admin: Credentials { access_key_id: ROOT.0.to_owned(), secret_access_key: ROOT.1.to_owned() },
        outputs,
        seller: Seller {
            account_id: selling.account,
            admin: Credentials { access_key_id: selling.access_key, secret_access_key: selling.secret_key },
            external_id,
            product_id: listed.id,
            product_code: listed.code,
            outputs: seller_outputs,
        },
        tenants,
        folder: paths.account(),
        access_log,
        engine_log,
        functions: functions::folder(paths),
        tools,
        pid: std::process::id(),
        fingerprint: fingerprint::of_checkout(paths)?,
    };
    let published = details::publish(paths, &details)?;
    progress.remark(&format!("up after {:.1} s", progress.elapsed().as_secs_f32()));
    Ok(Running { published, details, gateway, engine, lock })
}
