//! Why a request is not carried out, and how each service's protocol would say so.
//!
//! The SDKs decide by code and status what to retry and what to tell their caller, so both are AWS's own: "Common
//! Errors" of each API reference, "Error responses" of S3. Nothing here decides anything.

use axum::body::Body;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::call::speaks_cbor;
use crate::signature::SignatureError;
use crate::xml::escape;

/// How a service words an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// `{"__type": …}`: DynamoDB, SQS, Cognito, Verified Permissions and every other service with `X-Amz-Target`.
    Json,
    /// `<ErrorResponse>`: STS, IAM, CloudFormation.
    Query,
    /// `<Error>`: S3.
    S3,
    /// `{"message": …}` with `x-amzn-errortype`: Lambda, API Gateway.
    Rest,
    /// A CBOR map with `__type` and `message`: AWS Marketplace's agreements.
    Cbor,
}

impl Wire {
    /// The wording that the service of a request has; `service` is that of its credential scope, if it has one.
    pub(crate) fn of(parts: &Parts, service: Option<&str>) -> Self {
        if parts.headers.contains_key("x-amz-target") {
            return Self::Json;
        }
        if speaks_cbor(parts) {
            return Self::Cbor;
        }
        match service {
            Some("s3") => Self::S3,
            Some("sts" | "iam" | "cloudformation" | "sns" | "sqs" | "ec2" | "monitoring" | "email") => {
                Self::Query
            }
            Some("dynamodb" | "verifiedpermissions" | "cognito-idp" | "logs" | "events" | "kms" | "ssm") => {
                Self::Json
            }
            // Without a signature nothing says which service was meant; with a path it can only be an object.
            None if parts.uri.path() != "/" => Self::S3,
            _ => Self::Rest,
        }
    }
}

/// Why a request is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No signature, and AWS does not serve this unsigned.
    #[error("Missing Authentication Token")]
    Unsigned,
    /// Nobody holds this access key.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session is over.
    #[error("The security token included in the request is expired")]
    SessionExpired,
    /// The signature is not good.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// IAM says no, in AWS's words.
    #[error("{0}")]
    Denied(String),
    /// Something needed for the decision is unknown.
    #[error("the local gateway cannot decide: {0}")]
    Undecidable(String),
    /// AWS's validation would refuse it; the code is the service's.
    #[error("{message}")]
    Invalid {
        /// The error code.
        code: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The body is larger than what is taken.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// S3 wants to know the length first.
    #[error("You must provide the Content-Length HTTP header.")]
    LengthRequired,
    /// The body was cut, or is not the one that the headers promise.
    #[error("{0}")]
    BadBody(String),
    /// The engine did not answer.
    #[error("the engine behind the local gateway did not answer: {0}")]
    Engine(String),
    /// A fault that a test has ordered: the service is busy.
    #[error("Rate exceeded (a fault that a test ordered)")]
    OrderedThrottle {
        /// The service's own name for it, where it is not its protocol's.
        own: Option<&'static str>,
    },
    /// A fault that a test has ordered: the service has failed.
    #[error("Internal failure (a fault that a test ordered)")]
    OrderedFailure {
        /// The service's own name for it, where it is not its protocol's.
        own: Option<&'static str>,
    },
}

