//! Policy stores: create, get, update, delete, list.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::account::{Account, Created, Rate};
use crate::fault::{Fault, Kind};
use crate::operations::{listed, tags};
use crate::paging::Page;
use crate::policies::Policies;
use crate::stamp;
use crate::store::{Mode, Store};
use crate::throttle::Buckets;
use crate::wire::{DESCRIPTION, Members};

const PAGE: usize = 10;

pub(super) fn create(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let mode = mode(input)?;
    let protected = protection(input)?.unwrap_or(false);
    encryption(input)?;
    let tags = tags::read(input)?.unwrap_or_default();
    if tags.len() > tags::TAGS_MAX {
        return Err(input.invalid("tags", format!("a policy store has at most {} tags", tags::TAGS_MAX)));
    }
    let description = input.text("description", &DESCRIPTION)?.map(ToOwned::to_owned);
    account.take("CreatePolicyStore", Rate::StoreLifecycle, now)?;
    account.once("CreatePolicyStore", input, now, |account| {
        if account.stores.len() >= account.limits.stores_max {
            let message = format!("an account has at most {} policy stores", account.limits.stores_max);
            return Err(Fault::Quota { message, kind: Kind::Store, id: None });
        }
        let id = stamp::id();
        account.last_store += 1;
        let store = Store {
            id: id.clone(),
            number: account.last_store,
            mode,
            protected,
            description,
            tags,
            created: now,
            updated: now,
            schema: None,
            templates: Vec::new(),
            last_template: 0,
            policies: Policies::default(),
            buckets: Buckets::default(),
        };
        let answer = Value::Object(outline(account, &store));
        account.stores.insert(id.clone(), store);
        Ok(Created { kind: Kind::Store, id, answer })
    })
}

pub(super) fn get(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let with_tags = input.boolean("tags")?.unwrap_or(false);
    let id = account.store_id(input)?;
    account.store_by_id(&id, "GetPolicyStore", Rate::Management, now)?;
    let Some(store) = account.stores.get(&id) else {
        return Err(Fault::NotFound { kind: Kind::Store, id });
    };
    let mut answer = outline(account, store);
    let mode = match store.mode {
        Mode::Off => "OFF",
        Mode::Strict => "STRICT",
    };
    answer.insert("validationSettings".into(), json!({ "mode": mode }));
    answer.insert("deletionProtection".into(), if store.protected { "ENABLED" } else { "DISABLED" }.into());
    answer.insert("encryptionState".into(), json!({ "default": {} }));
    answer.insert("cedarVersion".into(), "CEDAR_4".into());
    describe(&mut answer, store);
    if with_tags && !store.tags.is_empty() {
        answer.insert("tags".into(), json!(store.tags));
    }
    Ok(Value::Object(answer))
}

pub(super) fn update(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let mode = mode(input)?;
    let protected = protection(input)?;
    let description = input.text("description", &DESCRIPTION)?.map(ToOwned::to_owned);
    let id = account.store_id(input)?;
    let (store, _) = account.store_by_id(&id, "UpdatePolicyStore", Rate::Management, now)?;
    store.mode = mode;
    store.protected = protected.unwrap_or(store.protected);
    store.description = description.or_else(|| store.description.take());
    store.updated = now;
    match account.stores.get(&id) {
        Some(store) => Ok(Value::Object(outline(account, store))),
        None => Err(Fault::NotFound { kind: Kind::Store, id }),
    }
}

pub(super) fn delete(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let id = account.bare_store_id(input)?;
    account.take("DeletePolicyStore", Rate::StoreLifecycle, now)?;
    if account.stores.get(id).is_some_and(|store| store.protected) {
        return Err(Fault::State(format!("the policy store `{id}` is protected from deletion")));
    }
    // Idempotent: a store that is not there is as deleted as one can be.
    account.stores.remove(id);
    account.aliases.retain(|_, alias| alias.store != id);
    Ok(json!({}))
}

pub(super) fn list(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let page = Page::of_request(input, PAGE, &"ListPolicyStores")?;
    account.take("ListPolicyStores", Rate::Management, now)?;
    let in_order: BTreeMap<u64, &Store> =
        account.stores.values().map(|store| (store.number, store)).collect();
    let items = in_order.into_iter().map(|(number, store)| {
        let mut item = outline(account, store);
        describe(&mut item, store);
        (number, Value::Object(item))
    });
    Ok(listed("policyStores", page.cut(items)))
}

fn outline(account: &Account, store: &Store) -> serde_json::Map<String, Value> {
    [
        ("policyStoreId", store.id.clone()),
        ("arn", account.store_arn(&store.id)),
        ("createdDate", stamp::time(store.created)),
        ("lastUpdatedDate", stamp::time(store.updated)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::String(value)))
    .collect()
}

fn describe(answer: &mut serde_json::Map<String, Value>, store: &Store) {
    if let Some(description) = &store.description {
        answer.insert("description".into(), description.clone().into());
    }
}

fn mode(input: &Members<'_>) -> Result<Mode, Fault> {
    let settings = input.required_object("validationSettings")?;
    settings
        .one_of("mode", &[("OFF", Mode::Off), ("STRICT", Mode::Strict)])?
        .ok_or_else(|| settings.missing("mode"))
}

fn protection(input: &Members<'_>) -> Result<Option<bool>, Fault> {
    input.one_of("deletionProtection", &[("ENABLED", true), ("DISABLED", false)])
}

/// A customer's own key is refused rather than ignored: nobody is to believe that it is used.
fn encryption(input: &Members<'_>) -> Result<(), Fault> {
    let Some(settings) = input.object("encryptionSettings")? else { return Ok(()) };
    match settings.union(&["default", "kmsEncryptionSettings"])? {
        ("default", _) => Ok(()),
        _ => Err(settings.invalid("kmsEncryptionSettings", "is not provided by the local account")),
    }
}
