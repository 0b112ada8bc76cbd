//! A document's content: where it lies, the URLs to it, and how its arrival is settled.
//!
//! Content never passes through a function. The URLs are signed with the tenant session's credentials, so
//! IAM checks every use of them against the tenant's own prefix, and none outlives the session.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::{operation::head_object::HeadObjectError, types::ChecksumMode};

use super::{
    Document, State,
    store::{self, DocumentError},
};
use crate::{
    access::{AccessDocument, Permit},
    clock::Clock,
    ids::{DocumentId, TenantId},
    tenancy::{
        Data, MayDiscard, MaySettle, TenantSession, VerifiedTenant,
        signer::{SigningError, Unsigned},
    },
};

const UPLOAD_URL_LASTS: Duration = Duration::from_secs(300);
const DOWNLOAD_URL_LASTS: Duration = Duration::from_secs(300);

/// A URL that ends this long before its session cannot be cut off by a clock that runs a little fast.
const BEFORE_SESSION_ENDS: Duration = Duration::from_secs(30);

/// Why content could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The bucket did not do its part.
    #[error("the content bucket failed")]
    Bucket(#[source] Box<aws_sdk_s3::Error>),
    /// A URL could not be signed.
    #[error("no URL could be signed")]
    Unsigned(#[from] SigningError),
    /// What lies in the bucket is not what the document promised. An incident: S3 checks it on arrival.
    #[error("the content is not what was promised")]
    Mismatch,
}

/// Where and how content is to be sent or fetched.
#[derive(Debug, Clone)]
pub struct SignedUrl {
    /// The HTTP method that was signed.
    pub method: &'static str,
    /// The URL; whoever holds it needs nothing else.
    pub url: String,
    /// Headers that were signed and must be sent as they are.
    pub headers: Vec<(String, String)>,
    /// When the URL ceases to work.
    pub expires_at: SystemTime,
}

/// A URL for sending the content of a pending document: its length, type and checksum are signed, so S3
/// takes nothing else.
///
/// # Errors
/// When the URL cannot be signed.
pub async fn upload_url(
    session: &TenantSession<Data>,
    document: &Document,
    clock: &Clock,
) -> Result<SignedUrl, ContentError> {
    let length = document.size.bytes().to_string();
    let headers = [
        ("content-length", &*length),
        ("content-type", document.content_type.as_str()),
        ("x-amz-checksum-sha256", document.checksum.as_str()),
    ];
    let query = [("x-id", "PutObject")];
    let key = key(document.tenant, document.id);
    let upload = Unsigned { method: "PUT", key: &key, query: &query, headers: &headers };
    signed(session, &upload, UPLOAD_URL_LASTS, clock).await
}

/// A URL for fetching the content: as an attachment, and as bytes of no particular type. S3 cannot be told
/// to send `nosniff`; a type that no browser renders or runs leaves nothing to sniff.
///
/// # Errors
/// When the URL cannot be signed.
pub async fn download_url(
    session: &TenantSession<Data>,
    permit: &Permit<Document, AccessDocument>,
    clock: &Clock,
) -> Result<SignedUrl, ContentError> {
    let document = permit.subject();
    let attachment = attachment(document.name.as_str());
    let query = [
        ("x-id", "GetObject"),
        ("response-cache-control", "private, no-store"),
        ("response-content-disposition", &attachment),
        ("response-content-type", "application/octet-stream"),
    ];
    let key = key(document.tenant, document.id);
    let download = Unsigned { method: "GET", key: &key, query: &query, headers: &[] };
    signed(session, &download, DOWNLOAD_URL_LASTS, clock).await
}

async fn signed(
    session: &TenantSession<Data>,
    request: &Unsigned<'_>,
    at_most: Duration,
    clock: &Clock,
) -> Result<SignedUrl, ContentError> {
    let now = clock.now();
    let lasts = within_session(at_most, now, session.expires_at());
    let url = session.signer().await?.sign(request, now, lasts)?;
    let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Ok(SignedUrl { method: request.method, url, headers: headers.collect(), expires_at: now + lasts })
}

/// A URL dies with the session that signed it, whatever it says; so it does not say more.
fn within_session(at_most: Duration, now: SystemTime, session_ends: SystemTime) -> Duration {
    let left = session_ends.duration_since(now).unwrap_or_default();
    at_most.min(left.saturating_sub(BEFORE_SESSION_ENDS))
}

/// `TENANT/DOCUMENT`: the prefix is what IAM confines a session to.
pub(super) fn key(tenant: TenantId, document: DocumentId) -> String {
    format!("{tenant}/{document}")
}

/// RFC 6266: a plain name for old readers, the real one in RFC 8187's encoding.
fn attachment(name: &str) -> String {
    use std::fmt::Write;
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || " .-_()".contains(c) { c } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// The permitted document, available if its content has arrived by now.
///
/// # Errors
/// When bucket or table fail, or the content is not what was promised.
pub async fn settled<A>(
    session: &TenantSession<Data>,
    permit: Permit<Document, A>,
    clock: &Clock,
) -> Result<Permit<Document, A>, DocumentError> {
    if permit.subject().is_available() {
        return Ok(permit);
    }
    let document = settle(session, permit.subject().clone(), clock).await?;
    Ok(permit.renewed(document))
}

/// Looks whether the content of a pending document is there as promised, and if so makes it available: that is when
/// it counts ([`crate::usage`]).
///
/// # Errors
/// When bucket or table fail, or the content is not what was promised.
pub async fn settle<P: MaySettle>(
    session: &TenantSession<P>,
    document: Document,
    clock: &Clock,
) -> Result<Document, DocumentError> {
    let head = session
        .s3()
        .head_object()
        .bucket(&session.resources().content_bucket)
        .key(key(document.tenant, document.id))
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await;
    let head = match head {
        Ok(head) => head,
        // Without the right to list the bucket, which a tenant has not, S3 answers 403 for what is not
        // there. Either way the document stays pending.
        Err(e) if matches!(e.as_service_error(), Some(HeadObjectError::NotFound(_))) => return Ok(document),
        Err(e) if e.raw_response().is_some_and(|r| matches!(r.status().as_u16(), 403 | 404)) => {
            return Ok(document);
        }
        Err(e) => return Err(ContentError::Bucket(Box::new(e.into())).into()),
    };
    let promised = head.content_length.and_then(|length| u64::try_from(length).ok())
        == Some(document.size.bytes())
        && head.checksum_sha256.as_deref() == Some(document.checksum.as_str());
    if !promised {
        tracing::error!(incident = "content_mismatch", tenant = %document.tenant, document = %document.id, "content differs from what was signed");
        return Err(ContentError::Mismatch.into());
    }
    if store::mark_available(session, &document, clock.now()).await? {
        let version = document.version + 1;
        Ok(Document { state: State::Available, version, ..document })
    } else {
        // Somebody was first: the event, or a deletion. Read what is true now.
        store::reread(session, document.id).await
    }
}

/// An object that arrived in the bucket, as its event tells.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    tenant: TenantId,
    document: DocumentId,
}

impl Arrival {
    /// Reads the key of an arrived object; `None` when it is none of this product's.
    ///
    /// The tenant is vouched for by IAM: only a session of that tenant could write under its prefix. And
    /// all that is done with it is done in a session of that tenant again.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let (tenant, document) = key.split_once('/')?;
        Some(Self { tenant: tenant.parse().ok()?, document: document.parse().ok()? })
    }

    /// Whose object it is.
    #[must_use]
    pub const fn tenant(&self) -> VerifiedTenant {
        VerifiedTenant::ours(self.tenant)
    }

    /// Which document it belongs to.
    #[must_use]
    pub const fn document(&self) -> DocumentId {
        self.document
    }
}

