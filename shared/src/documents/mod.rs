//! What a document is, and the rules of its life. Pure: no AWS call in this file.
//!
//! ```text
//! pending ──content arrived as promised──▶ available ──delete──▶ deleted ──everything removed──▶ (no row)
//!    └──24 hours without content──▶ (no row)    pending ──delete──▶ deleted
//! ```
//!
//! A document is *pending* from its creation until its content lies in the bucket with the promised length
//! and checksum. That is learned from the bucket's own event, not from a completing call: an event comes
//! for every object, so nothing can be stored without being noticed, and a client that dies after its
//! upload leaves a usable document. Whoever may open or share a pending document, and does so before the
//! event has come, makes the same check at once, so that nobody has to wait for it.

pub mod content;
pub mod deletion;
mod fields;
mod handover;
pub mod listing;
mod removal;
mod store;

use std::time::{Duration, SystemTime};

pub(crate) use fields::{CONTENT_TYPE_BYTES_MAX, NAME_CHARS_MAX};
pub use fields::{Checksum, ContentSize, ContentType, DocumentName, InvalidField, SIZE_BYTES_MAX};
pub(crate) use handover::{hand_over, of_owner};
pub use removal::{Removal, RemovalError, remove};
pub(crate) use store::{AVAILABLE, key, seen, store_failed};
pub use store::{DocumentError, create, delete, find};

use crate::ids::{DocumentId, TenantId, UserId};

/// How long a document may wait for its content. Upload URLs live for minutes, so nothing can arrive later.
pub const PENDING_LASTS: Duration = Duration::from_secs(24 * 3600);

/// What a caller wants to add: checked values only.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Its name, as its users see it.
    pub name: DocumentName,
    /// The media type of its content.
    pub content_type: ContentType,
    /// The exact length of its content.
    pub size: ContentSize,
    /// The SHA-256 of its content.
    pub checksum: Checksum,
}

/// A document's metadata.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) tenant: TenantId,
    /// Its id.
    pub id: DocumentId,
    /// Its name.
    pub name: DocumentName,
    /// Who owns it.
    pub owner: UserId,
    /// The media type of its content.
    pub content_type: ContentType,
    /// The length of its content.
    pub size: ContentSize,
    /// The SHA-256 of its content.
    pub checksum: Checksum,
    /// When it was added.
    pub created_at: SystemTime,
    /// Whether its content is there.
    pub state: State,
    /// Grows with every change that a reader can see.
    pub version: u64,
}

/// Where a document that can be seen is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its content has not arrived.
    Pending,
    /// Its content is there.
    Available,
}

impl Document {
    pub(crate) fn added(tenant: TenantId, owner: UserId, new: NewDocument, now: SystemTime) -> Self {
        Self {
            tenant,
            id: DocumentId::random(),
            name: new.name,
            owner,
            content_type: new.content_type,
            size: new.size,
            checksum: new.checksum,
            created_at: now,
            state: State::Pending,
            version: 1,
        }
    }

    /// Whether its content is there.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.state == State::Available
    }

    /// A pending document is gone at its time, whether or not its row has been removed yet.
    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.state == State::Pending && now >= self.created_at + PENDING_LASTS
    }

    /// The strong entity tag of the metadata (RFC 9110 section 8.8.3).
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}.{}\"", self.id, self.version)
    }
}
