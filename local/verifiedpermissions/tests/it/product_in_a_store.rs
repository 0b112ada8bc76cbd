//! The product's life in a store, as the product lives it: set up by name, shared by name.

use serde_json::{Value, json};

use crate::service::{
    ADD_DOCUMENT, OWNER, SHARE, Service, TENANT_ADMIN, action, entity, share, static_policy, text,
};

/// A tenant's store as it is provisioned: its id and the share template's.
fn tenant(service: &Service) -> (String, String) {
    let store = service.documents_store();
    for (name, statement) in
        [("add-document", ADD_DOCUMENT), ("owner", OWNER), ("tenant-admin", TENANT_ADMIN)]
    {
        let mut body = static_policy(&store, statement);
        body["name"] = format!("name/static/{name}").into();
        service.ok("CreatePolicy", body);
    }
    let template = service.template(&store, SHARE);
    (store, template)
}

fn ask(store: &str, user: &str, groups: &[&str], action_id: &str, resource: Value) -> Value {
    let parents: Vec<Value> = groups.iter().map(|group| entity("Group", group)).collect();
    json!({
        "policyStoreId": store,
        "principal": entity("User", user),
        "action": action(action_id),
        "resource": resource,
        "entities": { "entityList": [
            { "identifier": entity("User", user), "parents": parents },
            {
                "identifier": entity("Document", "d"),
                "attributes": { "owner": { "entityIdentifier": entity("User", "olga") } },
            },
        ] },
    })
}

#[test]
fn a_share_opens_one_document_to_one_user_until_it_is_taken_back() {
    let service = Service::new();
    let (store, template) = tenant(&service);
    let decision = |user: &str, groups: &[&str], action: &str| {
        let answer = service.ok("IsAuthorized", ask(&store, user, groups, action, entity("Document", "d")));
        assert_eq!(answer["errors"], json!([]));
        text(&answer, "decision")
    };
    assert_eq!(decision("olga", &[], "shareDocument"), "ALLOW");
    assert_eq!(decision("sam", &[], "accessDocument"), "DENY");
    let mut body = share(&store, &template, "sam", "d");
    body["name"] = "name/share/d/sam".into();
    service.ok("CreatePolicy", body.clone());
    service.refused("CreatePolicy", body, "ConflictException");
    assert_eq!(decision("sam", &[], "accessDocument"), "ALLOW");
    assert_eq!(decision("sam", &[], "shareDocument"), "DENY");
    assert_eq!(decision("stan", &[], "accessDocument"), "DENY");
    assert_eq!(decision("ada", &["TENANT_ADMINS"], "deleteDocument"), "ALLOW");
    assert_eq!(decision("ada", &["OTHERS"], "deleteDocument"), "DENY");
    service.ok("DeletePolicy", json!({ "policyStoreId": store, "policyId": "name/share/d/sam" }));
    assert_eq!(decision("sam", &[], "accessDocument"), "DENY");
    assert_eq!(decision("olga", &[], "accessDocument"), "ALLOW");
}

#[test]
fn every_user_adds_to_and_lists_from_the_collection() {
    let service = Service::new();
    let (store, _) = tenant(&service);
    for action in ["addDocument", "listDocuments"] {
        let body = ask(&store, "stan", &[], action, entity("DocumentStore", "tenant"));
        assert_eq!(service.ok("IsAuthorized", body)["decision"], "ALLOW", "{action}");
    }
    for action in ["manageUsers", "viewUsage"] {
        let may = |groups: &[&str]| {
            let body = ask(&store, "ada", groups, action, entity("DocumentStore", "tenant"));
            text(&service.ok("IsAuthorized", body), "decision")
        };
        assert_eq!((may(&["TENANT_ADMINS"]).as_str(), may(&[]).as_str()), ("ALLOW", "DENY"), "{action}");
    }
    let body = ask(&store, "stan", &[], "addDocument", entity("Document", "d"));
    service.refused("IsAuthorized", body, "ValidationException");
}

#[test]
fn one_tenants_share_is_nothing_in_anothers_store() {
    let service = Service::new();
    let ((a, template), (b, _)) = (tenant(&service), tenant(&service));
    service.share(&a, &template, "sam", "d");
    let open = |store: &str| {
        let body = ask(store, "sam", &[], "accessDocument", entity("Document", "d"));
        text(&service.ok("IsAuthorized", body), "decision")
    };
    assert_eq!((open(&a).as_str(), open(&b).as_str()), ("ALLOW", "DENY"));
    service.refused("CreatePolicy", share(&b, &template, "sam", "d"), "ResourceNotFoundException");
}

#[test]
fn a_removed_user_is_forbidden_everything_by_name_and_only_while_the_name_is_there() {
    let service = Service::new();
    let (store, _) = tenant(&service);
    let removed = include_str!("../../../../shared/cedar/removed-user.cedar").replace("USER_ID", "olga");
    let may = |user: &str| {
        let body = ask(&store, user, &["TENANT_ADMINS"], "accessDocument", entity("Document", "d"));
        text(&service.ok("IsAuthorized", body), "decision")
    };
    assert_eq!((may("olga").as_str(), may("ada").as_str()), ("ALLOW", "ALLOW"));
    let mut body = static_policy(&store, &removed);
    body["name"] = "name/removed/olga".into();
    service.ok("CreatePolicy", body.clone());
    service.refused("CreatePolicy", body, "ConflictException");
    assert_eq!((may("olga").as_str(), may("ada").as_str()), ("DENY", "ALLOW"));
    service.ok("DeletePolicy", json!({ "policyStoreId": store, "policyId": "name/removed/olga" }));
    assert_eq!(may("olga"), "ALLOW");
}
