//! What a change of policies gives and takes, with a case of each: for a reviewer, who otherwise sees two texts.

use std::{collections::BTreeSet, fmt};

use cedar_policy::{PolicySet, RequestEnv, Schema};

use crate::{
    case::Case,
    policies::{Link, Policies, REMOVED},
    solver::{Prover, ProverError},
};

/// A permission that only one of two policy sets gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What the new ones allow and the old ones did not.
    Gained(Case),
    /// What the old ones allowed and the new ones do not.
    Lost(Case),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gained(case) => write!(f, "gained: {case}"),
            Self::Lost(case) => write!(f, "lost: {case}"),
        }
    }
}

/// Compares two policy sets: for every kind of request, without shares, with one, and with a removed user, a case of what
/// was gained and one of what was lost, if there can be any; the first that is found of each. A kind of request that only
/// one schema knows is gained, or lost, as far as it is allowed.
///
/// # Errors
/// Nothing is known then: the solver failed, or neither schema fits both policy sets.
pub async fn compare(
    prover: &mut Prover,
    old: &Policies,
    new: &Policies,
) -> Result<Vec<Change>, ProverError> {
    let common = common(old, new)?;
    let states = states(old, new)?;
    let nothing = PolicySet::new();
    let (known, asked) = (envs(&old.schema), envs(&new.schema));
    let mut changes = Vec::new();
    for env in &asked {
        let is_known = known.contains(env);
        let schema = if is_known { common } else { &new.schema };
        let (mut gained, mut lost) = (None, None);
        for state in &states {
            let before = if is_known { &state.before } else { &nothing };
            if gained.is_none() {
                let more = prover.beyond(schema, env, &state.after, before).await?;
                gained = more.map(|more| more.allowed().after(&state.after_what));
            }
            if lost.is_none() {
                let less = prover.beyond(schema, env, before, &state.after).await?;
                lost = less.map(|less| less.allowed().after(&state.after_what));
            }
        }
        changes.extend(gained.map(Change::Gained));
        changes.extend(lost.map(Change::Lost));
    }
    for env in known.iter().filter(|env| !asked.contains(env)) {
        for state in &states {
            if let Some(less) = prover.beyond(&old.schema, env, &state.before, &nothing).await? {
                changes.push(Change::Lost(less.allowed().after(&state.after_what)));
                break;
            }
        }
    }
    Ok(changes)
}

/// The schema that both policy sets fit: the new one, unless it dropped something that the old ones name.
fn common<'a>(old: &'a Policies, new: &'a Policies) -> Result<&'a Schema, ProverError> {
    let Some(said) = new.misfit(&old.with_removed()?) else { return Ok(&new.schema) };
    match old.misfit(&new.with_removed()?) {
        None => Ok(&old.schema),
        Some(_) => Err(ProverError::Misfit(said)),
    }
}

/// A tenant's store as it can be, under the old policies and under the new ones.
struct State {
    /// What happened there, for the cases of it.
    after_what: String,
    before: PolicySet,
    after: PolicySet,
}

fn states(old: &Policies, new: &Policies) -> Result<Vec<State>, ProverError> {
    let mut states = vec![State { after_what: String::new(), before: old.alone(), after: new.alone() }];
    let (of_old, of_new) = (old.links(), new.links());
    let links: BTreeSet<_> = of_old.iter().chain(&of_new).collect();
    for link in links {
        let with = |policies: &Policies, links: &[Link]| match links.contains(link) {
            true => policies.with(link),
            false => Ok(policies.alone()),
        };
        let (before, after) = (with(old, &of_old)?, with(new, &of_new)?);
        states.push(State { after_what: link.to_string(), before, after });
    }
    let after_what = format!("after the removal of {REMOVED}");
    states.push(State { after_what, before: old.with_removed()?, after: new.with_removed()? });
    Ok(states)
}

fn envs(schema: &Schema) -> Vec<RequestEnv> {
    let mut envs: Vec<RequestEnv> = schema.request_envs().collect();
    envs.sort_by(|one, other| one.action().cmp(other.action()).then_with(|| one.cmp(other)));
    envs
}
