//! What each route owes to whom: one row a route. Pure.
//!
//! A route that the template deploys and that has no row here fails a test, which says how to add one: who may use
//! it (the rightful user first), who is answered but of their own tenant only, and who is refused, with the very
//! answer. Tokens that are none are not here: they are refused on every route alike.

use serde_json::{Value, json};

use crate::story::client::promise;

/// Who knocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// Whose document it is.
    Owner,
    /// With whom it is shared.
    Receiver,
    /// Another user of the same tenant.
    Stranger,
    /// An administrator of the same tenant.
    Admin,
    /// A user of another tenant.
    Foreigner,
    /// An administrator of another tenant.
    ForeignAdmin,
    /// An administrator of a tenant whose subscription is not active.
    Suspended,
}

impl Who {
    /// Everybody with a token that is one.
    pub const ALL: [Self; 7] = [
        Self::Owner,
        Self::Receiver,
        Self::Stranger,
        Self::Admin,
        Self::Foreigner,
        Self::ForeignAdmin,
        Self::Suspended,
    ];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "the owner",
            Self::Receiver => "the receiver of the share",
            Self::Stranger => "a stranger of the tenant",
            Self::Admin => "the tenant's administrator",
            Self::Foreigner => "a user of another tenant",
            Self::ForeignAdmin => "another tenant's administrator",
            Self::Suspended => "a suspended tenant's administrator",
        }
    }
}

/// What a request is about; all of it is the attacked tenant's.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// A document of the owner's, shared with the receiver.
    pub document: String,
    /// A user.
    pub user: String,
    /// An address that nobody has yet.
    pub address: String,
    /// A name that is in no log and no answer to anybody else.
    pub planted: String,
}

/// Which user a route's `{user_id}`, or its body, names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// The receiver of the document's share.
    Receiver,
    /// The administrator: somebody to share with.
    Admin,
    /// Somebody who was just invited: whom one can do without.
    Newcomer,
}

/// Who is answered, and with what: `200`, `404 not-found`.
pub type Answers = &'static [(Who, &'static str)];

/// What a route owes.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// `GET /documents/{document_id}`.
    pub route: &'static str,
    /// Whom it names.
    pub named: Named,
    /// What the address says behind its path: `from=2026-11-22T00`.
    pub query: &'static str,
    /// What is sent.
    pub body: fn(&Target) -> Option<Value>,
    /// Who may; the first is the rightful user.
    pub allowed: Answers,
    /// Who is answered out of their own tenant, and sees or changes nothing of this one.
    pub elsewhere: Answers,
    /// Who may not.
    pub refused: Answers,
}

/// A route to which everybody may come; what it shows is signed, secret or nobody's.
#[derive(Debug, Clone, Copy)]
pub struct OpenRow {
    /// `POST /signup`.
    pub route: &'static str,
    /// The form that is sent, made up; none for a `GET`.
    pub form: Option<&'static str>,
    /// What comes of it, with any token and without.
    pub answer: &'static str,
}

use Who::{Admin, ForeignAdmin, Foreigner, Owner, Receiver, Stranger, Suspended};

const NO_BODY: fn(&Target) -> Option<Value> = |_| None;
const NOT_FOUND: &str = "404 not-found";
const FORBIDDEN: &str = "403 forbidden";
const SUSPENDED: &str = "403 suspended";

