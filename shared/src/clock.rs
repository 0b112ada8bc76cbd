//! The one source of time. Functions take a [`Clock`], so that a test owns the hour.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// Tells the time: the system's, or one that a test sets.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Ahead(i64),
    Set(Arc<Mutex<SystemTime>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The machine's clock, so many seconds ahead of itself (or behind): a local account's other day. Only the
    /// system's clock is moved; a set one is where it was set.
    #[must_use]
    pub fn shifted(self, seconds: i64) -> Self {
        match self.0 {
            Source::System if seconds != 0 => Self(Source::Ahead(seconds)),
            source => Self(source),
        }
    }

    /// The machine's time `machine` as this clock would show it; a set clock shows its own.
    #[must_use]
    pub fn at(&self, machine: SystemTime) -> SystemTime {
        match &self.0 {
            Source::System => machine,
            Source::Ahead(seconds) => shift(machine, *seconds),
            Source::Set(_) => self.now(),
        }
    }

    /// A clock that stands at `time` until it is advanced; its clones share the time.
    #[must_use]
    pub fn set_to(time: SystemTime) -> Self {
        Self(Source::Set(Arc::new(Mutex::new(time))))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            Source::System | Source::Ahead(_) => self.at(SystemTime::now()),
            Source::Set(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a set clock forward; the system's clock moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        if let Source::Set(time) = &self.0 {
            *time.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}

fn shift(time: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    let shifted = if seconds < 0 { time.checked_sub(by) } else { time.checked_add(by) };
    shifted.unwrap_or(time)
}

/// Milliseconds and a literal `Z`: every text has the same length, so texts sort as times do.
const RFC3339_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// `time` as RFC 3339 in UTC with three digits of subseconds: `2026-11-22T14:05:09.120Z`.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(RFC3339_MILLIS).unwrap_or_default()
}

/// Reads what [`rfc3339`] writes; `None` for any other form.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    time::PrimitiveDateTime::parse(text, RFC3339_MILLIS).ok().map(|t| t.assume_utc().into())
}

/// Whole seconds since 1970, as DynamoDB's time to live and our cursors want them.
#[must_use]
pub fn epoch_s(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_with_a_fixed_width_and_parse_back() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_020);
        assert_eq!(rfc3339(time), "2026-11-18T11:06:40.020Z");
        assert_eq!(parse_rfc3339(&rfc3339(time)), Some(time));
        assert_eq!(parse_rfc3339("2026-11-18"), None);
    }

    #[test]
    fn a_shifted_clock_shows_the_machines_time_on_another_day() {
        let day = Duration::from_secs(24 * 3600);
        let system = Clock::system();
        let (ahead, behind) = (system.clone().shifted(86_400), system.clone().shifted(-86_400));
        let noon = parse_rfc3339("2026-11-22T12:00:00.000Z").unwrap();
        assert_eq!((ahead.at(noon), behind.at(noon), system.at(noon)), (noon + day, noon - day, noon));
        let now = system.now();
        assert!(ahead.now() >= now + day && behind.now() < now, "it goes on by itself");
        let set = Clock::set_to(noon).shifted(86_400);
        assert_eq!((set.now(), set.at(now)), (noon, noon), "a set clock is where it was set");
    }
}
