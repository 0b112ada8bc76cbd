//! Holds by order: the nth call of one invocation is kept waiting, so that a test can end its process there.
//!
//! Which invocation a call is of, its trace says (`x-amzn-trace-id`), which the runtime hands on to the SDK. `before`:
//! nothing has happened when the call waits; `after`: everything has, and the answer is what never comes. A call that
//! waits is given up when its client goes, or when the holds are taken back: then it is cut.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::call::Asked;
use crate::calls::must_be_root;
use crate::faults::When;

const HOLDS_MAX: usize = 256;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hold {
    /// The root of a trace: `1-…-…`.
    trace: String,
    /// Which of its calls, from 0.
    nth: u32,
    when: When,
    /// The call that was met: `service:operation`.
    #[serde(default, skip_deserializing)]
    met: Option<String>,
}

struct Open {
    hold: Hold,
    /// The calls that went by.
    passed: u32,
    /// Whether the call of it waits now, or has waited.
    waits: bool,
}

/// The holds that are ordered.
pub(crate) struct Holds {
    open: Mutex<Vec<Open>>,
    /// Counts how often they were all taken back.
    released: watch::Sender<u64>,
}

/// A call that is to wait, and where.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) when: When,
    trace: String,
    nth: u32,
    released: watch::Receiver<u64>,
}

impl Default for Holds {
    fn default() -> Self {
        Self { open: Mutex::default(), released: watch::Sender::new(0) }
    }
}

impl Holds {
    /// Takes an order.
    ///
    /// # Errors
    /// In words, when there are too many or it makes no sense.
    pub(crate) fn order(&self, hold: Hold) -> Result<(), String> {
        must_be_root(&hold.trace)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= HOLDS_MAX {
            return Err(format!("{HOLDS_MAX} holds are open already"));
        }
        open.push(Open { hold, passed: 0, waits: false });
        Ok(())
    }

    /// The orders, and what was met.
    pub(crate) fn open(&self) -> Vec<Hold> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|one| one.hold.clone()).collect()
    }

    /// Forgets the orders for a trace, or all, and cuts the calls that wait by them.
    pub(crate) fn clear(&self, trace: Option<&str>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|one| trace.is_some_and(|trace| one.hold.trace != trace));
        drop(open);
        self.released.send_modify(|count| *count += 1);
    }

    /// Counts a call of a trace; answers where it is to wait, if it is the one.
    pub(crate) fn take(&self, trace: Option<&str>) -> Option<Met> {
        let trace = trace?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for one in open.iter_mut().filter(|one| one.hold.trace == trace && !one.waits) {
            if one.passed == one.hold.nth && found.is_none() {
                one.waits = true;
                found = Some(Met {
                    when: one.hold.when,
                    trace: trace.to_owned(),
                    nth: one.hold.nth,
                    released: self.released.subscribe(),
                });
            }
            one.passed = one.passed.saturating_add(1);
        }
        found
    }

    /// Says that a call waits, and waits.
    pub(crate) async fn wait(&self, mut met: Met, asked: &Asked) {
        // An error says that nobody can release it any more.
        while self.is_kept(&met, asked) && met.released.changed().await.is_ok() {}
    }

    /// Whether a call is still to wait; says that it does.
    fn is_kept(&self, met: &Met, asked: &Asked) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |one: &&mut Open| one.hold.trace == met.trace && one.hold.nth == met.nth;
        let Some(one) = open.iter_mut().find(place) else { return false };
        one.hold.met = Some(format!("{}:{}", asked.service, asked.operation));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1-00000001-000000000000000000000001";
    const TWO: &str = "1-00000001-000000000000000000000002";

    fn hold(trace: &str, nth: u32) -> Hold {
        serde_json::from_value(serde_json::json!({ "trace": trace, "nth": nth, "when": "after" })).unwrap()
    }

    #[tokio::test]
    async fn the_call_that_was_meant_waits_until_it_is_released_and_no_other_does() {
        let holds = Holds::default();
        holds.order(hold(ONE, 1)).unwrap();
        assert!(holds.take(None).is_none(), "without a trace");
        assert!(holds.take(Some(TWO)).is_none(), "another trace");
        assert!(holds.take(Some(ONE)).is_none(), "the first");
        let met = holds.take(Some(ONE)).unwrap();
        assert_eq!(met.when, When::After);
        assert!(holds.take(Some(ONE)).is_none(), "the third");
        let asked = Asked { service: "dynamodb".into(), operation: "Query".into() };
        assert_eq!(holds.open()[0].met.as_deref(), None);
        let waiting = holds.wait(met, &asked);
        let released = async {
            assert_eq!(holds.open()[0].met.as_deref(), Some("dynamodb:Query"));
            holds.clear(Some(TWO));
            tokio::task::yield_now().await;
            assert_eq!(holds.open().len(), 1, "another trace's are taken back");
            holds.clear(None);
        };
        tokio::join!(waiting, released);
        assert_eq!(holds.open(), []);
    }

    #[test]
    fn a_hold_that_nothing_can_meet_is_refused() {
        let holds = Holds::default();
        assert!(holds.order(hold("1-2", 0)).is_err());
        assert!(holds.order(hold(&format!("Root={ONE}"), 0)).is_err());
    }
}
