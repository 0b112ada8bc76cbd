//! The events that are put to a function: those of `events/`, which are API Gateway's own, with other ids in them.

use serde_json::Value;
use shared::ids::{DocumentId, TenantId, UserId};

use super::ScaleError;

/// The ids that stand in the files.
const TENANT: &str = "0123456789abcdef0123456789abcdef";
const USER: &str = "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11";
const RECEIVER: &str = "b8a9d0c4-3f6e-4f0a-8d3b-5f1f6f0f2c22";
const DOCUMENT: &str = "3b1f8c52-7d1e-4c1b-9a55-2f9b8f2d7a33";
const CLIENT: &str = "1h2j3k4l5m6n7o8p9q0r1s2t3u";

/// A request of the API, its route and what its caller is told when all goes well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Request {
    AddDocument,
    ListDocuments,
    OpenDocument(DocumentId),
    Share(DocumentId, UserId),
    ListShares(DocumentId),
    Unshare(DocumentId, UserId),
}

/// Somebody who asks: their tenant, and who they are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) tenant: TenantId,
    pub(super) user: UserId,
}

impl Request {
    pub(super) const fn route(self) -> &'static str {
        match self {
            Self::AddDocument => "POST /documents",
            Self::ListDocuments => "GET /documents",
            Self::OpenDocument(_) => "GET /documents/{document_id}",
            Self::Share(..) => "POST /shares",
            Self::ListShares(_) => "GET /documents/{document_id}/shares",
            Self::Unshare(..) => "DELETE /shares/{document_id}/{user_id}",
        }
    }

    pub(super) const fn status(self) -> u64 {
        match self {
            Self::AddDocument | Self::Share(..) => 201,
            Self::ListDocuments | Self::OpenDocument(_) | Self::ListShares(_) => 200,
            Self::Unshare(..) => 204,
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::AddDocument => include_str!("../../../events/documents-add.json"),
            Self::ListDocuments => include_str!("../../../events/documents-list.json"),
            Self::OpenDocument(_) => include_str!("../../../events/documents-open.json"),
            Self::Share(..) => include_str!("../../../events/shares-create.json"),
            Self::ListShares(_) => include_str!("../../../events/shares-list.json"),
            Self::Unshare(..) => include_str!("../../../events/shares-end.json"),
        }
    }

    /// The event of this request, made by `who`, who signed in through the client of that id.
    pub(super) fn event(self, who: Who, client: &str) -> Result<Value, ScaleError> {
        let (document, receiver) = match self {
            Self::AddDocument | Self::ListDocuments => (None, None),
            Self::OpenDocument(document) | Self::ListShares(document) => (Some(document), None),
            Self::Share(document, receiver) | Self::Unshare(document, receiver) => {
                (Some(document), Some(receiver))
            }
        };
        let mut text = self
            .file()
            .replace(TENANT, &who.tenant.to_string())
            .replace(USER, &who.user.to_string())
            .replace(CLIENT, client);
        if let Some(document) = document {
            text = text.replace(DOCUMENT, &document.to_string());
        }
        if let Some(receiver) = receiver {
            text = text.replace(RECEIVER, &receiver.to_string());
        }
        serde_json::from_str(&text).map_err(|_| ScaleError::Malformed("an event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_askers_and_about_what_they_ask_for() {
        let (document, receiver) = (DocumentId::random(), UserId::random());
        let who = Who { tenant: TenantId::random(), user: UserId::random() };
        for (request, ids) in [
            (Request::AddDocument, vec![]),
            (Request::ListDocuments, vec![]),
            (Request::OpenDocument(document), vec![document.to_string()]),
            (Request::Share(document, receiver), vec![document.to_string(), receiver.to_string()]),
            (Request::ListShares(document), vec![document.to_string()]),
            (Request::Unshare(document, receiver), vec![document.to_string(), receiver.to_string()]),
        ] {
            let event = request.event(who, "client").unwrap();
            let claims = &event["requestContext"]["authorizer"]["claims"];
            assert_eq!(claims["custom:tenant_id"], who.tenant.to_string());
            assert_eq!((&claims["sub"], &claims["aud"]), (&who.user.to_string().into(), &"client".into()));
            let text = event.to_string();
            for example in [TENANT, USER, DOCUMENT, RECEIVER, CLIENT] {
                assert!(!text.contains(example), "{} still names {example}", request.route());
            }
            assert!(ids.iter().all(|id| text.contains(id)), "{}", request.route());
            let method = event["httpMethod"].as_str().unwrap();
            assert_eq!(format!("{method} {}", event["resource"].as_str().unwrap()), request.route());
        }
    }
}
