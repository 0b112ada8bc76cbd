//! What every AWS client of a function has in common: one connection pool, time limits, retries.
//!
//! No default credential chain and no per-client connector: each costs start-up time that buys nothing
//! inside Lambda, where region and credentials stand in the environment.

use std::{fs, time::Duration};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
pub use aws_types::SdkConfig;
use aws_types::{
    region::Region,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};

use crate::config::Runtime;

/// Amazon Root CA 1–4 and Starfield Services G2: all that AWS endpoints chain to
/// (<https://www.amazontrust.com/repository/>). Loading the machine's whole trust store instead costs
/// 9 million instructions per start.
const AMAZON_ROOTS: &[u8] = include_bytes!("../amazon-roots.pem");

/// The process-wide HTTP client could not be made; the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// The TLS context could not be built.
    #[error("the TLS context could not be built")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The roots that are trusted beside an endpoint of one's own could not be read.
    #[error("the file of root certificates could not be read")]
    Roots(#[source] std::io::Error),
}

/// The configuration that every client of this process starts from, with the function's own credentials.
///
/// # Errors
/// When the TLS context cannot be built, or the roots cannot be read.
pub fn base_config(runtime: &Runtime) -> Result<SdkConfig, HttpClientError> {
    let http_client = match &runtime.ca_bundle {
        None => http_client()?,
        Some(path) => trusting(&fs::read(path).map_err(HttpClientError::Roots)?)?,
    };
    let credentials = SharedCredentialsProvider::new(runtime.credentials.clone());
    let config = config_with(http_client, &runtime.region, runtime.endpoint_url.as_deref(), credentials);
    let config = config.into_builder().timeout_config(limits(runtime.patience)).build();
    if runtime.service_endpoints.is_empty() {
        return Ok(config);
    }
    let endpoints = ServiceEndpoints(runtime.service_endpoints.clone());
    Ok(config.into_builder().service_config(endpoints).build())
}

/// Where single services are, when that is not AWS: what the SDKs ask before they take the endpoint for all.
#[derive(Debug)]
struct ServiceEndpoints(Vec<(&'static str, String)>);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let is_asked = |service: &str| key.env() == "AWS_ENDPOINT_URL" && key.service_id() == service;
        self.0.iter().find(|(service, _)| is_asked(service)).map(|(_, url)| url.clone())
    }
}

/// Where the environment says that a service is, named by its SDK's service id; `None` for where AWS has it.
#[must_use]
pub fn endpoint_of(config: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key.ok().and_then(|key| config.service_config()?.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// One connection pool for all clients.
///
/// # Errors
/// When the TLS context cannot be built.
pub fn http_client() -> Result<SharedHttpClient, HttpClientError> {
    trusting(AMAZON_ROOTS)
}

fn trusting(roots: &[u8]) -> Result<SharedHttpClient, HttpClientError> {
    let context = TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(roots))
        .build()
        .map_err(|e| HttpClientError::Tls(Box::new(e)))?;
    Ok(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https())
}

/// How long a call may take. A function that answers a person has 10 seconds; a call that hangs must leave time to say
/// so.
fn limits(patience: u32) -> TimeoutConfig {
    let lasts = |milliseconds| Duration::from_millis(milliseconds) * patience;
    TimeoutConfig::builder()
        .connect_timeout(lasts(1_000))
        .operation_attempt_timeout(lasts(2_500))
        .operation_timeout(lasts(7_500))
        .build()
}

/// The settings that all clients share, with the given credentials.
#[must_use]
pub fn config_with(
    http_client: SharedHttpClient,
    region: &str,
    endpoint_url: Option<&str>,
    credentials: SharedCredentialsProvider,
) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .http_client(http_client)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .timeout_config(limits(1))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_initial_backoff(Duration::from_millis(50))
                .with_max_backoff(Duration::from_secs(1)),
        );
    if let Some(url) = endpoint_url {
        config = config.endpoint_url(url);
    }
    config.build()
}
