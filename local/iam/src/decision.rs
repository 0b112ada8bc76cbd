//! What the evaluator answers, and the sentences that AWS would print.

use std::fmt;

/// What sort of policy a statement stands in; also what AWS's AccessDenied messages call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Attached to the caller.
    Identity,
    /// Attached to the resource; for a role, its trust policy.
    Resource,
    /// The caller's permissions boundary.
    Boundary,
    /// Passed when the caller's session was made.
    Session,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cited {
    /// The sort of policy.
    pub kind: PolicyKind,
    /// The policy's name, as given to [`crate::Policy`].
    pub policy: String,
    /// The statement's place, from 0.
    pub statement: usize,
    /// Its Sid, if it has one.
    pub sid: Option<String>,
}

/// Which sort of policy allowed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap(pub PolicyKind);

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed, by these statements (one per sort of policy that had to allow).
    Allowed {
        /// The statements; empty for the root of the account, which needs none.
        by: Vec<Cited>,
    },
    /// Denied by a statement that says Deny.
    ExplicitlyDenied {
        /// The first such statement.
        by: Cited,
    },
    /// Denied because a sort of policy that had to allow did not.
    ImplicitlyDenied {
        /// The first such sort.
        gap: Gap,
    },
}

impl Decision {
    /// Whether the request may go ahead.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// AWS's sentence for a refusal, such as `User: ARN is not authorized to perform: s3:GetObject on resource: ARN
    /// because no identity-based policy allows the s3:GetObject action`; `None` when allowed.
    pub fn refusal(&self, request: &crate::Request) -> Option<String> {
        let because = match self {
            Self::Allowed { .. } => return None,
            Self::ExplicitlyDenied { by } => {
                let article = if by.kind == PolicyKind::Identity { "an" } else { "a" };
                format!("with an explicit deny in {article} {}", by.kind.in_messages())
            }
            Self::ImplicitlyDenied { gap } => {
                format!("because no {} allows the {} action", gap.0.in_messages(), request.action())
            }
        };
        let (user, action, resource) = (request.principal().arn(), request.action(), request.resource());
        Some(format!("User: {user} is not authorized to perform: {action} on resource: {resource} {because}"))
    }
}

impl fmt::Display for Cited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} policy `{}`, statement {}", self.kind, self.policy, self.statement)?;
        self.sid.as_ref().map_or(Ok(()), |sid| write!(f, " (`{sid}`)"))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed { by } if by.is_empty() => f.write_str("allowed to the account's root"),
            Self::Allowed { by } => {
                let by: Vec<String> = by.iter().map(Cited::to_string).collect();
                write!(f, "allowed by {}", by.join(" and "))
            }
            Self::ExplicitlyDenied { by } => write!(f, "denied by {by}"),
            Self::ImplicitlyDenied { gap } => write!(f, "no {} policy allows it", gap.0),
        }
    }
}

impl PolicyKind {
    /// What AWS's AccessDenied messages call it.
    fn in_messages(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity-based",
            Self::Resource => "resource-based",
            Self::Boundary => "permissions boundary",
            Self::Session => "session",
        })
    }
}
