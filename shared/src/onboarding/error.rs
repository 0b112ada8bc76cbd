//! Why a tenant could not be set up or taken apart, and which of the few words for it a person reads.

use aws_sdk_verifiedpermissions::error::ProvideErrorMetadata;

use super::{probes::Finding, progress::Why, table::RecordError};
use crate::{
    ids::InvalidId,
    subscriptions::SubscriptionError,
    tenancy::SessionError,
    users::{UserError, pool::PoolError},
};

/// Why a step did not get done. Every step can be run again.
#[derive(Debug, thiserror::Error)]
pub enum OnboardingError {
    /// The policy store could not be made, filled or removed.
    #[error("the policy store could not be dealt with")]
    PolicyStore(#[source] Box<aws_sdk_verifiedpermissions::Error>),
    /// The store that the alias leads to, or that was found, is not the tenant's.
    #[error("a policy store is not what it should be")]
    ForeignStore,
    /// The name of the tenant's store is taken by one that is being deleted.
    #[error("the store's alias is pending deletion")]
    AliasPending,
    /// A table did not do its part.
    #[error("a table failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// A table left writes undone, again and again.
    #[error("a table is overloaded")]
    Throttled,
    /// The bucket did not do its part.
    #[error("the content could not be removed")]
    Content(#[source] Box<aws_sdk_s3::Error>),
    /// Some objects could not be removed.
    #[error("objects could not be removed")]
    Objects,
    /// The tenant's mapping row is not what this product writes.
    #[error("the tenant's mapping row is malformed")]
    Mapping,
    /// The tenant's own record failed.
    #[error("the tenant's record could not be dealt with")]
    Record(#[from] RecordError),
    /// The subscription could not be read or settled.
    #[error("the subscription could not be dealt with")]
    Subscription(#[from] SubscriptionError),
    /// No session of the tenant's could be had.
    #[error("no session")]
    Session(#[from] SessionError),
    /// The user pool failed.
    #[error("the user pool could not be used")]
    Pool(#[from] PoolError),
    /// The directory failed.
    #[error("the directory could not be written")]
    Directory(#[from] UserError),
    /// The administrator's address belongs to somebody in another tenant.
    #[error("the administrator's address cannot be used")]
    AddressTaken,
    /// A probe found what it should not have.
    #[error("a probe did not pass")]
    Probe(#[source] Finding),
    /// Verified Permissions answered with an id that is none.
    #[error("an id of the policy store is malformed")]
    Id(#[from] InvalidId),
    /// A request could not be made of our own files.
    #[error("a definition could not be built")]
    Definition,
    /// The machine has no randomness to give.
    #[error("no random key could be made")]
    Randomness,
}

impl OnboardingError {
    /// The word for it that goes into the record.
    #[must_use]
    pub fn why(&self) -> Why {
        match self {
            Self::PolicyStore(error) => why(error.code()),
            Self::Store(error) => why(error.code()),
            Self::Content(error) => why(error.code()),
            Self::Record(RecordError::Store(error))
            | Self::Subscription(SubscriptionError::Store(error))
            | Self::Session(SessionError::Mapping(error))
            | Self::Directory(UserError::Store(error)) => why(error.code()),
            Self::Session(SessionError::Assume { source, .. }) => why(source.code()),
            Self::Pool(PoolError::Service(error)) => why(error.code()),
            Self::Pool(PoolError::AddressRefused) => Why::AddressInvalid,
            Self::AddressTaken => Why::AddressTaken,
            Self::Probe(finding) => finding.why(),
            Self::Throttled | Self::Directory(UserError::Contended) => Why::Busy,
            Self::Objects
            | Self::Randomness
            | Self::Record(_)
            | Self::Subscription(_)
            | Self::Session(_)
            | Self::Pool(PoolError::Randomness) => Why::Unavailable,
            Self::ForeignStore
            | Self::AliasPending
            | Self::Mapping
            | Self::Pool(_)
            | Self::Directory(_)
            | Self::Id(_)
            | Self::Definition => Why::Unexpected,
        }
    }
}

/// What an AWS error code comes to. Codes that no service documents count as an outage.
fn why(code: Option<&str>) -> Why {
    let Some(code) = code else { return Why::Unavailable };
    let has = |part: &str| code.contains(part);
    if has("Throttl") || has("TooManyRequests") || has("ThroughputExceeded") || has("RequestLimitExceeded") {
        Why::Busy
    } else if has("AccessDenied") || has("NotAuthorized") {
        Why::Refused
    } else if has("QuotaExceeded") || has("LimitExceeded") {
        Why::Quota
    } else if has("Validation") || has("NotFound") || has("InvalidParameter") || has("Conflict") {
        Why::Unexpected
    } else {
        Why::Unavailable
    }
}

pub(super) fn policy_store<E: Into<aws_sdk_verifiedpermissions::Error>>(error: E) -> OnboardingError {
    OnboardingError::PolicyStore(Box::new(error.into()))
}

pub(super) fn table<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> OnboardingError {
    OnboardingError::Store(Box::new(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_aws_come_to_a_few_words() {
        for (code, word) in [
            (Some("ThrottlingException"), Why::Busy),
            (Some("TooManyRequestsException"), Why::Busy),
            (Some("ProvisionedThroughputExceededException"), Why::Busy),
            (Some("RequestLimitExceeded"), Why::Busy),
            (Some("AccessDeniedException"), Why::Refused),
            (Some("AccessDenied"), Why::Refused),
            (Some("ServiceQuotaExceededException"), Why::Quota),
            (Some("ValidationException"), Why::Unexpected),
            (Some("ResourceNotFoundException"), Why::Unexpected),
            (Some("ConflictException"), Why::Unexpected),
            (Some("InternalServerException"), Why::Unavailable),
            (Some("SomethingNew"), Why::Unavailable),
            (None, Why::Unavailable),
        ] {
            assert_eq!(why(code), word, "{code:?}");
        }
    }
}
