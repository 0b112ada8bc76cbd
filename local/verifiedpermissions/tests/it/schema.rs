//! The schema of a store.

use serde_json::{Value, json};
use time::Duration;

use crate::service::{JSON_SCHEMA, OWNER, Service, static_policy};

fn put(store: &str, schema: &str) -> Value {
    json!({ "policyStoreId": store, "definition": { "cedarJson": schema } })
}

#[test]
fn a_schema_comes_back_as_it_was_put() {
    let service = Service::new();
    let store = service.store("STRICT");
    let get = json!({ "policyStoreId": store });
    let refused = service.refused("GetSchema", get.clone(), "ResourceNotFoundException");
    assert_eq!(refused["resourceType"], "SCHEMA");
    let answer = service.ok("PutSchema", put(&store, JSON_SCHEMA));
    assert_eq!(answer["namespaces"], json!(["DocumentsAPI"]));
    service.wait(Duration::SECOND);
    service.ok("PutSchema", put(&store, JSON_SCHEMA));
    let got = service.ok("GetSchema", get);
    assert_eq!(got["schema"], JSON_SCHEMA);
    assert_eq!(got["createdDate"], "2026-11-22T12:00:00.000000Z");
    assert_eq!(got["lastUpdatedDate"], "2026-11-22T12:00:01.000000Z");
}

#[test]
fn an_empty_schema_deletes_the_schema() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, OWNER);
    service.ok("PutSchema", put(&store, "{}"));
    service.refused("GetSchema", json!({ "policyStoreId": store }), "ResourceNotFoundException");
    service.refused("CreatePolicy", static_policy(&store, OWNER), "ValidationException");
}

#[test]
fn what_is_not_a_schema_is_refused_and_the_old_one_stays() {
    let service = Service::new();
    let store = service.documents_store();
    let bad = [
        ("not json", "the form is JSON"),
        ("[]", "a schema is an object of namespaces"),
        (
            r#"{ "A": { "entityTypes": {}, "actions": { "a": { "memberOf": [{ "id": "b" }] } } } }"#,
            "no group b",
        ),
        (r#"{ "A": { "entityTypes": { "E": { "memberOfTypes": ["F"] } }, "actions": {} } }"#, "no type F"),
        ("namespace A { entity E; }", "the readable form is not taken by the service"),
    ];
    for (schema, why) in bad {
        let refused = service.refused("PutSchema", put(&store, schema), "ValidationException");
        assert_eq!(refused["fieldList"][0]["path"], "definition.cedarJson", "{why}");
    }
    service.policy(&store, OWNER);
}

#[test]
fn policies_that_are_there_are_not_held_against_a_new_schema() {
    let service = Service::new();
    let store = service.documents_store();
    let policy = service.policy(&store, OWNER);
    let without_documents = r#"{ "DocumentsAPI": { "entityTypes": { "User": {} }, "actions": {} } }"#;
    service.ok("PutSchema", put(&store, without_documents));
    service.ok("GetPolicy", json!({ "policyStoreId": store, "policyId": policy }));
    service.refused("CreatePolicy", static_policy(&store, OWNER), "ValidationException");
    let update = json!({
        "policyStoreId": store, "policyId": policy, "definition": { "static": { "statement": OWNER } },
    });
    service.refused("UpdatePolicy", update, "ValidationException");
}

#[test]
fn several_namespaces_are_allowed() {
    let service = Service::new();
    let store = service.store("STRICT");
    let two = r#"{ "A": { "entityTypes": { "E": {} }, "actions": {} },
                   "B": { "entityTypes": { "F": {} }, "actions": {} } }"#;
    let mut namespaces: Vec<String> = service.ok("PutSchema", put(&store, two))["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    namespaces.sort();
    assert_eq!(namespaces, ["A", "B"]);
}
