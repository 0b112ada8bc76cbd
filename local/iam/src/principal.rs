//! Who makes a request, and the condition keys that follow from it.
//!
//! Sources: IAM User Guide, "AWS global condition context keys" (properties of the principal) and
//! "AWS JSON policy elements: Principal".

use std::collections::BTreeSet;

use crate::arn::{Arn, ArnError};
use crate::context::Context;
use crate::tags::Tags;

/// A caller: its account, what it is, and its tags (for a role session: role tags overlaid by session tags).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    account: String,
    kind: PrincipalKind,
    tags: Tags,
    /// Lower-cased keys of the tags that go on into sessions made with this one.
    transitive: BTreeSet<String>,
    source_identity: Option<String>,
    /// The identity provider whose token opened the session, or a session that led to it.
    federated_provider: Option<String>,
}

/// What a caller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The account itself.
    Root,
    /// An IAM user.
    User {
        /// `arn:aws:iam::ACCOUNT:user/PATH/NAME`.
        arn: Arn,
    },
    /// A session of a role.
    AssumedRole {
        /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
        role: Arn,
        /// 2 to 64 characters.
        session: String,
        /// `AROA…`; without it `aws:userid` is not known.
        role_id: Option<String>,
    },
    /// The bearer of a token of an OpenID Connect provider, before it is a session: whom trust policies call
    /// `Federated`.
    WebIdentity {
        /// `arn:aws:iam::ACCOUNT:oidc-provider/ISSUER`.
        provider: Arn,
    },
    /// An AWS service acting for itself, such as `lambda.amazonaws.com`.
    Service {
        /// The service's principal name.
        name: String,
    },
}

/// Why a principal cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// The ARN cannot be read.
    #[error("the principal's ARN cannot be read")]
    Arn(#[from] ArnError),
    /// It is an ARN, but of something else.
    #[error("`{0}` is not the ARN of a role")]
    NotARole(String),
    /// It is an ARN, but of something else.
    #[error("`{0}` is not the ARN of a user")]
    NotAUser(String),
    /// It is an ARN, but of something else.
    #[error("`{0}` is not the ARN of an OpenID Connect provider")]
    NotAProvider(String),
    /// Not 12 digits.
    #[error("`{0}` is not a 12-digit account id")]
    Account(String),
    /// Not 2 to 64 of `\w+=,.@-`.
    #[error("`{0}` is not a role session name: 2 to 64 of letters, digits and _+=,.@-")]
    SessionName(String),
}

impl Principal {
    /// The account's root.
    ///
    /// # Errors
    /// The account is not 12 digits.
    pub fn root(account: &str) -> Result<Self, PrincipalError> {
        Self::of(account, PrincipalKind::Root)
    }

    /// A session of a role, given the role's ARN (with its path).
    ///
    /// # Errors
    /// The ARN is no role's, or the session name breaks AWS's pattern.
    pub fn assumed_role(role: &str, session: &str) -> Result<Self, PrincipalError> {
        let arn: Arn = role.parse()?;
        if arn.service() != "iam" || !named(&arn, "role/") {
            return Err(PrincipalError::NotARole(role.to_owned()));
        }
        if !is_session_name(session) {
            return Err(PrincipalError::SessionName(session.to_owned()));
        }
        let account = arn.account().to_owned();
        Self::of(
            &account,
            PrincipalKind::AssumedRole { role: arn, session: session.to_owned(), role_id: None },
        )
    }

    /// An IAM user, given its ARN.
    ///
    /// # Errors
    /// The ARN is no user's.
    pub fn user(arn: &str) -> Result<Self, PrincipalError> {
        let parsed: Arn = arn.parse()?;
        if parsed.service() != "iam" || !named(&parsed, "user/") {
            return Err(PrincipalError::NotAUser(arn.to_owned()));
        }
        let account = parsed.account().to_owned();
        Self::of(&account, PrincipalKind::User { arn: parsed })
    }

    /// The bearer of a token of the provider with this ARN.
    ///
    /// # Errors
    /// The ARN is no provider's, or of another account.
    pub fn web_identity(provider: &str, account: &str) -> Result<Self, PrincipalError> {
        let arn: Arn = provider.parse()?;
        if arn.service() != "iam" || arn.account() != account || !named(&arn, "oidc-provider/") {
            return Err(PrincipalError::NotAProvider(provider.to_owned()));
        }
        Self::of(account, PrincipalKind::WebIdentity { provider: arn })
    }

    /// A service, such as `lambda.amazonaws.com`, acting in an account.
    ///
    /// # Errors
    /// The account is not 12 digits.
    pub fn service(name: &str, account: &str) -> Result<Self, PrincipalError> {
        Self::of(account, PrincipalKind::Service { name: name.to_owned() })
    }

    fn of(account: &str, kind: PrincipalKind) -> Result<Self, PrincipalError> {
        if account.len() != 12 || !account.chars().all(|one| one.is_ascii_digit()) {
            return Err(PrincipalError::Account(account.to_owned()));
        }
        let transitive = BTreeSet::new();
        Ok(Self {
            account: account.to_owned(),
            kind,
            tags: Tags::default(),
            transitive,
            source_identity: None,
            federated_provider: None,
        })
    }

