//! Odd answers by order.

use marketplace::{Order, Subscribed};
use serde_json::{Value, json};

use crate::market::{Market, hour, record, statuses};

fn order(market: &Market, order: Value) {
    market.marketplace.order(serde_json::from_value(order).unwrap()).unwrap();
}

fn resolved(market: &Market, buyer: &Subscribed) -> Value {
    market.ok("ResolveCustomer", &json!({ "RegistrationToken": buyer.token }))
}

#[test]
fn resolve_customer_leaves_out_or_mistakes_what_was_ordered_once() {
    let market = Market::open();
    let buyer = market.buyer();
    let whole = resolved(&market, &buyer);
    for (answer, without) in [
        ("without_account", "CustomerAWSAccountId"),
        ("without_license", "LicenseArn"),
        ("without_product", "ProductCode"),
        ("without_metadata", "Metadata"),
    ] {
        order(&market, json!({ "operation": "ResolveCustomer", "answer": answer }));
        let odd = resolved(&market, &buyer);
        assert_eq!(odd, crate::market::without(whole.clone(), without), "{answer}");
        assert_eq!(resolved(&market, &buyer), whole, "only once");
    }
    order(&market, json!({ "operation": "ResolveCustomer", "answer": "other_product" }));
    let odd = resolved(&market, &buyer);
    assert_ne!(odd["ProductCode"], whole["ProductCode"]);
    assert_eq!(odd["LicenseArn"], whole["LicenseArn"]);
}

#[test]
fn every_error_of_the_model_can_be_ordered() {
    let market = Market::open();
    let buyer = market.buyer();
    let body = json!({ "RegistrationToken": buyer.token });
    for error in [
        "InvalidTokenException",
        "ExpiredTokenException",
        "ThrottlingException",
        "DisabledApiException",
        "InternalServiceErrorException",
    ] {
        order(&market, json!({ "operation": "ResolveCustomer", "answer": error, "times": 2 }));
        let answer = market.refused("ResolveCustomer", &body, error);
        assert!(answer["__type"].as_str().unwrap().starts_with("com.amazonaws.marketplacemetering#"));
        let (status, _) = market.raw(&crate::market::call("ResolveCustomer"), &body);
        assert_eq!(status, if error.starts_with("Internal") { 500 } else { 400 });
        market.ok("ResolveCustomer", &body);
    }
    order(&market, json!({ "operation": "SearchAgreements", "answer": "ThrottlingException" }));
    let search = json!({ "filters": [
        { "name": "PartyType", "values": ["Proposer"] },
        { "name": "AgreementType", "values": ["PurchaseAgreement"] },
    ] });
    assert_eq!(market.raw(&crate::market::call("SearchAgreements"), &search).0, 429);
    market.ok("SearchAgreements", &search);
}

#[test]
fn an_order_for_one_licence_meets_no_other() {
    let market = Market::open();
    let (one, other) = (market.buyer(), market.buyer());
    let only = |operation: &str| json!({ "operation": operation, "answer": "ThrottlingException", "license_arn": one.license_arn });
    order(&market, only("ResolveCustomer"));
    resolved(&market, &other);
    let body = json!({ "RegistrationToken": one.token });
    market.refused("ResolveCustomer", &body, "ThrottlingException");
    order(&market, only("BatchMeterUsage"));
    let at = hour(market.now());
    assert_eq!(market.meter(&[record(&other, "documents_added", at, 1)]), ["Success"]);
    let both = [record(&other, "shares_created", at, 1), record(&one, "shares_created", at, 1)];
    market.fails(&both, "ThrottlingException");
    order(&market, only("DescribeAgreement"));
    market.ok("DescribeAgreement", &json!({ "agreementId": other.agreement_id }));
    market.refused("DescribeAgreement", &json!({ "agreementId": one.agreement_id }), "ThrottlingException");
}

