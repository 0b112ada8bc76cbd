//! Policies: static and template-linked.

use serde_json::{Value, json};
use time::Duration;

use crate::service::{
    ADD_DOCUMENT, OWNER, SHARE, Service, TENANT_ADMIN, action, all, entity, share, static_policy, text,
};

fn named(mut body: Value, name: &str) -> Value {
    body["name"] = name.into();
    body
}

#[test]
fn a_static_policy_is_what_it_was_made_as() {
    let service = Service::new();
    let store = service.documents_store();
    let mut body = named(static_policy(&store, ADD_DOCUMENT), "name/static/add-document");
    body["definition"]["static"]["description"] = "adding".into();
    let made = service.ok("CreatePolicy", body);
    assert_eq!(made["policyType"], "STATIC");
    assert_eq!(made["effect"], "Permit");
    assert_eq!(made["actions"], json!([action("addDocument"), action("listDocuments")]));
    assert_eq!((made.get("principal"), made.get("resource")), (None, None), "`is` names no entity");
    let got = service.ok("GetPolicy", json!({ "policyStoreId": store, "policyId": made["policyId"] }));
    assert_eq!(got["name"], "name/static/add-document");
    assert_eq!(
        got["definition"],
        json!({ "static": { "statement": ADD_DOCUMENT, "description": "adding" } })
    );
    let listed = service.ok("ListPolicies", json!({ "policyStoreId": store }));
    assert_eq!(listed["policies"][0]["definition"], json!({ "static": { "description": "adding" } }));
}

#[test]
fn a_linked_policy_is_what_it_was_made_as() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    let made = service.ok("CreatePolicy", share(&store, &template, "u", "d"));
    assert_eq!(made["policyType"], "TEMPLATE_LINKED");
    assert_eq!(made["principal"], entity("User", "u"));
    assert_eq!(made["resource"], entity("Document", "d"));
    assert_eq!(made["actions"], json!([action("accessDocument")]));
    let got = service.ok("GetPolicy", json!({ "policyStoreId": store, "policyId": made["policyId"] }));
    let linked = json!({ "templateLinked": {
        "policyTemplateId": template, "principal": entity("User", "u"), "resource": entity("Document", "d"),
    } });
    assert_eq!(got["definition"], linked);
    let listed = service.ok("ListPolicies", json!({ "policyStoreId": store }));
    assert_eq!(listed["policies"][0]["definition"], linked);
}

#[test]
fn a_name_works_where_an_id_does() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    let name = "name/share/d/u";
    let made = service.ok("CreatePolicy", named(share(&store, &template, "u", "d"), name));
    let by_name = json!({ "policyStoreId": store, "policyId": name });
    assert_eq!(service.ok("GetPolicy", by_name.clone())["policyId"], made["policyId"]);
    service.ok("DeletePolicy", by_name.clone());
    service.refused("GetPolicy", by_name.clone(), "ResourceNotFoundException");
    service.ok("DeletePolicy", by_name);
}

#[test]
fn a_name_is_one_policys_in_a_store_and_free_again_when_that_is_gone() {
    let service = Service::new();
    let (store, other) = (service.documents_store(), service.documents_store());
    let template = service.template(&store, SHARE);
    let body = named(share(&store, &template, "u", "d"), "name/share/d/u");
    let first = service.ok("CreatePolicy", body.clone());
    let refused = service.refused("CreatePolicy", body.clone(), "ConflictException");
    assert_eq!(refused["resources"], json!([{ "resourceId": first["policyId"], "resourceType": "POLICY" }]));
    service.ok("CreatePolicy", named(static_policy(&other, OWNER), "name/share/d/u"));
    service.ok("DeletePolicy", json!({ "policyStoreId": store, "policyId": "name/share/d/u" }));
    service.ok("CreatePolicy", body);
}

#[test]
fn a_name_must_begin_as_a_name() {
    let service = Service::new();
    let store = service.documents_store();
    for (bad, why) in [
        ("static/owner", "no prefix"),
        ("name/", "nothing after the prefix"),
        ("", "empty is for taking a name away, and there is none yet"),
        ("name/a b", "a space is not in the pattern"),
        ("name/ä", "a letter outside ASCII is not in the pattern"),
    ] {
        let body = named(static_policy(&store, OWNER), bad);
        assert_eq!(
            service.refused("CreatePolicy", body, "ValidationException")["fieldList"][0]["path"],
            "name",
            "{why}"
        );
    }
    let at_most = format!("name/{}", "x".repeat(145));
    service.ok("CreatePolicy", named(static_policy(&store, OWNER), &at_most));
    let too_long = format!("{at_most}x");
    service.refused("CreatePolicy", named(static_policy(&store, OWNER), &too_long), "ValidationException");
}

