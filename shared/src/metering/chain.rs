//! Sealing: which hour of a tenant is sealed next, with which quantities, and what looking back finds. Pure.
//!
//! ## The rules
//!
//! - **One chain.** The entries of a tenant follow each other. Each sums the events of its *span*, and the spans
//!   leave no gap: what a slow clock stamped before the first hour is in the first span, and what comes after a
//!   subscription's end is in the span of its last entry. So every event is in exactly one span, for ever.
//! - **One beginning.** The tenant's first slot follows from when its licence began, which is told anew from time
//!   to time; an item of the ledger names it, and is written with the first entry. After that, the entry that
//!   follows one is that of the hour after it, so two runs want to write the same item, and one of them fails.
//! - **Counted.** What is counted is billed in the hour that the writer stamped.
//! - **Levels.** `storage_gib_hours` of an hour are the bytes held at its end, rounded up to whole GiB, none for
//!   none: the sealed checkpoint before it and the hour's signed events. The end of the hour, and not the mean or
//!   the peak, because it needs one number per hour, follows exactly from the events, and no moment counts in
//!   two hours; what comes and goes within an hour is then not billed, what stays is billed from its first hour.
//! - **The end.** The last entry is that of the hour in which the subscription ended. It is sealed at once, with
//!   what is there; of a level, with what is held then. Later usage is late usage of it, and a level that falls
//!   afterwards gives nothing back.
//! - **Two licences in one hour.** Where another licence takes over in mid-hour, its entry of that hour has what
//!   the hour's usage is more than was sealed for the licence before it. So each unit is on one bill: up to the moment
//!   when the old licence's last hour was sealed on the old one's, after it on the new one's; and a level of that hour
//!   on one.
//! - **One after the other.** A licence to which the tenant came from another one waits until that one's last hour is
//!   sealed, and so do those after it: or what was used before a renewal would be billed as used after it.
//! - **Late.** Looking back sums the spans again. What is more than was sealed is the record's `late` amount, to
//!   be seen and alarmed; below zero (a level that was sealed too high) too. A level is true again from the next
//!   hour on in any case: the next entry opens with the corrected bytes.

use super::{
    dimensions::Dimensions,
    hour::{Hour, Second},
    ledger::{Brought, Entry, Record, Sent, Slot, State},
    quantity::{Quantity, gib},
    usage::{Measure, SumOverflow, Sums},
};
use crate::{
    ids::TenantId,
    marketplace::ids::{AccountId, LicenseArn},
};

/// A licence, as its subscription has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// Which.
    pub license: LicenseArn,
    /// The buyer's account.
    pub account: AccountId,
    /// Who uses it.
    pub tenant: TenantId,
    /// The newest permission to use it: its newest License Updated.
    pub since: Second,
    /// How the tenant came to it; none where it was registered with it.
    pub came: Option<Came>,
    /// When it ended; none while it is in use.
    pub until: Option<Second>,
}

/// A tenant's coming to a licence from the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// The licence that it has left.
    pub from: LicenseArn,
    /// Since when it is on the other one.
    pub at: Second,
}

/// What is done about usage that arrives after its hour was sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LateUsage {
    /// It is shown, with its amount, and alarmed; a person decides. The default: that usage of one hour may be
    /// billed in another is nowhere documented by AWS, and the grace makes it all but impossible.
    #[default]
    Report,
    /// The next hour that is sealed for the same licence takes it along, and says from where.
    Carry,
}

/// What sealing follows, beside the usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What is billed as what.
    pub dimensions: Dimensions,
    /// Whether licences that used nothing send records of zero. They keep the Marketplace's view of us an hour
    /// old at most, and AWS's review asks for them.
    pub zero_records: bool,
    /// What is done about late usage.
    pub late_usage: LateUsage,
}

/// Entries that are no chain. An incident: somebody else wrote into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entries of the ledger are no chain")]
pub struct BrokenChain;

/// What is to be done next for a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// An hour is to be sealed.
    Seal(Seal),
    /// The subscription ended in an hour that is sealed already: its newest entry is marked as the last.
    Close(Second),
    /// Another licence of the tenant has its turn until it ends.
    Wait,
    /// Nothing yet.
    Nothing,
}

/// An hour that is to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// Its place.
    pub slot: Slot,
    /// Its span's first hour; none: from the beginning.
    pub from: Option<Hour>,
    /// When the subscription ended, if this is its last entry.
    pub ended: Option<Second>,
}

/// The newest entries of a tenant: all of some hour and later, and at least one before those unless the first
/// of all is among them.
#[derive(Debug, Clone)]
pub struct Chain {
    entries: Vec<Entry>,
}

