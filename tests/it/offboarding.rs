//! A tenant that is over is taken apart: when it may be, all of it, and nothing of anybody else's.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_verifiedpermissions::types::{DeletionProtection, ValidationMode, ValidationSettings};
use serde_json::{Value, json};
use shared::{
    ids::TenantId,
    marketplace::{ids::AgreementId, resolve::Resolved},
    onboarding::{Counts, Order, Progress, Step, Why},
    subscriptions::{
        EndStatus, Kind,
        event::{AgreementEvent, AgreementEventKind, LicenseEventKind},
        facts::{AgreementEnd, Stamp},
    },
};
use tests::{Buyer, Person, World, now, world, world_alone};

use crate::onboarding::{calls_of, fail, faults_were_met, interruptions, log_length};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A tenant with an administrator, another user, two documents, one of them shared, and one that is pending.
async fn furnished(world: &World, buyer: &Buyer) -> Person {
    let admin = world.accept(&buyer.email).await;
    let email = format!("second-{}", buyer.email);
    let invited = admin.post("/users", &json!({ "email": email, "role": "member" })).await.expect(201).json();
    assert!(invited.to_string().contains(&email), "{invited}");
    let second = world.accept(&email).await;
    let shared = admin.add("shared.txt", b"shared").await;
    let _ = admin.share(&shared, &second).await.expect(201);
    let _ = second.add("own.txt", b"their own").await;
    let _ = admin.add_pending("never-sent.txt", b"never").await;
    admin
}

/// Makes the subscription end at `at`, with its last usage metered.
async fn over(world: &World, buyer: &Buyer, at: SystemTime) {
    world.ended(buyer, at).await;
    world.metered(buyer, at).await;
}

/// The onboarding record, as it stands in the table.
async fn raw_record(world: &World, tenant: TenantId) -> String {
    let row = world
        .root()
        .dynamodb()
        .get_item()
        .table_name(world.details.output("OnboardingTableName"))
        .key("tenant_id", AttributeValue::S(tenant.to_string()))
        .send();
    format!("{:?}", row.await.unwrap().item.unwrap())
}

#[tokio::test]
async fn nothing_is_left_of_a_closed_tenant_and_the_buyers_other_one_is_as_it_was() {
    let world = world().await;
    let first = world.onboarded("two").await;
    let other = world.registered_by(&first.account, &format!("other-{}", first.email)).await;
    world.order_open(other.tenant).await;
    let _ = world.comes_to(other.tenant, Progress::Ready).await;
    let (admin, other_admin) = (furnished(&world, &first).await, furnished(&world, &other).await);
    let of_other = world.holdings(&other.tenant.to_string()).await;

    let found = world.holdings(&first.tenant.to_string()).await;
    assert_eq!((found.stores.len(), found.aliases.len(), found.accounts.len()), (1, 1, 2), "{found:?}");
    assert_eq!((found.rows_of("Documents"), found.rows_of("Shares"), found.users()), (3, 1, 2), "{found:?}");
    assert_eq!((found.rows_of("Tenants"), found.objects.len()), (1, 2), "{found:?}");

    // As on AWS by default; the local account makes stores without it.
    let avp = world.root().verified_permissions();
    let strict = ValidationSettings::builder().mode(ValidationMode::Strict).build().unwrap();
    let protected = avp.update_policy_store().policy_store_id(&found.stores[0]).validation_settings(strict);
    let _ = protected.deletion_protection(DeletionProtection::Enabled).send().await.unwrap();

    over(&world, &first, now() - 365 * DAY).await;
    let answer = world.close(first.tenant, &["settling"]).await;
    assert_eq!(answer["state"], "closing", "{answer}");
    let record = world.comes_to(first.tenant, Progress::Closed).await;

    let left = world.holdings(&first.tenant.to_string()).await;
    assert!(left.is_nothing(), "{left:?}");
    let closing = record.closing.clone().unwrap();
    let counts = Counts { documents: 3, objects: 2, bytes: 15, shares: 1, users: 2, policies: 4 };
    assert_eq!(closing.counts, counts);
    assert!(closing.waived.settling && !closing.waived.grace && !closing.waived.final_metering);
    assert!(record.registrant.is_none());
    let tombstone = raw_record(&world, first.tenant).await;
    assert!(!tombstone.contains('@') && !tombstone.contains("Example"), "nothing personal: {tombstone}");
    let subscription = world.subscriptions().get(&first.license).await.unwrap().unwrap();
    assert_eq!(subscription.state.kind, Kind::Closed);
    let again = world.close(first.tenant, &[]).await;
    assert_eq!((&again["state"], &again["erased"]["documents"]), (&json!("closed"), &json!(3)), "{again}");
    assert!(world.deliver(&Order::Open { tenant_id: first.tenant }).await, "an order that comes late");
    assert!(world.holdings(&first.tenant.to_string()).await.is_nothing(), "opens nothing");
    world
        .see("that its users are out", async || (admin.get("/documents").await.status == 403).then_some(()))
        .await;

    assert_eq!(world.holdings(&other.tenant.to_string()).await, of_other, "the other one is as it was");
    let documents = other_admin.get("/documents").await.expect(200).json();
    assert_eq!(documents["documents"].as_array().map(Vec::len), Some(2), "{documents}");
}

