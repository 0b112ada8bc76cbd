//! Why a share could not be made, ended or listed. Knows no transport.

use aws_sdk_verifiedpermissions::error::ProvideErrorMetadata;

use crate::{conditional::TransactionError, documents::DocumentError};

/// Why a share could not be made, ended or listed.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The document's row could not be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There is no such share.
    #[error("no such share")]
    NotFound,
    /// The document has no content yet.
    #[error("the document is still pending")]
    Pending,
    /// The receiver is not a user of this tenant.
    #[error("the receiver is not in the tenant")]
    ReceiverOutside,
    /// The receiver owns the document.
    #[error("the receiver owns the document")]
    ReceiverOwns,
    /// The document has as many shares as it may have.
    #[error("the document has too many shares")]
    LimitReached,
    /// Somebody else changed the same share at the same time, again and again.
    #[error("the share was changed at the same time")]
    Contended,
    /// The policy store did not do its part.
    #[error("the policy store failed")]
    Policies(#[source] Box<aws_sdk_verifiedpermissions::Error>),
}

impl From<TransactionError> for ShareError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Contended => Self::Contended,
            TransactionError::Store(error) => DocumentError::Store(error).into(),
        }
    }
}

impl ShareError {
    /// Whether the service said no, so that nothing of the call can still be on its way. A call that ran into
    /// a timeout or lost its connection may yet have its effect.
    pub(super) fn was_answered(&self) -> bool {
        match self {
            Self::Policies(error) => error.code().is_some(),
            _ => true,
        }
    }
}
