//! Dates as policies write them: the W3C profile of ISO 8601, or seconds since 1970.
//!
//! Source: IAM User Guide, "Date condition operators"; W3C note "Date and Time Formats". Every date becomes
//! nanoseconds since 1970 in UTC; a form that is not in the profile is not a date.

const NANOS: i128 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since 1970 of a date in the profile or in epoch seconds; `None` for any other text. A bare four-digit
/// number is refused: it is a year in the one notation and a second of 1970 in the other.
pub(crate) fn parse(text: &str) -> Option<i128> {
    if !text.is_ascii() {
        return None;
    }
    if text.len() != 4 && !text.is_empty() && text.chars().all(|one| one.is_ascii_digit()) {
        return text.parse::<i64>().ok().map(|seconds| i128::from(seconds) * NANOS);
    }
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut fields = day.split('-');
    let year = digits(fields.next()?, 4)?;
    let month = fields.next().map_or(Some(1), |text| digits(text, 2))?;
    let month_day = fields.next();
    let day = month_day.map_or(Some(1), |text| digits(text, 2))?;
    let whole_day = month_day.is_some();
    if fields.next().is_some() || !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    if text.len() == 4 || (time.is_some() && !whole_day) {
        return None;
    }
    let midnight = i128::from(days_before(year, month) + day - 1) * i128::from(DAY_SECONDS) * NANOS;
    time.map_or(Some(midnight), |time| Some(midnight + time_of_day(time)?))
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction`, then `Z`, `+hh:mm` or `-hh:mm`.
fn time_of_day(text: &str) -> Option<i128> {
    let (clock, offset) = match text.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let place = text.rfind(['+', '-'])?;
            let (clock, zone) = text.split_at_checked(place)?;
            let (sign, zone) = zone.split_at_checked(1)?;
            let (hours, minutes) = zone.split_once(':')?;
            let seconds = digits(hours, 2)? * 3_600 + digits(minutes, 2)? * 60;
            (clock, if sign == "-" { -seconds } else { seconds })
        }
    };
    let mut parts = clock.split(':');
    let hours = digits(parts.next()?, 2).filter(|hours| *hours < 24)?;
    let minutes = digits(parts.next()?, 2).filter(|minutes| *minutes < 60)?;
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let nanos = digits(fraction, fraction.len()).filter(|_| (1..=9).contains(&fraction.len()))?;
            let scale = 10_i128.pow(9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?);
            (digits(whole, 2).filter(|seconds| *seconds < 60)?, i128::from(nanos) * scale)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    Some(i128::from(hours * 3_600 + minutes * 60 + seconds - offset) * NANOS + fraction)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let well_formed = text.len() == count && text.chars().all(|one| one.is_ascii_digit());
    text.parse().ok().filter(|_| well_formed)
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    let leap_days = |year: i64| {
        let past = year - 1;
        past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
    };
    let years = (year - 1970) * 365 + leap_days(year) - leap_days(1970);
    years + (1..month).map(|month| month_days(year, month)).sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_read_and_nothing_else() {
        for (text, seconds, why) in [
            ("1970-01-01T00:00:00Z", Some(0), "the epoch"),
            ("2020-02-29", Some(1_582_934_400), "a leap day"),
            ("2019-02-29", None, "no leap year"),
            ("2020-01", Some(1_577_836_800), "a month is its first instant"),
            ("2020", None, "a year or a second of 1970"),
            ("1577836800", Some(1_577_836_800), "epoch seconds"),
            ("2020-01-01T01:00+01:00", Some(1_577_836_800), "an offset"),
            ("2019-12-31T23:00:00-01:00", Some(1_577_836_800), "a negative offset"),
            ("2020-01-01T00:00:00", None, "no zone"),
            ("2020-01T00:00Z", None, "a time without a day"),
            ("2020-13-01", None, "no such month"),
            ("2020-01-00", None, "no such day"),
            ("2020-01-01 00:00:00Z", None, "a space"),
            ("2020-01-01T24:00:00Z", None, "no such hour"),
            ("2020-01-01T00:00:00.5x", None, "trailing text"),
            ("yesterday", None, "words"),
            ("0001-01-01", Some(-62_135_596_800), "the first year"),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799), "the last second"),
            ("2000-03-01", Some(951_868_800), "after a leap day of a century"),
            ("1900-03-01", Some(-2_203_891_200), "a century without one"),
            ("", None, "nothing"),
        ] {
            assert_eq!(parse(text), seconds.map(|seconds: i128| seconds * NANOS), "{text}: {why}");
        }
        assert_eq!(parse("1970-01-01T00:00:00.25Z"), Some(NANOS / 4));
    }
}
