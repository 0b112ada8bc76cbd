//! One tenant never reaches another's data: not through the API, and not with a function's own powers.
//!
//! Every refusal stands beside the same call allowed to its owner: an account that refuses everything would
//! pass a test of refusals only.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use aws_sdk_verifiedpermissions::types::{
    ActionIdentifier, Decision, EntityIdentifier, PolicyDefinition, StaticPolicyDefinition,
};
use local::account::Tenant;
use reqwest::Method;
use serde_json::json;
use tests::{Answer, Aws, Person, Refused, World, world};
use uuid::Uuid;

const CONTENT: &[u8] = b"amber only";

/// A route with the ids of a document and a user put in: `None` when the route has no row here yet.
fn attack(route: &str, document: &str, user: &str) -> Option<(Method, String, Option<String>)> {
    let body = json!({ "document_id": document, "user_id": user }).to_string();
    Some(match route {
        "GET /documents/{document_id}" => (Method::GET, format!("/documents/{document}"), None),
        "DELETE /documents/{document_id}" => (Method::DELETE, format!("/documents/{document}"), None),
        "GET /documents/{document_id}/shares" => (Method::GET, format!("/documents/{document}/shares"), None),
        "POST /shares" => (Method::POST, "/shares".to_owned(), Some(body)),
        "DELETE /shares/{document_id}/{user_id}" => {
            (Method::DELETE, format!("/shares/{document}/{user}"), None)
        }
        "DELETE /users/{user_id}" => (Method::DELETE, format!("/users/{user}"), None),
        _ => return None,
    })
}

/// Routes that take no id of anything: what they show or make is the caller's own, which other tests show.
const WITHOUT_IDS: [&str; 4] = ["POST /documents", "GET /documents", "POST /users", "GET /users"];

/// Routes of a buyer, who has no token and no tenant yet; what they show is signed or secret, which signup.rs
/// tests.
const OF_BUYERS: &str = " /signup";

/// Routes about users, which have a test of their own: only administrators get as far as an id.
const OF_USERS: [&str; 1] = ["DELETE /users/{user_id}"];

/// The routes that the template deploys.
fn routes() -> BTreeSet<String> {
    let template = include_str!("../../template.yaml");
    let value = |line: &str, name: &str| {
        line.trim().strip_prefix(name).map(|v| v.trim().trim_matches('"').to_owned())
    };
    let mut routes = BTreeSet::new();
    let (mut method, mut path) = (None, None);
    for line in template.lines() {
        // The two stand beside each other, in either order.
        if let Some(found) = value(line, "Path: ").filter(|path| path.starts_with('/')) {
            path = Some(found);
        } else if let Some(found) = value(line, "Method: ") {
            method = Some(found.to_uppercase());
        } else {
            (method, path) = (None, None);
        }
        if let (Some(method), Some(path)) = (&method, &path) {
            routes.insert(format!("{method} {path}"));
        }
    }
    routes
}

#[test]
fn every_route_of_the_template_has_a_row_here() {
    let routes = routes();
    assert!(routes.len() >= 7, "the template's routes are found: {routes:?}");
    for route in routes {
        assert!(
            route.contains(OF_BUYERS) || WITHOUT_IDS.contains(&&*route) || attack(&route, "d", "u").is_some(),
            "{route}: add it to `attack` in tests/it/isolation.rs, so that it is tried with another tenant's ids"
        );
    }
}

async fn knock(person: &Person, route: &str, document: &str, user: &str) -> Answer {
    let (method, path, body) = attack(route, document, user).unwrap();
    person.send(method, &path, body).await
}

