//! Whether one statement applies to one request.
//!
//! Sources: IAM User Guide, "AWS JSON policy elements: Principal", "… NotPrincipal", "IAM JSON policy elements:
//! Action" and "… Resource"; "Policy variables with no value" (a resource with such a variable names nothing).

use crate::condition::{self, Reading};
use crate::decision::PolicyKind;
use crate::policy::{Listed, PrincipalPattern, Statement};
use crate::principal::{Principal, PrincipalKind};
use crate::request::Request;
use crate::text::{self, Text};

/// How a statement reaches the caller. In a resource's policy this decides which other policies still limit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant {
    /// Through its account, which must grant it on.
    Account,
    /// Through its role: limited by boundary and session policies.
    Role,
    /// As one of everyone. Whether boundary and session policies limit it is documented only of statements with a
    /// condition on `aws:PrincipalArn`, which they do not, and which are [`Grant::Direct`].
    Everyone,
    /// By itself, or (in a policy of the caller's own) without being named.
    Direct,
}

/// How the statement reaches the caller, if it applies.
///
/// # Errors
/// The thing that is not known, in words. Only a statement whose principal, action and resource match can have one.
pub(crate) fn applies(
    statement: &Statement,
    kind: PolicyKind,
    request: &Request,
) -> Result<Option<Grant>, String> {
    let literal = Reading::new(request, false);
    let read = applies_in(statement, kind, &literal)?;
    if !literal.came_up.get() {
        return Ok(read);
    }
    let null = Reading::new(request, true);
    if applies_in(statement, kind, &null)? == read {
        Ok(read)
    } else {
        Err("a condition key is empty, and whether an empty value counts as a value is not documented"
            .to_owned())
    }
}

fn applies_in(
    statement: &Statement,
    kind: PolicyKind,
    reading: &Reading<'_>,
) -> Result<Option<Grant>, String> {
    let request = reading.request;
    if !names_action(&statement.actions, request.action()) {
        return Ok(None);
    }
    let grant = match (&statement.principals, kind) {
        (None, PolicyKind::Resource) => {
            return Err("a statement of a resource's policy names no principal".to_owned());
        }
        (None, _) => Some(Grant::Direct),
        (Some(principals), PolicyKind::Resource) => {
            reaches(principals, statement.allows, request.principal())?
        }
        (Some(_), _) => return Err("a statement of a policy without principals names one".to_owned()),
    };
    let Some(grant) = grant else { return Ok(None) };
    let is_trust = kind == PolicyKind::Resource && request.action().to_ascii_lowercase().starts_with("sts:");
    match &statement.resources {
        Some(_) if is_trust => return Err("a statement of a role's trust policy names a resource".to_owned()),
        None if is_trust => {}
        None => return Err("a statement names no resource".to_owned()),
        Some(resources) if !names(resources, request.resource(), reading)? => return Ok(None),
        Some(_) => {}
    }
    let mut holds = true;
    for condition in &statement.conditions {
        // Every condition is read, so that one which cannot be judged is not hidden by one that fails.
        holds &= condition::holds(condition, reading)?;
    }
    let by_arn = statement.conditions.iter().any(|one| one.key.eq_ignore_ascii_case("aws:PrincipalArn"));
    let grant = if grant == Grant::Everyone && by_arn { Grant::Direct } else { grant };
    Ok(holds.then_some(grant))
}

pub(crate) fn names_action(actions: &Listed<Text>, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let named = actions
        .items
        .iter()
        .any(|pattern| pattern.without_variables().is_some_and(|atoms| text::is_like(&atoms, &action)));
    named != actions.negated
}

fn names(resources: &Listed<Text>, resource: &str, reading: &Reading<'_>) -> Result<bool, String> {
    let mut named = false;
    let mut without_value = None;
    for pattern in &resources.items {
        match pattern.bind(|key, default| reading.variable(key, default))? {
            Some(atoms) => named |= text::names_resource(&atoms, resource),
            None => without_value = Some(pattern),
        }
    }
    match without_value {
        // "… will not match any resource" may mean that the exception is empty, or that the statement is.
        Some(pattern) if resources.negated && !named => {
            Err(format!("`NotResource` has `{pattern}`, a variable of which has no value"))
        }
        _ => Ok(named != resources.negated),
    }
}

/// How a `Principal` or `NotPrincipal` element reaches the caller.
fn reaches(
    principals: &Listed<PrincipalPattern>,
    allows: bool,
    caller: &Principal,
) -> Result<Option<Grant>, String> {
    let mut reached = Vec::new();
    for pattern in &principals.items {
        reached.extend(matched(pattern, caller)?);
    }
    if !principals.negated {
        return Ok(reached.into_iter().max());
    }
    if allows {
        return Err("`NotPrincipal` with `Allow` reaches people whom AWS does not document".to_owned());
    }
    // AWS "might validate the account first, then the role, and then the assumed-role user": only a list that names
    // all of them, or none, has one meaning.
    let everyone = principals.items.contains(&PrincipalPattern::Everyone);
    let needed: &[Grant] = match caller.kind() {
        PrincipalKind::AssumedRole { .. } => &[Grant::Account, Grant::Role, Grant::Direct],
        PrincipalKind::User { .. } => &[Grant::Account, Grant::Direct],
        PrincipalKind::Root => &[Grant::Account],
        PrincipalKind::Service { .. } | PrincipalKind::WebIdentity { .. } => &[Grant::Direct],
    };
    if everyone || needed.iter().all(|form| reached.contains(form)) {
        Ok(None)
    } else if reached.is_empty() {
        Ok(Some(Grant::Direct))
    } else {
        Err("`NotPrincipal` names only some of the caller's session, role and account".to_owned())
    }
}

fn matched(pattern: &PrincipalPattern, caller: &Principal) -> Result<Option<Grant>, String> {
    let aws_caller =
        !matches!(caller.kind(), PrincipalKind::Service { .. } | PrincipalKind::WebIdentity { .. });
    let grant = match pattern {
        PrincipalPattern::Everyone => Some(Grant::Everyone),
        PrincipalPattern::Account { account, .. } => {
            (aws_caller && account == caller.account()).then_some(Grant::Account)
        }
        PrincipalPattern::Service(name) => match caller.kind() {
            PrincipalKind::Service { name: caller } => (caller == name).then_some(Grant::Direct),
            _ => None,
        },
        PrincipalPattern::Federated(name) => match caller.kind() {
            PrincipalKind::WebIdentity { provider } => {
                (*name == provider.to_string()).then_some(Grant::Direct)
            }
            _ => None,
        },
        PrincipalPattern::CanonicalUser(id) => {
            return Err(format!("whose canonical user id `{id}` is, is not known"));
        }
        PrincipalPattern::Aws(name) => match caller.kind() {
            PrincipalKind::AssumedRole { role, role_id, .. } => {
                let is_id = !name.contains(':');
                if is_id && role_id.is_none() {
                    return Err(format!("whether the caller's role has the unique id `{name}` is not known"));
                }
                if *name == caller.arn() {
                    Some(Grant::Direct)
                } else {
                    (*name == role.to_string() || role_id.as_ref() == Some(name)).then_some(Grant::Role)
                }
            }
            PrincipalKind::User { arn } => {
                if !name.contains(':') {
                    return Err(format!("whether the caller has the unique id `{name}` is not known"));
                }
                (*name == arn.to_string()).then_some(Grant::Direct)
            }
            PrincipalKind::Root | PrincipalKind::Service { .. } | PrincipalKind::WebIdentity { .. } => None,
        },
    };
    Ok(grant)
}
