//! What the figures are to be: the targets, each a ratio or a count within one run.

use serde::{Deserialize, Serialize};

use crate::measure::{Report, Row};

/// One target and what was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Which figure.
    pub(crate) figure: String,
    /// Of what.
    pub(crate) subject: String,
    /// What it should be, as text.
    pub(crate) target: String,
    /// What it is.
    pub(crate) measured: f64,
    /// Whether that is reached.
    pub(crate) reached: bool,
}

fn at_most(figure: &str, subject: &str, target: f64, measured: f64, unit: &str) -> Target {
    Target {
        figure: figure.to_owned(),
        subject: subject.to_owned(),
        target: format!("≤ {target}{unit}"),
        measured,
        reached: measured <= target,
    }
}

/// All targets that this report has figures for.
pub(crate) fn of(report: &Report) -> Vec<Target> {
    let mut found = Vec::new();
    let empty = report.empty.first();
    for (row, floor) in report.functions.iter().zip(&report.calls) {
        let name = format!("{}: {}", row.subject, row.route);
        if let Some([_, cold, warm]) = row.instructions {
            found.push(at_most("cold instructions", &name, 14.0, number(cold) / 1e6, " M"));
            if let (Some([_, _, floor]), false) = (floor.instructions, row.trips.warm.calls.is_empty()) {
                found.push(at_most(
                    "warm instructions ÷ same calls",
                    &name,
                    1.15,
                    number(warm) / number(floor),
                    "",
                ));
            }
        }
        if let Some(empty) = empty {
            found.push(at_most(
                "cold CPU ÷ empty function",
                &name,
                2.5,
                row.cold_cpu_ms / empty.cold_cpu_ms,
                "",
            ));
        }
        found.push(at_most("first request, own CPU", &name, 1.0, row.first_cpu_ms, " ms"));
        let warm = &row.trips.warm;
        let sessions =
            warm.calls.iter().filter(|call| call.contains("AssumeRole") || call.ends_with("tenants")).count();
        found.push(at_most("handshakes of a warm request", &name, 0.0, warm.handshakes.into(), ""));
        found.push(at_most("sessions and mappings of a warm request", &name, 0.0, count(sessions), ""));
        if let Some(depth) = depth_of(&row.route) {
            found.push(at_most("sequential calls, warm", &name, depth, warm.depth.into(), ""));
        }
        let [_, zip] = row.size_bytes;
        found.push(at_most("zip", &name, 2.5, number(zip) / 1e6, " MB"));
        found.push(at_most("peak memory", &name, 10.0, number(row.peak_bytes) / 1e6, " MB"));
    }
    for peer in report.peers.iter().filter(|peer| peer.subject == "Node.js") {
        if let Some(row) = report.functions.iter().find(|row| row.route == peer.route) {
            found.extend(against(row, peer));
        }
    }
    found
}

fn against(row: &Row, peer: &Row) -> [Target; 2] {
    let at_least = |figure: &str, target: f64, measured: f64| Target {
        figure: figure.to_owned(),
        subject: row.route.clone(),
        target: format!("≥ {target} ×"),
        measured,
        reached: measured >= target,
    };
    [
        at_least("Node.js' cold CPU ÷ ours", 40.0, peer.cold_cpu_ms / row.cold_cpu_ms),
        at_least("Node.js' warm CPU ÷ ours", 12.0, peer.warm_cpu_us / row.warm_cpu_us),
    ]
}

fn depth_of(route: &str) -> Option<f64> {
    Some(match route {
        "GET /documents/{id}" | "POST /documents" | "GET /documents" => 2.0,
        "POST /shares" => 3.0,
        _ => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(value: usize) -> f64 {
    value as f64
}
