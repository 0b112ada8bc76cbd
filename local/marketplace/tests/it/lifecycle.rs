//! What becomes of a subscription, in state and in events.

use marketplace::{
    AgreementStatus, Change, ChangeOrder, EntitlementStatus, Event, Intent, Limits, Refused, Subscribe,
    Subscribed,
};
use time::Duration;

use crate::market::{Market, START, hour, record};

fn titles(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.detail_type.as_str()).collect()
}

fn state(market: &Market, license: &str) -> (AgreementStatus, EntitlementStatus) {
    let state = market.marketplace.state(Some(license)).unwrap();
    (state.agreements[0].status, state.agreements[0].entitlement)
}

#[test]
fn a_purchase_is_told_in_two_events_the_agreement_first() {
    let market = Market::open();
    let buyer = market.buyer();
    assert_eq!(
        titles(&buyer.events),
        ["Purchase Agreement Created - Proposer", "License Updated - Manufacturer"]
    );
    let [created, updated] = buyer.events.as_slice() else { panic!("two") };
    assert_eq!(created.time, START);
    assert!(updated.time > created.time, "never in the same second");
    let pending = market.marketplace.subscribe(Subscribe { pending: true, ..Subscribe::default() }).unwrap();
    assert_eq!(titles(&pending.events), ["Purchase Agreement Created - Proposer"]);
    assert_eq!(state(&market, &pending.license_arn).1, EntitlementStatus::Pending);
}

#[test]
fn each_change_has_its_events_and_its_state() {
    use AgreementStatus::{Active, Cancelled};
    use EntitlementStatus::{Deprovisioned, Provisioned};
    for (change, events, expected) in [
        (Change::Update, vec!["License Updated - Manufacturer"], (Active, Provisioned)),
        (Change::Amend, vec!["Purchase Agreement Amended - Proposer"], (Active, Provisioned)),
        (Change::End, vec!["Purchase Agreement Ended - Proposer"], (Cancelled, Provisioned)),
        (Change::Deprovision, vec!["License Deprovisioned - Manufacturer"], (Active, Deprovisioned)),
        (
            Change::Cancel,
            vec!["Purchase Agreement Ended - Proposer", "License Deprovisioned - Manufacturer"],
            (Cancelled, Deprovisioned),
        ),
    ] {
        let market = Market::open();
        let (buyer, other) = (market.buyer(), market.buyer());
        let changed = market.change(&buyer, change);
        assert_eq!(titles(&changed.events), events, "{change:?}");
        assert_eq!(state(&market, &buyer.license_arn), expected, "{change:?}");
        assert_eq!(state(&market, &other.license_arn), (Active, Provisioned), "another's");
        let times: Vec<_> = buyer.events.iter().chain(&changed.events).map(|event| event.time).collect();
        assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
        market.change(&buyer, Change::Update);
        assert_eq!(state(&market, &buyer.license_arn), (Active, Provisioned), "back again");
    }
}

#[test]
fn a_renewal_is_a_new_agreement_with_a_new_licence_of_the_same_chain() {
    for (change, status, intent) in [
        (Change::Renew, AgreementStatus::Renewed, Intent::Renew),
        (Change::Replace, AgreementStatus::Replaced, Intent::Replace),
    ] {
        let market = Market::open();
        let buyer = market.buyer();
        let changed = market.change(&buyer, change);
        let next = changed.successor.unwrap();
        assert_eq!(
            titles(&changed.events),
            [
                "Purchase Agreement Ended - Proposer",
                "Purchase Agreement Created - Proposer",
                "License Updated - Manufacturer"
            ]
        );
        assert!(changed.events.is_sorted_by_key(|event| event.time), "{:?}", changed.events);
        assert_eq!(changed.events[0].detail["agreement"]["status"], status.name());
        assert_eq!(changed.events[1].detail["agreement"]["id"], next.agreement_id);
        assert_ne!(next.license_arn, buyer.license_arn);
        assert_eq!(next.account, buyer.account);
        assert_eq!(state(&market, &buyer.license_arn), (status, EntitlementStatus::Provisioned));
        let one = &market.marketplace.state(Some(&next.license_arn)).unwrap().agreements[0];
        assert_eq!((one.intent, &one.initial_agreement_id), (intent, &buyer.agreement_id));

        market.wait(Duration::hours(3));
        let at = hour(market.now());
        let both = |buyer: &Subscribed| record(buyer, "documents_added", at, 1);
        assert_eq!(market.meter(&[both(&buyer), both(&next)]), ["Success"; 2], "nothing is closed by it");
        let third = market.change(&next, change).successor.unwrap();
        let one = &market.marketplace.state(Some(&third.license_arn)).unwrap().agreements[0];
        assert_eq!(one.initial_agreement_id, buyer.agreement_id, "the very first");
    }
}

