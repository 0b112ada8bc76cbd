//! What a client is told when something is refused: RFC 9457, with one exhaustive map per noun.
//!
//! No arm is a wildcard, so a new error must choose its answer. A problem's words are for the client and
//! carry nothing of the cause; the cause is for the log. Two situations that a client must not be able to
//! tell apart (absent, another tenant's, not visible) share one variant, and therefore one body.

use std::error::Error;

use serde::Serialize;

use crate::{
    access::AccessError,
    documents::{DocumentError, InvalidField, content::ContentError, listing::ListError},
    ids::InvalidId,
    ledger::LedgerError,
    metering::statement::InvalidHours,
    routes::NoRoute,
    shares::ShareError,
    statement::StatementError,
    tenancy::{SessionError, caller::ClaimsRefused},
    usage::UsageError,
    users::{InvalidEmail, UserError, pool::PoolError},
};

/// The kinds of problems that a client can meet. Their URIs are stable: clients compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood, or asks for the impossible.
    InvalidRequest,
    /// The token is not one that this API accepts.
    Unauthorized,
    /// The caller may see the thing, and may not do this to it.
    Forbidden,
    /// The tenant's subscription is not active; its data is kept.
    Suspended,
    /// There is nothing there that the caller may know of.
    NotFound,
    /// The path is known, the method is not.
    MethodNotAllowed,
    /// The document's content has not arrived.
    DocumentPending,
    /// The document has as many shares as it may have.
    ShareLimitReached,
    /// The address is a user of this tenant already.
    UserExists,
    /// The tenant would have no administrator left.
    LastAdministrator,
    /// Somebody changed the same thing at the same time.
    ConcurrentChange,
    /// The body is too large.
    PayloadTooLarge,
    /// API Gateway's own: more requests than it lets through.
    TooManyRequests,
    /// The receiver of a share is not a user of the tenant.
    ReceiverOutsideTenant,
    /// The receiver of a share owns the document.
    ReceiverIsOwner,
    /// Something that this depends on did not answer; nothing was allowed because of it.
    Unavailable,
    /// Our own fault.
    Internal,
}

impl Kind {
    /// Every kind: tests and documents list them.
    pub const ALL: [Self; 17] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Suspended,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::DocumentPending,
        Self::ShareLimitReached,
        Self::UserExists,
        Self::LastAdministrator,
        Self::ConcurrentChange,
        Self::PayloadTooLarge,
        Self::TooManyRequests,
        Self::ReceiverOutsideTenant,
        Self::ReceiverIsOwner,
        Self::Unavailable,
        Self::Internal,
    ];

    const fn parts(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::InvalidRequest => ("urn:strongroom:problem:invalid-request", "Invalid request", 400),
            Self::Unauthorized => ("urn:strongroom:problem:unauthorized", "Unauthorized", 401),
            Self::Forbidden => ("urn:strongroom:problem:forbidden", "Forbidden", 403),
            Self::Suspended => ("urn:strongroom:problem:suspended", "Subscription not active", 403),
            Self::NotFound => ("urn:strongroom:problem:not-found", "Not found", 404),
            Self::MethodNotAllowed => {
                ("urn:strongroom:problem:method-not-allowed", "Method not allowed", 405)
            }
            Self::DocumentPending => {
                ("urn:strongroom:problem:document-pending", "Document has no content yet", 409)
            }
            Self::ShareLimitReached => ("urn:strongroom:problem:share-limit-reached", "Too many shares", 409),
            Self::UserExists => ("urn:strongroom:problem:user-exists", "Already a user", 409),
            Self::LastAdministrator => {
                ("urn:strongroom:problem:last-administrator", "Last administrator", 409)
            }
            Self::ConcurrentChange => {
                ("urn:strongroom:problem:concurrent-change", "Changed at the same time", 409)
            }
            Self::PayloadTooLarge => ("urn:strongroom:problem:payload-too-large", "Payload too large", 413),
            Self::TooManyRequests => ("urn:strongroom:problem:too-many-requests", "Too many requests", 429),
            Self::ReceiverOutsideTenant => {
                ("urn:strongroom:problem:receiver-outside-tenant", "Receiver is not in this tenant", 422)
            }
            Self::ReceiverIsOwner => {
                ("urn:strongroom:problem:receiver-is-owner", "Receiver owns the document", 422)
            }
            Self::Unavailable => ("urn:strongroom:problem:unavailable", "Temporarily unavailable", 503),
            Self::Internal => ("urn:strongroom:problem:internal", "Internal error", 500),
        }
    }

    /// The URI that names the kind.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        self.parts().0
    }

    /// What it is called, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.parts().1
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.parts().2
    }
}

