//! What a tenant used: events, one for each effect, and their sums by hour.
//!
//! An event is written in the transaction of its effect, under the effect's own id, and never changed. The
//! effect itself happens once (its own condition sees to that), so its event is there once, whatever hour the
//! clock of a retry would have stamped. No item is shared, so a busy tenant's writes never wait for each other.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::hour::Hour;
use crate::ids::InvalidId;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Measure {
    /// Documents whose content has arrived as promised. One that never arrives is never counted.
    DocumentsAdded,
    /// Shares that were created.
    SharesCreated,
    /// A level: GiB held at the end of each hour. Its events are bytes: positive as content arrives, negative
    /// as it is released.
    StorageGibHours,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 3] = [Self::DocumentsAdded, Self::SharesCreated, Self::StorageGibHours];

    /// Its name in configuration and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentsAdded => "documents_added",
            Self::SharesCreated => "shares_created",
            Self::StorageGibHours => "storage_gib_hours",
        }
    }

    /// Whether it is how much there is, and not how often something happened.
    #[must_use]
    pub const fn is_level(self) -> bool {
        matches!(self, Self::StorageGibHours)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Measure {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or(InvalidId::expected("measure"))
    }
}

impl TryFrom<String> for Measure {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Measure> for &'static str {
    fn from(measure: Measure) -> Self {
        measure.as_str()
    }
}

/// The id of an effect, which is also its event's: 1 to 128 of `a-z`, `0-9`, `-`, `_` and `/`, such as
/// `document/3f0c…/added`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(String);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_/".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::expected("id of a usage event"))
        }
    }
}

/// One effect's usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent {
    id: EventId,
    measure: Measure,
    amount: i64,
    hour: Hour,
}

/// An amount that cannot be an effect's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot change by that")]
pub struct InvalidAmount(Measure);

impl UsageEvent {
    /// `amount` is how many, or of a level the bytes by which it changes; `hour` is the writer's.
    ///
    /// # Errors
    /// For nothing, and for less than nothing of what is counted: an event is never taken back.
    pub fn new(id: EventId, measure: Measure, amount: i64, hour: Hour) -> Result<Self, InvalidAmount> {
        if amount == 0 || (amount < 0 && !measure.is_level()) {
            return Err(InvalidAmount(measure));
        }
        Ok(Self { id, measure, amount, hour })
    }

    /// Its effect's id.
    #[must_use]
    pub const fn id(&self) -> &EventId {
        &self.id
    }

    /// What it measures.
    #[must_use]
    pub const fn measure(&self) -> Measure {
        self.measure
    }

    /// How many, or by how many bytes.
    #[must_use]
    pub const fn amount(&self) -> i64 {
        self.amount
    }

    /// The hour by its writer's clock.
    #[must_use]
    pub const fn hour(&self) -> Hour {
        self.hour
    }

    /// Its key in the tenant's partition: `usage#2026-11-22T10#ID`; an hour's are one range.
    #[must_use]
    pub fn sort_key(&self) -> String {
        format!("usage#{}#{}", self.hour, self.id)
    }

    /// The keys from one hour (or the beginning) to another, both included: the first and the last that may be.
    /// Neither is an event's.
    #[must_use]
    pub fn keys_between(from: Option<Hour>, to: Hour) -> (String, String) {
        // What follows the hour in a key is `#`; `$` is the next character.
        (from.map_or_else(|| "usage#".to_owned(), |from| format!("usage#{from}#")), format!("usage#{to}$"))
    }

    /// Reads what [`Self::sort_key`] wrote: the hour and the id.
    ///
    /// # Errors
    /// When it is none.
    pub fn read_sort_key(key: &str) -> Result<(Hour, EventId), InvalidId> {
        let invalid = || InvalidId::expected("key of a usage event");
        let (hour, id) =
            key.strip_prefix("usage#").and_then(|rest| rest.split_once('#')).ok_or_else(invalid)?;
        Ok((hour.parse()?, id.parse()?))
    }
}

/// More was used than can be counted: an incident, not a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sum of {0} overflows")]
pub struct SumOverflow(pub Measure);

/// A tenant's usage, summed by measure and hour. Its size follows from the hours that were asked for, not from
/// the events in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<(Measure, Hour), i64>);

