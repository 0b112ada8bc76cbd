//! Subscriptions: what AWS Marketplace says, in whatever order and however often, becomes a state, and the state
//! decides who may work.

mod scene;
mod succession;

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    ids::TenantId,
    marketplace::ids::LicenseArn,
    subscriptions::{Kind, Metering},
    tenancy::STATE_KEPT_FOR,
};
use tests::PATIENCE;
use uuid::Uuid;

use scene::{Scene, now, until};

/// All orders of four things.
fn orders_of_four() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for code in 0..256_usize {
        let order = [code & 3, (code >> 2) & 3, (code >> 4) & 3, (code >> 6) & 3];
        let mut seen = [false; 4];
        order.iter().for_each(|nth| seen[*nth] = true);
        if seen == [true; 4] {
            orders.push(order);
        }
    }
    assert_eq!(orders.len(), 24);
    orders
}

#[tokio::test]
async fn what_the_marketplace_says_arrives_from_the_sellers_account_and_becomes_a_state() {
    let scene = Scene::shared().await;
    let bought = scene.buy(json!({})).await;
    scene.see_settled(&bought.license, Kind::Active).await;
    let subscription = scene.subscription(&bought.license).await.unwrap();
    assert_eq!(subscription.account, bought.resolved.account);
    assert_eq!(subscription.agreement, bought.resolved.agreement);
    assert_eq!(subscription.tenant, None, "nobody has registered yet");
    assert_eq!(subscription.state.cause.to_string(), "license_updated");

    let tenant = scene.register_row(&bought).await;
    assert_eq!(scene.shown(tenant).await.as_deref(), Some("active"), "what was said before is not lost");

    scene.change(&bought.license, "cancel").await;
    scene.see_settled(&bought.license, Kind::Suspended).await;
    let over = scene.subscription(&bought.license).await.unwrap().state;
    assert_eq!(over.cause.to_string(), "agreement_ended:CANCELLED", "the first of the two ends");
    scene.see_shown(tenant, Kind::Suspended).await;
    scene.see_metered_for_the_last_time(&bought.license).await;
    scene.forget_row(tenant).await;
}

#[tokio::test]
async fn four_events_in_all_orders_each_twice_end_in_the_same_state() {
    let scene = Scene::shared().await;
    let mut told = Vec::new();
    for (nth, order) in orders_of_four().into_iter().enumerate() {
        let bought = scene.buy_unheard().await;
        let mut events = bought.events.clone();
        events.extend(scene.change_unheard(&bought.license, json!({ "change": "cancel" })).await);
        assert_eq!(events.len(), 4);
        let mut tenant = None;
        let delivered = order.map(|nth| events[nth].clone());
        // Half of them register before anything is heard, the others when the queue is empty again.
        if nth % 2 == 0 {
            tenant = Some(scene.register_row(&bought).await);
        }
        scene.deliver(&[delivered.clone(), delivered].concat()).await;
        told.push((order, bought, events, tenant));
    }
    scene.see_queue_done().await;
    for (order, bought, events, tenant) in told {
        let tenant = match tenant {
            Some(tenant) => tenant,
            None => {
                let tenant = scene.register_row(&bought).await;
                // Whoever registers has no queue to ask for the last metering; the next event has.
                scene.deliver(&events[..1]).await;
                tenant
            }
        };
        scene.see_settled(&bought.license, Kind::Suspended).await;
        let subscription = scene.subscription(&bought.license).await.unwrap();
        assert_eq!(subscription.state.cause.to_string(), "agreement_ended:CANCELLED", "{order:?}");
        let ended = events[2]["time"].as_str().unwrap().replace('Z', ".000Z");
        assert_eq!(shared::clock::rfc3339(subscription.state.since), ended, "{order:?}");
        assert_eq!(subscription.tenant, Some(tenant), "{order:?}");
        scene.see_shown(tenant, Kind::Suspended).await;
        assert_ne!(scene.last_metering(&bought.license).await, Metering::None, "{order:?}");
        scene.forget_row(tenant).await;
    }
}

