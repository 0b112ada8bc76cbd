//! `sts:AssumeRoleWithWebIdentity`: who a verified token makes of its bearer, the trust policy, and the session that
//! results. Nobody has signed such a request, so there is no identity policy: the role's trust alone decides.
//!
//! Sources: STS API Reference, "AssumeRoleWithWebIdentity"; IAM User Guide, "Pass session tags in AWS STS" and
//! "IAM and AWS STS condition context keys" (keys for OIDC federation are named by the issuer, without `https://`).
//! That the token is sound is for the caller to have looked at.

use crate::arn::{Arn, ArnError};
use crate::assume::{
    AssumeDecision, AssumeError, Assumed, Role, SECONDS_DEFAULT, SECONDS_MAX, SECONDS_MIN, tagged,
    transitive_keys,
};
use crate::context::Context;
use crate::evaluate::{Policies, Policy, evaluate};
use crate::principal::Principal;
use crate::request::Request;
use crate::tags::Tags;

/// What a verified token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebIdentity {
    /// The identity provider's ARN in the role's account: `arn:aws:iam::ACCOUNT:oidc-provider/ISSUER`.
    pub provider: String,
    /// `iss` without `https://`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `sub`.
    pub subject: String,
    /// Session tags of the claim `https://aws.amazon.com/tags`.
    pub tags: Vec<(String, String)>,
    /// Keys of `tags` that go on into further sessions.
    pub transitive_tag_keys: Vec<String>,
}

/// What is asked for beside the token.
#[derive(Clone, Debug, Default)]
pub struct Federate {
    /// 2 to 64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// Default 3,600.
    pub duration_seconds: Option<u32>,
    /// Inline and managed session policies.
    pub session_policies: Vec<Policy>,
}

/// Judges an `AssumeRoleWithWebIdentity`. `environment` holds the request's own keys, such as `aws:SourceIp`.
///
/// The trust policy must allow the action to the provider and, where the token has tags, `sts:TagSession` too.
/// `identity_allows` of each decision is true, there being no such policy.
///
/// # Errors
/// As [`assume_role`](crate::assume_role).
pub fn assume_role_with_web_identity(
    identity: &WebIdentity,
    role: &Role,
    input: &Federate,
    environment: &Context,
) -> Result<Assumed, AssumeError> {
    let arn: Arn = role.arn.parse().map_err(|error: ArnError| AssumeError::Invalid(error.to_string()))?;
    let invalid = |error: &dyn std::error::Error| AssumeError::Invalid(error.to_string());
    let bearer =
        Principal::web_identity(&identity.provider, arn.account()).map_err(|error| invalid(&error))?;
    let session = Principal::assumed_role(&role.arn, &input.session_name).map_err(|error| invalid(&error))?;
    let duration_seconds = duration(role, input)?;
    let passed = Tags::new(identity.tags.iter().cloned())?;
    let transitive = transitive_keys(&passed, &identity.transitive_tag_keys)?;
    let mut session = session
        .with_tags(role.tags.clone().overlaid_by(&passed))
        .with_transitive(transitive.iter().map(String::as_str))
        .with_federated_provider(identity.provider.clone());
    if let Some(id) = &role.id {
        session = session.with_role_id(id.clone());
    }
    let mut actions = vec!["sts:AssumeRoleWithWebIdentity"];
    if !passed.is_empty() {
        actions.push("sts:TagSession");
    }
    let policies = Policies { resource: Some(role.trust.clone()), ..Policies::default() };
    let decisions = actions
        .into_iter()
        .map(|action| {
            let mut context = environment.clone();
            context.extend(&tagged(&passed, &transitive, &role.tags));
            if action == "sts:AssumeRoleWithWebIdentity" {
                // The Service Authorization Reference lists neither for sts:TagSession.
                let key = |name: &str| format!("{}:{name}", identity.issuer);
                context = context
                    .with(&key("aud"), identity.audience.as_str())
                    .with(&key("sub"), identity.subject.as_str())
                    .with("sts:RoleSessionName", input.session_name.as_str());
            }
            let request = Request::new(bearer.clone(), action, &role.arn, arn.account(), context)
                .map_err(|error| AssumeError::Invalid(error.to_string()))?;
            let decision = evaluate(&request, &policies)?;
            let trust_allows = decision.is_allowed();
            let refusal = (!trust_allows).then(|| format!("Not authorized to perform {action}"));
            Ok(AssumeDecision {
                action: action.to_owned(),
                decision,
                identity_allows: true,
                trust_allows,
                refusal,
            })
        })
        .collect::<Result<_, AssumeError>>()?;
    Ok(Assumed { decisions, session, duration_seconds })
}

/// No chain of roles: up to the role's own maximum.
fn duration(role: &Role, input: &Federate) -> Result<u32, AssumeError> {
    let seconds = input.duration_seconds.unwrap_or(SECONDS_DEFAULT);
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        return Err(AssumeError::Invalid(format!(
            "DurationSeconds {seconds} is not within {SECONDS_MIN} and {SECONDS_MAX}"
        )));
    }
    if seconds > role.session_seconds_max {
        return Err(AssumeError::Invalid(format!(
            "DurationSeconds {seconds} exceeds the maximum set for this role, {}",
            role.session_seconds_max
        )));
    }
    Ok(seconds)
}