#[test]
fn a_strict_store_without_a_schema_refuses_every_policy_and_a_lax_one_none() {
    let service = Service::new();
    let (strict, off) = (service.store("STRICT"), service.store("OFF"));
    let refused = service.refused("CreatePolicy", static_policy(&strict, OWNER), "ValidationException");
    assert!(text(&refused, "message").contains("no schema"));
    let template = json!({ "policyStoreId": strict, "statement": SHARE });
    service.refused("CreatePolicyTemplate", template, "ValidationException");
    service.policy(&off, OWNER);
    service.template(&off, SHARE);
}

#[test]
fn a_policy_that_does_not_validate_is_refused_and_says_why() {
    let service = Service::new();
    let store = service.documents_store();
    for (statement, why, says) in [
        (
            "permit (principal is DocumentsAPI::User, action, resource is DocumentsAPI::Document) \
             when { resource.author == principal };",
            "an attribute that the schema lacks",
            "author",
        ),
        (
            "permit (principal, action == DocumentsAPI::Action::\"burn\", resource);",
            "an action that the schema lacks",
            "burn",
        ),
        ("permit (principal is Robot, action, resource);", "a type that the schema lacks", "Robot"),
        (
            "permit (principal, action == DocumentsAPI::Action::\"addDocument\", resource) \
             when { resource.owner == principal };",
            "a container has no owner",
            "owner",
        ),
    ] {
        let refused =
            service.refused("CreatePolicy", static_policy(&store, statement), "ValidationException");
        assert_eq!(refused["fieldList"][0]["path"], "definition.static", "{why}");
        let message = text(&refused["fieldList"][0], "message");
        assert!(message.contains(says), "{why}: {message}");
    }
    assert_eq!(service.ok("ListPolicies", json!({ "policyStoreId": store }))["policies"], json!([]));
}

#[test]
fn a_warning_does_not_refuse_a_policy() {
    let service = Service::new();
    let store = service.documents_store();
    // A document is never a User: this can never match, which Cedar remarks and does not refuse.
    service.policy(&store, "permit (principal is DocumentsAPI::Group, action, resource);");
}

#[test]
fn what_is_not_one_static_policy_is_refused() {
    let service = Service::new();
    let store = service.documents_store();
    for (statement, why) in [
        ("permit (principal, action, resource)", "no semicolon"),
        ("permit (principal, action, resource) when { “x” == “x” };", "typographic quotes"),
        ("", "empty"),
        ("// nothing", "only a comment"),
        (SHARE, "a template"),
        ("permit (principal, action, resource); permit (principal, action, resource);", "two policies"),
    ] {
        service.refused("CreatePolicy", static_policy(&store, statement), "ValidationException");
        assert!(!why.is_empty());
    }
    service.policy(&store, TENANT_ADMIN);
}

#[test]
fn a_link_fills_exactly_the_places_of_its_template() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    service.ok("CreatePolicy", share(&store, &template, "u", "d"));
    let without = |name: &str| {
        let mut body = share(&store, &template, "u", "d");
        body["definition"]["templateLinked"].as_object_mut().unwrap().remove(name);
        body
    };
    service.refused("CreatePolicy", without("principal"), "ValidationException");
    service.refused("CreatePolicy", without("resource"), "ValidationException");
    let one_place = service.template(
        &store,
        "permit (principal is DocumentsAPI::User, action == DocumentsAPI::Action::\"accessDocument\", \
         resource == ?resource);",
    );
    service.refused("CreatePolicy", share(&store, &one_place, "u", "d"), "ValidationException");
    let mut fits = share(&store, &one_place, "u", "d");
    fits["definition"]["templateLinked"].as_object_mut().unwrap().remove("principal");
    assert_eq!(service.ok("CreatePolicy", fits).get("principal"), None);
}