#[tokio::test]
async fn another_tenants_document_looks_absent_on_every_route() {
    let world = world().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    let intruders = [world.person("cobalt", 0).await, world.person("cobalt", 1).await];
    for route in routes() {
        let route = route.as_str();
        if route.contains(OF_BUYERS) || WITHOUT_IDS.contains(&route) || OF_USERS.contains(&route) {
            continue;
        }
        let document = ben.add("amber.txt", CONTENT).await;
        // A share is there to be ended; sharing is what makes it.
        if route != "POST /shares" {
            let _ = ben.share(&document, &cleo).await.expect(201);
        }
        for intruder in &intruders {
            let real = knock(intruder, route, &document, &cleo.user_id).await;
            let absent = knock(intruder, route, &Uuid::new_v4().to_string(), &cleo.user_id).await;
            assert_eq!(real.refusal(), "404 not-found", "{route}");
            assert_eq!(
                (real.status, real.body),
                (absent.status, absent.body),
                "{route}: byte for byte alike"
            );
        }
        let allowed = knock(&ben, route, &document, &cleo.user_id).await;
        assert!(
            (200..300).contains(&allowed.status),
            "{route} as its owner: {} {}",
            allowed.status,
            allowed.body
        );
    }
}

#[tokio::test]
async fn another_tenants_user_looks_absent() {
    let world = world().await;
    let tenant = world.fresh_tenant("raided").await;
    let (ada, ben) = (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await);
    let (dora, emil) = (world.person("cobalt", 0).await, world.person("cobalt", 1).await);
    for route in OF_USERS {
        for (intruder, refusal) in [(&dora, "404 not-found"), (&emil, "403 forbidden")] {
            let real = knock(intruder, route, "", &ben.user_id).await;
            let absent = knock(intruder, route, "", &Uuid::new_v4().to_string()).await;
            assert_eq!(real.refusal(), refusal, "{route}");
            assert_eq!(
                (real.status, real.body),
                (absent.status, absent.body),
                "{route}: byte for byte alike"
            );
        }
        assert_eq!(ben.get("/documents").await.status, 200, "{route}: ben is as he was");
        let allowed = knock(&ada, route, "", &ben.user_id).await;
        assert!((200..300).contains(&allowed.status), "{route} as his administrator: {}", allowed.body);
    }
    let list = dora.get(&format!("/users?limit=100&tenant_id={}", tenant.tenant_id)).await.expect(200);
    assert!(!list.body.contains(&ada.user_id) && list.body.contains(&emil.user_id));
}

#[tokio::test]
async fn a_tenant_named_by_the_client_is_not_read() {
    let world = world().await;
    let (ben, emil) = (world.person("amber", 1).await, world.person("cobalt", 1).await);
    let document = ben.add("amber.txt", CONTENT).await;
    let amber = &ben.tenant_id;
    let path = format!("/documents/{document}?tenant_id={amber}&custom:tenant_id={amber}");
    assert_eq!(ben.get(&path).await.status, 200);
    assert_eq!(emil.get(&path).await.refusal(), "404 not-found");
    let list = emil.get(&format!("/documents?tenant_id={amber}&limit=100")).await.expect(200);
    assert!(!list.body.contains(&document));
}

/// Everything of a tenant's that a session could be after.
struct Target<'a> {
    world: &'a World,
    tenant: &'a Tenant,
    document: String,
}