#[test]
fn records_come_back_unprocessed_and_are_not_billed_until_they_are_sent_again() {
    let market = Market::open();
    let buyer = market.buyer();
    let at = hour(market.now());
    let records = [record(&buyer, "documents_added", at, 1), record(&buyer, "shares_created", at, 2)];
    let sent = json!({ "UsageRecords": records });
    order(&market, json!({ "operation": "BatchMeterUsage", "answer": "unprocessed", "records": [0, 7] }));
    let answer = market.ok("BatchMeterUsage", &sent);
    assert_eq!(answer["UnprocessedRecords"], json!([records[0]]));
    assert_eq!(statuses(&answer), ["Success"]);
    assert!(market.billed(&buyer, "documents_added").is_empty());
    assert_eq!(market.meter(&records), ["Success"; 2]);
    assert_eq!(market.billed(&buyer, "documents_added"), [1]);
}

#[test]
fn a_record_may_be_in_neither_list_billed_or_not() {
    for billed in [false, true] {
        let market = Market::open();
        let buyer = market.buyer();
        let at = hour(market.now());
        let records = [record(&buyer, "documents_added", at, 1), record(&buyer, "shares_created", at, 2)];
        order(&market, json!({ "operation": "BatchMeterUsage", "answer": "missing", "billed": billed }));
        let answer = market.ok("BatchMeterUsage", &json!({ "UsageRecords": records }));
        assert_eq!(statuses(&answer), ["Success"], "the last one is missing");
        assert_eq!(answer["UnprocessedRecords"], json!([]));
        assert_eq!(market.billed(&buyer, "shares_created").len(), usize::from(billed));
        assert_eq!(market.meter(&records), ["Success"; 2]);
        assert_eq!(market.billed(&buyer, "shares_created"), [2]);
    }
}

#[test]
fn orders_are_met_in_their_turn_and_a_request_that_fails_uses_none_up() {
    let market = Market::open();
    let buyer = market.buyer();
    order(&market, json!({ "operation": "BatchMeterUsage", "answer": "unprocessed" }));
    order(&market, json!({ "operation": "BatchMeterUsage", "answer": "ThrottlingException" }));
    let good = record(&buyer, "documents_added", hour(market.now()), 1);
    let bad = crate::market::with(good.clone(), "Dimension", "none".into());
    market.fails(&[bad], "InvalidUsageDimensionException");
    let sent = json!({ "UsageRecords": [good] });
    assert_eq!(market.ok("BatchMeterUsage", &sent)["UnprocessedRecords"], json!([good]));
    market.refused("BatchMeterUsage", &sent, "ThrottlingException");
    assert_eq!(market.meter(&[good]), ["Success"]);
    order(&market, json!({ "operation": "ResolveCustomer", "answer": "without_account" }));
    let none = json!({ "RegistrationToken": "none" });
    market.refused("ResolveCustomer", &none, "InvalidTokenException");
    assert_eq!(resolved(&market, &buyer).get("CustomerAWSAccountId"), None);
}

#[test]
fn an_order_that_could_never_be_met_is_refused() {
    let market = Market::open();
    let read = |order: Value| serde_json::from_value::<Order>(order);
    for bad in [
        json!({ "operation": "ResolveCustomer", "answer": "without_licence" }),
        json!({ "operation": "ResolveCustomer", "answer": "without_license", "time": 1 }),
        json!({ "operation": "ResolveCustomer" }),
    ] {
        assert!(read(bad.clone()).is_err(), "{bad}");
    }
    for bad in [
        json!({ "operation": "ResolveCustomers", "answer": "without_license" }),
        json!({ "operation": "BatchMeterUsage", "answer": "without_license" }),
        json!({ "operation": "ResolveCustomer", "answer": "missing" }),
        json!({ "operation": "ResolveCustomer", "answer": "InvalidLicenseException" }),
        json!({ "operation": "SearchAgreements", "answer": "InternalServiceErrorException" }),
        json!({ "operation": "ResolveCustomer", "answer": "without_license", "times": 0 }),
    ] {
        assert!(market.marketplace.order(read(bad.clone()).unwrap()).is_err(), "{bad}");
    }
    let good =
        json!({ "operation": "ResolveCustomer", "answer": "without_license", "times": 3, "billed": false });
    order(&market, good.clone());
    assert_eq!(json!(market.marketplace.orders()), json!([good]));
    market.marketplace.clear_orders();
    assert!(market.marketplace.orders().is_empty());
}
