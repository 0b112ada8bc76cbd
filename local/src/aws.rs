//! Speaking to the account as its root, or as an attacker with somebody else's credentials: signed calls in the three
//! wire forms that this needs.
//!
//! A few calls of a few services do not pay for as many SDK crates, which would take longer to compile than
//! everything else here. What the functions use they use through the SDK; this is the other side's door.

use std::time::{Duration, SystemTime};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, sign,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::timeout::TimeoutConfig;
use serde_json::Value;
use shared::aws::{HttpClientError, SdkConfig};

/// No call of the set-up takes this long; one that does is not coming back.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// No function may run longer, whoever invokes it.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Where the account is, and the key of its root or of somebody else.
#[derive(Clone)]
pub struct Root {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    /// Such as `us-east-1`.
    pub(crate) region: String,
    /// Access key id.
    pub(crate) access_key_id: String,
    /// Its secret.
    pub(crate) secret_access_key: String,
    /// What goes with a key of STS's; the root's own has none.
    pub(crate) session_token: Option<String>,
    /// The client that calls go through.
    pub(crate) http: reqwest::Client,
}

/// Why a call to the account failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request could not be put together.
    #[error("cannot sign the request")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer came.
    #[error("no answer from the account to {operation}")]
    Unanswered {
        /// What was asked.
        operation: String,
        /// What went wrong underneath.
        #[source]
        source: reqwest::Error,
    },
    /// The account refused.
    #[error("{operation} was refused with {status}: {body}")]
    Refused {
        /// What was asked.
        operation: String,
        /// The HTTP status.
        status: u16,
        /// What the answer said.
        body: String,
    },
    /// The answer was not what the operation answers.
    #[error("the answer to {operation} has no {missing}")]
    Answer {
        /// What was asked.
        operation: String,
        /// What the answer should have held.
        missing: &'static str,
    },
}

impl std::fmt::Debug for Root {
    /// Whose key it is; never the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root")
            .field("endpoint", &self.endpoint)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl CallError {
    /// Whether it is IAM's own no (`AccessDenied`, `AccessDeniedException`), and not a failure to decide.
    pub(crate) fn is_access_denied(&self) -> bool {
        matches!(self, Self::Refused { body, .. } if body.contains("AccessDenied") && !body.contains("cannot decide"))
    }
}

fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

/// The client of everything that speaks to this machine: no proxy, bounded.
pub(crate) fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().no_proxy().timeout(CALL_TIMEOUT).build()
}

/// What clients of the SDK are made from that are not a function's. A function gives up after seconds, because somebody
/// waits for its answer; these wait for a machine that has much to do.
///
/// # Errors
/// When the TLS context cannot be built.
pub fn sdk_config(
    region: &str,
    endpoint: &str,
    credentials: Credentials,
) -> Result<SdkConfig, HttpClientError> {
    let credentials = SharedCredentialsProvider::new(credentials);
    let config = shared::aws::config_with(shared::aws::http_client()?, region, Some(endpoint), credentials)
        .into_builder();
    let limits = TimeoutConfig::builder()
        .connect_timeout(CALL_TIMEOUT)
        .operation_attempt_timeout(CALL_TIMEOUT)
        .operation_timeout(3 * CALL_TIMEOUT);
    Ok(config.timeout_config(limits.build()).build())
}

impl Root {
    /// The session that STS opens for somebody's ID token. Nobody signs that.
    pub(crate) async fn by_token(&self, role: &str, token: &str) -> Result<Self, CallError> {
        const OPERATION: &str = "AssumeRoleWithWebIdentity";
        let unanswered = |source| CallError::Unanswered { operation: OPERATION.to_owned(), source };
        let form = [
            ("Action", OPERATION),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", "bearer"),
            ("DurationSeconds", "900"),
            ("WebIdentityToken", token),
        ];
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self.http.post(format!("{}/", self.endpoint)).body(body.join("&"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(unanswered)?;
        if status != 200 {
            return Err(CallError::Refused { operation: OPERATION.to_owned(), status, body });
        }
        self.with_session_of(&body, OPERATION)
    }

    /// The same account with the credentials that STS has answered to `operation`.
    pub(crate) fn with_session_of(&self, answer: &str, operation: &str) -> Result<Self, CallError> {
        let missing = |missing| CallError::Answer { operation: operation.to_owned(), missing };
        let answer = roxmltree::Document::parse(answer).map_err(|_| missing("XML"))?;
        let text = |name: &'static str| {
            let node = answer.descendants().find(|node| node.tag_name().name() == name);
            node.and_then(|node| node.text()).map(str::to_owned).ok_or_else(|| missing(name))
        };
        Ok(Self {
            access_key_id: text("AccessKeyId")?,
            secret_access_key: text("SecretAccessKey")?,
            session_token: Some(text("SessionToken")?),
            ..self.clone()
        })
    }

    /// A call in AWS's JSON form, such as Cognito's; `target` is `Service.Operation`.
    ///
    /// # Errors
    /// When the account refuses, or does not answer.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value, CallError> {
        let request = http::Request::post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target);
        let text = self.call(service, target, request, body.to_string()).await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// A call in AWS's older form (CloudFormation): parameters out, XML back.
    pub(crate) async fn query(
        &self,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, CallError> {
        let operation = parameters.first().map_or("", |(_, operation)| operation);
        let request = http::Request::post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-www-form-urlencoded");
        let body: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.call(service, operation, request, body.join("&")).await
    }

    /// A call in the form of the REST services (API Gateway).
    pub(crate) async fn rest(
        &self,
        service: &str,
        method: http::Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, CallError> {
        let operation = format!("{method} {path}");
        let request = http::Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.endpoint))
            .header("content-type", "application/json");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let text = self.call(service, &operation, request, body).await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// A call of S3: the answer's body, which is XML or content.
    pub(crate) async fn s3(&self, method: http::Method, path: &str, body: &str) -> Result<String, CallError> {
        let operation = format!("{method} {path}");
        let request = http::Request::builder().method(method).uri(format!("{}{path}", self.endpoint));
        self.call("s3", &operation, request, body.to_owned()).await
    }

    /// A URL that does `method` for whoever has it, from `at` on and for `lasts`.
    pub(crate) fn presigned(
        &self,
        method: &str,
        path: &str,
        at: SystemTime,
        lasts: Duration,
    ) -> Result<String, CallError> {
        let cannot = |e: Box<dyn std::error::Error + Send + Sync>| CallError::Sign(e);
        let url = format!("{}{path}", self.endpoint);
        let identity = self.identity();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lasts);
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        let parameters = self.parameters("s3", &identity, at, settings).map_err(cannot)?;
        let host = self.endpoint.rsplit('/').next().unwrap_or_default();
        let headers = std::iter::once(("host", host));
        let signable = SignableRequest::new(method, &url, headers, SignableBody::UnsignedPayload)
            .map_err(|e| cannot(e.into()))?;
        let (instructions, _) =
            sign(signable, &parameters.into()).map_err(|e| cannot(e.into()))?.into_parts();
        let mut request = http::Request::builder().uri(&url).body(()).map_err(|e| cannot(e.into()))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }

    /// Invokes a function and waits for what it answers: `Ok` with its result, or `Err` with the message of the
    /// error that it ended with.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        event: &Value,
    ) -> Result<Result<Value, String>, CallError> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let request = http::Request::post(format!("{}{path}", self.endpoint))
            .header("content-type", "application/json");
        let answer = self.send("lambda", "Invoke", request, event.to_string(), INVOKE_TIMEOUT).await?;
        let failed = answer.headers().contains_key("x-amz-function-error");
        let body: Value = serde_json::from_str(&told("Invoke", answer).await?).unwrap_or_default();
        if !failed {
            return Ok(Ok(body));
        }
        let message = body.get("errorMessage").and_then(Value::as_str);
        Ok(Err(message.map_or_else(|| body.to_string(), str::to_owned)))
    }

    async fn call(
        &self,
        service: &str,
        operation: &str,
        request: http::request::Builder,
        body: String,
    ) -> Result<String, CallError> {
        let answer = self.send(service, operation, request, body, CALL_TIMEOUT).await?;
        told(operation, answer).await
    }

    async fn send(
        &self,
        service: &str,
        operation: &str,
        request: http::request::Builder,
        body: String,
        timeout: Duration,
    ) -> Result<reqwest::Response, CallError> {
        let request = self.signed(service, request, body)?;
        let unanswered = |source| CallError::Unanswered { operation: operation.to_owned(), source };
        let mut request = reqwest::Request::try_from(request).map_err(unanswered)?;
        *request.timeout_mut() = Some(timeout);
        self.http.execute(request).await.map_err(unanswered)
    }

    fn identity(&self) -> Identity {
        let token = self.session_token.clone();
        Credentials::new(&self.access_key_id, &self.secret_access_key, token, None, "local").into()
    }

    fn parameters<'a>(
        &'a self,
        service: &'a str,
        identity: &'a Identity,
        at: SystemTime,
        settings: SigningSettings,
    ) -> Result<v4::SigningParams<'a, SigningSettings>, Box<dyn std::error::Error + Send + Sync>> {
        let parameters = v4::SigningParams::builder().identity(identity).region(&self.region).name(service);
        Ok(parameters.time(at).settings(settings).build()?)
    }

    fn signed(
        &self,
        service: &str,
        request: http::request::Builder,
        body: String,
    ) -> Result<http::Request<String>, CallError> {
        let cannot = |e: Box<dyn std::error::Error + Send + Sync>| CallError::Sign(e);
        let mut request = request.body(body).map_err(|e| cannot(e.into()))?;
        let identity = self.identity();
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.percent_encoding_mode = PercentEncodingMode::Single;
        }
        let parameters = self.parameters(service, &identity, now(), settings).map_err(cannot)?;
        let headers: Vec<_> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let uri = request.uri().to_string();
        let signable = SignableRequest::new(
            request.method().as_str(),
            uri,
            headers.into_iter(),
            SignableBody::Bytes(request.body().as_bytes()),
        )
        .map_err(|e| cannot(e.into()))?;
        let (instructions, _) =
            sign(signable, &parameters.into()).map_err(|e| cannot(e.into()))?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// The body of an answer; a refusal is an error.
async fn told(operation: &str, answer: reqwest::Response) -> Result<String, CallError> {
    let status = answer.status();
    let body = answer.text().await;
    let body = body.map_err(|source| CallError::Unanswered { operation: operation.to_owned(), source })?;
    if status.is_success() {
        return Ok(body);
    }
    let body = body.chars().take(600).collect();
    Err(CallError::Refused { operation: operation.to_owned(), status: status.as_u16(), body })
}

#[expect(
    clippy::disallowed_methods,
    reason = "signatures of the set-up are made in the real hour, as the gateway's checks are"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
