//! Tags of policy stores: what IAM sees as `aws:ResourceTag`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::account::{Account, Rate};
use crate::fault::Fault;
use crate::wire::{Members, TAG_KEY, TAG_VALUE, Text};

/// "You can associate as many as 50 tags with a resource."
pub(crate) const TAGS_MAX: usize = 50;

pub(super) fn tag(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let id = account.store_in_arn(input)?;
    let tags = read(input)?.ok_or_else(|| input.missing("tags"))?;
    let arn = account.store_arn(id);
    let (store, _) = account.store_by_id(id, "TagResource", Rate::Management, now)?;
    let mut all = store.tags.clone();
    all.extend(tags);
    if all.len() > TAGS_MAX {
        return Err(Fault::TooManyTags { arn });
    }
    store.tags = all;
    Ok(json!({}))
}

pub(super) fn untag(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let id = account.store_in_arn(input)?;
    let items = input.list("tagKeys")?.ok_or_else(|| input.missing("tagKeys"))?;
    if items.is_empty() || items.len() > 200 {
        return Err(input.invalid("tagKeys", "must have from 1 to 200 items"));
    }
    let mut keys = Vec::new();
    for (path, item) in items {
        keys.push(text(&path, item, &TAG_KEY)?);
    }
    let (store, _) = account.store_by_id(id, "UntagResource", Rate::Management, now)?;
    for key in keys {
        store.tags.remove(key);
    }
    Ok(json!({}))
}

pub(super) fn list(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let id = account.store_in_arn(input)?;
    let (store, _) = account.store_by_id(id, "ListTagsForResource", Rate::Management, now)?;
    Ok(json!({ "tags": store.tags }))
}

/// The `tags` of a request. Keys that begin with `aws:` are AWS's own (Tagging AWS resources).
pub(super) fn read(input: &Members<'_>) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let Some(members) = input.object("tags")? else { return Ok(None) };
    let mut tags = BTreeMap::new();
    for (key, value) in members.entries() {
        let path = members.path(key);
        TAG_KEY.check(&path, key)?;
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(Fault::invalid(path, "a tag key must not begin with `aws:`"));
        }
        tags.insert(key.clone(), text(&path, value, &TAG_VALUE)?.to_owned());
    }
    if tags.len() > 200 {
        return Err(input.invalid("tags", "must have at most 200 items"));
    }
    Ok(Some(tags))
}

fn text<'a>(path: &str, value: &'a Value, rule: &Text) -> Result<&'a str, Fault> {
    match value {
        Value::String(text) => rule.check(path, text),
        _ => Err(Fault::Type { path: path.to_owned(), expected: "a string" }),
    }
}
