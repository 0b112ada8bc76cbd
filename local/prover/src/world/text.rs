//! What can be read off a policy's text without judging it: whom it names, which services and condition keys it speaks
//! of, whether it does more than deny.
//!
//! None of it decides anything; it says what need not be asked, and which ways of asking could matter.

use std::collections::BTreeSet;

use iam::Policy;
use serde_json::Value;

use super::{Mentions, Trusted};
use crate::template::scalar;

/// Whom a trust policy names. Only ever used to not ask what cannot be allowed, so what is not plain is `unclear`.
pub(super) fn trusted(document: &Value) -> Trusted {
    let mut trusted = Trusted::default();
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    for statement in statements {
        if statement.get("Effect").is_none_or(|effect| effect != "Allow") {
            continue;
        }
        match statement.get("Principal") {
            Some(Value::Object(kinds)) => {
                for (kind, names) in kinds {
                    let names: Vec<String> = match names {
                        Value::Array(names) => names.iter().filter_map(scalar).collect(),
                        one => scalar(one).into_iter().collect(),
                    };
                    match kind.as_str() {
                        "AWS" => trusted.aws.extend(names),
                        "Service" => trusted.services.extend(names),
                        "Federated" => trusted.federated.extend(names),
                        _ => trusted.unclear = true,
                    }
                }
            }
            _ => trusted.unclear = true,
        }
    }
    trusted
}

/// Notes the condition keys of a policy and their values.
pub(super) fn mention(document: &str, mentions: &mut Mentions) {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let Some(Value::Array(statements)) = document.get("Statement") else { return };
    for condition in statements.iter().filter_map(|statement| statement.get("Condition")?.as_object()) {
        for (key, values) in condition.values().filter_map(Value::as_object).flatten() {
            let noted = mentions.entry(key.to_lowercase()).or_default();
            let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
            noted.extend(values.iter().filter_map(scalar).filter(|value| !value.contains("${")));
        }
    }
}

/// Whether a policy has a statement that is not a denial.
pub(super) fn allows(policy: &Policy) -> bool {
    let document: Value = serde_json::from_str(&policy.document.to_string()).unwrap_or_default();
    let statements = document.get("Statement").and_then(Value::as_array);
    statements.is_none_or(|all| all.iter().any(|one| one.get("Effect").is_none_or(|effect| effect != "Deny")))
}

/// Adds the services whose actions a policy names; `None` if it could be any.
pub(super) fn services(document: &str, mut known: BTreeSet<String>) -> Option<BTreeSet<String>> {
    let document: Value = serde_json::from_str(document).ok()?;
    for statement in document.get("Statement")?.as_array()? {
        for action in statement.get("Action")?.as_array()? {
            let (service, _) = action.as_str()?.split_once(':')?;
            known.insert(service.to_lowercase());
        }
    }
    Some(known)
}
