//! Why something could not be done with a tenant's users. Knows no transport.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;

use super::{InvalidEmail, pool::PoolError};
use crate::{conditional::TransactionError, cursor::InvalidCursor};

/// Why a user could not be enrolled, invited, listed or removed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no such user in this tenant.
    #[error("no such user")]
    NotFound,
    /// The address is that of a user of this tenant, perhaps of one who is being removed.
    #[error("the address is a user of the tenant already")]
    Exists,
    /// The user was invited so recently that the mail may still be on its way.
    #[error("the user was invited within the last ten minutes")]
    InvitedJustNow,
    /// The address has the right form, and the user pool still does not take it.
    #[error("the user pool does not take the address")]
    AddressRefused,
    /// The address does not even have the form of one.
    #[error(transparent)]
    Address(#[from] InvalidEmail),
    /// The tenant would have no administrator left.
    #[error("the tenant would have no administrator left")]
    LastAdministrator,
    /// Nobody removes themselves: what they leave needs an heir.
    #[error("nobody removes themselves")]
    Oneself,
    /// The caller's token says administrator, and the directory does not any more.
    #[error("the caller is no administrator in the directory")]
    NotAdministrator,
    /// Somebody else is at work on the same user.
    #[error("the user was changed at the same time")]
    Contended,
    /// The cursor is none of this list and this caller.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The directory did not do its part.
    #[error("the directory failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// The directory has more to do than it can, again and again.
    #[error("the directory is overloaded")]
    Throttled,
    /// A row is not what this product writes.
    #[error("a user's row is malformed")]
    Malformed,
    /// A row of another tenant was read. An incident: IAM should have made it impossible.
    #[error("a row of another tenant was read")]
    ForeignRow,
    /// The machine has no randomness to give.
    #[error("no temporary password could be made")]
    Randomness,
    /// The user pool did not do its part.
    #[error("the user pool could not be used")]
    Pool(#[source] PoolError),
    /// The policy store did not do its part.
    #[error("the policy store failed")]
    Policies(#[source] Box<aws_sdk_verifiedpermissions::Error>),
    /// The order to settle what the user leaves could not be queued.
    #[error("the departure could not be queued")]
    Queue(#[source] Box<aws_sdk_sqs::Error>),
}

impl From<PoolError> for UserError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::AddressRefused => Self::AddressRefused,
            PoolError::Randomness => Self::Randomness,
            error => Self::Pool(error),
        }
    }
}

impl From<TransactionError> for UserError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Contended => Self::Contended,
            TransactionError::Store(error) => store(*error),
        }
    }
}

pub(super) fn store<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> UserError {
    let error = error.into();
    match error.code() {
        Some("ThrottlingException" | "ProvisionedThroughputExceededException" | "RequestLimitExceeded") => {
            UserError::Throttled
        }
        _ => UserError::Store(Box::new(error)),
    }
}
