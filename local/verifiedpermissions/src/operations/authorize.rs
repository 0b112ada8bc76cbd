//! `IsAuthorized` and `BatchIsAuthorized`.
//!
//! AWS does not document whether a request is held against the schema. Here it is, in a STRICT store:
//! a request that does not fit (an action on the wrong kind of resource, an owner sent as text) is
//! refused by name instead of being answered with a quiet deny. A request without principal, action
//! or resource is refused too.

use cedar_policy::{Entities, EntityUid};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::account::{Account, Rate};
use crate::decide::{Answer, Question, Reading, decide};
use crate::entity_wire::{self, identifier};
use crate::fault::Fault;
use crate::store::{Mode, Store};
use crate::wire::Members;

/// "The requests of a BatchIsAuthorized API request can contain up to 30 requests."
const BATCH_MAX: usize = 30;

/// "… up to 100 principals and up to 100 resources."
const BATCH_ENTITIES_MAX: usize = 200;

pub(super) fn one(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let id = account.store_id(input)?;
    let (store, _) = account.store_by_id(&id, "IsAuthorized", Rate::IsAuthorized, now)?;
    let question = question(store, input)?;
    let entities = entities(store, input)?;
    let answer = decide(store, question, &entities, Reading::Sliced)?;
    Ok(Value::Object(answer_json(&answer)))
}

pub(super) fn batch(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let requests = input.list("requests")?.ok_or_else(|| input.missing("requests"))?;
    if requests.is_empty() || requests.len() > BATCH_MAX {
        return Err(input.invalid("requests", format!("must have from 1 to {BATCH_MAX} items")));
    }
    let id = account.store_id(input)?;
    let (store, _) = account.store_by_id(&id, "BatchIsAuthorized", Rate::BatchIsAuthorized, now)?;
    let mut questions = Vec::new();
    for (path, item) in requests {
        questions.push((item, question(store, &Members::of(path, item)?)?));
    }
    if !one_side_is_fixed(&questions) {
        return Err(input.invalid("requests", "must all have the same principal, or all the same resource"));
    }
    let listed = input.object("entities")?.map(|members| members.list("entityList")).transpose()?.flatten();
    if listed.is_some_and(|list| list.len() > BATCH_ENTITIES_MAX) {
        return Err(input.invalid("entities", "may have up to 100 principals and up to 100 resources"));
    }
    let entities = entities(store, input)?;
    let mut results = Vec::new();
    for (request, question) in questions {
        let answer = decide(store, question, &entities, Reading::Sliced)?;
        let mut result = answer_json(&answer);
        result.insert("request".into(), request.clone());
        results.push(Value::Object(result));
    }
    Ok(json!({ "results": results }))
}

fn one_side_is_fixed(questions: &[(&Value, Question)]) -> bool {
    let same = |side: fn(&Question) -> &EntityUid| {
        let mut sides = questions.iter().map(|(_, question)| side(question));
        let first = sides.next();
        sides.all(|other| Some(other) == first)
    };
    same(|question| &question.principal) || same(|question| &question.resource)
}

fn question(store: &Store, input: &Members<'_>) -> Result<Question, Fault> {
    let action = entity_wire::action(&input.required_object("action")?)?;
    let principal = identifier(&input.required_object("principal")?)?;
    let resource = identifier(&input.required_object("resource")?)?;
    let schema = store.schema().filter(|_| store.mode == Mode::Strict);
    // An action that the schema lacks is the request's fault, not the context's: said in `decide`.
    let known = schema.filter(|schema| schema.actions().any(|known| *known == action));
    let context =
        entity_wire::context(input.object("context")?.as_ref(), known.map(|schema| (schema, &action)))?;
    Ok(Question { principal, action, resource, context })
}

fn entities(store: &Store, input: &Members<'_>) -> Result<Entities, Fault> {
    let strict = store.mode == Mode::Strict;
    entity_wire::entities(input.object("entities")?.as_ref(), store.schema(), strict)
}

fn answer_json(answer: &Answer) -> serde_json::Map<String, Value> {
    let determining: Vec<Value> = answer.determining.iter().map(|id| json!({ "policyId": id })).collect();
    let errors: Vec<Value> = answer.errors.iter().map(|text| json!({ "errorDescription": text })).collect();
    [
        ("decision", if answer.allowed { "ALLOW" } else { "DENY" }.into()),
        ("determiningPolicies", determining.into()),
        ("errors", errors.into()),
    ]
    .into_iter()
    .map(|(name, value): (&str, Value)| (name.to_owned(), value))
    .collect()
}
