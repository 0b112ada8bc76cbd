//! A tenant's ledger, hour by hour.

use super::*;
use crate::metering::usage::UsageEvent;

const GIB: i64 = crate::metering::quantity::GIB;

fn hour(text: &str) -> Hour {
    format!("2026-11-22T{text}").parse().unwrap()
}

fn licence(id: &str) -> Licence {
    Licence {
        license: format!("arn:aws:license-manager::294406891311:license:l-{id}").parse().unwrap(),
        account: "111122223333".parse().unwrap(),
        tenant: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        since: hour("09").start().plus(1800),
        came: None,
        until: None,
    }
}

fn ended(licence: &Licence, at: Second) -> Licence {
    Licence { until: Some(at), ..licence.clone() }
}

fn rules(late_usage: LateUsage) -> Rules {
    let dimensions = "documents_added=added,shares_created=shared,storage_gib_hours=stored";
    Rules { dimensions: dimensions.parse().unwrap(), zero_records: true, late_usage }
}

/// A tenant whose usage and ledger a test writes.
struct Tenant {
    chain: Chain,
    sums: Sums,
    rules: Rules,
    events: u32,
}

impl Tenant {
    fn new(late_usage: LateUsage) -> Self {
        let chain = Chain::new(Vec::new()).unwrap();
        Self { chain, sums: Sums::default(), rules: rules(late_usage), events: 0 }
    }

    fn uses(&mut self, measure: Measure, amount: i64, at: &str) {
        self.events += 1;
        let id = format!("effect/{}", self.events).parse().unwrap();
        self.sums.add(&UsageEvent::new(id, measure, amount, hour(at)).unwrap()).unwrap();
    }

    /// Seals what is next; the hour is closed, and sealed soon after.
    fn seals(&mut self, licence: &Licence, closed: &str) -> Entry {
        let next = self.chain.next(licence, hour(closed));
        let Next::Seal(seal) = next else { panic!("{next:?}") };
        let now = seal.slot.hour.end().plus(900);
        let (entry, changed) = self.chain.seal(seal, licence, &self.rules, &self.sums, now).unwrap();
        changed.into_iter().chain([entry.clone()]).for_each(|entry| self.chain.take_up(entry));
        entry
    }

    fn looks_back(&mut self, licence: &Licence, closed: &str) {
        let next = self.chain.next(licence, hour(closed));
        for after in self.chain.look_back(&self.sums, next, hour(closed)).unwrap() {
            self.chain.take_up(after);
        }
    }

    fn late(&self, at: &str, measure: Measure) -> i64 {
        let entries = self.chain.entries().iter().filter(|entry| entry.slot.hour == hour(at));
        entries.filter_map(|entry| entry.record(measure)).map(Record::outstanding).sum()
    }
}

impl Tenant {
    fn has(&self, licence: &Licence) -> bool {
        self.chain.entries().iter().any(|entry| entry.license == licence.license)
    }

    fn has_ended(&self, license: &LicenseArn) -> bool {
        self.chain.entries().iter().any(|entry| entry.license == *license && entry.ended.is_some())
    }
}

fn quantities(entry: &Entry) -> [u32; 3] {
    Measure::ALL.map(|measure| entry.record(measure).unwrap().quantity.get())
}

#[test]
fn each_hour_has_what_was_used_in_it_and_holds_what_was_stored_at_its_end() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.uses(Measure::DocumentsAdded, 1, "09");
    tenant.uses(Measure::StorageGibHours, GIB, "09");
    tenant.uses(Measure::SharesCreated, 1, "10");
    tenant.uses(Measure::StorageGibHours, 1, "10");
    tenant.uses(Measure::StorageGibHours, -GIB, "11");
    let sealed = ["09", "10", "11"].map(|closed| quantities(&tenant.seals(&licence, closed)));
    assert_eq!(sealed, [[1, 0, 1], [0, 1, 2], [0, 0, 1]], "a GiB; a byte more; the byte alone");
    assert_eq!(tenant.chain.next(&licence, hour("11")), Next::Nothing, "12 is not closed");
}

#[test]
fn what_a_slow_clock_stamped_before_the_first_hour_is_in_the_first_hour() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.uses(Measure::DocumentsAdded, 1, "08");
    tenant.uses(Measure::DocumentsAdded, 1, "09");
    let first = tenant.seals(&licence, "09");
    assert_eq!((first.slot, first.from, quantities(&first)), (Slot::first(hour("09")), None, [2, 0, 0]));
}

