//! What goes back over the wire. Knows JSON and the service's error names; knows no operation.

use serde_json::Value;

/// One answer of the service: what an HTTP server has to send, with `application/x-amz-json-1.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status: 200, 400 for the caller's mistakes, 500 for ours.
    pub status: u16,
    /// The body: one JSON object.
    pub body: Vec<u8>,
    /// The short name of the error, `ValidationException` for example; for `x-amzn-errortype`.
    pub error_type: Option<String>,
}

impl Reply {
    pub(crate) fn of(value: &Value) -> Self {
        Self { status: 200, body: value.to_string().into_bytes(), error_type: None }
    }
}