impl Refusal {
    /// The service's code and status. One line a case and wording, so that the table can be read.
    fn code(&self, wire: Wire) -> (&'static str, u16) {
        use SignatureError as S;
        use Wire::{Cbor, Json, Query, Rest, S3};
        match (self, wire) {
            (Self::OrderedThrottle { own: Some(own) }, Cbor) => (own, 429),
            (Self::OrderedThrottle { own: Some(own) }, _) => (own, 400),
            (Self::OrderedFailure { own: Some(own) }, _) => (own, 500),

            (Self::Unsigned, S3) => ("AccessDenied", 403),
            (Self::Unsigned, Json) => ("MissingAuthenticationTokenException", 400),
            (Self::Unsigned, Query) => ("MissingAuthenticationToken", 403),
            (Self::Unsigned, Rest | Cbor) => ("MissingAuthenticationTokenException", 403),

            (Self::UnknownKey, S3) => ("InvalidAccessKeyId", 403),
            (Self::Signature(S::Token), S3) => ("InvalidToken", 400),
            (Self::UnknownKey | Self::Signature(S::Token), Json) => ("UnrecognizedClientException", 400),
            (Self::UnknownKey | Self::Signature(S::Token), Query) => ("InvalidClientTokenId", 403),
            (Self::UnknownKey | Self::Signature(S::Token), Rest | Cbor) => {
                ("UnrecognizedClientException", 403)
            }

            (Self::SessionExpired, S3) => ("ExpiredToken", 400),
            (Self::SessionExpired, Json) => ("ExpiredTokenException", 400),
            (Self::SessionExpired, Query) => ("ExpiredToken", 403),
            (Self::SessionExpired, Rest | Cbor) => ("ExpiredTokenException", 403),

            (Self::Signature(S::Skewed), Json) => ("RequestTimeTooSkewed", 400),
            (Self::Signature(S::Skewed), _) => ("RequestTimeTooSkewed", 403),
            (Self::Signature(S::Expired | S::HeaderNotSigned(_)), S3) => ("AccessDenied", 403),
            (Self::Signature(S::Body), S3) => ("XAmzContentSHA256Mismatch", 400),
            (Self::Signature(S::Incomplete(_)), S3) => ("AuthorizationHeaderMalformed", 400),
            (Self::Signature(S::Incomplete(_)), Query) => ("IncompleteSignature", 400),
            (Self::Signature(S::Incomplete(_)), Json | Rest | Cbor) => ("IncompleteSignatureException", 400),
            (Self::Signature(S::Mismatch | S::Body | S::Expired | S::HeaderNotSigned(_)), S3 | Query) => {
                ("SignatureDoesNotMatch", 403)
            }
            (Self::Signature(S::Mismatch | S::Body | S::Expired | S::HeaderNotSigned(_)), Json) => {
                ("InvalidSignatureException", 400)
            }
            (Self::Signature(S::Mismatch | S::Body | S::Expired | S::HeaderNotSigned(_)), Rest | Cbor) => {
                ("InvalidSignatureException", 403)
            }

            (Self::Denied(_) | Self::Undecidable(_) | Self::Signature(S::Unsupported(_)), S3 | Query) => {
                ("AccessDenied", 403)
            }
            (Self::Denied(_) | Self::Undecidable(_) | Self::Signature(S::Unsupported(_)), Json) => {
                ("AccessDeniedException", 400)
            }
            (Self::Denied(_) | Self::Undecidable(_) | Self::Signature(S::Unsupported(_)), Rest | Cbor) => {
                ("AccessDeniedException", 403)
            }

            (Self::Invalid { code, .. }, _) => (code, 400),
            (Self::TooLarge { .. }, S3) => ("EntityTooLarge", 400),
            (Self::TooLarge { .. }, _) => ("RequestEntityTooLargeException", 413),
            (Self::LengthRequired, _) => ("MissingContentLength", 411),
            (Self::BadBody(_), S3) => ("BadDigest", 400),
            (Self::BadBody(_), _) => ("SerializationException", 400),

            (Self::Engine(_) | Self::OrderedFailure { .. }, S3) => ("InternalError", 500),
            (Self::Engine(_) | Self::OrderedFailure { .. }, Query) => ("InternalFailure", 500),
            (Self::Engine(_) | Self::OrderedFailure { .. }, Json | Rest | Cbor) => {
                ("InternalServerError", 500)
            }
            (Self::OrderedThrottle { .. }, S3) => ("SlowDown", 503),
            (Self::OrderedThrottle { .. }, Query) => ("Throttling", 400),
            (Self::OrderedThrottle { .. }, Json) => ("ThrottlingException", 400),
            (Self::OrderedThrottle { .. }, Rest | Cbor) => ("ThrottlingException", 429),
        }
    }

    /// Whether it is a decision that the caller may not, rather than a failure of the request or of ours.
    pub(crate) fn decision(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Undecidable(_) | Self::Signature(SignatureError::Unsupported(_)) => "undecidable",
            Self::Unsigned | Self::UnknownKey | Self::SessionExpired | Self::Signature(_) => {
                "unauthenticated"
            }
            Self::OrderedThrottle { .. } | Self::OrderedFailure { .. } => "fault",
            _ => "refused",
        }
    }

    /// The answer, as the service would word it.
    pub(crate) fn answer(&self, wire: Wire, request_id: &str) -> Response<Body> {
        let (code, status) = self.code(wire);
        let message = self.to_string();
        let (content_type, body) = match wire {
            Wire::Json => {
                ("application/x-amz-json-1.0", json_body(&[("__type", code), ("message", &message)]).into())
            }
            Wire::Rest => ("application/json", json_body(&[("message", &message)]).into()),
            Wire::Cbor => ("application/cbor", cbor_body(&[("__type", code), ("message", &message)])),
            Wire::Query => (
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
                    escape(&message)
                )
                .into_bytes(),
            ),
            Wire::S3 => (
                "application/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message>\
                     <RequestId>{request_id}</RequestId></Error>",
                    escape(&message)
                )
                .into_bytes(),
            ),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static(content_type));
        headers.insert("x-amzn-errortype", http::HeaderValue::from_static(code));
        if wire == Wire::Cbor {
            headers.insert("smithy-protocol", http::HeaderValue::from_static("rpc-v2-cbor"));
        }
        response
    }
}

fn cbor_body(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut encoder = aws_smithy_cbor::Encoder::new(Vec::new());
    encoder.map(pairs.len());
    for (name, value) in pairs {
        encoder.str(name).str(value);
    }
    encoder.into_writer()
}

fn json_body(pairs: &[(&str, &str)]) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    serde_json::Value::Object(object).to_string()
}
