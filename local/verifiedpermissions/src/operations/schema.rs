//! The schema of a store. Replacing it re-checks nothing that is stored already, as in the service.

use std::sync::Arc;

use cedar_policy::{Schema, SchemaFragment, Validator};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::account::Account;
use crate::entity_wire::chain;
use crate::fault::{Fault, Kind};
use crate::stamp;
use crate::store::StoredSchema;
use crate::wire::{Members, STATEMENT};

pub(super) fn put(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let definition = input.required_object("definition")?;
    definition.union(&["cedarJson"])?;
    let text = definition.required_text("cedarJson", &STATEMENT)?;
    let (store, limits) = account.store(input, "PutSchema", now)?;
    if text.len() > limits.schema_bytes_max {
        let message = format!("a schema has at most {} bytes", limits.schema_bytes_max);
        return Err(Fault::Quota { message, kind: Kind::Schema, id: Some(store.id.clone()) });
    }
    let invalid = |error: &dyn std::error::Error| Fault::invalid(definition.path("cedarJson"), chain(error));
    let fragment = SchemaFragment::from_json_str(text).map_err(|error| invalid(&error))?;
    let namespaces: Vec<String> =
        fragment.namespaces().map(|name| name.map_or_else(String::new, |name| name.to_string())).collect();
    let schema = Schema::from_schema_fragments([fragment]).map_err(|error| invalid(&error))?;
    let created = store.schema.as_ref().map_or(now, |schema| schema.created);
    let answer = json!({
        "policyStoreId": store.id,
        "namespaces": namespaces,
        "createdDate": stamp::time(created),
        "lastUpdatedDate": stamp::time(now),
    });
    // "To delete the schema, run PutSchema with {} for this parameter."
    let deletes = serde_json::from_str::<Value>(text).is_ok_and(|value| value == json!({}));
    store.schema = (!deletes).then(|| {
        Arc::new(StoredSchema {
            text: text.to_owned(),
            validator: Validator::new(schema),
            namespaces,
            created,
            updated: now,
        })
    });
    Ok(answer)
}

pub(super) fn get(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let (store, _) = account.store(input, "GetSchema", now)?;
    let Some(schema) = &store.schema else {
        return Err(Fault::NotFound { kind: Kind::Schema, id: store.id.clone() });
    };
    Ok(json!({
        "policyStoreId": store.id,
        "schema": schema.text,
        "namespaces": schema.namespaces,
        "createdDate": stamp::time(schema.created),
        "lastUpdatedDate": stamp::time(schema.updated),
    }))
}
