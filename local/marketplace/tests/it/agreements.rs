//! The agreements API as the seller's reconciliation uses it.

use std::collections::BTreeSet;

use marketplace::{AgreementStatus, Call, Change, Encoding, Subscribe};
use serde_json::{Value, json};
use time::Duration;

use crate::market::{Market, call};

/// A search by the proposer with these further filters.
fn search(filters: &[(&str, &str)]) -> Value {
    let always = [("PartyType", "Proposer"), ("AgreementType", "PurchaseAgreement")];
    let all = always.iter().chain(filters);
    let all: Vec<Value> = all.map(|(name, value)| json!({ "name": name, "values": [value] })).collect();
    json!({ "catalog": "AWSMarketplace", "filters": all })
}

fn ids(answer: &Value) -> Vec<String> {
    let list = answer["agreementViewSummaries"].as_array().unwrap();
    list.iter().map(|summary| summary["agreementId"].as_str().unwrap().to_owned()).collect()
}

fn found(market: &Market, filters: &[(&str, &str)]) -> Vec<String> {
    ids(&market.ok("SearchAgreements", &search(filters)))
}

#[test]
fn an_agreement_is_described_as_pay_as_you_go() {
    let market = Market::open();
    let buyer = market.buyer();
    let answer = market.ok("DescribeAgreement", &json!({ "agreementId": buyer.agreement_id }));
    assert_eq!(answer["status"], "ACTIVE");
    assert_eq!(answer["acceptor"]["accountId"], buyer.account);
    assert_eq!(answer["proposer"]["accountId"], crate::market::SELLER);
    assert_eq!(answer["initialAgreementId"], buyer.agreement_id);
    assert_eq!(answer["proposalSummary"]["offerId"], buyer.offer_id);
    assert_eq!(answer["startTime"].as_f64(), Some(1_795_342_830.0));
    assert_eq!(answer.get("endTime"), None);
}

#[test]
fn entitlements_follow_the_licence_and_say_why_it_is_gone() {
    let market = Market::open();
    let order = Subscribe { pending: true, ..Subscribe::default() };
    let buyer = market.marketplace.subscribe(order).unwrap();
    let entitlement = || {
        let answer = market.ok("GetAgreementEntitlements", &json!({ "agreementId": buyer.agreement_id }));
        let one = &answer["agreementEntitlements"][0];
        assert_eq!(one["licenseArn"], buyer.license_arn);
        assert_eq!(one.get("registrationToken"), None, "that is the buyer's to see");
        (one["status"].as_str().unwrap().to_owned(), one["statusReasonCode"].as_str().map(ToOwned::to_owned))
    };
    let said = |status: &str, reason: Option<&str>| (status.to_owned(), reason.map(ToOwned::to_owned));
    assert_eq!(entitlement(), said("PENDING", Some("PROVISIONING_IN_PROGRESS")));
    market.change(&buyer, Change::Update);
    assert_eq!(entitlement(), said("PROVISIONED", None));
    market.change(&buyer, Change::Deprovision);
    assert_eq!(entitlement(), said("DEPROVISIONED", Some("ACCOUNT_SUSPENDED")));
    market.change(&buyer, Change::Update);
    market.change(&buyer, Change::Cancel);
    assert_eq!(entitlement(), said("DEPROVISIONED", Some("AGREEMENT_INACTIVE")));
}

#[test]
fn the_terms_tell_a_free_trial() {
    let market = Market::open();
    let trial = market.marketplace.subscribe(Subscribe { trial: true, ..Subscribe::default() }).unwrap();
    let kinds = |id: &str| -> Vec<String> {
        let answer = market.ok("GetAgreementTerms", &json!({ "agreementId": id }));
        let terms = answer["acceptedTerms"].as_array().unwrap();
        terms.iter().flat_map(|term| term.as_object().unwrap().keys().cloned()).collect()
    };
    assert_eq!(kinds(&trial.agreement_id), ["usageBasedPricingTerm", "freeTrialPricingTerm"]);
    assert_eq!(kinds(&market.buyer().agreement_id), ["usageBasedPricingTerm"]);
}

