//! `sts:AssumeRole`, whole: input limits, trust policy, the caller's own policy, and the session that results.
//!
//! Sources: STS API Reference, "AssumeRole"; IAM User Guide, "Pass session tags in AWS STS", "Roles terms and
//! concepts" (role chaining) and "Monitor and control actions taken with assumed roles" (source identity).

use crate::arn::{Arn, ArnError};
use crate::context::{Context, Value};
use crate::decision::{Decision, Gap, PolicyKind};
use crate::evaluate::{Policies, Policy, Undecidable, Verdict, evaluate, identity_allows};
use crate::principal::{Principal, PrincipalKind, is_session_name};
use crate::request::Request;
use crate::tags::{TAGS_MAX, TagError, Tags};

pub(crate) const SECONDS_DEFAULT: u32 = 3_600;
pub(crate) const SECONDS_MIN: u32 = 900;
pub(crate) const SECONDS_MAX: u32 = 43_200;
/// A session made with a session lives at most an hour.
const SECONDS_IN_CHAIN_MAX: u32 = 3_600;
const EXTERNAL_ID_CHARS_MAX: usize = 1_224;

/// The role to be assumed.
#[derive(Clone, Debug)]
pub struct Role {
    /// `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
    pub arn: String,
    /// `AROA…`, if known.
    pub id: Option<String>,
    /// Its trust policy.
    pub trust: Policy,
    /// Its own tags, which sessions inherit.
    pub tags: Tags,
    /// 3,600 to 43,200 seconds.
    pub session_seconds_max: u32,
}

/// What the caller asks for: the parameters of `AssumeRole`.
#[derive(Clone, Debug, Default)]
pub struct Assume {
    /// 2 to 64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// Default 3,600.
    pub duration_seconds: Option<u32>,
    /// Session tags, in the order given.
    pub tags: Vec<(String, String)>,
    /// Keys of `tags` that go on into further sessions.
    pub transitive_tag_keys: Vec<String>,
    /// 2 to 1,224 characters.
    pub external_id: Option<String>,
    /// 2 to 64 of `[\w+=,.@-]`.
    pub source_identity: Option<String>,
    /// Inline and managed session policies.
    pub session_policies: Vec<Policy>,
}

/// What came of it, both sides apart so that a caller can be stricter than AWS.
#[derive(Clone, Debug)]
pub struct Assumed {
    /// One per action asked (`sts:AssumeRole`, then `sts:TagSession`, `sts:SetSourceIdentity` when they apply).
    pub decisions: Vec<AssumeDecision>,
    /// The session, if it is allowed.
    pub session: Principal,
    /// How long it lives.
    pub duration_seconds: u32,
}

/// The three answers to one action of an AssumeRole.
#[derive(Clone, Debug)]
pub struct AssumeDecision {
    /// `sts:AssumeRole`, `sts:TagSession` or `sts:SetSourceIdentity`.
    pub action: String,
    /// By AWS's rule for both sides together.
    pub decision: Decision,
    /// Whether the caller's own identity policies allow it.
    pub identity_allows: bool,
    /// Whether the trust policy allows it.
    pub trust_allows: bool,
    /// AWS's sentence, if refused.
    pub refusal: Option<String>,
}

impl Assumed {
    /// AWS's rule.
    pub fn is_allowed(&self) -> bool {
        self.decisions.iter().all(|one| one.decision.is_allowed())
    }

    /// Stricter: AWS's rule, and the caller's identity policy and the trust policy each allow every action.
    pub fn both_sides_allow(&self) -> bool {
        self.is_allowed() && self.decisions.iter().all(|one| one.identity_allows && one.trust_allows)
    }
}

