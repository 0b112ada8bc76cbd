//! A bounded cache of things that go off: sessions and mapping rows, kept per tenant in the environment.
//!
//! It knows no AWS. What it promises: two concurrent misses of one key make one value; one key's miss never
//! waits for another's; a value in its last stretch is renewed by one caller while the others go on with
//! it; the least recently used key makes room when the map is full; nothing is used after its time.

use std::{
    hash::Hash,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use lru::LruCache;

/// Something that may be used until a time, and had better be renewed some time before.
pub(crate) trait Perishable {
    /// From here on it should be renewed.
    fn fresh_until(&self) -> SystemTime;
    /// From here on it must not be used.
    fn usable_until(&self) -> SystemTime;
}

/// See the module.
pub(crate) struct Perishables<K, V> {
    slots: Mutex<LruCache<K, Arc<Slot<V>>>>,
}

struct Slot<V> {
    value: Mutex<Option<Arc<V>>>,
    renewing: tokio::sync::Mutex<()>,
}

impl<K: Hash + Eq, V: Perishable> Perishables<K, V> {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self { slots: Mutex::new(LruCache::new(capacity)) }
    }

    /// The value of `key` at `now`: the kept one, or what `make` makes.
    pub(crate) async fn get<E>(
        &self,
        key: K,
        now: SystemTime,
        make: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        let slot = self.slot(key);
        let kept = slot.usable(now);
        match kept {
            Some(value) if now < value.fresh_until() => Ok(value),
            Some(value) => {
                // Still good: let one caller renew it, and nobody wait for that.
                let Ok(_renewing) = slot.renewing.try_lock() else { return Ok(value) };
                match make().await {
                    Ok(renewed) => Ok(slot.keep(renewed)),
                    Err(_) => Ok(value),
                }
            }
            None => {
                let _renewing = slot.renewing.lock().await;
                if let Some(value) = slot.usable(now) {
                    return Ok(value);
                }
                Ok(slot.keep(make().await?))
            }
        }
    }

    fn slot(&self, key: K) -> Arc<Slot<V>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.get_or_insert(key, || {
            Arc::new(Slot { value: Mutex::new(None), renewing: tokio::sync::Mutex::new(()) })
        }))
    }
}

impl<V: Perishable> Slot<V> {
    fn usable(&self, now: SystemTime) -> Option<Arc<V>> {
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        value.as_ref().filter(|value| now < value.usable_until()).cloned()
    }

    fn keep(&self, value: V) -> Arc<V> {
        let value = Arc::new(value);
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        time::{Duration, SystemTime as Time},
    };

    use super::*;

    struct Milk {
        number: u32,
        bought: Time,
    }

    impl Perishable for Milk {
        fn fresh_until(&self) -> Time {
            self.bought + Duration::from_secs(10)
        }
        fn usable_until(&self) -> Time {
            self.bought + Duration::from_secs(15)
        }
    }

    struct Shop {
        shelf: Perishables<&'static str, Milk>,
        made: Cell<u32>,
    }

    impl Shop {
        fn new(capacity: usize) -> Self {
            Self { shelf: Perishables::new(NonZeroUsize::new(capacity).unwrap()), made: Cell::new(0) }
        }

        async fn get(&self, key: &'static str, now: Time) -> u32 {
            let milk = self.shelf.get(key, now, async || {
                tokio::task::yield_now().await;
                self.made.set(self.made.get() + 1);
                Ok::<_, ()>(Milk { number: self.made.get(), bought: now })
            });
            milk.await.unwrap().number
        }
    }

    const START: Time = Time::UNIX_EPOCH;

    #[tokio::test]
    async fn a_value_is_made_once_and_renewed_ahead_of_its_end() {
        let shop = Shop::new(2);
        assert_eq!(shop.get("a", START).await, 1);
        assert_eq!(shop.get("a", START + Duration::from_secs(9)).await, 1, "fresh");
        assert_eq!(shop.get("a", START + Duration::from_secs(11)).await, 2, "renewed while still usable");
        assert_eq!(shop.get("a", START + Duration::from_secs(60)).await, 3, "never used after its time");
    }

    #[tokio::test]
    async fn two_misses_at_once_make_one_value() {
        let shop = Shop::new(2);
        let (a, b) = tokio::join!(shop.get("a", START), shop.get("a", START));
        assert_eq!((a, b, shop.made.get()), (1, 1, 1));
    }

    #[tokio::test]
    async fn a_failed_renewal_leaves_what_is_still_usable_and_no_more() {
        let shop = Shop::new(2);
        shop.get("a", START).await;
        let fail = async || Err::<Milk, _>("down");
        let late = START + Duration::from_secs(12);
        assert_eq!(shop.shelf.get("a", late, fail).await.unwrap().number, 1);
        let too_late = START + Duration::from_secs(15);
        assert_eq!(shop.shelf.get("a", too_late, fail).await.err(), Some("down"));
    }

    #[tokio::test]
    async fn the_map_is_bounded_and_keys_do_not_share() {
        let shop = Shop::new(2);
        assert_eq!(shop.get("a", START).await, 1);
        assert_eq!(shop.get("b", START).await, 2, "another key has its own value");
        assert_eq!(shop.get("a", START).await, 1);
        shop.get("c", START).await;
        assert_eq!(shop.shelf.slots.lock().unwrap().len(), 2);
        assert_eq!(shop.get("a", START).await, 1, "the most recently used stayed");
        assert_eq!(shop.get("b", START).await, 4, "the least recently used made room");
    }
}
