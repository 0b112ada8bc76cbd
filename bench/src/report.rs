//! The benchmark as a command: measures, prints tables, and leaves `target/bench/report.html` and `report.json`, with
//! which the next run compares itself.

use std::{fmt::Write, fs, path::Path};

use crate::{
    functions::MeasureError,
    gate::grouped,
    html,
    measure::{self, Effort, Report, Row},
    targets,
};

/// What the benchmark is told.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// The report as one line of JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Starts of each function, floor and peer.
    #[arg(long, default_value_t = 30)]
    starts: usize,
    /// Requests of a warm environment.
    #[arg(long, default_value_t = 300)]
    requests: usize,
}

/// Measures everything; `print` gets the report, `told` what is being done.
///
/// # Errors
/// When something cannot be built, started or asked.
pub async fn run(
    root: &Path,
    arguments: &Arguments,
    print: &mut dyn FnMut(&str),
    told: &mut dyn FnMut(&str),
) -> Result<(), MeasureError> {
    let effort = Effort { starts: arguments.starts.max(1), requests: arguments.requests.max(1) };
    let report = measure::all(root, effort, told).await?;
    let folder = root.join("target/bench");
    let json = folder.join("report.json");
    let before = fs::read_to_string(&json).ok().and_then(|text| serde_json::from_str::<Report>(&text).ok());
    let text = serde_json::to_string(&report).unwrap_or_default();
    fs::write(&json, &text).map_err(MeasureError::file(&json))?;
    let page = folder.join("report.html");
    fs::write(&page, html::page(&report, before.as_ref())).map_err(MeasureError::file(&page))?;
    if arguments.json {
        print(&text);
        return Ok(());
    }
    print(&tables(&report, before.as_ref()));
    print(&format!("As a page: {}", page.display()));
    Ok(())
}

fn tables(report: &Report, before: Option<&Report>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}, {}; {} starts, {} requests",
        report.at, report.machine, report.effort[0], report.effort[1]
    );
    let _ = writeln!(
        text,
        "\n{:<10} {:<31} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8} {:>7} {:>6} {:>6}",
        "", "", "init", "p99", "first", "cold CPU", "warm p50", "p99", "CPU", "req/s", "MB", "zip MB"
    );
    let _ = writeln!(
        text,
        "{:<10} {:<31} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8}",
        "", "", "ms", "ms", "ms", "ms", "µs", "µs", "µs"
    );
    for row in all(report) {
        let [init, init_p99] = row.init_ms;
        let [warm, warm_p99] = row.warm_us;
        let _ = writeln!(
            text,
            "{:<10} {:<31} {init:>7.2} {init_p99:>7.2} {:>7.2} {:>8.2} {warm:>8.0} {warm_p99:>8.0} {:>8.0} {:>7.0} {:>6.1} {:>6.2}",
            row.subject,
            row.route,
            row.first_ms,
            row.cold_cpu_ms,
            row.warm_cpu_us,
            row.throughput(),
            mega(row.peak_bytes),
            mega(row.size_bytes[1]),
        );
    }
    let _ = writeln!(
        text,
        "\n{:<10} {:<31} {:>12} {:>12} {:>11} {:>6}  {:>11}  {:>11}  {:>10} {:>7}",
        "", "", "init", "cold", "warm", "÷ same", "cold", "warm", "handshakes", "$ a"
    );
    let _ = writeln!(
        text,
        "{:<10} {:<31} {:>12} {:>12} {:>11} {:>6}  {:>11}  {:>11}  {:>10} {:>7}",
        "", "", "instructions", "", "", "calls", "calls/depth", "calls/depth", "i / c / w", "million"
    );
    for (row, floor) in report.functions.iter().zip(&report.calls) {
        let [init, cold, warm] = row.instructions.unwrap_or_default();
        let same = floor.instructions.map_or(0, |[_, _, warm]| warm);
        let of = |trips: &crate::trips::Trips| format!("{} / {}", trips.calls.len(), trips.depth);
        let trips = &row.trips;
        let _ = writeln!(
            text,
            "{:<10} {:<31} {:>12} {:>12} {:>11} {:>6.2}  {:>11}  {:>11}  {:>10} {:>7.2}",
            row.subject,
            row.route,
            grouped(init),
            grouped(cold),
            grouped(warm),
            ratio(warm, same),
            of(&trips.cold),
            of(&trips.warm),
            format!("{} / {} / {}", trips.init.handshakes, trips.cold.handshakes, trips.warm.handshakes),
            row.dollars,
        );
    }
    let _ = writeln!(text, "\nTargets");
    for target in targets::of(report) {
        let word = if target.reached { "reached" } else { "not reached" };
        let _ = writeln!(
            text,
            "{:<41} {:<42} {:>9} {:>9.2}  {word}",
            target.figure, target.subject, target.target, target.measured
        );
    }
    if let Some(before) = before {
        let _ = writeln!(text, "\nSince the run before ({}): instructions of a warm request", before.at);
        for row in &report.functions {
            let known = before.functions.iter().find(|known| known.route == row.route);
            if let (Some([_, _, now]), Some([_, _, then])) =
                (row.instructions, known.and_then(|known| known.instructions))
            {
                let _ = writeln!(
                    text,
                    "{:<10} {:<31} {:>11} → {:>11}",
                    row.subject,
                    row.route,
                    grouped(then),
                    grouped(now)
                );
            }
        }
    }
    text
}

/// Every row, in the order of the page.
pub(crate) fn all(report: &Report) -> impl Iterator<Item = &Row> {
    report.empty.iter().chain(&report.functions).chain(&report.calls).chain(&report.peers)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn ratio(of: u64, to: u64) -> f64 {
    if to == 0 { f64::NAN } else { of as f64 / to as f64 }
}
