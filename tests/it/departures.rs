//! What a removed user leaves: shares end, documents have another owner, and at last nothing tells of them.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_verifiedpermissions::types::{EntityIdentifier, EntityReference, PolicyFilter};
use local::account::Tenant;
use serde_json::{Value, json};
use shared::clock::{Clock, epoch_s, rfc3339};
use tests::{Person, World, world, world_alone};
use uuid::Uuid;

const CONTENT: &[u8] = b"forty-two";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Invites somebody, who accepts.
async fn join(world: &World, admin: &Person, role: &str) -> Person {
    let email = format!("leaves-{}@users.example", Uuid::new_v4().simple());
    let _ = admin.post("/users", &json!({ "email": email, "role": role })).await.expect(201);
    world.accept(&email).await
}

async fn remove(admin: &Person, user: &Person) {
    let _ = admin.delete(&format!("/users/{}", user.user_id)).await.expect(204);
}

/// The document, as its reader sees it.
async fn seen(person: &Person, document: &str) -> Value {
    person.get(&format!("/documents/{document}")).await.json()["document"].clone()
}

async fn is_owned_by(owner: &Person, document: &str) -> bool {
    seen(owner, document).await["owner_id"] == *owner.user_id
}

async fn shares_of(owner: &Person, document: &str) -> Vec<String> {
    let list = owner.get(&format!("/documents/{document}/shares")).await.expect(200).json();
    list["shares"]
        .as_array()
        .unwrap()
        .iter()
        .map(|share| share["user_id"].as_str().unwrap().to_owned())
        .collect()
}

/// The count of shares that the document's row holds.
async fn share_count(world: &World, tenant: &Tenant, document: &str) -> String {
    let row = world
        .root()
        .dynamodb()
        .get_item()
        .table_name(world.details.output("DocumentsTableName"))
        .key("tenant_id", text(&tenant.tenant_id))
        .key("document_id", text(document))
        .send()
        .await
        .unwrap();
    row.item.unwrap()["share_count"].as_n().unwrap().clone()
}

/// Sends an order to settle what a user leaves, as the users function does.
async fn order(world: &World, tenant: &Tenant, user: &str, ordered_at_s: u64) {
    let order = json!({ "tenant_id": tenant.tenant_id, "user_id": user, "ordered_at_s": ordered_at_s });
    let sent = world
        .root()
        .sqs()
        .send_message()
        .queue_url(world.details.output("DeparturesQueueUrl"))
        .message_body(order.to_string())
        .send()
        .await;
    assert!(sent.is_ok(), "{sent:?}");
}

/// As if the user had been removed two hours ago: every token that they ever had has run out.
async fn two_hours_pass(world: &World, tenant: &Tenant, user: &str) {
    let long_ago = Clock::system().now() - Duration::from_secs(7_200);
    let _ = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("UsersTableName"))
        .key("tenant_id", text(&tenant.tenant_id))
        .key("user_id", text(user))
        .update_expression("SET removed_at = :long_ago")
        .condition_expression("user_state = :removing")
        .expression_attribute_values(":long_ago", text(&rfc3339(long_ago)))
        .expression_attribute_values(":removing", text("removing"))
        .send()
        .await
        .unwrap();
    order(world, tenant, user, epoch_s(long_ago)).await;
}

/// What is left of a user: rows of the directory, and policies that name them.
async fn left(world: &World, tenant: &Tenant, user: &str) -> Vec<String> {
    let rows = world
        .root()
        .dynamodb()
        .query()
        .table_name(world.details.output("UsersTableName"))
        .key_condition_expression("tenant_id = :t")
        .expression_attribute_values(":t", text(&tenant.tenant_id))
        .send()
        .await
        .unwrap();
    let mut left: Vec<String> = rows
        .items()
        .iter()
        .filter(|row| row.values().any(|value| value.as_s().is_ok_and(|value| value == user)))
        .filter(|row| row.get("removed_by").is_none_or(|by| by.as_s().is_ok_and(|by| by != user)))
        .map(|row| row["user_id"].as_s().unwrap().clone())
        .collect();
    let principal =
        EntityIdentifier::builder().entity_type("DocumentsAPI::User").entity_id(user).build().unwrap();
    let filter = PolicyFilter::builder().principal(EntityReference::Identifier(principal)).build();
    let policies = world
        .root()
        .verified_permissions()
        .list_policies()
        .policy_store_id(&tenant.policy_store_id)
        .filter(filter)
        .send()
        .await
        .unwrap();
    left.extend(policies.policies.iter().map(|policy| policy.policy_id.clone()));
    left
}