/// Removes the content of a document that is not there any more (its upload came after its end).
///
/// # Errors
/// When the bucket fails.
pub async fn discard<P: MayDiscard>(
    session: &TenantSession<P>,
    document: DocumentId,
) -> Result<(), ContentError> {
    session
        .s3()
        .delete_object()
        .bucket(&session.resources().content_bucket)
        .key(key(session.tenant(), document))
        .send()
        .await
        .map_err(|e| ContentError::Bucket(Box::new(e.into())))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_url_outlives_its_session() {
        let now = SystemTime::UNIX_EPOCH;
        for (left_s, lasts_s) in [(900, 300), (330, 300), (329, 299), (31, 1), (30, 0), (0, 0)] {
            let lasts = within_session(Duration::from_secs(300), now, now + Duration::from_secs(left_s));
            assert_eq!(lasts, Duration::from_secs(lasts_s), "{left_s} s left");
        }
        let over = within_session(Duration::from_secs(300), now + Duration::from_secs(5), now);
        assert_eq!(over, Duration::ZERO, "a session that is over signs nothing");
    }

    #[test]
    fn a_name_cannot_leave_its_header() {
        assert_eq!(
            attachment("a\"b; é.pdf"),
            "attachment; filename=\"a_b_ _.pdf\"; filename*=UTF-8''a%22b%3B%20%C3%A9.pdf"
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "its own test")]
    fn only_our_own_keys_are_arrivals() {
        let (tenant, document) = (TenantId::random(), DocumentId::random());
        let arrival = Arrival::of_key(&format!("{tenant}/{document}")).unwrap();
        assert_eq!((arrival.tenant().id(), arrival.document()), (tenant, document));
        for key in [
            String::new(),
            format!("{tenant}"),
            format!("{tenant}/x"),
            format!("x/{document}"),
            format!("{tenant}/{document}/y"),
        ] {
            assert!(Arrival::of_key(&key).is_none(), "{key}");
        }
    }
}
