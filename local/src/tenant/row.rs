//! A tenant's rows, as a person and as a program read them. Pure.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value, json};

/// What opens the page about a registration to whoever has it: nothing to print.
const UNPRINTED: [&str; 1] = ["progress_key"];

/// The attributes of a row without DynamoDB's types; keys and other bytes are left out.
pub(super) fn plain(item: &Value) -> Map<String, Value> {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .filter(|(name, _)| !UNPRINTED.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.clone(), untyped(value)?)))
        .collect()
}

fn untyped(attribute: &Value) -> Option<Value> {
    let (kind, value) = attribute.as_object()?.iter().next()?;
    match kind.as_str() {
        "S" | "BOOL" | "SS" => Some(value.clone()),
        "N" => serde_json::from_str(value.as_str()?).ok(),
        "M" => Some(Value::Object(plain(value))),
        "L" => Some(value.as_array()?.iter().filter_map(untyped).collect()),
        "NULL" => Some(Value::Null),
        _ => None,
    }
}

/// The line of licences of each tenant, by its id: the one that it is on is the last. From rows of licences, among others.
pub(super) fn lines(rows: impl Iterator<Item = Map<String, Value>>) -> BTreeMap<String, Value> {
    let mut lines: BTreeMap<String, Vec<(u64, Value)>> = BTreeMap::new();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let license = text("subject").and_then(|subject| subject.strip_prefix("license#"));
        if let (Some(license), Some(tenant)) = (license, text("tenant_id")) {
            let turn = row.get("turn").and_then(Value::as_u64).unwrap_or_default();
            let told = json!({
                "license_arn": license,
                "state": text("subscription_state"),
                "since": text("state_since"),
                "cause": text("state_cause"),
                "final_metering": text("final_metering"),
            });
            lines.entry(tenant.to_owned()).or_default().push((turn, told));
        }
    }
    lines
        .into_iter()
        .map(|(tenant, mut line)| {
            line.sort_by_key(|(turn, _)| *turn);
            (tenant, line.into_iter().map(|(_, told)| told).collect())
        })
        .collect()
}

/// One line of JSON.
pub(super) fn as_json(record: &Map<String, Value>) -> String {
    Value::Object(record.clone()).to_string()
}

/// One line of a table: id, what has become of it, and whose it is.
pub(super) fn as_line(record: &Map<String, Value>) -> String {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or("-");
    let progress = match text("progress") {
        // One of those who were there from the start, without a registration.
        "-" => text("tenant_state"),
        progress => progress,
    };
    let words = [text("tenant_id"), progress, text("subscription_state"), text("company")];
    let [id, progress, subscription, company] = words;
    format!("{id:<32}  {progress:<8} {subscription:<10} {company}")
}

/// One line an attribute.
pub(super) fn as_text(record: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in record {
        // A list has a line an item.
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:<24} {value}");
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Map<String, Value> {
        plain(&json!({
            "tenant_id": { "S": "0123" }, "progress": { "S": "closed" }, "erased_documents": { "N": "12" },
            "waived_grace": { "BOOL": true }, "cursor_key": { "B": "c2VjcmV0" }, "progress_key": { "S": "secret" },
            "list": { "L": [{ "S": "a" }, { "M": { "n": { "N": "1.5" } } }] },
        }))
    }

    #[test]
    fn a_row_is_read_without_its_types_and_without_its_keys() {
        let expected = json!({
            "tenant_id": "0123", "progress": "closed", "erased_documents": 12, "waived_grace": true,
            "list": ["a", { "n": 1.5 }],
        });
        assert_eq!(Value::Object(record()), expected);
        assert_eq!(serde_json::from_str::<Value>(&as_json(&record())).unwrap(), expected);
    }

    #[test]
    fn a_tenants_licences_are_told_in_the_order_in_which_it_was_on_them() {
        let row = |license: &str, tenant: &str, turn: Option<u32>| {
            let mut row = json!({
                "subject": { "S": format!("license#{license}") }, "tenant_id": { "S": tenant },
                "subscription_state": { "S": "active" },
            });
            if let Some(turn) = turn {
                row["turn"] = json!({ "N": turn.to_string() });
            }
            plain(&row)
        };
        let nobody = plain(&json!({ "subject": { "S": "license#c" } }));
        let agreement = plain(&json!({ "subject": { "S": "agreement#d" }, "tenant_id": { "S": "1" } }));
        let rows = [row("b", "1", Some(1)), nobody, row("a", "1", None), row("e", "2", None), agreement];
        let told = lines(rows.into_iter());
        let licenses = |tenant: &str| -> Vec<String> {
            let line = told[tenant].as_array().unwrap().iter();
            line.map(|one| one["license_arn"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            (licenses("1"), licenses("2"), told.len()),
            (vec!["a".to_owned(), "b".to_owned()], vec!["e".to_owned()], 2)
        );
        assert_eq!(told["1"][0]["state"], "active");
    }

    #[test]
    fn a_person_reads_one_line_an_attribute_or_one_a_tenant() {
        let text = as_text(&record());
        assert!(text.lines().any(|line| line.trim() == "erased_documents         12"), "{text}");
        assert_eq!(as_line(&record()).split_whitespace().collect::<Vec<_>>(), ["0123", "closed", "-", "-"]);
        let line = as_line(&plain(&json!({ "tenant_id": { "S": "1" }, "tenant_state": { "S": "open" } })));
        assert!(line.contains("open"), "{line}");
    }
}
