//! The operations of the service, a file for each kind of thing. Knows their names: which are
//! provided, and which store each is about.

mod aliases;
mod authorize;
mod batch_get;
mod policies;
mod schema;
mod stores;
mod tags;
mod templates;

pub(crate) use tags::TAGS_MAX;

use serde_json::Value;
use time::OffsetDateTime;

use crate::Target;
use crate::account::{ALIAS_PREFIX, Account};
use crate::fault::Fault;
use crate::wire::{Members, NAME, STORE_ID};

/// Operations of the service that need an identity provider, which this account does not follow.
const NOT_PROVIDED: [&str; 7] = [
    "BatchIsAuthorizedWithToken",
    "CreateIdentitySource",
    "DeleteIdentitySource",
    "GetIdentitySource",
    "IsAuthorizedWithToken",
    "ListIdentitySources",
    "UpdateIdentitySource",
];

/// Performs one operation.
pub(crate) fn perform(
    account: &mut Account,
    operation: &str,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    account.release_aliases(now);
    match operation {
        "CreatePolicyStore" => stores::create(account, input, now),
        "GetPolicyStore" => stores::get(account, input, now),
        "UpdatePolicyStore" => stores::update(account, input, now),
        "DeletePolicyStore" => stores::delete(account, input, now),
        "ListPolicyStores" => stores::list(account, input, now),
        "CreatePolicyStoreAlias" => aliases::create(account, input, now),
        "GetPolicyStoreAlias" => aliases::get(account, input, now),
        "DeletePolicyStoreAlias" => aliases::delete(account, input, now),
        "ListPolicyStoreAliases" => aliases::list(account, input, now),
        "PutSchema" => schema::put(account, input, now),
        "GetSchema" => schema::get(account, input, now),
        "CreatePolicy" => policies::create(account, input, now),
        "GetPolicy" => policies::get(account, input, now),
        "UpdatePolicy" => policies::update(account, input, now),
        "DeletePolicy" => policies::delete(account, input, now),
        "ListPolicies" => policies::list(account, input, now),
        "BatchGetPolicy" => batch_get::batch_get(account, input, now),
        "CreatePolicyTemplate" => templates::create(account, input, now),
        "GetPolicyTemplate" => templates::get(account, input, now),
        "UpdatePolicyTemplate" => templates::update(account, input, now),
        "DeletePolicyTemplate" => templates::delete(account, input, now),
        "ListPolicyTemplates" => templates::list(account, input, now),
        "IsAuthorized" => authorize::one(account, input, now),
        "BatchIsAuthorized" => authorize::batch(account, input, now),
        "TagResource" => tags::tag(account, input, now),
        "UntagResource" => tags::untag(account, input, now),
        "ListTagsForResource" => tags::list(account, input, now),
        other => Err(unknown(other)),
    }
}

fn unknown(operation: &str) -> Fault {
    if NOT_PROVIDED.contains(&operation) {
        Fault::NotProvided(operation.to_owned())
    } else {
        Fault::UnknownOperation(operation.to_owned())
    }
}

/// What the operation would be performed on.
pub(crate) fn target(account: &Account, operation: &str, input: &Members<'_>) -> Result<Target, Fault> {
    let store = |id: String| Target::Stores(vec![id]);
    match operation {
        "CreatePolicyStore" | "ListPolicyStores" | "ListPolicyStoreAliases" => Ok(Target::Account),
        "CreatePolicyStoreAlias" | "GetPolicyStoreAlias" | "DeletePolicyStoreAlias" => {
            let alias = aliases::name(input)?.to_owned();
            let store = match operation {
                "CreatePolicyStoreAlias" => Some(account.bare_store_id(input)?.to_owned()),
                _ => account.behind_alias(&alias).map(ToOwned::to_owned),
            };
            Ok(Target::Alias { arn: account.alias_arn(&alias), store })
        }
        "DeletePolicyStore" => account.bare_store_id(input).map(|id| store(id.to_owned())),
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            account.store_in_arn(input).map(|id| store(id.to_owned()))
        }
        "BatchGetPolicy" => {
            let mut ids = Vec::new();
            for item in batch_get::items(input)? {
                let id = account.resolve(item.store)?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            Ok(Target::Stores(ids))
        }
        "GetPolicyStore"
        | "UpdatePolicyStore"
        | "PutSchema"
        | "GetSchema"
        | "CreatePolicy"
        | "GetPolicy"
        | "UpdatePolicy"
        | "DeletePolicy"
        | "ListPolicies"
        | "CreatePolicyTemplate"
        | "GetPolicyTemplate"
        | "UpdatePolicyTemplate"
        | "DeletePolicyTemplate"
        | "ListPolicyTemplates"
        | "IsAuthorized"
        | "BatchIsAuthorized" => account.store_id(input).map(store),
        other => Err(unknown(other)),
    }
}

/// What a name given to a policy or template says.
enum Naming<'a> {
    Absent,
    Empty,
    Given(&'a str),
}

/// A `name` member: absent, empty, or `name/…` (API reference: "must be prefixed with `name/`").
fn naming<'a>(input: &Members<'a>) -> Result<Naming<'a>, Fault> {
    match input.text("name", &NAME)? {
        None => Ok(Naming::Absent),
        Some("") => Ok(Naming::Empty),
        Some(name) if name.strip_prefix("name/").is_some_and(|rest| !rest.is_empty()) => {
            Ok(Naming::Given(name))
        }
        Some(_) => Err(input.invalid("name", "must begin with `name/` and go on")),
    }
}

/// The name of something new.
fn first_name(input: &Members<'_>) -> Result<Option<String>, Fault> {
    match naming(input)? {
        Naming::Absent => Ok(None),
        Naming::Given(name) => Ok(Some(name.to_owned())),
        Naming::Empty => Err(input.invalid("name", "must begin with `name/` and go on")),
    }
}

/// A `policyStoreId` filter, which takes ids only.
fn filter_store<'a>(filter: &Members<'a>) -> Result<Option<&'a str>, Fault> {
    match filter.text("policyStoreId", &STORE_ID)? {
        Some(id) if id.starts_with(ALIAS_PREFIX) => {
            Err(filter.invalid("policyStoreId", "takes the id of a policy store, not an alias"))
        }
        other => Ok(other),
    }
}

/// The answer of a list operation; the last page has no token.
fn listed(name: &str, (items, next): (Vec<Value>, Option<String>)) -> Value {
    let next = next.map(|token| ("nextToken".to_owned(), Value::String(token)));
    Value::Object([(name.to_owned(), Value::Array(items))].into_iter().chain(next).collect())
}
