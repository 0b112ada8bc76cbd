//! One request rate. Knows time only as it is told.

use time::{Duration, OffsetDateTime};

/// A bucket that holds one second's worth of requests.
///
/// Kept as one instant: when it would be full again ("virtual scheduling" form of the leaky bucket, ITU-T
/// I.371), so nothing has to run in between.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full_again_at: Option<OffsetDateTime>,
}

impl Bucket {
    /// Takes one request out; whether there was one.
    pub(crate) fn take(&mut self, per_second: u32, now: OffsetDateTime) -> bool {
        let per_second = i32::try_from(per_second).unwrap_or(i32::MAX);
        let Some(interval) = Duration::SECOND.checked_div(per_second) else { return false };
        // A clock that was put back by a test does not lock the bucket.
        let full_again_at = self.full_again_at.filter(|at| *at <= now + Duration::SECOND).unwrap_or(now);
        let next = full_again_at.max(now) + interval;
        if next - now > Duration::SECOND {
            return false;
        }
        self.full_again_at = Some(next);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: OffsetDateTime = time::macros::datetime!(2026-11-22 12:00 UTC);

    #[test]
    fn a_second_holds_the_rate_and_refills_evenly() {
        let mut bucket = Bucket::default();
        assert_eq!((0..25).filter(|_| bucket.take(10, NOON)).count(), 10);
        assert!(!bucket.take(10, NOON + Duration::milliseconds(99)));
        assert!(bucket.take(10, NOON + Duration::milliseconds(100)));
        assert!(bucket.take(10, NOON - Duration::HOUR), "a clock put back");
        assert!(!bucket.take(0, NOON), "a rate of nothing");
    }
}
