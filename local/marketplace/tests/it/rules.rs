//! What fails a whole request, with which exception. Each beside the same request as it is taken.

use serde_json::{Value, json};
use time::Duration;

use crate::market::{Market, hour, record, with, without};

/// A good record, and one that is to fail in its company.
fn one_bad_record_fails_all(change: impl Fn(&Market, Value) -> Value, error: &str) {
    let market = Market::open();
    let (good, bad) = (market.buyer(), market.buyer());
    let at = hour(market.now());
    let good = record(&good, "documents_added", at, 1);
    let bad = change(&market, record(&bad, "documents_added", at, 1));
    market.fails(&[good.clone(), bad.clone()], error);
    market.fails(&[bad, good.clone()], error);
    assert_eq!(market.meter(&[good]), ["Success"]);
}

#[test]
fn an_unknown_dimension_fails_all() {
    for name in ["Documents_Added", "documents_added ", "nothing"] {
        one_bad_record_fails_all(
            |_, record| with(record, "Dimension", name.into()),
            "InvalidUsageDimensionException",
        );
    }
}

#[test]
fn a_licence_that_is_not_there_or_another_customers_fails_all() {
    let unknown = "arn:aws:license-manager::294406891311:license:l-00000000000000000000000000000000";
    one_bad_record_fails_all(
        |_, record| with(record, "LicenseArn", unknown.into()),
        "InvalidLicenseException",
    );
    one_bad_record_fails_all(
        |market, record| with(record, "LicenseArn", market.buyer().license_arn.into()),
        "InvalidLicenseException",
    );
    one_bad_record_fails_all(
        |market, record| with(record, "CustomerAWSAccountId", market.buyer().account.into()),
        "InvalidLicenseException",
    );
    one_bad_record_fails_all(|_, record| without(record, "LicenseArn"), "InvalidLicenseException");
    one_bad_record_fails_all(|_, record| with(record, "LicenseArn", "".into()), "InvalidLicenseException");
}

#[test]
fn licences_of_two_products_do_not_share_a_request() {
    let market = Market::open();
    let (one, other) = (market.buyer(), market.buyer_of_another_product());
    let at = hour(market.now());
    let (one, other) = (record(&one, "documents_added", at, 1), record(&other, "documents_added", at, 1));
    market.fails(&[one.clone(), other.clone()], "InvalidLicenseException");
    assert_eq!(market.meter(&[one]), ["Success"]);
    assert_eq!(market.meter(&[other]), ["Success"]);
}

#[test]
fn a_customer_identifier_fails_all_even_an_empty_one() {
    for identifier in ["", "X01EXAMPLEX"] {
        one_bad_record_fails_all(
            |_, record| with(record, "CustomerIdentifier", identifier.into()),
            "InvalidCustomerIdentifierException",
        );
    }
    for account in ["", "12345678901x", "-1"] {
        one_bad_record_fails_all(
            |_, record| with(record, "CustomerAWSAccountId", account.into()),
            "InvalidCustomerIdentifierException",
        );
    }
    one_bad_record_fails_all(
        |_, record| without(record, "CustomerAWSAccountId"),
        "InvalidCustomerIdentifierException",
    );
}

#[test]
fn a_product_code_beside_licences_is_refused_since_it_would_bill_twice() {
    let market = Market::open();
    let buyer = market.buyer();
    let records = [record(&buyer, "documents_added", hour(market.now()), 1)];
    for code in [buyer.product_code.as_str(), "", "another"] {
        let body = json!({ "ProductCode": code, "UsageRecords": records });
        market.refused("BatchMeterUsage", &body, "InvalidProductCodeException");
    }
    assert!(market.marketplace.bill(None).is_empty());
    assert_eq!(market.meter(&records), ["Success"]);
}

#[test]
fn usage_before_the_purchase_fails_all_but_its_own_hour_is_taken() {
    one_bad_record_fails_all(
        |market, record| {
            with(record, "Timestamp", (hour(market.now()) - Duration::SECOND).unix_timestamp().into())
        },
        "InvalidLicenseException",
    );
}

#[test]
fn usage_of_an_hour_after_the_end_fails_all() {
    let market = Market::open();
    let buyer = market.buyer();
    market.change(&buyer, marketplace::Change::Cancel);
    market.wait(Duration::minutes(50));
    let (last, next) = (hour(market.now()) - Duration::HOUR, hour(market.now()));
    market.fails(&[record(&buyer, "documents_added", next, 1)], "InvalidLicenseException");
    assert_eq!(market.meter(&[record(&buyer, "documents_added", last, 1)]), ["Success"]);
}

#[test]
fn a_quantity_is_a_whole_number_of_31_bits() {
    let market = Market::open();
    let buyer = market.buyer();
    let good = record(&buyer, "documents_added", hour(market.now()), 2_147_483_647);
    for (quantity, error) in [
        (json!(-1), "ValidationException"),
        (json!(2_147_483_648_i64), "ValidationException"),
        (json!(1.5), "SerializationException"),
        (json!("1"), "SerializationException"),
    ] {
        market.fails(&[with(good.clone(), "Quantity", quantity)], error);
    }
    market.fails(&[with(good.clone(), "QuantityAsDecimal", "1.5".into())], "ValidationException");
    assert_eq!(market.meter(&[good]), ["Success"]);
}

#[test]
fn a_record_has_a_time_and_a_dimension() {
    for name in ["Timestamp", "Dimension"] {
        one_bad_record_fails_all(|_, record| without(record, name), "ValidationException");
    }
    let long = "x".repeat(256);
    one_bad_record_fails_all(
        |_, record| with(record, "Dimension", long.as_str().into()),
        "ValidationException",
    );
    one_bad_record_fails_all(|_, record| with(record, "Dimension", "".into()), "ValidationException");
    one_bad_record_fails_all(|_, record| with(record, "Dimension", 1.into()), "SerializationException");
    let market = Market::open();
    market.refused("BatchMeterUsage", &json!({}), "ValidationException");
    market.refused("BatchMeterUsage", &json!({ "UsageRecords": {} }), "SerializationException");
    market.refused("BatchMeterUsage", &json!({ "UsageRecords": [1] }), "SerializationException");
}
