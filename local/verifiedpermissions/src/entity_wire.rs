//! Entities and values between the service's JSON and Cedar. Knows both notations; knows no store.
//! Values have ten types on the wire (`{"long": 1}`, `{"entityIdentifier": {…}}`); Cedar's own JSON
//! (`cedarJson`) is read by Cedar itself.

use std::collections::HashMap;
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema,
};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::wire::{ACTION_ID, ACTION_TYPE, ENTITY_ID, ENTITY_TYPE, Members, Pattern, Text};

const VALUE_TYPES: &[&str] = &[
    "boolean",
    "entityIdentifier",
    "long",
    "string",
    "set",
    "record",
    "ipaddr",
    "decimal",
    "datetime",
    "duration",
];

/// Deeper values are refused before they are walked.
const VALUE_DEPTH_MAX: usize = 32;

/// `{"entityType": "Photo", "entityId": "1"}`
pub(crate) fn identifier(members: &Members<'_>) -> Result<EntityUid, Fault> {
    let kind = members.required_text("entityType", &ENTITY_TYPE)?;
    let id = members.required_text("entityId", &ENTITY_ID)?;
    named(kind, id).ok_or_else(|| members.invalid("entityType", "is not the name of an entity type"))
}

/// `{"actionType": "Action", "actionId": "view"}`
pub(crate) fn action(members: &Members<'_>) -> Result<EntityUid, Fault> {
    let kind = members.required_text("actionType", &ACTION_TYPE)?;
    let id = members.required_text("actionId", &ACTION_ID)?;
    named(kind, id).ok_or_else(|| members.invalid("actionType", "is not the name of an entity type"))
}