/// The entries of one hour, their span, and the bytes in it.
struct Span<'a> {
    group: &'a [Entry],
    from: Option<Hour>,
    to: Hour,
    opening: i64,
    closing: i64,
}

impl Span<'_> {
    fn hour(&self) -> Hour {
        self.group.first().map_or(Hour::MAX, |entry| entry.slot.hour)
    }
}

impl Chain {
    /// The entries, oldest first.
    ///
    /// # Errors
    /// When they are of several tenants, not in order, or without one to begin from.
    pub fn new(entries: Vec<Entry>) -> Result<Self, BrokenChain> {
        let follows = |a: &Entry, b: &Entry| {
            a.tenant == b.tenant && a.slot < b.slot && (b.from.is_some() || a.slot.hour == b.slot.hour)
        };
        let in_order = entries.is_sorted_by(follows);
        let has_base = entries.first().is_none_or(|first| first.is_first() || entries.len() > 1);
        if in_order && has_base { Ok(Self { entries }) } else { Err(BrokenChain) }
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes up an entry that was written: a new one at its end, or another version of one of them.
    pub fn take_up(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|known| known.slot == entry.slot) {
            Some(known) => *known = entry,
            None => self.entries.push(entry),
        }
    }

    /// From which hour on usage has to be summed to look back and to seal; none: from the beginning.
    #[must_use]
    pub fn sums_from(&self) -> Option<Hour> {
        self.judged().0.first().and_then(|entry| entry.from)
    }

    /// What is to be done next for `licence`. `closed`: the newest hour that may be sealed while it is in use;
    /// of a licence that ended every hour may, up to that of its end.
    #[must_use]
    pub fn next(&self, licence: &Licence, closed: Hour) -> Next {
        let end = licence.until.map(|until| (until, Hour::of(until)));
        let seal = |slot: Slot, from| match end {
            Some((until, last)) if slot.hour == last => Next::Seal(Seal { slot, from, ended: Some(until) }),
            Some((_, last)) if slot.hour < last => Next::Seal(Seal { slot, from, ended: None }),
            Some((until, _)) => Next::Close(until),
            None if slot.hour <= closed => Next::Seal(Seal { slot, from, ended: None }),
            None => Next::Nothing,
        };
        let start_at = |since: Second| Hour::of(licence.until.map_or(since, |until| until.min(since)));
        if self.is_to_come(licence) {
            return self.first_of_successor(licence, closed);
        }
        let Some(newest) = self.entries.last() else {
            return seal(Slot::first(start_at(licence.since)), None);
        };
        let following = newest.slot.hour.next();
        let is_own = newest.license == licence.license;
        let Some(ended) = newest.ended else {
            return match is_own {
                true => seal(Slot::first(following), Some(following)),
                false if end.is_some() => Next::Nothing,
                false => Next::Wait,
            };
        };
        let goes_on =
            if is_own { licence.since > ended } else { licence.until.is_none_or(|until| until > ended) };
        if !goes_on {
            return Next::Nothing;
        }
        let start = start_at(licence.since);
        let group = self.group(newest.slot.hour);
        let had_its_turn = group.iter().any(|entry| entry.license == licence.license);
        if start <= newest.slot.hour && !had_its_turn && newest.slot.turn < Slot::TURN_MAX {
            let slot = Slot { turn: newest.slot.turn + 1, ..newest.slot };
            return seal(slot, Some(newest.slot.hour));
        }
        let hour = start.max(following);
        seal(Slot::first(hour), Some(hour))
    }

    /// Whether a licence to which the tenant came from another one has still to have its turn: nothing is sealed of it,
    /// nor of what follows it.
    fn is_to_come(&self, licence: &Licence) -> bool {
        let Some(came) = &licence.came else { return false };
        let Some(newest) = self.entries.last() else { return true };
        let is_before =
            newest.license == came.from || licence.until.is_none() || newest.slot.hour <= Hour::of(came.at);
        is_before && !self.entries.iter().any(|entry| entry.license == licence.license)
    }

    /// What is to be done for it: it waits for the last entry of the licence before, and then has one of its own,
    /// however short it was in use, for what follows it waits in turn. It begins where the tenant came to it, however
    /// often it was permitted since.
    fn first_of_successor(&self, licence: &Licence, closed: Hour) -> Next {
        let (Some(came), Some(newest)) = (&licence.came, self.entries.last()) else { return Next::Wait };
        if newest.license != came.from || newest.ended.is_none() {
            return Next::Wait;
        }
        let start = Hour::of(licence.until.map_or(came.at, |until| until.min(came.at)));
        let (slot, from) = if start <= newest.slot.hour && newest.slot.turn < Slot::TURN_MAX {
            (Slot { turn: newest.slot.turn + 1, ..newest.slot }, newest.slot.hour)
        } else {
            let hour = start.max(newest.slot.hour.next());
            (Slot::first(hour), hour)
        };
        let ended = licence.until.filter(|until| Hour::of(*until) <= slot.hour);
        match licence.until {
            None if slot.hour > closed => Next::Nothing,
            _ => Next::Seal(Seal { slot, from: Some(from), ended }),
        }
    }

