//! What time it is in the Marketplace, and how a time is written.
//!
//! The hour is given from outside; the Marketplace only keeps how far its own clock is from that one,
//! since a test of an hour's end must not wait for it, and two clocks of a real system never agree.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, UtcOffset};

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Further than this no clock is moved, and no event is dated: a hundred years.
const FAR: Duration = Duration::days(36_525);

/// `2026-11-22T10:00:11Z`, as an event's `time` is written.
pub(crate) fn seconds(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(SECONDS).unwrap_or_default()
}

/// `2026-11-22T10:00:00.013Z`, as the times within an event are written.
pub(crate) fn milliseconds(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(MILLISECONDS).unwrap_or_default()
}

/// A time by RFC 3339, to UTC; none if it is not one.
pub(crate) fn read(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)
}

/// Cut to the second.
pub(crate) fn whole_second(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(0).unwrap_or(at)
}

/// The clock hour that an instant lies in, as the seconds since 1970 of its beginning.
pub(crate) fn hour_of(epoch_seconds: i64) -> i64 {
    epoch_seconds.div_euclid(3600) * 3600
}

/// How far the Marketplace's clock is from the one that it is given.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Offset(Duration);

impl Offset {
    pub(crate) fn seconds(self) -> i64 {
        self.0.whole_seconds()
    }

    /// The Marketplace's time when the outer clock shows `outer`.
    pub(crate) fn apply(self, outer: OffsetDateTime) -> OffsetDateTime {
        outer.checked_add(self.0).unwrap_or(outer)
    }

    /// The offset under which the outer clock's `outer` becomes `wanted`; none if that is too far.
    pub(crate) fn reaching(wanted: OffsetDateTime, outer: OffsetDateTime) -> Option<Self> {
        Self::within(wanted - outer)
    }

    /// This offset and `seconds` more; none if that is too far.
    pub(crate) fn further(self, seconds: i64) -> Option<Self> {
        Self::within(self.0.checked_add(Duration::seconds(seconds))?)
    }

    fn within(offset: Duration) -> Option<Self> {
        (offset.abs() <= FAR).then_some(Self(offset))
    }
}