fn named(kind: &str, id: &str) -> Option<EntityUid> {
    let kind = EntityTypeName::from_str(kind).ok()?;
    Some(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

pub(crate) fn identifier_json(uid: &EntityUid) -> Value {
    json!({ "entityType": uid.type_name().to_string(), "entityId": uid.id().unescaped() })
}

pub(crate) fn action_json(uid: &EntityUid) -> Value {
    json!({ "actionType": uid.type_name().to_string(), "actionId": uid.id().unescaped() })
}

/// The `entities` of a request, closed under "in". With a schema to obey, they are checked against
/// it; with a schema only at hand, its actions are there. Actions come from the schema alone
/// (API reference, `IsAuthorized`: "you can't include actions").
pub(crate) fn entities(
    definition: Option<&Members<'_>>,
    schema: Option<&Schema>,
    obey: bool,
) -> Result<Entities, Fault> {
    let checked = schema.filter(|_| obey);
    let refused = |error: &dyn std::error::Error| Fault::invalid("entities", chain(error));
    let given = match definition
        .map(|members| members.union(&["entityList", "cedarJson"]).map(|it| (members, it)))
    {
        None => Vec::new(),
        Some(Err(fault)) => return Err(fault),
        Some(Ok((members, ("entityList", _)))) => entity_list(members)?,
        Some(Ok((members, _))) => {
            let text = members.required_text("cedarJson", &crate::wire::FREE)?;
            let parsed = Entities::from_json_str(text, checked).map_err(|error| refused(&error))?;
            let actions = schema.map(Schema::action_entities).transpose().map_err(|error| refused(&error))?;
            let from_schema =
                |uid: &EntityUid| actions.as_ref().is_some_and(|known| known.get(uid).is_some());
            // Cedar adds the schema's own actions while it reads: those were not in the request.
            parsed.into_iter().filter(|entity| !(checked.is_some() && from_schema(&entity.uid()))).collect()
        }
    };
    if let Some(entity) = given.iter().find(|entity| entity.uid().type_name().basename() == "Action") {
        return Err(Fault::invalid(
            "entities",
            format!("`{}` is an action; the schema names those", entity.uid()),
        ));
    }
    let actions = match (checked, schema) {
        (Some(schema), _) => {
            return Entities::from_entities(given, Some(schema)).map_err(|error| refused(&error));
        }
        (None, Some(schema)) => schema.action_entities().map_err(|error| refused(&error))?,
        (None, None) => Entities::empty(),
    };
    actions.add_entities(given, None).map_err(|error| refused(&error))
}

fn entity_list(definition: &Members<'_>) -> Result<Vec<Entity>, Fault> {
    let items = definition.list("entityList")?.unwrap_or_default();
    // "If you include multiple entities with the same identifier, only the last one is processed."
    let mut last: HashMap<EntityUid, Entity> = HashMap::with_capacity(items.len());
    for (path, item) in items {
        let members = Members::of(path.clone(), item)?;
        let uid = identifier(&members.required_object("identifier")?)?;
        let mut parents = Vec::new();
        for (path, parent) in members.list("parents")?.unwrap_or_default() {
            parents.push(identifier(&Members::of(path, parent)?)?);
        }
        let attributes = pairs(members.object("attributes")?.as_ref())?;
        let tags = pairs(members.object("tags")?.as_ref())?;
        let entity = Entity::new_with_tags(uid.clone(), attributes, parents, tags)
            .map_err(|error| Fault::invalid(path, chain(&error)))?;
        last.insert(uid, entity);
    }
    Ok(last.into_values().collect())
}

/// The `context` of a request.
pub(crate) fn context(
    definition: Option<&Members<'_>>,
    schema: Option<(&Schema, &EntityUid)>,
) -> Result<Context, Fault> {
    let Some(members) = definition else { return Ok(Context::empty()) };
    let path = members.path("cedarJson");
    match members.union(&["contextMap", "cedarJson"])? {
        ("contextMap", _) => Context::from_pairs(pairs(members.object("contextMap")?.as_ref())?)
            .map_err(|error| Fault::invalid(members.path("contextMap"), chain(&error))),
        _ => {
            let text = members.required_text("cedarJson", &crate::wire::FREE)?;
            Context::from_json_str(text, schema).map_err(|error| Fault::invalid(path, chain(&error)))
        }
    }
}

fn pairs(members: Option<&Members<'_>>) -> Result<Vec<(String, RestrictedExpression)>, Fault> {
    let Some(members) = members else { return Ok(Vec::new()) };
    members
        .entries()
        .map(|(name, item)| Ok((name.clone(), value(members.path(name), item, VALUE_DEPTH_MAX)?)))
        .collect()
}

fn value(path: String, item: &Value, depth: usize) -> Result<RestrictedExpression, Fault> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Fault::invalid(path, format!("is nested deeper than {VALUE_DEPTH_MAX} values")));
    };
    let members = Members::of(path, item)?;
    let extension = |name, max| members.required_text(name, &Text { min: 1, max, pattern: Pattern::OneLine });
    let (kind, inner) = members.union(VALUE_TYPES)?;
    Ok(match kind {
        "boolean" => {
            RestrictedExpression::new_bool(members.boolean(kind)?.ok_or_else(|| members.missing(kind))?)
        }
        "long" => {
            RestrictedExpression::new_long(members.integer(kind)?.ok_or_else(|| members.missing(kind))?)
        }
        "string" => {
            RestrictedExpression::new_string(members.required_text(kind, &crate::wire::FREE)?.to_owned())
        }
        "entityIdentifier" => {
            RestrictedExpression::new_entity_uid(identifier(&Members::of(members.path(kind), inner)?)?)
        }
        "set" => {
            let mut items = Vec::new();
            for (path, item) in members.list(kind)?.unwrap_or_default() {
                items.push(value(path, item, depth)?);
            }
            RestrictedExpression::new_set(items)
        }
        "record" => {
            let record = members.required_object(kind)?;
            let mut fields = Vec::new();
            for (name, item) in record.entries() {
                fields.push((name.clone(), value(record.path(name), item, depth)?));
            }
            RestrictedExpression::new_record(fields)
                .map_err(|error| Fault::invalid(members.path(kind), chain(&error)))?
        }
        "ipaddr" => RestrictedExpression::new_ip(extension(kind, 44)?),
        "decimal" => RestrictedExpression::new_decimal(extension(kind, 23)?),
        "datetime" => RestrictedExpression::new_datetime(extension(kind, 28)?),
        "duration" => RestrictedExpression::new_duration(extension(kind, 100)?),
        other => return Err(members.invalid(other, "is not a type of value")),
    })
}

/// An error of Cedar and what caused it, in one line. Cedar's own Display leaves causes out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    // Bounded: a cause that contains itself must not keep us here.
    for _ in 0..8 {
        let Some(inner) = cause else { break };
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}
