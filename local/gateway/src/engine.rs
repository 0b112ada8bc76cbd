//! The way on: requests to the engine, under the key of one account's root.
//!
//! Nothing is decided here. Paths and queries are sent byte for byte: a client that tidied `..` or `%2F` away would
//! send on something other than what was authorized, so this is hyper and not a client with URL manners.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use axum::body::{Body, Bytes};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use time::OffsetDateTime;

/// The largest body that is held in memory, ours or the engine's.
pub(crate) const BUFFER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long the engine may take to answer a question of the gateway's own.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to begin its answer to a request that is sent on; Lambda's longest invocation is 15 minutes.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(910);

/// Headers that belong to one connection, or to the signature that is replaced.
const NOT_SENT_ON: [&str; 12] = [
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-security-token",
    "x-amz-date",
];

/// Headers of an answer that belong to the engine's connection only.
const NOT_SENT_BACK: [&str; 5] = ["connection", "keep-alive", "transfer-encoding", "trailer", "upgrade"];

/// The engine, and the key to one of its accounts.
pub(crate) struct Engine {
    client: Client<HttpConnector, Body>,
    authority: String,
    credentials: Credentials,
    region: String,
}

/// The engine did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// The request cannot be put into words, or not be signed.
    #[error("the request to the engine cannot be made: {0}")]
    Request(String),
    /// No answer, or half of one.
    #[error("no answer from the engine: {0}")]
    NoAnswer(String),
    /// It took too long.
    #[error("no answer from the engine in time")]
    Late,
    /// It answered with an error.
    #[error("the engine answered {status} to {operation}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What was asked.
        operation: String,
        /// What it said, for finding the service's error code.
        body: Bytes,
    },
    /// It answered something that cannot be read.
    #[error("the engine's answer to {0} cannot be read")]
    Unreadable(String),
}

/// What is said of the body when a request is signed.
pub(crate) enum Signed<'a> {
    /// All of it.
    Bytes(&'a [u8]),
    /// Its hash, which the gateway compares as the body passes.
    Hash(String),
    /// Nothing (S3).
    Unsigned,
    /// It is aws-chunked with a trailer (S3).
    UnsignedTrailer,
}

impl Engine {
    /// The engine at `http://HOST:PORT`, as this account; none if the address is of another form. To the engine an
    /// access key id of twelve digits is the root of the account of that number.
    pub(crate) fn new(url: &str, account: &str, secret_key: &str, region: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http") && uri.path() == "/")?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let client = Client::builder(TokioExecutor::new())
            // Shorter than the engine's own keep-alive, so that no request is sent into a closing connection.
            .pool_idle_timeout(Duration::from_secs(2))
            .pool_timer(TokioTimer::new())
            .build(connector);
        Some(Self {
            client,
            authority: authority.to_string(),
            credentials: Credentials::new(account, secret_key, None, None, "root"),
            region: region.to_owned(),
        })
    }

    /// Sends a request on as it came, without a signature.
    pub(crate) async fn forward_unsigned(
        &self,
        parts: &Parts,
        body: Body,
    ) -> Result<Response<Body>, EngineError> {
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let request = self.request(&parts.method, path, forwarded(&parts.headers), body)?;
        self.send(request, FORWARD_TIMEOUT).await
    }

    /// Sends a request of the API on, to another path; its `Authorization` is the API's business and goes along.
    pub(crate) async fn forward_to(
        &self,
        parts: &Parts,
        path: &str,
        body: Body,
    ) -> Result<Response<Body>, EngineError> {
        let mut headers = forwarded(&parts.headers);
        for value in parts.headers.get_all("authorization") {
            headers.append("authorization", value.clone());
        }
        let request = self.request(&parts.method, path, headers, body)?;
        self.send(request, FORWARD_TIMEOUT).await
    }

