//! A registration becomes a tenant that works: one, however often it is tried and wherever it was interrupted.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_verifiedpermissions::types::{PolicyDefinition, StaticPolicyDefinition};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    ids::TenantId,
    onboarding::{Order, Progress, Step, Why, details::address},
};
use tests::{Buyer, Holdings, World, now, world, world_alone};

/// Calls that change nothing: that they fail after their effect is no other case than before.
pub(crate) fn changes_nothing(operation: &str) -> bool {
    ["Get", "List", "Query", "AdminGet", "AssumeRole", "IsAuthorized"]
        .iter()
        .any(|reads| operation.starts_with(reads))
}

/// The AWS calls that the function `name` made since the access log had `from` bytes, in their order.
pub(crate) fn calls_of(world: &World, name: &str, from: u64) -> Vec<(String, String)> {
    let log = std::fs::read(&world.details.access_log).unwrap();
    let text = String::from_utf8_lossy(&log[usize::try_from(from).unwrap()..]).into_owned();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|entry| entry["function"].as_str().is_some_and(|function| function.contains(name)))
        // An account makes and removes one store a second: that the SDK had to ask twice is chance.
        .filter(|entry| {
            let operation = entry["operation"].as_str().unwrap();
            entry["status"] == 200 || !matches!(operation, "CreatePolicyStore" | "DeletePolicyStore")
        })
        .map(|entry| {
            let member = |name: &str| entry[name].as_str().unwrap().to_owned();
            (member("service"), member("operation"))
        })
        .collect()
}

pub(crate) fn log_length(world: &World) -> u64 {
    std::fs::metadata(&world.details.access_log).unwrap().len()
}

pub(crate) fn faults(world: &World) -> String {
    format!("{}/_gateway/faults", world.details.aws_endpoint_url)
}

/// Orders a call of the onboarding function to fail: the one after `skip` others, with every try of the SDK's.
pub(crate) async fn fail(
    world: &World,
    (service, operation): (&str, &str),
    when: &str,
    error: &str,
    skip: u32,
    times: u32,
) {
    let order = json!({
        "service": service, "operation": operation, "function": "Onboarding",
        "when": when, "error": error, "times": times, "skip": skip,
    });
    let _ =
        world.somebody(None).use_url_with(Method::POST, &faults(world), order.to_string()).await.expect(201);
}

/// As often as the SDK tries a call: one that fails each time. After many failures an environment tries less often, for
/// the SDK's clients share a bucket of retries.
const TRIES: u64 = 3;

/// Whether every fault that [`fail`] ordered has been met, by one try at least; what is left of the orders is forgotten.
pub(crate) async fn faults_were_met(world: &World) -> bool {
    let somebody = world.somebody(None);
    let open = somebody.use_url(Method::GET, &faults(world), b"").await.expect(200).json();
    let _ = somebody.use_url(Method::DELETE, &faults(world), b"").await.expect(200);
    // A test of something else may have ordered more than it met.
    let mut orders =
        open["faults"].as_array().unwrap().iter().filter(|order| order["function"] == "Onboarding");
    orders.all(|order| order["times"].as_u64().unwrap() < TRIES)
}

/// Every call of `calls`, failing before its effect, and after it where it has one: with how many calls of the
/// same operation come first.
pub(crate) fn interruptions(
    calls: &[(String, String)],
) -> Vec<((String, String), u32, &'static str, &'static str)> {
    let mut seen: HashMap<&(String, String), u32> = HashMap::new();
    let mut all = Vec::new();
    for call in calls {
        let nth = seen.entry(call).or_default();
        all.push((call.clone(), *nth, "before", "500"));
        if !changes_nothing(&call.1) {
            all.push((call.clone(), *nth, "after", "cut"));
        }
        *nth += 1;
    }
    all
}

async fn mapping(world: &World, tenant: TenantId) -> HashMap<String, AttributeValue> {
    let row = world
        .root()
        .dynamodb()
        .get_item()
        .table_name(world.details.output("TenantsTableName"))
        .key("tenant_id", AttributeValue::S(tenant.to_string()))
        .consistent_read(true)
        .send();
    row.await.unwrap().item.unwrap_or_default()
}

fn text<'a>(row: &'a HashMap<String, AttributeValue>, name: &str) -> &'a str {
    row.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// One store behind one alias, one mapping row that leads there and is open, one administrator with one account.