#[test]
fn an_idle_licence_sends_zeros_unless_they_are_switched_off() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    assert!(tenant.seals(&licence, "09").records.iter().all(|record| record.state == State::Sealed));
    tenant.rules.zero_records = false;
    tenant.uses(Measure::SharesCreated, 1, "10");
    let states: Vec<State> =
        tenant.seals(&licence, "10").records.into_iter().map(|record| record.state).collect();
    assert_eq!(states, [State::Idle, State::Sealed, State::Idle]);
}

#[test]
fn an_end_seals_its_own_hour_at_once_and_nothing_after_it() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.uses(Measure::DocumentsAdded, 2, "10");
    let licence = ended(&licence, hour("10").start().plus(1500));
    assert_eq!(tenant.seals(&licence, "08").ended, None, "09 is not closed, and is sealed all the same");
    let last = tenant.seals(&licence, "08");
    assert_eq!((last.slot.hour, last.ended, quantities(&last)), (hour("10"), licence.until, [2, 0, 0]));
    assert_eq!(tenant.chain.next(&licence, hour("20")), Next::Nothing);
    assert!(!tenant.chain.is_over(&licence), "it is still to be sent");
    // In flight when it ended.
    tenant.uses(Measure::DocumentsAdded, 1, "10");
    tenant.uses(Measure::SharesCreated, 1, "11");
    tenant.uses(Measure::StorageGibHours, -5 * GIB, "11");
    tenant.looks_back(&licence, "12");
    let late = Measure::ALL.map(|measure| tenant.late("10", measure));
    assert_eq!(late, [1, 1, 0], "named; and nothing is given back for what was removed after the end");
}

#[test]
fn an_end_that_is_learned_after_its_hour_was_sealed_marks_the_newest_entry() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.seals(&licence, "09");
    tenant.seals(&licence, "10");
    let until = hour("09").end().minus(10);
    assert_eq!(tenant.chain.next(&ended(&licence, until), hour("10")), Next::Close(until));
    let closed = tenant.chain.close(until).unwrap();
    assert_eq!((closed.ended, closed.version), (Some(until), 2));
    tenant.chain.take_up(closed);
    assert_eq!(tenant.chain.next(&ended(&licence, until), hour("20")), Next::Nothing);
}

#[test]
fn a_subscription_that_comes_back_goes_on_and_what_lay_between_is_late() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.uses(Measure::StorageGibHours, 1, "09");
    let over = ended(&licence, hour("09").start().plus(2000));
    tenant.seals(&over, "08");
    tenant.uses(Measure::DocumentsAdded, 1, "10");
    tenant.uses(Measure::StorageGibHours, GIB, "10");
    tenant.uses(Measure::DocumentsAdded, 1, "12");
    let back = Licence { since: hour("12").start().plus(60), ..licence };
    tenant.looks_back(&back, "12");
    let entry = tenant.seals(&back, "12");
    assert_eq!(
        (entry.slot.hour, quantities(&entry)),
        (hour("12"), [1, 0, 2]),
        "with all bytes that are there"
    );
    assert_eq!(tenant.late("09", Measure::DocumentsAdded), 1);
}

#[test]
fn a_subscription_that_comes_back_in_the_same_hour_goes_on_with_the_next() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    let over = ended(&licence, hour("09").start().plus(2000));
    tenant.seals(&over, "08");
    tenant.uses(Measure::DocumentsAdded, 1, "09");
    let back = Licence { since: hour("09").start().plus(3000), ..licence };
    tenant.looks_back(&back, "10");
    assert_eq!(tenant.seals(&back, "10").slot, Slot::first(hour("10")), "an hour is metered once");
    assert_eq!(tenant.late("09", Measure::DocumentsAdded), 1);
}

#[test]
fn a_successor_begins_where_the_tenant_came_to_it_however_often_it_was_permitted_since() {
    let old = ended(&licence("1"), hour("09").start().plus(2000));
    for (came, first) in [(hour("09").start().plus(2072), "09#1"), (hour("10").start(), "10#0")] {
        let mut tenant = Tenant::new(LateUsage::Report);
        tenant.seals(&old, "08");
        // Nothing was sealed since, and it was permitted again meanwhile.
        let came = Some(Came { from: old.license.clone(), at: came });
        let new = Licence { since: hour("12").start().plus(60), came, ..licence("2") };
        tenant.uses(Measure::DocumentsAdded, 4, "11");
        tenant.looks_back(&new, "12");
        assert_eq!(tenant.seals(&new, "12").slot.to_string(), format!("2026-11-22T{first}"));
        while let Next::Seal(_) = tenant.chain.next(&new, hour("12")) {
            tenant.seals(&new, "12");
        }
        let hours: Vec<_> = tenant.chain.entries().iter().map(|entry| entry.slot.hour).collect();
        assert_eq!(hours.last(), Some(&hour("12")));
        assert!(hours.windows(2).all(|two| two[1] <= two[0].next()), "no hour is left out");
        let late: i64 = ["09", "10", "11"].map(|at| tenant.late(at, Measure::DocumentsAdded)).iter().sum();
        assert_eq!(late, 0, "what was used between its beginning and its newest permission is billed");
    }
}

