//! What a tenant is shown of its usage: hour by hour what was used, what of it was sealed, and what became of that.
//! Pure.
//!
//! A sealed hour is looked back at with the very rules that bill it ([`Chain::look_back`]), on the events as they are
//! now. So `used` is the truth of this moment, also where the aggregator has not looked back yet, and each line adds
//! up: `sealed = used − late + brought`. What was held two hours before a part's first one is what the ledger
//! has of it.
//!
//! An hour after the newest sealed one is *open*, and shown if something was used or held in it. Usage after a
//! subscription's end is open likewise, until the first hour of the licence that follows is sealed: from then on it is
//! late usage of the last hour, as [`super::chain`] has it. Of a level that fell after its last hour was sealed nothing
//! is given back, and nothing shown.

use super::{
    chain::{BrokenChain, Chain, Next, Seal},
    dimensions::{Dimension, Dimensions},
    hour::Hour,
    ledger::{Entry, Record, Slot, State},
    quantity::{Quantity, gib},
    usage::{Measure, SumOverflow, Sums},
};
use crate::marketplace::ids::LicenseArn;

/// The hours that are asked for: 1 to 744, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: Hour,
    to: Hour,
}

/// Hours that nobody may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHours {
    /// They end before they begin.
    #[error("`to` is before `from`")]
    Backwards,
    /// They are too many.
    #[error("`from` and `to` are more than 31 days apart")]
    TooMany,
}

impl Hours {
    /// The most: 31 days.
    pub const MAX: u32 = 31 * 24;

    /// # Errors
    /// When they end before they begin, or are more than [`Self::MAX`].
    pub fn new(from: Hour, to: Hour) -> Result<Self, InvalidHours> {
        if to < from {
            Err(InvalidHours::Backwards)
        } else if to > from.forward(Self::MAX - 1) {
            Err(InvalidHours::TooMany)
        } else {
            Ok(Self { from, to })
        }
    }

    /// The first.
    #[must_use]
    pub const fn from(self) -> Hour {
        self.from
    }

    /// The last.
    #[must_use]
    pub const fn to(self) -> Hour {
        self.to
    }
}

/// One dimension of one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The hour.
    pub hour: Hour,
    /// As listed.
    pub dimension: Dimension,
    /// What is measured.
    pub measure: Measure,
    /// How much was used; of a level: held at the hour's end.
    pub used: i64,
    /// What was sealed; none while the hour is open.
    pub sealed: Option<Sealed>,
}

/// What a line says of an hour that was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The licence that is billed.
    pub license: LicenseArn,
    /// What is billed.
    pub quantity: Quantity,
    /// What became of it.
    pub state: State,
    /// How much of `used` was not there yet when the hour was sealed.
    pub late: i64,
    /// How much of that a later hour has taken along.
    pub carried: i64,
    /// How much of the quantity is late usage of earlier hours.
    pub brought: i64,
}

/// Some hours of a statement, and with which hour the next part begins; none after the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// By hour, oldest first.
    pub lines: Vec<Line>,
    /// The next part's first hour.
    pub next: Option<Hour>,
}

/// What the ledger has of the hours that are asked for.
#[derive(Debug, Clone)]
pub struct Statement {
    /// With the newest hour before those, the entry before that, and the first one behind the last hour that is shown.
    chain: Chain,
    asked: Hours,
    /// The last hour that is shown.
    last: Hour,
    /// How many hours may be shown.
    size: usize,
}

impl Statement {
    /// How many entries before the hours that are asked for are enough: one hour's, and one.
    pub const BEFORE: u8 = Slot::TURN_MAX + 2;

    /// `before` are the newest entries before the hours that are asked for, [`Self::BEFORE`] or all there are; `entries`
    /// are theirs, and may go on behind them; both oldest first. At most `size` hours are shown, and at least one.
    ///
    /// Where a subscription ended, what was used until the next entry belongs to its last hour. So if the last of theirs
    /// [ended](Entry::ended), the entry that follows has to be among `entries`, if there is one.
    ///
    /// # Errors
    /// When the entries are no chain.
    pub fn new(
        mut before: Vec<Entry>,
        mut entries: Vec<Entry>,
        asked: Hours,
        size: usize,
    ) -> Result<Self, BrokenChain> {
        let size = size.max(1);
        let mut hours = entries.chunk_by(|a, b| a.slot.hour == b.slot.hour);
        let last = hours.nth(size - 1).and_then(<[Entry]>::first).map_or(asked.to, |entry| entry.slot.hour);
        let last = last.min(asked.to);
        let shown = entries.partition_point(|entry| entry.slot.hour <= last);
        entries.truncate(shown + 1);
        if before.is_empty() && entries.first().is_some_and(|first| !first.is_first()) {
            return Err(BrokenChain);
        }
        // What is held at the end of the hour before them is summed anew, from what is known of the hour before that.
        let newest = before.last().map(|entry| entry.slot.hour);
        let group = before.partition_point(|entry| Some(entry.slot.hour) < newest);
        before.drain(..group.saturating_sub(1));
        before.append(&mut entries);
        Ok(Self { chain: Chain::new(before)?, asked, last, size })
    }

