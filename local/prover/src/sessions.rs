//! Who can make which session: every caller, every role, every set of tags.
//!
//! Judged whole by [`iam::assume_role`]. A caller that a trust policy cannot mean is not tried out; the question is
//! counted, because it is answered.

use std::collections::BTreeSet;

use iam::{Assume, Context, Policies, Policy, Principal, assume_role};

use crate::promises::{Declared, Promises};
use crate::tenants::{Tagged, Tenants};
use crate::world::{Role, World};

/// Somebody who might ask for a session.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// As in "… can make a session of".
    pub(crate) called: String,
    /// The role's logical id; `None` for a stranger.
    role: Option<String>,
    pub(crate) principal: Principal,
    pub(crate) policies: Policies,
    arn: String,
    pub(crate) account: String,
    /// Whether it is a tenant's session, which may make none.
    tags: Vec<(String, String)>,
}

/// A session that can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) role: String,
    pub(crate) tagged: Tagged,
}

/// What came of asking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    pub(crate) sessions: Vec<Session>,
    /// `(borrower, role)` that are declared and possible.
    pub(crate) lent: BTreeSet<(String, String)>,
    /// `(who, what it can do, by which statement)`.
    pub(crate) wrong: Vec<(String, String, String)>,
    /// Declared and not possible.
    pub(crate) stale: Vec<String>,
    pub(crate) questions: u64,
}

/// An account that has nothing to do with the stacks.
const STRANGE_ACCOUNT: &str = "999999999999";
/// What is said in place of the right external id.
const WRONG_EXTERNAL_ID: &str = "some-other-id-that-is-not-the-right-one";

/// Asks for every session, until no new one comes.
pub(crate) fn make(world: &World, promises: &Promises, tenants: &Tenants) -> Made {
    let mut made = Made::default();
    let nothing = Declared::default();
    let mut callers = strangers(world);
    for role in &world.roles {
        let declared = promises.role.get(&role.name).unwrap_or(&nothing);
        if by_services(role, declared, promises, &mut made) {
            let tagged = Tagged { tags: Vec::new(), called: String::new(), well_formed: true };
            callers.extend(caller(role, &tagged));
            made.sessions.push(Session { role: role.name.clone(), tagged });
        }
    }
    let space = tenants.tag_space();
    let mut next = 0;
    while let Some(caller) = callers.get(next).cloned() {
        for role in &world.roles {
            for session in ask(world, &caller, role, promises, &space, &mut made) {
                if made.sessions.contains(&session) {
                    continue;
                }
                // One tenant's session stands for those of all when it comes to making more.
                let tagged = &session.tagged;
                if tagged.tags.is_empty() || tenants.of_session(&tagged.tags) == Some(tenants.own()) {
                    callers.extend(self::caller(role, tagged));
                }
                made.sessions.push(session);
            }
        }
        next += 1;
    }
    keeps(world, promises, tenants, &mut made);
    for (name, declared) in &promises.role {
        for borrower in &declared.lent_to {
            let possible = made.lent.contains(&(borrower.clone(), name.clone()));
            if !possible && world.role(name).is_some() {
                made.stale.push(format!("{name} is declared to be lent to {borrower}, and cannot be"));
            }
        }
    }
    made
}

/// Says which roles' own policies let them assume a tenant's role that is not lent to them: nothing comes of it as long
/// as the other side does not trust them, which is one side too few.
fn keeps(world: &World, promises: &Promises, tenants: &Tenants, made: &mut Made) {
    let space = tenants.tag_space();
    let Some(plain) = space.iter().find(|tagged| tagged.well_formed && tagged.tags.len() > 1) else { return };
    let untagged = Tagged { tags: Vec::new(), called: String::new(), well_formed: true };
    for (name, declared) in promises.role.iter().filter(|(_, declared)| declared.tenant.is_some()) {
        let Some(target) = world.role(name) else { continue };
        for role in world.roles.iter().filter(|role| !declared.lent_to.contains(&role.name)) {
            made.questions += 1;
            let Some(principal) = principal(role, &untagged) else { continue };
            let input =
                Assume { session_name: "prover".to_owned(), tags: plain.tags.clone(), ..Assume::default() };
            let asked = target.as_iam();
            let environment = environment(&world.region);
            let asked = assume_role(&principal, &policies(role), &asked, &input, &environment);
            let keeps = asked.is_ok_and(|asked| {
                asked.decisions.iter().any(|one| one.action == "sts:AssumeRole" && one.identity_allows)
            });
            if keeps {
                let what = format!("has the right to assume {name}, which is not lent to it");
                made.wrong.push((role.name.clone(), what, "its own policies".to_owned()));
            }
        }
    }
}

