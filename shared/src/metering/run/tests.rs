//! Whole runs over a desk of tables, with a Marketplace that answers as a test says.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::{
    ids::TenantId,
    metering::{
        Slot, State,
        chain::LateUsage,
        outcome::{Echo, Exception, Reported, Status},
        usage::Measure,
    },
};

type Says = Box<dyn FnMut(&[UsageRecord]) -> Result<Answer, Refusal>>;

/// Licences, tables and the Marketplace.
struct Desk {
    now: Cell<Second>,
    licences: Vec<Licence>,
    usage: RefCell<Vec<(TenantId, UsageEvent)>>,
    ledger: RefCell<BTreeMap<(TenantId, Slot), Entry>>,
    sent: RefCell<Vec<Vec<UsageRecord>>>,
    says: RefCell<Says>,
}

impl World for Desk {
    fn now(&self) -> Second {
        self.now.get()
    }

    async fn licences(&self, _: Option<&str>) -> Result<Page<Licence>, Unavailable> {
        Ok(Page { items: self.licences.clone(), next: None })
    }

    async fn entries(&self, tenant: TenantId, _: u32) -> Result<Vec<Entry>, Unavailable> {
        Ok(self.ledger.borrow().values().filter(|entry| entry.tenant == tenant).cloned().collect())
    }

    async fn usage(
        &self,
        tenant: TenantId,
        from: Option<Hour>,
        to: Hour,
        _: Option<&str>,
    ) -> Result<Page<UsageEvent>, Unavailable> {
        let is_meant =
            |event: &UsageEvent| from.is_none_or(|from| from <= event.hour()) && event.hour() <= to;
        let usage = self.usage.borrow();
        let events = usage.iter().filter(|(of, event)| *of == tenant && is_meant(event));
        Ok(Page { items: events.map(|(_, event)| event.clone()).collect(), next: None })
    }

    async fn seal(&self, entry: &Entry, changed: &[Entry]) -> Result<Write, Unavailable> {
        assert!(changed.is_empty());
        assert!(self.ledger.borrow_mut().insert((entry.tenant, entry.slot), entry.clone()).is_none());
        Ok(Write::Done)
    }

    async fn replace(&self, entry: &Entry) -> Result<Write, Unavailable> {
        self.ledger.borrow_mut().insert((entry.tenant, entry.slot), entry.clone());
        Ok(Write::Done)
    }

    async fn send(&self, records: &[UsageRecord], _: u32) -> Result<Answer, Refusal> {
        self.sent.borrow_mut().push(records.to_vec());
        (self.says.borrow_mut())(records)
    }
}

const FIRST: &str = "2026-11-22T10";

fn hour(text: &str) -> Hour {
    text.parse().unwrap()
}

/// So many tenants, each with a licence since [`FIRST`].
fn desk(tenants: u32, says: impl FnMut(&[UsageRecord]) -> Result<Answer, Refusal> + 'static) -> Desk {
    let licences = (1..=tenants).map(|number| Licence {
        license: format!("arn:aws:license-manager::294406891311:license:l-{number}").parse().unwrap(),
        account: format!("{number:012}").parse().unwrap(),
        tenant: format!("{number:032x}").parse().unwrap(),
        since: hour(FIRST).start(),
        came: None,
        until: None,
    });
    Desk {
        now: Cell::new(hour(FIRST).end().plus(700)),
        licences: licences.collect(),
        usage: RefCell::default(),
        ledger: RefCell::default(),
        sent: RefCell::default(),
        says: RefCell::new(Box::new(says)),
    }
}

fn settings() -> Settings {
    let dimensions = "documents_added=added,shares_created=shared,storage_gib_hours=stored".parse().unwrap();
    let rules = Rules { dimensions, zero_records: true, late_usage: LateUsage::Report };
    Settings { rules, grace_s: 600, limits: Limits::default() }
}

impl Desk {
    fn runs(&self, scheduled: Second) -> Report {
        self.runs_with(scheduled, &settings())
    }

    fn runs_with(&self, scheduled: Second, settings: &Settings) -> Report {
        let job = Job { scheduled, through: Hour::MAX, back: 1, stop_at: self.now.get().plus(600) };
        // Nothing on a desk waits.
        match pin!(run(self, job, settings)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(report) => report,
            Poll::Pending => panic!("the run waits for something"),
        }
    }

    fn uses(&self, tenant: usize, number: i64) {
        let id = format!("effect/{}", self.usage.borrow().len()).parse().unwrap();
        let event = UsageEvent::new(id, Measure::DocumentsAdded, number, hour(FIRST)).unwrap();
        self.usage.borrow_mut().push((self.licences[tenant].tenant, event));
    }

    fn states(&self) -> Vec<State> {
        let ledger = self.ledger.borrow();
        ledger.values().flat_map(|entry| &entry.records).map(|record| record.state.clone()).collect()
    }
}

fn accepted(records: &[UsageRecord]) -> Result<Answer, Refusal> {
    let reported = |record| Reported { record: Echo::from(record), status: Status::Success, id: None };
    Ok(Answer { results: records.iter().map(reported).collect(), unprocessed: Vec::new() })
}

fn first_run() -> Second {
    hour(FIRST).end().plus(600)
}

