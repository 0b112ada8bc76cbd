//! Policy templates and what hangs on them.

use serde_json::{Value, json};

use crate::service::{SHARE, Service, action, all, entity, text};

fn allowed(service: &Service, store: &str, action_id: &str) -> bool {
    let answer = service.ok(
        "IsAuthorized",
        json!({
            "policyStoreId": store,
            "principal": entity("User", "u"),
            "action": action(action_id),
            "resource": entity("Document", "d"),
        }),
    );
    answer["decision"] == "ALLOW"
}

#[test]
fn a_template_is_what_it_was_made_as() {
    let service = Service::new();
    let store = service.documents_store();
    let made = service.ok(
        "CreatePolicyTemplate",
        json!({
            "policyStoreId": store, "statement": SHARE, "description": "one share", "name": "name/share",
        }),
    );
    for id in [text(&made, "policyTemplateId"), "name/share".to_owned()] {
        let got = service.ok("GetPolicyTemplate", json!({ "policyStoreId": store, "policyTemplateId": id }));
        assert_eq!(got["statement"], SHARE);
        assert_eq!(got["description"], "one share");
        assert_eq!(got["name"], "name/share");
    }
    let again = json!({ "policyStoreId": store, "statement": SHARE, "name": "name/share" });
    service.refused("CreatePolicyTemplate", again, "ConflictException");
}

#[test]
fn a_template_needs_a_place_and_a_constraint_on_both_sides() {
    let service = Service::new();
    let store = service.documents_store();
    for (statement, why) in [
        ("permit (principal, action, resource);", "no place at all"),
        ("permit (principal == ?principal, action, resource);", "any resource"),
        ("permit (principal, action, resource == ?resource);", "any principal"),
        ("permit (principal == ?resource, action, resource == ?resource);", "the wrong place"),
        ("permit (principal == ?principal, action == ?action, resource == ?resource);", "no such place"),
        (
            "permit (principal == ?principal, action, resource == ?resource) when { resource.author == principal };",
            "does not validate",
        ),
    ] {
        let body = json!({ "policyStoreId": store, "statement": statement });
        let refused = service.refused("CreatePolicyTemplate", body, "ValidationException");
        assert_eq!(refused["fieldList"][0]["path"], "statement", "{why}");
    }
    service.template(&store, SHARE);
}

#[test]
fn an_update_reaches_the_linked_policies_at_once() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    let policy = service.share(&store, &template, "u", "d");
    assert!(allowed(&service, &store, "accessDocument") && !allowed(&service, &store, "listShares"));
    let update = |statement: &str| json!({ "policyStoreId": store, "policyTemplateId": template, "statement": statement });
    service.ok("UpdatePolicyTemplate", update(&SHARE.replace("accessDocument", "listShares")));
    assert!(!allowed(&service, &store, "accessDocument") && allowed(&service, &store, "listShares"));
    let got = service.ok("GetPolicy", json!({ "policyStoreId": store, "policyId": policy }));
    assert_eq!(got["actions"], json!([action("listShares")]));
    for statement in [
        SHARE.replace("permit", "forbid"),
        SHARE.replace("principal ==", "principal in"),
        SHARE.replace("resource ==", "resource in"),
        SHARE.replace("accessDocument", "burn"),
    ] {
        service.refused("UpdatePolicyTemplate", update(&statement), "ValidationException");
    }
    assert!(allowed(&service, &store, "listShares"), "a refused update changes nothing");
}

#[test]
fn a_deleted_template_takes_its_policies_and_no_others() {
    let service = Service::new();
    let store = service.documents_store();
    let (gone, kept) = (service.template(&store, SHARE), service.template(&store, SHARE));
    service.share(&store, &gone, "u", "d");
    service.share(&store, &kept, "u", "e");
    assert!(allowed(&service, &store, "accessDocument"));
    let delete = json!({ "policyStoreId": store, "policyTemplateId": gone });
    service.ok("DeletePolicyTemplate", delete.clone());
    assert!(!allowed(&service, &store, "accessDocument"));
    let left = all(&service, "ListPolicies", "policies", json!({ "policyStoreId": store }));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["resource"], entity("Document", "e"));
    let refused = service.refused("DeletePolicyTemplate", delete, "ResourceNotFoundException");
    assert_eq!(refused["resourceType"], "POLICY_TEMPLATE");
}

#[test]
fn the_forty_first_template_is_one_too_many() {
    let service = Service::new();
    let store = service.documents_store();
    for _ in 0..40 {
        service.template(&store, SHARE);
    }
    let one_more = json!({ "policyStoreId": store, "statement": SHARE });
    service.refused("CreatePolicyTemplate", one_more.clone(), "ServiceQuotaExceededException");
    let items: Vec<Value> = all(
        &service,
        "ListPolicyTemplates",
        "policyTemplates",
        json!({ "policyStoreId": store, "maxResults": 7 }),
    );
    assert_eq!(items.len(), 40);
    let first = json!({ "policyStoreId": store, "policyTemplateId": items[0]["policyTemplateId"] });
    service.ok("DeletePolicyTemplate", first);
    service.ok("CreatePolicyTemplate", one_more);
}

#[test]
fn a_template_keeps_loses_and_gets_a_name_by_update() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    let update = |name: Value| json!({ "policyStoreId": store, "policyTemplateId": template, "statement": SHARE, "name": name });
    let by_name = json!({ "policyStoreId": store, "policyTemplateId": "name/share" });
    service.ok("UpdatePolicyTemplate", update("name/share".into()));
    service.ok("UpdatePolicyTemplate", update(Value::Null));
    service.ok("GetPolicyTemplate", by_name.clone());
    service.ok("UpdatePolicyTemplate", update("".into()));
    service.refused("GetPolicyTemplate", by_name, "ResourceNotFoundException");
}