#[tokio::test]
async fn a_tenant_is_closed_only_when_all_that_comes_first_has_happened() {
    let world = world().await;
    let buyer = world.onboarded("early").await;
    let refused = async |waive: &[&str]| {
        let answer = world.close(buyer.tenant, waive).await;
        assert_eq!(answer["state"], "refused", "{answer}");
        assert_eq!(world.record(buyer.tenant).await.progress, Progress::Ready, "nothing was marked");
        answer["why"].as_str().unwrap().to_owned()
    };
    let all = ["grace", "final_metering", "settling"];
    assert_eq!(refused(&all).await, "not_over", "it is active, which nobody can waive");
    let ended_at = now() - HOUR;
    world.ended(&buyer, ended_at).await;
    assert_eq!(refused(&[]).await, "grace");
    assert_eq!(refused(&["final_metering"]).await, "grace");
    assert_eq!(refused(&["grace"]).await, "final_metering");
    world.metered(&buyer, ended_at).await;
    assert_eq!(refused(&[]).await, "grace");
    // It came back, and went again.
    world.license_event(&buyer.account, &buyer.license, LicenseEventKind::Updated, now()).await;
    assert_eq!(refused(&all).await, "not_over");
    let admin = world.accept(&buyer.email).await;
    world
        .see("that it is usable again", async || (admin.get("/documents").await.status == 200).then_some(()))
        .await;
    let ended_at = now();
    world.ended(&buyer, ended_at).await;
    assert_eq!(refused(&["grace"]).await, "final_metering", "what was metered was another end");
    world.metered(&buyer, ended_at).await;

    let nobody = world.close(TenantId::random(), &all).await;
    assert_eq!((&nobody["state"], &nobody["why"]), (&json!("refused"), &json!("unknown")));
    let taken = world.close(buyer.tenant, &["grace"]).await;
    assert_eq!(taken["state"], "closing", "{taken}");
    let again = world.close(buyer.tenant, &[]).await;
    assert_eq!(again["begins_at"], taken["begins_at"], "asked twice, it begins no later");
    world
        .see("that its users are locked out", async || {
            (admin.get("/documents").await.refusal() == "403 suspended").then_some(())
        })
        .await;
    assert!(
        !world.holdings(&buyer.tenant.to_string()).await.is_nothing(),
        "it waits for what may yet arrive"
    );
    settled(&world, buyer.tenant).await;
    assert!(world.deliver(&Order::Close { tenant_id: buyer.tenant }).await);
    assert!(world.holdings(&buyer.tenant.to_string()).await.is_nothing());
}

#[tokio::test]
async fn a_licence_that_was_taken_away_on_a_renewal_suspends_a_tenant_that_nobody_can_close() {
    let world = world().await;
    let buyer = world.registered("renewed").await;
    let agreement: AgreementId = format!("agmt-{}", uuid::Uuid::new_v4().simple()).parse().unwrap();
    let resolved = Resolved {
        account: buyer.account.clone(),
        license: buyer.license.clone(),
        agreement: Some(agreement.clone()),
    };
    let subscriptions = world.subscriptions();
    let _ = subscriptions.register(&resolved, buyer.tenant, now()).await.unwrap();
    let ended_at = now() - 365 * DAY;
    let stamp = Stamp::new(ended_at, uuid::Uuid::new_v4().to_string().parse().unwrap());
    let end = AgreementEnd { stamp, status: EndStatus::Renewed };
    let renewed = AgreementEvent { agreement, kind: AgreementEventKind::Ended(end) };
    let _ = subscriptions.record_agreement(&renewed, now()).await.unwrap();
    let _ = subscriptions.settle(&buyer.license, now()).await.unwrap();
    over(&world, &buyer, ended_at + Duration::from_secs(31)).await;

    let state = subscriptions.get(&buyer.license).await.unwrap().unwrap().state;
    assert_eq!((state.kind, &*state.cause.to_string()), (Kind::Suspended, "license_deprovisioned:RENEWED"));
    let refused = world.close(buyer.tenant, &["grace", "final_metering", "settling"]).await;
    assert_eq!((&refused["state"], &refused["why"]), (&json!("refused"), &json!("renewed")), "{refused}");
    assert_eq!(world.record(buyer.tenant).await.progress, Progress::Waiting, "nothing was marked");
}