/// Whether a service may make a session of a role; says which may that are not declared.
fn by_services(role: &Role, declared: &Declared, promises: &Promises, made: &mut Made) -> bool {
    let judged = promises.role.contains_key(&role.name);
    let mut any = false;
    for service in &role.trusted.services {
        made.questions += 1;
        any = true;
        if judged && !declared.services.contains(service) {
            let what = format!("can make a session of {}, which is not declared", role.name);
            made.wrong.push((
                format!("the service {service}"),
                what,
                format!("the trust policy of {}", role.name),
            ));
        }
    }
    if !judged {
        return any;
    }
    for service in declared.services.difference(&role.trusted.services) {
        made.stale.push(format!("{} is declared to be assumed by {service}, and cannot be", role.name));
    }
    for resource in role.runs.difference(&declared.runs) {
        let what = format!("runs with {}, which is not declared", role.name);
        made.wrong.push((resource.clone(), what, "its own properties".to_owned()));
    }
    for resource in declared.runs.difference(&role.runs) {
        made.stale.push(format!("{} is declared to run {resource}, and does not", role.name));
    }
    any
}

/// One caller and one role: which sessions come of it.
fn ask(
    world: &World,
    caller: &Caller,
    role: &Role,
    promises: &Promises,
    space: &[Tagged],
    made: &mut Made,
) -> Vec<Session> {
    let declared = promises.role.get(&role.name);
    let right = declared.and_then(|declared| declared.external_id.clone());
    let mut external_ids = vec![None];
    if role.asks_for_external_id || right.is_some() {
        external_ids.push(Some(WRONG_EXTERNAL_ID.to_owned()));
        external_ids.extend(right.clone().map(Some));
    }
    made.questions += u64::try_from(space.len() * external_ids.len()).unwrap_or(u64::MAX);
    if !role.trusted.may_mean(&caller.arn, &caller.account) {
        return Vec::new();
    }
    let target = role.as_iam();
    let mut sessions: Vec<Session> = Vec::new();
    for tagged in space {
        for external_id in &external_ids {
            let input = Assume {
                session_name: "prover".to_owned(),
                tags: tagged.tags.clone(),
                external_id: external_id.clone(),
                ..Assume::default()
            };
            let environment = environment(&world.region);
            let asked = assume_role(&caller.principal, &caller.policies, &target, &input, &environment);
            let (by, undecided) = match asked {
                Ok(assumed) if assumed.is_allowed() => (cited(&assumed.decisions), None),
                Ok(_) | Err(iam::AssumeError::Invalid(_) | iam::AssumeError::Tags(_)) => continue,
                Err(iam::AssumeError::Root) => continue,
                Err(iam::AssumeError::Undecidable(why)) => (why.cited.to_string(), Some(why.unknown.clone())),
            };
            if let Some(wrong) = fault(caller, role, declared, tagged, external_id, &right) {
                let wrong = match undecided {
                    None => wrong,
                    Some(why) => format!("{wrong}; or cannot, which cannot be decided: {why}"),
                };
                let one = (caller.called.clone(), wrong, by);
                if !made.wrong.contains(&one) {
                    made.wrong.push(one);
                }
            } else if let Some(borrower) = &caller.role {
                made.lent.insert((borrower.clone(), role.name.clone()));
            }
            let session = Session { role: role.name.clone(), tagged: tagged.clone() };
            if !sessions.contains(&session) {
                sessions.push(session);
            }
        }
    }
    sessions
}

