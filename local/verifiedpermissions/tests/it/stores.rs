//! Policy stores and their tags.

use serde_json::{Value, json};
use time::Duration;

use crate::service::{Service, all, static_policy, text};

const STRICT: &str = "STRICT";

fn strict() -> Value {
    json!({ "validationSettings": { "mode": STRICT } })
}

#[test]
fn a_store_is_what_it_was_made_as() {
    let service = Service::new();
    let made = service.ok(
        "CreatePolicyStore",
        json!({
            "validationSettings": { "mode": "STRICT" },
            "description": "tenant",
            "deletionProtection": "ENABLED",
            "encryptionSettings": { "default": {} },
            "tags": { "tenant_id": "a" },
        }),
    );
    let id = text(&made, "policyStoreId");
    assert_eq!(made["arn"], format!("arn:aws:verifiedpermissions::123456789012:policy-store/{id}"));
    assert_eq!(made["createdDate"], "2026-11-22T12:00:00.000000Z");
    service.wait(Duration::MINUTE);
    let got = service.ok("GetPolicyStore", json!({ "policyStoreId": id, "tags": true }));
    assert_eq!(
        got,
        json!({
            "policyStoreId": id,
            "arn": made["arn"],
            "validationSettings": { "mode": "STRICT" },
            "description": "tenant",
            "deletionProtection": "ENABLED",
            "encryptionState": { "default": {} },
            "cedarVersion": "CEDAR_4",
            "createdDate": "2026-11-22T12:00:00.000000Z",
            "lastUpdatedDate": "2026-11-22T12:00:00.000000Z",
            "tags": { "tenant_id": "a" },
        })
    );
}

#[test]
fn tags_are_shown_only_when_asked_for() {
    let service = Service::new();
    let with = json!({ "validationSettings": { "mode": STRICT }, "tags": { "k": "v" } });
    let id = text(&service.ok("CreatePolicyStore", with), "policyStoreId");
    let got = service.ok("GetPolicyStore", json!({ "policyStoreId": id }));
    assert_eq!(got.get("tags"), None);
    let got = service.ok("GetPolicyStore", json!({ "policyStoreId": service.store(STRICT), "tags": true }));
    assert_eq!(got.get("tags"), None, "no tags: the member is left out");
}

#[test]
fn a_repeated_client_token_gives_the_same_store_for_eight_hours() {
    let service = Service::new();
    let body = json!({ "validationSettings": { "mode": STRICT }, "clientToken": "sign-up-1" });
    let first = service.ok("CreatePolicyStore", body.clone());
    service.wait(Duration::minutes(8 * 60 - 1));
    assert_eq!(service.ok("CreatePolicyStore", body.clone()), first);
    let mut other = body.clone();
    other["description"] = "other".into();
    let refused = service.refused("CreatePolicyStore", other, "ConflictException");
    assert_eq!(refused["resources"][0]["resourceType"], "POLICY_STORE");
    assert_eq!(refused["resources"][0]["resourceId"], first["policyStoreId"]);
    service.wait(Duration::minutes(1));
    assert_ne!(service.ok("CreatePolicyStore", body), first, "after eight hours it is forgotten");
}

#[test]
fn without_a_client_token_every_call_makes_a_store() {
    let service = Service::new();
    assert_ne!(service.store(STRICT), service.store(STRICT));
    assert_eq!(all(&service, "ListPolicyStores", "policyStores", json!({})).len(), 2);
}

#[test]
fn a_token_of_a_refused_call_is_not_used_up() {
    let service = Service::new();
    let mut body = json!({ "validationSettings": { "mode": "MAYBE" }, "clientToken": "t" });
    service.refused("CreatePolicyStore", body.clone(), "ValidationException");
    body["validationSettings"]["mode"] = STRICT.into();
    service.ok("CreatePolicyStore", body);
}

#[test]
fn a_protected_store_is_not_deleted_until_the_protection_is_lifted() {
    let service = Service::new();
    let body = json!({ "validationSettings": { "mode": STRICT }, "deletionProtection": "ENABLED" });
    let id = text(&service.ok("CreatePolicyStore", body), "policyStoreId");
    let delete = json!({ "policyStoreId": id });
    service.refused("DeletePolicyStore", delete.clone(), "InvalidStateException");
    service.ok("GetPolicyStore", delete.clone());
    let lift = json!({ "policyStoreId": id, "deletionProtection": "DISABLED" });
    service.refused("UpdatePolicyStore", lift, "ValidationException");
    let lift = json!({
        "policyStoreId": id, "deletionProtection": "DISABLED", "validationSettings": { "mode": STRICT },
    });
    service.ok("UpdatePolicyStore", lift);
    service.ok("DeletePolicyStore", delete.clone());
    let gone = service.refused("GetPolicyStore", delete.clone(), "ResourceNotFoundException");
    assert_eq!((&gone["resourceType"], &gone["resourceId"]), (&json!("POLICY_STORE"), &json!(id)));
    service.ok("DeletePolicyStore", delete);
}

