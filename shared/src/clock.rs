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
    Set(Arc<Mutex<SystemTime>>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
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
            Source::System => SystemTime::now(),
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
}
