//! Many policies at once: lists, filters, pages, batches.

use serde_json::{Value, json};

use crate::service::{OWNER, SHARE, Service, TENANT_ADMIN, all, entity, static_policy, text};

fn named(mut body: Value, name: &str) -> Value {
    body["name"] = name.into();
    body
}

#[test]
fn a_list_is_filtered_by_principal_resource_type_and_template() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, OWNER);
    service.policy(&store, TENANT_ADMIN);
    let template = service.template(&store, SHARE);
    let other = service.template(&store, SHARE);
    for (template, user, document) in [(&template, "u", "d"), (&template, "u", "e"), (&other, "v", "d")] {
        service.share(&store, template, user, document);
    }
    let count = |filter: Value| {
        all(&service, "ListPolicies", "policies", json!({ "policyStoreId": store, "filter": filter })).len()
    };
    let is = |kind: &str, id: &str| json!({ "identifier": entity(kind, id) });
    assert_eq!(count(json!({})), 5);
    assert_eq!(count(json!({ "policyType": "STATIC" })), 2);
    assert_eq!(count(json!({ "policyType": "TEMPLATE_LINKED" })), 3);
    assert_eq!(count(json!({ "policyTemplateId": template })), 2);
    assert_eq!(count(json!({ "resource": is("Document", "d") })), 2);
    assert_eq!(count(json!({ "principal": is("User", "u"), "resource": is("Document", "d") })), 1);
    assert_eq!(count(json!({ "principal": is("User", "nobody") })), 0);
    assert_eq!(count(json!({ "principal": is("Group", "TENANT_ADMINS") })), 1, "`in` names an entity too");
    assert_eq!(count(json!({ "resource": { "unspecified": true } })), 2);
    assert_eq!(count(json!({ "principal": { "unspecified": true } })), 1);
}

#[test]
fn a_document_of_four_hundred_shares_is_listed_and_emptied_page_by_page() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    for number in 0..400 {
        service.share(&store, &template, &format!("user-{number}"), "d");
    }
    service.share(&store, &template, "user-0", "e");
    let list = json!({
        "policyStoreId": store, "maxResults": 50,
        "filter": { "resource": { "identifier": entity("Document", "d") } },
    });
    assert_eq!(all(&service, "ListPolicies", "policies", list.clone()).len(), 400);
    // As the deletion of a document does it: the first page, until there is none.
    let mut rounds = 0;
    loop {
        let page = service.ok("ListPolicies", list.clone());
        let policies = page["policies"].as_array().unwrap();
        if policies.is_empty() {
            break;
        }
        for policy in policies {
            service.ok("DeletePolicy", json!({ "policyStoreId": store, "policyId": policy["policyId"] }));
        }
        rounds += 1;
        assert!(rounds <= 8);
    }
    assert_eq!(all(&service, "ListPolicies", "policies", json!({ "policyStoreId": store })).len(), 1);
}

#[test]
fn a_page_token_is_good_for_its_own_list_only() {
    let service = Service::new();
    let (store, other) = (service.documents_store(), service.documents_store());
    for _ in 0..3 {
        service.policy(&store, OWNER);
        service.policy(&other, OWNER);
    }
    let page = service.ok("ListPolicies", json!({ "policyStoreId": store, "maxResults": 1 }));
    let token = text(&page, "nextToken");
    let with = |store: &str, token: &str| json!({ "policyStoreId": store, "nextToken": token });
    service.ok("ListPolicies", with(&store, &token));
    service.refused("ListPolicies", with(&other, &token), "ValidationException");
    service.refused("ListPolicies", with(&store, "made-up"), "ValidationException");
    let mut filtered = with(&store, &token);
    filtered["filter"] = json!({ "policyType": "STATIC" });
    service.refused("ListPolicies", filtered, "ValidationException");
}

#[test]
fn a_batch_of_policies_answers_found_and_missing_in_order() {
    let service = Service::new();
    let store = service.documents_store();
    let policy = service.policy(&store, OWNER);
    service.ok("CreatePolicy", named(static_policy(&store, TENANT_ADMIN), "name/admin"));
    let ask = |store: &str, policy: &str| json!({ "policyStoreId": store, "policyId": policy });
    let answer = service.ok(
        "BatchGetPolicy",
        json!({ "requests": [
            ask(&store, "name/admin"),
            ask(&store, "absent"),
            ask("absent", &policy),
            ask("policy-store-alias/absent", &policy),
            ask(&store, &policy),
        ] }),
    );
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["name"], "name/admin");
    assert_eq!(results[1]["definition"]["static"]["statement"], OWNER);
    let codes: Vec<&str> =
        answer["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["POLICY_NOT_FOUND", "POLICY_STORE_NOT_FOUND", "POLICY_STORE_ALIAS_NOT_FOUND"]);
    let items: Vec<Value> = (0..101).map(|_| ask(&store, &policy)).collect();
    service.refused("BatchGetPolicy", json!({ "requests": items }), "ValidationException");
    service.refused("BatchGetPolicy", json!({ "requests": [] }), "ValidationException");
}