#[test]
fn successors_have_their_turns_one_after_the_other_whoever_is_metered_first() {
    let first = ended(&licence("1"), hour("09").start().plus(2000));
    let after = |id: &str, before: &Licence, at: Second| {
        let came = Some(Came { from: before.license.clone(), at });
        Licence { since: at, came, ..licence(id) }
    };
    let second = after("2", &first, hour("10").start());
    // In use for no time at all, and already over when the one before it ended.
    for until in [hour("10").start(), hour("09").start(), hour("10").start().plus(60)] {
        let second = ended(&second, until);
        let third = after("3", &second, hour("10").start().plus(120));
        let mut tenant = Tenant::new(LateUsage::Report);
        tenant.uses(Measure::DocumentsAdded, 2, "09");
        tenant.uses(Measure::DocumentsAdded, 3, "10");
        for sealed in [&first, &second, &third] {
            for waits in [&second, &third] {
                if waits.license != sealed.license && !tenant.has(waits) {
                    let is_next = waits.came.as_ref().is_some_and(|came| tenant.has_ended(&came.from));
                    assert_eq!(tenant.chain.next(waits, hour("12")) == Next::Wait, !is_next, "{until}");
                    assert!(!tenant.chain.is_over(waits), "{until}");
                }
            }
            tenant.seals(sealed, "12");
        }
        let turns: Vec<_> = tenant.chain.entries().iter().map(|entry| entry.license.clone()).collect();
        assert_eq!(turns, [first.license.clone(), second.license.clone(), third.license.clone()], "{until}");
        let billed: u32 = tenant.chain.entries().iter().map(|entry| quantities(entry)[0]).sum();
        assert_eq!(billed, 5, "each unit once");
        assert_eq!(quantities(&tenant.chain.entries()[0])[0], 2, "what was used before the renewal");
        for over in [&first, &second] {
            assert_eq!(tenant.chain.next(over, hour("12")), Next::Nothing, "it had its turn");
        }
    }
}

#[test]
fn another_licence_in_the_same_hour_pays_for_the_rest_of_it() {
    let (mut tenant, old, new) = (Tenant::new(LateUsage::Report), licence("1"), licence("2"));
    tenant.uses(Measure::DocumentsAdded, 2, "09");
    tenant.uses(Measure::StorageGibHours, 1, "09");
    let old = ended(&old, hour("09").start().plus(2000));
    assert_eq!(quantities(&tenant.seals(&old, "08")), [2, 0, 1]);
    tenant.uses(Measure::DocumentsAdded, 3, "09");
    tenant.uses(Measure::StorageGibHours, GIB, "09");
    let rest = tenant.seals(&new, "09");
    assert_eq!((rest.slot.turn, quantities(&rest)), (1, [3, 0, 1]));
    assert_eq!(quantities(&tenant.seals(&new, "10")), [0, 0, 2]);
    tenant.looks_back(&new, "10");
    assert_eq!(Measure::ALL.map(|measure| tenant.late("09", measure)), [0, 0, 0]);
}

#[test]
fn an_hour_of_two_licences_that_is_only_the_base_is_not_taken_for_the_beginning() {
    let (mut tenant, old, new) = (Tenant::new(LateUsage::Report), licence("1"), licence("2"));
    tenant.uses(Measure::DocumentsAdded, 2, "09");
    tenant.uses(Measure::StorageGibHours, GIB, "09");
    tenant.seals(&ended(&old, hour("09").start().plus(2000)), "08");
    tenant.uses(Measure::DocumentsAdded, 3, "09");
    for closed in ["09", "10", "11"] {
        tenant.seals(&new, closed);
    }
    // What a run reads that looks back one hour.
    tenant.chain = Chain::new(tenant.chain.entries()[1..].to_vec()).unwrap();
    tenant.looks_back(&new, "11");
    assert_eq!(tenant.late("09", Measure::DocumentsAdded), 0);
    assert_eq!(quantities(&tenant.seals(&new, "12")), [0, 0, 1]);
}

