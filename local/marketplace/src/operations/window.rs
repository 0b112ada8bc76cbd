//! For which instants usage is taken at an instant. Knows only times.
//!
//! "Usage records aren't accepted 24 hours or more after an event. … We accept usage records for the previous
//! billing month until 06:00 UTC on the first day of the next month" (BatchMeterUsage). Of instants that are still
//! to come AWS says nothing; they are refused.

use time::{Duration, OffsetDateTime};

const LATE_HOURS: i64 = 24;
const MONTH_CLOSES: Duration = Duration::hours(6);

/// Why an instant is refused; none if it is not.
pub(super) fn refusal(stamp: OffsetDateTime, now: OffsetDateTime) -> Option<&'static str> {
    if stamp > now {
        return Some("the timestamp is in the future");
    }
    if now - stamp >= Duration::hours(LATE_HOURS) {
        return Some("the timestamp is 24 hours old or older");
    }
    let month_began = now.replace_day(1).map(|first| first.replace_time(time::Time::MIDNIGHT));
    match month_began {
        Ok(began) if stamp < began && now >= began + MONTH_CLOSES => {
            Some("the timestamp is of the previous month, which closed at 06:00 UTC")
        }
        Ok(_) => None,
        Err(_) => Some("the timestamp cannot be placed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_day_is_taken_and_not_an_instant_more() {
        let now = datetime!(2026-11-22 10:30 UTC);
        assert_eq!(refusal(now, now), None);
        assert_eq!(refusal(now - Duration::hours(24) + Duration::SECOND, now), None);
        assert!(refusal(now - Duration::hours(24), now).is_some());
        assert!(refusal(now + Duration::SECOND, now).is_some());
    }

    #[test]
    fn the_month_closes_at_six_on_the_first() {
        let late = datetime!(2026-11-30 23:00 UTC);
        assert_eq!(refusal(late, datetime!(2026-12-01 05:59:59 UTC)), None);
        assert!(refusal(late, datetime!(2026-12-01 06:00 UTC)).is_some());
        assert_eq!(refusal(datetime!(2026-12-01 00:00 UTC), datetime!(2026-12-01 06:00 UTC)), None);
        assert!(refusal(datetime!(2026-12-31 23:00 UTC), datetime!(2027-01-01 06:00 UTC)).is_some());
        assert_eq!(refusal(datetime!(2026-12-31 23:00 UTC), datetime!(2027-01-01 05:59 UTC)), None);
    }
}
