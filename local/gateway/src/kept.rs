//! Answers kept for a little while: at most five seconds, and never past a write that could have changed them.
//!
//! The policies that decide are the deployed stack's, so a change must count at once; reading them again for every
//! request would make each one ten. An *epoch* is what reconciles the two: whoever sends a write on begins a new
//! one, and an answer that was asked for in an older epoch is not kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const KEEP: Duration = Duration::from_secs(5);

/// Which writes an answer has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

impl Epoch {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Everything that is kept is from now on too old.
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A bounded map of such answers.
pub(crate) struct Kept<K, V> {
    epoch: Epoch,
    entries_max: usize,
    entries: Mutex<HashMap<K, (Instant, u64, V)>>,
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    pub(crate) fn new(epoch: Epoch, entries_max: usize) -> Self {
        Self { epoch, entries_max, entries: Mutex::new(HashMap::new()) }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, epoch, value) = entries.get(key)?;
        (at.elapsed() < KEEP && *epoch == self.epoch.now()).then(|| value.clone())
    }

    /// Keeps an answer that was asked for in `epoch`.
    pub(crate) fn put(&self, key: K, epoch: u64, value: V) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.entries_max {
            entries.clear();
        }
        entries.insert(key, (Instant::now(), epoch, value));
    }

    /// The kept answer, or what `ask` says now; an error is not kept.
    pub(crate) async fn get_or<E>(&self, key: K, ask: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let epoch = self.epoch.now();
        let value = ask.await?;
        self.put(key, epoch, value.clone());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_kept_until_a_write_passes() {
        let epoch = Epoch::default();
        let kept = Kept::new(epoch.clone(), 2);
        let ask = |value: u8| async move { Ok::<_, ()>(value) };
        assert_eq!(kept.get_or("role", ask(1)).await, Ok(1));
        assert_eq!(kept.get_or("role", ask(2)).await, Ok(1), "kept");
        epoch.begin();
        assert_eq!(kept.get_or("role", ask(3)).await, Ok(3), "asked again after a write");
    }

    #[test]
    fn an_answer_asked_for_before_a_write_is_not_kept_after_it() {
        let epoch = Epoch::default();
        let kept = Kept::new(epoch.clone(), 2);
        let asked_in = epoch.now();
        epoch.begin();
        kept.put("role", asked_in, 1);
        assert_eq!(kept.get(&"role"), None);
        kept.put("role", epoch.now(), 2);
        assert_eq!(kept.get(&"role"), Some(2), "the same, asked for after it");
    }

    #[test]
    fn it_never_holds_more_than_its_limit() {
        let kept = Kept::new(Epoch::default(), 2);
        for key in 0..100 {
            kept.put(key, 0, key);
        }
        assert!(kept.entries.lock().unwrap().len() <= 2);
        assert_eq!(kept.get(&99), Some(99));
    }
}
