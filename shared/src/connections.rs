//! Connections that are open before the first event.
//!
//! A handshake takes two or three round trips and more instructions than a whole request. Lambda starts a function on
//! an unthrottled processor, and the first request waits for the start anyway; so what its calls will need is opened
//! then, all at once. Nothing is asked of the services: it is a `GET /` without a signature, which no service counts
//! as a call, and what it answers does not matter.

use std::{collections::BTreeSet, convert::Infallible};

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::{
    client::{
        orchestrator::{HttpRequest, OrchestratorError},
        result::SdkError,
    },
    http::Request,
};
use aws_smithy_types::{body::SdkBody, endpoint::Endpoint, timeout::TimeoutConfig};
use aws_types::SdkConfig;
use tokio::task::JoinSet;

use crate::aws;

/// A service that requests call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Amazon DynamoDB.
    DynamoDb,
    /// AWS Key Management Service.
    Kms,
    /// AWS Security Token Service.
    Sts,
    /// Amazon Verified Permissions.
    VerifiedPermissions,
}

/// What every function calls that faces tenants.
pub const OF_TENANTS: [Host; 3] = [Host::Sts, Host::DynamoDb, Host::VerifiedPermissions];

/// Opens a connection to each of `hosts` and keeps it in the pool of `config`. A plain-text endpoint, which only a
/// local account has, is left alone: there is no handshake to be saved. A failure is no failure of the function's, and a
/// start waits no longer than a connection may take: a host that does not answer in time is asked again when it is needed.
pub async fn open(config: &SdkConfig, hosts: &[Host]) {
    let mut endpoints = BTreeSet::new();
    for host in hosts {
        endpoints.extend(host.url(config).await.filter(|url| url.starts_with("https://")));
    }
    let mut opening = JoinSet::new();
    for url in endpoints {
        let config = config.clone();
        opening.spawn(async move { visit(&config, &url).await });
    }
    let patience = config.timeout_config().and_then(TimeoutConfig::connect_timeout).unwrap_or_default();
    // What is not open by then is given up.
    let _ = tokio::time::timeout(patience, async { while opening.join_next().await.is_some() {} }).await;
}

async fn visit(config: &SdkConfig, url: &str) {
    let (Some(client), Some(sleep), Some(time)) =
        (config.http_client(), config.sleep_impl(), config.time_source())
    else {
        return;
    };
    let mut visit = Operation::builder()
        .service_name("connection")
        .operation_name("open")
        .http_client(client)
        .endpoint_url(url)
        .no_auth()
        .no_retry()
        .sleep_impl(sleep)
        .time_source(time);
    // The same limits as the clients': connections of other limits are kept apart.
    if let Some(limits) = config.timeout_config() {
        visit = visit.timeout_config(limits.clone());
    }
    let visit = visit
        .serializer(|()| -> Result<HttpRequest, _> { Ok(Request::new(SdkBody::empty())) })
        .deserializer(|_| Ok::<_, OrchestratorError<Infallible>>(()))
        .build();
    let visited: Result<(), SdkError<Infallible, _>> = visit.invoke(()).await;
    if let Err(error) = visited {
        tracing::info!(url, error = crate::problem::chain(&error), "no connection was opened ahead");
    }
}

impl Host {
    /// Where the service's client will call: what the environment says of it, or AWS.
    async fn url(self, config: &SdkConfig) -> Option<String> {
        match aws::endpoint_of(config, self.service_id()) {
            Some(url) => Some(url),
            None => Some(self.on_aws(config.region()?.as_ref()).await?.url().to_owned()),
        }
    }

    const fn service_id(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::Kms => "KMS",
            Self::Sts => "STS",
            Self::VerifiedPermissions => "VerifiedPermissions",
        }
    }

    /// By the rules of the service's own SDK.
    async fn on_aws(self, region: &str) -> Option<Endpoint> {
        macro_rules! resolved {
            ($sdk:ident) => {{
                use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
                let params = Params::builder().region(region.to_owned()).build().ok()?;
                DefaultResolver::new().resolve_endpoint(&params).await.ok()
            }};
        }
        match self {
            Self::DynamoDb => resolved!(aws_sdk_dynamodb),
            Self::Kms => resolved!(aws_sdk_kms),
            Self::Sts => resolved!(aws_sdk_sts),
            Self::VerifiedPermissions => resolved!(aws_sdk_verifiedpermissions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marketplace::script::Script;

    const ALL: [Host; 4] = [Host::DynamoDb, Host::Kms, Host::Sts, Host::VerifiedPermissions];

    #[tokio::test]
    async fn every_host_is_visited_once_without_a_signature() {
        let script = Script::of(ALL.map(|_| (404, "no such operation".to_owned())));
        open(&script.config("eu-central-1"), &ALL).await;
        let mut hosts: Vec<_> =
            script.sent().into_iter().map(|sent| (sent.host, sent.authorization)).collect();
        hosts.sort();
        let expected = ["dynamodb", "kms", "sts", "verifiedpermissions"]
            .map(|service| (format!("{service}.eu-central-1.amazonaws.com"), String::new()));
        assert_eq!(hosts, expected);
    }

    #[tokio::test]
    async fn a_host_that_cannot_be_reached_holds_nobody_up() {
        // The script is empty: every connection is refused.
        open(&Script::of([]).config("eu-central-1"), &OF_TENANTS).await;
    }

    #[tokio::test]
    async fn a_plain_endpoint_and_services_of_one_endpoint_cost_no_visit_more() {
        let script = Script::of(ALL.map(|_| (200, String::new())));
        let at = |url: &str| script.config("eu-central-1").into_builder().endpoint_url(url).build();
        open(&at("http://127.0.0.1:1"), &ALL).await;
        assert!(script.sent().is_empty());
        open(&at("https://aws.example"), &ALL).await;
        assert_eq!(script.sent().len(), 1);
    }
}