/// The tenant's subscription comes back, the minutes pass, and the order comes that was given before.
async fn comes_back(world: &World, buyer: &Buyer) {
    world.license_event(&buyer.account, &buyer.license, LicenseEventKind::Updated, now()).await;
    settled(world, buyer.tenant).await;
    assert!(world.deliver(&Order::Close { tenant_id: buyer.tenant }).await);
}

#[tokio::test]
async fn a_subscription_that_comes_back_before_anything_is_removed_brings_its_tenant_back() {
    let world = world().await;
    let buyer = world.onboarded("back").await;
    let admin = world.accept(&buyer.email).await;
    fill(&world, buyer.tenant).await;
    let held = world.holdings(&buyer.tenant.to_string()).await;
    over(&world, &buyer, now() - 365 * DAY).await;
    assert_eq!(world.close(buyer.tenant, &[]).await["state"], "closing");
    assert_eq!(admin.get("/documents").await.refusal(), "403 suspended");

    comes_back(&world, &buyer).await;
    let record = world.record(buyer.tenant).await;
    assert_eq!((record.progress, record.closing), (Progress::Ready, None));
    assert_eq!(world.holdings(&buyer.tenant.to_string()).await, held, "everything is as it was");
    // Another function than the one that refused: that may know the row as it was for a minute.
    assert_eq!(admin.get("/users").await.status, 200);
    assert!(world.deliver(&Order::Close { tenant_id: buyer.tenant }).await, "an order that comes late");
    assert_eq!(world.holdings(&buyer.tenant.to_string()).await, held, "erases nothing");
    let refused = world.close(buyer.tenant, &["grace", "final_metering", "settling"]).await;
    assert_eq!((&refused["state"], &refused["why"]), (&json!("refused"), &json!("not_over")), "{refused}");

    // What had never opened does so now.
    let unopened = world.registered("unopened").await;
    over(&world, &unopened, now() - 365 * DAY).await;
    assert_eq!(world.close(unopened.tenant, &[]).await["state"], "closing");
    comes_back(&world, &unopened).await;
    let _ = world.comes_to(unopened.tenant, Progress::Ready).await;
    let opened = world.accept(&unopened.email).await;
    assert_eq!(opened.get("/users").await.status, 200);
}

#[tokio::test]
async fn a_tenant_that_is_half_removed_does_not_come_back_and_somebody_is_told() {
    let world = world_alone().await;
    let buyer = about_to_be_erased(&world).await;
    fail(&world, ("s3", "DeleteObjects"), "before", "500", 0, 3).await;
    assert!(!world.deliver(&Order::Close { tenant_id: buyer.tenant }).await);
    assert!(faults_were_met(&world).await);
    assert_eq!(world.holdings(&buyer.tenant.to_string()).await.rows_of("Documents"), 0, "it has begun");
    comes_back(&world, &buyer).await;
    assert_eq!(world.record(buyer.tenant).await.progress, Progress::Closed);
    assert!(world.holdings(&buyer.tenant.to_string()).await.is_nothing());
    world
        .see("the incident in the log", async || {
            let log = local::account::function_log(world.details, "Onboarding").await.unwrap();
            let tenant = buyer.tenant.to_string();
            log.iter()
                .any(|line| line.contains("reactivated_while_erased") && line.contains(&tenant))
                .then_some(())
        })
        .await;
}

/// Lets the minutes pass in which something may still arrive.
async fn settled(world: &World, tenant: TenantId) {
    let passed = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("OnboardingTableName"))
        .key("tenant_id", AttributeValue::S(tenant.to_string()))
        .update_expression("SET closing_settled_at = :now")
        .expression_attribute_values(":now", AttributeValue::S(shared::clock::rfc3339(now())))
        .send();
    let _ = passed.await.unwrap();
}

