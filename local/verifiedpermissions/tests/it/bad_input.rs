//! What the model refuses whatever the operation means by it, and what is not provided.

use serde_json::{Value, json};

use crate::service::{OWNER, SHARE, Service, static_policy};

#[test]
fn an_operation_that_is_not_provided_is_refused_by_name() {
    let service = Service::new();
    for operation in [
        "IsAuthorizedWithToken",
        "BatchIsAuthorizedWithToken",
        "CreateIdentitySource",
        "GetIdentitySource",
        "UpdateIdentitySource",
        "DeleteIdentitySource",
        "ListIdentitySources",
    ] {
        let refused = service.refused(operation, json!({}), "UnknownOperationException");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(operation) && message.contains("not provided"), "{message}");
    }
    let refused = service.refused("MakeCoffee", json!({}), "UnknownOperationException");
    assert!(refused["message"].as_str().unwrap().contains("MakeCoffee"));
}

#[test]
fn a_member_that_nobody_knows_is_ignored_and_null_is_absent() {
    let service = Service::new();
    let store = service.documents_store();
    let mut body = static_policy(&store, OWNER);
    body["colour"] = "blue".into();
    body["definition"]["templateLinked"] = Value::Null;
    body["name"] = Value::Null;
    service.ok("CreatePolicy", body);
}

#[test]
fn what_is_not_a_json_object_is_refused() {
    let service = Service::new();
    let store = service.store("OFF");
    for body in ["[]", "\"x\"", "{", "\u{0}", "{\"policyStoreId\": \"a\"} trailing"] {
        let reply = service.account.call("GetPolicyStore", body.as_bytes());
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.error_type.as_deref(), Some("SerializationException"), "{body}");
    }
    let reply = service.account.call("GetPolicyStore", &[0xff, 0xfe]);
    assert_eq!(reply.status, 400);
    let reply =
        service.account.call("GetPolicyStore", json!({ "policyStoreId": store }).to_string().as_bytes());
    assert_eq!(reply.status, 200);
    assert_eq!(service.account.call("ListPolicyStores", b"").status, 200, "no body is an empty object");
}

#[test]
fn a_bad_request_is_that_before_it_is_a_used_token() {
    let service = Service::new();
    let store = service.documents_store();
    let body = json!({ "policyStoreId": store, "statement": SHARE, "clientToken": "t" });
    service.ok("CreatePolicyTemplate", body.clone());
    for (member, value) in [("statement", ""), ("policyStoreId", "a b"), ("name", "share")] {
        let mut bad = body.clone();
        bad[member] = value.into();
        service.refused("CreatePolicyTemplate", bad, "ValidationException");
    }
    let mut other = body;
    other["description"] = "other".into();
    service.refused("CreatePolicyTemplate", other, "ConflictException");
}

/// The path that the refusal must name, in a request that is otherwise good.
#[test]
fn each_constraint_of_the_model_is_held() {
    let service = Service::new();
    let store = service.documents_store();
    let long = |length: usize| Value::from("x".repeat(length));
    let good = || {
        json!({
            "policyStoreId": store, "name": format!("name/{}", uuid()), "clientToken": uuid(),
            "definition": { "static": { "statement": OWNER, "description": "d" } },
        })
    };
    service.ok("CreatePolicy", good());
    for (path, value, why) in [
        ("policyStoreId", Value::Null, "required"),
        ("policyStoreId", "".into(), "at least one character"),
        ("policyStoreId", long(201), "at most 200 characters"),
        ("policyStoreId", "a b".into(), "no space in the pattern"),
        ("definition", Value::Null, "required"),
        ("definition", json!({}), "one member of the union"),
        ("definition", json!({ "static": { "statement": OWNER }, "templateLinked": {} }), "not two"),
        ("definition.static.statement", Value::Null, "required"),
        ("definition.static.description", long(151), "at most 150 characters"),
        ("clientToken", "".into(), "at least one character"),
        ("clientToken", long(65), "at most 64 characters"),
        ("clientToken", "a_b".into(), "no underscore in the pattern"),
        ("name", long(151), "at most 150 characters"),
    ] {
        let mut body = good();
        *body.pointer_mut(&format!("/{}", path.replace('.', "/"))).unwrap() = value;
        let refused = service.refused("CreatePolicy", body, "ValidationException");
        assert_eq!(refused["fieldList"][0]["path"], path, "{why}");
    }
    for (path, value) in [
        ("policyStoreId", json!(7)),
        ("definition", json!([])),
        ("definition.static", json!("text")),
        ("clientToken", json!(true)),
    ] {
        let mut body = good();
        *body.pointer_mut(&format!("/{}", path.replace('.', "/"))).unwrap() = value;
        let refused = service.refused("CreatePolicy", body, "SerializationException");
        assert!(refused["message"].as_str().unwrap().starts_with(path), "{refused}");
    }
}

#[test]
fn each_constraint_on_entities_and_tags_is_held() {
    let service = Service::new();
    let store = service.store("OFF");
    let text = |length: usize| "x".repeat(length);
    let ask = |kind: &str, id: &str, action_kind: &str, action_id: &str| {
        json!({
            "policyStoreId": store,
            "principal": { "entityType": kind, "entityId": id },
            "action": { "actionType": action_kind, "actionId": action_id },
            "resource": { "entityType": "R", "entityId": "r" },
        })
    };
    service.ok("IsAuthorized", ask("A::B", "ü \t", "My::Action", "a"));
    service.ok("IsAuthorized", ask(&text(200), &text(612), "Action", &text(512)));
    for (body, path) in [
        (ask("", "i", "Action", "a"), "principal.entityType"),
        (ask(&text(201), "i", "Action", "a"), "principal.entityType"),
        (ask("not a type", "i", "Action", "a"), "principal.entityType"),
        (ask("T", "", "Action", "a"), "principal.entityId"),
        (ask("T", &text(613), "Action", "a"), "principal.entityId"),
        (ask("T", "two\nlines", "Action", "a"), "principal.entityId"),
        (ask("T", "i", "Verb", "a"), "action.actionType"),
        (ask("T", "i", "My::ActionX", "a"), "action.actionType"),
        (ask("T", "i", "Action", &text(513)), "action.actionId"),
    ] {
        let refused = service.refused("IsAuthorized", body, "ValidationException");
        assert_eq!(refused["fieldList"][0]["path"], path);
    }
    let tags =
        |key: &str, value: &str| json!({ "validationSettings": { "mode": "OFF" }, "tags": { key: value } });
    service.ok("CreatePolicyStore", tags(&text(128), &text(256)));
    for body in [tags("", "v"), tags(&text(129), "v"), tags("k", &text(257)), tags("aws:mine", "v")] {
        service.refused("CreatePolicyStore", body, "ValidationException");
    }
}

fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}
