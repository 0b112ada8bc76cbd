//! Hours of the clock, and until when one may be billed. Knows no clock: every instant is given.
//!
//! Times are whole seconds since 1970, in UTC: the Marketplace knows no finer ones.

use std::{fmt, str::FromStr, time::SystemTime};

use serde::{Deserialize, Serialize};
use time::{
    Date, OffsetDateTime, PrimitiveDateTime, Time,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
};

use crate::ids::InvalidId;

const HOUR_S: u64 = 3600;

/// How far the clock of any of our functions may be off. Lambda's hosts follow the Amazon Time Sync Service to
/// well below a second; five minutes is what AWS itself still accepts in a signature.
pub const SKEW_S: u64 = 300;

/// How long a function that records usage may run: the longest `Timeout` of one in `template.yaml`. What it
/// stamped at its first instant is in the table by then, or never.
pub const WRITE_LASTS_S: u64 = 120;

/// How long after its end an hour is closed: no function can still write into it. An hour is stamped by the
/// writer's clock, which may be [`SKEW_S`] late, and lands up to `write_lasts_s` after that; rounded up to
/// five minutes. Usage that comes later all the same is found by looking back, never lost.
#[must_use]
pub const fn grace_s(write_lasts_s: u64) -> u64 {
    (write_lasts_s + SKEW_S).next_multiple_of(300)
}

/// An instant: whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Second(u64);

impl Second {
    /// `seconds` since 1970.
    #[must_use]
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// So many seconds later.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// So many seconds earlier.
    #[must_use]
    pub const fn minus(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

/// RFC 3339 in UTC: `2026-11-22T10:15:00Z`; nothing for what no year of four digits holds.
impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
        f.write_str(&time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default())
    }
}

/// RFC 3339 with any offset; fractions of a second are cut off.
impl FromStr for Second {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::expected("time such as 2026-11-22T10:15:00Z");
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| invalid())?;
        u64::try_from(time.unix_timestamp()).map(Self).map_err(|_| invalid())
    }
}

impl From<SystemTime> for Second {
    fn from(time: SystemTime) -> Self {
        Self(crate::clock::epoch_s(time))
    }
}

/// One hour of the clock, in UTC: `2026-11-22T10` is all from 10:00:00 to before 11:00:00. Texts sort as hours do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hour(u32);

const TEXT: &[BorrowedFormatItem<'_>] =
    time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]");

impl Hour {
    /// `9999-12-31T23`: a later year has no text of the same length.
    pub const MAX: Self = Self(70_389_527);

    /// The hour that an instant lies in.
    #[must_use]
    pub fn of(at: Second) -> Self {
        u32::try_from(at.0 / HOUR_S).map_or(Self::MAX, |hours| Self(hours).min(Self::MAX))
    }

    /// HH:00:00, which is also the only instant of it that the Marketplace is ever told.
    #[must_use]
    pub fn start(self) -> Second {
        Second(u64::from(self.0) * HOUR_S)
    }

    /// The first instant after it.
    #[must_use]
    pub fn end(self) -> Second {
        self.start().plus(HOUR_S)
    }

    /// The hour after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1)).min(Self::MAX)
    }

    /// The hour before it.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// So many hours before it.
    #[must_use]
    pub const fn back(self, hours: u32) -> Self {
        Self(self.0.saturating_sub(hours))
    }

    /// So many hours after it.
    #[must_use]
    pub fn forward(self, hours: u32) -> Self {
        Self(self.0.saturating_add(hours)).min(Self::MAX)
    }

    /// The newest hour that is closed at `at`: it ended at least `grace_s` earlier.
    #[must_use]
    pub fn closed_at(at: Second, grace_s: u64) -> Self {
        Self::of(at.minus(grace_s)).prev()
    }

    /// The first instant at which the Marketplace refuses it: 24 hours after its beginning, or 06:00 on the
    /// first of the next month if that is sooner.
    ///
    /// "Usage records aren't accepted 24 hours or more after an event. […] We accept usage records for the
    /// previous billing month until 06:00 UTC on the first day of the next month."
    /// <https://docs.aws.amazon.com/marketplacemetering/latest/APIReference/API_BatchMeterUsage.html>
    #[must_use]
    pub fn deadline(self) -> Second {
        let day_later = self.start().plus(24 * HOUR_S);
        next_month(self.date()).map_or(day_later, |first| day_later.min(first.plus(6 * HOUR_S)))
    }

    fn date(self) -> Date {
        let start = i64::try_from(self.start().0).unwrap_or(0);
        OffsetDateTime::from_unix_timestamp(start).map_or(Date::MIN, OffsetDateTime::date)
    }
}

