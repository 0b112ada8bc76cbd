//! The whole measurement: every function beside its two floors, and beside its peers where there are any.
//!
//! Starts go round, one of each in turn, so that a busy moment of the machine meets all alike; what is compared is
//! compared within one run.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    callgrind,
    functions::{Bench, MeasureError, Subject},
    prices, programs,
    routes::{self, Route},
    stub::{Delays, World},
    trips::{self, AllTrips},
};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Starts of each subject.
    pub(crate) starts: usize,
    /// Requests of a warm environment.
    pub(crate) requests: usize,
}

/// Figures of one subject on one route.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Which subject.
    pub(crate) subject: String,
    /// Which route.
    pub(crate) route: String,
    /// From the start to the first poll, in milliseconds: median and 99th percentile.
    pub(crate) init_ms: [f64; 2],
    /// The first request, in milliseconds: median.
    pub(crate) first_ms: f64,
    /// The processor's time of the first request, in milliseconds: median.
    pub(crate) first_cpu_ms: f64,
    /// The processor's time of start and first request, in milliseconds: median.
    pub(crate) cold_cpu_ms: f64,
    /// A warm request, in microseconds: median and 99th percentile.
    pub(crate) warm_us: [f64; 2],
    /// The processor's time of a warm request, in microseconds: mean.
    pub(crate) warm_cpu_us: f64,
    /// The most memory, in bytes.
    pub(crate) peak_bytes: u64,
    /// The file's length in bytes, and the archive's.
    pub(crate) size_bytes: [u64; 2],
    /// Instructions of the start, of start and first request, and of a warm request; where they can be counted.
    pub(crate) instructions: Option<[u64; 3]>,
    /// Round trips.
    pub(crate) trips: AllTrips,
    /// Dollars for a million warm requests.
    pub(crate) dollars: f64,
}

impl Row {
    /// Requests in a second of one environment, if AWS took no time.
    pub(crate) fn throughput(&self) -> f64 {
        1e6 / self.warm_us.first().copied().unwrap_or(f64::INFINITY)
    }
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When, in RFC 3339.
    pub(crate) at: String,
    /// On what.
    pub(crate) machine: String,
    /// How many starts and requests a figure is of.
    pub(crate) effort: [usize; 2],
    /// The functions.
    pub(crate) functions: Vec<Row>,
    /// The empty function.
    pub(crate) empty: Vec<Row>,
    /// The same calls and nothing else; the same order as the functions.
    pub(crate) calls: Vec<Row>,
    /// The peers.
    pub(crate) peers: Vec<Row>,
}

/// What is measured together: a subject and a route.
struct Pair {
    subject: Subject,
    route: Route,
    size_bytes: [u64; 2],
    trips: AllTrips,
}

/// Measures everything.
pub(crate) async fn all(
    root: &Path,
    effort: Effort,
    told: &mut dyn FnMut(&str),
) -> Result<Report, MeasureError> {
    let target = root.join("target/bench");
    let scratch = target.join("scratch");
    told("building functions and floors (release)");
    let subjects = programs::build(root, &target.join("built")).await?;
    let subject = |name: &str| subjects.iter().find(|subject| subject.name == name).cloned();
    let missing = || MeasureError::Missing("a program was not built".to_owned());
    let (empty, calls) = (subject("empty").ok_or_else(missing)?, subject("calls").ok_or_else(missing)?);
    told("bringing the peers");
    let peers = [
        programs::node(root, &target.join("peers")).await,
        programs::python(root, &target.join("peers")).await,
    ];

    let mut pairs = Vec::new();
    let mut floors = Vec::new();
    for route in routes::all(root)? {
        let subject = subject(route.function).ok_or_else(missing)?;
        let pair = pair(subject, route, &scratch).await?;
        let mut same = calls.clone();
        same.environment.push(("CALLS".to_owned(), pair.trips.warm.calls.join(";")));
        floors.push(self::pair(same, floor_of(&pair.route), &scratch).await?);
        pairs.push(pair);
    }
    let first = routes::all(root)?.into_iter().next().ok_or_else(missing)?;
    let mut empties = vec![self::pair(empty, floor_of(&first), &scratch).await?];
    let mut others = Vec::new();
    for peer in peers.into_iter().flatten() {
        for route in routes::all(root)? {
            if matches!(route.name, "POST /documents" | "GET /documents/{id}") {
                others.push(self::pair(peer.clone(), route, &scratch).await?);
            }
        }
    }
    let (functions, calls_at, empty_at) =
        (pairs.len(), pairs.len() + floors.len(), pairs.len() + floors.len() + empties.len());
    pairs.append(&mut floors);
    pairs.append(&mut empties);
    pairs.append(&mut others);
    let mut rows = rows(&pairs, effort, &scratch, told).await?;
    let peers = rows.split_off(empty_at);
    let empty = rows.split_off(calls_at);
    let calls = rows.split_off(functions);
    Ok(Report {
        at: crate::stub::rows::now_text(),
        machine: machine(),
        effort: [effort.starts, effort.requests],
        functions: rows,
        empty,
        calls,
        peers,
    })
}

