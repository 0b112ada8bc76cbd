//! What a share is, and in which order its two halves are written. Pure: no AWS call in this file.
//!
//! A share lives twice: as a template-linked policy in the tenant's store, which decides, and as a row,
//! which can be listed and counted. No interruption may leave access that nobody sees, so the row comes
//! first and goes last:
//!
//! | to share | to unshare |
//! |---|---|
//! | row `pending` (and the document's count, in one transaction) | row `ending` |
//! | policy, by name: a repeat is a conflict, and harmless | policy deleted |
//! | row `active` | row deleted (and the count) |
//!
//! Each attempt writes its own mark into the row and goes on only while the mark is still its own. Whoever
//! finds another's mark where it should write `active` takes its policy back: the other one ends the share.

mod error;
mod store;

use std::time::SystemTime;

pub use error::ShareError;
pub use store::{Created, Shareable, create, end, find, list, look};

use crate::ids::{DocumentId, UserId};

/// A share of a document with a user of the same tenant.
#[derive(Debug, Clone)]
pub struct Share {
    /// The document.
    pub document: DocumentId,
    /// Who may open it.
    pub receiver: UserId,
    /// Who shared it.
    pub shared_by: UserId,
    /// When it was shared first.
    pub created_at: SystemTime,
    pub(crate) state: State,
}

/// Where a share is between its two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The row is written, the policy may not be.
    Pending,
    /// Both are there.
    Active,
    /// The policy may be gone, the row is not yet.
    Ending,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ending => "ending",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Ending].into_iter().find(|state| state.as_str() == text)
    }
}