#[tokio::test]
async fn what_a_removed_user_had_ends_or_goes_to_whoever_removed_them() {
    let world = world().await;
    let tenant = world.fresh_tenant("heirs").await;
    let (ada, ben, cleo) =
        (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await, world.sign_in(&tenant, 2).await);
    let gwen = join(&world, &ada, "member").await;
    // What gwen has: documents with and without content, shared and not; and what others gave her.
    let (own, given, to_ada) = (
        gwen.add("own.txt", CONTENT).await,
        gwen.add("given.txt", CONTENT).await,
        gwen.add("ada.txt", CONTENT).await,
    );
    let pending = gwen.add_pending("pending.txt", CONTENT).await;
    let deleted = gwen.add("deleted.txt", CONTENT).await;
    let _ = gwen.share(&given, &cleo).await.expect(201);
    let _ = gwen.share(&to_ada, &ada).await.expect(201);
    let _ = gwen.delete(&format!("/documents/{deleted}")).await.expect(204);
    let received = [ben.add("one.txt", CONTENT).await, ben.add("two.txt", CONTENT).await];
    for document in &received {
        let _ = ben.share(document, &gwen).await.expect(201);
        let _ = ben.share(document, &cleo).await.expect(201);
    }

    remove(&ada, &gwen).await;
    for document in [&own, &given, &to_ada, &pending.id] {
        world.see("that ada owns it", async || is_owned_by(&ada, document).await.then_some(())).await;
    }
    let list = ada.get("/documents?limit=100").await.expect(200).body;
    for document in [&own, &given, &to_ada, &pending.id] {
        assert!(list.contains(document.as_str()), "they stand in her own list");
    }
    assert!(!list.contains(&deleted), "what was deleted stays deleted");
    assert_eq!(ada.get(&format!("/documents/{deleted}")).await.refusal(), "404 not-found");
    assert_eq!(
        shares_of(&ada, &given).await,
        std::slice::from_ref(&cleo.user_id),
        "what gwen shared stays shared"
    );
    assert_eq!(cleo.get(&format!("/documents/{given}")).await.status, 200);
    assert_eq!(shares_of(&ada, &to_ada).await, Vec::<String>::new(), "nobody shares with an owner");
    for document in &received {
        world
            .see("that gwen's share has ended", async || {
                (shares_of(&ben, document).await == [cleo.user_id.clone()]).then_some(())
            })
            .await;
        assert_eq!(share_count(&world, &tenant, document).await, "1", "and the count is right");
    }
    let _ = ada.upload(&pending.upload, CONTENT).await.expect(200);
    assert_eq!(seen(&ada, &pending.id).await["status"], "available", "an upload under way is not lost");
    let _ = ada.share(&own, &ben).await.expect(201);
    assert_eq!(ben.get(&format!("/documents/{own}")).await.status, 200, "the heir does as owners do");
}

#[tokio::test]
async fn when_the_last_token_has_run_out_nothing_tells_of_the_user() {
    let world = world().await;
    let tenant = world.fresh_tenant("forgotten").await;
    let (ada, ben) = (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await);
    let email = format!("forgotten-{}@users.example", Uuid::new_v4().simple());
    let invitation = json!({ "email": email, "role": "admin" });
    let _ = ada.post("/users", &invitation).await.expect(201);
    let gwen = world.accept(&email).await;
    let own = gwen.add("own.txt", CONTENT).await;
    let received = ben.add("received.txt", CONTENT).await;
    let _ = ben.share(&received, &gwen).await.expect(201);

    remove(&ada, &gwen).await;
    world.see("that ada owns it", async || is_owned_by(&ada, &own).await.then_some(())).await;
    assert!(
        !left(&world, &tenant, &gwen.user_id).await.is_empty(),
        "row, address and forbid are still there"
    );
    assert_eq!(gwen.get("/documents").await.refusal(), "403 forbidden");
    assert_eq!(ada.post("/users", &invitation).await.refusal(), "409 user-exists", "and so is the address");

    two_hours_pass(&world, &tenant, &gwen.user_id).await;
    world
        .see("that nothing is left", async || {
            left(&world, &tenant, &gwen.user_id).await.is_empty().then_some(())
        })
        .await;
    assert_eq!(ada.delete(&format!("/users/{}", gwen.user_id)).await.refusal(), "404 not-found");
    let _ = ada.post("/users", &invitation).await.expect(201);
    let again = world.accept(&email).await;
    assert_ne!(again.user_id, gwen.user_id, "another account, with nothing of the first");
    assert_eq!(again.get("/documents").await.expect(200).json(), json!({ "documents": [] }));
    assert!(is_owned_by(&ada, &own).await);
}

#[tokio::test]
async fn an_order_for_somebody_who_was_not_removed_does_nothing() {
    let world = world().await;
    let tenant = world.fresh_tenant("void").await;
    let (ada, ben) = (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await);
    let own = ben.add("own.txt", CONTENT).await;
    let gwen = join(&world, &ada, "member").await;
    order(&world, &tenant, &ben.user_id, 1_000).await;
    order(&world, &tenant, &Uuid::new_v4().to_string(), 1_000).await;
    // Orders for another tenant's users lead nowhere, whoever wrote them.
    order(&world, &tenant, &world.tenant("amber").users[1].user_id, 1_000).await;
    // What was ordered later is done: so those before were looked at.
    let later = gwen.add("later.txt", CONTENT).await;
    remove(&ada, &gwen).await;
    world.see("that ada owns it", async || is_owned_by(&ada, &later).await.then_some(())).await;
    assert!(is_owned_by(&ben, &own).await, "ben has what he had");
    assert_eq!(ben.get("/documents").await.status, 200);
    assert_eq!(world.person("amber", 1).await.get("/documents").await.status, 200);
}