/// The first instant of the month after the one that `date` lies in.
fn next_month(date: Date) -> Option<Second> {
    let month = date.month().next();
    let year = if month == time::Month::January { date.year().checked_add(1)? } else { date.year() };
    let first = Date::from_calendar_date(year, month, 1).ok()?;
    u64::try_from(PrimitiveDateTime::new(first, Time::MIDNIGHT).assume_utc().unix_timestamp())
        .ok()
        .map(Second)
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, hour) = (self.date(), self.0 % 24);
        write!(f, "{:04}-{:02}-{:02}T{hour:02}", date.year(), u8::from(date.month()), date.day())
    }
}

impl FromStr for Hour {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::expected("clock hour such as 2026-11-22T10");
        let at = PrimitiveDateTime::parse(&format!("{text}:00"), TEXT).map_err(|_| invalid())?;
        let seconds = u64::try_from(at.assume_utc().unix_timestamp()).map_err(|_| invalid())?;
        let hour = Self::of(Second(seconds));
        if hour.to_string() == text { Ok(hour) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for Hour {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Hour> for String {
    fn from(hour: Hour) -> Self {
        hour.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hour(text: &str) -> Hour {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn hours_print_and_parse_back_and_sort_as_their_texts(a in 0..=Hour::MAX.0, b in 0..=Hour::MAX.0) {
            let (a, b) = (Hour(a), Hour(b));
            prop_assert_eq!(a.to_string().parse::<Hour>().unwrap(), a);
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(a.to_string().len(), 13);
        }

        #[test]
        fn an_instant_lies_in_its_hour_and_in_no_other(at in 0..u64::from(Hour::MAX.0) * 3600) {
            let (at, hour) = (Second(at), Hour::of(Second(at)));
            prop_assert!(hour.start() <= at && at < hour.end());
            prop_assert_eq!(hour.start().0 % 3600, 0);
        }

        #[test]
        fn an_hour_is_closed_from_its_end_and_the_grace_on(at in 1_000_000_000..4_000_000_000_u64, grace in 0..7200_u64) {
            let closed = Hour::closed_at(Second(at), grace);
            prop_assert!(closed.end().plus(grace) <= Second(at), "what is closed has ended");
            prop_assert!(closed.next().end().plus(grace) > Second(at), "and the next has not");
        }

        #[test]
        fn nothing_may_be_billed_for_longer_than_a_day_nor_for_less_than_six_hours(h in 0..2_000_000_u32) {
            let left = Hour(h).deadline().0 - Hour(h).start().0;
            prop_assert!((7 * 3600..=24 * 3600).contains(&left));
        }
    }

    #[test]
    fn other_texts_are_no_hours() {
        assert_eq!(hour("2026-11-22T10").start(), Second(1_795_341_600));
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T24",
            "2026-02-29T10",
            "2026-11-22T1",
            "2026-11-22T10:00",
            "+2026-11-22T10",
        ] {
            assert!(text.parse::<Hour>().is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_print_and_parse_back_as_schedulers_write_them() {
        let second: Second = "2026-11-22T10:15:00Z".parse().unwrap();
        assert_eq!(second, Second(1_795_342_500));
        assert_eq!(second.to_string(), "2026-11-22T10:15:00Z");
        assert_eq!("2026-11-22T11:15:00.900+01:00".parse::<Second>().unwrap(), second);
        for text in ["", "2026-11-22", "2026-11-22T10:15:00", "1969-12-31T23:59:59Z", "now"] {
            assert!(text.parse::<Second>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_window_is_a_day_and_at_the_months_end_until_six() {
        for (of, until) in [
            ("2026-11-22T10", "2026-11-23T10"),
            ("2026-11-30T05", "2026-12-01T05"),
            ("2026-11-30T06", "2026-12-01T06"),
            ("2026-11-30T07", "2026-12-01T06"),
            ("2026-11-30T23", "2026-12-01T06"),
            ("2026-12-01T00", "2026-12-02T00"),
            ("2026-12-31T23", "2027-01-01T06"),
            ("2028-02-29T23", "2028-03-01T06"),
        ] {
            assert_eq!(hour(of).deadline(), hour(until).start(), "{of}");
        }
    }

    #[test]
    fn the_grace_covers_the_slowest_writer_with_the_slowest_clock() {
        let grace = grace_s(WRITE_LASTS_S);
        assert_eq!(grace, 600);
        let end = hour("2026-11-22T10").end();
        // Its clock shows the last second of the hour for five minutes after the end; then it runs its time.
        let last_write = end.plus(SKEW_S - 1).plus(WRITE_LASTS_S);
        assert!(last_write < end.plus(grace));
        assert_eq!(Hour::closed_at(last_write, grace), hour("2026-11-22T09"));
        assert_eq!(Hour::closed_at(end.plus(grace), grace), hour("2026-11-22T10"));
    }
}
