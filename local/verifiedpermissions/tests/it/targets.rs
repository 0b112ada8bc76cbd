//! What the gateway asks before it calls: which store a request is about.

use serde_json::json;
use verifiedpermissions::Target;

use crate::service::Service;

#[test]
fn a_request_is_about_the_store_that_it_names_by_id_alias_or_arn() {
    let service = Service::new();
    let store = service.store("OFF");
    let alias = json!({ "aliasName": "policy-store-alias/t", "policyStoreId": store });
    service.ok("CreatePolicyStoreAlias", alias.clone());
    let target = |operation: &str, body: serde_json::Value| {
        service.account.target(operation, body.to_string().as_bytes())
    };
    let ours = Target::Stores(vec![store.clone()]);
    let by_id = json!({ "policyStoreId": store });
    for operation in ["IsAuthorized", "CreatePolicy", "DeletePolicy", "DeletePolicyStore", "GetSchema"] {
        assert_eq!(target(operation, by_id.clone()), ours, "{operation}");
    }
    assert_eq!(target("IsAuthorized", json!({ "policyStoreId": "policy-store-alias/t" })), ours);
    let by_arn = json!({ "resourceArn": service.account.arn_of_store(&store) });
    assert_eq!(target("TagResource", by_arn), ours);
    for operation in ["CreatePolicyStore", "ListPolicyStores", "ListPolicyStoreAliases"] {
        assert_eq!(target(operation, json!({})), Target::Account, "{operation}");
    }
    let arn = "arn:aws:verifiedpermissions:us-east-1:123456789012:policy-store-alias/t".to_owned();
    let itself = Target::Alias { arn, store: Some(store.clone()) };
    for operation in ["CreatePolicyStoreAlias", "GetPolicyStoreAlias", "DeletePolicyStoreAlias"] {
        assert_eq!(target(operation, alias.clone()), itself, "{operation}");
    }
    assert_eq!(service.account.store_of("IsAuthorized", by_id.to_string().as_bytes()), Some(store));
}

#[test]
fn a_batch_is_about_every_store_that_it_names() {
    let service = Service::new();
    let item = |store: &str| json!({ "policyStoreId": store, "policyId": "p" });
    let body = json!({ "requests": [item("one"), item("two"), item("one")] }).to_string();
    let target = service.account.target("BatchGetPolicy", body.as_bytes());
    assert_eq!(target, Target::Stores(vec!["one".into(), "two".into()]));
    assert_eq!(service.account.store_of("BatchGetPolicy", body.as_bytes()), None, "two are not one");
}

#[test]
fn a_store_that_does_not_exist_is_still_what_the_request_is_about() {
    let service = Service::new();
    let body = json!({ "policyStoreId": "absent" }).to_string();
    let target = service.account.target("IsAuthorized", body.as_bytes());
    assert_eq!(target, Target::Stores(vec!["absent".into()]));
}

#[test]
fn a_request_about_nothing_that_can_be_found_is_unknown() {
    let service = Service::new();
    for (operation, body) in [
        ("IsAuthorized", "{}"),
        ("IsAuthorized", "not json"),
        ("IsAuthorized", r#"{ "policyStoreId": "policy-store-alias/absent" }"#),
        ("IsAuthorized", r#"{ "policyStoreId": "a b" }"#),
        ("TagResource", r#"{ "resourceArn": "arn:aws:s3:::bucket" }"#),
        ("TagResource", r#"{ "resourceArn": "arn:aws:verifiedpermissions::123456789012:policy-store/a/b" }"#),
        ("DeletePolicyStore", r#"{ "policyStoreId": "policy-store-alias/t" }"#),
        ("IsAuthorizedWithToken", r#"{ "policyStoreId": "a" }"#),
        ("MakeCoffee", "{}"),
    ] {
        let target = service.account.target(operation, body.as_bytes());
        assert!(matches!(&target, Target::Unknown(why) if !why.is_empty()), "{operation} {body}: {target:?}");
    }
}

#[test]
fn one_account_serves_many_threads() {
    let service = Service::new();
    let store = service.store("OFF");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    service.policy(&store, "permit (principal, action, resource);");
                }
            });
        }
    });
    let list = json!({ "policyStoreId": store, "maxResults": 50 });
    assert_eq!(crate::service::all(&service, "ListPolicies", "policies", list).len(), 100);
}
