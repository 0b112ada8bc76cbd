//! What is put on the bill, what is not, and what the seller is told.

use marketplace::{Change, Limits};
use serde_json::json;
use time::Duration;

use crate::market::{Market, hour, record, statuses, with};

#[test]
fn the_first_quantity_of_an_hour_stays_and_the_same_again_changes_nothing() {
    let market = Market::open();
    let buyer = market.buyer();
    let at = hour(market.now());
    let sent = json!({ "UsageRecords": [record(&buyer, "documents_added", at, 5)] });
    let first = market.ok("BatchMeterUsage", &sent);
    let again = market.ok("BatchMeterUsage", &sent);
    assert_eq!(first, again, "with the same MeteringRecordId");
    assert_eq!(market.meter(&[record(&buyer, "documents_added", at, 6)]), ["DuplicateRecord"]);
    let same_hour = record(&buyer, "documents_added", at + Duration::minutes(10), 5);
    assert_eq!(market.meter(&[same_hour]), ["Success"], "de-duplicated on the hour");
    assert_eq!(market.billed(&buyer, "documents_added"), [5]);
}

#[test]
fn hours_dimensions_and_licences_are_billed_apart() {
    let market = Market::open();
    let (one, other) = (market.buyer(), market.buyer());
    market.wait(Duration::hours(1));
    let at = hour(market.now());
    let records = [
        record(&one, "documents_added", at, 1),
        record(&one, "documents_added", at - Duration::HOUR, 2),
        record(&one, "shares_created", at, 3),
        record(&other, "documents_added", at, 4),
    ];
    assert_eq!(market.meter(&records), ["Success"; 4]);
    assert_eq!(market.billed(&one, "documents_added"), [2, 1]);
    assert_eq!(market.billed(&one, "shares_created"), [3]);
    assert_eq!(market.billed(&other, "documents_added"), [4]);
    let line = &market.marketplace.bill(Some(&other.license_arn))[0];
    assert_eq!((line.hour, line.account.as_str()), (at, other.account.as_str()));
    assert_eq!(line.product_code, other.product_code);
}

#[test]
fn nothing_used_is_billed_as_nothing_and_an_absent_quantity_is_zero() {
    let market = Market::open();
    let buyer = market.buyer();
    let at = hour(market.now());
    let absent = crate::market::without(record(&buyer, "shares_created", at, 0), "Quantity");
    assert_eq!(market.meter(&[record(&buyer, "documents_added", at, 0), absent]), ["Success"; 2]);
    assert_eq!(market.meter(&[record(&buyer, "documents_added", at, 1)]), ["DuplicateRecord"]);
    assert_eq!(market.billed(&buyer, "shares_created"), [0]);
}

#[test]
fn the_answer_returns_each_record_as_it_came_and_in_order() {
    let market = Market::open();
    let buyer = market.buyer();
    let at = hour(market.now());
    let records = [record(&buyer, "shares_created", at, 2), record(&buyer, "documents_added", at, 1)];
    let answer = market.ok("BatchMeterUsage", &json!({ "UsageRecords": records }));
    let results = answer["Results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for (result, record) in results.iter().zip(&records) {
        assert_eq!(&result["UsageRecord"], record);
        assert!(result["MeteringRecordId"].as_str().is_some_and(|id| id.len() == 36));
    }
    let duplicate = record(&buyer, "shares_created", at, 9);
    let answer = market.ok("BatchMeterUsage", &json!({ "UsageRecords": [duplicate] }));
    assert_eq!(answer["Results"][0].get("MeteringRecordId"), None, "not billed, no id");
}

#[test]
fn two_records_of_one_hour_in_one_request_are_not_added_up() {
    let market = Market::open();
    let buyer = market.buyer();
    let at = hour(market.now());
    let twice = [record(&buyer, "documents_added", at, 5), record(&buyer, "documents_added", at, 7)];
    assert_eq!(market.meter(&twice), ["Success", "DuplicateRecord"]);
    assert_eq!(market.billed(&buyer, "documents_added"), [5]);
}