/// What is wrong with a session that can be made; `None` if nothing is.
fn fault(
    caller: &Caller,
    role: &Role,
    declared: Option<&Declared>,
    tagged: &Tagged,
    external_id: &Option<String>,
    right: &Option<String>,
) -> Option<String> {
    let name = &role.name;
    let tags = &tagged.called;
    let Some(borrower) = &caller.role else {
        return Some(format!("can make a session of {name}, {tags}"));
    };
    if !caller.tags.is_empty() {
        return Some(format!("can make a further session of {name}, {tags}"));
    }
    let Some(declared) = declared else {
        // Nothing is declared of it: then it has to be a tenant's, and say so.
        return (!tagged.well_formed && crate::is_of_tenants(role))
            .then(|| format!("can make a session of {name} {tags}"));
    };
    if !declared.lent_to.contains(borrower) {
        return Some(format!("can make a session of {name}, {tags}, which is not declared"));
    }
    if external_id != right && right.is_some() {
        let said = if external_id.is_some() { "with a wrong" } else { "without an" };
        return Some(format!("can make a session of {name} {said} external id"));
    }
    let keys: BTreeSet<&str> = tagged.tags.iter().map(|(key, _)| key.as_str()).collect();
    let wanted: BTreeSet<&str> = declared.tenant.iter().flatten().map(String::as_str).collect();
    let right_tags = keys == wanted && (declared.tenant.is_none() || tagged.well_formed);
    (!right_tags).then(|| format!("can make a session of {name} {tags}"))
}

/// What allowed it, on the side of the trust policy where there is one.
fn cited(decisions: &[iam::AssumeDecision]) -> String {
    let last = decisions.last().map(|one| &one.decision);
    match last {
        Some(iam::Decision::Allowed { by }) => by.last().map(by_statement).unwrap_or_default(),
        _ => String::new(),
    }
}

/// A statement, as people look for it: its Sid or number, and its policy's name.
pub(crate) fn by_statement(cited: &iam::Cited) -> String {
    let which = match &cited.sid {
        Some(sid) => format!("`{sid}`"),
        None => format!("{}", cited.statement + 1),
    };
    format!("{which} of `{}`", cited.policy)
}

/// The session of a role as a caller.
fn caller(role: &Role, tagged: &Tagged) -> Option<Caller> {
    let called = match tagged.called.as_str() {
        "" => role.name.clone(),
        tags => format!("{} {tags}", role.name),
    };
    Some(Caller {
        called,
        role: Some(role.name.clone()),
        principal: principal(role, tagged)?,
        policies: policies(role),
        arn: role.arn.clone(),
        account: role.account.clone(),
        tags: tagged.tags.clone(),
    })
}

/// The session of a role with these tags.
pub(crate) fn principal(role: &Role, tagged: &Tagged) -> Option<Principal> {
    let session = Principal::assumed_role(&role.arn, "prover").ok()?;
    let mut tags: Vec<(String, String)> = tagged.tags.clone();
    for (key, value) in role.tags.iter() {
        if !tags.iter().any(|(given, _)| given.eq_ignore_ascii_case(key)) {
            tags.push((key.to_owned(), value.to_owned()));
        }
    }
    Some(session.with_tags(iam::Tags::new(tags).ok()?))
}

/// The policies of a role.
pub(crate) fn policies(role: &Role) -> Policies {
    Policies { identity: role.identity.clone(), boundary: role.boundary.clone(), ..Policies::default() }
}

/// Roles that may do everything IAM lets them, and that no stack knows.
pub(crate) fn strangers(world: &World) -> Vec<Caller> {
    let everything =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let mut accounts: Vec<&str> = world.accounts.iter().map(String::as_str).collect();
    accounts.push(STRANGE_ACCOUNT);
    let stranger = |account: &str| {
        let arn = format!("arn:aws:iam::{account}:role/stranger");
        let called = if account == STRANGE_ACCOUNT {
            "any role of any other account".to_owned()
        } else {
            format!("any other role of the account {account}")
        };
        Some(Caller {
            called,
            role: None,
            principal: Principal::assumed_role(&arn, "prover").ok()?,
            policies: Policies {
                identity: vec![Policy::parse("everything", everything).ok()?],
                ..Policies::default()
            },
            arn,
            account: account.to_owned(),
            tags: Vec::new(),
        })
    };
    accounts.into_iter().filter_map(stranger).collect()
}

/// The keys that every request has, from nowhere in particular.
pub(crate) fn environment(region: &str) -> Context {
    Context::new()
        .with("aws:CurrentTime", "2026-01-01T00:00:00Z")
        .with("aws:EpochTime", "1767225600")
        .with("aws:MultiFactorAuthPresent", "false")
        .with("aws:RequestedRegion", region)
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "203.0.113.1")
        .with("aws:TokenIssueTime", "2026-01-01T00:00:00Z")
        .with("aws:UserAgent", "prover")
        .with("aws:ViaAWSService", "false")
        .with("s3:authType", "REST-HEADER")
        .with("s3:signatureAge", "1000")
        .with("s3:signatureversion", "AWS4-HMAC-SHA256")
        .with("kms:CallerAccount", "000000000000")
}
