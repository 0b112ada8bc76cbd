//! Metering under everything that can go wrong: seeded schedules of use, runs, crashes and faults, driven through
//! the product's own run and the local account's own Marketplace.
//!
//! - `cargo test -p shared --test simulation`: 2,000 schedules.
//! - `SIM_SEEDS=100000 cargo test -p shared --test simulation simulation_of_everything`: more.
//! - `SIM_SEED=42 cargo test -p shared --test simulation simulation_of_everything -- --nocapture`: that one again, with
//!   all that happens in it. What a failure prints.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a simulation that cannot go on has failed; it is told its seed by the environment, and prints"
)]

mod acts;
mod chance;
mod market;
mod met;
mod oracle;
mod plan;
mod schedule;
mod sim;
mod store;
mod world;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use met::MUST_BE_MET;
use schedule::Defect;
use sim::{Met, simulate};

const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// What came of many schedules.
struct Searched {
    /// The first seed whose schedule breaks a law, and which.
    found: Option<(u64, String)>,
    schedules: u64,
    met: Met,
}

/// Schedules of all seeds below `seeds`, until one breaks a law.
fn search(seeds: u64, defect: Option<Defect>) -> Searched {
    let next = AtomicU64::new(0);
    let met = Mutex::new(Met::new());
    let found = thread::scope(|scope| {
        let search = || {
            loop {
                let seed = next.fetch_add(1, Relaxed);
                if seed >= seeds {
                    return None;
                }
                let simulated = simulate(seed, defect, false);
                let mut met = met.lock().unwrap();
                for (what, more) in simulated.met {
                    *met.entry(what).or_default() += more;
                }
                if let Some(violation) = simulated.violation {
                    next.store(seeds, Relaxed);
                    return Some((seed, violation));
                }
            }
        };
        let threads: Vec<_> = (0..thread::available_parallelism().map_or(2, usize::from))
            .map(|_| scope.spawn(search))
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("the simulation itself holds")).min()
    });
    Searched { found, schedules: next.into_inner().min(seeds), met: met.into_inner().unwrap() }
}

#[test]
fn simulation_of_everything_bills_what_was_used_or_names_the_difference() {
    if let Some(seed) = number("SIM_SEED") {
        let simulated = simulate(seed, None, true);
        simulated.trace.iter().for_each(|line| println!("{line}"));
        return holds(simulated.violation.map(|violation| (seed, violation)));
    }
    let began = Instant::now();
    let Searched { found, schedules, met } = search(number("SIM_SEEDS").unwrap_or(SEEDS), None);
    println!("{schedules} schedules in {:.1?}: {met:#?}", began.elapsed());
    holds(found);
    if schedules >= SEEDS {
        let never: Vec<_> =
            MUST_BE_MET.iter().filter(|what| met.get(*what).is_none_or(|n| *n == 0)).collect();
        assert!(never.is_empty(), "the simulation never met {never:?}");
    }
}

fn holds(found: Option<(u64, String)>) {
    if let Some((seed, violation)) = found {
        let again = "cargo test -p shared --test simulation simulation_of_everything -- --nocapture";
        panic!("{violation}\nagain: SIM_SEED={seed} {again}");
    }
}

/// How many schedules a planted defect may survive.
const FOUND_WITHIN: u64 = 500;

fn is_found(defect: Defect) {
    let found = search(FOUND_WITHIN, Some(defect)).found;
    let (seed, violation) = found.unwrap_or_else(|| panic!("{defect:?} was not found"));
    println!("{defect:?} is found with seed {seed}: {violation}");
}

#[test]
fn simulation_finds_records_that_carry_the_time_of_their_sending() {
    is_found(Defect::TimestampNow);
}

#[test]
fn simulation_finds_records_that_were_not_sealed() {
    is_found(Defect::SealSkipped);
}

#[test]
fn simulation_finds_unprocessed_records_that_are_ignored() {
    is_found(Defect::UnprocessedIgnored);
}

#[test]
fn simulation_finds_records_that_are_marked_before_they_are_sent() {
    is_found(Defect::MarkedBeforeSend);
}

#[test]
fn simulation_finds_repetitions_with_a_new_quantity() {
    is_found(Defect::NewQuantity);
}

#[test]
fn simulation_is_the_same_each_time() {
    let (one, other) = (simulate(7, None, true), simulate(7, None, true));
    assert_eq!(one.trace, other.trace);
}