/// Rows and content of a tenant, put there below the API: a crash is tried at so many calls that nobody waits
/// for as many people to sign in.
async fn fill(world: &World, tenant: TenantId) {
    let text = |value: String| AttributeValue::S(value);
    let root = world.root();
    let document = uuid::Uuid::new_v4().to_string();
    for (table, sort, key) in [
        ("DocumentsTableName", "document_id", document.clone()),
        ("SharesTableName", "share_id", format!("{document}#{}", uuid::Uuid::new_v4())),
    ] {
        let put = root
            .dynamodb()
            .put_item()
            .table_name(world.details.output(table))
            .item("tenant_id", text(tenant.to_string()))
            .item(sort, text(key))
            .send();
        let _ = put.await.unwrap();
    }
    let put = root
        .s3()
        .put_object()
        .bucket(world.details.output("ContentBucketName"))
        .key(format!("{tenant}/{document}"))
        .body(b"content".to_vec().into())
        .send();
    let _ = put.await.unwrap();
}

/// A tenant with something of everything, marked as closing, and settled.
async fn about_to_be_erased(world: &World) -> Buyer {
    let buyer = world.registered("erased").await;
    assert!(world.deliver(&Order::Open { tenant_id: buyer.tenant }).await);
    fill(world, buyer.tenant).await;
    over(world, &buyer, now() - 365 * DAY).await;
    // Its own message stays in the queue for the minutes that are passed over here.
    assert_eq!(world.close(buyer.tenant, &[]).await["state"], "closing");
    settled(world, buyer.tenant).await;
    buyer
}

#[tokio::test]
async fn an_erasure_goes_on_after_a_crash_at_any_call() {
    let world = world_alone().await;
    let clean = about_to_be_erased(&world).await;
    let before = log_length(&world);
    assert!(world.deliver(&Order::Close { tenant_id: clean.tenant }).await);
    let calls = calls_of(&world, "Onboarding", before);
    assert!(world.holdings(&clean.tenant.to_string()).await.is_nothing());
    for needed in [
        "Query",
        "BatchWriteItem",
        "DeleteObjects",
        "AdminDeleteUser",
        "UpdatePolicyStore",
        "DeletePolicyStore",
        "DeleteItem",
        "UpdateItem",
    ] {
        assert!(calls.iter().any(|(_, operation)| operation == needed), "{needed} is not in {calls:?}");
    }
    let counts = Counts { documents: 1, objects: 1, bytes: 7, shares: 1, users: 1, policies: 3 };
    for ((service, operation), nth, when, error) in interruptions(&calls) {
        let what = format!("{service}:{operation} number {} failed {when} its effect", nth + 1);
        let buyer = about_to_be_erased(&world).await;
        let order = Order::Close { tenant_id: buyer.tenant };
        fail(&world, (&service, &operation), when, error, nth, 3).await;
        let done = world.deliver(&order).await;
        assert!(faults_were_met(&world).await, "{what}: it was not called");
        assert!(!done, "{what}: it was not missed");
        assert!(world.deliver(&order).await, "{what}");
        let record = world.record(buyer.tenant).await;
        assert_eq!(record.progress, Progress::Closed, "{what}");
        assert_eq!(record.closing.unwrap().counts, counts, "{what}: counted once");
        let left = world.holdings(&buyer.tenant.to_string()).await;
        assert!(left.is_nothing(), "{what}: {left:?}");
        let subscription = world.subscriptions().get(&buyer.license).await.unwrap().unwrap();
        assert_eq!(subscription.state.kind, Kind::Closed, "{what}");
    }
}