#[test]
fn what_has_ended_is_not_ended_again() {
    let market = Market::open();
    let buyer = market.buyer();
    market.change(&buyer, Change::Cancel);
    for change in [Change::End, Change::Cancel, Change::Renew, Change::Replace, Change::Amend] {
        let order = ChangeOrder {
            license_arn: None,
            agreement_id: Some(buyer.agreement_id.clone()),
            change,
            status: None,
            at: None,
        };
        assert!(matches!(market.marketplace.change(&order), Err(Refused::State { .. })), "{change:?}");
    }
    market.change(&buyer, Change::Deprovision);
}

#[test]
fn an_order_names_one_subscription() {
    let market = Market::open();
    let (one, other) = (market.buyer(), market.buyer());
    let order = |license: Option<&str>, agreement: Option<&str>| ChangeOrder {
        license_arn: license.map(ToOwned::to_owned),
        agreement_id: agreement.map(ToOwned::to_owned),
        change: Change::Update,
        status: None,
        at: None,
    };
    let ended = |license, agreement| market.marketplace.change(&order(license, agreement));
    assert!(ended(Some(&one.license_arn), Some(&one.agreement_id)).is_ok());
    assert_eq!(ended(Some(&one.license_arn), Some(&other.agreement_id)), Err(Refused::Which));
    assert_eq!(ended(None, None), Err(Refused::Which));
    assert!(matches!(ended(Some("l-1"), None), Err(Refused::Unknown { .. })));
    assert!(matches!(ended(None, Some("agmt-1")), Err(Refused::Unknown { .. })));
    let active = ChangeOrder {
        change: Change::End,
        status: Some(AgreementStatus::Active),
        ..order(None, Some(&one.agreement_id))
    };
    assert!(market.marketplace.change(&active).is_err(), "nothing ends as ACTIVE");
}

#[test]
fn what_happened_earlier_is_dated_then_and_nothing_happens_later_than_now() {
    let market = Market::open();
    let bought = |at: &str| {
        market.marketplace.subscribe(Subscribe { at: Some(at.to_owned()), ..Subscribe::default() })
    };
    let buyer = bought("2026-11-22T05:10:00Z").unwrap();
    assert_eq!(buyer.events[0].time, START - Duration::minutes(5 * 60 + 10) - Duration::seconds(30));
    let five = hour(buyer.events[0].time);
    let of = |at| record(&buyer, "documents_added", at, 1);
    assert_eq!(market.meter(&[of(five)]), ["Success"]);
    market.fails(&[of(five - Duration::HOUR)], "InvalidLicenseException");
    let ended = |at: &str| {
        market.marketplace.change(&ChangeOrder {
            license_arn: Some(buyer.license_arn.clone()),
            agreement_id: None,
            change: Change::End,
            status: None,
            at: Some(at.to_owned()),
        })
    };
    for wrong in ["2026-11-22T10:20:31Z", "yesterday"] {
        assert_eq!(bought(wrong), Err(Refused::Time(wrong.to_owned())));
        assert_eq!(ended(wrong), Err(Refused::Time(wrong.to_owned())));
    }
    assert_eq!(
        ended("2026-11-22T09:59:00Z").unwrap().events[0].time,
        START - Duration::seconds(21 * 60 + 30)
    );
    assert_eq!(market.meter(&[of(five + Duration::HOUR)]), ["Success"], "within the hour after the end");
    market.fails(&[of(START)], "InvalidLicenseException");
}

#[test]
fn there_is_room_for_so_many_agreements_and_no_more() {
    let market = Market::with(Limits { agreements_max: 1, ..Limits::without_rates() });
    let buyer = market.buyer();
    let full = Refused::Full { what: "agreements", max: 1 };
    assert_eq!(market.marketplace.subscribe(Subscribe::default()), Err(full.clone()));
    let renewal = ChangeOrder {
        license_arn: Some(buyer.license_arn.clone()),
        agreement_id: None,
        change: Change::Renew,
        status: None,
        at: None,
    };
    assert_eq!(market.marketplace.change(&renewal), Err(full));
    assert_eq!(
        state(&market, &buyer.license_arn),
        (AgreementStatus::Active, EntitlementStatus::Provisioned),
        "what was refused has changed nothing"
    );
}

#[test]
fn one_seed_makes_one_history() {
    let history = || {
        let market = Market::open();
        let buyer = market.buyer();
        (buyer.clone(), market.change(&buyer, Change::Cancel).events)
    };
    assert_eq!(history(), history());
}
