//! Events on the wire, and events that say what has not happened.

use marketplace::{AgreementStatus, Change, EventOrder, Kind, Party, Subscribed};
use serde_json::{Value, json};
use time::Duration;

use crate::market::{Market, SELLER};

/// The envelope of an event, with its own ids in.
fn envelope(event: &marketplace::Event, buyer: &Subscribed, title: &str, detail: Value) -> Value {
    json!({
        "version": "0",
        "id": event.id,
        "detail-type": title,
        "source": "aws.agreement-marketplace",
        "account": SELLER,
        "time": event.body()["time"],
        "region": "us-east-1",
        "resources": [format!("arn:aws:aws-marketplace::aws:agreement:{}", buyer.agreement_id)],
        "detail": detail,
    })
}

#[test]
fn events_have_the_shapes_that_were_seen_on_a_real_listing() {
    let market = Market::open();
    let buyer = market.buyer();
    let product = market.marketplace.state(None).unwrap().products[0].clone();
    let agreed = |agreement: Value, request: &Value| {
        json!({
            "requestId": request,
            "catalog": "AWSMarketplace",
            "agreement": agreement,
            "acceptor": { "accountId": buyer.account },
            "proposer": { "accountId": SELLER },
            "resaleAuthorization": { "id": null },
        })
    };
    let begun = |intent: &str| {
        json!({
            "id": buyer.agreement_id,
            "intent": intent,
            "status": "ACTIVE",
            "acceptanceTime": "2026-11-22T10:20:30.000Z",
            "startTime": "2026-11-22T10:20:30.000Z",
            "endTime": "9999-01-01T00:00:00Z",
        })
    };
    let licensed = |request: &Value| {
        json!({
            "requestId": request,
            "catalog": "AWSMarketplace",
            "agreement": { "id": buyer.agreement_id },
            "license": { "arn": buyer.license_arn },
            "product": { "id": product.id, "code": product.code },
            "acceptor": { "accountId": buyer.account },
            "proposer": { "accountId": SELLER },
            "offer": { "id": buyer.offer_id },
        })
    };
    let [created, updated] = buyer.events.as_slice() else { panic!("two") };
    let mut expected = agreed(begun("NEW"), &created.detail["requestId"]);
    expected["offer"] = json!({ "id": buyer.offer_id });
    assert_eq!(created.body(), envelope(created, &buyer, "Purchase Agreement Created - Proposer", expected));
    assert_eq!(created.body()["time"], "2026-11-22T10:20:30Z");
    assert_eq!(
        updated.body(),
        envelope(updated, &buyer, "License Updated - Manufacturer", licensed(&updated.detail["requestId"]))
    );
    let events = market.change(&buyer, Change::Cancel).events;
    let [ended, deprovisioned] = events.as_slice() else { panic!("two") };
    let expected =
        agreed(json!({ "id": buyer.agreement_id, "status": "CANCELLED" }), &ended.detail["requestId"]);
    assert_eq!(ended.body(), envelope(ended, &buyer, "Purchase Agreement Ended - Proposer", expected));
    assert_eq!(
        deprovisioned.body(),
        envelope(
            deprovisioned,
            &buyer,
            "License Deprovisioned - Manufacturer",
            licensed(&deprovisioned.detail["requestId"])
        )
    );
}

#[test]
fn an_amendment_names_its_new_offer() {
    let market = Market::open();
    let buyer = market.buyer();
    let [amended] = market.change(&buyer, Change::Amend).events.try_into().unwrap();
    assert_eq!(amended.detail["agreement"]["intent"], "AMEND");
    assert_eq!(amended.detail["agreement"]["status"], "ACTIVE");
    assert_ne!(amended.detail["offer"]["id"], buyer.offer_id);
}

#[test]
fn an_event_is_an_entry_of_put_events_with_its_own_time() {
    let market = Market::open();
    let event = market.buyer().events[0].clone();
    let entry = event.entry();
    assert_eq!(entry["Time"], 1_795_342_830);
    assert_eq!(entry["Source"], "aws.agreement-marketplace");
    assert_eq!(entry["Resources"], json!(event.resources));
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(detail, event.detail);
}

#[test]
fn an_event_is_said_again_word_for_word_or_at_another_time() {
    let market = Market::open();
    let event = market.buyer().events[1].clone();
    market.wait(Duration::hours(2));
    let again = |time: Option<&str>| {
        let order = EventOrder {
            again: Some(event.id.clone()),
            time: time.map(ToOwned::to_owned),
            ..EventOrder::default()
        };
        market.marketplace.event(order)
    };
    assert_eq!(again(None).unwrap(), event);
    let late = again(Some("2026-11-20T00:00:00Z")).unwrap();
    assert_eq!(late.body()["time"], "2026-11-20T00:00:00Z");
    assert_eq!((late.id, late.detail), (event.id.clone(), event.detail.clone()));
    assert!(again(Some("soon")).is_err());
    let unknown = EventOrder { again: Some("none".to_owned()), ..EventOrder::default() };
    assert!(market.marketplace.event(unknown).is_err());
}

#[test]
fn an_event_can_be_said_of_what_has_not_happened() {
    let market = Market::open();
    let buyer = market.buyer();
    let order = EventOrder {
        license_arn: Some(buyer.license_arn.clone()),
        kind: Some(Kind::Ended),
        status: Some(AgreementStatus::Renewed),
        party: Some(Party::Manufacturer),
        time: Some("2026-11-22T10:00:00+01:00".to_owned()),
        ..EventOrder::default()
    };
    let event = market.marketplace.event(order).unwrap();
    assert_eq!(event.detail_type, "Purchase Agreement Ended - Manufacturer");
    assert_eq!(event.detail["agreement"]["status"], "RENEWED");
    assert_eq!(event.body()["time"], "2026-11-22T09:00:00Z");
    let state = market.marketplace.state(Some(&buyer.license_arn)).unwrap();
    assert_eq!(state.agreements[0].status, AgreementStatus::Active, "nothing has happened");
    assert!(state.events.iter().any(|known| known.id == event.id), "and it can be said again");
    assert!(market.marketplace.event(EventOrder::default()).is_err(), "neither kind nor licence");
}

#[test]
fn an_event_can_be_given_raw() {
    let market = Market::open();
    let raw = json!({ "id": "e-1", "detail-type": "License Updated - Manufacturer", "detail": [1] });
    let order = |event: Value| EventOrder { event: Some(event), ..EventOrder::default() };
    let event = market.marketplace.event(order(raw.clone())).unwrap();
    assert_eq!((event.id.as_str(), event.source.as_str()), ("e-1", marketplace::SOURCE));
    assert_eq!(event.detail, json!([1]));
    assert_eq!(event.time, market.now());
    for name in ["detail-type", "detail"] {
        assert!(market.marketplace.event(order(crate::market::without(raw.clone(), name))).is_err());
    }
}
