//! The Marketplace as a test plays it: bought at a door, told to the seller's bus, and seen by the official SDK.

use aws_sdk_marketplaceagreement::types::{AgreementEntitlementStatus, AgreementStatus, Filter};
use aws_sdk_marketplacemetering::types::{UsageRecord, UsageRecordResultStatus};
use aws_smithy_types::DateTime;
use serde_json::{Value, json};

use crate::account::{Account, SELLER, code};

/// What a door answers to a body; to a question without one.
async fn door(account: &Account, name: &str, body: Option<Value>) -> (u16, Value) {
    let url = format!("{}/_gateway/marketplace/{name}", account.gateway.aws_url);
    let client = reqwest::Client::new();
    let request = match body {
        Some(body) => client.post(url).body(body.to_string()),
        None => client.get(url),
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn buy(account: &Account) -> Value {
    let (status, bought) = door(account, "subscriptions", Some(json!({}))).await;
    assert_eq!(status, 201, "{bought}");
    bought
}

/// The detail types that reached the seller account's bus, with their times.
fn told(account: &Account) -> Vec<(String, i64)> {
    let puts = account
        .engine
        .effects()
        .into_iter()
        .filter(|seen| seen.header("x-amz-target").ends_with("PutEvents"));
    puts.flat_map(|seen| {
        assert!(seen.header("authorization").contains(SELLER), "in the seller's account");
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        body["Entries"].as_array().unwrap().clone()
    })
    .map(|entry| (entry["DetailType"].as_str().unwrap().to_owned(), entry["Time"].as_i64().unwrap()))
    .collect()
}

#[tokio::test]
async fn a_token_that_was_bought_at_a_door_resolves_for_the_seller_by_the_sdk() {
    let account = Account::start().await;
    let bought = buy(&account).await;
    let metering = account.metering(&account.seller("registration").await);
    let resolve = async || {
        metering.resolve_customer().registration_token(bought["token"].as_str().unwrap()).send().await
    };
    let answer = resolve().await.unwrap();
    assert_eq!(answer.customer_aws_account_id(), bought["account"].as_str());
    assert_eq!(answer.license_arn(), bought["license_arn"].as_str());
    assert_eq!(answer.product_code(), Some(marketplace::DEFAULT_PRODUCT_CODE));
    assert_eq!(answer.customer_identifier(), None);
    let agreement = answer.metadata().and_then(|metadata| metadata.agreement_id());
    assert_eq!(agreement, bought["agreement_id"].as_str());
    let products = account.metering(&account.function("signup")).resolve_customer();
    let products = products.registration_token(bought["token"].as_str().unwrap()).send().await;
    assert_eq!(code(&products), "AccessDeniedException", "with the product account's credentials");

    let (_, expired) =
        door(&account, "tokens/expire", Some(json!({"license_arn": bought["license_arn"]}))).await;
    assert_eq!(expired, json!({"expired": 1}));
    let error = resolve().await.unwrap_err().into_service_error();
    assert!(error.is_expired_token_exception(), "{error:?}");
    let (_, again) = door(&account, "tokens", Some(json!({"license_arn": bought["license_arn"]}))).await;
    let answer =
        metering.resolve_customer().registration_token(again["token"].as_str().unwrap()).send().await;
    assert_eq!(answer.unwrap().license_arn(), bought["license_arn"].as_str());
    let error = metering.resolve_customer().registration_token("none").send().await.unwrap_err();
    assert!(error.into_service_error().is_invalid_token_exception());
}

#[tokio::test]
async fn events_reach_the_sellers_bus_in_order_late_again_or_not_at_all() {
    let account = Account::start().await;
    let bought = buy(&account).await;
    let names =
        |told: &[(String, i64)]| -> Vec<String> { told.iter().map(|(name, _)| name.clone()).collect() };
    let first = told(&account);
    assert_eq!(names(&first), ["Purchase Agreement Created - Proposer", "License Updated - Manufacturer"]);
    assert!(first[0].1 < first[1].1);

    let license = &bought["license_arn"];
    let silent = json!({"license_arn": license, "change": "cancel", "events": false});
    let (status, changed) = door(&account, "changes", Some(silent)).await;
    assert_eq!((status, told(&account).len()), (201, 2), "nothing was sent");
    assert_eq!(changed["events"][0]["detail"]["agreement"]["status"], "CANCELLED");
    let again = json!({"again": changed["events"][1]["id"], "time": "2026-01-01T00:00:00Z", "times": 12});
    let (status, sent) = door(&account, "events", Some(again)).await;
    assert_eq!((status, &sent["events"][0]["id"]), (201, &changed["events"][1]["id"]));
    let twelve = ("License Deprovisioned - Manufacturer".to_owned(), 1_767_225_600);
    assert_eq!(told(&account)[2..], vec![twelve; 12], "in two calls of at most ten");
    let raw = json!({"event": {"detail-type": "License Updated - Proposer", "detail": {}}});
    assert_eq!(door(&account, "events", Some(raw)).await.0, 201);
    assert_eq!(told(&account).last().unwrap().0, "License Updated - Proposer");
    let foreign = json!({"event": {"detail-type": "x", "detail": {}, "source": "aws.s3"}});
    let (status, answer) = door(&account, "events", Some(foreign)).await;
    assert!(status == 502 && answer["message"].is_string(), "the bus does not take it: {answer}");
}

#[tokio::test]
async fn the_seller_reads_its_agreements_by_the_sdk_page_by_page() {
    let account = Account::start().await;
    let agreements = account.agreements(&account.seller("everything").await);
    let mut bought = Vec::new();
    for _ in 0..5 {
        bought.push(buy(&account).await);
    }
    let cancel = json!({"license_arn": bought[4]["license_arn"], "change": "cancel"});
    assert_eq!(door(&account, "changes", Some(cancel)).await.0, 201);
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let search = agreements
        .search_agreements()
        .catalog("AWSMarketplace")
        .filters(filter("PartyType", "Proposer"))
        .filters(filter("AgreementType", "PurchaseAgreement"))
        .max_results(2);
    let mut found = Vec::new();
    let mut pages = search.into_paginator().send();
    while let Some(page) = pages.next().await {
        found.extend(page.unwrap().agreement_view_summaries.unwrap_or_default());
    }
    let licenses: Vec<_> = found.iter().map(|one| one.entitlements()[0].license_arn().unwrap()).collect();
    let expected: Vec<_> = bought.iter().map(|one| one["license_arn"].as_str().unwrap()).collect();
    assert_eq!(licenses, expected);
    assert_eq!(found[0].status(), Some(&AgreementStatus::Active));
    assert_eq!(found[4].status(), Some(&AgreementStatus::Cancelled));
    assert!(found[0].start_time().is_some() && found[0].end_time().is_none());

    let id = bought[4]["agreement_id"].as_str().unwrap();
    let one = agreements.describe_agreement().agreement_id(id).send().await.unwrap();
    assert_eq!(one.acceptor().and_then(|buyer| buyer.account_id()), bought[4]["account"].as_str());
    let held = agreements.get_agreement_entitlements().agreement_id(id).send().await.unwrap();
    let held = &held.agreement_entitlements()[0];
    assert_eq!(held.status(), Some(&AgreementEntitlementStatus::Deprovisioned));
    assert_eq!(held.license_arn(), bought[4]["license_arn"].as_str());
    let terms = agreements.get_agreement_terms().agreement_id(id).send().await.unwrap();
    assert!(terms.accepted_terms()[0].is_usage_based_pricing_term());

    let error = agreements.describe_agreement().agreement_id("agmt-none").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    let error = agreements.search_agreements().send().await.unwrap_err();
    assert!(error.into_service_error().is_validation_exception());
    let session = account.agreements(&account.seller("registration").await);
    let error = session.describe_agreement().agreement_id(id).send().await.unwrap_err();
    assert!(error.into_service_error().is_access_denied_exception(), "another action than the role's");
}

#[tokio::test]
async fn usage_is_billed_once_by_the_sdk_and_the_bill_can_be_read() {
    let account = Account::start().await;
    let bought = buy(&account).await;
    let metering = account.metering(&account.seller("everything").await);
    let (_, clock) = door(&account, "clock", None).await;
    let hour: i64 = account.clock.now().unix_timestamp() / 3600 * 3600;
    assert_eq!(clock["offset_seconds"], 0);
    let meter = async |quantity: i32| {
        let record = UsageRecord::builder()
            .timestamp(DateTime::from_secs(hour))
            .customer_aws_account_id(bought["account"].as_str().unwrap())
            .license_arn(bought["license_arn"].as_str().unwrap())
            .dimension("documents_added")
            .quantity(quantity)
            .build()
            .unwrap();
        metering.batch_meter_usage().usage_records(record)
    };
    // The SDK sends `"CustomerIdentifier":""` unless it is kept from it.
    let error = meter(3).await.send().await.unwrap_err();
    assert!(error.into_service_error().is_invalid_customer_identifier_exception());
    let stripped = async |quantity: i32| {
        let call = meter(quantity).await.customize().mutate_request(|request| {
            let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
            let body = body.replace("\"CustomerIdentifier\":\"\",", "");
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = body.into();
        });
        call.send().await.unwrap().results()[0].clone()
    };
    let first = stripped(3).await;
    assert_eq!(first.status(), Some(&UsageRecordResultStatus::Success));
    assert_eq!(stripped(3).await.metering_record_id(), first.metering_record_id());
    assert_eq!(stripped(4).await.status(), Some(&UsageRecordResultStatus::DuplicateRecord));
    let license = bought["license_arn"].as_str().unwrap();
    let (_, bill) = door(&account, &format!("bill?license_arn={license}"), None).await;
    assert_eq!(bill["lines"].as_array().unwrap().len(), 1);
    assert_eq!(bill["lines"][0]["quantity"], 3);
    assert_eq!(bill["lines"][0]["metering_record_id"].as_str(), first.metering_record_id());

    let (status, moved) = door(&account, "clock", Some(json!({"advance_seconds": 90_000}))).await;
    assert_eq!((status, &moved["offset_seconds"]), (200, &json!(90_000)));
    let error = meter(5).await.customize().mutate_request(|request| {
        let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
        let body = body.replace("\"CustomerIdentifier\":\"\",", "");
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = body.into();
    });
    let error = error.send().await.unwrap_err().into_service_error();
    assert!(error.is_timestamp_out_of_bounds_exception(), "{error:?}");
}

#[tokio::test]
async fn an_odd_answer_is_given_as_ordered_and_can_be_taken_back() {
    let account = Account::start().await;
    let bought = buy(&account).await;
    let metering = account.metering(&account.seller("registration").await);
    let resolve = async || {
        metering.resolve_customer().registration_token(bought["token"].as_str().unwrap()).send().await
    };
    let order = json!({"operation": "ResolveCustomer", "answer": "without_license", "license_arn": bought["license_arn"]});
    assert_eq!(door(&account, "orders", Some(order.clone())).await.0, 201);
    assert_eq!(resolve().await.unwrap().license_arn(), None);
    assert_eq!(resolve().await.unwrap().license_arn(), bought["license_arn"].as_str());
    assert_eq!(door(&account, "orders", Some(order)).await.0, 201);
    let url = format!("{}/_gateway/marketplace/orders", account.gateway.aws_url);
    assert_eq!(reqwest::Client::new().delete(url).send().await.unwrap().status(), 200);
    assert_eq!(door(&account, "orders", None).await.1, json!({"orders": []}));
    assert_eq!(resolve().await.unwrap().license_arn(), bought["license_arn"].as_str());
}

#[tokio::test]
async fn a_door_that_is_not_there_or_an_order_that_makes_no_sense_is_refused() {
    let account = Account::start().await;
    assert_eq!(door(&account, "products", Some(json!({"code": "other", "name": "Other"}))).await.0, 201);
    let other = json!({"product": "other", "account": "111122223333", "trial": true});
    let (_, bought) = door(&account, "subscriptions", Some(other)).await;
    assert_eq!((&bought["product_code"], &bought["trial"]), (&json!("other"), &json!(true)));
    let (status, state) = door(&account, "state", None).await;
    assert_eq!((status, state["agreements"].as_array().unwrap().len()), (200, 1));
    assert_eq!(state["agreements"][0]["entitlement"], "PROVISIONED");
    for (name, body) in [
        ("subscriptions", json!({"prodct": "other"})),
        ("subscriptions", json!({"product": "none"})),
        ("subscriptions", json!({"events": "no"})),
        ("changes", json!({"change": "end"})),
        ("changes", json!({"license_arn": bought["license_arn"], "change": "stop"})),
        ("events", json!({})),
        ("events", json!({"again": bought["events"][0]["id"], "times": 101})),
        ("tokens", json!({"license_arn": "none"})),
        ("tokens", json!({"licence_arn": "none"})),
        ("clock", json!({"now": "soon"})),
        ("clock", json!({})),
        ("orders", json!({"operation": "ResolveCustomer", "answer": "odd"})),
        ("products", json!({"dimensions": []})),
        ("tokens/expire", json!([])),
    ] {
        let (status, answer) = door(&account, name, Some(body.clone())).await;
        assert!(status == 400 && answer["message"].is_string(), "{name} {body}: {status} {answer}");
    }
    for name in ["nothing", "subscriptions/", "state"] {
        assert_eq!(door(&account, name, Some(json!({}))).await.0, 404, "{name}");
    }
    assert_eq!(door(&account, "subscriptions", None).await.0, 404);
    assert_eq!(door(&account, "bill?license_arn=none", None).await.1, json!({"lines": []}));
}
