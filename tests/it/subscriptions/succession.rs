//! Renewed and replaced: the buyer gets another agreement and another licence, and the tenant goes on with it.

use std::time::Duration;

use local::{metering::Books, tenant};
use serde_json::{Value, json};
use shared::{
    ids::TenantId,
    marketplace::resolve::Resolved,
    subscriptions::{Kind, Metering},
    tenancy::STATE_KEPT_FOR,
};
use tests::PATIENCE;
use uuid::Uuid;

use super::{
    orders_of_four,
    scene::{Bought, Scene, now, until},
};

impl Scene {
    /// A licence in use, with a tenant of which there is nothing but a mapping row.
    async fn in_use(&self) -> (Bought, TenantId) {
        let bought = self.buy_unheard().await;
        let tenant = self.register_row(&bought).await;
        self.deliver(&bought.events).await;
        self.see_settled(&bought.license, Kind::Active).await;
        (bought, tenant)
    }

    async fn tenant_of(&self, bought: &Bought) -> Option<TenantId> {
        self.subscription(&bought.license).await?.tenant
    }

    /// Fails unless the tenant is on the new licence, has left the old one for good, and may work.
    async fn has_moved(&self, tenant: TenantId, old: &Bought, new: &Bought, what: &str) {
        let left = self.subscription(&old.license).await.unwrap();
        assert_eq!(left.moved_to.as_ref(), Some(&new.license), "{what}");
        assert_eq!(
            (left.state.kind, &*left.state.cause.to_string()),
            (Kind::Suspended, "moved_on"),
            "{what}"
        );
        assert_ne!(left.final_metering, Metering::None, "{what}: its last metering was asked for");
        let current = self.subscription(&new.license).await.unwrap();
        assert_eq!((current.tenant, current.state.kind), (Some(tenant), Kind::Active), "{what}");
        assert_eq!(current.moved_to, None, "{what}");
        assert_eq!(self.shown(tenant).await.as_deref(), Some("active"), "{what}");
    }

    async fn see_moved(&self, tenant: TenantId, new: &Bought) {
        let has_come = async || (self.tenant_of(new).await? == tenant).then_some(());
        self.world.see("that the tenant has moved on", has_come).await;
        self.see_queue_done().await;
    }

    async fn has_incident(&self, incident: &str, word: &str) {
        let is_told = async || {
            let log = local::account::function_log(self.world.details, "Subscriptions").await.unwrap();
            log.iter().any(|line| line.contains(incident) && line.contains(word)).then_some(())
        };
        self.world.see(incident, is_told).await;
    }
}

#[tokio::test]
async fn the_events_of_a_renewal_in_all_orders_each_twice_take_the_tenant_to_the_new_licence() {
    let scene = Scene::shared().await;
    let mut told = Vec::new();
    for (nth, order) in orders_of_four().into_iter().enumerate() {
        let (old, tenant) = scene.in_use().await;
        let change = if nth % 3 == 0 { "replace" } else { "renew" };
        let (new, mut events) = scene.succeed_unheard(&old.license, change).await;
        events.extend(scene.change_unheard(&old.license, json!({ "change": "deprovision" })).await);
        assert_eq!(
            events.len(),
            4,
            "the end, the new agreement, its licence, and the old licence taken away"
        );
        let delivered = order.map(|nth| events[nth].clone());
        scene.deliver(&[delivered.clone(), delivered].concat()).await;
        told.push((order, tenant, old, new));
    }
    scene.see_queue_done().await;
    for (order, tenant, old, new) in told {
        let what = format!("{order:?}");
        scene.has_moved(tenant, &old, &new, &what).await;
        // The buyer comes with the new licence's token, or with the old one's once more.
        for resolved in [&new.resolved, &old.resolved] {
            let registered =
                scene.subscriptions().register(resolved, TenantId::random(), now()).await.unwrap();
            assert_eq!((registered.tenant, registered.license), (tenant, old.license.clone()), "{what}");
            assert_eq!(registered.state.kind, Kind::Active, "{what}");
        }
        scene.forget_row(tenant).await;
    }
}

