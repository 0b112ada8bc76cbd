//! The gate: fails when a function needs more instructions or more round trips than the baseline says.
//!
//! Only what can be counted is compared: nothing here looks at a clock, and the function that is counted is told to be
//! patient. What exceeds the baseline all the same is counted again, and the least counts: what a busy machine does to a
//! figure is to make it higher.
//!
//! The binaries are those that the local account has built (profile `fast`), so it costs no build of its own; their
//! figures are higher than a release's and grow with it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{
    callgrind,
    functions::{Bench, MeasureError, Subject},
    routes::{self, Route},
    stub::Delays,
    trips,
};

/// More than this over the baseline fails.
const GROWTH_MAX: f64 = 1.05;

/// How often what exceeds the baseline is counted.
const TRIES: usize = 4;

/// How often what is to be accepted is.
const ACCEPTED_AFTER: usize = 2;

/// What `bench gate` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write the figures down as they now are: bench/baseline.json.
    #[arg(long)]
    accept: bool,
    /// Where the built functions are: a folder each, with a `bootstrap` in it.
    #[arg(long)]
    functions: Option<PathBuf>,
}

/// What was accepted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Baseline {
    /// What the processor can do that changes how many instructions libc takes for the same work.
    processor: String,
    routes: BTreeMap<String, Figures>,
}

/// What is compared of one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Figures {
    /// From the start to the end of the first request.
    cold_instructions: u64,
    /// Of one further request.
    warm_instructions: u64,
    /// Calls of AWS by the first request.
    cold_calls: u64,
    /// How many of them wait for one another.
    cold_round_trips: u64,
    /// Calls of AWS by a further request.
    warm_calls: u64,
    /// How many of them wait for one another.
    warm_round_trips: u64,
    /// Connections that a further request opens.
    warm_handshakes: u64,
}

impl Figures {
    fn all(&self) -> [(&'static str, u64); 7] {
        [
            ("instructions, cold", self.cold_instructions),
            ("instructions, warm", self.warm_instructions),
            ("calls of AWS, cold", self.cold_calls),
            ("round trips, cold", self.cold_round_trips),
            ("calls of AWS, warm", self.warm_calls),
            ("round trips, warm", self.warm_round_trips),
            ("TLS handshakes, warm", self.warm_handshakes),
        ]
    }

    /// The lesser of each.
    fn least(&self, other: &Self) -> Self {
        Self {
            cold_instructions: self.cold_instructions.min(other.cold_instructions),
            warm_instructions: self.warm_instructions.min(other.warm_instructions),
            cold_calls: self.cold_calls.min(other.cold_calls),
            cold_round_trips: self.cold_round_trips.min(other.cold_round_trips),
            warm_calls: self.warm_calls.min(other.warm_calls),
            warm_round_trips: self.warm_round_trips.min(other.warm_round_trips),
            warm_handshakes: self.warm_handshakes.min(other.warm_handshakes),
        }
    }
}

/// Runs it, and says whether everything is within the baseline.
///
/// # Errors
/// When something cannot be measured, or there is no baseline.
pub async fn run(
    root: &Path,
    arguments: &Arguments,
    print: &mut dyn FnMut(&str),
) -> Result<bool, MeasureError> {
    let functions = arguments.functions.clone().unwrap_or_else(|| root.join("target/local/functions"));
    let path = root.join("bench/baseline.json");
    for name in routes::FUNCTIONS {
        let file = functions.join(name).join("bootstrap");
        if !file.is_file() {
            let text = format!("{} is not built: the tests do that, or `cargo run -p local`", file.display());
            return Err(MeasureError::Missing(text));
        }
    }
    if !callgrind::is_there().await {
        return Err(MeasureError::Missing("valgrind is not installed: apt-get install valgrind".to_owned()));
    }
    let mut found = Baseline { processor: processor(), routes: BTreeMap::new() };
    if arguments.accept {
        for _ in 0..ACCEPTED_AFTER {
            found.merge(measure(root, &functions, routes::all(root)?).await?);
        }
        let text = serde_json::to_string_pretty(&found).unwrap_or_default();
        fs::write(&path, text + "\n").map_err(MeasureError::file(&path))?;
        print(&format!("{} routes written to {}", found.routes.len(), path.display()));
        return Ok(true);
    }
    let text = fs::read_to_string(&path).map_err(MeasureError::file(&path))?;
    let baseline: Baseline = serde_json::from_str(&text)
        .map_err(|e| MeasureError::Missing(format!("{} is no baseline: {e}", path.display())))?;
    let mut comparison = Comparison::default();
    for _ in 0..TRIES {
        let mut routes = routes::all(root)?;
        routes.retain(|route| !comparison.fits(&name(route)));
        found.merge(measure(root, &functions, routes).await?);
        comparison = compare(&baseline, &found);
        if comparison.holds() {
            break;
        }
    }
    comparison.lines.iter().for_each(|line| print(line));
    if comparison.holds() {
        print("no function needs more instructions or round trips than the baseline allows");
    } else {
        print(
            "\nIf that is meant: `cargo run -p bench -- gate --accept` writes bench/baseline.json anew; say in the commit why.",
        );
    }
    Ok(comparison.holds())
}

impl Baseline {
    fn merge(&mut self, found: BTreeMap<String, Figures>) {
        for (route, figures) in found {
            let least =
                self.routes.get(&route).map_or_else(|| figures.clone(), |known| known.least(&figures));
            self.routes.insert(route, least);
        }
    }
}

#[derive(Default)]
struct Comparison {
    /// Whether each route is within the baseline.
    routes: BTreeMap<String, bool>,
    lines: Vec<String>,
}

impl Comparison {
    fn holds(&self) -> bool {
        self.routes.values().all(|fits| *fits)
    }