    /// Whether the metering of a licence that has ended is over: its last hour is sealed, and nothing of it is still
    /// to be sent or held.
    #[must_use]
    pub fn is_over(&self, licence: &Licence) -> bool {
        let is_open = |entry: &Entry| entry.license == licence.license && entry.is_open();
        licence.until.is_some()
            && self.next(licence, Hour::MAX) == Next::Nothing
            && !self.entries.iter().any(is_open)
    }

    /// The entries that looking back changes, in their next version. `closed`: the newest closed hour; the span of a
    /// subscription's last entry is judged only once the hour after next is closed, because until then another
    /// licence may still take its turn.
    ///
    /// # Errors
    /// When a sum overflows.
    pub fn look_back(&self, sums: &Sums, next: Next, closed: Hour) -> Result<Vec<Entry>, SumOverflow> {
        let newest_is_last = self.entries.last().is_some_and(|newest| newest.ended.is_some());
        let (newest_to, judges_newest) = match next {
            Next::Seal(seal) if newest_is_last && seal.slot.turn > 0 => (seal.slot.hour, false),
            Next::Seal(seal) if newest_is_last => (seal.slot.hour.prev(), true),
            _ if newest_is_last => {
                (closed.prev(), self.entries.last().is_some_and(|newest| newest.slot.hour < closed))
            }
            _ => (Hour::MAX, true),
        };
        let spans = self.spans(sums, newest_to)?;
        let judged = spans.len() - usize::from(!judges_newest && !spans.is_empty());
        let mut changed = Vec::new();
        for span in spans.iter().take(judged) {
            let turns = span.group.len();
            for (turn, entry) in span.group.iter().enumerate() {
                let mut after = entry.clone();
                let is_last_turn = turn + 1 == turns;
                after.drift = if is_last_turn { span.closing.saturating_sub(entry.held) } else { 0 };
                for record in &mut after.records {
                    record.late = if is_last_turn { late(span, record.measure, sums)? } else { 0 };
                }
                if after != *entry {
                    changed.push(after.in_next_version());
                }
            }
        }
        Ok(changed)
    }

    /// The entry that seals an hour at `now`, and the earlier entries that change with it, each in its next
    /// version: one write, of all or of none.
    ///
    /// # Errors
    /// When a sum overflows.
    pub fn seal(
        &self,
        seal: Seal,
        licence: &Licence,
        rules: &Rules,
        sums: &Sums,
        now: Second,
    ) -> Result<(Entry, Vec<Entry>), SumOverflow> {
        let hour = seal.slot.hour;
        let spans = self.spans(sums, if seal.slot.turn > 0 { hour } else { hour.prev() })?;
        let before = if seal.slot.turn > 0 { self.group(hour) } else { &[] };
        let (from, opening) = match spans.last() {
            Some(span) if seal.slot.turn > 0 => (span.from, span.opening),
            Some(span) => (seal.from, span.closing),
            None => (seal.from, 0),
        };
        let held = opening.saturating_add(sums.between(Measure::StorageGibHours, from, hour)?);
        let mut changed: Vec<Entry> = Vec::new();
        let mut change = |entry: &Entry, by: &dyn Fn(&mut Entry)| {
            if !changed.iter().any(|one| one.slot == entry.slot) {
                changed.push(entry.clone().in_next_version());
            }
            changed.iter_mut().filter(|one| one.slot == entry.slot).for_each(by);
        };
        // Its span ends here now: whoever has judged it without a successor must not write that any more. And what was
        // late in its own hour is this entry's.
        if let Some(last) = self.entries.last().filter(|newest| newest.ended.is_some()) {
            change(last, &|entry| {
                if seal.slot.turn > 0 {
                    entry.drift = 0;
                    entry.records.iter_mut().for_each(|record| record.late = 0);
                }
            });
        }
        let mut records = Vec::new();
        for (measure, dimension) in rules.dimensions.iter() {
            let used = if measure.is_level() { gib(held) } else { sums.between(measure, from, hour)? };
            let taken: i64 = before.iter().filter_map(|entry| entry.record(measure)).map(Record::own).sum();
            let mut quantity = Quantity::at_most(used.saturating_sub(taken));
            let mut brought = Vec::new();
            for entry in self.carries(licence, seal.slot, rules) {
                let owed = entry.record(measure).map_or(0, Record::outstanding);
                let sum = Quantity::at_most(i64::from(quantity).saturating_add(owed));
                let units = i64::from(sum) - i64::from(quantity);
                if owed > 0 && units > 0 {
                    quantity = sum;
                    brought.push(Brought { from: entry.slot, units });
                    change(entry, &|entry| {
                        for record in entry.records.iter_mut().filter(|one| one.measure == measure) {
                            record.carried = record.carried.saturating_add(units);
                        }
                    });
                }
            }
            let state = if quantity == Quantity::default() && !rules.zero_records {
                State::Idle
            } else if now >= hour.deadline() {
                State::Expired { sent: Sent::Never }
            } else {
                State::Sealed
            };
            let dimension = dimension.clone();
            records.push(Record { dimension, measure, quantity, brought, state, late: 0, carried: 0 });
        }
        let open = self.entries.iter().filter(|entry| entry.is_open()).map(|entry| entry.slot.hour);
        let entry = Entry {
            tenant: licence.tenant,
            slot: seal.slot,
            license: licence.license.clone(),
            account: licence.account.clone(),
            from,
            opening,
            held,
            drift: 0,
            ended: seal.ended,
            open_since: open.min().map_or(hour, |open| open.min(hour)),
            records,
            version: 1,
        };
        Ok((entry, changed))
    }

