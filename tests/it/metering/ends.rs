//! Subscriptions that end: the hour that is still open is billed at once.

use local::marketplace;
use serde_json::json;
use shared::metering::Measure;
use tests::{
    metering::{A_BYTE, Metering, documents, is_done, used},
    world, world_alone,
};

#[tokio::test]
async fn what_was_used_over_http_is_billed_when_the_subscription_ends_and_the_tenant_can_be_closed() {
    let metering = Metering::of(world().await).await;
    let world = &metering.world;
    let bought = world.bought(json!({})).await;
    let signed_up = world.sign_up(&bought, "Metered Ltd").await;
    let admin = world.accept(&signed_up.email).await;
    let first = admin.add("first.txt", b"first").await;
    let gone = admin.add("gone.txt", b"gone").await;
    let pending = admin.add_pending("never.txt", b"never").await;
    for id in [&first, &gone] {
        let opened = admin.get(&format!("/documents/{id}")).await.expect(200).json();
        assert_eq!(opened["document"]["status"], "available", "{opened}");
    }
    let email = format!("reader-{}@buyer.example", uuid::Uuid::new_v4().simple());
    let _ = admin.post("/users", &json!({ "email": email, "role": "member" })).await.expect(201);
    let reader = world.accept(&email).await;
    let _ = admin.share(&first, &reader).await.expect(201);
    let _ = admin.share(&first, &reader).await.expect(200);
    let _ = admin.delete(&format!("/documents/{gone}")).await.expect(204);
    let _ = admin.delete(&format!("/documents/{}", pending.id)).await.expect(204);

    let cancel = marketplace::Command::Change {
        license: bought.license_arn.clone(),
        change: "cancel".to_owned(),
        status: None,
        silent: false,
    };
    marketplace::run(world.details, &cancel, true, &mut |_| ()).await.unwrap();
    let license = bought.license_arn.parse().unwrap();
    let is_over = async || metering.books.is_over(&license).await.unwrap().then_some(());
    world.see("that the last metering is done", is_over).await;

    let tenant = signed_up.tenant_id.parse().unwrap();
    let account = metering.books.account(tenant, &license).await.unwrap();
    let rows = account.rows(metering.books.dimensions());
    assert!(rows.iter().all(|row| row.agrees), "{rows:#?}");
    let billed = |dimension: &str| -> i64 {
        rows.iter().filter(|row| row.dimension == dimension).filter_map(|row| row.billed).sum()
    };
    assert_eq!(billed("documents_added"), 2, "what never arrived is not one");
    assert_eq!(billed("shares_created"), 1, "asking twice makes one");
    let hours = rows.iter().map(|row| row.hour).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(billed("storage_gib_hours"), i64::try_from(hours).unwrap(), "one document's bytes");

    world.close_metered(&signed_up).await;
    let kept = metering.books.account(tenant, &license).await.unwrap();
    assert_eq!(kept.entries, account.entries, "the accounts stay");
    assert_eq!(kept.events, account.events, "erasing is no usage");
}

#[tokio::test]
async fn an_end_in_mid_hour_is_billed_with_what_was_used_until_then() {
    let mut metering = Metering::of(world_alone().await).await;
    metering.let_be("2026-12-02T10:40:00Z").await;
    let [eight, nine, ten] = ["2026-12-02T08", "2026-12-02T09", "2026-12-02T10"].map(|h| h.parse().unwrap());
    let buyer = metering.buyer(eight).await;
    let stored = used("document/1/stored", Measure::StorageGibHours, A_BYTE, nine);
    metering.use_up(&buyer, &[documents("1", 5, nine), stored, documents("2", 7, ten)]).await;
    metering.buyers.end(&buyer, "2026-12-02T10:30:00Z".parse().unwrap()).await.unwrap();
    // Ten minutes later: the hour is not over.
    let _ = metering.run_until_done(metering.now(), &[&buyer], 1).await;
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(nine, 5), (ten, 7)]);
    assert_eq!(metering.billed(&buyer, "storage_gib_hours").await, [(nine, 1), (ten, 1)]);
    metering.is_billed_as_used(&buyer, ten).await;
    metering.let_be("2026-12-02T11:15:00Z").await;
    let report = metering.run(metering.now(), &[&buyer]).await;
    assert!(is_done(&report) && report["calls"] == 0, "it is over: {report}");
    // Content that arrives by a URL that was signed before.
    metering.use_up(&buyer, &[documents("3", 1, ten)]).await;
    metering.let_be("2026-12-02T12:15:00Z").await;
    let report = metering.run(metering.now(), &[&buyer]).await;
    assert_eq!(report["late_units"], 1, "seen, and not billed: {report}");
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(nine, 5), (ten, 7)]);
}