#[tokio::test]
async fn the_heir_of_a_removed_heir_is_another_administrator() {
    let world = world_alone().await;
    let tenant = world.fresh_tenant("line").await;
    let ada = world.sign_in(&tenant, 0).await;
    let iris = join(&world, &ada, "admin").await;
    let gwen = join(&world, &ada, "member").await;
    let _ =
        ada.post("/users", &json!({ "email": "nobody@users.example", "role": "admin" })).await.expect(201);
    let (gwens, iriss) = (gwen.add("gwens.txt", CONTENT).await, iris.add("iriss.txt", CONTENT).await);
    // Nothing is settled until iris, who removed gwen, is removed herself.
    fail(&world, "dynamodb", "Query", "before", 1_000).await;
    remove(&iris, &gwen).await;
    remove(&ada, &iris).await;
    // Nor by a run that has read before that removal who is to have gwen's: both have failed anew since.
    let times_left = async || faults_left(&world).await[0]["times"].as_u64().unwrap();
    let then = times_left().await;
    let anew = async || (times_left().await + 7 <= then).then_some(());
    world.see("runs that began after the second removal", anew).await;
    heal(&world).await;
    for document in [&gwens, &iriss] {
        // The orders failed as long as both removals took: each wait for them doubled meanwhile.
        let owned = async || is_owned_by(&ada, document).await.then_some(());
        world.see("that ada owns it", owned).await;
    }
}

/// As often as the SDK tries a call: one run fails.
const TIMES: u64 = 3;

async fn fail(world: &World, service: &str, operation: &str, when: &str, times: u64) {
    let order = json!({
        "service": service, "operation": operation, "function": "Departures", "when": when, "error": "500", "times": times,
    });
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let answer = world.somebody(None).use_url_with(reqwest::Method::POST, &faults, order.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// The ordered faults, each with how often it is still to be met.
async fn faults_left(world: &World) -> Vec<Value> {
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let left = world.somebody(None).use_url(reqwest::Method::GET, &faults, b"").await.expect(200).json();
    left["faults"].as_array().unwrap().clone()
}

/// Takes the orders back, each of which was met: a fault that nobody meets shows nothing.
async fn heal_after_all(world: &World) {
    for order in faults_left(world).await {
        assert!(order["times"].as_u64().unwrap() < TIMES, "a fault that nobody met: {order}");
    }
    heal(world).await;
}

async fn heal(world: &World) {
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    assert_eq!(world.somebody(None).use_url(reqwest::Method::DELETE, &faults, b"").await.status, 200);
}

#[tokio::test]
async fn a_departure_that_failed_anywhere_is_resumed() {
    let world = world_alone().await;
    let tenant = world.fresh_tenant("resumed").await;
    let (ada, ben) = (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await);
    for when in ["before", "after"] {
        for (service, operation) in [
            ("dynamodb", "GetItem"),
            ("verifiedpermissions", "CreatePolicy"),
            ("cognito-idp", "AdminGetUser"),
            ("cognito-idp", "AdminDisableUser"),
            ("cognito-idp", "AdminUserGlobalSignOut"),
            ("dynamodb", "Query"),
            ("dynamodb", "UpdateItem"),
            ("verifiedpermissions", "DeletePolicy"),
            ("dynamodb", "TransactWriteItems"),
            ("verifiedpermissions", "ListPolicies"),
            ("cognito-idp", "AdminDeleteUser"),
            ("dynamodb", "DeleteItem"),
        ] {
            let what = format!("{operation} failed {when} its effect");
            let gwen = join(&world, &ada, "member").await;
            let own = gwen.add("own.txt", CONTENT).await;
            let received = ben.add("received.txt", CONTENT).await;
            let _ = ben.share(&received, &gwen).await.expect(201);
            fail(&world, service, operation, when, TIMES).await;
            remove(&ada, &gwen).await;
            two_hours_pass(&world, &tenant, &gwen.user_id).await;
            world
                .see(&what, async || left(&world, &tenant, &gwen.user_id).await.is_empty().then_some(()))
                .await;
            heal_after_all(&world).await;
            assert!(is_owned_by(&ada, &own).await, "{what}");
            assert_eq!(shares_of(&ben, &received).await, Vec::<String>::new(), "{what}");
            assert_eq!(share_count(&world, &tenant, &received).await, "0", "{what}");
        }
    }
}