#[tokio::test]
async fn what_is_said_of_the_old_licence_later_shuts_nobody_out() {
    let scene = Scene::shared().await;
    let (old, tenant) = scene.in_use().await;
    let (new, events) = scene.succeed_unheard(&old.license, "renew").await;
    scene.deliver(&events).await;
    scene.see_moved(tenant, &new).await;
    let say = async |kind: &str| {
        let order = json!({ "license_arn": old.license.as_str(), "kind": kind, "status": "CANCELLED" });
        let _ = scene.marketplace.order("events", &order).await.unwrap();
    };
    for kind in ["updated", "deprovisioned", "ended", "updated", "deprovisioned"] {
        say(kind).await;
    }
    // Behind them in the same queue.
    let again = scene.change_unheard(&new.license, json!({ "change": "amend" })).await;
    scene.deliver(&again).await;
    scene.see_queue_done().await;
    scene.has_moved(tenant, &old, &new, "whatever is said of the old one").await;

    // It is the new one that decides: over, and back.
    let ended = scene.change_unheard(&new.license, json!({ "change": "deprovision" })).await;
    scene.deliver(&ended).await;
    scene.see_shown(tenant, Kind::Suspended).await;
    let back = scene.change_unheard(&new.license, json!({ "change": "update" })).await;
    scene.deliver(&back).await;
    scene.see_shown(tenant, Kind::Active).await;

    // And the next renewal goes on from there.
    let (third, events) = scene.succeed_unheard(&new.license, "replace").await;
    scene.deliver(&events).await;
    scene.see_moved(tenant, &third).await;
    scene.has_moved(tenant, &new, &third, "the third licence").await;
    scene.forget_row(tenant).await;
}

#[tokio::test]
async fn a_licence_of_the_same_buyer_that_is_no_successor_takes_nobody_over_and_the_successor_does() {
    let scene = Scene::shared().await;
    let (old, tenant) = scene.in_use().await;
    let account = old.resolved.account.as_str();
    let second = scene.buy(json!({ "account": account, "events": false })).await;
    let (new, mut events) = scene.succeed_unheard(&old.license, "replace").await;
    events.extend(scene.change_unheard(&old.license, json!({ "change": "deprovision" })).await);
    let [ended, created, updated, taken] = &events[..] else { panic!("{events:?}") };
    // All that is heard is that the old licence is over, and of a second agreement of this buyer's.
    scene.deliver(&[ended.clone(), created.clone(), taken.clone()]).await;
    scene.deliver(&second.events).await;
    scene.see_settled(&second.license, Kind::Active).await;
    scene.see_shown(tenant, Kind::Suspended).await;
    scene.see_queue_done().await;
    assert_eq!(scene.tenant_of(&second).await, None, "it is another agreement, not what follows");
    scene.has_incident("renewed_license_deprovisioned", old.license.as_str()).await;

    // Somebody else's licence under the agreement that follows, if there were such a thing.
    let mut stolen = updated.clone();
    let arn = format!("arn:aws:license-manager::294406891311:license:l-{}", Uuid::new_v4().simple());
    stolen["id"] = json!(Uuid::new_v4().to_string());
    stolen["detail"]["license"]["arn"] = json!(arn);
    stolen["detail"]["acceptor"]["accountId"] = json!("999988887777");
    scene.deliver(&[stolen]).await;
    scene.has_incident("foreign_line", &arn).await;
    scene.see_queue_done().await;
    assert_eq!(scene.shown(tenant).await.as_deref(), Some("suspended"), "nobody was taken over");

    scene.deliver(std::slice::from_ref(updated)).await;
    scene.see_moved(tenant, &new).await;
    scene.has_moved(tenant, &old, &new, "the buyer's own").await;
    // The other agreement leads to a tenant of its own, as ever.
    let own = scene.register_row(&second).await;
    assert_ne!(own, tenant);
    for tenant in [tenant, own] {
        scene.forget_row(tenant).await;
    }
}

