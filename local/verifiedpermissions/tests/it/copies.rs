//! Copies of a store, which no rate holds up.

use std::collections::BTreeMap;

use serde_json::json;
use verifiedpermissions::{CopyError, Limits};

use crate::service::{OWNER, SHARE, Service, action, all, entity, text};

fn tagged(tenant: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("tenant_id".to_owned(), tenant.to_owned())])
}

/// May this user open this document, as this store decides?
fn decision(service: &Service, store: &str, user: &str, document: &str, owner: &str) -> String {
    let asked = json!({
        "policyStoreId": store,
        "principal": entity("User", user),
        "action": action("accessDocument"),
        "resource": entity("Document", document),
        "entities": { "entityList": [
            { "identifier": entity("User", user) },
            { "identifier": entity("Document", document),
              "attributes": { "owner": { "entityIdentifier": entity("User", owner) } } },
        ] },
    });
    text(&service.ok("IsAuthorized", asked), "decision")
}

#[test]
fn a_copy_decides_like_its_original_until_one_of_them_changes() {
    let service = Service::new();
    let store = service.documents_store();
    service.policy(&store, OWNER);
    let template = service.template(&store, SHARE);
    service.share(&store, &template, "shared", "plan");
    let copies = service.account.copy_store(&store, vec![tagged("a"), tagged("b")]).unwrap();
    let [a, b] = <[String; 2]>::try_from(copies).unwrap();
    for store in [&store, &a, &b] {
        assert_eq!(decision(&service, store, "ada", "plan", "ada"), "ALLOW");
        assert_eq!(decision(&service, store, "shared", "plan", "ada"), "ALLOW");
        assert_eq!(decision(&service, store, "stranger", "plan", "ada"), "DENY");
    }
    assert_eq!(service.account.tags_of_store(&a), tagged("a"));
    assert_eq!(service.account.tags_of_store(&b), tagged("b"));
    assert_eq!(all(&service, "ListPolicyStores", "policyStores", json!({})).len(), 3);

    // What one of them gets or loses from here on is its own.
    service.share(&a, &template, "stranger", "plan");
    let shares = all(&service, "ListPolicies", "policies", json!({ "policyStoreId": b }));
    for policy in shares {
        service.ok("DeletePolicy", json!({ "policyStoreId": b, "policyId": policy["policyId"] }));
    }
    assert_eq!(decision(&service, &a, "stranger", "plan", "ada"), "ALLOW");
    assert_eq!(decision(&service, &store, "stranger", "plan", "ada"), "DENY");
    assert_eq!(decision(&service, &store, "shared", "plan", "ada"), "ALLOW");
    assert_eq!(decision(&service, &b, "ada", "plan", "ada"), "DENY", "it has no policy any more");
}

#[test]
fn copies_take_from_no_rate_and_keep_to_every_other_limit() {
    let service = Service::with(Limits { stores_max: 4, ..Limits::default() });
    let strict = json!({ "validationSettings": { "mode": "STRICT" } });
    let store = text(&service.ok("CreatePolicyStore", strict.clone()), "policyStoreId");
    let copied = service.account.copy_store(&store, vec![tagged("a"); 3]);
    assert_eq!(copied.unwrap().len(), 3, "in the second in which the account has made its one store");
    service.refused("CreatePolicyStore", strict, "ThrottlingException");
    for (of, tags, why) in [
        (&*store, vec![tagged("d")], CopyError::Full(4)),
        ("nobodys", vec![], CopyError::NoStore("nobodys".to_owned())),
        (&*store, vec![tagged("d"); 1_001], CopyError::TooMany),
        (&*store, vec![(0..51).map(|n| (n.to_string(), String::new())).collect()], CopyError::TooManyTags),
    ] {
        assert_eq!(service.account.copy_store(of, tags), Err(why));
    }
    assert_eq!(all(&service, "ListPolicyStores", "policyStores", json!({})).len(), 4);
}
