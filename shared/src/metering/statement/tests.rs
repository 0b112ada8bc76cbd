//! A tenant's account, as its administrators are shown it.

use proptest::prelude::*;

use super::*;
use crate::metering::{LateUsage, Licence, Rules, UsageEvent, quantity::GIB};

/// The tenant's tenth hour: its clock begins here.
fn hour(number: u32) -> Hour {
    "2026-11-22T10".parse::<Hour>().unwrap().forward(number)
}

fn hours(from: u32, to: u32) -> Hours {
    Hours::new(hour(from), hour(to)).unwrap()
}

fn licence(id: &str, since: u32) -> Licence {
    Licence {
        license: format!("arn:aws:license-manager::294406891311:license:l-{id}").parse().unwrap(),
        account: "111122223333".parse().unwrap(),
        tenant: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        since: hour(since).start().plus(60),
        came: None,
        until: None,
    }
}

fn dimensions() -> Dimensions {
    "documents_added=added,shares_created=shared,storage_gib_hours=stored".parse().unwrap()
}

/// A tenant that uses and is sealed, and its statement.
struct Tenant {
    chain: Chain,
    sums: Sums,
    rules: Rules,
}

impl Tenant {
    fn new(late_usage: LateUsage) -> Self {
        let rules = Rules { dimensions: dimensions(), zero_records: true, late_usage };
        Self { chain: Chain::new(Vec::new()).unwrap(), sums: Sums::default(), rules }
    }

    fn uses(&mut self, measure: Measure, amount: i64, at: u32) {
        let id = "effect/1".parse().unwrap();
        self.sums.add(&UsageEvent::new(id, measure, amount, hour(at)).unwrap()).unwrap();
    }

    fn uses_all(&mut self, events: &[(usize, i64, u32)]) {
        for (measure, amount, at) in events {
            let measure = Measure::ALL[*measure];
            self.uses(measure, if measure.is_level() { *amount } else { amount % 7 + 1 }, *at);
        }
    }

    fn seals(&mut self, licence: &Licence, closed: u32) {
        while let Next::Seal(seal) = self.chain.next(licence, hour(closed)) {
            let now = seal.slot.hour.end().plus(900);
            let (entry, changed) = self.chain.seal(seal, licence, &self.rules, &self.sums, now).unwrap();
            changed.into_iter().chain([entry]).for_each(|entry| self.chain.take_up(entry));
        }
    }

    fn looks_back(&mut self, licence: &Licence, closed: u32) {
        let next = self.chain.next(licence, hour(closed));
        let after = self.chain.look_back(&self.sums, next, hour(closed)).unwrap();
        after.into_iter().for_each(|entry| self.chain.take_up(entry));
    }

    /// What the ledger has of some hours, as it is read.
    fn statement(&self, asked: Hours, size: usize) -> Statement {
        let (before, after): (Vec<_>, Vec<_>) =
            self.chain.entries().iter().cloned().partition(|entry| entry.slot.hour < asked.from());
        let end = after.iter().position(|entry| entry.slot.hour > asked.to());
        let within = after.iter().take(end.map_or(after.len(), |end| end + 1)).cloned().collect();
        Statement::new(before, within, asked, size).unwrap()
    }

    /// Only what has to be summed is, as the table is read.
    fn lines(&self, asked: Hours, size: usize) -> Part {
        let statement = self.statement(asked, size);
        let to = statement.sums_to();
        statement.lines(&self.summed(statement.sums_from(), to), to, &dimensions()).unwrap()
    }

    fn summed(&self, from: Option<Hour>, to: Hour) -> Sums {
        let mut sums = Sums::default();
        let first = from.unwrap_or(hour(0).back(100));
        for measure in Measure::ALL {
            let mut at = first;
            while at <= to {
                let amount = self.sums.between(measure, Some(at), at).unwrap();
                if amount != 0 {
                    sums.add(&UsageEvent::new("e".parse().unwrap(), measure, amount, at).unwrap()).unwrap();
                }
                at = at.next();
            }
        }
        sums
    }

    /// All lines of some hours, page after page.
    fn paged(&self, asked: Hours, size: usize) -> Vec<Line> {
        let (mut lines, mut from) = (Vec::new(), asked.from());
        loop {
            let part = self.lines(Hours::new(from, asked.to()).unwrap(), size);
            assert!(part.lines.chunk_by(|a, b| a.hour == b.hour).count() <= size, "a page holds its size");
            lines.extend(part.lines);
            match part.next {
                Some(next) => {
                    assert!(next > from, "it goes on");
                    from = next;
                }
                None => return lines,
            }
        }
    }
}