    /// The newest entry, marked as the last one of a subscription that ended then, in its next version; `None`
    /// where it says so already.
    #[must_use]
    pub fn close(&self, ended: Second) -> Option<Entry> {
        let newest = self.entries.last().filter(|newest| newest.ended != Some(ended))?;
        Some(Entry { ended: Some(ended), ..newest.clone() }.in_next_version())
    }

    /// Entries whose late usage a seal may take along: of the same licence, and judged.
    fn carries<'a>(
        &'a self,
        licence: &'a Licence,
        into: Slot,
        rules: &Rules,
    ) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let carries = rules.late_usage == LateUsage::Carry;
        let (judged, _) = self.judged();
        judged
            .iter()
            .filter(move |entry| carries && entry.license == licence.license && entry.slot.hour < into.hour)
    }

    fn group(&self, hour: Hour) -> &[Entry] {
        let first = self.entries.partition_point(|entry| entry.slot.hour < hour);
        let after = self.entries.partition_point(|entry| entry.slot.hour <= hour);
        self.entries.get(first..after).unwrap_or_default()
    }

    /// The entries that are judged, and the bytes held when the first of their spans began.
    fn judged(&self) -> (&[Entry], i64) {
        match self.entries.split_first() {
            Some((first, rest)) if !first.is_first() => (rest, first.held.saturating_add(first.drift)),
            _ => (&self.entries, 0),
        }
    }

    /// The spans of the judged entries. A last entry's span goes on until the next entry's begins, and that of
    /// the newest one to `newest_to`.
    fn spans(&self, sums: &Sums, newest_to: Hour) -> Result<Vec<Span<'_>>, SumOverflow> {
        let (judged, mut level) = self.judged();
        let mut groups = judged.chunk_by(|a, b| a.slot.hour == b.slot.hour).peekable();
        let mut spans = Vec::new();
        while let Some(group) = groups.next() {
            let Some(first) = group.first() else { continue };
            let hour = first.slot.hour;
            let is_last = group.last().is_some_and(|entry| entry.ended.is_some());
            let to = match groups.peek().and_then(|following| following.first()) {
                Some(following) => following.from.map_or(hour, Hour::prev),
                None if is_last => newest_to,
                None => hour,
            };
            let to = to.max(hour);
            let opening = level;
            level = level.saturating_add(sums.between(Measure::StorageGibHours, first.from, to)?);
            spans.push(Span { group, from: first.from, to, opening, closing: level });
        }
        Ok(spans)
    }
}

/// How much more was used in a span than was sealed for it.
fn late(span: &Span<'_>, measure: Measure, sums: &Sums) -> Result<i64, SumOverflow> {
    let used = if measure.is_level() {
        gib(span.opening.saturating_add(sums.between(measure, span.from, span.hour())?))
    } else {
        sums.between(measure, span.from, span.to)?
    };
    let sealed: i64 = span.group.iter().filter_map(|entry| entry.record(measure)).map(Record::own).sum();
    let late = used.saturating_sub(sealed);
    let was_flushed = span.group.iter().any(|entry| entry.ended.is_some());
    Ok(if measure.is_level() && was_flushed { late.max(0) } else { late })
}

#[cfg(test)]
mod tests;
