//! What the service makes up: ids and times. Knows their look only.

use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const ISO_8601: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// A new id: 22 letters and digits, 122 random bits, no slash and so no name.
pub(crate) fn id() -> String {
    let mut rest = uuid::Uuid::new_v4().as_u128();
    let mut text = String::with_capacity(22);
    for _ in 0..22 {
        let digit = usize::try_from(rest % 62).unwrap_or(0);
        text.push(char::from(DIGITS.get(digit).copied().unwrap_or(b'0')));
        rest /= 62;
    }
    text
}

/// A time as the service writes it: `2026-11-22T15:04:05.678901Z`.
pub(crate) fn time(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(ISO_8601).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_the_service_takes_and_never_a_name() {
        let (one, two) = (id(), id());
        assert_ne!(one, two);
        assert!(one.len() == 22 && one.chars().all(|c| c.is_ascii_alphanumeric()), "{one}");
    }

    #[test]
    fn times_are_utc_with_microseconds() {
        let at = time::macros::datetime!(2026-11-22 16:04:05.678901234 +1);
        assert_eq!(super::time(at), "2026-11-22T15:04:05.678901Z");
    }
}
