//! Who may call, for which Region, in which words.

use marketplace::{Call, Encoding, Limits, Service};
use serde_json::{Value, json};

use crate::market::{Market, REGION, SELLER, call, record};

#[test]
fn only_the_account_that_published_the_product_is_answered() {
    let market = Market::open();
    let body = json!({ "RegistrationToken": market.buyer().token });
    let (status, _) = market.raw(&call("ResolveCustomer"), &body);
    assert_eq!(status, 200);
    let (status, answer) = market.raw(&Call { caller: "123456789012", ..call("ResolveCustomer") }, &body);
    assert_eq!((status, &answer["__type"]), (400, &json!("com.amazon.coral.service#AccessDeniedException")));
    let search = Call { caller: "123456789012", ..call("SearchAgreements") };
    assert_eq!(market.raw(&search, &json!({})).0, 403);
}

#[test]
fn another_region_is_not_enabled_so_that_nothing_is_billed_twice() {
    let market = Market::open();
    let buyer = market.buyer();
    let body = json!({ "UsageRecords": [record(&buyer, "documents_added", market.now(), 3)] });
    let elsewhere = Call { region: "eu-central-1", ..call("BatchMeterUsage") };
    let (_, answer) = market.raw(&elsewhere, &body);
    assert!(answer["__type"].as_str().unwrap().ends_with("#DisabledApiException"), "{answer}");
    market.ok("BatchMeterUsage", &body);
    assert_eq!(market.marketplace.bill(None).len(), 1);
}

#[test]
fn an_operation_is_known_by_its_own_service_only() {
    let market = Market::open();
    for (service, operation) in [
        (Service::Agreements, "ResolveCustomer"),
        (Service::Metering, "SearchAgreements"),
        (Service::Metering, "MeterUsage"),
        (Service::Agreements, "CancelAgreement"),
    ] {
        let call = Call { service, operation, caller: SELLER, region: REGION, encoding: Encoding::Json };
        let (status, answer) = market.raw(&call, &json!({}));
        let expected = "com.amazon.coral.service#UnknownOperationException";
        assert_eq!((status, answer["__type"].as_str()), (404, Some(expected)), "{operation}");
    }
    assert_eq!(Service::of_target("AWSMPMeteringService"), Some(Service::Metering));
    assert_eq!(Service::of_target("AWSMPEntitlementService"), None);
}

#[test]
fn a_request_is_below_one_megabyte_and_one_document() {
    let market = Market::open();
    let token = |length: usize| json!({ "RegistrationToken": "x".repeat(length) });
    market.refused("ResolveCustomer", &token(999_000), "InvalidTokenException");
    let (status, _) = market.raw(&call("ResolveCustomer"), &token(1_000_000));
    assert_eq!(status, 413);
    let reply = market.marketplace.call(&call("ResolveCustomer"), b"{\"RegistrationToken\":");
    assert_eq!(reply.error_type, Some("SerializationException"));
}

#[test]
fn ten_calls_a_second_are_metered_and_no_more() {
    let market = Market::with(Limits::default());
    let empty = json!({ "UsageRecords": [] });
    for _ in 0..10 {
        market.ok("BatchMeterUsage", &empty);
    }
    market.refused("BatchMeterUsage", &empty, "ThrottlingException");
    market.wait(time::Duration::milliseconds(100));
    market.ok("BatchMeterUsage", &empty);
}

#[test]
fn errors_of_the_agreements_carry_the_status_and_members_of_their_model() {
    let market = Market::open();
    let (status, answer) = market.raw(&call("DescribeAgreement"), &json!({ "agreementId": "agmt-1" }));
    assert_eq!(status, 404);
    assert_eq!(answer["resourceType"], "Agreement");
    assert_eq!(answer["__type"], "com.amazonaws.marketplaceagreement#ResourceNotFoundException");
    let (status, answer) = market.raw(&call("SearchAgreements"), &json!({ "maxResults": 51 }));
    assert_eq!((status, &answer["reason"]), (400, &Value::from("INVALID_MAX_RESULTS")));
}