#[tokio::test]
async fn a_subscription_that_returns_goes_on_where_it_was() {
    let mut metering = Metering::of(world_alone().await).await;
    metering.let_be("2026-12-02T10:40:00Z").await;
    let [ten, twelve, thirteen] =
        ["2026-12-02T10", "2026-12-02T12", "2026-12-02T13"].map(|h| h.parse().unwrap());
    let buyer = metering.buyer(ten).await;
    metering.use_up(&buyer, &[documents("1", 5, ten)]).await;
    metering.buyers.end(&buyer, "2026-12-02T10:30:00Z".parse().unwrap()).await.unwrap();
    let _ = metering.run_until_done(metering.now(), &[&buyer], 1).await;
    metering.let_be("2026-12-02T14:20:00Z").await;
    metering.buyers.permit_again(&buyer, "2026-12-02T12:01:00Z".parse().unwrap()).await.unwrap();
    metering.use_up(&buyer, &[documents("2", 7, thirteen)]).await;
    let _ = metering.run_until_done(metering.now(), &[&buyer], 1).await;
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(ten, 5), (thirteen, 7)]);
    let mut hours: Vec<_> = metering.rows(&buyer).await.iter().map(|row| row.hour).collect();
    hours.dedup();
    assert_eq!(hours, [ten, twelve, thirteen], "nothing is metered while it is over");
    metering.is_billed_as_used(&buyer, thirteen).await;
}

#[tokio::test]
async fn a_renewal_in_mid_hour_bills_each_unit_on_one_licence_and_leaves_no_hour_out() {
    let mut metering = Metering::of(world_alone().await).await;
    metering.let_be("2026-12-02T10:40:00Z").await;
    let [nine, ten, eleven] = ["2026-12-02T09", "2026-12-02T10", "2026-12-02T11"].map(|h| h.parse().unwrap());
    let old = metering.buyer(nine).await;
    let stored = used("document/1/stored", Measure::StorageGibHours, A_BYTE, nine);
    metering.use_up(&old, &[documents("1", 5, nine), stored, documents("2", 7, ten)]).await;
    let at = |text: &str| format!("2026-12-02T{text}Z").parse().unwrap();
    let new = metering.buyers.renew(&old, at("10:30:00"), at("10:31:12")).await.unwrap();
    assert_eq!(new.tenant, old.tenant);

    // The old licence's last hour is sealed, and sent while the Marketplace takes it; the new one waits for that.
    let waits = metering.run(metering.now(), &[&new]).await;
    assert_eq!((&waits["waiting"], &waits["entries_sealed"]), (&1.into(), &0.into()), "{waits}");
    let _ = metering.run_until_done(metering.now(), &[&old], 1).await;
    metering.use_up(&old, &[documents("3", 2, ten), documents("4", 1, eleven)]).await;
    metering.let_be("2026-12-02T12:15:00Z").await;
    metering.buyers.change(&old, "deprovision", at("11:31:00")).await.unwrap();
    let _ = metering.run_until_done(metering.now(), &[&old, &new], 1).await;

    assert_eq!(metering.billed(&old, "documents_added").await, [(nine, 5), (ten, 7)], "up to its end");
    assert_eq!(metering.billed(&new, "documents_added").await, [(ten, 2), (eleven, 1)], "and no unit twice");
    let levels =
        [metering.billed(&old, "storage_gib_hours").await, metering.billed(&new, "storage_gib_hours").await];
    assert_eq!(
        levels,
        [vec![(nine, 1), (ten, 1)], vec![(eleven, 1)]],
        "the level of an hour is one licence's"
    );
    metering.is_billed_as_used(&new, eleven).await;
}