/// Hour (from the tenth), used, sealed, late of one measure's lines.
fn of(lines: &[Line], measure: Measure) -> Vec<(u32, i64, Option<u32>, i64)> {
    lines
        .iter()
        .filter(|line| line.measure == measure)
        .map(|line| {
            let number = (0..1000).find(|number| hour(*number) == line.hour).unwrap();
            let sealed = line.sealed.as_ref();
            (number, line.used, sealed.map(|s| s.quantity.get()), sealed.map_or(0, |s| s.late))
        })
        .collect()
}

use Measure::{DocumentsAdded, StorageGibHours};

#[test]
fn at_most_thirty_one_days_are_asked_for_and_not_backwards() {
    assert!(Hours::new(hour(0), hour(0)).is_ok(), "one hour");
    assert!(Hours::new(hour(0), hour(743)).is_ok(), "31 days");
    assert_eq!(Hours::new(hour(0), hour(744)), Err(InvalidHours::TooMany));
    assert_eq!(Hours::new(hour(1), hour(0)), Err(InvalidHours::Backwards));
    assert!(Hours::new(Hour::MAX, Hour::MAX).is_ok());
}

#[test]
fn sealed_hours_show_what_is_billed_and_open_hours_what_was_used() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1", 0));
    tenant.uses(DocumentsAdded, 2, 0);
    tenant.uses(StorageGibHours, GIB + 1, 0);
    tenant.uses(DocumentsAdded, 3, 2);
    tenant.seals(&licence, 1);
    let part = tenant.lines(hours(0, 5), 10);
    assert_eq!(
        of(&part.lines, DocumentsAdded)[..3],
        [(0, 2, Some(2), 0), (1, 0, Some(0), 0), (2, 3, None, 0)]
    );
    let stored = of(&part.lines, StorageGibHours);
    assert_eq!(stored[..3], [(0, 2, Some(2), 0), (1, 2, Some(2), 0), (2, 2, None, 0)]);
    assert_eq!(part.lines[0].dimension.as_str(), "added");
    assert_eq!(part.lines[0].sealed.as_ref().unwrap().license, licence.license);
    assert_eq!(part.next, None);
}

#[test]
fn an_hour_without_use_that_nobody_sealed_has_no_line() {
    let mut tenant = Tenant::new(LateUsage::Report);
    assert_eq!(tenant.lines(hours(0, 9), 10), Part { lines: Vec::new(), next: None });
    let statement =
        Statement::new(Vec::new(), Vec::new(), Hours::new(Hour::MAX, Hour::MAX).unwrap(), 10).unwrap();
    assert!(
        statement.lines(&Sums::default(), Hour::MAX, &dimensions()).unwrap().lines.is_empty(),
        "and it ends"
    );
    tenant.uses(DocumentsAdded, 1, 4);
    assert_eq!(of(&tenant.lines(hours(0, 9), 10).lines, DocumentsAdded), [(4, 1, None, 0)]);
}

#[test]
fn late_usage_is_shown_before_the_aggregator_has_looked_back() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1", 0));
    tenant.uses(DocumentsAdded, 2, 0);
    tenant.seals(&licence, 0);
    tenant.uses(DocumentsAdded, 5, 0);
    assert_eq!(of(&tenant.lines(hours(0, 0), 10).lines, DocumentsAdded), [(0, 7, Some(2), 5)]);
}

#[test]
fn what_was_carried_is_seen_at_both_its_ends() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Carry), licence("1", 0));
    tenant.uses(DocumentsAdded, 2, 0);
    tenant.seals(&licence, 0);
    tenant.uses(DocumentsAdded, 5, 0);
    tenant.uses(DocumentsAdded, 1, 1);
    tenant.looks_back(&licence, 1);
    tenant.seals(&licence, 1);
    let lines = tenant.lines(hours(0, 1), 10).lines;
    assert_eq!(of(&lines, DocumentsAdded), [(0, 7, Some(2), 5), (1, 1, Some(6), 0)]);
    let moved: Vec<_> =
        lines.iter().filter_map(|line| line.sealed.as_ref()).map(|s| (s.carried, s.brought)).collect();
    assert_eq!((moved[0], moved[3]), ((5, 0), (0, 5)));
}