async fn is_one_whole_tenant(world: &World, buyer: &Buyer) -> Result<(), String> {
    let tenant = buyer.tenant.to_string();
    let found: Holdings = world.holdings(&tenant).await;
    let row = mapping(world, buyer.tenant).await;
    let ([store], [(_, aliased)], [_]) =
        (found.stores.as_slice(), found.aliases.as_slice(), found.accounts.as_slice())
    else {
        return Err(format!("not one of each: {found:?}"));
    };
    let states = (text(&row, "tenant_state"), text(&row, "subscription_state"));
    if aliased != store || text(&row, "policy_store_id") != store || states != ("open", "active") {
        return Err(format!("not one open tenant: {found:?} {states:?}"));
    }
    if found.rows_of("Tenants") != 1 || found.users() != 1 {
        return Err(format!("not one row of each: {found:?}"));
    }
    let policies =
        world.root().verified_permissions().list_policies().policy_store_id(store).send().await.unwrap();
    if policies.policies.len() == 3 { Ok(()) } else { Err("not the three static policies".to_owned()) }
}

#[tokio::test]
async fn a_registration_becomes_a_tenant_whose_administrator_signs_in_and_adds_a_document() {
    let world = world().await;
    let buyer = world.onboarded("plain").await;
    is_one_whole_tenant(&world, &buyer).await.unwrap();
    let admin = world.accept(&buyer.email).await;
    assert_eq!(admin.tenant_id, buyer.tenant.to_string());
    let id = admin.add("first.txt", b"first").await;
    assert_eq!(admin.get(&format!("/documents/{id}")).await.status, 200);
    let other = world.person("amber", 0).await;
    assert_eq!(other.get(&format!("/documents/{id}")).await.refusal(), "404 not-found");
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_one_store_one_alias_one_tenant_and_one_administrator() {
    let world = world_alone().await;
    let clean = world.registered("clean").await;
    let before = log_length(&world);
    assert!(world.deliver(&Order::Open { tenant_id: clean.tenant }).await);
    is_one_whole_tenant(&world, &clean).await.unwrap();
    let calls = calls_of(&world, "Onboarding", before);
    for needed in [
        "CreatePolicyStore",
        "CreatePolicyStoreAlias",
        "PutSchema",
        "CreatePolicy",
        "CreatePolicyTemplate",
        "PutItem",
        "AdminCreateUser",
        "AdminAddUserToGroup",
        "TransactWriteItems",
        "IsAuthorized",
    ] {
        assert!(calls.iter().any(|(_, operation)| operation == needed), "{needed} is not in {calls:?}");
    }
    for ((service, operation), nth, when, error) in interruptions(&calls) {
        let what = format!("{service}:{operation} number {} failed {when} its effect", nth + 1);
        let buyer = world.registered("crash").await;
        let order = Order::Open { tenant_id: buyer.tenant };
        // Three tries of one call are the SDK's own.
        fail(&world, (&service, &operation), when, error, nth, 3).await;
        let done = world.deliver(&order).await;
        assert!(faults_were_met(&world).await, "{what}: it was not called");
        assert!(!done, "{what}: it was not missed");
        assert!(world.deliver(&order).await, "{what}: {:?}", world.record(buyer.tenant).await);
        assert_eq!(world.record(buyer.tenant).await.progress, Progress::Ready, "{what}");
        if let Err(wrong) = is_one_whole_tenant(&world, &buyer).await {
            panic!("{what}: {wrong}");
        }
    }
}

#[tokio::test]
async fn fifty_sign_ups_at_once_all_arrive() {
    let world = world_alone().await;
    let dead_letters = async || {
        let attributes = world
            .root()
            .sqs()
            .get_queue_attributes()
            .queue_url(world.details.output("OnboardingDeadLettersUrl"))
            .attribute_names(aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages)
            .send()
            .await
            .unwrap();
        let number = aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
        attributes.attributes.unwrap()[&number].clone()
    };
    let dead_before = dead_letters().await;
    let mut buyers = Vec::new();
    for _ in 0..50 {
        buyers.push(world.registered("burst").await);
    }
    // Each of them twice: a double click is an order as well.
    for buyer in buyers.iter().chain(&buyers) {
        world.order_open(buyer.tenant).await;
    }
    // An account makes one policy store a second.
    for arrived in [10, 20, 30, 40, 50] {
        world
            .see(&format!("that {arrived} of 50 have arrived"), async || {
                let mut ready = 0;
                for buyer in &buyers {
                    ready += usize::from(world.record(buyer.tenant).await.progress == Progress::Ready);
                }
                (ready >= arrived).then_some(())
            })
            .await;
    }
    for buyer in &buyers {
        is_one_whole_tenant(&world, buyer).await.unwrap();
    }
    assert_eq!(dead_letters().await, dead_before, "nobody was given up");
}

#[tokio::test]
async fn orders_that_come_twice_at_once_late_or_for_nobody_do_no_harm() {
    let world = world_alone().await;
    let buyer = world.registered("twice").await;
    let order = Order::Open { tenant_id: buyer.tenant };
    let (one, other, third) =
        tokio::join!(world.deliver(&order), world.deliver(&order), world.deliver(&order));
    assert!(one || other || third, "one of them at least");
    assert!(world.deliver(&order).await, "and again");
    is_one_whole_tenant(&world, &buyer).await.unwrap();
    let nobody = TenantId::random();
    assert!(world.deliver(&Order::Open { tenant_id: nobody }).await, "nothing to try again");
    assert!(world.deliver(&Order::Close { tenant_id: nobody }).await, "nothing to try again");
    assert!(world.holdings(&nobody.to_string()).await.is_nothing(), "an order makes no tenant");
    assert!(world.deliver(&Order::Close { tenant_id: buyer.tenant }).await, "nobody marked it");
    is_one_whole_tenant(&world, &buyer).await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_cannot_finish_shows_step_and_reason_and_a_redrive_finishes_it() {
    let world = world_alone().await;
    let buyer = world.registered("redrive").await;
    fail(&world, ("verifiedpermissions", "PutSchema"), "before", "500", 0, 1000).await;
    assert!(!world.deliver(&Order::Open { tenant_id: buyer.tenant }).await);
    let record = world.fails_at(buyer.tenant, Step::Schema, Why::Unavailable).await;
    let failure = record.failure.unwrap();
    assert_eq!((failure.step, failure.why, failure.tries), (Step::Schema, Why::Unavailable, 1));
    assert!(mapping(&world, buyer.tenant).await.is_empty(), "no store without its schema is mapped");
    assert!(!faults_were_met(&world).await, "it went on failing");

    // Where the queue puts what was tried too often; from there an operator sends it back.
    let (dead, queue) =
        (world.details.output("OnboardingDeadLettersUrl"), world.details.output("OnboardingQueueUrl"));
    let sqs = world.root().sqs();
    let body = serde_json::to_string(&Order::Open { tenant_id: buyer.tenant }).unwrap();
    let _ = sqs.send_message().queue_url(dead).message_body(body).send().await.unwrap();
    // What a redrive does; the engine knows no StartMessageMoveTask.
    world
        .see("the dead letter", async || {
            let received =
                sqs.receive_message().queue_url(dead).max_number_of_messages(10).send().await.unwrap();
            let mut is_moved = false;
            for message in received.messages() {
                let moved = message.body().unwrap();
                let _ = sqs.send_message().queue_url(queue).message_body(moved).send().await.unwrap();
                let receipt = message.receipt_handle().unwrap();
                let _ = sqs.delete_message().queue_url(dead).receipt_handle(receipt).send().await.unwrap();
                is_moved |= moved.contains(&buyer.tenant.to_string());
            }
            is_moved.then_some(())
        })
        .await;
    let record = world.comes_to(buyer.tenant, Progress::Ready).await;
    assert_eq!(record.failure.unwrap().step, Step::Schema, "what failed last stays to be read");
    is_one_whole_tenant(&world, &buyer).await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_fails_a_probe_stays_closed() {
    let world = world_alone().await;
    let avp = world.root().verified_permissions();
    for (policy, why) in [
        ("permit (principal, action, resource);", Why::StrangerAllowed),
        ("forbid (principal, action, resource);", Why::AdministratorDenied),
    ] {
        let buyer = world.registered("probed").await;
        let order = Order::Open { tenant_id: buyer.tenant };
        fail(&world, ("cognito-idp", "AdminCreateUser"), "before", "500", 0, 3).await;
        assert!(!world.deliver(&order).await);
        assert!(faults_were_met(&world).await);
        let store = text(&mapping(&world, buyer.tenant).await, "policy_store_id").to_owned();
        let definition = StaticPolicyDefinition::builder().statement(policy).build().unwrap();
        let added =
            avp.create_policy().policy_store_id(&store).definition(PolicyDefinition::Static(definition));
        let added = added.send().await.unwrap().policy_id;

        assert!(!world.deliver(&order).await);
        let _ = world.fails_at(buyer.tenant, Step::Probes, why).await;
        assert_eq!(text(&mapping(&world, buyer.tenant).await, "tenant_state"), "opening");
        let admin = world.accept(&buyer.email).await;
        assert_eq!(admin.get("/documents").await.refusal(), "403 suspended", "{policy}");

        let _ = avp.delete_policy().policy_store_id(&store).policy_id(added).send().await.unwrap();
        assert!(world.deliver(&order).await);
        is_one_whole_tenant(&world, &buyer).await.unwrap();
        // Another function than the one that refused: that may know the row as it was for a minute.
        assert_eq!(admin.get("/users").await.status, 200, "{policy}");
    }
}

#[tokio::test]
async fn an_address_of_another_tenant_is_refused_until_the_buyer_gives_another_one() {
    let world = world().await;
    let first = world.onboarded("first").await;
    let admin = world.accept(&first.email).await;
    let second = world.registered_by(&first.account, &first.email).await;
    assert_ne!(first.tenant, second.tenant, "two licences are two tenants");
    world.order_open(second.tenant).await;
    let record = world.fails_at(second.tenant, Step::Administrator, Why::AddressTaken).await;
    assert!(record.failure.unwrap().why.needs_another_address());
    assert!(world.deliver(&Order::Open { tenant_id: second.tenant }).await, "nothing to try again");
    assert_eq!(world.record(second.tenant).await, record, "until there is another address");

    let (records, fresh) = (world.onboardings(), address(&format!("new-{}", second.email)).unwrap());
    assert!(records.change_admin(second.tenant, &fresh, now()).await.unwrap());
    assert!(records.change_admin(second.tenant, &fresh, now()).await.unwrap(), "the answer got lost");
    let later = address(&format!("later-{}", second.email)).unwrap();
    assert!(!records.change_admin(second.tenant, &later, now()).await.unwrap(), "nothing was refused");
    world.order_open(second.tenant).await;
    let _ = world.comes_to(second.tenant, Progress::Ready).await;
    assert!(!records.change_admin(second.tenant, &later, now()).await.unwrap(), "it is open");
    for buyer in [&first, &second] {
        is_one_whole_tenant(&world, buyer).await.unwrap();
    }
    assert_eq!(world.accept(fresh.as_str()).await.tenant_id, second.tenant.to_string());
    assert_eq!(admin.get("/documents").await.status, 200, "the first is as it was");
}

#[tokio::test]
async fn a_store_that_was_made_before_its_token_was_forgotten_is_found_again() {
    let world = world_alone().await;
    let buyer = world.registered("late").await;
    let order = Order::Open { tenant_id: buyer.tenant };
    // The record's third update is the one that would tell which store it is.
    fail(&world, ("dynamodb", "UpdateItem"), "before", "500", 2, 3).await;
    assert!(!world.deliver(&order).await);
    assert!(faults_were_met(&world).await);
    let made = world.holdings(&buyer.tenant.to_string()).await.stores;
    assert_eq!(made.len(), 1);
    // Nine hours later: what is remembered for eight is not relied on.
    let nine_hours_ago = shared::clock::rfc3339(now() - std::time::Duration::from_secs(9 * 3600));
    let aged = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("OnboardingTableName"))
        .key("tenant_id", AttributeValue::S(buyer.tenant.to_string()))
        .update_expression("SET store_begun_at = :then")
        .expression_attribute_values(":then", AttributeValue::S(nine_hours_ago))
        .send();
    let _ = aged.await.unwrap();
    let before = log_length(&world);
    assert!(world.deliver(&order).await);
    let calls = calls_of(&world, "Onboarding", before);
    assert!(!calls.iter().any(|(_, operation)| operation == "CreatePolicyStore"), "{calls:?}");
    assert_eq!(world.holdings(&buyer.tenant.to_string()).await.stores, made);
    is_one_whole_tenant(&world, &buyer).await.unwrap();
}

#[tokio::test]
async fn the_store_that_has_the_alias_wins_and_the_other_one_is_removed() {
    let world = world_alone().await;
    let buyer = world.registered("race").await;
    let order = Order::Open { tenant_id: buyer.tenant };
    // Whatever number of tries the SDK has left: tests before this one may have used up its budget of them.
    fail(&world, ("verifiedpermissions", "CreatePolicyStoreAlias"), "before", "500", 0, 1000).await;
    assert!(!world.deliver(&order).await);
    assert!(!faults_were_met(&world).await, "it went on failing");
    let _ = world.fails_at(buyer.tenant, Step::Alias, Why::Unavailable).await;
    let own = world.holdings(&buyer.tenant.to_string()).await.stores;
    let [own] = own.as_slice() else { panic!("one store: {own:?}") };
    // Another run, with a token of its own, was first with the alias.
    let avp = world.root().verified_permissions();
    let strict = aws_sdk_verifiedpermissions::types::ValidationSettings::builder()
        .mode(aws_sdk_verifiedpermissions::types::ValidationMode::Strict)
        .build()
        .unwrap();
    let first = world
        .see("another store", async || {
            let made = avp
                .create_policy_store()
                .validation_settings(strict.clone())
                .description(format!("Strongroom tenant {}", buyer.tenant))
                .tags("tenant_id", buyer.tenant.to_string());
            made.send().await.ok().map(|made| made.policy_store_id)
        })
        .await;
    let alias = format!("policy-store-alias/tenant/{}", buyer.tenant);
    let _ = avp.create_policy_store_alias().alias_name(alias).policy_store_id(&first).send().await.unwrap();

    assert!(world.deliver(&order).await, "{:?}", world.record(buyer.tenant).await);
    assert_ne!(&first, own);
    assert_eq!(world.holdings(&buyer.tenant.to_string()).await.stores, [first]);
    is_one_whole_tenant(&world, &buyer).await.unwrap();
}