/// Why an AssumeRole cannot be judged, or is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssumeError {
    /// AWS answers `ValidationError`; the text says which parameter.
    #[error("{0}")]
    Invalid(String),
    /// The tags break a limit; AWS answers `ValidationError`.
    #[error("the session tags are refused")]
    Tags(#[from] TagError),
    /// AWS answers `AccessDenied`: the root of an account assumes no role.
    #[error("roles may not be assumed by the root of an account")]
    Root,
    /// A policy uses something not known; must be refused.
    #[error("the policies cannot be judged")]
    Undecidable(#[from] Undecidable),
}

/// Judges an `AssumeRole`. `caller_policies.resource` is ignored: the trust policy takes its place.
/// `environment` holds the request's own keys, such as `aws:SourceIp`.
///
/// A trust policy must always allow. In the role's own account it suffices if it names the calling session, role or
/// user, or everyone; if it only names the account, the caller's identity policies must allow too, as they must from
/// another account (STS API Reference, "AssumeRole": "users in the same account as the role do not need explicit
/// permission to assume the role" when the trust policy names them; IAM User Guide, "Policy evaluation logic": role
/// trust policies "must explicitly allow access"). A source identity in a chain needs both sides, whatever the
/// account ("Monitor and control actions taken with assumed roles").
///
/// # Errors
/// [`AssumeError::Invalid`], [`AssumeError::Tags`] and [`AssumeError::Root`] for what AWS refuses without a look at
/// policies, otherwise [`AssumeError::Undecidable`].
pub fn assume_role(
    caller: &Principal,
    caller_policies: &Policies,
    role: &Role,
    input: &Assume,
    environment: &Context,
) -> Result<Assumed, AssumeError> {
    if matches!(caller.kind(), PrincipalKind::Root) {
        return Err(AssumeError::Root);
    }
    let arn: Arn = role.arn.parse().map_err(|error: ArnError| AssumeError::Invalid(error.to_string()))?;
    let session = Principal::assumed_role(&role.arn, &input.session_name)
        .map_err(|error| AssumeError::Invalid(error.to_string()))?;
    let duration_seconds = duration(caller, role, input)?;
    check_texts(caller, input)?;
    let passed = Tags::new(input.tags.iter().cloned())?;
    let inherited = inherited(caller, &passed)?;
    let transitive = transitive_keys(&passed, &input.transitive_tag_keys)?;

    let role_tags = role.tags.clone().overlaid_by(&inherited);
    let tags = role_tags.clone().overlaid_by(&passed);
    if inherited.len() + passed.len() > TAGS_MAX {
        return Err(TagError::TooMany(inherited.len() + passed.len()).into());
    }
    let keys = inherited.iter().map(|(key, _)| key).chain(transitive.iter().map(String::as_str));
    let mut session = session.with_tags(tags).with_transitive(keys);
    if let Some(id) = &role.id {
        session = session.with_role_id(id.clone());
    }
    if let Some(identity) = input.source_identity.as_deref().or(caller.source_identity()) {
        session = session.with_source_identity(identity);
    }

    let mut actions = vec!["sts:AssumeRole"];
    if !passed.is_empty() || !inherited.is_empty() {
        actions.push("sts:TagSession");
    }
    if session.source_identity().is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    let decisions = actions
        .into_iter()
        .map(|action| {
            let mut context = environment.clone();
            context.extend(&context_of(action, &session, input, &passed, &role_tags));
            judge(caller, caller_policies, role, arn.account(), action, context)
        })
        .collect::<Result<_, _>>()?;
    Ok(Assumed { decisions, session, duration_seconds })
}

/// One action, both sides apart and together.
fn judge(
    caller: &Principal,
    caller_policies: &Policies,
    role: &Role,
    account: &str,
    action: &str,
    context: Context,
) -> Result<AssumeDecision, AssumeError> {
    let request = Request::new(caller.clone(), action, &role.arn, account, context)
        .map_err(|error| AssumeError::Invalid(error.to_string()))?;
    let policies = Policies { resource: Some(role.trust.clone()), ..caller_policies.clone() };
    let mut decision = evaluate(&request, &policies)?;
    let identity_allows = identity_allows(&request, &policies)?;
    let trust_allows = Verdict::of(PolicyKind::Resource, &policies.resource, &request).allows()?;
    let in_chain = matches!(caller.kind(), PrincipalKind::AssumedRole { .. });
    if action == "sts:SetSourceIdentity" && in_chain && decision.is_allowed() && !identity_allows {
        decision = Decision::ImplicitlyDenied { gap: Gap(PolicyKind::Identity) };
    }
    let refusal = (!decision.is_allowed()).then(|| {
        format!("User: {} is not authorized to perform: {action} on resource: {}", caller.arn(), role.arn)
    });
    Ok(AssumeDecision { action: action.to_owned(), decision, identity_allows, trust_allows, refusal })
}

fn check_texts(caller: &Principal, input: &Assume) -> Result<(), AssumeError> {
    let invalid = |what: String| Err(AssumeError::Invalid(what));
    if let Some(id) = &input.external_id {
        let plain = |one: char| one.is_ascii_alphanumeric() || "_+=,.@:/-".contains(one);
        if !(2..=EXTERNAL_ID_CHARS_MAX).contains(&id.len()) || !id.chars().all(plain) {
            return invalid(format!(
                "ExternalId is not 2 to {EXTERNAL_ID_CHARS_MAX} of letters, digits and _+=,.@:/-"
            ));
        }
    }
    if let Some(identity) = &input.source_identity {
        if !is_session_name(identity) || identity.to_ascii_lowercase().starts_with("aws:") {
            return invalid(format!(
                "`{identity}` is not a SourceIdentity: 2 to 64 of letters, digits and _+=,.@-"
            ));
        }
        if caller.source_identity().is_some_and(|set| set != identity) {
            return invalid(
                "SourceIdentity cannot be changed once it is set in a chain of sessions".to_owned(),
            );
        }
    }
    Ok(())
}

fn duration(caller: &Principal, role: &Role, input: &Assume) -> Result<u32, AssumeError> {
    let seconds = input.duration_seconds.unwrap_or(SECONDS_DEFAULT);
    let in_chain = matches!(caller.kind(), PrincipalKind::AssumedRole { .. });
    let most = if in_chain { SECONDS_IN_CHAIN_MAX } else { role.session_seconds_max };
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        return Err(AssumeError::Invalid(format!(
            "DurationSeconds {seconds} is not within {SECONDS_MIN} and {SECONDS_MAX}"
        )));
    }
    if seconds > most {
        let limit =
            if in_chain { "limit for roles assumed by role chaining" } else { "maximum set for this role" };
        return Err(AssumeError::Invalid(format!("DurationSeconds {seconds} exceeds the {limit}, {most}")));
    }
    Ok(seconds)
}