#[tokio::test]
async fn a_token_that_names_no_agreement_leads_along_the_line_too() {
    let scene = Scene::shared().await;
    let (old, tenant) = scene.in_use().await;
    let (new, events) = scene.succeed_unheard(&old.license, "renew").await;
    let (ended, others) = events.split_first().unwrap();
    scene.deliver(others).await;
    scene.see_settled(&new.license, Kind::Active).await;
    scene.see_queue_done().await;
    assert_eq!(scene.tenant_of(&new).await, None, "nobody has heard that the old licence is over");
    let nameless = Resolved { agreement: None, ..new.resolved.clone() };
    let registered = scene.subscriptions().register(&nameless, TenantId::random(), now()).await.unwrap();
    assert_eq!((registered.tenant, registered.license), (tenant, old.license.clone()), "no second tenant");

    scene.deliver(std::slice::from_ref(ended)).await;
    scene.see_moved(tenant, &new).await;
    scene.has_moved(tenant, &old, &new, "and the move is not in its way").await;
    scene.forget_row(tenant).await;
}

#[tokio::test]
async fn a_tenant_moves_on_whichever_call_of_it_fails_and_when() {
    let scene = Scene::alone().await;
    for (service, operation, at_least) in [
        ("dynamodb", "TransactWriteItems", 1),
        ("dynamodb", "UpdateItem", 7),
        ("dynamodb", "GetItem", 10),
        ("aws-marketplace", "DescribeAgreement", 1),
        ("sqs", "SendMessage", 1),
    ] {
        for when in ["before", "after"] {
            let mut calls = 0;
            while scene.moves_in_spite_of((service, operation, when), calls).await {
                calls += 1;
            }
            assert!(calls >= at_least, "only {calls} calls of {operation} on the way to the next licence");
        }
    }
}

impl Scene {
    /// Delivers the event that moves a tenant while one call of the function fails, `skip` calls of that kind having
    /// passed, and waits for its end. Whether there was such a call.
    async fn moves_in_spite_of(&self, call: (&str, &str, &str), skip: u32) -> bool {
        let (old, tenant) = self.in_use().await;
        let (new, events) = self.succeed_unheard(&old.license, "renew").await;
        let (updated, others) = events.split_last().unwrap();
        self.deliver(others).await;
        self.see_queue_done().await;
        self.fail_a_call(call, skip).await;
        self.deliver(std::slice::from_ref(updated)).await;
        self.see_moved(tenant, &new).await;
        let was_met = self.was_met().await;
        let (_, operation, when) = call;
        let what = format!("{operation} {when} its effect, call {skip}");
        self.has_moved(tenant, &old, &new, &what).await;
        self.forget_row(tenant).await;
        was_met
    }
}

#[tokio::test]
async fn reconciliation_moves_a_tenant_of_whose_renewal_no_event_told() {
    let scene = Scene::alone().await;
    let _ = scene.reconcile().await;
    let before = scene.reconcile().await;
    let old = scene.buy_unheard().await;
    // In use for longer than reports may lag.
    let earlier = shared::clock::rfc3339(now() - Duration::from_secs(2 * 3600));
    let told = json!({ "license_arn": old.license.as_str(), "kind": "updated", "time": earlier });
    let _ = scene.marketplace.order("events", &told).await.unwrap();
    scene.see_settled(&old.license, Kind::Active).await;
    let tenant = scene.register_row(&old).await;
    let (new, _) = scene.succeed_unheard(&old.license, "renew").await;
    assert_eq!(scene.subscription(&new.license).await, None);

    let outcome = scene.reconcile().await;
    assert_eq!(outcome["complete"], true, "{outcome}");
    scene.has_moved(tenant, &old, &new, "told by the reports alone").await;
    let more = |name: &str| outcome[name].as_i64().unwrap() - before[name].as_i64().unwrap();
    assert_eq!(
        more("reported"),
        1,
        "the licence that nobody knew, and no renewal without an heir: {outcome}"
    );
    let again = scene.reconcile().await;
    assert_eq!(again["reported"], before["reported"], "{again}");
    scene.forget_row(tenant).await;
}