#[test]
fn agreements_are_found_by_what_is_known_of_them() {
    let market = Market::open();
    let (one, two, other) = (market.buyer(), market.buyer(), market.buyer_of_another_product());
    market.wait(Duration::minutes(1));
    market.change_to(&two, Change::End, Some(AgreementStatus::Terminated));
    let product = market.marketplace.state(None).unwrap().products;
    let product = product.iter().find(|product| product.code == one.product_code).unwrap().id.clone();
    let of = |buyers: &[&marketplace::Subscribed]| -> Vec<String> {
        buyers.iter().map(|buyer| buyer.agreement_id.clone()).collect()
    };
    assert_eq!(found(&market, &[]), of(&[&one, &two, &other]));
    for (filters, expected) in [
        (vec![("ResourceIdentifier", product.as_str())], of(&[&one, &two])),
        (vec![("ResourceIdentifier", product.as_str()), ("Status", "ACTIVE")], of(&[&one])),
        (vec![("Status", "TERMINATED")], of(&[&two])),
        (vec![("LicenseArn", other.license_arn.as_str())], of(&[&other])),
        (vec![("LicenseArn", other.license_arn.as_str()), ("Status", "TERMINATED")], of(&[])),
        (vec![("AcceptorAccountId", two.account.as_str())], of(&[&two])),
        (vec![("OfferId", one.offer_id.as_str())], of(&[&one])),
        (vec![("InitialAgreementId", one.agreement_id.as_str())], of(&[&one])),
        (vec![("AfterLastUpdateTime", "2026-11-22T10:21:00Z")], of(&[&two])),
        (vec![("BeforeLastUpdateTime", "2026-11-22T10:21:00Z")], of(&[&one, &other])),
        (vec![("AfterStartTime", "2026-11-22T10:20:30Z")], of(&[])),
        (vec![("ResourceType", "AmiProduct")], of(&[])),
        (vec![("BeforeEndTime", "2030-01-01T00:00:00Z")], of(&[])),
    ] {
        assert_eq!(found(&market, &filters), expected, "{filters:?}");
    }
}

#[test]
fn a_summary_names_the_licence() {
    let market = Market::open();
    let buyer = market.buyer();
    let answer = market.ok("SearchAgreements", &search(&[]));
    let summary = &answer["agreementViewSummaries"][0];
    assert_eq!(summary["entitlements"], json!([{ "licenseArn": buyer.license_arn }]));
    assert_eq!(summary["agreementType"], "PurchaseAgreement");
    assert_eq!(summary["proposalSummary"]["resources"][0]["type"], "SaaSProduct");
    assert_eq!(answer.get("nextToken"), None);
}

#[test]
fn pages_lose_nothing_and_repeat_nothing_while_agreements_come() {
    let market = Market::open();
    let mut bought: BTreeSet<String> = (0..23).map(|_| market.buyer().agreement_id).collect();
    for (order, sort) in
        [("ASCENDING", "EndTime"), ("DESCENDING", "StartTime"), ("ASCENDING", "LastUpdateTime")]
    {
        let mut body = search(&[]);
        body["maxResults"] = 5.into();
        body["sort"] = json!({ "sortBy": sort, "sortOrder": order });
        let mut seen = Vec::new();
        let before = bought.clone();
        for page in 0.. {
            assert!(page < 20, "it ends");
            let answer = market.ok("SearchAgreements", &body);
            let page = ids(&answer);
            assert!(page.len() <= 5);
            seen.extend(page);
            bought.insert(market.buyer().agreement_id);
            match answer.get("nextToken") {
                Some(token) => body["nextToken"] = token.clone(),
                None => break,
            }
        }
        let once: BTreeSet<String> = seen.iter().cloned().collect();
        assert_eq!(once.len(), seen.len(), "{order} by {sort}");
        assert!(before.is_subset(&once), "{order} by {sort}");
    }
}

