//! May they? The deployed policies asked about one call, and the request's own circumstances that they may ask for.

use http::request::Parts;
use iam::requests::{Call, Needed};
use iam::{Context, Policies, Principal, Request, evaluate};
use time::OffsetDateTime;

use crate::access_log::Entry;
use crate::accounts::{Account, Accounts};
use crate::credentials::Caller;
use crate::directory::owner_of_bucket;
use crate::refusal::Refusal;
use crate::roles::Roles;
use crate::signature::Signature;

/// The keys that follow from how a request came, rather than from what it asks.
///
/// The gateway stands where AWS's TLS endpoint stands, and only the loopback leads to it: so `aws:SecureTransport`
/// is true and `aws:SourceIp` is the loopback's.
pub(crate) fn circumstances(
    parts: &Parts,
    signature: &Signature,
    caller: &Caller,
    now: OffsetDateTime,
) -> Context {
    let agent = parts.headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let iso = |instant: OffsetDateTime| instant_text(instant);
    let mut context = Context::new()
        .with("aws:CurrentTime", iso(now))
        .with("aws:EpochTime", now.unix_timestamp().to_string())
        .with("aws:RequestedRegion", signature.region.as_str())
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "127.0.0.1")
        .with("aws:UserAgent", agent)
        .with("aws:ViaAWSService", "false");
    if let Some(issued) = caller.issued {
        context = context.with("aws:TokenIssueTime", iso(issued)).with("aws:MultiFactorAuthPresent", "false");
    }
    if signature.service == "s3" {
        let kind = if signature.presigned() { "REST-QUERY-STRING" } else { "REST-HEADER" };
        let age = (now - signature.time()).whole_milliseconds().max(0);
        context = context
            .with("s3:authType", kind)
            .with("s3:signatureversion", "AWS4-HMAC-SHA256")
            .with("s3:signatureAge", age.to_string());
    }
    context
}

/// The same of a request that nobody has signed, and of which nobody says what Region it is for.
pub(crate) fn circumstances_unsigned(parts: &Parts, now: OffsetDateTime) -> Context {
    let agent = parts.headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    Context::new()
        .with("aws:CurrentTime", instant_text(now))
        .with("aws:EpochTime", now.unix_timestamp().to_string())
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "127.0.0.1")
        .with("aws:UserAgent", agent)
        .with("aws:ViaAWSService", "false")
}

/// `2026-01-02T03:04:05Z`.
pub(crate) fn instant_text(instant: OffsetDateTime) -> String {
    let (date, time) = (instant.date(), instant.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Asks the policies of a role's session about a call; writes into the log entry what was asked. Answers the account
/// whose resources the call is about, which is nearly always the caller's own, `home`.
///
/// # Errors
/// [`Refusal::Denied`] in AWS's words, or [`Refusal::Undecidable`].
pub(crate) async fn authorize<'a>(
    accounts: &'a Accounts,
    home: &'a Account,
    caller: &Caller,
    call: &Call,
    circumstances: &Context,
    entry: &mut Entry,
) -> Result<&'a Account, Refusal> {
    let undecidable = |error: &dyn std::error::Error| Refusal::Undecidable(error.to_string());
    let needed = home.resources.needed(call, accounts).await.map_err(|error| undecidable(&error))?;
    entry.actions = needed.iter().map(|one| one.action.clone()).collect();
    entry.resources = needed.iter().map(|one| one.resource.clone()).collect();
    entry.actions.dedup();
    entry.resources.dedup();
    if needed.is_empty() {
        return Ok(home);
    }
    if let Some(bucket) = &call.bucket
        && owner_of_bucket(accounts, bucket).await.map_err(|error| undecidable(&error))?.is_none()
    {
        // The engine has paths of its own that look like a bucket's; only a bucket that is there is one for sure.
        return Err(Refusal::Undecidable(format!("the bucket `{bucket}`, which no account here has")));
    }
    let owner = owner(accounts, &needed, call)?;
    let (principal, mut policies) = bearing(&home.roles, caller).await?;
    for one in needed {
        let policy = owner.resources.policy_of(&one.resource).await;
        policies.resource = policy.map_err(|error| undecidable(&error))?.map(|policy| (*policy).clone());
        let mut context = circumstances.clone();
        context.extend(&one.context);
        let request =
            Request::new(principal.clone(), &one.action, &one.resource, &one.resource_account, context)
                .map_err(|error| undecidable(&error))?;
        let decision = evaluate(&request, &policies).map_err(|unknown| undecidable(&unknown))?;
        if let Some(sentence) = decision.refusal(&request) {
            return Err(Refusal::Denied(sentence));
        }
    }
    if owner.id != home.id && !ACROSS.contains(&call.service.as_str()) {
        return Err(Refusal::Undecidable(format!("`{}` on a resource of another account", call.service)));
    }
    Ok(owner)
}

/// The services whose calls about another account's resource can be sent on in that account's name without the
/// service telling the difference. EventBridge would write the wrong sender into the event.
const ACROSS: [&str; 3] = ["s3", "sqs", "kms"];

/// The one account that owns all that is asked for.
fn owner<'a>(accounts: &'a Accounts, needed: &[Needed], call: &Call) -> Result<&'a Account, Refusal> {
    let mut owners = needed.iter().map(|one| one.resource_account.as_str());
    let first = owners.next().unwrap_or(&call.account);
    if owners.any(|other| other != first) {
        return Err(Refusal::Undecidable("a call about resources of two accounts".to_owned()));
    }
    let unknown =
        || Refusal::Undecidable(format!("a resource of account {first}, which is not one of these"));
    accounts.get(first).ok_or_else(unknown)
}

/// A caller with its role's tags, and every policy that bears on it; the root has none and needs none.
///
/// # Errors
/// [`Refusal::Undecidable`] when they cannot be read whole.
pub(crate) async fn bearing(roles: &Roles, caller: &Caller) -> Result<(Principal, Policies), Refusal> {
    let Some(name) = caller.role_name() else { return Ok((caller.principal.clone(), Policies::default())) };
    let facts = roles.get(name).await.map_err(|error| Refusal::Undecidable(error.to_string()))?;
    if caller.role_arn().as_deref() != Some(facts.role.arn.as_str()) {
        return Err(Refusal::Undecidable(format!("role `{name}` has another path than its session")));
    }
    let mut principal = caller.principal.clone();
    if caller.is_execution_role() {
        // Nobody assumed it through this STS, so what a session takes from its role is added here.
        principal = principal.with_tags(facts.role.tags.clone());
        if let Some(id) = &facts.role.id {
            principal = principal.with_role_id(id.as_str());
        }
    }
    let policies = Policies {
        identity: facts.identity.clone(),
        boundary: facts.boundary.clone(),
        session: caller.session_policies.clone(),
        resource: None,
    };
    Ok((principal, policies))
}
