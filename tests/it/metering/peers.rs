//! The faults in which other implementations of the same lose usage or bill it twice, under the numbers of the list in
//! which they were measured. There is no twelfth.

use local::metering::{Ended, Trace, When};
use shared::metering::Measure;
use tests::{
    metering::{A_BYTE, Metering, closing, documents, is_done, used},
    world, world_alone,
};

use super::crashes::place_of;

const METER: (&str, &str) = ("aws-marketplace", "BatchMeterUsage");

#[tokio::test]
async fn f1_a_throttle_or_an_outage_that_outlasts_every_retry() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    for (when, error) in [
        (When::Before, "throttle"),
        (When::Before, "500"),
        (When::After, "500"),
        (When::Before, "cut"),
        (When::After, "cut"),
    ] {
        let buyer = metering.buyer(hour).await;
        metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
        let trace = Trace::new();
        trace.fail(&metering.doors, METER, when, error, 1_000).await.unwrap();
        let report = metering.run_as(&trace, metering.now(), &[&buyer]).await;
        assert!(!is_done(&report) && report["failures"].as_u64().unwrap() >= 3, "{error}: {report}");
        let _ = metering.run_until_done(metering.now(), &[&buyer], 2).await;
        assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5)], "{error}");
        metering.is_billed_as_used(&buyer, hour).await;
    }
}

#[tokio::test]
async fn f2_records_that_come_back_unprocessed_or_not_at_all() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    for answer in ["unprocessed", "missing"] {
        for billed in [false, true] {
            // One answer of the kind is made up for in the same run; a hundred are not.
            for times in [1, 100] {
                let buyer = metering.buyer(hour).await;
                metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
                let order = serde_json::json!({
                    "operation": "BatchMeterUsage", "answer": answer, "times": times,
                    "license_arn": buyer.license.as_str(), "records": [0, 1, 2], "billed": billed,
                });
                metering.market.order("orders", &order).await.unwrap();
                let report = metering.run(metering.now(), &[&buyer]).await;
                assert_eq!(is_done(&report), times == 1, "{report}");
                if times > 1 {
                    // A test that cleared all orders would clear other tests' too: this one is used up.
                    let rows = metering.rows(&buyer).await;
                    assert!(rows.iter().all(|row| row.state == "sealed"), "{rows:#?}");
                    continue;
                }
                assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5)], "{answer}");
                metering.is_billed_as_used(&buyer, hour).await;
            }
        }
    }
}

#[tokio::test]
async fn f3_a_crash_after_the_call_and_the_next_run_an_hour_later() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(1);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let place = place_of(&metering, "aws-marketplace:BatchMeterUsage").await;
    let order = Metering::order(closing(hour), &[&buyer]);
    let aggregator = metering.aggregator(closing(hour)).await;
    let ended = aggregator.invoke_and_kill(&order, place, When::After).await.unwrap();
    assert_eq!(ended, Ended::Killed("aws-marketplace:BatchMeterUsage".to_owned()));
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5)], "it had its effect");
    let _ = metering.run_until_done(closing(hour.next()), &[&buyer], 1).await;
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5)]);
    metering.is_billed_as_used(&buyer, hour.next()).await;
}

#[tokio::test]
async fn f4_more_records_of_one_customer_than_a_request_takes() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    let first = metering.buyer(hour).await;
    let mut buyers = vec![first.clone()];
    while buyers.len() < 9 {
        buyers.push(metering.buyers.buy_as(Some(&first.account), hour.start()).await.unwrap());
    }
    for buyer in &buyers {
        metering.use_up(buyer, &[documents("1", 1, hour)]).await;
    }
    let of: Vec<_> = buyers.iter().collect();
    let report = metering.run_until_done(metering.now(), &of, 1).await.remove(0);
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!((number("accepted"), number("calls") - number("failures")), (27, 2), "{report}");
    for buyer in &buyers {
        assert_eq!(metering.billed(buyer, "documents_added").await, [(hour, 1)]);
        metering.is_billed_as_used(buyer, hour).await;
    }
}

#[tokio::test]
async fn f5_two_runs_in_one_hour_of_the_clock() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    for at in [hour.start().plus(1_800), closing(hour).minus(3)] {
        let report = metering.run(at, &[&buyer]).await;
        assert!(is_done(&report) && report["records_sealed"] == 0, "the hour is open: {report}");
    }
    metering.use_up(&buyer, &[documents("2", 7, hour)]).await;
    for at in [closing(hour), closing(hour).plus(1_800)] {
        assert!(is_done(&metering.run(at, &[&buyer]).await));
    }
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 12)]);
    metering.is_billed_as_used(&buyer, hour).await;
}

#[tokio::test]
async fn f6_the_same_rows_in_four_runs() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(3);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let mut last = hour;
    for back in [3, 2, 1, 0] {
        last = metering.closed(back);
        assert!(is_done(&metering.run(closing(last), &[&buyer]).await));
    }
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5)]);
    metering.is_billed_as_used(&buyer, last).await;
}

