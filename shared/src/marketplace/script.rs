//! AWS as a script, for the tests of this crate: answers in their order, and what was sent.

use std::sync::{Arc, Mutex};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig};
use aws_types::SdkConfig;

use crate::config::Seller;

/// What was sent, as it went onto the wire.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The host that was called.
    pub(crate) host: String,
    /// Its `content-length`, if it had one.
    pub(crate) content_length: Option<String>,
    /// Its `authorization`.
    pub(crate) authorization: String,
    /// Its body.
    pub(crate) body: String,
}

/// Status and body of the answers that are left; the connection is refused when there are none.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Script {
    pub(crate) fn of(answers: impl IntoIterator<Item = (u16, String)>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Self { answers: Arc::new(Mutex::new(answers)), sent: Arc::default() }
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// A table that is this script.
    #[expect(clippy::disallowed_methods, reason = "the one client that reaches no AWS")]
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config("us-east-1"))
    }

    /// What a function's clients are made from, with this script in AWS's place. Without retries.
    pub(crate) fn config(&self, region: &str) -> SdkConfig {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests");
        crate::aws::config_with(
            SharedHttpClient::new(self.clone()),
            region,
            None,
            SharedCredentialsProvider::new(credentials),
        )
        .into_builder()
        .retry_config(RetryConfig::disabled())
        .build()
    }
}

/// A seller, as the environment would tell of it.
pub(crate) fn seller() -> Seller {
    Seller {
        role_arn: "arn:aws:iam::444455556666:role/strongroom-registration".to_owned(),
        external_id: "an-external-id-of-the-tests".to_owned(),
        region: "us-east-1".to_owned(),
        product_code: "7x2kq9v4m1t8c5z3n6b0r4wpl".parse().unwrap(),
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).map(str::to_owned);
        let uri: http::Uri = request.uri().parse().unwrap();
        self.sent.lock().unwrap().push(Sent {
            host: uri.host().unwrap_or_default().to_owned(),
            content_length: header("content-length"),
            authorization: header("authorization").unwrap_or_default(),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        });
        let answer = self.answers.lock().unwrap().pop();
        HttpConnectorFuture::ready(match answer {
            Some((status, body)) => {
                Ok(HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body)))
            }
            None => Err(ConnectorError::io("the script is over".into())),
        })
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
