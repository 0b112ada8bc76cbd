//! Decisions over the wire: the forms of entities and context, and what is refused.

use serde_json::{Value, json};

use crate::service::{JSON_SCHEMA, OWNER, Service, TENANT_ADMIN, action, entity};

fn open(store: &str, user: &str) -> Value {
    json!({
        "policyStoreId": store,
        "principal": entity("User", user),
        "action": action("accessDocument"),
        "resource": entity("Document", "d"),
        "entities": { "entityList": [document("d", "olga")] },
    })
}

fn document(id: &str, owner: &str) -> Value {
    json!({
        "identifier": entity("Document", id),
        "attributes": { "owner": { "entityIdentifier": entity("User", owner) } },
    })
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

#[test]
fn the_owner_is_allowed_by_the_owner_policy_and_another_user_by_none() {
    let service = Service::new();
    let store = service.documents_store();
    let policy = service.policy(&store, OWNER);
    assert_eq!(
        service.ok("IsAuthorized", open(&store, "olga")),
        json!({ "decision": "ALLOW", "determiningPolicies": [{ "policyId": policy }], "errors": [] })
    );
    assert_eq!(
        service.ok("IsAuthorized", open(&store, "stan")),
        json!({ "decision": "DENY", "determiningPolicies": [], "errors": [] })
    );
}

#[test]
fn a_forbid_is_the_reason_when_it_wins() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, OWNER);
    let forbid =
        service.policy(&store, "forbid (principal, action, resource == DocumentsAPI::Document::\"d\");");
    let answer = service.ok("IsAuthorized", open(&store, "olga"));
    assert_eq!(answer["decision"], "DENY");
    assert_eq!(answer["determiningPolicies"], json!([{ "policyId": forbid }]));
}

#[test]
fn groups_are_the_parents_of_the_user_that_were_sent() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, TENANT_ADMIN);
    let admin = json!({
        "identifier": entity("User", "ada"), "parents": [entity("Group", "TENANT_ADMINS")],
    });
    let list = json!({ "entityList": [document("d", "olga"), admin] });
    let answer = service.ok("IsAuthorized", with(open(&store, "ada"), "entities", list));
    assert_eq!(answer["decision"], "ALLOW");
    assert_eq!(service.ok("IsAuthorized", open(&store, "ada"))["decision"], "DENY");
}

#[test]
fn entities_may_come_as_cedar_json() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, OWNER);
    let cedar = |owner: &str| {
        let entities = json!([{
            "uid": { "type": "DocumentsAPI::Document", "id": "d" },
            "attrs": { "owner": { "__entity": { "type": "DocumentsAPI::User", "id": owner } } },
            "parents": [],
        }]);
        with(open(&store, "olga"), "entities", json!({ "cedarJson": entities.to_string() }))
    };
    assert_eq!(service.ok("IsAuthorized", cedar("olga"))["decision"], "ALLOW");
    assert_eq!(service.ok("IsAuthorized", cedar("oscar"))["decision"], "DENY");
}

#[test]
fn of_two_entities_with_one_identifier_the_last_counts() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, OWNER);
    let list = |owners: [&str; 2]| json!({ "entityList": owners.map(|owner| document("d", owner)) });
    let ask = |owners| service.ok("IsAuthorized", with(open(&store, "olga"), "entities", list(owners)));
    assert_eq!(ask(["oscar", "olga"])["decision"], "ALLOW");
    assert_eq!(ask(["olga", "oscar"])["decision"], "DENY");
}

/// Each row must be refused in a STRICT store; the same request without the change is answered.
#[test]
fn a_request_that_does_not_fit_the_schema_is_refused() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, OWNER);
    service.ok("IsAuthorized", open(&store, "olga"));
    let listed = |entity: Value| json!({ "entityList": [entity] });
    let owned = |owner: Value| {
        listed(json!({ "identifier": entity("Document", "d"), "attributes": { "owner": owner } }))
    };
    for (member, value, why) in [
        ("action", action("burn"), "no such action"),
        ("action", action("ownerActions"), "a group of actions is not asked about"),
        ("action", action("addDocument"), "adding is to the collection"),
        ("resource", entity("DocumentStore", "t"), "opening is of a document"),
        ("resource", entity("Robot", "r"), "no such type"),
        ("principal", entity("Group", "TENANT_ADMINS"), "a group does not ask"),
        ("context", json!({ "contextMap": { "ip": { "string": "x" } } }), "the action has no context"),
        ("entities", owned(json!({ "string": "olga" })), "an owner is an entity, not its name"),
        ("entities", owned(json!({ "entityIdentifier": entity("Group", "g") })), "an owner is a user"),
        ("entities", listed(json!({ "identifier": entity("Document", "d") })), "a document has an owner"),
        (
            "entities",
            listed(json!({ "identifier": entity("User", "olga"), "parents": [entity("Document", "d")] })),
            "a user is not in a document",
        ),
        (
            "entities",
            listed(
                json!({ "identifier": { "entityType": "DocumentsAPI::Action", "entityId": "accessDocument" } }),
            ),
            "actions come from the schema only",
        ),
    ] {
        let body = with(open(&store, "olga"), member, value);
        let refused = service.refused("IsAuthorized", body, "ValidationException");
        assert!(refused["fieldList"][0]["message"].is_string(), "{why}");
    }
}