impl Target<'_> {
    fn table(&self, name: &str) -> &str {
        self.world.details.output(name)
    }

    /// What a session of the tenant may do; each is also tried by those who may not.
    async fn tries(&self, aws: &Aws) -> Vec<(&'static str, Result<(), Refused>)> {
        let (dynamodb, s3) = (aws.dynamodb(), aws.s3());
        let tenant = || AttributeValue::S(self.tenant.tenant_id.clone());
        let bucket = self.world.details.output("ContentBucketName");
        let key = format!("{}/{}", self.tenant.tenant_id, self.document);
        let get = dynamodb
            .get_item()
            .table_name(self.table("DocumentsTableName"))
            .key("tenant_id", tenant())
            .key("document_id", AttributeValue::S(self.document.clone()))
            .send()
            .await;
        let index = dynamodb
            .query()
            .table_name(self.table("DocumentsTableName"))
            .index_name("by-owner")
            .key_condition_expression("#t = :t")
            .expression_attribute_names("#t", "tenant_id")
            .expression_attribute_values(":t", tenant())
            .send()
            .await;
        let update = dynamodb
            .update_item()
            .table_name(self.table("DocumentsTableName"))
            .key("tenant_id", tenant())
            .key("document_id", AttributeValue::S(self.document.clone()))
            .update_expression("SET touched = :n")
            .expression_attribute_values(":n", AttributeValue::N("1".to_owned()))
            .send()
            .await;
        let shares = dynamodb
            .query()
            .table_name(self.table("SharesTableName"))
            .key_condition_expression("tenant_id = :t")
            .expression_attribute_values(":t", tenant())
            .send()
            .await;
        let object = s3.get_object().bucket(bucket).key(&key).send().await;
        let decision = aws
            .verified_permissions()
            .is_authorized()
            .policy_store_id(&self.tenant.policy_store_id)
            .principal(entity("User", "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11"))
            .action(
                ActionIdentifier::builder()
                    .action_type("DocumentsAPI::Action")
                    .action_id("addDocument")
                    .build()
                    .unwrap(),
            )
            .resource(entity("DocumentStore", &self.tenant.tenant_id))
            .send()
            .await;
        vec![
            ("GetItem", get.map(drop).map_err(|e| Refused::of(&e))),
            ("Query by-owner", index.map(drop).map_err(|e| Refused::of(&e))),
            ("UpdateItem", update.map(drop).map_err(|e| Refused::of(&e))),
            ("Query shares", shares.map(drop).map_err(|e| Refused::of(&e))),
            ("GetObject", object.map(drop).map_err(|e| Refused::of(&e))),
            (
                "IsAuthorized",
                decision
                    .map(|answer| assert_eq!(answer.decision, Decision::Allow))
                    .map_err(|e| Refused::of(&e)),
            ),
        ]
    }
}

fn entity(kind: &str, id: &str) -> EntityIdentifier {
    EntityIdentifier::builder().entity_type(format!("DocumentsAPI::{kind}")).entity_id(id).build().unwrap()
}

fn tags<'a>(tenant: &'a Tenant, store: &'a Tenant) -> [(&'a str, &'a str); 2] {
    [("tenant_id", &tenant.tenant_id), ("policy_store_id", &store.policy_store_id)]
}

#[tokio::test]
async fn a_session_reaches_its_own_tenant_and_no_other() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let document = ben.add("amber.txt", CONTENT).await;
    let (amber, cobalt) = (world.tenant("amber"), world.tenant("cobalt"));
    let target = Target { world: &world, tenant: amber, document };
    let data = world.details.output("TenantDataRoleArn");
    for function in ["Documents", "Shares"] {
        let function = world.function(function);
        let own = function.assume(data, &tags(amber, amber)).await.unwrap();
        for (what, tried) in target.tries(&own).await {
            assert_eq!(tried, Ok(()), "{what} with a session of its own tenant");
        }
        let foreign = function.assume(data, &tags(cobalt, cobalt)).await.unwrap();
        let mismatched = function.assume(data, &tags(cobalt, amber)).await.unwrap();
        for (whose, aws) in [("another tenant's session", &foreign), ("the function's own role", &function)] {
            for (what, tried) in target.tries(aws).await {
                assert!(
                    tried.as_ref().is_err_and(Refused::is_access_denied),
                    "{what} with {whose}: {tried:?}"
                );
            }
        }
        // A wrong mapping row would make such a session: the store's own tag refuses it.
        for (what, tried) in target.tries(&mismatched).await {
            assert!(
                tried.as_ref().is_err_and(Refused::is_access_denied),
                "{what} with a wrong mapping: {tried:?}"
            );
        }
    }
}