#[test]
fn a_search_that_the_service_would_refuse_is_refused() {
    let market = Market::open();
    market.buyer();
    let plain = |filters: Value| json!({ "filters": filters });
    let party = json!({ "name": "PartyType", "values": ["Proposer"] });
    let kind = json!({ "name": "AgreementType", "values": ["PurchaseAgreement"] });
    let first = market.ok("SearchAgreements", &{
        market.buyer();
        let mut body = search(&[]);
        body["maxResults"] = 1.into();
        body
    });
    let stale = {
        let mut body = search(&[("Status", "ACTIVE")]);
        body["nextToken"] = first["nextToken"].clone();
        body
    };
    for (body, reason) in [
        (json!({}), "UNSUPPORTED_FILTERS"),
        (plain(json!([party])), "UNSUPPORTED_FILTERS"),
        (plain(json!([kind])), "MISSING_PARTY_TYPE"),
        (plain(json!([party, party])), "INVALID_FILTERS"),
        (plain(json!([{ "name": "Licence", "values": ["x"] }])), "INVALID_FILTER_NAME"),
        (plain(json!([{ "values": ["x"] }])), "MISSING_FILTER_NAME"),
        (plain(json!([{ "name": "Status", "values": ["ACTIVE", "EXPIRED"] }])), "INVALID_FILTER_VALUES"),
        (plain(json!([{ "name": "Status", "values": ["Active"] }])), "INVALID_FILTER_VALUES"),
        (plain(json!([{ "name": "AfterStartTime", "values": ["now"] }])), "INVALID_FILTER_VALUES"),
        (json!({ "catalog": "AWS" }), "INVALID_CATALOG"),
        (json!({ "maxResults": 0 }), "INVALID_MAX_RESULTS"),
        (stale, "INVALID_NEXT_TOKEN"),
        (with_sort("Age", "ASCENDING"), "INVALID_SORT_BY"),
        (with_sort("EndTime", "UP"), "INVALID_SORT_ORDER"),
    ] {
        let answer = market.refused("SearchAgreements", &body, "ValidationException");
        assert_eq!(answer["reason"], reason, "{body}");
    }
    let buyers = json!({ "filters": [kind, { "name": "PartyType", "values": ["Acceptor"] }] });
    assert!(ids(&market.ok("SearchAgreements", &buyers)).is_empty(), "the seller has bought nothing");
}

fn with_sort(by: &str, order: &str) -> Value {
    let mut body = search(&[]);
    body["sort"] = json!({ "sortBy": by, "sortOrder": order });
    body
}

#[test]
fn what_is_not_there_is_not_found() {
    let market = Market::open();
    for operation in ["DescribeAgreement", "GetAgreementEntitlements", "GetAgreementTerms"] {
        market.ok(operation, &json!({ "agreementId": market.buyer().agreement_id }));
        market.refused(operation, &json!({ "agreementId": "agmt-0" }), "ResourceNotFoundException");
        market.refused(operation, &json!({ "agreementId": "a b" }), "ValidationException");
        market.refused(operation, &json!({}), "ValidationException");
    }
    let body = json!({ "agreementId": market.buyer().agreement_id, "nextToken": "x" });
    market.refused("GetAgreementEntitlements", &body, "ValidationException");
}

#[test]
fn the_same_is_said_in_cbor() {
    let market = Market::open();
    let buyer = market.buyer();
    let mut encoder = aws_smithy_cbor::Encoder::new(Vec::new());
    encoder.begin_map().str("agreementId").str(&buyer.agreement_id).end();
    let cbor = Call { encoding: Encoding::Cbor, ..call("DescribeAgreement") };
    let reply = market.marketplace.call(&cbor, &encoder.into_writer());
    assert_eq!((reply.status, reply.content_type), (200, "application/cbor"));
    let held = |text: &str| reply.body.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(held(&buyer.account) && held("startTime"));
    let reply = market.marketplace.call(&cbor, b"{}");
    assert_eq!(reply.error_type, Some("SerializationException"), "JSON where CBOR was announced");
}
