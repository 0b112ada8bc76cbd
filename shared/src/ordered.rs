//! When an order was given, and for how long its mark may still come.
//!
//! An order is queued before what it is about is marked in its row, so that no mark is ever without its order. The
//! price is orders without a mark: whoever gave one failed, and the order has to be dropped, but not too soon.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::clock::epoch_s;

/// When the mark is not there this long after the order, it never came: ten seconds is the longest that a function
/// which gives orders may run, the rest is for clocks.
const MARKED_WITHIN: Duration = Duration::from_secs(60);

/// The second in which an order was given, as its message has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct OrderedAt(u64);

impl OrderedAt {
    /// An order that is given at `now`.
    pub(crate) fn new(now: SystemTime) -> Self {
        Self(epoch_s(now))
    }

    /// Whether a mark that is still not there at `now` never will be.
    pub(crate) fn is_void(self, now: SystemTime) -> bool {
        epoch_s(now) > self.0.saturating_add(MARKED_WITHIN.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_void_only_after_the_mark_can_no_longer_come() {
        let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
        let ordered = OrderedAt::new(at(1_000));
        assert!(!ordered.is_void(at(1_000)) && !ordered.is_void(at(1_060)));
        assert!(ordered.is_void(at(1_061)));
        assert_eq!(serde_json::to_string(&ordered).unwrap(), "1000", "a number in a message");
    }
}
