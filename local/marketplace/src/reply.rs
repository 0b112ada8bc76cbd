//! What goes back over the wire. Knows the two encodings and the service's error names; knows no operation.

use serde_json::Value;

use crate::cbor;
use crate::service::Service;

/// How a request's body is written, and its answer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The AWS JSON protocols: times are seconds since 1970.
    Json,
    /// Smithy's rpc-v2-cbor: times carry CBOR's tag 1.
    Cbor,
}

/// One answer: what an HTTP server has to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The value for `content-type`. With `application/cbor` goes the header `smithy-protocol: rpc-v2-cbor`.
    pub content_type: &'static str,
    /// The body: one object.
    pub body: Vec<u8>,
    /// The short name of the error, `InvalidTokenException` for example; for `x-amzn-errortype`.
    pub error_type: Option<&'static str>,
}

impl Reply {
    pub(crate) fn new(
        status: u16,
        value: &Value,
        error_type: Option<&'static str>,
        service: Service,
        encoding: Encoding,
    ) -> Self {
        let (content_type, body) = match encoding {
            Encoding::Json => (service.json(), value.to_string().into_bytes()),
            Encoding::Cbor => ("application/cbor", cbor::write(value)),
        };
        Self { status, content_type, body, error_type }
    }
}
