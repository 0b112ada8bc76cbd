//! What clients see of documents, URLs and shares: the shapes that the functions' answers have in common.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    clock::rfc3339,
    documents::{Document, State, content::SignedUrl},
    shares::Share,
};

/// A document's metadata, as JSON.
#[derive(Debug, Serialize)]
pub struct DocumentView {
    document_id: String,
    document_name: String,
    content_type: String,
    size_bytes: u64,
    checksum_sha256: String,
    owner_id: String,
    status: &'static str,
    created_at: String,
}

impl DocumentView {
    /// The view of `document`.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        Self {
            document_id: document.id.to_string(),
            document_name: document.name.as_str().to_owned(),
            content_type: document.content_type.as_str().to_owned(),
            size_bytes: document.size.bytes(),
            checksum_sha256: document.checksum.as_str().to_owned(),
            owner_id: document.owner.to_string(),
            status: match document.state {
                State::Pending => "pending",
                State::Available => "available",
            },
            created_at: rfc3339(document.created_at),
        }
    }
}

/// A signed URL with what must be sent to it, as JSON.
#[derive(Debug, Serialize)]
pub struct SignedUrlView {
    method: &'static str,
    url: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    expires_at: String,
}

impl From<SignedUrl> for SignedUrlView {
    fn from(signed: SignedUrl) -> Self {
        Self {
            method: signed.method,
            url: signed.url,
            headers: signed.headers.into_iter().collect(),
            expires_at: rfc3339(signed.expires_at),
        }
    }
}

/// A share, as JSON.
#[derive(Debug, Serialize)]
pub struct ShareView {
    document_id: String,
    user_id: String,
    shared_by: String,
    created_at: String,
}

impl ShareView {
    /// The view of `share`.
    #[must_use]
    pub fn of(share: &Share) -> Self {
        Self {
            document_id: share.document.to_string(),
            user_id: share.receiver.to_string(),
            shared_by: share.shared_by.to_string(),
            created_at: rfc3339(share.created_at),
        }
    }
}
