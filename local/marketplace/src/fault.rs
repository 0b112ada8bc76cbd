//! Why a call was refused, in the terms of the two services' models. Knows their exceptions and nothing of
//! how a call is performed.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::reply::{Encoding, Reply};
use crate::service::Service;

macro_rules! exceptions {
    ($($variant:ident $name:literal $status:literal),+ $(,)?) => {
        /// The exceptions of both models, and those of the framework beneath ("Common errors").
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Exception { $($variant),+ }

        impl Exception {
            /// As on the wire.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The HTTP status. The metering model states none, so 400 for the caller's mistakes; the
            /// agreement model states its own.
            fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            pub(crate) fn of_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

exceptions! {
    AccessDenied "AccessDeniedException" 400,
    DisabledApi "DisabledApiException" 400,
    ExpiredToken "ExpiredTokenException" 400,
    InternalServer "InternalServerException" 500,
    InternalServiceError "InternalServiceErrorException" 500,
    InvalidCustomerIdentifier "InvalidCustomerIdentifierException" 400,
    InvalidLicense "InvalidLicenseException" 400,
    InvalidProductCode "InvalidProductCodeException" 400,
    InvalidTag "InvalidTagException" 400,
    InvalidToken "InvalidTokenException" 400,
    InvalidUsageAllocations "InvalidUsageAllocationsException" 400,
    InvalidUsageDimension "InvalidUsageDimensionException" 400,
    RequestEntityTooLarge "RequestEntityTooLargeException" 413,
    ResourceNotFound "ResourceNotFoundException" 404,
    Serialization "SerializationException" 400,
    Throttling "ThrottlingException" 400,
    TimestampOutOfBounds "TimestampOutOfBoundsException" 400,
    UnknownOperation "UnknownOperationException" 404,
    Validation "ValidationException" 400,
}

impl Exception {
    /// Whether it is the framework's and not one of the service's own model.
    fn is_frameworks(self, service: Service) -> bool {
        match self {
            Self::RequestEntityTooLarge | Self::Serialization | Self::UnknownOperation => true,
            Self::Validation | Self::AccessDenied => service == Service::Metering,
            _ => false,
        }
    }

    /// Whether an operation may answer it, by the models' lists of errors; `AccessDenied` is anybody's.
    pub(crate) fn is_of(self, operation: &str) -> bool {
        use Exception as E;
        let common = matches!(self, E::AccessDenied | E::Throttling);
        common
            || match operation {
                "ResolveCustomer" => matches!(
                    self,
                    E::DisabledApi | E::ExpiredToken | E::InternalServiceError | E::InvalidToken
                ),
                "BatchMeterUsage" => matches!(
                    self,
                    E::DisabledApi
                        | E::InternalServiceError
                        | E::InvalidCustomerIdentifier
                        | E::InvalidLicense
                        | E::InvalidProductCode
                        | E::InvalidTag
                        | E::InvalidUsageAllocations
                        | E::InvalidUsageDimension
                        | E::TimestampOutOfBounds
                ),
                "SearchAgreements" => matches!(self, E::InternalServer | E::Validation),
                _ => matches!(self, E::InternalServer | E::ResourceNotFound | E::Validation),
            }
    }

    fn status_in(self, service: Service) -> u16 {
        match (self, service) {
            (Self::AccessDenied, Service::Agreements) => 403,
            (Self::Throttling, Service::Agreements) => 429,
            _ => self.status(),
        }
    }
}

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct Fault {
    pub(crate) exception: Exception,
    message: String,
    members: Vec<(&'static str, String)>,
}

impl Fault {
    pub(crate) fn new(exception: Exception, message: impl Into<String>) -> Self {
        Self { exception, message: message.into(), members: Vec::new() }
    }

    /// A member that breaks a constraint of the model.
    pub(crate) fn invalid(path: &str, message: &str) -> Self {
        Self::new(Exception::Validation, format!("1 validation error detected: {path} {message}"))
    }

    /// The same with a `reason` of the agreement model's `ValidationExceptionReason`.
    pub(crate) fn reasoned(reason: &'static str, path: &str, message: &str) -> Self {
        Self::invalid(path, message).with("reason", reason)
    }

    /// A member of the wrong type.
    pub(crate) fn mistyped(path: &str, expected: &str) -> Self {
        Self::new(Exception::Serialization, format!("{path}: expected {expected}"))
    }

    /// Adds a member to the error.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The answer on the wire.
    pub(crate) fn reply(&self, service: Service, encoding: Encoding) -> Reply {
        let name = self.exception.name();
        let frameworks = self.exception.is_frameworks(service);
        let namespace = if frameworks { "com.amazon.coral.service" } else { service.namespace() };
        let mut body: Map<String, Value> =
            self.members.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        body.insert("__type".into(), format!("{namespace}#{name}").into());
        body.insert("message".into(), self.message.as_str().into());
        let status = self.exception.status_in(service);
        Reply::new(status, &Value::Object(body), Some(name), service, encoding)
    }
}