/// A floor answers nothing, and finds the same.
fn floor_of(route: &Route) -> Route {
    Route { answer: "", event: route.event.clone(), world: World { ..route.world }, ..*route }
}

async fn pair(subject: Subject, route: Route, scratch: &Path) -> Result<Pair, MeasureError> {
    let (length, packed) = programs::sizes(&subject.file()).await;
    let slow = Bench::of(&subject, &route, &Delays::all(trips::DELAY), scratch).await?;
    let trips = trips::count(&slow).await?;
    drop(slow);
    Ok(Pair { subject, route, size_bytes: [length, packed], trips })
}

#[derive(Default)]
struct Samples {
    init_ms: Vec<f64>,
    first_ms: Vec<f64>,
    first_cpu_ms: Vec<f64>,
    cold_cpu_ms: Vec<f64>,
}

async fn rows(
    pairs: &[Pair],
    effort: Effort,
    scratch: &Path,
    told: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, MeasureError> {
    told(&format!("{} starts of each, in turn", effort.starts));
    let mut benches = Vec::new();
    for pair in pairs {
        benches.push(Bench::of(&pair.subject, &pair.route, &Delays::default(), scratch).await?);
    }
    let mut samples: Vec<Samples> = pairs.iter().map(|_| Samples::default()).collect();
    for _ in 0..effort.starts {
        for (bench, samples) in benches.iter().zip(&mut samples) {
            let (mut process, init) = bench.start().await?;
            let first = bench.invoke(&mut process).await?;
            samples.init_ms.push(ms(init));
            samples.first_ms.push(ms(first.lasted));
            samples.first_cpu_ms.push(ms(first.cpu));
            samples.cold_cpu_ms.push(ms(process.cpu()));
            process.stop().await?;
        }
    }
    let counts = callgrind::is_there().await;
    let mut rows = Vec::new();
    for ((bench, samples), pair) in benches.iter().zip(samples).zip(pairs) {
        told(&format!("{}: {}", pair.subject.name, pair.route.name));
        let (mut process, _) = bench.start().await?;
        for _ in 0..20 {
            bench.invoke(&mut process).await?;
        }
        let requests = if bench.route.pause.is_zero() { effort.requests } else { effort.requests.min(50) };
        let (mut warm_us, mut cpu) = (Vec::new(), Duration::ZERO);
        for _ in 0..requests {
            let invocation = bench.invoke(&mut process).await?;
            warm_us.push(ms(invocation.lasted) * 1e3);
            cpu += invocation.cpu;
        }
        let peak_bytes = process.peak_bytes();
        process.stop().await?;
        // An interpreter's instructions say nothing beside a program's, and take valgrind minutes.
        let instructions = match pair.subject.command.len() {
            1 if counts => Some(instructions(bench).await?),
            _ => None,
        };
        let warm_cpu_us = ms(cpu) * 1e3 / count(requests);
        let trips = &pair.trips;
        rows.push(Row {
            subject: pair.subject.name.clone(),
            route: pair.route.name.to_owned(),
            init_ms: [quantile(&samples.init_ms, 0.5), quantile(&samples.init_ms, 0.99)],
            first_ms: quantile(&samples.first_ms, 0.5),
            first_cpu_ms: quantile(&samples.first_cpu_ms, 0.5),
            cold_cpu_ms: quantile(&samples.cold_cpu_ms, 0.5),
            warm_us: [quantile(&warm_us, 0.5), quantile(&warm_us, 0.99)],
            warm_cpu_us,
            peak_bytes,
            size_bytes: pair.size_bytes,
            instructions,
            trips: trips.clone(),
            dollars: prices::per_million(
                &trips.warm.calls,
                trips.warm.depth,
                warm_cpu_us / 1e6,
                pair.route.function != "metering",
            ),
        });
    }
    Ok(rows)
}

/// Of the start; of start and first request; of a warm request, as the mean of a hundred.
async fn instructions(bench: &Bench<'_>) -> Result<[u64; 3], MeasureError> {
    let (init, cold) = (bench.instructions(0).await?, bench.instructions(1).await?);
    let (few, many) = (bench.instructions(11).await?, bench.instructions(111).await?);
    Ok([init, cold, many.saturating_sub(few) / 100])
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples")]
fn count(number: usize) -> f64 {
    number as f64
}

/// The value below which `part` of the samples are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position within a few hundred samples"
)]
fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (count(sorted.len().saturating_sub(1)) * part).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    format!("{cpus} × {}", model.map_or("processor", |(_, model)| model.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_samples() {
        let samples = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert!((quantile(&samples, 0.5) - 3.0).abs() < 1e-9);
        assert!((quantile(&samples, 0.99) - 5.0).abs() < 1e-9);
        assert!(quantile(&[], 0.5).abs() < 1e-9);
    }
}