/// Of routes that ask for a token.
pub const TABLE: &[Row] = &[
    Row {
        route: "POST /documents",
        named: Named::Receiver,
        query: "",
        body: |target| Some(promise(&target.planted, "of nobody else's concern")),
        allowed: &[(Owner, "201"), (Receiver, "201"), (Stranger, "201"), (Admin, "201")],
        elsewhere: &[(Foreigner, "201"), (ForeignAdmin, "201")],
        refused: &[(Suspended, SUSPENDED)],
    },
    Row {
        route: "GET /documents",
        named: Named::Receiver,
        query: "",
        body: NO_BODY,
        allowed: &[(Owner, "200")],
        // A list shows one's own documents, so that these see nothing of the owner's either.
        elsewhere: &[
            (Receiver, "200"),
            (Stranger, "200"),
            (Admin, "200"),
            (Foreigner, "200"),
            (ForeignAdmin, "200"),
        ],
        refused: &[(Suspended, SUSPENDED)],
    },
    Row {
        route: "GET /documents/{document_id}",
        named: Named::Receiver,
        query: "",
        body: NO_BODY,
        allowed: &[(Owner, "200"), (Receiver, "200"), (Admin, "200")],
        elsewhere: &[],
        refused: &[
            (Stranger, NOT_FOUND),
            (Foreigner, NOT_FOUND),
            (ForeignAdmin, NOT_FOUND),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "DELETE /documents/{document_id}",
        named: Named::Receiver,
        query: "",
        body: NO_BODY,
        allowed: &[(Owner, "204"), (Admin, "204")],
        elsewhere: &[],
        refused: &[
            (Receiver, FORBIDDEN),
            (Stranger, NOT_FOUND),
            (Foreigner, NOT_FOUND),
            (ForeignAdmin, NOT_FOUND),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "GET /documents/{document_id}/shares",
        named: Named::Receiver,
        query: "",
        body: NO_BODY,
        allowed: &[(Owner, "200"), (Admin, "200")],
        elsewhere: &[],
        refused: &[
            (Receiver, FORBIDDEN),
            (Stranger, NOT_FOUND),
            (Foreigner, NOT_FOUND),
            (ForeignAdmin, NOT_FOUND),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "POST /shares",
        named: Named::Admin,
        query: "",
        body: |target| Some(json!({ "document_id": target.document, "user_id": target.user })),
        allowed: &[(Owner, "201"), (Admin, "201")],
        elsewhere: &[],
        refused: &[
            (Receiver, FORBIDDEN),
            (Stranger, NOT_FOUND),
            (Foreigner, NOT_FOUND),
            (ForeignAdmin, NOT_FOUND),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "DELETE /shares/{document_id}/{user_id}",
        named: Named::Receiver,
        query: "",
        body: NO_BODY,
        allowed: &[(Owner, "204"), (Admin, "204")],
        elsewhere: &[],
        refused: &[
            (Receiver, FORBIDDEN),
            (Stranger, NOT_FOUND),
            (Foreigner, NOT_FOUND),
            (ForeignAdmin, NOT_FOUND),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "POST /users",
        named: Named::Receiver,
        query: "",
        body: |target| Some(json!({ "email": target.address, "role": "member" })),
        allowed: &[(Admin, "201")],
        elsewhere: &[(ForeignAdmin, "201")],
        refused: &[
            (Owner, FORBIDDEN),
            (Receiver, FORBIDDEN),
            (Stranger, FORBIDDEN),
            (Foreigner, FORBIDDEN),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "GET /users",
        named: Named::Receiver,
        query: "",
        body: NO_BODY,
        allowed: &[(Admin, "200")],
        elsewhere: &[(ForeignAdmin, "200")],
        refused: &[
            (Owner, FORBIDDEN),
            (Receiver, FORBIDDEN),
            (Stranger, FORBIDDEN),
            (Foreigner, FORBIDDEN),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "DELETE /users/{user_id}",
        named: Named::Newcomer,
        query: "",
        body: NO_BODY,
        allowed: &[(Admin, "204")],
        elsewhere: &[],
        refused: &[
            (Owner, FORBIDDEN),
            (Receiver, FORBIDDEN),
            (Stranger, FORBIDDEN),
            (Foreigner, FORBIDDEN),
            (ForeignAdmin, NOT_FOUND),
            (Suspended, SUSPENDED),
        ],
    },
    Row {
        route: "GET /usage",
        named: Named::Receiver,
        query: "from=2026-11-22T00&to=2026-11-22T23",
        body: NO_BODY,
        allowed: &[(Admin, "200")],
        elsewhere: &[(ForeignAdmin, "200")],
        refused: &[
            (Owner, FORBIDDEN),
            (Receiver, FORBIDDEN),
            (Stranger, FORBIDDEN),
            (Foreigner, FORBIDDEN),
            (Suspended, SUSPENDED),
        ],
    },
];

/// Of routes that ask for none.
pub const OPEN: &[OpenRow] = &[
    OpenRow { route: "GET /openapi.json", form: None, answer: "200" },
    OpenRow { route: "GET /signup", form: None, answer: "200" },
    OpenRow { route: "POST /signup", form: Some("x-amzn-marketplace-token=made-up"), answer: "400" },
    OpenRow {
        route: "POST /signup/registrations",
        form: Some("registration=made-up&company=Nobody&email=nobody%40nowhere.example"),
        answer: "400",
    },
    OpenRow { route: "GET /signup/registrations/{registration}", form: None, answer: "404" },
    OpenRow {
        route: "POST /signup/registrations/{registration}",
        form: Some("email=nobody%40nowhere.example"),
        answer: "404",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{super::routes, *};

    #[test]
    fn every_route_of_the_template_has_a_row_and_every_row_a_route() {
        let deployed = routes::deployed();
        let rows = TABLE.iter().map(|row| (row.route.to_owned(), false));
        let open = OPEN.iter().map(|row| (row.route.to_owned(), true));
        let rows: BTreeMap<String, bool> = rows.chain(open).collect();
        for (route, is_open) in &deployed {
            let table = if *is_open { "OPEN" } else { "TABLE" };
            assert_eq!(
                rows.get(route),
                Some(is_open),
                "{route} is not attacked: add a row for it to `{table}` in local/src/attack/table.rs. It says who may \
                 (the rightful user first), who is answered out of their own tenant, who is refused, and how"
            );
        }
        for route in rows.keys() {
            assert!(
                deployed.contains_key(route),
                "{route}: the template has no such route; take its row away"
            );
        }
    }

    #[test]
    fn every_row_says_what_comes_of_everybody() {
        for row in TABLE {
            let said: Vec<Who> =
                [row.allowed, row.elsewhere, row.refused].concat().iter().map(|(who, _)| *who).collect();
            assert_eq!(said.len(), Who::ALL.len(), "{}", row.route);
            assert!(Who::ALL.iter().all(|who| said.contains(who)), "{}: {said:?}", row.route);
            let good = |(_, answer): &(Who, &str)| answer.starts_with('2');
            assert!(row.allowed.iter().all(good) && row.elsewhere.iter().all(good), "{}", row.route);
            assert!(!row.allowed.is_empty() && !row.refused.iter().any(good), "{}", row.route);
        }
    }
}
