//! The decision: Cedar's authorizer over the policies that can matter. Knows no JSON.

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, Request};

use crate::entity_wire::chain;
use crate::fault::Fault;
use crate::store::{Mode, Store};

/// One question to a store.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) principal: EntityUid,
    pub(crate) action: EntityUid,
    pub(crate) resource: EntityUid,
    pub(crate) context: Context,
}

/// The answer, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// Ids of the policies that determined the answer, sorted.
    pub(crate) determining: Vec<String>,
    /// What went wrong in policies that were therefore skipped, sorted.
    pub(crate) errors: Vec<String>,
}

/// How many of the store's policies Cedar is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Those whose scope the principal and the resource can fulfil.
    Sliced,
    /// All of them: the reference that the slice is measured against.
    #[cfg(test)]
    Whole,
}

/// A principal or a resource has "at most 99 transitive parents per authorization request".
const ANCESTORS_MAX: usize = 99;

/// Decides one question.
pub(crate) fn decide(
    store: &Store,
    question: Question,
    entities: &Entities,
    reading: Reading,
) -> Result<Answer, Fault> {
    for (name, uid) in [("principal", &question.principal), ("resource", &question.resource)] {
        if entities.ancestors(uid).is_some_and(|above| above.count() > ANCESTORS_MAX) {
            return Err(Fault::invalid(
                "entities",
                format!("the {name} has more than {ANCESTORS_MAX} parents"),
            ));
        }
    }
    let set = match reading {
        Reading::Sliced => {
            store.set_of(store.policies.slice(&question.principal, &question.resource, entities))?
        }
        #[cfg(test)]
        Reading::Whole => store.set_of(store.policies.iter().map(|(_, record)| record))?,
    };
    let schema = store.schema().filter(|_| store.mode == Mode::Strict);
    let Question { principal, action, resource, context } = question;
    let request = Request::new(principal, action, resource, context, schema)
        .map_err(|error| Fault::invalid("the request", chain(&error)))?;
    let response = Authorizer::new().is_authorized(&request, &set, entities);
    let diagnostics = response.diagnostics();
    let mut determining: Vec<String> = diagnostics.reason().map(ToString::to_string).collect();
    let mut errors: Vec<String> = diagnostics.errors().map(|error| chain(error)).collect();
    determining.sort_unstable();
    errors.sort_unstable();
    Ok(Answer { allowed: response.decision() == Decision::Allow, determining, errors })
}

#[cfg(test)]
mod slicing;
