//! The API's description: OpenAPI 3.1 (<https://spec.openapis.org/oas/v3.1.1.html>), made from the table of routes.
//!
//! It is checked in as `openapi.json`, which is what `GET /openapi.json` answers; a test holds the file to this.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Operation,
    answers::{self, Answers, COMMON},
    schemas,
};
use crate::problem::Kind;

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in Operation::ALL {
        let (method, path) = operation.route();
        let described = match answers::of(*operation) {
            Some(answers) => api(*operation, path, answers),
            None => open(*operation, path),
        };
        paths.entry(path).or_default().insert(method.to_lowercase(), described);
    }
    let schemas: Map<String, Value> =
        schemas::all().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Strongroom",
            "version": "1",
            "description": "Documents of a tenant's users, and their shares. The token says whose tenant it is; nothing else does.",
        },
        "servers": [{ "url": "/v1" }],
        "security": [{ "idToken": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "idToken": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "The ID token of the user pool, as it is.",
                },
            },
        },
    })
}

/// The file, as it is checked in.
#[must_use]
pub fn file() -> String {
    format!("{:#}\n", sorted(document()))
}

/// The same with every object's fields in order: whether a map keeps the order of insertion is up to whatever else is
/// compiled in.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().collect();
            Value::Object(fields.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// What asks for a token and speaks JSON.
fn api(operation: Operation, path: &str, answers: Answers) -> Value {
    let query = answers.query.into_iter().map(|(name, schema, required)| {
        json!({ "name": name, "in": "query", "required": required, "schema": schema })
    });
    let parameters: Vec<Value> = path_parameters(path).into_iter().chain(query).collect();
    let mut responses = Map::new();
    for (status, meaning, schema) in answers.good {
        responses.insert(status.to_string(), response(meaning, schema));
    }
    let mut refusals: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for kind in COMMON.into_iter().chain(answers.refusals) {
        refusals.entry(kind.status()).or_default().push(kind.title());
    }
    for (status, titles) in refusals {
        responses.insert(status.to_string(), problem(&titles));
    }
    let described = json!({
        "operationId": operation.name(), "summary": answers.summary, "parameters": parameters, "responses": responses,
    });
    match answers.body {
        Some(body) => taking(described, "application/json", of(body)),
        None => described,
    }
}

/// What everybody may ask for: pages for a browser, and this document.
fn open(operation: Operation, path: &str) -> Value {
    let (summary, media, form) = match operation {
        Operation::DescribeApi => ("This description.", "application/json", false),
        Operation::Welcome | Operation::FollowRegistration => ("A page of the sign-up.", "text/html", false),
        _ => ("A form of the sign-up; the answer is a page, or leads to one.", "text/html", true),
    };
    let page = json!({ "description": summary, "content": { media: {} } });
    // Whatever comes of a form, it is a page.
    let answers = if operation == Operation::DescribeApi { "200" } else { "default" };
    let described = json!({
        "operationId": operation.name(), "summary": summary, "security": [], "parameters": path_parameters(path),
        "responses": { answers: page, "429": problem(&[Kind::TooManyRequests.title()]) },
    });
    if form {
        let schema = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        taking(described, "application/x-www-form-urlencoded", schema)
    } else {
        described
    }
}

/// The same with a body that has to be there.
fn taking(mut described: Value, media: &str, schema: Value) -> Value {
    if let Some(described) = described.as_object_mut() {
        let body = json!({ "required": true, "content": { media: { "schema": schema } } });
        described.insert("requestBody".to_owned(), body);
    }
    described
}

/// A parameter for each `{name}` of a path.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let schema = if name == "registration" { json!({ "type": "string" }) } else { of("Id") };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect()
}

fn of(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn response(meaning: &str, schema: Option<&str>) -> Value {
    match schema {
        Some(schema) => {
            json!({ "description": meaning, "content": { "application/json": { "schema": of(schema) } } })
        }
        None => json!({ "description": meaning }),
    }
}

fn problem(titles: &[&str]) -> Value {
    let meaning = titles.join("; ");
    json!({ "description": meaning, "content": { "application/problem+json": { "schema": of("Problem") } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_is_checked_in_is_the_one_that_the_table_makes() {
        let checked_in = include_str!("../../../openapi.json");
        assert!(
            checked_in == file(),
            "openapi.json is not what the routes make: cargo run -q -p local -- openapi > openapi.json"
        );
    }

    #[test]
    fn every_reference_leads_somewhere_and_no_schema_is_left_over() {
        let text = document().to_string();
        for (name, _) in schemas::all() {
            assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name} is referred to");
        }
        for part in text.split("\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas::all().iter().any(|(known, _)| *known == name), "{name} is there");
        }
    }
}
