//! What a series of requests cost: their time, their calls, the processor.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use serde::Serialize;

use super::calls::Made;

/// One request that was answered.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) trace: String,
    pub(super) took: Duration,
    /// Of its answer's body.
    pub(super) bytes: usize,
}

/// What a series of requests cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How many there were.
    pub requests: usize,
    /// Half of them took no longer than this, in milliseconds: from the event to the answer.
    pub p50_ms: f64,
    /// All but one of a hundred took no longer.
    pub p99_ms: f64,
    /// What of the median request was waiting for AWS calls, as far as the local account took it, in milliseconds.
    pub waited_p50_ms: f64,
    /// Time on a processor for each request, in microseconds, user and system; none where the system does not tell.
    pub processor_us: Option<f64>,
    /// The fewest and the most AWS calls that a request made as its own work.
    pub work: (usize, usize),
    /// Which these were, in their order, each way that occurred.
    pub ways: BTreeSet<String>,
    /// Sessions opened, and mapping rows read, in all of them.
    pub sessions: u32,
    /// See [`Self::sessions`].
    pub mapping_reads: u32,
    /// The most calls beside its work that one request made: sessions and mapping rows.
    pub opening: u32,
    /// The longest answer, in bytes.
    pub answer_bytes: usize,
}

impl Figures {
    pub(super) fn of(asked: &[Asked], processor: Option<Duration>, made: &HashMap<String, Made>) -> Self {
        let nothing = Made::default();
        let made: Vec<&Made> = asked.iter().map(|asked| made.get(&asked.trace).unwrap_or(&nothing)).collect();
        let took: Vec<Duration> = asked.iter().map(|asked| asked.took).collect();
        let work = made.iter().map(|made| made.work.len());
        let requests = u32::try_from(asked.len()).unwrap_or(u32::MAX).max(1);
        Self {
            requests: asked.len(),
            p50_ms: milliseconds(quantile(&took, 50)),
            p99_ms: milliseconds(quantile(&took, 99)),
            waited_p50_ms: milliseconds(quantile(
                &made.iter().map(|made| made.waited).collect::<Vec<_>>(),
                50,
            )),
            processor_us: processor.map(|all| all.as_secs_f64() * 1e6 / f64::from(requests)),
            work: (work.clone().min().unwrap_or_default(), work.max().unwrap_or_default()),
            ways: made.iter().map(|made| made.work.join(" → ")).collect(),
            sessions: made.iter().map(|made| made.sessions).sum(),
            mapping_reads: made.iter().map(|made| made.mapping_reads).sum(),
            opening: made.iter().map(|made| made.sessions + made.mapping_reads).max().unwrap_or_default(),
            answer_bytes: asked.iter().map(|asked| asked.bytes).max().unwrap_or_default(),
        }
    }

    /// AWS calls a request, on average, with those that open a session.
    #[must_use]
    pub fn calls_a_request(&self, work: usize) -> f64 {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        count(work) + f64::from(self.sessions + self.mapping_reads) / count(self.requests.max(1))
    }
}

/// The smallest of these that at least `percent` of a hundred do not exceed; zero of none.
pub(super) fn quantile(all: &[Duration], percent: usize) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(place - 1).copied().unwrap_or_default()
}

/// With as many digits as anybody reads.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_measured() {
        let all: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!((quantile(&all, 50), quantile(&all, 99)), (all[100], all[2]));
        assert_eq!(quantile(&[], 50), Duration::ZERO);
        assert_eq!(quantile(&all[..1], 99), all[0]);
    }

    #[test]
    fn a_requests_work_is_told_apart_from_what_opened_its_session() {
        let asked = |trace: &str, took| Asked {
            trace: trace.to_owned(),
            took: Duration::from_millis(took),
            bytes: 10,
        };
        let made = |work: &[&str], sessions, mapping_reads| Made {
            work: work.iter().map(|call| (*call).to_owned()).collect(),
            sessions,
            mapping_reads,
            waited: Duration::from_millis(2),
        };
        let calls = HashMap::from([
            ("cold".to_owned(), made(&["a", "b"], 2, 1)),
            ("warm".to_owned(), made(&["a", "b"], 0, 0)),
        ]);
        let both = [asked("cold", 9), asked("warm", 3)];
        let figures = Figures::of(&both, Some(Duration::from_micros(500)), &calls);
        assert_eq!((figures.work, figures.opening, figures.sessions), ((2, 2), 3, 2));
        assert_eq!((figures.p50_ms, figures.p99_ms, figures.waited_p50_ms), (3.0, 9.0, 2.0));
        assert_eq!(figures.processor_us, Some(250.0));
        assert_eq!(figures.ways.into_iter().collect::<Vec<_>>(), ["a → b"]);
    }
}