    /// Sends a request on under the account's key, to `path` (with its query) and otherwise as it came.
    pub(crate) async fn forward_signed(
        &self,
        parts: &Parts,
        path: &str,
        (service, region): (&str, &str),
        signed: Signed<'_>,
        body: Body,
    ) -> Result<Response<Body>, EngineError> {
        let mut headers = forwarded(&parts.headers);
        if let (Signed::Bytes(bytes), true) = (&signed, headers.contains_key("content-length")) {
            // As long as it is now, not as it was when it came.
            headers.insert("content-length", HeaderValue::from(bytes.len()));
        }
        let request = self.request(&parts.method, path, headers, body)?;
        let request = self.signed(request, (service, region), signed)?;
        self.send(request, FORWARD_TIMEOUT).await
    }

    /// Asks the engine something on the gateway's own account and reads the whole answer.
    pub(crate) async fn ask(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Result<Bytes, EngineError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value =
                HeaderValue::from_str(value).map_err(|error| EngineError::Request(error.to_string()))?;
            map.insert(HeaderName::from_static(name), value);
        }
        let bytes = Bytes::from(body);
        let request = self.request(&method, path, map, Body::from(bytes.clone()))?;
        let request = self.signed(request, (service, &self.region), Signed::Bytes(&bytes))?;
        let response = self.send(request, ASK_TIMEOUT).await?;
        let status = response.status();
        let read = axum::body::to_bytes(response.into_body(), BUFFER_BYTES_MAX);
        let body = tokio::time::timeout(ASK_TIMEOUT, read)
            .await
            .map_err(|_| EngineError::Late)?
            .map_err(|error| EngineError::NoAnswer(error.to_string()))?;
        if status.is_success() {
            return Ok(body);
        }
        let operation = format!("{service} {method} {}", path.split('?').next().unwrap_or_default());
        Err(EngineError::Status { status: status.as_u16(), operation, body })
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Request<Body>, EngineError> {
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = Uri::builder()
            .scheme("http")
            .authority(self.authority.as_str())
            .path_and_query(path)
            .build()
            .map_err(|error| EngineError::Request(error.to_string()))?;
        *request.headers_mut() = headers;
        if !request.headers().contains_key("host") {
            let host = HeaderValue::from_str(&self.authority)
                .map_err(|error| EngineError::Request(error.to_string()))?;
            request.headers_mut().insert("host", host);
        }
        Ok(request)
    }

    fn signed(
        &self,
        mut request: Request<Body>,
        (service, region): (&str, &str),
        signed: Signed<'_>,
    ) -> Result<Request<Body>, EngineError> {
        let failed = |error: &dyn std::error::Error| EngineError::Request(error.to_string());
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            request.headers_mut().remove("x-amz-content-sha256");
        }
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            // The engine's clock is the machine's, whatever a test has done to ours.
            .time(OffsetDateTime::now_utc().into())
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let body = match signed {
            Signed::Bytes(bytes) => SignableBody::Bytes(bytes),
            Signed::Hash(hash) => SignableBody::Precomputed(hash),
            Signed::Unsigned => SignableBody::UnsignedPayload,
            Signed::UnsignedTrailer => SignableBody::StreamingUnsignedPayloadTrailer,
        };
        let uri = request.uri().to_string();
        let method = request.method().to_string();
        let instructions = {
            let headers = request.headers().iter().filter(|(name, _)| is_signed(name.as_str()));
            let headers = headers.filter_map(|(name, value)| {
                Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?))
            });
            let signable =
                SignableRequest::new(&method, uri, headers, body).map_err(|error| failed(&error))?;
            let (instructions, _) = sign(signable, &params).map_err(|error| failed(&error))?.into_parts();
            instructions
        };
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    async fn send(&self, request: Request<Body>, limit: Duration) -> Result<Response<Body>, EngineError> {
        let response = tokio::time::timeout(limit, self.client.request(request))
            .await
            .map_err(|_| EngineError::Late)?
            .map_err(|error| EngineError::NoAnswer(chain(&error)))?;
        let mut response = response.map(Body::new);
        for name in NOT_SENT_BACK {
            response.headers_mut().remove(name);
        }
        Ok(response)
    }
}

/// What the engine's check covers: its rule is AWS's, host and `x-amz-*`.
fn is_signed(name: &str) -> bool {
    name == "host" || name == "content-type" || name.starts_with("x-amz-")
}

fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in NOT_SENT_ON {
        kept.remove(name);
    }
    kept
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
