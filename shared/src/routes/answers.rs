//! What each operation takes and answers, as OpenAPI has it.

use serde_json::{Value, json};

use super::Operation;
use crate::problem::Kind;

/// What an operation is given and gives, beside what all have in common.
pub(super) struct Answers {
    /// One line of what it is for.
    pub(super) summary: &'static str,
    /// Query parameters: name, schema, whether it has to be there.
    pub(super) query: Vec<(&'static str, Value, bool)>,
    /// The schema of the JSON that is sent, by its name.
    pub(super) body: Option<&'static str>,
    /// Status, what it means, and the schema of the JSON, by its name.
    pub(super) good: Vec<(u16, &'static str, Option<&'static str>)>,
    /// Refusals beside those that all have.
    pub(super) refusals: Vec<Kind>,
}

/// Of every operation that asks for a token.
pub(super) const COMMON: [Kind; 6] = [
    Kind::Unauthorized,
    Kind::Forbidden,
    Kind::Suspended,
    Kind::TooManyRequests,
    Kind::Unavailable,
    Kind::Internal,
];

/// Of operations with JSON; pages for a browser have none of this.
pub(super) fn of(operation: Operation) -> Option<Answers> {
    use Kind::{
        ConcurrentChange, DocumentPending, InvalidRequest, LastAdministrator, NotFound, PayloadTooLarge,
        ReceiverIsOwner, ReceiverOutsideTenant, ShareLimitReached, UserExists,
    };
    let answers = |summary, query, body, good, refusals| Answers { summary, query, body, good, refusals };
    let page = || {
        vec![
            ("limit", json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 25 }), false),
            ("cursor", json!({ "type": "string", "maxLength": 1024 }), false),
        ]
    };
    Some(match operation {
        Operation::AddDocument => answers(
            "Add a document: it is pending until its content has been sent to the signed URL of the answer.",
            Vec::new(),
            Some("NewDocument"),
            vec![(201, "It is there, and waits for its content.", Some("AddedDocument"))],
            vec![InvalidRequest, PayloadTooLarge, ConcurrentChange],
        ),
        Operation::ListDocuments => answers(
            "List one's own documents, the newest first.",
            page(),
            None,
            vec![(200, "A page of them.", Some("Documents"))],
            vec![InvalidRequest],
        ),
        Operation::OpenDocument => answers(
            "Open a document: its metadata, and a signed URL to read its content, once that has arrived.",
            Vec::new(),
            None,
            vec![(200, "The document.", Some("OpenedDocument"))],
            vec![InvalidRequest, NotFound],
        ),
        Operation::DeleteDocument => answers(
            "Delete a document with its content and its shares.",
            Vec::new(),
            None,
            vec![(204, "It is gone.", None)],
            vec![InvalidRequest, NotFound, ConcurrentChange],
        ),
        Operation::ListShares => answers(
            "List with whom a document is shared.",
            Vec::new(),
            None,
            vec![(200, "All of its shares.", Some("Shares"))],
            vec![InvalidRequest, NotFound],
        ),
        Operation::ShareDocument => answers(
            "Let another user of the tenant see a document.",
            Vec::new(),
            Some("NewShare"),
            vec![
                (200, "It was shared with them already.", Some("SharedDocument")),
                (201, "It is shared.", Some("SharedDocument")),
            ],
            vec![
                InvalidRequest,
                NotFound,
                DocumentPending,
                ShareLimitReached,
                ConcurrentChange,
                PayloadTooLarge,
                ReceiverOutsideTenant,
                ReceiverIsOwner,
            ],
        ),
        Operation::EndShare => answers(
            "End a share.",
            Vec::new(),
            None,
            vec![(204, "They see the document no more.", None)],
            vec![InvalidRequest, NotFound, ConcurrentChange],
        ),
        Operation::InviteUser => answers(
            "Invite somebody into the tenant, or whoever has not signed in yet once more. For administrators.",
            Vec::new(),
            Some("NewUser"),
            vec![
                (200, "They were invited before.", Some("InvitedUser")),
                (201, "They are invited.", Some("InvitedUser")),
            ],
            vec![InvalidRequest, PayloadTooLarge, UserExists, ConcurrentChange],
        ),
        Operation::ListUsers => answers(
            "List the tenant's users. For administrators.",
            page(),
            None,
            vec![(200, "A page of them.", Some("Users"))],
            vec![InvalidRequest],
        ),
        Operation::RemoveUser => answers(
            "Remove a user at once; their documents go to an administrator. For administrators.",
            Vec::new(),
            None,
            vec![(204, "They are out.", None)],
            vec![InvalidRequest, NotFound, LastAdministrator, ConcurrentChange],
        ),
        Operation::ShowUsage => answers(
            "Show what the tenant used, hour by hour, and what of it is billed. For administrators.",
            [("from", hour(), true), ("to", hour(), true)].into_iter().chain(page()).collect(),
            None,
            vec![(200, "A page of it.", Some("Usage"))],
            vec![InvalidRequest],
        ),
        Operation::Welcome
        | Operation::Arrive
        | Operation::Register
        | Operation::FollowRegistration
        | Operation::CorrectRegistration
        | Operation::DescribeApi => return None,
    })
}

/// A whole hour in UTC.
pub(super) fn hour() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}$", "examples": ["2026-11-22T10"] })
}
