//! How fast the Marketplace is called. It takes ten calls a second of an account and Region, all workers together.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until};

/// Calls that may follow each other at once after a pause: so that looking through licences does not slow sending
/// down, and all workers together still do not exceed the rate by much.
const AT_ONCE: u32 = 3;

/// The first wait before a record is sent again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(400);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A rate of calls.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// When the next call's turn is, had none ever paused.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// So many calls a second; more than 0.
    pub(crate) fn new(calls_per_second: f64) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / calls_per_second), next: Mutex::new(None) }
    }

    /// Waits for the turn of a call; of a repeated one, a while before that.
    pub(crate) async fn turn(&self, attempt: u32) {
        if attempt > 0 {
            sleep(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt - 1)).min(LONGEST_WAIT)).await;
        }
        sleep_until(self.take(Instant::now())).await;
    }

    fn take(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(self.interval * (AT_ONCE - 1)).unwrap_or(now);
        let turn = next.unwrap_or(earliest).max(earliest);
        *next = Some(turn + self.interval);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_keep_to_the_rate_but_for_a_few_after_a_pause() {
        let pace = Pace::new(2.0);
        let begun = Instant::now();
        let calls = async |number: u32| {
            for _ in 0..number {
                pace.turn(0).await;
            }
            begun.elapsed().as_millis()
        };
        assert_eq!(calls(3).await, 0, "at once");
        assert_eq!(calls(2).await, 1_000, "then two a second");
        sleep(Duration::from_secs(3600)).await;
        let paused = begun.elapsed().as_millis();
        assert_eq!(calls(4).await - paused, 500, "a pause saves up three calls and no more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeated_call_waits_longer_each_time() {
        let pace = Pace::new(1_000.0);
        let begun = Instant::now();
        let mut waited = Vec::new();
        for attempt in [1, 2, 3, 60] {
            let before = begun.elapsed();
            pace.turn(attempt).await;
            waited.push((begun.elapsed() - before).as_millis());
        }
        assert_eq!(waited, [400, 800, 1_600, 5_000]);
    }
}