/// The powers to write and to remove, each with what it is for, on the target's tenant. What is tried changes
/// nothing that anybody misses: rows and policies of a document that never was.
async fn powers(target: &Target<'_>, aws: &Aws, role: &str) -> Vec<(&'static str, Result<(), Refused>)> {
    let (dynamodb, s3, avp) = (aws.dynamodb(), aws.s3(), aws.verified_permissions());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let tenant = target.tenant.tenant_id.as_str();
    let store = target.tenant.policy_store_id.as_str();
    let (nothing, key) = (Uuid::new_v4().to_string(), format!("{tenant}/{}", Uuid::new_v4()));
    let bucket = target.world.details.output("ContentBucketName");
    let share = format!("{nothing}#{nothing}");
    let unshare =
        avp.delete_policy().policy_store_id(store).policy_id(format!("name/share/{nothing}/{nothing}"));
    let outcome = |result: Result<(), Refused>| match result {
        // It was allowed to ask for what is not there.
        Err(refused) if refused.code == "ResourceNotFoundException" => Ok(()),
        other => other,
    };
    let mut tried = Vec::new();
    match role {
        "Sharing" => {
            let put = dynamodb
                .put_item()
                .table_name(target.table("SharesTableName"))
                .item("tenant_id", text(tenant))
                .item("share_id", text(&share));
            let delete = dynamodb
                .delete_item()
                .table_name(target.table("SharesTableName"))
                .key("tenant_id", text(tenant))
                .key("share_id", text(&share));
            let policy = StaticPolicyDefinition::builder()
                .statement(format!("permit(principal == DocumentsAPI::User::\"{nothing}\", action == DocumentsAPI::Action::\"accessDocument\", resource == DocumentsAPI::Document::\"{nothing}\");"))
                .build()
                .unwrap();
            let create = avp
                .create_policy()
                .policy_store_id(store)
                .name(format!("name/share/{nothing}/{nothing}"))
                .definition(PolicyDefinition::Static(policy));
            tried.push(("PutItem", put.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("DeleteItem", delete.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("CreatePolicy", create.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried
                .push(("DeletePolicy", outcome(unshare.send().await.map(drop).map_err(|e| Refused::of(&e)))));
        }
        "Directory" | "Departure" => {
            let users = target.table("UsersTableName");
            let row = dynamodb
                .delete_item()
                .table_name(users)
                .key("tenant_id", text(tenant))
                .key("user_id", text(&nothing));
            let list = dynamodb
                .query()
                .table_name(users)
                .key_condition_expression("tenant_id = :t")
                .expression_attribute_values(":t", text(tenant));
            let policy = StaticPolicyDefinition::builder()
                .statement(format!(
                    "forbid(principal == DocumentsAPI::User::\"{nothing}\", action, resource);"
                ))
                .build()
                .unwrap();
            let create = avp
                .create_policy()
                .policy_store_id(store)
                .name(format!("name/removed/{nothing}"))
                .definition(PolicyDefinition::Static(policy));
            tried.push(("DeleteItem", row.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("Query", list.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("CreatePolicy", create.send().await.map(drop).map_err(|e| Refused::of(&e))));
            if role == "Directory" {
                let put = dynamodb
                    .put_item()
                    .table_name(users)
                    .item("tenant_id", text(tenant))
                    .item("user_id", text("#nothing"));
                tried.push(("PutItem", put.send().await.map(drop).map_err(|e| Refused::of(&e))));
            } else {
                let received = dynamodb
                    .query()
                    .table_name(target.table("SharesTableName"))
                    .index_name("by-receiver")
                    .key_condition_expression("tenant_id = :t")
                    .expression_attribute_values(":t", text(tenant));
                let policies = avp.list_policies().policy_store_id(store);
                tried.push((
                    "Query by-receiver",
                    received.send().await.map(drop).map_err(|e| Refused::of(&e)),
                ));
                tried.push(("ListPolicies", policies.send().await.map(drop).map_err(|e| Refused::of(&e))));
                tried.push((
                    "DeletePolicy",
                    outcome(unshare.send().await.map(drop).map_err(|e| Refused::of(&e))),
                ));
            }
        }
        "Deletion" => {
            let row = dynamodb
                .delete_item()
                .table_name(target.table("DocumentsTableName"))
                .key("tenant_id", text(tenant))
                .key("document_id", text(&nothing));
            let delete =
                DeleteRequest::builder().key("tenant_id", text(tenant)).key("share_id", text(&share));
            let write = WriteRequest::builder().delete_request(delete.build().unwrap()).build();
            let batch =
                dynamodb.batch_write_item().request_items(target.table("SharesTableName"), vec![write]);
            let list = avp.list_policies().policy_store_id(store);
            let object = s3.delete_object().bucket(bucket).key(&key);
            tried.push(("DeleteItem", row.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("BatchWriteItem", batch.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("ListPolicies", list.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried
                .push(("DeletePolicy", outcome(unshare.send().await.map(drop).map_err(|e| Refused::of(&e)))));
            tried.push(("DeleteObject", object.send().await.map(drop).map_err(|e| Refused::of(&e))));
        }
        _ => {
            let row = dynamodb
                .get_item()
                .table_name(target.table("DocumentsTableName"))
                .key("tenant_id", text(tenant))
                .key("document_id", text(&target.document));
            let read = s3.get_object().bucket(bucket).key(format!("{tenant}/{}", target.document));
            let object = s3.delete_object().bucket(bucket).key(&key);
            tried.push(("GetItem", row.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("GetObject", read.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("DeleteObject", object.send().await.map(drop).map_err(|e| Refused::of(&e))));
        }
    }
    tried
}

#[tokio::test]
async fn the_powers_to_write_and_remove_end_at_the_tenant_too() {
    let world = world().await;
    let tenant = world.fresh_tenant("powers").await;
    let document = world.sign_in(&tenant, 1).await.add("powers.txt", CONTENT).await;
    let cobalt = world.tenant("cobalt");
    let target = Target { world: &world, tenant: &tenant, document };
    for (function, role) in [
        ("Shares", "Sharing"),
        ("Deletions", "Deletion"),
        ("Uploads", "Settlement"),
        ("Users", "Directory"),
        ("Departures", "Departure"),
    ] {
        let arn = world.details.output(&format!("Tenant{role}RoleArn"));
        let function = world.function(function);
        let own = function.assume(arn, &tags(&tenant, &tenant)).await.unwrap();
        for (what, tried) in powers(&target, &own, role).await {
            assert_eq!(tried, Ok(()), "{role}: {what} with a session of its own tenant");
        }
        let foreign = function.assume(arn, &tags(cobalt, cobalt)).await.unwrap();
        let mismatched = function.assume(arn, &tags(cobalt, &tenant)).await.unwrap();
        for (whose, aws) in
            [("another tenant's", &foreign), ("a wrongly mapped", &mismatched), ("no", &function)]
        {
            for (what, tried) in powers(&target, aws, role).await {
                assert!(
                    tried.as_ref().is_err_and(Refused::is_access_denied),
                    "{role}: {what} with {whose} session: {tried:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_no_session_needs_no_session_may_do() {
    let world = world().await;
    let amber = world.tenant("amber");
    let session = world
        .function("Documents")
        .assume(world.details.output("TenantDataRoleArn"), &tags(amber, amber))
        .await
        .unwrap();
    let table = world.details.output("DocumentsTableName");
    let (dynamodb, avp) = (session.dynamodb(), session.verified_permissions());
    let own_rows = dynamodb
        .query()
        .table_name(table)
        .index_name("by-owner")
        .key_condition_expression("tenant_id = :t")
        .expression_attribute_values(":t", AttributeValue::S(amber.tenant_id.clone()))
        .send()
        .await;
    assert!(own_rows.is_ok(), "its own rows: {own_rows:?}");
    let policy =
        StaticPolicyDefinition::builder().statement("permit(principal, action, resource);").build().unwrap();
    for (what, refused) in [
        ("Scan", dynamodb.scan().table_name(table).send().await.map(drop).map_err(|e| Refused::of(&e))),
        (
            "Scan of an index",
            dynamodb
                .scan()
                .table_name(table)
                .index_name("by-owner")
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
        (
            "PartiQL",
            dynamodb
                .execute_statement()
                .statement(format!("SELECT * FROM \"{table}\""))
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
        (
            "DeleteTable",
            dynamodb.delete_table().table_name(table).send().await.map(drop).map_err(|e| Refused::of(&e)),
        ),
        (
            "CreatePolicy",
            avp.create_policy()
                .policy_store_id(&amber.policy_store_id)
                .definition(PolicyDefinition::Static(policy))
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
        ("ListPolicyStores", avp.list_policy_stores().send().await.map(drop).map_err(|e| Refused::of(&e))),
        (
            "ListObjectsV2",
            session
                .s3()
                .list_objects_v2()
                .bucket(world.details.output("ContentBucketName"))
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
    ] {
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{what}: {refused:?}");
    }
}

#[tokio::test]
async fn a_role_is_assumed_only_by_its_functions_and_only_with_a_tenants_tags() {
    let world = world().await;
    let amber = world.tenant("amber");
    let role = |name: &str| world.details.output(&format!("Tenant{name}RoleArn"));
    let (id, store) = (amber.tenant_id.as_str(), amber.policy_store_id.as_str());
    let both = [("tenant_id", id), ("policy_store_id", store)];
    let mapping = [("tenant_id", id)];
    for (function, name) in [
        ("Documents", "Mapping"),
        ("Documents", "Data"),
        ("Shares", "Mapping"),
        ("Shares", "Data"),
        ("Shares", "Sharing"),
        ("Uploads", "Settlement"),
        ("Deletions", "Deletion"),
        ("Users", "Data"),
        ("Users", "Directory"),
        ("Departures", "Departure"),
    ] {
        let tags = if name == "Mapping" { &mapping[..] } else { &both[..] };
        assert!(
            world.function(function).assume(role(name), tags).await.is_ok(),
            "{function} may have {name}"
        );
    }
    for (function, name) in [
        ("Documents", "Sharing"),
        ("Documents", "Settlement"),
        ("Documents", "Deletion"),
        ("Shares", "Settlement"),
        ("Shares", "Deletion"),
        ("Uploads", "Data"),
        ("Uploads", "Sharing"),
        ("Uploads", "Deletion"),
        ("Deletions", "Data"),
        ("Deletions", "Sharing"),
        ("Documents", "Directory"),
        ("Shares", "Directory"),
        ("Users", "Departure"),
        ("Users", "Sharing"),
        ("Users", "Deletion"),
        ("Departures", "Data"),
        ("Departures", "Directory"),
        ("Departures", "Sharing"),
    ] {
        let refused = world.function(function).assume(role(name), &both).await.map(drop);
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{function} as {name}: {refused:?}");
    }
    let function = world.function("Documents");
    let (upper, twin) = (id.replace(char::is_numeric, "/"), format!("{id}0"));
    for (tags, why) in [
        (vec![], "no tags"),
        (vec![("policy_store_id", store)], "no tenant"),
        (vec![("tenant_id", id)], "no store"),
        (vec![("tenant_id", ""), ("policy_store_id", store)], "an empty tenant"),
        (vec![("tenant_id", "short"), ("policy_store_id", store)], "a short tenant"),
        (vec![("tenant_id", &twin), ("policy_store_id", store)], "a longer tenant"),
        (vec![("tenant_id", &upper), ("policy_store_id", store)], "a tenant with slashes"),
        (vec![("tenant_id", id), ("policy_store_id", store), ("admin", "yes")], "a tag that is none of ours"),
    ] {
        let refused = function.assume(role("Data"), &tags).await.map(drop);
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{why}: {refused:?}");
    }
}