#[test]
fn another_licence_waits_until_the_first_has_ended() {
    let (mut tenant, old, new) = (Tenant::new(LateUsage::Report), licence("1"), licence("2"));
    tenant.seals(&old, "09");
    assert_eq!(tenant.chain.next(&new, hour("12")), Next::Wait);
    let over = ended(&old, hour("10").start());
    tenant.seals(&over, "09");
    assert!(matches!(tenant.chain.next(&new, hour("12")), Next::Seal(_)));
}

#[test]
fn late_usage_is_named_with_its_amount_and_billed_by_nobody() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.seals(&licence, "09");
    tenant.uses(Measure::DocumentsAdded, 2, "09");
    tenant.looks_back(&licence, "10");
    assert_eq!(tenant.late("09", Measure::DocumentsAdded), 2);
    assert_eq!(quantities(&tenant.seals(&licence, "10")), [0, 0, 0]);
    let again = tenant.chain.look_back(&tenant.sums, Next::Nothing, hour("10")).unwrap();
    assert_eq!(again, [], "and is found once");
}

#[test]
fn late_usage_is_carried_once_into_the_next_hour_if_that_is_the_policy() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Carry), licence("1"));
    tenant.seals(&licence, "09");
    tenant.uses(Measure::DocumentsAdded, 2, "09");
    tenant.uses(Measure::DocumentsAdded, 5, "10");
    tenant.looks_back(&licence, "10");
    let next = tenant.seals(&licence, "10");
    let record = next.record(Measure::DocumentsAdded).unwrap();
    let brought = [Brought { from: Slot::first(hour("09")), units: 2 }];
    assert_eq!((record.quantity.get(), record.own(), &record.brought[..]), (7, 5, &brought[..]));
    assert_eq!(tenant.late("09", Measure::DocumentsAdded), 0, "the entry it came from knows");
    assert_eq!(quantities(&tenant.seals(&licence, "11")), [0, 0, 0], "not again");
}

#[test]
fn late_bytes_are_named_for_their_hour_and_held_from_then_on() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.uses(Measure::StorageGibHours, 3 * GIB, "09");
    tenant.seals(&licence, "09");
    tenant.seals(&licence, "10");
    tenant.uses(Measure::StorageGibHours, -2 * GIB, "09");
    tenant.looks_back(&licence, "11");
    assert_eq!(["09", "10"].map(|at| tenant.late(at, Measure::StorageGibHours)), [-2, -2], "billed too high");
    assert_eq!(quantities(&tenant.seals(&licence, "11")), [0, 0, 1]);
}

#[test]
fn more_than_a_record_can_bill_is_late_and_does_not_wrap() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    tenant.uses(Measure::DocumentsAdded, 3_000_000_000, "09");
    assert_eq!(quantities(&tenant.seals(&licence, "09")), [2_147_483_647, 0, 0]);
    tenant.looks_back(&licence, "09");
    assert_eq!(tenant.late("09", Measure::DocumentsAdded), 852_516_353);
}

#[test]
fn an_hour_that_is_sealed_too_late_is_never_sent_and_says_so() {
    let (tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    let Next::Seal(seal) = tenant.chain.next(&licence, hour("09")) else { panic!("nothing to seal") };
    let states = |now| {
        let (entry, _) = tenant.chain.seal(seal, &licence, &tenant.rules, &tenant.sums, now).unwrap();
        entry.records.into_iter().map(|record| record.state).collect::<Vec<_>>()
    };
    let deadline = hour("09").deadline();
    assert_eq!(states(deadline), vec![State::Expired { sent: Sent::Never }; 3]);
    assert_eq!(states(deadline.minus(1)), vec![State::Sealed; 3]);
}

#[test]
fn a_ledger_without_its_beginning_or_out_of_order_is_refused() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1"));
    let entries: Vec<Entry> = ["09", "10", "11"].map(|closed| tenant.seals(&licence, closed)).into();
    assert!(Chain::new(entries.clone()).is_ok());
    assert!(Chain::new(entries[1..].to_vec()).is_ok(), "one to begin from, and one");
    assert!(Chain::new(entries[2..].to_vec()).is_err(), "nothing to begin from");
    let turned: Vec<Entry> = entries.into_iter().rev().collect();
    assert!(Chain::new(turned).is_err());
}
