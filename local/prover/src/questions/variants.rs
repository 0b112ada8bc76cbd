//! How a request could put it: the condition keys that a caller chooses.
//!
//! A key is varied only where a policy that bears on the request speaks of it, since otherwise its value decides
//! nothing; then it is left out, given every value that the policies name, and given another.

use std::collections::BTreeMap;

use iam::{Context, Value};

use super::{Owner, Target};
use crate::facts::Action;
use crate::tenants::Tenants;
use crate::world::Mentions;

/// The values that were chosen, by the key's name.
pub(crate) type Choice = BTreeMap<String, String>;

/// A value of a key, and what it is called.
type Way = (String, Option<Value>);

const RETURN_VALUES: &[&str] = &["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"];
const SELECTS: &[&str] = &["ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "COUNT", "SPECIFIC_ATTRIBUTES"];
/// No attribute, Region or value of anybody's.
const OTHER: &str = "anything else";
const ABSENT: &str = "nothing";

/// Every way to put a request for this target, with what was chosen.
pub(crate) fn variants(
    action: &str,
    facts: &Action,
    target: &Target<'_>,
    mentions: &Mentions,
    tenants: &Tenants,
    session: Option<&str>,
    region: &str,
) -> Vec<(Context, Choice)> {
    let mut context = target.context.clone();
    if let Some(key) = &target.key {
        let mut keys = vec![key.clone()];
        // A batch may hold what is the caller's own beside what is not.
        if action.starts_with("dynamodb:Batch")
            && let Some(own) = session.filter(|own| own != key)
        {
            keys.insert(0, own.to_owned());
        }
        for name in ["dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues"] {
            context = context.with_many(name, keys.iter().cloned());
        }
    }
    let mut found = vec![(context, Choice::new())];
    let other_mentions = target.mentions.into_iter().flatten();
    let mut all: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for (key, values) in mentions.iter().chain(other_mentions) {
        all.entry(key).or_default().extend(values);
    }
    for (key, literals) in all {
        let ways = ways(key, &literals, action, facts, target, tenants, region);
        if ways.is_empty() {
            continue;
        }
        found = found
            .into_iter()
            .flat_map(|(context, choice)| {
                ways.iter().map(move |(called, value)| {
                    let (mut context, mut choice) = (context.clone(), choice.clone());
                    if let Some(value) = value {
                        context.set(key, value.clone());
                    }
                    choice.insert(key.clone(), called.clone());
                    (context, choice)
                })
            })
            .collect();
    }
    found
}

/// The ways in which a caller can set a key; empty if it is not the caller's to set.
fn ways(
    key: &str,
    literals: &[&String],
    action: &str,
    facts: &Action,
    target: &Target<'_>,
    tenants: &Tenants,
    region: &str,
) -> Vec<Way> {
    let one = |value: &str| (value.to_owned(), Some(Value::One(value.to_owned())));
    let absent = || (ABSENT.to_owned(), None);
    match key {
        "aws:requestedregion" => vec![one(region), one("other-region-1")],
        "dynamodb:leadingkeys" | "dynamodb:firstpartitionkeyvalues" | "s3:prefix" => Vec::new(),
        _ if key.starts_with("aws:requesttag/") && facts.carries("aws:RequestTag/${TagKey}") => {
            let tag = |called: &str, id: &str| (called.to_owned(), Some(Value::One(id.to_owned())));
            let (own, other) = (tenants.own(), tenants.other());
            match &target.owner {
                Owner::Tenant(id) => {
                    let another = if id == own { other } else { own };
                    vec![absent(), tag("the tenant that it has", id), tag("another tenant", another)]
                }
                _ => vec![absent(), tag("a tenant", own)],
            }
        }
        _ if !facts.carries(key) => Vec::new(),
        "dynamodb:attributes" => {
            let key = target.key_attribute.as_ref().unwrap_or(&tenants.naming.key);
            let named = |name: &str| {
                let all = [key.as_str(), name].map(str::to_owned).to_vec();
                (name.to_owned(), Some(Value::Many(all)))
            };
            let literals = literals.iter().map(|name| named(name));
            literals.chain([named(OTHER), (ABSENT.to_owned(), Some(Value::Many(Vec::new())))]).collect()
        }
        "dynamodb:returnvalues" => {
            [absent()].into_iter().chain(RETURN_VALUES.iter().map(|value| one(value))).collect()
        }
        "dynamodb:select" => [absent()].into_iter().chain(SELECTS.iter().map(|value| one(value))).collect(),
        "dynamodb:enclosingoperation" => {
            let within = if action.ends_with(":GetItem") { "TransactGetItems" } else { "TransactWriteItems" };
            vec![absent(), one(within)]
        }
        _ => {
            let literals = literals.iter().map(|value| one(value));
            [absent()].into_iter().chain(literals).chain([one(OTHER)]).collect()
        }
    }
}