#[test]
fn usage_after_the_end_is_open_until_the_next_licence_is_sealed_and_then_late() {
    let (mut tenant, first) = (Tenant::new(LateUsage::Report), licence("1", 0));
    tenant.uses(DocumentsAdded, 1, 0);
    let ended = Licence { until: Some(hour(1).start().plus(30)), ..first };
    tenant.seals(&ended, 1);
    tenant.uses(DocumentsAdded, 4, 3);
    assert_eq!(
        of(&tenant.lines(hours(0, 9), 10).lines, DocumentsAdded),
        [(0, 1, Some(1), 0), (1, 0, Some(0), 0), (3, 4, None, 0)]
    );
    assert_eq!(
        of(&tenant.lines(hours(2, 9), 10).lines, DocumentsAdded),
        [(3, 4, None, 0)],
        "seen from behind it"
    );
    tenant.seals(&licence("2", 5), 6);
    assert_eq!(
        of(&tenant.lines(hours(0, 9), 10).lines, DocumentsAdded),
        [(0, 1, Some(1), 0), (1, 4, Some(0), 4), (5, 0, Some(0), 0), (6, 0, Some(0), 0)]
    );
}

#[test]
fn a_statement_whose_usage_is_not_all_summed_ends_before_what_is_missing() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1", 0));
    for at in 0..8 {
        tenant.uses(DocumentsAdded, 1, at);
    }
    tenant.seals(&licence, 3);
    for (summed_to, shown) in [(0, 1), (2, 3), (3, 4), (5, 6), (7, 8)] {
        let statement = tenant.statement(hours(0, 7), 100);
        let sums = tenant.summed(statement.sums_from(), hour(summed_to));
        let part = statement.lines(&sums, hour(summed_to), &dimensions()).unwrap();
        assert_eq!(of(&part.lines, DocumentsAdded).len(), shown, "{summed_to}");
        assert_eq!(part.next, (shown < 8).then(|| hour(summed_to + 1)));
    }
    let statement = tenant.statement(hours(2, 7), 100);
    let nothing = statement.lines(&Sums::default(), hour(1), &dimensions()).unwrap();
    assert_eq!(nothing, Part { lines: Vec::new(), next: Some(hour(2)) }, "not even the first");
}

#[test]
fn a_ledger_without_its_beginning_is_refused() {
    let (mut tenant, licence) = (Tenant::new(LateUsage::Report), licence("1", 0));
    tenant.uses(DocumentsAdded, 1, 0);
    tenant.seals(&licence, 4);
    let later = tenant.chain.entries()[2..].to_vec();
    assert!(Statement::new(Vec::new(), later, hours(2, 9), 10).is_err());
}

fn events() -> impl Strategy<Value = Vec<(usize, i64, u32)>> {
    prop::collection::vec((0..3_usize, 1..3 * GIB, 0..24_u32), 0..40)
}

proptest! {
    /// Whatever was used before and after sealing, and however it is paged.
    #[test]
    fn a_statement_adds_up(
        before in events(),
        after in events(),
        closed in 0..20_u32,
        end in prop::option::of(3..18_u32),
        from in 0..24_u32,
        length in 1..24_u32,
        size in 1..30_usize,
        carry in any::<bool>(),
    ) {
        let mut tenant = Tenant::new(if carry { LateUsage::Carry } else { LateUsage::Report });
        let first = licence("1", 2);
        tenant.uses_all(&before);
        match end {
            None => tenant.seals(&first, closed),
            Some(end) => {
                let until = Some(hour(end).start().plus(1));
                tenant.seals(&Licence { until, ..first.clone() }, closed);
                tenant.seals(&licence("2", end + 2), closed);
            }
        }
        tenant.uses_all(&after);
        let fresh = tenant.paged(hours(0, 60), 1000);
        tenant.looks_back(&if end.is_some() { licence("2", 30) } else { first }, 40);
        let whole = tenant.paged(hours(0, 60), 1000);
        prop_assert_eq!(&fresh, &whole, "the aggregator's looking back shows nothing new");
        for line in &whole {
            if let Some(sealed) = &line.sealed {
                prop_assert_eq!(i64::from(sealed.quantity), line.used - sealed.late + sealed.brought);
            }
        }
        for measure in [Measure::DocumentsAdded, Measure::SharesCreated] {
            let used: i64 = whole.iter().filter(|line| line.measure == measure).map(|line| line.used).sum();
            let events = tenant.sums.between(measure, None, hour(60)).unwrap();
            prop_assert_eq!(used, events, "each event is on one line");
        }
        for line in whole.iter().filter(|line| line.measure.is_level()) {
            let held = gib(tenant.sums.between(line.measure, None, line.hour).unwrap());
            prop_assert_eq!(line.used, held, "{}", line.hour);
        }
        let asked = hours(from, from + length - 1);
        let is_asked = |hour: Hour| (asked.from()..=asked.to()).contains(&hour);
        let paged = tenant.paged(asked, size);
        let within: Vec<_> = whole.into_iter().filter(|line| is_asked(line.hour)).collect();
        prop_assert_eq!(paged, within, "in whatever pages");
    }
}
