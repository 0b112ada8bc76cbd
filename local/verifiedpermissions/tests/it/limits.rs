//! Quotas and request rates.

use serde_json::{Value, json};
use time::Duration;
use verifiedpermissions::{Limits, Rates};

use crate::service::{OWNER, SHARE, Service, action, entity, share, static_policy, text};

#[test]
fn the_limits_are_the_documented_ones_unless_told_otherwise() {
    let limits = Limits::default();
    assert_eq!(limits.policies_per_resource_bytes_max, 200_000);
    assert_eq!((limits.policy_bytes_max, limits.templates_per_store_max), (10_000, 40));
    let rates = limits.rates.unwrap();
    assert_eq!((rates.store_lifecycle_per_second, rates.management_per_second), (1, 10));
    assert_eq!((rates.is_authorized_per_second, rates.batch_is_authorized_per_second), (200, 30));
    assert_eq!(Limits::without_rates().rates, None);
}

#[test]
fn the_shares_of_one_document_end_at_its_quota_and_another_document_has_its_own() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    let user = |number: usize| format!("{number:036}");
    let document = "d".repeat(36);
    let mut made = 0;
    let refused = loop {
        let body = share(&store, &template, &user(made), &document);
        let reply = service.account.call("CreatePolicy", body.to_string().as_bytes());
        if reply.status != 200 {
            break reply;
        }
        made += 1;
        assert!(made < 2_000, "there is no quota");
    };
    assert_eq!(refused.error_type.as_deref(), Some("ServiceQuotaExceededException"));
    // 300 bytes of overhead, and the two names: `DocumentsAPI::User::"…"` and `DocumentsAPI::Document::"…"`.
    assert_eq!(made, 200_000 / (300 + 58 + 62));
    assert!(made >= 400, "the product's own cap comes first");
    service.share(&store, &template, &user(0), "another");
    let list = json!({
        "policyStoreId": store,
        "filter": { "resource": { "identifier": entity("Document", &document) } },
    });
    let one = text(&service.ok("ListPolicies", list)["policies"][0], "policyId");
    service.ok("DeletePolicy", json!({ "policyStoreId": store, "policyId": one }));
    service.share(&store, &template, &user(9_999), &document);
}

#[test]
fn policies_that_name_no_resource_share_one_quota() {
    let service = Service::with(Limits { policies_per_resource_bytes_max: 2_000, ..Limits::without_rates() });
    let store = service.documents_store();
    let padded = |length: usize| format!("{OWNER}// {}", "x".repeat(length));
    let first = service.policy(&store, &padded(800));
    service.refused("CreatePolicy", static_policy(&store, &padded(800)), "ServiceQuotaExceededException");
    let update = |length: usize| {
        json!({
            "policyStoreId": store, "policyId": first,
            "definition": { "static": { "statement": padded(length) } },
        })
    };
    service.refused("UpdatePolicy", update(2_000), "ServiceQuotaExceededException");
    service.ok("UpdatePolicy", update(1_000));
    service.ok("UpdatePolicy", update(1));
    service.policy(&store, &padded(800));
}

#[test]
fn statements_schemas_and_requests_have_a_size() {
    let service = Service::new();
    let store = service.documents_store();
    let padded =
        |statement: &str, length: usize| format!("{statement}//{}", "x".repeat(length - statement.len() - 2));
    service.policy(&store, &padded(OWNER, 10_000));
    let over = static_policy(&store, &padded(OWNER, 10_001));
    assert_eq!(
        service.refused("CreatePolicy", over, "ServiceQuotaExceededException")["resourceType"],
        "POLICY"
    );
    let over = json!({ "policyStoreId": store, "statement": padded(SHARE, 10_001) });
    service.refused("CreatePolicyTemplate", over, "ServiceQuotaExceededException");
    let template = service.template(&store, &padded(SHARE, 10_000));
    // An update of a template has no quota error in the model.
    let update = |length: usize| json!({ "policyStoreId": store, "policyTemplateId": template, "statement": padded(SHARE, length) });
    service.refused("UpdatePolicyTemplate", update(10_001), "ValidationException");
    service.ok("UpdatePolicyTemplate", update(9_999));
    let schema = |length: usize| {
        let schema = json!({ "policyStoreId": store, "definition": { "cedarJson": format!("{{}}{}", " ".repeat(length - 2)) } });
        schema
    };
    service.refused("PutSchema", schema(100_001), "ServiceQuotaExceededException");
    service.ok("PutSchema", schema(100_000));
    let body = |length: usize| json!({ "x": "x".repeat(length - 8) });
    service.ok("ListPolicyStores", body(1_000_000));
    service.refused("ListPolicyStores", body(1_000_001), "ValidationException");
}

#[test]
fn an_account_has_as_many_stores_as_its_limit_says() {
    let service = Service::with(Limits { stores_max: 1, ..Limits::without_rates() });
    let store = service.store("OFF");
    let one_more = json!({ "validationSettings": { "mode": "OFF" } });
    service.refused("CreatePolicyStore", one_more.clone(), "ServiceQuotaExceededException");
    service.ok("DeletePolicyStore", json!({ "policyStoreId": store }));
    service.ok("CreatePolicyStore", one_more);
}

/// Calls until refused; how many succeeded.
fn until_throttled(service: &Service, operation: &str, body: &Value) -> usize {
    for number in 0..1_000 {
        let reply = service.account.call(operation, body.to_string().as_bytes());
        if reply.status != 200 {
            assert_eq!(reply.error_type.as_deref(), Some("ThrottlingException"), "{operation}");
            return number;
        }
    }
    panic!("{operation} is not throttled");
}

#[test]
fn stores_are_made_one_a_second() {
    let service = Service::with(Limits::default());
    let body = json!({ "validationSettings": { "mode": "OFF" } });
    assert_eq!(until_throttled(&service, "CreatePolicyStore", &body), 1);
    service.wait(Duration::milliseconds(999));
    service.refused("CreatePolicyStore", body.clone(), "ThrottlingException");
    service.wait(Duration::milliseconds(1));
    service.ok("CreatePolicyStore", body);
}

#[test]
fn each_store_has_its_own_rate_for_each_operation() {
    let service = Service::with(Limits::default());
    let one = service.store("OFF");
    service.wait(Duration::SECOND);
    let two = service.store("OFF");
    let policy = |store: &str| static_policy(store, "permit (principal, action, resource);");
    assert_eq!(until_throttled(&service, "CreatePolicy", &policy(&one)), 10);
    assert_eq!(until_throttled(&service, "CreatePolicy", &policy(&two)), 10);
    let list = json!({ "policyStoreId": one });
    assert_eq!(until_throttled(&service, "ListPolicies", &list), 10);
    let ask = json!({
        "policyStoreId": one, "principal": entity("User", "u"), "action": action("accessDocument"),
        "resource": entity("Document", "d"),
    });
    assert_eq!(until_throttled(&service, "IsAuthorized", &ask), 200);
    service.wait(Duration::milliseconds(500));
    assert_eq!(until_throttled(&service, "CreatePolicy", &policy(&one)), 5);
    assert_eq!(until_throttled(&service, "IsAuthorized", &ask), 100);
}

#[test]
fn rates_can_be_switched_off_and_changed() {
    let service = Service::new();
    for _ in 0..50 {
        service.store("OFF");
    }
    let rates = Rates { store_lifecycle_per_second: 3, ..Rates::default() };
    let service = Service::with(Limits { rates: Some(rates), ..Limits::default() });
    let body = json!({ "validationSettings": { "mode": "OFF" } });
    assert_eq!(until_throttled(&service, "CreatePolicyStore", &body), 3);
}
