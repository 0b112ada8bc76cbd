//! Why a call was refused, in the service's own terms. Knows the error shapes of the service's model
//! (`ValidationException` with its `fieldList`, and so on) and nothing of how a call is performed.

use serde_json::{Value, json};
use thiserror::Error;

use crate::reply::Reply;

/// What an error is about: the model's `ResourceType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    Policy,
    Template,
    Schema,
    Alias,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Store => "POLICY_STORE",
            Self::Policy => "POLICY",
            Self::Template => "POLICY_TEMPLATE",
            Self::Schema => "SCHEMA",
            Self::Alias => "POLICY_STORE_ALIAS",
        }
    }
}

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    /// A member breaks a constraint of the model, a rule of the documentation, or Cedar.
    #[error("{message}")]
    Invalid { message: String, fields: Vec<(String, String)> },
    /// A member has the wrong JSON type; AWS JSON 1.0 answers that before any validation.
    #[error("{path}: expected {expected}")]
    Type { path: String, expected: &'static str },
    /// The thing named is not there.
    #[error("{} `{id}` does not exist", kind.name())]
    NotFound { kind: Kind, id: String },
    /// The thing is there already, or the client token was used for something else.
    #[error("{message}")]
    Conflict { message: String, kind: Kind, id: String },
    /// A quota that is not a rate.
    #[error("{message}")]
    Quota { message: String, kind: Kind, id: Option<String> },
    /// A request rate.
    #[error("rate of {operation} exceeded: {per_second} a second")]
    Throttled { operation: &'static str, per_second: u32 },
    /// The store is protected from deletion.
    #[error("{0}")]
    State(String),
    /// More than 50 tags.
    #[error("a policy store has at most 50 tags")]
    TooManyTags { arn: String },
    /// Not an operation of the service.
    #[error("the service has no operation `{0}`")]
    UnknownOperation(String),
    /// An operation of the service that this account does not offer.
    #[error("`{0}` is not provided by the local account")]
    NotProvided(String),
    /// A bug of ours: state and Cedar disagree. Nothing is allowed on the strength of it.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Fault {
    /// A [`Fault::Invalid`] about one member.
    pub(crate) fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        Self::Invalid { message: format!("{path}: {message}"), fields: vec![(path, message)] }
    }

    fn error_type(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "ValidationException",
            Self::Type { .. } => "SerializationException",
            Self::NotFound { .. } => "ResourceNotFoundException",
            Self::Conflict { .. } => "ConflictException",
            Self::Quota { .. } => "ServiceQuotaExceededException",
            Self::Throttled { .. } => "ThrottlingException",
            Self::State(_) => "InvalidStateException",
            Self::TooManyTags { .. } => "TooManyTagsException",
            Self::UnknownOperation(_) | Self::NotProvided(_) => "UnknownOperationException",
            Self::Internal(_) => "InternalServerException",
        }
    }

    /// The answer on the wire.
    pub(crate) fn reply(&self) -> Reply {
        let error_type = self.error_type();
        let namespace = match self {
            Self::Type { .. } | Self::UnknownOperation(_) | Self::NotProvided(_) => {
                "com.amazon.coral.service"
            }
            _ => "com.amazonaws.verifiedpermissions",
        };
        let mut body = self.members();
        body.insert("__type".into(), format!("{namespace}#{error_type}").into());
        body.insert("message".into(), self.to_string().into());
        let status = if matches!(self, Self::Internal(_)) { 500 } else { 400 };
        Reply {
            status,
            body: Value::Object(body).to_string().into_bytes(),
            error_type: Some(error_type.to_owned()),
        }
    }

    /// The members that the model gives this error beside its message.
    fn members(&self) -> serde_json::Map<String, Value> {
        let value = match self {
            Self::Invalid { fields, .. } if !fields.is_empty() => {
                let list: Vec<Value> = fields
                    .iter()
                    .map(|(path, message)| json!({ "path": path, "message": message }))
                    .collect();
                json!({ "fieldList": list })
            }
            Self::NotFound { kind, id } => json!({ "resourceId": id, "resourceType": kind.name() }),
            Self::Conflict { kind, id, .. } => {
                json!({ "resources": [{ "resourceId": id, "resourceType": kind.name() }] })
            }
            Self::Quota { kind, id: Some(id), .. } => {
                json!({ "resourceType": kind.name(), "resourceId": id, "serviceCode": "verifiedpermissions" })
            }
            Self::Quota { kind, id: None, .. } => {
                json!({ "resourceType": kind.name(), "serviceCode": "verifiedpermissions" })
            }
            Self::Throttled { .. } => json!({ "serviceCode": "verifiedpermissions" }),
            Self::TooManyTags { arn } => json!({ "resourceName": arn }),
            _ => json!({}),
        };
        match value {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        }
    }
}
