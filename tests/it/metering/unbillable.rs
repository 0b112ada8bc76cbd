//! What cannot be billed is not lost: it stands in the ledger with its amount, and has a name that alarms.

use local::metering::Trace;
use shared::{
    marketplace::meter::{Batch, Usage, send},
    subscriptions::event::LicenseEventKind,
};
use tests::{
    metering::{Metering, closing, documents, is_done},
    world, world_alone,
};

#[tokio::test]
async fn usage_that_comes_after_its_hour_was_sealed_is_reported_with_its_amount() {
    let metering = Metering::of(world().await).await;
    let (hour, next) = (metering.closed(1), metering.closed(0));
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let _ = metering.run_until_done(closing(hour), &[&buyer], 1).await;
    metering.use_up(&buyer, &[documents("2", 3, hour), documents("3", 4, next)]).await;
    let report = metering.run_until_done(closing(next), &[&buyer], 1).await.remove(0);
    assert_eq!((&report["late"], &report["late_units"]), (&1.into(), &3.into()), "{report}");
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5), (next, 4)]);
    let entries = metering.books.ledger(buyer.tenant).await.unwrap();
    let late: Vec<i64> = entries.iter().flat_map(|entry| &entry.records).map(|record| record.late).collect();
    assert_eq!(late.iter().sum::<i64>(), 3, "{entries:#?}");
    let wrong: Vec<_> = metering.rows(&buyer).await.into_iter().filter(|row| !row.agrees).collect();
    let [row] = wrong.as_slice() else { panic!("one row: {wrong:#?}") };
    assert_eq!((row.hour, row.used, row.sealed, row.billed), (hour, 8, Some(5), Some(5)));
}

#[tokio::test]
async fn usage_that_comes_late_is_billed_with_the_next_hour_where_that_is_wanted() {
    let metering = Metering::of(world().await).await;
    let (hour, next) = (metering.closed(1), metering.closed(0));
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let _ = metering.run_until_done(closing(hour), &[&buyer], 1).await;
    metering.use_up(&buyer, &[documents("2", 3, hour), documents("3", 4, next)]).await;
    let mut aggregator = metering.aggregator_with(closing(next), &[("LATE_USAGE", "carry")]).await;
    let order = Metering::order(closing(next), &[&buyer]);
    let report = aggregator.invoke(&order, &Trace::new()).await.unwrap();
    assert!(is_done(&report) && report["late"] == 0, "{report}");
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5), (next, 7)]);
    metering.is_billed_as_used(&buyer, next).await;
}

#[tokio::test]
async fn an_hour_that_is_too_old_to_be_billed_expires_and_the_others_are_billed() {
    let mut metering = Metering::of(world_alone().await).await;
    metering.let_be("2026-12-02T12:20:00Z").await;
    let (first, last) = ("2026-12-01T08".parse().unwrap(), "2026-12-02T11".parse().unwrap());
    let buyer = metering.buyer(first).await;
    metering.use_up(&buyer, &[documents("1", 5, first), documents("2", 7, last)]).await;
    let reports = metering.run_until_done(metering.now(), &[&buyer], 3).await;
    let rows = metering.rows(&buyer).await;
    let billed = metering.billed(&buyer, "documents_added").await;
    let too_late = metering.now();
    assert_eq!(reports[0]["expired_units"], 5, "{reports:#?}");
    assert_eq!(billed, [(last, 7)]);
    for row in &rows {
        let expected =
            if row.hour.deadline() <= too_late { ("expired", None) } else { ("accepted", row.sealed) };
        assert_eq!((row.state, row.billed), expected, "{row:?}");
        assert_eq!(row.sealed, Some(row.used), "{row:?}");
    }
    assert!(rows.iter().any(|row| row.hour == first) && rows.iter().any(|row| row.hour == last));
}

