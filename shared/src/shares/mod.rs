//! What a share is, and in which order its two halves are written. Pure: no AWS call in this file.
//!
//! A share lives twice: as a template-linked policy in the tenant's store, which decides, and as a row,
//! which can be listed and counted. No interruption may leave access that nobody sees, so the row comes
//! first and goes last:
//!
//! | to share | to unshare |
//! |---|---|
//! | row `pending` (and the document's count, in one transaction) | row `ending` |
//! | policy, by name | policy deleted |
//! | row `active` (and the share counted as usage, in one transaction) | row deleted (and the count) |
//!
//! Whoever writes `pending` or `ending` holds the share until it is finished, or for `HELD_FOR`: only the
//! holder touches the policy. Others wait a moment for the holder, and a share that was left in the middle
//! is taken over once nobody can be at work on it any more.

mod create;
mod end;
mod error;
mod policy;
mod row;

use std::time::{Duration, SystemTime};

pub use create::{Candidate, Created, create, look};
pub(crate) use end::end_unneeded;
pub use end::{end, list};
pub use error::ShareError;
pub(crate) use row::{BY_RECEIVER, document_of, is_held, policy_of};

use crate::ids::{DocumentId, UserId};

/// The functions may run for 10 seconds (`Timeout` in the template); the rest is for clocks that differ.
/// When a share has been held this long, its holder is dead.
pub(crate) const HELD_FOR: Duration = Duration::from_secs(15);

/// How often others look whether the holder has finished, and how long they wait in between.
const LOOKS: u32 = 12;
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

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
    state: State,
    /// Whoever wrote the state, and when.
    holder: Holder,
}

impl Share {
    /// Whether somebody may be at work on it at `now`.
    fn is_held(&self, now: SystemTime) -> bool {
        self.state != State::Active && now < self.holder.since + HELD_FOR
    }
}

/// One attempt to make or end a share.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    mark: String,
    since: SystemTime,
}

/// Where a share is between its two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The row is written, the policy may not be.
    Pending,
    /// Both are there.
    Active,
    /// The policy may be gone, the row is not yet.
    Ending,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ending => "ending",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Ending].into_iter().find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_held_only_in_the_middle_and_only_for_a_while() {
        let since = SystemTime::UNIX_EPOCH;
        let share = |state| Share {
            document: DocumentId::random(),
            receiver: UserId::random(),
            shared_by: UserId::random(),
            created_at: since,
            state,
            holder: Holder { mark: "m".to_owned(), since },
        };
        for (state, held) in [(State::Pending, true), (State::Ending, true), (State::Active, false)] {
            assert_eq!(share(state).is_held(since), held, "{state:?}");
            assert!(!share(state).is_held(since + HELD_FOR), "{state:?} after its time");
        }
    }
}