#[test]
fn for_an_hour_after_the_end_usage_is_taken_and_then_the_customer_is_not_subscribed() {
    for change in [Change::End, Change::Deprovision, Change::Cancel] {
        let market = Market::open();
        let (buyer, other) = (market.buyer(), market.buyer());
        market.wait(Duration::hours(3));
        let at = hour(market.now());
        market.change(&buyer, change);
        market.wait(Duration::minutes(59));
        assert_eq!(market.meter(&[record(&buyer, "documents_added", at, 1)]), ["Success"], "the last hour");
        market.wait(Duration::minutes(1));
        let records = [record(&buyer, "shares_created", at, 1), record(&other, "shares_created", at, 1)];
        assert_eq!(market.meter(&records), ["CustomerNotSubscribed", "Success"], "{change:?}");
        assert!(market.billed(&buyer, "shares_created").is_empty());
    }
}

#[test]
fn the_first_of_ended_and_deprovisioned_begins_the_last_hour() {
    let market = Market::open();
    let buyer = market.buyer();
    market.change(&buyer, Change::End);
    market.wait(Duration::minutes(30));
    market.change(&buyer, Change::Deprovision);
    market.wait(Duration::minutes(30));
    let late = record(&buyer, "documents_added", market.now() - Duration::HOUR, 1);
    assert_eq!(market.meter(std::slice::from_ref(&late)), ["CustomerNotSubscribed"]);
    market.change(&buyer, Change::Update);
    assert_eq!(market.meter(&[late]), ["Success"], "back again");
}

#[test]
fn a_licence_that_is_still_to_come_cannot_be_metered() {
    let market = Market::open();
    let order = marketplace::Subscribe { pending: true, ..marketplace::Subscribe::default() };
    let buyer = market.marketplace.subscribe(order).unwrap();
    let record = record(&buyer, "documents_added", hour(market.now()), 1);
    assert_eq!(market.meter(std::slice::from_ref(&record)), ["CustomerNotSubscribed"]);
    market.change(&buyer, Change::Update);
    assert_eq!(market.meter(&[record]), ["Success"]);
}

#[test]
fn twenty_five_records_are_taken_and_none_is_too_few() {
    let market = Market::open();
    let buyers: Vec<_> = (0..26).map(|_| market.buyer()).collect();
    let at = hour(market.now());
    let records: Vec<_> = buyers.iter().map(|buyer| record(buyer, "documents_added", at, 1)).collect();
    market.fails(&records, "ValidationException");
    assert_eq!(market.meter(&records[..25]).len(), 25);
    let answer = market.ok("BatchMeterUsage", &json!({ "UsageRecords": [] }));
    assert!(statuses(&answer).is_empty());
}

#[test]
fn a_bill_that_is_full_takes_nothing_rather_than_something() {
    let market = Market::with(Limits { bill_lines_max: 1, ..Limits::without_rates() });
    let buyer = market.buyer();
    let at = hour(market.now());
    let records = [record(&buyer, "documents_added", at, 1), record(&buyer, "shares_created", at, 1)];
    market.fails(&records, "InternalServiceErrorException");
    assert_eq!(market.meter(&records[..1]), ["Success"]);
}

#[test]
fn seconds_may_have_fractions_and_nothing_else_is_a_time() {
    let market = Market::open();
    let buyer = market.buyer();
    let whole = record(&buyer, "documents_added", hour(market.now()), 1);
    let seconds = whole["Timestamp"].as_i64().unwrap();
    let fraction = with(whole.clone(), "Timestamp", json!(f64::from(i32::try_from(seconds).unwrap()) + 0.5));
    assert_eq!(market.meter(&[fraction]), ["Success"]);
    market.fails(&[with(whole, "Timestamp", json!("2026-11-22T10:00:00Z"))], "SerializationException");
}
