//! Policy store aliases.

use serde_json::{Value, json};
use time::Duration;

use crate::service::{Service, all, text};

fn alias(name: &str, store: &str) -> Value {
    json!({ "aliasName": format!("policy-store-alias/{name}"), "policyStoreId": store })
}

#[test]
fn an_alias_stands_for_its_store_wherever_a_store_is_named() {
    let service = Service::new();
    let store = service.store("OFF");
    let made = service.ok("CreatePolicyStoreAlias", alias("tenant/a", &store));
    assert_eq!(
        made["aliasArn"],
        "arn:aws:verifiedpermissions:us-east-1:123456789012:policy-store-alias/tenant/a"
    );
    let by_alias = service.policy("policy-store-alias/tenant/a", "permit (principal, action, resource);");
    let got = service.ok("GetPolicy", json!({ "policyStoreId": store, "policyId": by_alias }));
    assert_eq!(got["policyStoreId"], store, "answers name the store, not the alias");
    service.refused(
        "GetPolicy",
        json!({ "policyStoreId": "policy-store-alias/tenant/b", "policyId": by_alias }),
        "ResourceNotFoundException",
    );
}

#[test]
fn the_same_alias_is_a_lock() {
    let service = Service::new();
    let (one, two) = (service.store("OFF"), service.store("OFF"));
    let first = service.ok("CreatePolicyStoreAlias", alias("tenant", &one));
    assert_eq!(service.ok("CreatePolicyStoreAlias", alias("tenant", &one)), first);
    let refused = service.refused("CreatePolicyStoreAlias", alias("tenant", &two), "ConflictException");
    assert_eq!(refused["resources"][0]["resourceType"], "POLICY_STORE_ALIAS");
    assert_eq!(service.account.store_of_alias("policy-store-alias/tenant"), Some(one));
}

#[test]
fn a_softly_deleted_alias_resolves_no_more_and_keeps_its_name_taken_for_a_day() {
    let service = Service::new();
    let store = service.store("OFF");
    service.ok("CreatePolicyStoreAlias", alias("tenant", &store));
    let name = json!({ "aliasName": "policy-store-alias/tenant" });
    service.ok("DeletePolicyStoreAlias", name.clone());
    assert_eq!(service.ok("GetPolicyStoreAlias", name.clone())["state"], "PendingDeletion");
    let use_it = json!({ "policyStoreId": "policy-store-alias/tenant" });
    let refused = service.refused("GetPolicyStore", use_it.clone(), "ResourceNotFoundException");
    assert_eq!(refused["resourceType"], "POLICY_STORE_ALIAS");
    service.wait(Duration::hours(24) - Duration::SECOND);
    service.refused("CreatePolicyStoreAlias", alias("tenant", &store), "ConflictException");
    service.wait(Duration::SECOND);
    service.refused("GetPolicyStoreAlias", name, "ResourceNotFoundException");
    service.ok("CreatePolicyStoreAlias", alias("tenant", &store));
    service.ok("GetPolicyStore", use_it);
}

#[test]
fn a_hard_deleted_alias_is_free_at_once() {
    let service = Service::new();
    let (one, two) = (service.store("OFF"), service.store("OFF"));
    service.ok("CreatePolicyStoreAlias", alias("tenant", &one));
    let hard = json!({ "aliasName": "policy-store-alias/tenant", "deletionMode": "HardDelete" });
    service.ok("DeletePolicyStoreAlias", hard.clone());
    service.ok("DeletePolicyStoreAlias", hard);
    service.ok("CreatePolicyStoreAlias", alias("tenant", &two));
    assert_eq!(service.account.store_of_alias("policy-store-alias/tenant"), Some(two));
}

#[test]
fn aliases_go_with_their_store() {
    let service = Service::new();
    let store = service.store("OFF");
    service.ok("CreatePolicyStoreAlias", alias("tenant", &store));
    service.ok("DeletePolicyStore", json!({ "policyStoreId": store }));
    let name = json!({ "aliasName": "policy-store-alias/tenant" });
    service.refused("GetPolicyStoreAlias", name, "ResourceNotFoundException");
    service.refused("CreatePolicyStoreAlias", alias("tenant", &store), "ResourceNotFoundException");
}

#[test]
fn calls_that_take_the_id_only_refuse_an_alias() {
    let service = Service::new();
    let store = service.store("OFF");
    service.ok("CreatePolicyStoreAlias", alias("tenant", &store));
    let by_alias = json!({ "policyStoreId": "policy-store-alias/tenant" });
    service.refused("DeletePolicyStore", by_alias.clone(), "ValidationException");
    service.refused(
        "CreatePolicyStoreAlias",
        alias("other", "policy-store-alias/tenant"),
        "ValidationException",
    );
    service.refused("ListPolicyStoreAliases", json!({ "filter": by_alias }), "ValidationException");
    let not_an_id = json!({ "filter": { "policyStoreId": "a b" } });
    service.refused("ListPolicyStoreAliases", not_an_id, "ValidationException");
    service.ok("GetPolicyStore", json!({ "policyStoreId": store }));
}

#[test]
fn a_list_is_of_the_account_or_of_one_store_and_pages_by_five() {
    let service = Service::new();
    let (one, two) = (service.store("OFF"), service.store("OFF"));
    for number in 0..6 {
        service.ok("CreatePolicyStoreAlias", alias(&format!("one/{number}"), &one));
    }
    service.ok("CreatePolicyStoreAlias", alias("two", &two));
    let page = service.ok("ListPolicyStoreAliases", json!({}));
    assert_eq!(page["policyStoreAliases"].as_array().unwrap().len(), 5);
    let names = |body| {
        let items = all(&service, "ListPolicyStoreAliases", "policyStoreAliases", body);
        items.iter().map(|item| text(item, "aliasName")).collect::<Vec<_>>()
    };
    assert_eq!(names(json!({})).len(), 7);
    assert_eq!(names(json!({ "filter": { "policyStoreId": two } })), ["policy-store-alias/two"]);
}

#[test]
fn a_store_has_ten_aliases() {
    let service = Service::new();
    let store = service.store("OFF");
    for number in 0..10 {
        service.ok("CreatePolicyStoreAlias", alias(&number.to_string(), &store));
    }
    service.refused("CreatePolicyStoreAlias", alias("one-more", &store), "ServiceQuotaExceededException");
    let other = service.store("OFF");
    service.ok("CreatePolicyStoreAlias", alias("one-more", &other));
}

#[test]
fn an_alias_without_its_prefix_is_refused() {
    let service = Service::new();
    let store = service.store("OFF");
    for bad in ["tenant", "policy-store-alias/", "policy-store-alias/a b", ""] {
        let body = json!({ "aliasName": bad, "policyStoreId": store });
        service.refused("CreatePolicyStoreAlias", body, "ValidationException");
    }
}