    /// From which hour on usage has to be summed; none: from the beginning.
    #[must_use]
    pub fn sums_from(&self) -> Option<Hour> {
        self.chain.sums_from()
    }

    /// The last hour whose usage has to be summed.
    #[must_use]
    pub fn sums_to(&self) -> Hour {
        let following = self.chain.entries().last().filter(|entry| entry.slot.hour > self.last);
        following.and_then(|entry| entry.from).map_or(self.last, |from| from.prev().max(self.last))
    }

    /// The lines, by the sums of the events; these have all events up to `summed_to`. Less than [`Self::sums_to`] makes
    /// a shorter part.
    ///
    /// # Errors
    /// When a sum overflows.
    pub fn lines(&self, sums: &Sums, summed_to: Hour, dimensions: &Dimensions) -> Result<Part, SumOverflow> {
        let chain = looked_back(&self.chain, sums)?;
        let mut lines = Vec::new();
        let mut size = self.size;
        let mut groups = chain.entries().chunk_by(|a, b| a.slot.hour == b.slot.hour).peekable();
        while let Some(group) = groups.next() {
            let Some(hour) = group.first().map(|entry| entry.slot.hour) else { continue };
            if hour < self.asked.from {
                continue;
            }
            if hour > self.last {
                return Ok(Part { lines, next: self.next_after(self.last) });
            }
            let following = groups.peek().and_then(|group| group.first()?.from);
            if following.map_or(hour, Hour::prev).max(hour) > summed_to {
                return Ok(Part { lines, next: Some(hour) });
            }
            lines.extend(
                group.iter().flat_map(|entry| entry.records.iter().map(|record| line(entry, record))),
            );
            size -= 1;
        }
        let newest = chain.entries().last();
        let since = newest.map(|entry| entry.slot.hour.next());
        let level = newest.map_or(0, |entry| entry.held.saturating_add(entry.drift));
        let mut hour = since.map_or(self.asked.from, |since| since.max(self.asked.from));
        let last = self.last.min(summed_to);
        // Nothing follows the last hour of all, and nobody will be there to be shown it.
        while hour <= last && hour < Hour::MAX && size > 0 {
            let open = open(hour, since, level, sums, dimensions)?;
            if open.iter().any(|line| line.used != 0) {
                lines.extend(open);
                size -= 1;
            }
            hour = hour.next();
        }
        Ok(Part { lines, next: self.next_after(hour.prev().min(last)) })
    }

    fn next_after(&self, shown: Hour) -> Option<Hour> {
        (shown < self.asked.to).then(|| shown.next())
    }
}

/// The chain with its entries' late usage as the events are now. What follows the end of a subscription is left open.
fn looked_back(chain: &Chain, sums: &Sums) -> Result<Chain, SumOverflow> {
    let mut after = chain.clone();
    if let Some(newest) = chain.entries().last() {
        let following = newest.slot.hour.next();
        let next = Next::Seal(Seal { slot: Slot::first(following), from: Some(following), ended: None });
        chain.look_back(sums, next, following)?.into_iter().for_each(|entry| after.take_up(entry));
    }
    Ok(after)
}

fn line(entry: &Entry, record: &Record) -> Line {
    Line {
        hour: entry.slot.hour,
        dimension: record.dimension.clone(),
        measure: record.measure,
        used: record.own().saturating_add(record.late),
        sealed: Some(Sealed {
            license: entry.license.clone(),
            quantity: record.quantity,
            state: record.state.clone(),
            late: record.late,
            carried: record.carried,
            brought: record.brought.iter().map(|one| one.units).sum(),
        }),
    }
}

/// The lines of an open hour; `level` is what was held before `since`.
fn open(
    hour: Hour,
    since: Option<Hour>,
    level: i64,
    sums: &Sums,
    dimensions: &Dimensions,
) -> Result<Vec<Line>, SumOverflow> {
    let used = |measure: Measure| {
        Ok(if measure.is_level() {
            gib(level.saturating_add(sums.between(measure, since, hour)?))
        } else {
            sums.between(measure, Some(hour), hour)?
        })
    };
    let line = |(measure, dimension): (Measure, &Dimension)| {
        Ok(Line { hour, dimension: dimension.clone(), measure, used: used(measure)?, sealed: None })
    };
    dimensions.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
