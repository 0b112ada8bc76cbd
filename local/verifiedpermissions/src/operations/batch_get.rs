//! `BatchGetPolicy`: policies of several stores at once; what is not found is an item, not an error.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::account::{Account, Rate};
use crate::fault::{Fault, Kind};
use crate::operations::policies::{Detail, definition, insert_name, policy_type};
use crate::policies::Record;
use crate::stamp;
use crate::wire::{Members, POLICY_ID, STORE_ID};

const ITEMS_MAX: usize = 100;

/// One policy that is asked for.
pub(super) struct Item<'a> {
    /// The store as the request names it.
    pub(super) store: &'a str,
    policy: &'a str,
}

pub(super) fn items<'a>(input: &Members<'a>) -> Result<Vec<Item<'a>>, Fault> {
    let requests = input.list("requests")?.ok_or_else(|| input.missing("requests"))?;
    if requests.is_empty() || requests.len() > ITEMS_MAX {
        return Err(input.invalid("requests", format!("must have from 1 to {ITEMS_MAX} items")));
    }
    let read = |(path, item)| {
        let members = Members::of(path, item)?;
        Ok(Item {
            store: members.required_text("policyStoreId", &STORE_ID)?,
            policy: members.required_text("policyId", &POLICY_ID)?,
        })
    };
    requests.into_iter().map(read).collect()
}

pub(super) fn batch_get(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let items = items(input)?;
    let mut charged = BTreeSet::new();
    for item in &items {
        if let Ok(id) = account.resolve(item.store)
            && account.stores.contains_key(&id)
            && charged.insert(id.clone())
        {
            account.store_by_id(&id, "BatchGetPolicy", Rate::Management, now)?;
        }
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for item in &items {
        match find(account, item) {
            Ok((store, record)) => results.push(result(store, record)),
            Err((code, message)) => errors.push(json!({
                "code": code,
                "policyStoreId": item.store,
                "policyId": item.policy,
                "message": message,
            })),
        }
    }
    Ok(json!({ "results": results, "errors": errors }))
}

fn find<'a>(account: &'a Account, item: &Item<'_>) -> Result<(&'a str, &'a Record), (&'static str, String)> {
    let missing = |kind: Kind, id: &str| Fault::NotFound { kind, id: id.to_owned() }.to_string();
    let id = account
        .resolve(item.store)
        .map_err(|_| ("POLICY_STORE_ALIAS_NOT_FOUND", missing(Kind::Alias, item.store)))?;
    let store = account
        .stores
        .get(&id)
        .ok_or_else(|| ("POLICY_STORE_NOT_FOUND", missing(Kind::Store, item.store)))?;
    let record = store
        .policies
        .find(item.policy)
        .ok_or_else(|| ("POLICY_NOT_FOUND", missing(Kind::Policy, item.policy)))?;
    Ok((&store.id, record))
}

fn result(store: &str, record: &Record) -> Value {
    let mut result = Map::new();
    result.insert("policyStoreId".into(), store.into());
    result.insert("policyId".into(), record.id.clone().into());
    result.insert("policyType".into(), policy_type(record).into());
    result.insert("definition".into(), definition(record, Detail::Full));
    result.insert("createdDate".into(), stamp::time(record.created).into());
    result.insert("lastUpdatedDate".into(), stamp::time(record.updated).into());
    insert_name(&mut result, record);
    Value::Object(result)
}
