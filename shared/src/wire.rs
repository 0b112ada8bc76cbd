//! What clients see of documents, URLs, shares, users and usage: the shapes that the functions' answers have in common.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    clock::rfc3339,
    documents::{Document, State, content::SignedUrl},
    metering::{self, statement::Line},
    shares::Share,
    users::User,
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

/// One dimension of one hour of a tenant's usage, as JSON.
#[derive(Debug, Serialize)]
pub struct UsageView {
    hour: String,
    dimension: String,
    measure: &'static str,
    used: i64,
    state: &'static str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    sealed: Option<SealedView>,
}

/// What a line has beside that once its hour is sealed. `sealed` is `used` − `late` + `brought`.
#[derive(Debug, Serialize)]
struct SealedView {
    sealed: u32,
    late: i64,
    carried: i64,
    brought: i64,
    license_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metering_record_id: Option<String>,
}

impl UsageView {
    /// The view of `line`.
    #[must_use]
    pub fn of(line: &Line) -> Self {
        let state = line.sealed.as_ref().map_or("open", |sealed| sealed.state.as_str());
        let sealed = line.sealed.as_ref().map(|sealed| SealedView {
            sealed: sealed.quantity.get(),
            late: sealed.late,
            carried: sealed.carried,
            brought: sealed.brought,
            license_arn: sealed.license.to_string(),
            metering_record_id: match &sealed.state {
                metering::State::Accepted { id: Some(id) } => Some(id.to_string()),
                _ => None,
            },
        });
        Self {
            hour: line.hour.to_string(),
            dimension: line.dimension.to_string(),
            measure: line.measure.as_str(),
            used: line.used,
            state,
            sealed,
        }
    }
}

/// A user of the tenant, as its administrators see them, as JSON.
#[derive(Debug, Serialize)]
pub struct UserView {
    user_id: String,
    email: String,
    role: &'static str,
    status: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invited_by: Option<String>,
}

impl UserView {
    /// The view of `user`. Nothing in it tells whether there is an account.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self {
            user_id: user.id.to_string(),
            email: user.email.as_str().to_owned(),
            role: user.role.as_str(),
            status: user.state.as_str(),
            created_at: rfc3339(user.created_at),
            invited_by: user.invited_by.map(|by| by.to_string()),
        }
    }
}
