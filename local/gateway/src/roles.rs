//! The roles of the deployed stack, as the engine's IAM has them: trust, identity policies, tags, limits.
//!
//! The one source of every policy that this gateway decides with. Nothing is filled in: a role or policy that
//! cannot be read whole is an error, and an error refuses.

use std::sync::Arc;

use axum::body::Bytes;
use http::Method;
use iam::{Policy, Tags};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use roxmltree::{Document, Node};

use crate::engine::{Engine, EngineError};
use crate::kept::{Epoch, Kept};
use crate::xml::{Local, find};

const ROLES_MAX: usize = 256;
/// AWS's quota is 20 managed policies a role; inline ones are bounded by their total size.
const POLICIES_MAX: usize = 100;
const PAGES_MAX: usize = 20;

/// What IAM knows of a role.
#[derive(Debug)]
pub(crate) struct RoleFacts {
    /// The role itself, as the evaluator wants it.
    pub(crate) role: iam::Role,
    /// Its inline and managed policies.
    pub(crate) identity: Vec<Policy>,
    /// Its permissions boundary.
    pub(crate) boundary: Option<Policy>,
}

/// Why a role is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoleError {
    /// The account has no role of this name.
    #[error("there is no role `{0}`")]
    Absent(String),
    /// The engine did not say.
    #[error("the policies of role `{role}` cannot be read: {source}")]
    Engine {
        /// The role's name.
        role: String,
        /// Why not.
        source: EngineError,
    },
    /// It said something that the evaluator does not take.
    #[error("role `{role}`: {what}")]
    Unusable {
        /// The role's name.
        role: String,
        /// What.
        what: String,
    },
}

/// The roles, kept for a few seconds each.
pub(crate) struct Roles {
    engine: Arc<Engine>,
    kept: Kept<String, Arc<RoleFacts>>,
}

impl Roles {
    pub(crate) fn new(engine: Arc<Engine>, epoch: Epoch) -> Self {
        Self { engine, kept: Kept::new(epoch, ROLES_MAX) }
    }

    /// What is known of the role of this name (without path).
    pub(crate) async fn get(&self, name: &str) -> Result<Arc<RoleFacts>, RoleError> {
        self.kept.get_or(name.to_owned(), self.ask(name)).await
    }

    async fn ask(&self, name: &str) -> Result<Arc<RoleFacts>, RoleError> {
        let asked = Asked { engine: &self.engine, role: name };
        let role = asked.role().await?;
        let mut identity = Vec::new();
        for policy in
            asked.pages("ListRolePolicies", "PolicyNames", |node| node.text().map(str::to_owned)).await?
        {
            identity.push(asked.inline(&policy).await?);
        }
        let arn = |node: Node<'_, '_>| node.child_text("PolicyArn");
        for policy in asked.pages("ListAttachedRolePolicies", "AttachedPolicies", arn).await? {
            identity.push(asked.managed(&policy).await?);
        }
        let boundary = match &role.boundary {
            Some(arn) => Some(asked.managed(arn).await?),
            None => None,
        };
        Ok(Arc::new(RoleFacts { role: role.role, identity, boundary }))
    }

    /// A managed policy by its ARN, for session policies.
    pub(crate) async fn managed(&self, arn: &str) -> Result<Policy, RoleError> {
        Asked { engine: &self.engine, role: arn }.managed(arn).await
    }
}

/// One reading of one role.
struct Asked<'a> {
    engine: &'a Engine,
    role: &'a str,
}

struct Found {
    role: iam::Role,
    boundary: Option<String>,
}

