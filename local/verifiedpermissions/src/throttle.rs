//! Request rates: one bucket an operation. Knows time only as it is told.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use crate::fault::Fault;

/// The buckets of one store, or of the account. A bucket holds one second's worth of requests.
///
/// Kept as one instant: when the bucket would be full again ("virtual scheduling" form of the leaky
/// bucket, ITU-T I.371), so nothing has to run in between and an idle bucket costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    full_again_at: BTreeMap<&'static str, OffsetDateTime>,
}

const BURST: Duration = Duration::SECOND;

impl Buckets {
    /// Takes one request out of the operation's bucket.
    pub(crate) fn take(
        &mut self,
        operation: &'static str,
        per_second: u32,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        let throttled = Fault::Throttled { operation, per_second };
        // A rate of nothing lets nothing through.
        let Some(interval) = BURST.checked_div(i32::try_from(per_second).unwrap_or(i32::MAX)) else {
            return Err(throttled);
        };
        let full_again_at = self.full_again_at.entry(operation).or_insert(now);
        let next = (*full_again_at).max(now).checked_add(interval).unwrap_or(now);
        if next - now > BURST {
            return Err(throttled);
        }
        *full_again_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: OffsetDateTime = time::macros::datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn a_second_holds_the_rate_and_no_more_and_then_refills_evenly() {
        let mut buckets = Buckets::default();
        let taken = (0..25).filter(|_| buckets.take("CreatePolicy", 10, NOON).is_ok()).count();
        assert_eq!(taken, 10);
        let later = NOON + Duration::milliseconds(99);
        assert!(buckets.take("CreatePolicy", 10, later).is_err(), "99 ms is less than one place");
        let later = NOON + Duration::milliseconds(100);
        assert!(buckets.take("CreatePolicy", 10, later).is_ok());
        assert!(buckets.take("CreatePolicy", 10, later).is_err());
    }

    #[test]
    fn an_idle_bucket_does_not_save_up_more_than_a_second() {
        let mut buckets = Buckets::default();
        assert!(buckets.take("IsAuthorized", 200, NOON).is_ok());
        let later = NOON + Duration::HOUR;
        let taken = (0..1000).filter(|_| buckets.take("IsAuthorized", 200, later).is_ok()).count();
        assert_eq!(taken, 200);
    }

    #[test]
    fn operations_do_not_share_a_bucket() {
        let mut buckets = Buckets::default();
        assert!(buckets.take("CreatePolicyStore", 1, NOON).is_ok());
        assert!(buckets.take("CreatePolicyStore", 1, NOON).is_err());
        assert!(buckets.take("DeletePolicyStore", 1, NOON).is_ok());
    }

    #[test]
    fn a_clock_that_steps_back_does_not_lock_the_bucket_open() {
        let mut buckets = Buckets::default();
        for _ in 0..10 {
            buckets.take("CreatePolicy", 10, NOON).unwrap();
        }
        assert!(buckets.take("CreatePolicy", 10, NOON - Duration::SECOND).is_err());
    }

    #[test]
    fn a_rate_of_nothing_lets_nothing_through() {
        assert!(Buckets::default().take("CreatePolicy", 0, NOON).is_err());
    }
}