/// A problem on its way to the client, with its cause on its way to the log.
#[derive(Debug)]
pub struct Problem {
    /// What kind it is.
    pub kind: Kind,
    /// What the client can do about it; never more than the client told us or may know.
    pub detail: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The members of `application/problem+json`. No `instance`: equal refusals must have equal bodies, and
/// the request's id is in a header.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl Problem {
    /// A problem without a cause: the client's own.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        Self { kind, detail: None, cause: None }
    }

    /// An invalid request, with what is wrong with it.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self { kind: Kind::InvalidRequest, detail: Some(detail.into()), cause: None }
    }

    fn caused(kind: Kind, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { kind, detail: None, cause: Some(Box::new(cause)) }
    }

    /// The body for the client.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (r#type, title, status) = self.kind.parts();
        serde_json::to_string(&Body { r#type, title, status, detail: self.detail.as_deref() })
            .unwrap_or_default()
    }

    /// The cause and its causes, for the log: `a: b: c`. `None` when the client is the cause.
    #[must_use]
    pub fn chain(&self) -> Option<String> {
        self.cause.as_deref().map(|cause| chain(cause))
    }
}

/// An error and its sources, outermost first. AWS's errors print their code and message; they hold ids and
/// ARNs, never credentials, tokens or bodies.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        // Some wrappers print what they wrap.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}

impl From<ClaimsRefused> for Problem {
    fn from(error: ClaimsRefused) -> Self {
        Self::caused(Kind::Unauthorized, error)
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Assume { .. }
            | SessionError::Untaggable
            | SessionError::NoToken
            | SessionError::NoCredentials
            | SessionError::Mapping(_)
            | SessionError::Malformed => Self::caused(Kind::Unavailable, error),
            SessionError::TokenRefused(_) => Self::caused(Kind::Unauthorized, error),
            SessionError::NoTenant | SessionError::NotUsable => Self::of(Kind::Suspended),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Invisible => Self::of(Kind::NotFound),
            AccessError::Forbidden => Self::of(Kind::Forbidden),
            AccessError::Undecided(_) | AccessError::Unsound => Self::caused(Kind::Unavailable, error),
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::NotFound => Self::of(Kind::NotFound),
            DocumentError::Store(_) | DocumentError::Throttled | DocumentError::Queue(_) => {
                Self::caused(Kind::Unavailable, error)
            }
            DocumentError::Malformed | DocumentError::ForeignRow | DocumentError::Usage(_) => {
                Self::caused(Kind::Internal, error)
            }
            DocumentError::Content(error) => error.into(),
        }
    }
}

impl From<ContentError> for Problem {
    fn from(error: ContentError) -> Self {
        let kind = match error {
            ContentError::Bucket(_) => Kind::Unavailable,
            ContentError::Unsigned(_) | ContentError::Mismatch => Kind::Internal,
        };
        Self::caused(kind, error)
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Cursor(_) => Self::invalid("`cursor` is not one that this list gave to you"),
            ListError::Document(error) => error.into(),
        }
    }
}