#[tokio::test]
async fn an_older_event_undoes_nothing_and_a_newer_one_brings_back() {
    let scene = Scene::shared().await;
    let bought = scene.buy_unheard().await;
    let ended = scene.change_unheard(&bought.license, json!({ "change": "deprovision" })).await;
    let back = scene.change_unheard(&bought.license, json!({ "change": "update" })).await;
    scene.deliver(&back).await;
    scene.see_settled(&bought.license, Kind::Active).await;
    scene.deliver(&ended).await;
    scene.deliver(&bought.events).await;
    scene.see_queue_done().await;
    assert_eq!(scene.kind(&bought.license).await, Some(Kind::Active), "the end was before it came back");
    let again = scene.change_unheard(&bought.license, json!({ "change": "deprovision" })).await;
    scene.deliver(&again).await;
    scene.see_settled(&bought.license, Kind::Suspended).await;
}

#[tokio::test]
async fn what_is_renewed_or_replaced_goes_on_and_what_ends_in_an_unknown_way_is_an_incident() {
    let scene = Scene::shared().await;
    for change in ["renew", "replace"] {
        let bought = scene.buy(json!({})).await;
        scene.see_settled(&bought.license, Kind::Active).await;
        let changed = scene.change_unheard(&bought.license, json!({ "change": change })).await;
        let end = changed.iter().find(|event| event["detail"]["agreement"]["status"] != "ACTIVE").unwrap();
        scene.deliver(&changed).await;
        scene.see_queue_done().await;
        assert_eq!(scene.kind(&bought.license).await, Some(Kind::Active), "{}", end["detail"]["agreement"]);
    }
    let bought = scene.buy(json!({})).await;
    scene.see_settled(&bought.license, Kind::Active).await;
    let mut ended = scene.change_unheard(&bought.license, json!({ "change": "end" })).await;
    ended[0]["detail"]["agreement"]["status"] = json!("POSTPONED");
    scene.deliver(&ended).await;
    scene.see_queue_done().await;
    assert_eq!(scene.kind(&bought.license).await, Some(Kind::Active), "its licence decides");
    let agreement = bought.resolved.agreement.unwrap();
    scene
        .world
        .see("the incident in the log", async || {
            let log = local::account::function_log(scene.world.details, "Subscriptions").await.unwrap();
            log.iter()
                .any(|line| line.contains("unknown_end_status") && line.contains(agreement.as_str()))
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn of_two_licences_of_one_buyer_one_may_end_without_the_other() {
    let scene = Scene::shared().await;
    let first = scene.buy(json!({})).await;
    let second = scene.buy(json!({ "account": first.resolved.account.as_str() })).await;
    assert_eq!(first.resolved.account, second.resolved.account);
    let tenants = [scene.register_row(&first).await, scene.register_row(&second).await];
    for bought in [&first, &second] {
        scene.see_settled(&bought.license, Kind::Active).await;
    }
    scene.change(&first.license, "cancel").await;
    scene.see_settled(&first.license, Kind::Suspended).await;
    scene.see_shown(tenants[0], Kind::Suspended).await;
    assert_eq!(scene.kind(&second.license).await, Some(Kind::Active));
    assert_eq!(scene.shown(tenants[1]).await.as_deref(), Some("active"));
    for tenant in tenants {
        scene.forget_row(tenant).await;
    }
}

#[tokio::test]
async fn a_licence_has_one_tenant_whoever_registers_and_however_often_at_once() {
    let scene = Scene::shared().await;
    let bought = scene.buy_unheard().await;
    let subscriptions = scene.subscriptions();
    let registrations = (0..8).map(|_| {
        let (subscriptions, resolved) = (subscriptions.clone(), bought.resolved.clone());
        tokio::spawn(async move { subscriptions.register(&resolved, TenantId::random(), now()).await })
    });
    let mut tenants = Vec::new();
    for registration in registrations.collect::<Vec<_>>() {
        let registered = registration.await.unwrap().unwrap();
        assert_eq!(registered.state.kind, Kind::Registered);
        tenants.push(registered.tenant);
    }
    tenants.dedup();
    assert_eq!(tenants.len(), 1, "all were told the same tenant");

    let mut other = bought.resolved.clone();
    other.account = scene.buy_unheard().await.resolved.account;
    let refused = subscriptions.register(&other, TenantId::random(), now()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the licence belongs to another account");
    assert_eq!(scene.subscription(&bought.license).await.unwrap().tenant, Some(tenants[0]));
}

#[tokio::test]
async fn what_is_not_ours_changes_nothing_and_what_is_no_event_ends_among_the_dead_letters() {
    let scene = Scene::shared().await;
    let bought = scene.buy_unheard().await;
    let updated = bought.events[1].clone();
    let but = |pointer: &str, value: &str| {
        let mut event = updated.clone();
        *event.pointer_mut(pointer).unwrap() = json!(value);
        event
    };
    scene
        .deliver(&[
            but("/account", "999988887777"),
            but("/detail/product/code", "another-product"),
            but("/source", "aws.nobody"),
            but("/detail-type", "License Renamed - Manufacturer"),
        ])
        .await;
    scene.see_queue_done().await;
    assert_eq!(scene.subscription(&bought.license).await, None);
    // The same as it was: it is ours.
    scene.deliver(std::slice::from_ref(&updated)).await;
    scene.see_settled(&bought.license, Kind::Active).await;

    // Whose licence it is does not change: refused, like what is no event at all.
    let marker = Uuid::new_v4().to_string();
    let mut stolen = but("/detail/acceptor/accountId", "999988887777");
    stolen["id"] = json!(marker);
    stolen["time"] = json!("2099-01-01T00:00:00Z");
    let malformed = format!("{{\"not\":\"an event\",\"marker\":\"{marker}\"}}");
    scene.deliver_texts(&[stolen.to_string(), malformed]).await;
    let (sqs, url) =
        (scene.world.root().sqs(), scene.world.details.output("SubscriptionEventsDeadLettersUrl"));
    let mut dead = 0;
    scene
        .world
        .see("both among the dead letters", async || {
            let received =
                sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
            for message in received.messages() {
                if message.body().unwrap().contains(&marker) {
                    dead += 1;
                    let handle = message.receipt_handle().unwrap();
                    let _ = sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
                }
            }
            (dead == 2).then_some(())
        })
        .await;
    let subscription = scene.subscription(&bought.license).await.unwrap();
    assert_eq!(subscription.account, bought.resolved.account);
    assert_eq!(subscription.state.kind, Kind::Active);
}

#[tokio::test]
async fn a_suspended_tenants_users_are_told_so_in_time_and_come_back_when_it_does() {
    let scene = Scene::shared().await;
    let bought = scene.world.bought(json!({})).await;
    let signed_up = scene.world.sign_up(&bought, "Suspended Ltd").await;
    let ben = scene.world.accept(&signed_up.email).await;
    let cleo = scene.world.person("amber", 2).await;
    let license: LicenseArn = bought.license_arn.parse().unwrap();
    scene.see_settled(&license, Kind::Active).await;
    let id = ben.add("kept.txt", b"kept").await;
    assert_eq!(ben.get("/documents").await.status, 200);
    assert_eq!(cleo.get("/documents").await.status, 200);

    scene.change(&license, "cancel").await;
    scene.see_settled(&license, Kind::Suspended).await;
    // That a row is kept no longer than it may be is shown where it is kept; here, that everything asks it.
    until(STATE_KEPT_FOR + PATIENCE, "the refusal", async || {
        ben.get("/documents").await.refusal() == "403 suspended"
    })
    .await;
    // Each environment of a function keeps what it has read, for its own minute.
    until(STATE_KEPT_FOR + PATIENCE, "the refusal of a document", async || {
        ben.get(&format!("/documents/{id}")).await.refusal() == "403 suspended"
    })
    .await;
    assert_eq!(cleo.get("/documents").await.status, 200, "nobody else is");

    scene.change(&license, "update").await;
    scene.see_settled(&license, Kind::Active).await;
    until(STATE_KEPT_FOR + PATIENCE, "the way back", async || ben.get("/documents").await.status == 200)
        .await;
    until(STATE_KEPT_FOR + PATIENCE, "the document, which was kept", async || {
        ben.get(&format!("/documents/{id}")).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn an_event_is_carried_out_whichever_call_of_it_fails_and_when() {
    let scene = Scene::alone().await;
    for (kind, service, operation, at_least) in [
        (Kind::Active, "dynamodb", "UpdateItem", 4),
        (Kind::Active, "dynamodb", "GetItem", 2),
        (Kind::Suspended, "dynamodb", "UpdateItem", 6),
        (Kind::Suspended, "dynamodb", "GetItem", 4),
        (Kind::Suspended, "sqs", "SendMessage", 1),
    ] {
        for when in ["before", "after"] {
            let mut calls = 0;
            while scene.survives(kind, (service, operation, when), calls).await {
                calls += 1;
            }
            assert!(calls >= at_least, "only {calls} calls of {operation} on the way to {kind:?}");
        }
    }
}

#[tokio::test]
async fn reconciliation_mends_what_events_did_not_tell_and_reports_what_nobody_knew() {
    let scene = Scene::alone().await;
    // Other tests leave differences too, and what nobody knew is reported once: what counts is what comes on
    // top of that.
    let _ = scene.reconcile().await;
    let before = scene.reconcile().await;
    assert_eq!(before["complete"], true, "{before}");
    let more = |outcome: &Value, name: &str| outcome[name].as_i64().unwrap() - before[name].as_i64().unwrap();

    // An end of which no event told, of a licence that has been active for longer than reports may lag.
    let lost = scene.buy_unheard().await;
    let earlier = shared::clock::rfc3339(now() - Duration::from_secs(2 * 3600));
    let told = json!({ "license_arn": lost.license.as_str(), "kind": "updated", "time": earlier });
    let _ = scene.marketplace.order("events", &told).await.unwrap();
    scene.see_settled(&lost.license, Kind::Active).await;
    let tenant = scene.register_row(&lost).await;
    let _ = scene.change_unheard(&lost.license, json!({ "change": "cancel" })).await;
    // One that ended this moment: its event may still be on its way.
    let recent = scene.buy(json!({})).await;
    scene.see_settled(&recent.license, Kind::Active).await;
    let _ = scene.change_unheard(&recent.license, json!({ "change": "cancel" })).await;
    // One that nobody was told of, and one that registered and waits.
    let unknown = scene.buy_unheard().await;
    let waiting = scene.buy_unheard().await;
    let waiting_tenant = scene.register_row(&waiting).await;
    assert_eq!(scene.kind(&waiting.license).await, Some(Kind::Registered));

    let outcome = scene.reconcile().await;
    assert_eq!(outcome["complete"], true, "{outcome}");
    assert!(outcome["repaired"].as_u64().unwrap() >= 2, "{outcome}");
    assert_eq!((more(&outcome, "reported"), more(&outcome, "recent")), (1, 1), "{outcome}");
    assert_eq!(scene.kind(&lost.license).await, Some(Kind::Suspended));
    scene.see_shown(tenant, Kind::Suspended).await;
    assert_ne!(scene.last_metering(&lost.license).await, Metering::None, "the last metering is asked for");
    assert_eq!(scene.kind(&recent.license).await, Some(Kind::Active), "an event that is newer is believed");
    assert_eq!(scene.kind(&unknown.license).await, Some(Kind::Active), "kept for when it registers");
    assert_eq!(scene.shown(waiting_tenant).await.as_deref(), Some("active"));

    let again = scene.reconcile().await;
    assert_eq!((&again["repaired"], more(&again, "reported")), (&json!(0), 0), "{again}");
    for tenant in [tenant, waiting_tenant] {
        scene.forget_row(tenant).await;
    }
    scene.change(&recent.license, "deprovision").await;
}