#[test]
fn one_record_at_fault_is_isolated_and_all_others_are_billed_in_the_same_run() {
    let is_at_fault = |record: &UsageRecord| {
        record.license.as_str().ends_with("l-4") && record.dimension.as_str() == "shared"
    };
    let desk = desk(9, move |records| {
        if records.iter().any(is_at_fault) {
            return Err(Refusal::Exception(Exception::InvalidUsageDimension));
        }
        accepted(records)
    });
    let report = desk.runs(first_run());
    assert_eq!((report.accepted, report.quarantined[&Exception::InvalidUsageDimension]), (26, 1));
    assert!(report.calls <= 2 + 2 * 5, "25 are halved five times: {}", report.calls);
    assert_eq!(desk.runs(first_run()).calls, 0, "it is not tried again");
}

#[test]
fn a_licence_that_has_changed_hands_is_not_billed_to_anybody() {
    let mut desk = desk(2, |_| Err(Refusal::Unanswered));
    desk.uses(0, 5);
    let _ = desk.runs(first_run());
    let sealed = desk.ledger.borrow().clone();
    *desk.says.borrow_mut() = Box::new(accepted);
    desk.sent.borrow_mut().clear();
    desk.licences[0].account = "999999999999".parse().unwrap();
    let report = desk.runs(first_run());
    assert_eq!((report.broken, report.accepted), (1, 3), "the other licence's three are");
    let account = &desk.licences[1].account;
    assert!(desk.sent.borrow().iter().flatten().all(|record| record.account == *account));
    let first = (desk.licences[0].tenant, Slot::first(hour(FIRST)));
    assert_eq!(desk.ledger.borrow()[&first], sealed[&first], "for whoever looks");
}

#[test]
fn the_schedules_time_and_not_the_clock_decides_which_hours_are_closed() {
    let late = desk(1, accepted);
    late.now.set(hour(FIRST).end().plus(5 * 3600));
    assert_eq!(late.runs(first_run()).entries_sealed, 1, "only the hour that was closed then");
    assert_eq!(late.runs(first_run()).entries_sealed, 0, "and a repetition does nothing");
    let early = desk(1, accepted);
    early.now.set(first_run().minus(1));
    assert_eq!(early.runs(first_run()).entries_sealed, 0, "but no schedule closes an hour before its time");
}

#[test]
fn what_is_not_answered_is_sent_again_as_it_was_sealed_whatever_is_used_meanwhile() {
    let desk = desk(1, |_| Err(Refusal::Unanswered));
    desk.uses(0, 5);
    let report = desk.runs(first_run());
    assert_eq!((report.calls, report.unsent, report.oldest_unsent), (3, 3, Some(hour(FIRST))));
    assert!(
        desk.states().iter().all(|state| *state == State::Sealed),
        "nothing is marked before it is known"
    );
    desk.uses(0, 2);
    *desk.says.borrow_mut() = Box::new(accepted);
    assert_eq!(desk.runs(first_run()).accepted, 3);
    let sent = desk.sent.borrow();
    assert!(sent.iter().all(|records| *records == sent[0]), "each request is the same");
    assert_eq!(sent[0][0].quantity.get(), 5);
    let ledger = desk.ledger.borrow();
    assert_eq!(
        ledger.values().next().unwrap().record(Measure::DocumentsAdded).unwrap().late,
        2,
        "the rest is named"
    );
}

#[test]
fn what_would_be_refused_to_every_record_ends_the_run_at_once() {
    for exception in [Exception::DisabledApi, Exception::AccessDenied, Exception::InvalidProductCode] {
        let desk = desk(20, move |_| Err(Refusal::Exception(exception)));
        let report = desk.runs(first_run());
        assert_eq!((report.calls, report.halted), (1, Some(Refusal::Exception(exception))));
        assert!(!report.is_complete());
        assert!(desk.states().iter().all(|state| *state == State::Sealed), "and nothing is given up");
    }
}

#[test]
fn a_marketplace_that_is_down_is_not_asked_for_ever() {
    let desk = desk(400, |_| Err(Refusal::Throttled));
    let report = desk.runs(first_run());
    assert_eq!(report.calls, u64::from(Limits::default().failures_in_a_row));
    assert_eq!(report.halted, Some(Refusal::Throttled));
}

#[test]
fn halving_has_an_end_when_no_record_is_at_fault() {
    let desk = desk(400, |_| Err(Refusal::Exception(Exception::InvalidLicense)));
    let settings = Settings { limits: Limits { halvings: 30, ..Limits::default() }, ..settings() };
    let report = desk.runs_with(first_run(), &settings);
    assert_eq!(report.halvings, 30);
    assert!(report.refused > 0, "what is not isolated is left, and alarmed");
    let given_up = desk.states().iter().filter(|state| **state != State::Sealed).count();
    assert!(given_up <= 31, "{given_up}");
}

#[test]
fn an_exception_that_nobody_knows_gives_up_no_record() {
    let desk = desk(2, |records| match records {
        [one] if one.dimension.as_str() == "stored" => Err(Refusal::Exception(Exception::Unknown)),
        records if records.iter().any(|one| one.dimension.as_str() == "stored") => {
            Err(Refusal::Exception(Exception::Unknown))
        }
        records => accepted(records),
    });
    let report = desk.runs(first_run());
    assert_eq!((report.accepted, report.refused, report.unsent), (4, 2, 2), "the others are billed");
}

#[test]
fn records_wait_in_memory_only_up_to_the_limit() {
    let desk = desk(50, accepted);
    let settings = Settings { limits: Limits { waiting_records: 25, ..Limits::default() }, ..settings() };
    let report = desk.runs_with(first_run(), &settings);
    assert_eq!(report.accepted, 150);
    let most = desk.sent.borrow().iter().map(Vec::len).max();
    assert_eq!(most, Some(25));
    assert_eq!(report.calls, 11, "27 go as 25 and 2, five times; and the last 15");
}