    /// Whether this route was compared, and is within the baseline.
    fn fits(&self, route: &str) -> bool {
        self.routes.get(route).copied().unwrap_or_default()
    }
}

fn compare(baseline: &Baseline, found: &Baseline) -> Comparison {
    let (mut routes, mut lines) = (BTreeMap::new(), Vec::new());
    let counts_instructions = baseline.processor == found.processor;
    if !counts_instructions {
        lines.push(format!(
            "instructions are not compared: the baseline is of a processor with {}, this one has {}",
            baseline.processor, found.processor
        ));
    }
    for (route, now) in &found.routes {
        let Some(before) = baseline.routes.get(route) else {
            routes.insert(route.clone(), false);
            lines.push(format!("{route}: not in the baseline"));
            continue;
        };
        let mut fits = true;
        for ((what, was), (_, is)) in before.all().into_iter().zip(now.all()) {
            let is_instructions = what.starts_with("instructions");
            if is_instructions && !counts_instructions {
                continue;
            }
            if exceeds(was, is) {
                fits = false;
                lines.push(format!("{route}: {what}: {} instead of {}", grouped(is), grouped(was)));
            } else if exceeds(is, was) {
                lines.push(format!("{route}: {what}: {}, and {} before: better", grouped(is), grouped(was)));
            }
        }
        routes.insert(route.clone(), fits);
    }
    for route in baseline.routes.keys().filter(|route| !found.routes.contains_key(*route)) {
        routes.insert(route.clone(), false);
        lines.push(format!("{route}: in the baseline, and not measured any more"));
    }
    Comparison { routes, lines }
}

#[expect(clippy::cast_precision_loss, reason = "twenty per cent of a percent would do")]
fn exceeds(was: u64, is: u64) -> bool {
    is as f64 > was as f64 * GROWTH_MAX
}

/// `1 234 567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && at % 3 == first {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// How many further requests the figure of one is the mean of.
const FURTHER: u32 = 20;

fn name(route: &Route) -> String {
    format!("{}: {}", route.function, route.name)
}

async fn measure(
    root: &Path,
    functions: &Path,
    mut waiting: Vec<Route>,
) -> Result<BTreeMap<String, Figures>, MeasureError> {
    let scratch = root.join("target/bench/gate");
    let mut running = JoinSet::new();
    let mut found = BTreeMap::new();
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    loop {
        while running.len() < at_once {
            let Some(route) = waiting.pop() else { break };
            let subject =
                Subject::function(route.function, &functions.join(route.function).join("bootstrap"));
            let scratch = scratch.clone();
            running.spawn(async move { figures(&subject, &route, &scratch).await });
        }
        match running.join_next().await {
            None => return Ok(found),
            Some(Ok(figures)) => {
                let (route, figures) = figures?;
                found.insert(route, figures);
            }
            Some(Err(error)) => return Err(MeasureError::Missing(format!("a measurement stopped: {error}"))),
        }
    }
}

async fn figures(
    subject: &Subject,
    route: &Route,
    scratch: &Path,
) -> Result<(String, Figures), MeasureError> {
    let slow = Bench::of(subject, route, &Delays::all(trips::DELAY), scratch).await?;
    let trips = trips::count(&slow).await?;
    drop(slow);
    let fast = Bench::of(subject, route, &Delays::default(), scratch).await?;
    let cold = fast.instructions(1).await?;
    let many = fast.instructions(1 + FURTHER).await?;
    let count = |calls: &[String]| u64::try_from(calls.len()).unwrap_or_default();
    let figures = Figures {
        cold_instructions: cold,
        warm_instructions: many.saturating_sub(cold) / u64::from(FURTHER),
        cold_calls: count(&trips.cold.calls),
        cold_round_trips: trips.cold.depth.into(),
        warm_calls: count(&trips.warm.calls),
        warm_round_trips: trips.warm.depth.into(),
        warm_handshakes: trips.warm.handshakes.into(),
    };
    Ok((name(route), figures))
}

/// What decides which of its routines libc and the cryptography take.
fn processor() -> String {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags: Vec<_> = flags
        .lines()
        .find_map(|line| line.strip_prefix("flags")?.split_once(':'))
        .map(|(_, flags)| flags.split_ascii_whitespace().collect())
        .unwrap_or_default();
    let has = |flag: &&str| flags.contains(flag);
    let known: Vec<_> = ["avx", "avx2", "bmi2", "adx", "erms", "fsrm"].into_iter().filter(has).collect();
    format!("{} {}", std::env::consts::ARCH, known.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(figures: [u64; 7], processor: &str) -> Baseline {
        let [
            cold_instructions,
            warm_instructions,
            cold_calls,
            cold_round_trips,
            warm_calls,
            warm_round_trips,
            warm_handshakes,
        ] = figures;
        let figures = Figures {
            cold_instructions,
            warm_instructions,
            cold_calls,
            cold_round_trips,
            warm_calls,
            warm_round_trips,
            warm_handshakes,
        };
        Baseline { processor: processor.to_owned(), routes: [("a: GET /".to_owned(), figures)].into() }
    }

    const ACCEPTED: [u64; 7] = [10_000_000, 1_000_000, 5, 5, 2, 2, 0];

    #[test]
    fn growth_of_any_figure_fails_and_says_how_much() {
        let accepted = baseline(ACCEPTED, "p");
        for (at, grown) in [(0, 10_500_001), (1, 1_050_001), (2, 6), (3, 6), (4, 3), (5, 3), (6, 1)] {
            let mut figures = ACCEPTED;
            figures[at] = grown;
            let found = compare(&accepted, &baseline(figures, "p"));
            assert!(!found.holds() && found.lines.len() == 1, "{at}: {:?}", found.lines);
            assert!(found.lines[0].contains(&grouped(grown)), "{}", found.lines[0]);
        }
    }

    #[test]
    fn what_is_the_same_or_better_holds() {
        let accepted = baseline(ACCEPTED, "p");
        assert!(compare(&accepted, &baseline(ACCEPTED, "p")).holds());
        let noise = [10_499_999, 960_000, 5, 5, 2, 2, 0];
        assert!(compare(&accepted, &baseline(noise, "p")).lines.is_empty());
        let better = compare(&accepted, &baseline([5_000_000, 500_000, 3, 3, 1, 1, 0], "p"));
        assert!(better.holds() && better.lines.len() == 6, "{:?}", better.lines);
    }

    #[test]
    fn another_processors_instructions_are_not_compared_and_its_round_trips_are() {
        let accepted = baseline(ACCEPTED, "p");
        assert!(compare(&accepted, &baseline([90_000_000, 9_000_000, 5, 5, 2, 2, 0], "q")).holds());
        assert!(!compare(&accepted, &baseline([10_000_000, 1_000_000, 5, 5, 2, 3, 0], "q")).holds());
    }

    #[test]
    fn a_route_that_is_new_or_gone_has_to_be_accepted() {
        let accepted = baseline(ACCEPTED, "p");
        let nothing = Baseline { processor: "p".to_owned(), routes: BTreeMap::new() };
        assert!(!compare(&accepted, &nothing).holds());
        assert!(!compare(&nothing, &accepted).holds());
    }

    #[test]
    fn what_exceeds_is_counted_again_and_the_least_counts() {
        let accepted = baseline(ACCEPTED, "p");
        let mut found = baseline([12_400_000, 1_000_000, 5, 5, 2, 2, 1], "p");
        let exceeds = compare(&accepted, &found);
        assert!(!exceeds.fits("a: GET /"), "{:?}", exceeds.lines);
        found.merge(baseline([10_000_000, 1_300_000, 5, 5, 2, 2, 0], "p").routes);
        assert_eq!(found, accepted);
        assert!(compare(&accepted, &found).fits("a: GET /"));
    }

    #[test]
    fn numbers_can_be_read() {
        assert_eq!(
            ["0", "12", "123", "1 234", "1 234 567"],
            [0, 12, 123, 1_234, 1_234_567].map(grouped).each_ref().map(String::as_str)
        );
    }
}