    /// Replaces the tags.
    #[must_use]
    pub fn with_tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }

    /// Marks tags, by key, as transitive: they go on into every further session of a chain.
    #[must_use]
    pub fn with_transitive<'a>(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.transitive = keys.into_iter().map(str::to_lowercase).collect();
        self
    }

    /// Sets the role's unique id (`AROA…`), from which `aws:userid` follows.
    #[must_use]
    pub fn with_role_id(mut self, id: impl Into<String>) -> Self {
        if let PrincipalKind::AssumedRole { role_id, .. } = &mut self.kind {
            *role_id = Some(id.into());
        }
        self
    }

    /// Sets the source identity.
    #[must_use]
    pub fn with_source_identity(mut self, identity: impl Into<String>) -> Self {
        self.source_identity = Some(identity.into());
        self
    }

    /// Says which provider's token opened the session.
    #[must_use]
    pub fn with_federated_provider(mut self, provider: impl Into<String>) -> Self {
        self.federated_provider = Some(provider.into());
        self
    }

    /// The 12-digit account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// What it is.
    pub fn kind(&self) -> &PrincipalKind {
        &self.kind
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The tags that go on into further sessions.
    pub fn transitive_tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().filter(|(key, _)| self.transitive.contains(&key.to_lowercase()))
    }

    /// The source identity, if one was set in this chain of sessions.
    pub fn source_identity(&self) -> Option<&str> {
        self.source_identity.as_deref()
    }

    /// The ARN that AWS prints for this caller (`GetCallerIdentity`, AccessDenied messages); for a role session
    /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, without the role's path.
    pub fn arn(&self) -> String {
        match &self.kind {
            PrincipalKind::Root => format!("arn:aws:iam::{}:root", self.account),
            PrincipalKind::User { arn } => arn.to_string(),
            PrincipalKind::WebIdentity { provider } => provider.to_string(),
            PrincipalKind::AssumedRole { role, session, .. } => {
                let name = last_name(role);
                format!("arn:{}:sts::{}:assumed-role/{name}/{session}", role.partition(), self.account)
            }
            PrincipalKind::Service { name } => name.clone(),
        }
    }
}

/// The prefixes of the keys that only [`Principal::context`] sets.
pub(crate) const OWN_KEYS: [&str; 10] = [
    "aws:federatedprovider",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principaltag/",
    "aws:principaltype",
    "aws:sourceidentity",
    "aws:userid",
    "aws:username",
];

impl Principal {
    /// The condition keys that follow from the caller alone.
    pub(crate) fn context(&self) -> Context {
        let mut context = Context::new().with("aws:PrincipalAccount", self.account.clone());
        for (key, value) in self.tags.iter() {
            context = context.with(&format!("aws:PrincipalTag/{key}"), value);
        }
        if let Some(identity) = &self.source_identity {
            context = context.with("aws:SourceIdentity", identity.clone());
        }
        if let Some(provider) = &self.federated_provider {
            context = context.with("aws:FederatedProvider", provider.clone());
        }
        let not_given = "the principal was made without its unique id";
        match &self.kind {
            PrincipalKind::Root => context
                .with("aws:PrincipalArn", self.arn())
                .with("aws:PrincipalType", "Account")
                .with("aws:PrincipalIsAWSService", "false")
                .with("aws:userid", self.account.clone()),
            PrincipalKind::User { arn } => context
                .with("aws:PrincipalArn", arn.to_string())
                .with("aws:PrincipalType", "User")
                .with("aws:PrincipalIsAWSService", "false")
                .with("aws:username", last_name(arn))
                .with_unknown("aws:userid", not_given),
            PrincipalKind::AssumedRole { role, session, role_id } => {
                let context = context
                    .with("aws:PrincipalArn", role.to_string())
                    .with("aws:PrincipalType", "AssumedRole")
                    .with("aws:PrincipalIsAWSService", "false");
                match role_id {
                    Some(id) => context.with("aws:userid", format!("{id}:{session}")),
                    None => context.with_unknown("aws:userid", not_given),
                }
            }
            PrincipalKind::WebIdentity { provider } => {
                let outside = "what AWS says of somebody who is no session yet is not documented";
                context
                    .with("aws:FederatedProvider", provider.to_string())
                    .with("aws:PrincipalIsAWSService", "false")
                    .with_unknown("aws:PrincipalAccount", outside)
                    .with_unknown("aws:PrincipalArn", outside)
                    .with_unknown("aws:PrincipalType", outside)
                    .with_unknown("aws:userid", outside)
            }
            PrincipalKind::Service { name } => {
                let inside = "the caller is an AWS service, whose own account and ARN are not documented";
                context
                    .with("aws:PrincipalIsAWSService", "true")
                    .with("aws:PrincipalServiceName", name.clone())
                    .with_unknown("aws:PrincipalAccount", inside)
                    .with_unknown("aws:PrincipalArn", inside)
                    .with_unknown("aws:PrincipalType", inside)
                    .with_unknown("aws:userid", inside)
            }
        }
    }
}

/// `TYPE/PATH/NAME` with a name.
fn named(arn: &Arn, kind: &str) -> bool {
    arn.region().is_empty() && arn.resource().starts_with(kind) && !last_name(arn).is_empty()
}

/// The part after the last slash: a role's or user's name without its path.
fn last_name(arn: &Arn) -> &str {
    arn.resource().rsplit('/').next().unwrap_or_default()
}

/// AWS's pattern for role session names and source identities: 2 to 64 of `[\w+=,.@-]`.
pub(crate) fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '+' | '=' | ',' | '.' | '@' | '-'))
}