impl From<ShareError> for Problem {
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Document(error) => error.into(),
            ShareError::NotFound => Self::of(Kind::NotFound),
            ShareError::Pending => Self::of(Kind::DocumentPending),
            ShareError::ReceiverOutside => Self::of(Kind::ReceiverOutsideTenant),
            ShareError::ReceiverOwns => Self::of(Kind::ReceiverIsOwner),
            ShareError::LimitReached => Self::of(Kind::ShareLimitReached),
            ShareError::Contended => Self::caused(Kind::ConcurrentChange, error),
            ShareError::Policies(_) => Self::caused(Kind::Unavailable, error),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound => Self::of(Kind::NotFound),
            UserError::Exists => Self::of(Kind::UserExists),
            UserError::InvitedJustNow => {
                let detail = "the user was invited within the last ten minutes".to_owned();
                Self { detail: Some(detail), ..Self::of(Kind::UserExists) }
            }
            UserError::AddressRefused | UserError::Address(_) => {
                Self::invalid("`email` is not an e-mail address such as `ada@amber.example`")
            }
            UserError::LastAdministrator => Self::of(Kind::LastAdministrator),
            UserError::Oneself => {
                Self::invalid("`user_id` is your own: another administrator has to remove you")
            }
            UserError::NotAdministrator => Self::of(Kind::Forbidden),
            UserError::Contended => Self::caused(Kind::ConcurrentChange, error),
            UserError::Cursor(_) => Self::invalid("`cursor` is not one that this list gave to you"),
            UserError::Pool(PoolError::Malformed | PoolError::Foreign)
            | UserError::Malformed
            | UserError::ForeignRow => Self::caused(Kind::Internal, error),
            UserError::Store(_)
            | UserError::Throttled
            | UserError::Randomness
            | UserError::Pool(PoolError::Service(_) | PoolError::AddressRefused | PoolError::Randomness)
            | UserError::Policies(_)
            | UserError::Queue(_) => Self::caused(Kind::Unavailable, error),
        }
    }
}

impl From<StatementError> for Problem {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Cursor(_) => Self::invalid("`cursor` is not one that this list gave to you"),
            StatementError::TooOld => Self::invalid("`from` is more than a year ago"),
            StatementError::Usage(UsageError::Store(_))
            | StatementError::Ledger(LedgerError::Store(_))
            | StatementError::TooMuch
            | StatementError::Randomness => Self::caused(Kind::Unavailable, error),
            StatementError::Usage(UsageError::Malformed | UsageError::ForeignRow)
            | StatementError::Ledger(
                LedgerError::Malformed(_) | LedgerError::TooMany(_) | LedgerError::Position,
            )
            | StatementError::Broken(_)
            | StatementError::Overflow(_) => Self::caused(Kind::Internal, error),
        }
    }
}

impl From<InvalidHours> for Problem {
    fn from(error: InvalidHours) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<InvalidEmail> for Problem {
    fn from(error: InvalidEmail) -> Self {
        UserError::from(error).into()
    }
}

impl From<NoRoute> for Problem {
    fn from(error: NoRoute) -> Self {
        match error {
            NoRoute::Method => Self::of(Kind::MethodNotAllowed),
            NoRoute::Path => Self::of(Kind::NotFound),
        }
    }
}

impl From<InvalidId> for Problem {
    fn from(error: InvalidId) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<InvalidField> for Problem {
    fn from(error: InvalidField) -> Self {
        Self::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_uri_of_its_own() {
        let uris: HashSet<_> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
        assert_eq!(uris.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| (400..600).contains(&kind.status())));
    }

    #[test]
    fn what_is_absent_and_what_is_not_visible_look_the_same() {
        let absent = Problem::from(DocumentError::NotFound).to_json();
        assert_eq!(absent, Problem::from(AccessError::Invisible).to_json());
        assert_eq!(absent, r#"{"type":"urn:strongroom:problem:not-found","title":"Not found","status":404}"#);
    }
}