#[test]
fn an_update_leaves_alone_what_it_does_not_name() {
    let service = Service::new();
    let body = json!({
        "validationSettings": { "mode": STRICT }, "deletionProtection": "ENABLED", "description": "kept",
    });
    let id = text(&service.ok("CreatePolicyStore", body), "policyStoreId");
    service.wait(Duration::SECOND);
    service.ok("UpdatePolicyStore", json!({ "policyStoreId": id, "validationSettings": { "mode": "OFF" } }));
    let got = service.ok("GetPolicyStore", json!({ "policyStoreId": id }));
    assert_eq!(got["validationSettings"]["mode"], "OFF");
    assert_eq!(got["deletionProtection"], "ENABLED");
    assert_eq!(got["description"], "kept");
    assert_eq!(got["lastUpdatedDate"], "2026-11-22T12:00:01.000000Z");
}

#[test]
fn a_deleted_store_takes_its_policies_along() {
    let service = Service::new();
    let (gone, kept) = (service.store("OFF"), service.store("OFF"));
    for store in [&gone, &kept] {
        service.policy(store, "permit (principal, action, resource);");
    }
    service.ok("DeletePolicyStore", json!({ "policyStoreId": gone }));
    let list = |store: &str| json!({ "policyStoreId": store });
    service.refused("ListPolicies", list(&gone), "ResourceNotFoundException");
    let again = static_policy(&gone, "permit (principal, action, resource);");
    service.refused("CreatePolicy", again, "ResourceNotFoundException");
    assert_eq!(service.ok("ListPolicies", list(&kept))["policies"].as_array().unwrap().len(), 1);
}

#[test]
fn a_list_has_every_store_once_though_stores_come_and_go_between_pages() {
    let service = Service::new();
    let ids: Vec<String> = (0..12).map(|_| service.store(STRICT)).collect();
    let first = service.ok("ListPolicyStores", json!({ "maxResults": 5 }));
    assert_eq!(first["policyStores"].as_array().unwrap().len(), 5);
    service.ok("DeletePolicyStore", json!({ "policyStoreId": ids[4] }));
    service.ok("DeletePolicyStore", json!({ "policyStoreId": ids[7] }));
    let late = service.store(STRICT);
    let rest = all(
        &service,
        "ListPolicyStores",
        "policyStores",
        json!({ "maxResults": 5, "nextToken": first["nextToken"] }),
    );
    let rest: Vec<String> = rest.iter().map(|item| text(item, "policyStoreId")).collect();
    let mut expected: Vec<String> = ids[5..].iter().filter(|id| **id != ids[7]).cloned().collect();
    expected.push(late);
    assert_eq!(rest, expected);
}

#[test]
fn a_page_holds_ten_stores_unless_asked_otherwise() {
    let service = Service::new();
    for _ in 0..11 {
        service.store(STRICT);
    }
    let page = service.ok("ListPolicyStores", json!({}));
    assert_eq!(page["policyStores"].as_array().unwrap().len(), 10);
    assert!(page["nextToken"].is_string());
    let page = service.ok("ListPolicyStores", json!({ "maxResults": 50 }));
    assert_eq!(page["policyStores"].as_array().unwrap().len(), 11);
    assert_eq!(page.get("nextToken"), None);
    for bad in [0, 51, -1] {
        service.refused("ListPolicyStores", json!({ "maxResults": bad }), "ValidationException");
    }
}

#[test]
fn tags_are_added_replaced_and_removed_by_arn() {
    let service = Service::new();
    let id = service.store(STRICT);
    let arn = service.account.arn_of_store(&id);
    service.ok("TagResource", json!({ "resourceArn": arn, "tags": { "a": "1", "b": "1" } }));
    service.ok("TagResource", json!({ "resourceArn": arn, "tags": { "b": "2" } }));
    service.ok("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a", "never"] }));
    let listed = service.ok("ListTagsForResource", json!({ "resourceArn": arn }));
    assert_eq!(listed["tags"], json!({ "b": "2" }));
    assert_eq!(service.account.tags_of_store(&id).get("b").map(String::as_str), Some("2"));
    assert!(service.account.tags_of_store("absent").is_empty());
    let foreign = arn.replace("123456789012", "999999999999");
    service.refused("ListTagsForResource", json!({ "resourceArn": foreign }), "ValidationException");
    let absent = service.account.arn_of_store("absent");
    service.refused("ListTagsForResource", json!({ "resourceArn": absent }), "ResourceNotFoundException");
}

#[test]
fn the_fifty_first_tag_is_one_too_many() {
    let service = Service::new();
    let id = service.store(STRICT);
    let arn = service.account.arn_of_store(&id);
    let tags: Value = (0..50).map(|n| (format!("k{n}"), json!(""))).collect();
    service.ok("TagResource", json!({ "resourceArn": arn, "tags": tags }));
    service.ok("TagResource", json!({ "resourceArn": arn, "tags": { "k0": "again" } }));
    let refused = service.refused(
        "TagResource",
        json!({ "resourceArn": arn, "tags": { "k50": "" } }),
        "TooManyTagsException",
    );
    assert_eq!(refused["resourceName"], arn);
    assert_eq!(service.account.tags_of_store(&id).len(), 50);
}

#[test]
fn a_customers_own_key_is_refused_rather_than_ignored() {
    let service = Service::new();
    let mut body = strict();
    body["encryptionSettings"] = json!({ "kmsEncryptionSettings": { "key": "alias/mine" } });
    let refused = service.refused("CreatePolicyStore", body, "ValidationException");
    assert_eq!(refused["fieldList"][0]["path"], "encryptionSettings.kmsEncryptionSettings");
}
