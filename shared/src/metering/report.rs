//! What a run did and found, in numbers: for its log line, its metrics and alarms, and the table of its cost.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    hour::Hour,
    ledger::{Entry, Record, State},
    outcome::{Exception, Refusal},
    settle::Left,
    usage::Measure,
};

/// The numbers of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Licences that were looked at.
    pub licences: u64,
    /// Times that a tenant's newest entries were read.
    pub ledger_reads: u64,
    /// Pages of usage that were read.
    pub usage_reads: u64,
    /// Usage events in them.
    pub events: u64,
    /// Writes to the ledger.
    pub ledger_writes: u64,
    /// How many of them were transactions over several entries.
    pub transactions: u64,
    /// Rounds that began anew because another run was faster.
    pub conflicts: u64,
    /// Hours of licences that were sealed.
    pub entries_sealed: u64,
    /// Records in them that are to be sent.
    pub records_sealed: u64,
    /// Requests to the Marketplace.
    pub calls: u64,
    /// Records in them.
    pub records_sent: u64,
    /// Requests that were not answered, or throttled.
    pub failures: u64,
    /// Requests that were halved.
    pub halvings: u64,
    /// Records that came back unprocessed or not at all.
    pub unprocessed: u64,
    /// Records that were accepted.
    pub accepted: u64,
    /// Warned of: duplicates that were taken as ours.
    pub accepted_as_duplicate: u64,
    /// Alarmed: another quantity was there.
    pub contested: u64,
    /// Alarmed: no agreement.
    pub not_subscribed: u64,
    /// Alarmed: isolated and given up, by exception.
    pub quarantined: BTreeMap<Exception, u64>,
    /// Alarmed: too late to be billed.
    pub expired: u64,
    /// Their units.
    pub expired_units: u64,
    /// Alarmed: records in answers that were never in a request.
    pub foreign: u64,
    /// Records of which answers contradicted themselves.
    pub contradictory: u64,
    /// Alarmed: requests that an unknown exception refused, or that were one too many to be halved.
    pub refused: u64,
    /// Outcomes that could not be recorded; their records are sent once more.
    pub unrecorded: u64,
    /// Alarmed: entries with late usage that nobody has billed, of those that were looked at.
    pub late: u64,
    /// Their units, or how many were too many.
    pub late_units: u64,
    /// Records that are left for the next run to send.
    pub unsent: u64,
    /// The oldest of their hours.
    pub oldest_unsent: Option<Hour>,
    /// Alarmed: records that are held until their licence is permitted anew.
    pub held: u64,
    /// Licences with more hours to seal than one run does.
    pub behind: u64,
    /// Licences that wait for another one of their tenant to end.
    pub waiting: u64,
    /// Licences, or parts of lists, that a table did not give or take.
    pub unavailable: u64,
    /// Licences that others changed again and again.
    pub contended: u64,
    /// Alarmed: licences whose ledger or usage is not what it must be.
    pub broken: u64,
    /// Alarmed: why nothing more was sent.
    pub halted: Option<Refusal>,
    /// It had to stop before it was done.
    pub is_unfinished: bool,
    /// Units that were used in the hours which were sealed, by measure.
    pub used: BTreeMap<Measure, u64>,
    /// Units that were sealed: as many, unless something was cut off or brought along.
    pub sealed: BTreeMap<Measure, u64>,
    /// Units that were accepted: those on the bill.
    pub billed: BTreeMap<Measure, u64>,
}

impl Report {
    /// Whether everything that could be done was done: if not, the run should be repeated soon.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.unavailable == 0
            && self.contended == 0
            && self.behind == 0
            && self.unrecorded == 0
            && self.unsent == 0
            && self.halted.is_none()
            && !self.is_unfinished
    }

    pub(super) const fn left(&mut self, left: Left) {
        match left {
            Left::Unavailable(_) => self.unavailable += 1,
            Left::Contended => self.contended += 1,
            Left::OutOfTime => self.is_unfinished = true,
            Left::Broken(_) | Left::Overflow(_) | Left::TooMuch => self.broken += 1,
        }
    }

    pub(super) fn sealed(&mut self, entry: &Entry) {
        self.entries_sealed += 1;
        for record in &entry.records {
            self.records_sealed += u64::from(record.state.is_open());
            add(&mut self.sealed, record.measure, u64::from(record.quantity.get()));
            self.became(record);
        }
    }

    /// An entry that this run sealed, looked back at.
    pub(super) fn used(&mut self, entry: &Entry) {
        for record in &entry.records {
            let units = record.own().saturating_add(record.late);
            add(&mut self.used, record.measure, u64::try_from(units).unwrap_or_default());
        }
    }

    /// `after` is `before` with what became of it.
    pub(super) fn settled(&mut self, before: &Entry, after: &Entry) {
        for (was, is) in before.records.iter().zip(&after.records) {
            if was.state != is.state {
                self.became(is);
            }
        }
    }

    pub(super) fn remains(&mut self, entry: &Entry) {
        for record in &entry.records {
            match record.state {
                State::Sealed => {
                    self.unsent += 1;
                    let hour = entry.slot.hour;
                    self.oldest_unsent = Some(self.oldest_unsent.map_or(hour, |oldest| oldest.min(hour)));
                }
                State::NotSubscribed { .. } => self.held += 1,
                _ => {}
            }
        }
    }

    pub(super) fn looked_back(&mut self, entry: &Entry) {
        let units: u64 = entry.records.iter().map(|record| record.outstanding().unsigned_abs()).sum();
        self.late += u64::from(units > 0);
        self.late_units = self.late_units.saturating_add(units);
    }

    fn became(&mut self, record: &Record) {
        let units = u64::from(record.quantity.get());
        match &record.state {
            State::Idle | State::Sealed => {}
            State::Accepted { .. } => {
                self.accepted += 1;
                add(&mut self.billed, record.measure, units);
            }
            State::AcceptedAsDuplicate => {
                self.accepted_as_duplicate += 1;
                add(&mut self.billed, record.measure, units);
            }
            State::Contested => self.contested += 1,
            State::NotSubscribed { .. } => self.not_subscribed += 1,
            State::Quarantined { exception } => *self.quarantined.entry(*exception).or_default() += 1,
            State::Expired { .. } => {
                self.expired += 1;
                self.expired_units = self.expired_units.saturating_add(units);
            }
        }
    }
}

fn add(units: &mut BTreeMap<Measure, u64>, measure: Measure, more: u64) {
    let sum = units.entry(measure).or_default();
    *sum = sum.saturating_add(more);
}