#[test]
fn a_request_without_one_of_its_three_parts_is_refused() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, TENANT_ADMIN);
    for member in ["principal", "action", "resource"] {
        let body = with(open(&store, "olga"), member, Value::Null);
        let refused = service.refused("IsAuthorized", body, "ValidationException");
        assert_eq!(refused["fieldList"][0]["path"], member);
    }
}

#[test]
fn a_policy_that_fails_is_skipped_and_reported() {
    let service = Service::new();
    let store = service.store("OFF");
    service.policy(&store, "permit (principal, action, resource) when { resource.author == principal };");
    let allows = service.policy(&store, "permit (principal, action, resource);");
    let answer = service.ok("IsAuthorized", open(&store, "olga"));
    assert_eq!(answer["decision"], "ALLOW");
    assert_eq!(answer["determiningPolicies"], json!([{ "policyId": allows }]));
    assert!(answer["errors"][0]["errorDescription"].as_str().unwrap().contains("author"), "{answer}");
}

#[test]
fn without_validation_the_schema_still_says_which_action_is_in_which() {
    let service = Service::new();
    let store = service.store("OFF");
    service.policy(&store, OWNER);
    assert_eq!(service.ok("IsAuthorized", open(&store, "olga"))["decision"], "DENY", "no schema, no groups");
    service.ok("PutSchema", json!({ "policyStoreId": store, "definition": { "cedarJson": JSON_SCHEMA } }));
    assert_eq!(service.ok("IsAuthorized", open(&store, "olga"))["decision"], "ALLOW");
    // And nothing is checked: the owner as text is a quiet deny, as the service documents OFF.
    let owner =
        json!({ "identifier": entity("Document", "d"), "attributes": { "owner": { "string": "olga" } } });
    let body = with(open(&store, "olga"), "entities", json!({ "entityList": [owner] }));
    assert_eq!(service.ok("IsAuthorized", body)["decision"], "DENY");
}

/// Every type of value there is: each condition holds only if the value arrived as what it is.
#[test]
fn every_type_of_value_arrives_as_itself() {
    let service = Service::new();
    let cases = [
        (json!({ "boolean": true }), "context.v"),
        (json!({ "long": -7 }), "context.v == -7"),
        (json!({ "string": "a\nb" }), "context.v == \"a\\nb\""),
        (
            json!({ "entityIdentifier": { "entityType": "User", "entityId": "o\"o" } }),
            "context.v == User::\"o\\\"o\"",
        ),
        (json!({ "set": [{ "long": 1 }, { "long": 2 }] }), "context.v == [2, 1]"),
        (json!({ "set": [] }), "context.v == []"),
        (json!({ "record": { "in": { "long": 1 } } }), "context.v[\"in\"] == 1"),
        (json!({ "ipaddr": "10.0.0.7/24" }), "context.v.isInRange(ip(\"10.0.0.0/8\"))"),
        (json!({ "decimal": "1.2345" }), "context.v.lessThan(decimal(\"1.3\"))"),
        (json!({ "datetime": "2026-11-22T10:00:00Z" }), "context.v < datetime(\"2026-11-23\")"),
        (json!({ "duration": "1h30m" }), "context.v == duration(\"90m\")"),
    ];
    for (value, condition) in cases {
        let store = service.store("OFF");
        service.policy(&store, &format!("permit (principal, action, resource) when {{ {condition} }};"));
        let ask = |context: Value| {
            service.ok(
                "IsAuthorized",
                with(with(open(&store, "u"), "context", context), "entities", Value::Null),
            )
        };
        let answer = ask(json!({ "contextMap": { "v": value } }));
        assert_eq!(answer["decision"], "ALLOW", "{value} {condition}: {answer}");
        let other = ask(json!({ "contextMap": { "v": { "string": "something else" } } }));
        assert_eq!(other["decision"], "DENY", "{condition}: {other}");
        // The same value as an attribute and as a Cedar tag of the resource.
        let entity = json!({ "entityList": [{
            "identifier": entity("Document", "d"),
            "attributes": { "v": value },
            "tags": { "v": value },
        }] });
        for place in ["resource.v", "resource.getTag(\"v\")"] {
            let store = service.store("OFF");
            let condition = condition.replace("context.v", place);
            service.policy(&store, &format!("permit (principal, action, resource) when {{ {condition} }};"));
            let answer = service.ok("IsAuthorized", with(open(&store, "u"), "entities", entity.clone()));
            assert_eq!(answer["decision"], "ALLOW", "{value} {condition}: {answer}");
        }
    }
}

