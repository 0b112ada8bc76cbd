//! Policy store aliases: other names of stores. A name that was softly deleted stays taken a day.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::account::{ALIAS_PREFIX, Account, Alias, Rate};
use crate::fault::{Fault, Kind};
use crate::operations::{filter_store, listed};
use crate::paging::Page;
use crate::stamp;
use crate::wire::{Members, NAME};

const PAGE: usize = 5;

#[derive(Debug, Clone, Copy)]
enum Deletion {
    Soft,
    Hard,
}

pub(super) fn create(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let name = name(input)?;
    let store = account.bare_store_id(input)?;
    account.store_by_id(store, "CreatePolicyStoreAlias", Rate::Management, now)?;
    match account.aliases.get(name) {
        Some(alias) if alias.deleted.is_some() => {
            return Err(conflict(name, "is pending deletion; its name is free a day after it was deleted"));
        }
        Some(alias) if alias.store != store => return Err(conflict(name, "stands for another policy store")),
        Some(alias) => return Ok(answer(account, name, alias, false)),
        None => {}
    }
    let max = account.limits.aliases_per_store_max;
    if account.aliases.values().filter(|alias| alias.store == store && alias.deleted.is_none()).count() >= max
    {
        let message = format!("a policy store has at most {max} aliases");
        return Err(Fault::Quota { message, kind: Kind::Alias, id: Some(store.to_owned()) });
    }
    account.last_alias += 1;
    let alias = Alias { store: store.to_owned(), number: account.last_alias, created: now, deleted: None };
    account.aliases.insert(name.to_owned(), alias.clone());
    Ok(answer(account, name, &alias, false))
}

pub(super) fn get(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let name = name(input)?;
    account.take("GetPolicyStoreAlias", Rate::Management, now)?;
    match account.aliases.get(name) {
        Some(alias) => Ok(answer(account, name, alias, true)),
        None => Err(Fault::NotFound { kind: Kind::Alias, id: name.to_owned() }),
    }
}

pub(super) fn delete(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let name = name(input)?;
    let modes = [("SoftDelete", Deletion::Soft), ("HardDelete", Deletion::Hard)];
    let mode = input.one_of("deletionMode", &modes)?.unwrap_or(Deletion::Soft);
    account.take("DeletePolicyStoreAlias", Rate::Management, now)?;
    match mode {
        Deletion::Hard => {
            account.aliases.remove(name);
        }
        Deletion::Soft => {
            if let Some(alias) = account.aliases.get_mut(name) {
                alias.deleted.get_or_insert(now);
            }
        }
    }
    Ok(json!({}))
}

pub(super) fn list(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let filter = input.object("filter")?;
    let store = filter.as_ref().map(filter_store).transpose()?.flatten();
    let page = Page::of_request(input, PAGE, &("ListPolicyStoreAliases", store))?;
    account.take("ListPolicyStoreAliases", Rate::Management, now)?;
    let in_order: BTreeMap<u64, (&String, &Alias)> = account
        .aliases
        .iter()
        .filter(|(_, alias)| store.is_none_or(|store| alias.store == store))
        .map(|(name, alias)| (alias.number, (name, alias)))
        .collect();
    let items =
        in_order.into_iter().map(|(number, (name, alias))| (number, answer(account, name, alias, true)));
    Ok(listed("policyStoreAliases", page.cut(items)))
}

/// An `aliasName`: `policy-store-alias/NAME`.
pub(super) fn name<'a>(input: &Members<'a>) -> Result<&'a str, Fault> {
    let name = input.required_text("aliasName", &NAME)?;
    match name.strip_prefix(ALIAS_PREFIX) {
        Some(rest) if !rest.is_empty() => Ok(name),
        _ => Err(input.invalid("aliasName", format!("must begin with `{ALIAS_PREFIX}` and go on"))),
    }
}

fn conflict(name: &str, why: &str) -> Fault {
    Fault::Conflict { message: format!("`{name}` {why}"), kind: Kind::Alias, id: name.to_owned() }
}

fn answer(account: &Account, name: &str, alias: &Alias, with_state: bool) -> Value {
    let mut answer = json!({
        "aliasName": name,
        "policyStoreId": alias.store,
        "aliasArn": account.alias_arn(name),
        "createdAt": stamp::time(alias.created),
    });
    if let (true, Some(members)) = (with_state, answer.as_object_mut()) {
        let state = if alias.deleted.is_some() { "PendingDeletion" } else { "Active" };
        members.insert("state".into(), state.into());
    }
    answer
}