#[tokio::test]
async fn a_month_that_is_closed_takes_no_more_of_its_hours() {
    let mut metering = Metering::of(world_alone().await).await;
    metering.let_be("2026-12-01T06:20:00Z").await;
    let (old, new) = ("2026-11-30T23".parse().unwrap(), "2026-12-01T05".parse().unwrap());
    let buyer = metering.buyer(old).await;
    metering.use_up(&buyer, &[documents("1", 5, old), documents("2", 7, new)]).await;
    let report = metering.run(metering.now(), &[&buyer]).await;
    let billed = metering.billed(&buyer, "documents_added").await;
    assert_eq!((&report["expired_units"], billed), (&5.into(), vec![(new, 7)]), "{report}");
}

#[tokio::test]
async fn a_clock_that_is_five_minutes_off_bills_nothing_twice_and_hides_nothing() {
    let mut metering = Metering::of(world_alone().await).await;
    // The Marketplace still takes an hour for two minutes; a fast clock thinks that it is over, a slow one that it is not.
    metering.let_be("2026-12-02T11:58:00Z").await;
    let hour = "2026-12-01T12".parse().unwrap();
    let mut billed = Vec::new();
    for ahead in [300, 0] {
        let buyer = metering.buyer(hour).await;
        metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
        let _ = metering.run(metering.now().plus(ahead), &[&buyer]).await;
        let rows = metering.rows(&buyer).await;
        let row = rows.iter().find(|row| row.hour == hour && row.dimension == "documents_added").unwrap();
        billed.push((row.state, row.billed));
    }
    metering.let_be("2026-12-02T12:02:00Z").await;
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let slow = metering.run(metering.now().minus(300), &[&buyer]).await;
    let again = metering.run(metering.now().plus(600), &[&buyer]).await;
    let rows = metering.rows(&buyer).await;
    let row = rows.iter().find(|row| row.hour == hour && row.dimension == "documents_added").unwrap();
    billed.push((row.state, row.billed));
    assert_eq!(billed[0], ("expired", None), "given up by a fast clock, and named");
    assert_eq!(billed[1], ("accepted", Some(5)));
    assert!(billed[2].0 != "accepted" && billed[2].1.is_none(), "{slow} {again}: {:?}", billed[2]);
    assert!(matches!(billed[2].0, "expired" | "quarantined"), "{slow} {again}: {:?}", billed[2]);
}

#[tokio::test]
async fn an_hour_that_somebody_else_has_billed_is_contested() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let moment = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(hour.start().get());
    let usage = |quantity| {
        let (account, license) = (buyer.account.clone(), buyer.license.clone());
        Batch::of(&[Usage::of(account, license, "documents_added", quantity, moment).unwrap()]).unwrap()
    };
    send(metering.world.seller().config(), usage(9)).await.unwrap();
    let report = metering.run(metering.now(), &[&buyer]).await;
    assert_eq!(report["contested"], 1, "{report}");
    let wrong: Vec<_> = metering.rows(&buyer).await.into_iter().filter(|row| !row.agrees).collect();
    let [row] = wrong.as_slice() else { panic!("one row: {wrong:#?}") };
    assert_eq!((row.state, row.used, row.billed), ("contested", 5, Some(9)));
}

#[tokio::test]
async fn what_a_buyer_without_agreement_used_is_held_and_sent_when_the_licence_is_permitted_anew() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(2);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    // The Marketplace took the licence back over an hour ago, and has told nobody.
    metering.buyers.change(&buyer, "deprovision", hour.end()).await.unwrap();
    let report = metering.run(closing(hour), &[&buyer]).await;
    assert!(report["not_subscribed"].as_u64() >= Some(1) && report["held"].as_u64() >= Some(1), "{report}");
    let again = metering.run(closing(hour), &[&buyer]).await;
    assert_eq!(again["calls"], 0, "it does not spin: {again}");
    assert_eq!(metering.billed(&buyer, "documents_added").await, []);
    assert!(metering.rows(&buyer).await.iter().all(|row| row.state == "not_subscribed"));

    let permitted = metering.now();
    metering.buyers.change(&buyer, "update", permitted).await.unwrap();
    metering.buyers.told(&buyer, LicenseEventKind::Updated, permitted).await.unwrap();
    let _ = metering.run_until_done(closing(hour), &[&buyer], 1).await;
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5)]);
    metering.is_billed_as_used(&buyer, hour).await;
}