#[tokio::test]
async fn a_tenant_that_never_opened_can_be_erased_too() {
    let world = world_alone().await;
    for (service, operation, step) in [
        // Nothing was made, a store was made, it was named, it was mapped, there is an account.
        ("dynamodb", None, None),
        ("verifiedpermissions", Some("CreatePolicyStoreAlias"), Some(Step::Alias)),
        ("verifiedpermissions", Some("PutSchema"), Some(Step::Schema)),
        ("cognito-idp", Some("AdminCreateUser"), Some(Step::Administrator)),
        ("cognito-idp", Some("AdminAddUserToGroup"), Some(Step::Administrator)),
    ] {
        let buyer = world.registered("unopened").await;
        if let (Some(operation), Some(step)) = (operation, step) {
            fail(&world, (service, operation), "before", "500", 0, 3).await;
            assert!(!world.deliver(&Order::Open { tenant_id: buyer.tenant }).await);
            assert!(faults_were_met(&world).await);
            let _ = world.fails_at(buyer.tenant, step, Why::Unavailable).await;
            assert!(!world.holdings(&buyer.tenant.to_string()).await.is_nothing());
        }
        over(&world, &buyer, now() - 365 * DAY).await;
        assert_eq!(world.close(buyer.tenant, &[]).await["state"], "closing", "{operation:?}");
        settled(&world, buyer.tenant).await;
        assert!(world.deliver(&Order::Open { tenant_id: buyer.tenant }).await, "{operation:?}: too late");
        assert!(world.deliver(&Order::Close { tenant_id: buyer.tenant }).await, "{operation:?}");
        assert_eq!(world.record(buyer.tenant).await.progress, Progress::Closed, "{operation:?}");
        let left = world.holdings(&buyer.tenant.to_string()).await;
        assert!(left.is_nothing(), "{operation:?}: {left:?}");
    }
}

#[tokio::test]
async fn the_function_itself_erases_nothing_but_in_a_session_of_the_tenant() {
    let world = world().await;
    let tenant = world.tenant("amber");
    let onboarding = world.function("Onboarding");
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let row = onboarding
        .dynamodb()
        .delete_item()
        .table_name(world.details.output("TenantsTableName"))
        .key("tenant_id", text(&tenant.tenant_id))
        .send();
    assert!(tests::Refused::of(&row.await.unwrap_err()).is_access_denied());
    let store =
        onboarding.verified_permissions().delete_policy_store().policy_store_id(&tenant.policy_store_id);
    assert!(tests::Refused::of(&store.send().await.unwrap_err()).is_access_denied());
    let list = onboarding.s3().list_objects_v2().bucket(world.details.output("ContentBucketName"));
    assert!(tests::Refused::of(&list.send().await.unwrap_err()).is_access_denied());

    let erasure = world.details.output("TenantErasureRoleArn");
    let (amber, cobalt) = (world.tenant("amber"), world.tenant("cobalt"));
    let session = onboarding
        .assume(erasure, &[("tenant_id", &cobalt.tenant_id), ("policy_store_id", &amber.policy_store_id)])
        .await
        .unwrap();
    let crossed =
        session.verified_permissions().delete_policy_store().policy_store_id(&amber.policy_store_id);
    assert!(tests::Refused::of(&crossed.send().await.unwrap_err()).is_access_denied());
    let other = session
        .dynamodb()
        .query()
        .table_name(world.details.output("DocumentsTableName"))
        .key_condition_expression("tenant_id = :t")
        .expression_attribute_values(":t", text(&amber.tenant_id));
    assert!(tests::Refused::of(&other.send().await.unwrap_err()).is_access_denied());
    let own = session
        .dynamodb()
        .query()
        .table_name(world.details.output("DocumentsTableName"))
        .key_condition_expression("tenant_id = :t")
        .expression_attribute_values(":t", text(&cobalt.tenant_id));
    assert!(own.send().await.is_ok(), "its own it may");
}

#[tokio::test]
async fn a_url_that_was_signed_before_the_end_is_waited_for() {
    let world = world().await;
    let buyer = world.onboarded("inflight").await;
    let admin = world.accept(&buyer.email).await;
    let document = admin.add_pending("late.txt", b"late").await;
    over(&world, &buyer, now() - 365 * DAY).await;
    let answer: Value = world.close(buyer.tenant, &[]).await;
    let begins_at = shared::clock::parse_rfc3339(answer["begins_at"].as_str().unwrap()).unwrap();
    let url_ends = shared::clock::parse_rfc3339(document.upload["expires_at"].as_str().unwrap()).unwrap();
    assert!(begins_at > url_ends, "{answer}");
    let sent = admin.upload(&document.upload, b"late").await;
    assert_eq!(sent.status, 200, "IAM lets it in until its session ends");
    assert!(world.deliver(&Order::Close { tenant_id: buyer.tenant }).await, "ordered, and not begun");
    assert_eq!(world.holdings(&buyer.tenant.to_string()).await.objects.len(), 1);
    settled(&world, buyer.tenant).await;
    assert!(world.deliver(&Order::Close { tenant_id: buyer.tenant }).await);
    assert!(world.holdings(&buyer.tenant.to_string()).await.is_nothing());
}
