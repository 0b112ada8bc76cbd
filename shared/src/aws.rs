//! What every AWS client of a function has in common: one connection pool, time limits, retries.
//!
//! No default credential chain and no per-client connector: each costs start-up time that buys nothing
//! inside Lambda, where region and credentials stand in the environment.

use std::time::Duration;

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
use aws_types::region::Region;

use crate::config::Runtime;

/// Amazon Root CA 1–4 and Starfield Services G2: all that AWS endpoints chain to
/// (<https://www.amazontrust.com/repository/>). Loading the machine's whole trust store instead costs
/// 9 million instructions per start.
const AMAZON_ROOTS: &[u8] = include_bytes!("../amazon-roots.pem");

/// The process-wide HTTP client could not be made; the function cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the TLS context could not be built")]
pub struct HttpClientError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The configuration that every client of this process starts from, with the function's own credentials.
///
/// # Errors
/// When the TLS context cannot be built.
pub fn base_config(runtime: &Runtime) -> Result<SdkConfig, HttpClientError> {
    Ok(config_with(
        http_client()?,
        &runtime.region,
        runtime.endpoint_url.as_deref(),
        SharedCredentialsProvider::new(runtime.credentials.clone()),
    ))
}

/// One connection pool for all clients.
///
/// # Errors
/// When the TLS context cannot be built.
pub fn http_client() -> Result<SharedHttpClient, HttpClientError> {
    let context = TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(AMAZON_ROOTS))
        .build()
        .map_err(|e| HttpClientError(Box::new(e)))?;
    Ok(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build_https())
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
        // A function that answers a person has 10 seconds; a call that hangs must leave time to say so.
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_millis(1_000))
                .operation_attempt_timeout(Duration::from_millis(2_500))
                .operation_timeout(Duration::from_millis(7_500))
                .build(),
        )
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