impl Sums {
    /// Adds an event.
    ///
    /// # Errors
    /// When a sum overflows.
    pub fn add(&mut self, event: &UsageEvent) -> Result<(), SumOverflow> {
        let sum = self.0.entry((event.measure, event.hour)).or_default();
        *sum = sum.checked_add(event.amount).ok_or(SumOverflow(event.measure))?;
        Ok(())
    }

    /// The sum from one hour (or the beginning) to another, both included.
    ///
    /// # Errors
    /// When it overflows.
    pub fn between(&self, measure: Measure, from: Option<Hour>, to: Hour) -> Result<i64, SumOverflow> {
        let from = from.unwrap_or(Hour::MAX.back(u32::MAX));
        if from > to {
            return Ok(0);
        }
        let mut hours = self.0.range((measure, from)..=(measure, to)).map(|(_, sum)| *sum);
        hours.try_fold(0_i64, i64::checked_add).ok_or(SumOverflow(measure))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metering::Second;

    fn event(measure: Measure, amount: i64, hour: &str) -> UsageEvent {
        UsageEvent::new("document/1/added".parse().unwrap(), measure, amount, hour.parse().unwrap()).unwrap()
    }

    #[test]
    fn an_event_keeps_its_hour_and_its_effect_in_its_key() {
        let event = event(Measure::DocumentsAdded, 1, "2026-11-22T10");
        assert_eq!(event.sort_key(), "usage#2026-11-22T10#document/1/added");
        let (hour, id) = UsageEvent::read_sort_key(&event.sort_key()).unwrap();
        assert_eq!((hour, &id), (event.hour(), event.id()));
        for key in [
            "",
            "usage#",
            "usage#2026-11-22T10",
            "usage#2026-11-22#a",
            "usage#2026-11-22T10#A",
            "x#2026-11-22T10#a",
        ] {
            assert!(UsageEvent::read_sort_key(key).is_err(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn the_keys_between_hours_are_those_of_their_events(at in 0..3_u64, from in 0..3_u64, to in 0..3_u64, open in any::<bool>()) {
            let hour = |h: u64| Hour::of(Second::new(1_795_341_600 + h * 3600));
            let id = "document/1/added".parse().unwrap();
            let key = UsageEvent::new(id, Measure::DocumentsAdded, 1, hour(at)).unwrap().sort_key();
            let from = (!open).then_some(from);
            let (first, last) = UsageEvent::keys_between(from.map(hour), hour(to));
            prop_assert_eq!(first < key && key < last, from.is_none_or(|from| from <= at) && at <= to);
        }
    }

    #[test]
    fn what_is_counted_is_never_taken_back() {
        let (id, hour) = ("share/1".parse::<EventId>().unwrap(), "2026-11-22T10".parse().unwrap());
        assert!(UsageEvent::new(id.clone(), Measure::SharesCreated, -1, hour).is_err());
        assert!(UsageEvent::new(id.clone(), Measure::SharesCreated, 0, hour).is_err());
        assert!(UsageEvent::new(id, Measure::StorageGibHours, -1, hour).is_ok(), "bytes may go");
    }

    #[test]
    fn sums_are_by_measure_and_by_hour_and_do_not_wrap() {
        let mut sums = Sums::default();
        for (measure, amount, hour) in [
            (Measure::DocumentsAdded, 2, "2026-11-22T10"),
            (Measure::DocumentsAdded, 3, "2026-11-22T11"),
            (Measure::StorageGibHours, -7, "2026-11-22T10"),
        ] {
            sums.add(&event(measure, amount, hour)).unwrap();
        }
        let (ten, eleven) = ("2026-11-22T10".parse().unwrap(), "2026-11-22T11".parse().unwrap());
        assert_eq!(sums.between(Measure::DocumentsAdded, None, ten), Ok(2));
        assert_eq!(sums.between(Measure::DocumentsAdded, Some(ten), eleven), Ok(5));
        assert_eq!(sums.between(Measure::DocumentsAdded, Some(eleven), ten), Ok(0), "no hours");
        assert_eq!(sums.between(Measure::StorageGibHours, None, eleven), Ok(-7));
        assert_eq!(sums.between(Measure::SharesCreated, None, eleven), Ok(0));
        sums.add(&event(Measure::StorageGibHours, i64::MIN + 7, "2026-11-22T10")).unwrap();
        let more = event(Measure::StorageGibHours, -1, "2026-11-22T10");
        assert_eq!(sums.add(&more), Err(SumOverflow(Measure::StorageGibHours)));
    }
}