#[test]
fn a_value_that_is_none_is_refused() {
    let service = Service::new();
    let store = service.store("OFF");
    let ask = |value: Value| with(open(&store, "u"), "context", json!({ "contextMap": { "v": value } }));
    service.ok("IsAuthorized", ask(json!({ "long": 1 })));
    let mut deep = json!({ "long": 1 });
    for _ in 0..40 {
        deep = json!({ "set": [deep] });
    }
    for (value, why) in [
        (json!({}), "no type"),
        (json!({ "long": 1, "string": "1" }), "two types"),
        (json!({ "float": 1.5 }), "no such type"),
        (json!({ "ipaddr": "300.0.0.1" }), "not an address"),
        (json!({ "decimal": "1.23456" }), "too many digits"),
        (json!({ "datetime": "yesterday" }), "not a date"),
        (json!({ "duration": "1y" }), "not a duration"),
        (deep, "too deep"),
    ] {
        service.refused("IsAuthorized", ask(value), "ValidationException");
        assert!(!why.is_empty());
    }
    for (value, why) in [
        (json!({ "long": 1.5 }), "not an integer"),
        (json!({ "boolean": "true" }), "a word is not a truth"),
        (json!("text"), "a value has a type"),
    ] {
        service.refused("IsAuthorized", ask(value), "SerializationException");
        assert!(!why.is_empty());
    }
}

#[test]
fn a_hierarchy_is_bounded_and_has_no_cycles() {
    let service = Service::new();
    let store = service.documents_store();
    let admins = service.policy(&store, TENANT_ADMIN);
    let member = |groups: usize| {
        let mut parents: Vec<Value> = (1..groups).map(|n| entity("Group", &n.to_string())).collect();
        parents.push(entity("Group", "TENANT_ADMINS"));
        let user = json!({ "identifier": entity("User", "ada"), "parents": parents });
        with(open(&store, "ada"), "entities", json!({ "entityList": [user] }))
    };
    let answer = service.ok("IsAuthorized", member(99));
    assert_eq!(answer["determiningPolicies"], json!([{ "policyId": admins }]));
    service.refused("IsAuthorized", member(100), "ValidationException");
    let off = service.store("OFF");
    let circle =
        |a: &str, b: &str| json!({ "identifier": entity("Group", a), "parents": [entity("Group", b)] });
    let body =
        with(open(&off, "u"), "entities", json!({ "entityList": [circle("a", "b"), circle("b", "a")] }));
    service.refused("IsAuthorized", body, "ValidationException");
}

#[test]
fn a_batch_answers_each_request_as_the_single_call_does() {
    let service = Service::new();
    let store = service.documents_store();
    let policy = service.policy(&store, OWNER);
    let ask = |user: &str, document: &str| {
        json!({
            "principal": entity("User", user),
            "action": action("accessDocument"),
            "resource": entity("Document", document),
        })
    };
    let batch = |requests: Vec<Value>| {
        json!({
            "policyStoreId": store,
            "requests": requests,
            "entities": { "entityList": [document("d", "olga"), document("e", "oscar")] },
        })
    };
    let answer = service.ok("BatchIsAuthorized", batch(vec![ask("olga", "d"), ask("olga", "e")]));
    assert_eq!(
        answer["results"],
        json!([
            {
                "request": ask("olga", "d"), "decision": "ALLOW",
                "determiningPolicies": [{ "policyId": policy }], "errors": [],
            },
            { "request": ask("olga", "e"), "decision": "DENY", "determiningPolicies": [], "errors": [] },
        ])
    );
    service.ok("BatchIsAuthorized", batch(vec![ask("olga", "d"), ask("oscar", "d")]));
    let neither = batch(vec![ask("olga", "d"), ask("oscar", "e")]);
    service.refused("BatchIsAuthorized", neither, "ValidationException");
    service.ok("BatchIsAuthorized", batch((0..30).map(|_| ask("olga", "d")).collect()));
    let too_many = batch((0..31).map(|_| ask("olga", "d")).collect());
    service.refused("BatchIsAuthorized", too_many, "ValidationException");
    service.refused("BatchIsAuthorized", batch(Vec::new()), "ValidationException");
}