/// The transitive tags of the calling session, none of which may be passed again.
fn inherited(caller: &Principal, passed: &Tags) -> Result<Tags, AssumeError> {
    if let Some((key, _)) = caller.transitive_tags().find(|(key, _)| passed.get(key).is_some()) {
        return Err(AssumeError::Invalid(format!(
            "the tag `{key}` is transitive in the calling session and cannot be passed again"
        )));
    }
    Ok(Tags::new(caller.transitive_tags())?)
}

/// The keys to be made transitive, each of which must be passed as a tag.
pub(crate) fn transitive_keys(passed: &Tags, keys: &[String]) -> Result<Vec<String>, AssumeError> {
    if keys.len() > TAGS_MAX {
        return Err(AssumeError::Invalid(format!("more than {TAGS_MAX} TransitiveTagKeys")));
    }
    if let Some(key) = keys.iter().find(|key| passed.get(key).is_none()) {
        return Err(AssumeError::Invalid(format!("the transitive tag key `{key}` is not among the tags")));
    }
    Ok(keys.to_vec())
}

/// The keys that follow from tags, for the actions that pass them.
pub(crate) fn tagged(passed: &Tags, transitive: &[String], role_tags: &Tags) -> Context {
    let mut context = Context::new().with_all_of("aws:ResourceTag/").with_all_of("iam:ResourceTag/");
    for (key, value) in role_tags.iter() {
        context = context
            .with(&format!("aws:ResourceTag/{key}"), value)
            .with(&format!("iam:ResourceTag/{key}"), value);
    }
    for (key, value) in passed.iter() {
        context = context.with(&format!("aws:RequestTag/{key}"), value);
    }
    if !passed.is_empty() {
        context = context.with_many("aws:TagKeys", passed.iter().map(|(key, _)| key));
    }
    if !transitive.is_empty() {
        context = context.with_many("sts:TransitiveTagKeys", transitive.iter().map(String::as_str));
    }
    context
}

/// The keys that the Service Authorization Reference lists for the action. Of a key that the request has but the
/// reference does not list for this action, nobody here can say whether AWS sets it.
fn context_of(action: &str, session: &Principal, input: &Assume, passed: &Tags, role_tags: &Tags) -> Context {
    let mut context = Context::new().with_all_of("aws:ResourceTag/").with_all_of("iam:ResourceTag/");
    for (key, value) in role_tags.iter() {
        context = context
            .with(&format!("aws:ResourceTag/{key}"), value)
            .with(&format!("iam:ResourceTag/{key}"), value);
    }
    let not_listed = "the Service Authorization Reference does not list it for this action";
    let mut set = |key: &str, value: Value, listed_for: &[&str]| {
        let known = listed_for.contains(&action);
        context.set(key, if known { value } else { Value::Unknown(not_listed.to_owned()) });
    };
    let (assume, tag, identify) = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity");
    for (key, value) in passed.iter() {
        set(&format!("aws:RequestTag/{key}"), Value::One(value.to_owned()), &[assume, tag]);
    }
    if !passed.is_empty() {
        let keys = passed.iter().map(|(key, _)| key.to_owned()).collect();
        set("aws:TagKeys", Value::Many(keys), &[assume, tag]);
    }
    if !input.transitive_tag_keys.is_empty() {
        set("sts:TransitiveTagKeys", Value::Many(input.transitive_tag_keys.clone()), &[assume, tag]);
    }
    if let Some(identity) = session.source_identity() {
        set("sts:SourceIdentity", Value::One(identity.to_owned()), &[assume, identify]);
    }
    if let Some(id) = &input.external_id {
        set("sts:ExternalId", Value::One(id.clone()), &[assume]);
    }
    set("sts:RoleSessionName", Value::One(input.session_name.clone()), &[assume]);
    context
}
