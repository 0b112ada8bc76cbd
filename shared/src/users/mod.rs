//! Who is a user of the tenant: what a user is, and in which order what makes and unmakes one is written.
//!
//! The directory is a table: one row a user, one row for the number of administrators, and one row for each
//! address, so that an address is one user however often and however simultaneously it is invited. Behind it
//! stands the user pool, which knows who may sign in; and the tenant's policy store, which decides.
//!
//! ```text
//!           ┌──────────── invited ──signed in──▶ active ──┐
//! invite ──▶│ (an account, a try of one, or none)         ├── removed ──▶ removing ──▶ (no row)
//!           └─────────────────────────────────────────────┘
//! ```
//!
//! **An invitation** writes the row first, with an id of its own, then makes the account, then gives the row
//! the account's id. So no account is ever without a row that an administrator can see and remove, and a
//! repeated invitation finishes one that was interrupted. When the address has an account of another tenant,
//! the row stays as it was written, invited and without an account: whoever invites learns nothing, not even
//! by inviting again or by removing.
//!
//! **Another invitation** of somebody who never signed in is another mail, with another password: mails get
//! lost, and passwords run out. It is one write to the row, which says when the last mail was asked for, and
//! refuses another one within [`INVITED_AGAIN_AFTER`]. A row without an account says and refuses the same.
//!
//! **A removal** promises the departure first (a message; see [`departure`]), then marks the row, then forbids
//! the user everything in the tenant's store, then closes the account. An interruption anywhere is finished
//! by the departure, whose first steps are the same. Who removes remains: the transaction that marks a row
//! demands that the remover's own row is still an administrator's. So two administrators who remove each
//! other at once leave one, and nobody removes themselves.

mod again;
pub mod departure;
mod email;
mod enrol;
mod error;
mod forbid;
mod invite;
mod listing;
mod password;
pub mod pool;
mod removal;
mod row;

use std::time::{Duration, SystemTime};

pub use email::{Email, InvalidEmail};
pub use enrol::enrol;
pub use error::UserError;
pub use invite::{Invitation, invite};
pub use listing::{Page, list};
pub use removal::remove;
pub(crate) use row::{STANDING, is_member, key, standing};

use crate::ids::UserId;

/// How long after an invitation another one may be mailed to the same user: long enough for a mail to arrive,
/// and for nobody to be flooded.
pub const INVITED_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// What a user may be in their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserRole {
    /// Manages the tenant's users, and may do everything with its documents.
    Admin,
    /// Adds documents, and opens what they own or were given.
    Member,
}

impl UserRole {
    /// The role as rows and clients write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Reads a role; `None` for any other word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Admin, Self::Member].into_iter().find(|role| role.as_str() == text)
    }
}

/// Where a user is in their life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// Was invited, and has not been seen to sign in.
    Invited,
    /// Has signed in.
    Active,
    /// May do nothing any more; what they leave is being settled.
    Removing,
}

impl UserState {
    /// The state as rows and clients write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Removing => "removing",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Invited, Self::Active, Self::Removing].into_iter().find(|state| state.as_str() == text)
    }
}

/// A user to be written into the directory, whose account is there already.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The `sub` of the account.
    pub user_id: UserId,
    /// The address to sign in with.
    pub email: Email,
    /// What they may be.
    pub role: UserRole,
}

/// A user of a tenant, as the directory has it.
#[derive(Debug, Clone)]
pub struct User {
    /// Who: the `sub` of the account, or an id of their own where there is no account.
    pub id: UserId,
    /// The address that was invited.
    pub email: Email,
    /// What they may be.
    pub role: UserRole,
    /// Where they are in their life.
    pub state: UserState,
    /// When they were enrolled or invited.
    pub created_at: SystemTime,
    /// Who invited them; nobody in the tenant invited its first administrator.
    pub invited_by: Option<UserId>,
    account: Account,
    /// When a mail was last asked for; never for whoever was enrolled.
    invited_at: Option<SystemTime>,
    removed: Option<Removed>,
}

/// What the directory knows of a user's account. Nobody outside this module can tell: a client that could,
/// would learn which addresses have accounts elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    /// Somebody may be making it; the row has an id of its own meanwhile.
    Pending {
        /// Since when.
        since: SystemTime,
    },
    /// It is there, and the user's id is its `sub`.
    There,
    /// There will be none: the address has one elsewhere.
    Absent,
}

/// By whom and when a user was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Removed {
    by: UserId,
    at: SystemTime,
}