#[tokio::test]
async fn f7_more_usage_than_one_page_of_a_query() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    let buyer = metering.buyer(hour).await;
    let events: Vec<_> = (0..2_100).map(|nth| documents(&nth.to_string(), 1, hour)).collect();
    metering.use_up(&buyer, &events).await;
    let report = metering.run_until_done(metering.now(), &[&buyer], 1).await.remove(0);
    assert!(report["usage_reads"].as_u64().unwrap() >= 2, "{report}");
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 2_100)]);
    metering.is_billed_as_used(&buyer, hour).await;
}

#[tokio::test]
async fn f8_usage_before_the_end_of_a_month_that_is_metered_after_it() {
    let mut metering = Metering::of(world_alone().await).await;
    metering.let_be("2026-12-01T00:20:00Z").await;
    let hour = "2026-11-30T23".parse().unwrap();
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let report = metering.run(metering.now(), &[&buyer]).await;
    let billed = metering.billed(&buyer, "documents_added").await;
    let rows = metering.rows(&buyer).await;
    assert!(is_done(&report), "{report}");
    assert_eq!(billed, [(hour, 5)], "in November");
    assert!(rows.iter().all(|row| row.agrees && row.hour == hour), "{rows:#?}");
}

#[tokio::test]
async fn f9_one_dimension_twice_in_one_transaction() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour), documents("2", 7, hour)]).await;
    let _ = metering.run_until_done(metering.now(), &[&buyer], 1).await;
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 12)]);
    metering.is_billed_as_used(&buyer, hour).await;
}

#[tokio::test]
async fn f10_one_dimension_that_is_not_listed() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    let (buyer, other) = (metering.buyer(hour).await, metering.buyer(hour).await);
    for one in [&buyer, &other] {
        let shares = used("share/1", Measure::SharesCreated, 3, hour);
        let stored = used("document/1/stored", Measure::StorageGibHours, A_BYTE, hour);
        metering.use_up(one, &[documents("1", 5, hour), shares, stored]).await;
    }
    let misspelt =
        "documents_added=documents_added,shares_created=Shares,storage_gib_hours=storage_gib_hours";
    let mut aggregator = metering.aggregator_with(metering.now(), &[("DIMENSIONS", misspelt)]).await;
    let order = Metering::order(metering.now(), &[&buyer, &other]);
    let report = aggregator.invoke(&order, &Trace::new()).await.unwrap();
    assert_eq!(report["quarantined"]["invalid_usage_dimension"], 2, "{report}");
    for one in [&buyer, &other] {
        assert_eq!(metering.billed(one, "documents_added").await, [(hour, 5)]);
        assert_eq!(metering.billed(one, "storage_gib_hours").await, [(hour, 1)]);
        let wrong: Vec<_> = metering.rows(one).await.into_iter().filter(|row| !row.agrees).collect();
        let [row] = wrong.as_slice() else { panic!("one row: {wrong:#?}") };
        assert_eq!((row.dimension.as_str(), row.state, row.used), ("Shares", "quarantined", 3));
    }
}

#[tokio::test]
async fn f11_a_second_run_before_the_first_is_done() {
    let metering = Metering::of(world().await).await;
    let (hour, next) = (metering.closed(1), metering.closed(0));
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    let calls = {
        let trace = Trace::new();
        let twin = metering.buyer(hour).await;
        let _ = metering.run_as(&trace, closing(hour), &[&twin]).await;
        trace.calls(&metering.doors).await.unwrap()
    };
    // The first run waits at each of its calls while the second does everything.
    for nth in 0..calls.len() {
        let buyer = if nth == 0 { buyer.clone() } else { metering.buyer(hour).await };
        if nth > 0 {
            metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
        }
        let trace = Trace::new();
        trace.hold(&metering.doors, nth, When::Before).await.unwrap();
        let mut first = metering.aggregator(closing(hour)).await;
        let order = Metering::order(closing(hour), &[&buyer]);
        let overlapping = async {
            let held = trace.held(&metering.doors).await.unwrap();
            metering.use_up(&buyer, &[documents("2", 7, next)]).await;
            let _ = metering.run_until_done(closing(next), &[&buyer], 1).await;
            trace.release(&metering.doors).await.unwrap();
            held
        };
        let (report, held) = tokio::join!(first.invoke(&order, &trace), overlapping);
        assert!(report.is_ok(), "{held}: {report:?}");
        let _ = metering.run_until_done(closing(next), &[&buyer], 1).await;
        assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5), (next, 7)], "{held}");
        metering.is_billed_as_used(&buyer, next).await;
    }
}

#[tokio::test]
async fn f13_the_same_hour_by_hand_again_and_again() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(1);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[documents("1", 5, hour)]).await;
    for minutes in [0, 1, 6, 30, 59] {
        assert!(is_done(&metering.run(closing(hour).plus(minutes * 60), &[&buyer]).await), "{minutes}");
    }
    assert_eq!(metering.billed(&buyer, "documents_added").await, [(hour, 5)]);
    metering.is_billed_as_used(&buyer, hour).await;
}