#[test]
fn a_link_names_its_template_by_id() {
    let service = Service::new();
    let store = service.documents_store();
    let body = json!({ "policyStoreId": store, "statement": SHARE, "name": "name/share" });
    service.ok("CreatePolicyTemplate", body);
    let refused =
        service.refused("CreatePolicy", share(&store, "name/share", "u", "d"), "ValidationException");
    assert_eq!(refused["fieldList"][0]["path"], "definition.templateLinked.policyTemplateId");
    let refused =
        service.refused("CreatePolicy", share(&store, "absent", "u", "d"), "ResourceNotFoundException");
    assert_eq!(refused["resourceType"], "POLICY_TEMPLATE");
}

#[test]
fn a_link_to_a_type_that_the_schema_lacks_is_refused() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    let mut body = share(&store, &template, "u", "d");
    body["definition"]["templateLinked"]["principal"]["entityType"] = "DocumentsAPI::Robot".into();
    service.refused("CreatePolicy", body, "ValidationException");
}

#[test]
fn a_repeated_client_token_makes_one_policy() {
    let service = Service::new();
    let store = service.documents_store();
    let mut body = static_policy(&store, OWNER);
    body["clientToken"] = "once".into();
    let first = service.ok("CreatePolicy", body.clone());
    assert_eq!(service.ok("CreatePolicy", body.clone()), first);
    body["definition"]["static"]["statement"] = TENANT_ADMIN.into();
    service.refused("CreatePolicy", body, "ConflictException");
    assert_eq!(all(&service, "ListPolicies", "policies", json!({ "policyStoreId": store })).len(), 1);
}

#[test]
fn an_update_changes_action_and_conditions_but_not_effect_principal_or_resource() {
    let service = Service::new();
    let store = service.documents_store();
    let policy = service.policy(&store, OWNER);
    let update = |statement: &str| {
        json!({
            "policyStoreId": store, "policyId": policy,
            "definition": { "static": { "statement": statement } },
        })
    };
    service.wait(Duration::SECOND);
    let narrower = OWNER.replace("action in", "action ==").replace("ownerActions", "accessDocument");
    let answer = service.ok("UpdatePolicy", update(&narrower));
    assert_eq!(answer["actions"], json!([action("accessDocument")]));
    assert_eq!(answer["createdDate"], "2026-11-22T12:00:00.000000Z");
    assert_eq!(answer["lastUpdatedDate"], "2026-11-22T12:00:01.000000Z");
    for (statement, what) in [
        (OWNER.replace("permit", "forbid"), "effect"),
        (OWNER.replace("principal is DocumentsAPI::User", "principal"), "principal"),
        (OWNER.replace("resource is DocumentsAPI::Document", "resource"), "resource"),
        (OWNER.replace("resource.owner", "resource.author"), "author"),
    ] {
        let refused = service.refused("UpdatePolicy", update(&statement), "ValidationException");
        assert!(text(&refused, "message").contains(what), "{refused}");
    }
    let got = service.ok("GetPolicy", json!({ "policyStoreId": store, "policyId": policy }));
    assert_eq!(got["definition"]["static"]["statement"], narrower, "a refused update changes nothing");
}

#[test]
fn an_update_gives_keeps_and_takes_away_a_name() {
    let service = Service::new();
    let store = service.documents_store();
    let policy = service.policy(&store, OWNER);
    service.ok("CreatePolicy", named(static_policy(&store, TENANT_ADMIN), "name/taken"));
    let update = |name: &str| json!({ "policyStoreId": store, "policyId": policy, "name": name });
    let by = |id: &str| json!({ "policyStoreId": store, "policyId": id });
    service.refused("UpdatePolicy", update("name/taken"), "ConflictException");
    service.ok("UpdatePolicy", update("name/mine"));
    service.ok("UpdatePolicy", update("name/mine"));
    service.ok("UpdatePolicy", by("name/mine"));
    assert_eq!(service.ok("GetPolicy", by("name/mine"))["policyId"], policy);
    service.ok("UpdatePolicy", update(""));
    service.refused("GetPolicy", by("name/mine"), "ResourceNotFoundException");
    assert_eq!(service.ok("GetPolicy", by(&policy)).get("name"), None);
}

#[test]
fn a_linked_policy_is_not_updated() {
    let service = Service::new();
    let store = service.documents_store();
    let template = service.template(&store, SHARE);
    let policy = service.share(&store, &template, "u", "d");
    let update = json!({
        "policyStoreId": store, "policyId": policy, "definition": { "static": { "statement": OWNER } },
    });
    service.refused("UpdatePolicy", update, "ValidationException");
}