impl Asked<'_> {
    async fn role(&self) -> Result<Found, RoleError> {
        let text = match self.call("GetRole", &[("RoleName", self.role)]).await {
            Err(RoleError::Engine { source: EngineError::Status { status: 404, .. }, .. }) => {
                return Err(RoleError::Absent(self.role.to_owned()));
            }
            other => other?,
        };
        let document = self.parse(&text, "GetRole")?;
        let role = find(&document, "Role").ok_or_else(|| self.unusable("GetRole answered no role"))?;
        let must = |name: &str| {
            role.child_text(name).ok_or_else(|| self.unusable(format!("GetRole answered no {name}")))
        };
        let tags = role.members("Tags").into_iter().map(|tag| {
            // A tag value may be empty, a key may not.
            (tag.child_text("Key").unwrap_or_default(), tag.child_text("Value").unwrap_or_default())
        });
        let seconds = role.child_text("MaxSessionDuration").map_or(Ok(3600), |text| text.parse());
        Ok(Found {
            role: iam::Role {
                arn: must("Arn")?,
                id: role.child_text("RoleId"),
                trust: self.policy("trust policy", &decoded(&must("AssumeRolePolicyDocument")?))?,
                tags: Tags::of_resource(tags).map_err(|error| self.unusable(error.to_string()))?,
                session_seconds_max: seconds
                    .map_err(|_| self.unusable("MaxSessionDuration is not a number"))?,
            },
            boundary: role
                .child("PermissionsBoundary")
                .and_then(|node| node.child_text("PermissionsBoundaryArn")),
        })
    }

    async fn inline(&self, name: &str) -> Result<Policy, RoleError> {
        let text = self.call("GetRolePolicy", &[("RoleName", self.role), ("PolicyName", name)]).await?;
        let document = self.parse(&text, "GetRolePolicy")?;
        let json = find(&document, "PolicyDocument").and_then(|node| node.text().map(str::to_owned));
        let json = json.ok_or_else(|| self.unusable(format!("policy `{name}` has no document")))?;
        self.policy(name, &decoded(json.trim()))
    }

    async fn managed(&self, arn: &str) -> Result<Policy, RoleError> {
        let text = self.call("GetPolicy", &[("PolicyArn", arn)]).await?;
        let document = self.parse(&text, "GetPolicy")?;
        let version = find(&document, "DefaultVersionId").and_then(|node| node.text().map(str::to_owned));
        let version =
            version.ok_or_else(|| self.unusable(format!("policy `{arn}` has no default version")))?;
        let arguments = [("PolicyArn", arn), ("VersionId", version.trim())];
        let text = self.call("GetPolicyVersion", &arguments).await?;
        let document = self.parse(&text, "GetPolicyVersion")?;
        let json = find(&document, "Document").and_then(|node| node.text().map(str::to_owned));
        let json = json.ok_or_else(|| self.unusable(format!("policy `{arn}` has no document")))?;
        self.policy(arn, &decoded(json.trim()))
    }

    async fn pages(
        &self,
        operation: &str,
        list: &str,
        item: impl Fn(Node<'_, '_>) -> Option<String>,
    ) -> Result<Vec<String>, RoleError> {
        let mut items = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut arguments = vec![("RoleName", self.role)];
            if let Some(marker) = &marker {
                arguments.push(("Marker", marker.as_str()));
            }
            let text = self.call(operation, &arguments).await?;
            let document = self.parse(&text, operation)?;
            let result = find(&document, &format!("{operation}Result"))
                .ok_or_else(|| self.unusable(format!("{operation} answered no result")))?;
            for node in result.members(list) {
                items.push(item(node).ok_or_else(|| self.unusable(format!("{operation} names no policy")))?);
            }
            if items.len() > POLICIES_MAX {
                break;
            }
            marker = result.child_text("Marker");
            match (result.child_text("IsTruncated").as_deref(), &marker) {
                (Some("true"), Some(_)) => {}
                (Some("true"), None) => break,
                _ => return Ok(items),
            }
        }
        Err(self.unusable(format!("{operation} answers more policies than are read")))
    }

    async fn call(&self, operation: &str, arguments: &[(&str, &str)]) -> Result<Bytes, RoleError> {
        let mut form = format!("Action={operation}&Version=2010-05-08");
        for (name, value) in arguments {
            form.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let answer = self.engine.ask("iam", Method::POST, "/", &headers, form).await;
        answer.map_err(|source| RoleError::Engine { role: self.role.to_owned(), source })
    }

    fn parse<'i>(&self, text: &'i Bytes, operation: &str) -> Result<Document<'i>, RoleError> {
        let text = std::str::from_utf8(text).ok();
        text.and_then(|text| Document::parse(text).ok())
            .ok_or_else(|| self.unusable(format!("the answer to {operation} is not XML")))
    }

    fn policy(&self, name: &str, json: &str) -> Result<Policy, RoleError> {
        Policy::parse(name, json).map_err(|error| self.unusable(format!("policy `{name}`: {error}")))
    }

    fn unusable(&self, what: impl Into<String>) -> RoleError {
        RoleError::Unusable { role: self.role.to_owned(), what: what.into() }
    }
}

/// IAM answers policy documents percent-encoded (RFC 3986), as "GetRole" says. A document that was left plain
/// begins with a brace, which an encoded one cannot.
fn decoded(document: &str) -> String {
    if document.starts_with('{') {
        return document.to_owned();
    }
    percent_decode_str(document).decode_utf8_lossy().into_owned()
}