#[tokio::test]
async fn a_buyer_who_is_quicker_than_the_events_comes_to_the_tenant_that_they_have() {
    let scene = Scene::shared().await;
    let world = &scene.world;
    let bought = world.bought(json!({})).await;
    let signed_up = world.sign_up(&bought, "Renewed Ltd").await;
    let admin = world.accept(&signed_up.email).await;
    let id = admin.add("kept.txt", b"kept").await;
    let license = bought.license_arn.parse().unwrap();

    let order = json!({ "license_arn": bought.license_arn, "change": "renew", "events": false });
    let changed = scene.marketplace.order("changes", &order).await.unwrap();
    let token = changed["successor"]["token"].as_str().unwrap();
    let new = changed["successor"]["license_arn"].as_str().unwrap().parse().unwrap();
    let browser = world.browser();
    // Nothing has been heard: neither of the new licence nor of the old one's end.
    for token in [token, &world.token_for(&bought).await] {
        assert_eq!(browser.arrive(token).await.expect(303).leads_to(), signed_up.url, "no second tenant");
    }
    let events: Vec<Value> = changed["events"].as_array().unwrap().clone();
    scene.deliver(&events).await;
    scene.see_settled(&license, Kind::Suspended).await;
    let moved = scene.subscription(&new).await.unwrap();
    assert_eq!(moved.tenant.unwrap().to_string(), signed_up.tenant_id);
    scene.change(&license, "deprovision").await;
    scene.see_queue_done().await;
    for token in [token, &world.token_for(&bought).await] {
        assert_eq!(browser.arrive(token).await.expect(303).leads_to(), signed_up.url);
    }
    assert!(browser.get(&signed_up.url).await.expect(200).says("Your account is ready"));

    // The buyer's people work on, with what they had, and the vendor did nothing.
    let document = admin.get(&format!("/documents/{id}")).await.expect(200).json();
    assert_eq!(document["document"]["document_name"], "kept.txt", "{document}");
    let _ = admin.add("after.txt", b"after").await;
    let tenant: TenantId = signed_up.tenant_id.parse().unwrap();
    assert_eq!(scene.shown(tenant).await.as_deref(), Some("active"));
    scene.see_metered_for_the_last_time(&license).await;

    // An operator sees the line.
    let show = tenant::Command::Show { tenant_id: signed_up.tenant_id.clone() };
    let mut said = Vec::new();
    tenant::run(world.details, &show, true, &mut |line| said.push(line.to_owned())).await.unwrap();
    let shown: Value = serde_json::from_str(&said.concat()).unwrap();
    let line: Vec<_> = shown["licenses"].as_array().unwrap().iter().map(|one| &one["license_arn"]).collect();
    assert_eq!(line, [&json!(bought.license_arn), &changed["successor"]["license_arn"]], "{shown}");

    // When the new subscription ends, the tenant is shut, and can be erased: nothing of either licence is left over.
    scene.change(&new, "cancel").await;
    scene.see_metered_for_the_last_time(&new).await;
    until(STATE_KEPT_FOR + PATIENCE, "the refusal", async || {
        admin.get("/documents").await.refusal() == "403 suspended"
    })
    .await;
    let books = Books::of(world.details).await.unwrap();
    let account = books.account(tenant, &new).await.unwrap();
    let rows = account.rows(books.dimensions());
    assert!(rows.iter().all(|row| row.agrees), "{rows:#?}");
    let documents = rows.iter().filter(|row| row.dimension == "documents_added");
    assert_eq!(documents.filter_map(|row| row.billed).sum::<i64>(), 2, "each on one bill: {rows:#?}");
    world.close_metered(&signed_up).await;
    assert_eq!(scene.kind(&new).await, Some(Kind::Closed));
}
