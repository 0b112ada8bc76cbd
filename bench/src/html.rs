//! The report as one page that needs nothing else: tables, and plots drawn as SVG.

use std::fmt::Write;

use crate::{
    gate::grouped,
    measure::{Report, Row},
    prices,
    report::{all, mega, ratio},
    targets,
};

const STYLE: &str = "
:root{--ink:#1d2430;--dim:#667085;--line:#e3e7ee;--own:#2f6fde;--floor:#9bb3d4;--peer:#d9822b;--good:#1c7c4a;--bad:#b3261e}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);max-width:1080px;margin:2.5rem auto;padding:0 1.2rem;background:#fff}
h1{font-size:1.7rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2.6rem 0 .3rem}p{margin:.2rem 0 .8rem;color:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{color:var(--dim);font-weight:600}th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
.yes{color:var(--good)}.no{color:var(--bad);font-weight:600}.wide{overflow-x:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .dim{fill:var(--dim)}
";

/// The page; `before` is the run that it compares itself with.
pub(crate) fn page(report: &Report, before: Option<&Report>) -> String {
    let mut html = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>What the functions cost</title><style>{STYLE}</style>\
         <h1>What the functions cost</h1><p>{} · {} · {} starts and {} warm requests of each; AWS is a stub on this machine that \
         answers at once, over TLS 1.3, one host for each service.</p>",
        text(&report.at),
        text(&report.machine),
        report.effort[0],
        report.effort[1],
    );
    cold(&mut html, report);
    warm(&mut html, report);
    instructions(&mut html, report);
    trips(&mut html, report);
    reached(&mut html, report);
    figures(&mut html, report);
    money(&mut html, report);
    if let Some(before) = before {
        since(&mut html, report, before);
    }
    html
}

/// One bar of parts.
struct Bar {
    label: String,
    parts: Vec<(f64, &'static str)>,
    value: String,
}

const LABELS: f64 = 300.0;
const BARS: f64 = 330.0;
const STEP: f64 = 24.0;

/// Horizontal bars on one scale; a logarithmic one where the peers are a hundred times as long.
fn bars(html: &mut String, bars: &[Bar], is_logarithmic: bool) {
    let sum = |bar: &Bar| bar.parts.iter().map(|(part, _)| part).sum::<f64>();
    let most = bars.iter().map(sum).fold(0.0, f64::max);
    let least = bars.iter().map(sum).filter(|sum| *sum > 0.0).fold(f64::INFINITY, f64::min);
    let length = |value: f64| {
        if !is_logarithmic {
            return value / most * BARS;
        }
        // A tenth of the scale stands for the least.
        ((value / least).ln() / (most / least).ln()).mul_add(0.9, 0.1) * BARS
    };
    let height = f64::from(u32::try_from(bars.len()).unwrap_or_default()) * STEP;
    let _ = write!(html, "<svg viewBox=\"0 0 1040 {height}\" width=\"100%\" role=\"img\">");
    let mut y = 0.0;
    for bar in bars {
        let _ = write!(
            html,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LABELS - 8.0,
            y + 16.0,
            text(&bar.label)
        );
        let (whole, all) = (length(sum(bar)).max(1.0), sum(bar).max(f64::MIN_POSITIVE));
        let mut x = LABELS;
        for (part, colour) in &bar.parts {
            let width = whole * part / all;
            let _ = write!(
                html,
                "<rect x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"16\" rx=\"2\" fill=\"{colour}\"/>",
                y + 4.0
            );
            x += width;
        }
        let _ = write!(
            html,
            "<text class=\"dim\" x=\"{:.1}\" y=\"{}\">{}</text>",
            LABELS + whole + 8.0,
            y + 16.0,
            text(&bar.value)
        );
        y += STEP;
    }
    html.push_str("</svg>");
}

fn colour_of(row: &Row) -> &'static str {
    match row.subject.as_str() {
        "Node.js" | "Python" => "var(--peer)",
        "empty" | "calls" => "var(--floor)",
        _ => "var(--own)",
    }
}

fn label(row: &Row) -> String {
    match row.subject.as_str() {
        "empty" => "empty function".to_owned(),
        "calls" => format!("same calls: {}", row.route),
        subject => format!("{subject}: {}", row.route),
    }
}

fn cold(html: &mut String, report: &Report) {
    html.push_str("<h2>Cold start</h2><p>Processor's time of the start and the first request, in milliseconds (median, logarithmic).</p>");
    let shown = report.empty.iter().chain(&report.functions).chain(&report.peers);
    let shown = shown.map(|row| Bar {
        label: label(row),
        parts: vec![(row.cold_cpu_ms, colour_of(row))],
        value: format!(
            "{:.2} ms · until the first poll {:.2} ms, first answer {:.2} ms",
            row.cold_cpu_ms, row.init_ms[0], row.first_ms
        ),
    });
    bars(html, &shown.collect::<Vec<_>>(), true);
}

fn warm(html: &mut String, report: &Report) {
    html.push_str("<h2>Warm request</h2><p>Processor's time of one request, in microseconds (mean, logarithmic); the light bar is the floor that makes the same calls and nothing else.</p>");
    let mut shown = Vec::new();
    for (row, floor) in report.functions.iter().zip(&report.calls) {
        for row in [row, floor] {
            shown.push(Bar {
                label: label(row),
                parts: vec![(row.warm_cpu_us, colour_of(row))],
                value: format!(
                    "{:.0} µs · p50 {:.0} µs, p99 {:.0} µs",
                    row.warm_cpu_us, row.warm_us[0], row.warm_us[1]
                ),
            });
        }
    }
    for row in &report.peers {
        shown.push(Bar {
            label: label(row),
            parts: vec![(row.warm_cpu_us, colour_of(row))],
            value: format!("{:.0} µs · p50 {:.0} µs", row.warm_cpu_us, row.warm_us[0]),
        });
    }
    bars(html, &shown, true);
}

fn instructions(html: &mut String, report: &Report) {
    html.push_str("<h2>Instructions</h2><p>Of the start (light) and of the first request (dark), in millions: counted, so no busy machine changes them.</p>");
    let shown = report.empty.iter().chain(&report.functions).filter_map(|row| {
        let [init, cold, warm] = row.instructions?;
        Some(Bar {
            label: label(row),
            parts: vec![(mega(init), "var(--floor)"), (mega(cold.saturating_sub(init)), "var(--own)")],
            value: format!(
                "{:.2} + {:.2} M · warm {:.2} M",
                mega(init),
                mega(cold.saturating_sub(init)),
                mega(warm)
            ),
        })
    });
    bars(html, &shown.collect::<Vec<_>>(), false);
}

fn trips(html: &mut String, report: &Report) {
    html.push_str("<h2>Round trips</h2><p>Calls of AWS by one request, and how many of them wait for one another.</p><div class=\"wide\"><table><tr><th>function<th>route<th>cold: calls<th>in turn<th>warm: calls<th>in turn<th>connections: start, first, warm<th>the warm calls</tr>");
    for row in &report.functions {
        let trips = &row.trips;
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}, {}, {}<td style=\"text-align:left;white-space:normal\">{}</tr>",
            text(&row.subject),
            text(&row.route),
            trips.cold.calls.len(),
            trips.cold.depth,
            trips.warm.calls.len(),
            trips.warm.depth,
            trips.init.handshakes,
            trips.cold.handshakes,
            trips.warm.handshakes,
            text(&trips.warm.calls.join(", ")),
        );
    }
    html.push_str("</table></div>");
}

fn reached(html: &mut String, report: &Report) {
    html.push_str("<h2>Targets</h2><table><tr><th>figure<th>of<th>target<th>measured<th></tr>");
    for target in targets::of(report) {
        let (class, word) = if target.reached { ("yes", "reached") } else { ("no", "not reached") };
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td>{:.2}<td class=\"{class}\">{word}</tr>",
            text(&target.figure),
            text(&target.subject),
            text(&target.target),
            target.measured
        );
    }
    html.push_str("</table>");
}

fn figures(html: &mut String, report: &Report) {
    html.push_str("<h2>All figures</h2><div class=\"wide\"><table><tr><th>subject<th>route<th>init p50 ms<th>p99<th>first ms<th>its CPU<th>cold CPU ms<th>warm p50 µs<th>p99<th>CPU µs<th>requests/s<th>instructions warm<th>peak MB<th>file MB<th>zip MB</tr>");
    for row in all(report) {
        let instructions = row.instructions.map_or_else(String::new, |[_, _, warm]| grouped(warm));
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{:.2}<td>{:.2}<td>{:.2}<td>{:.2}<td>{:.2}<td>{:.0}<td>{:.0}<td>{:.0}<td>{:.0}<td>{instructions}<td>{:.1}<td>{:.2}<td>{:.2}</tr>",
            text(&row.subject),
            text(&row.route),
            row.init_ms[0],
            row.init_ms[1],
            row.first_ms,
            row.first_cpu_ms,
            row.cold_cpu_ms,
            row.warm_us[0],
            row.warm_us[1],
            row.warm_cpu_us,
            row.throughput(),
            mega(row.peak_bytes),
            mega(row.size_bytes[0]),
            mega(row.size_bytes[1]),
        );
    }
    html.push_str("</table></div>");
}

fn money(html: &mut String, report: &Report) {
    let _ = write!(
        html,
        "<h2>Cost</h2><p>Of a million warm requests at list prices, in dollars, if each call of AWS lasts {} ms.</p>",
        prices::CALL_LASTS_S * 1e3
    );
    let shown = report.functions.iter().map(|row| Bar {
        label: label(row),
        parts: vec![(row.dollars, "var(--own)")],
        value: format!("$ {:.2}", row.dollars),
    });
    bars(html, &shown.collect::<Vec<_>>(), false);
    html.push_str("<table><tr><th>price<th>source<th>$ a million</tr>");
    for price in prices::ALL {
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{:.3}</tr>",
            text(price.what),
            text(price.source),
            price.per_million
        );
    }
    html.push_str("</table><p>us-east-1, without free tiers; the pages as they were in 2025.</p>");
}

fn since(html: &mut String, report: &Report, before: &Report) {
    let _ = write!(
        html,
        "<h2>Since the run before</h2><p>{}</p><table><tr><th>function<th>route<th>cold instructions<th>then<th>ratio<th>warm instructions<th>then<th>ratio</tr>",
        text(&before.at)
    );
    for row in &report.functions {
        let known =
            before.functions.iter().find(|known| known.route == row.route && known.subject == row.subject);
        if let (Some([_, cold, warm]), Some([_, cold_then, warm_then])) =
            (row.instructions, known.and_then(|known| known.instructions))
        {
            let _ = write!(
                html,
                "<tr><td>{}<td>{}<td>{}<td>{}<td>{:.3}<td>{}<td>{}<td>{:.3}</tr>",
                text(&row.subject),
                text(&row.route),
                grouped(cold),
                grouped(cold_then),
                ratio(cold, cold_then),
                grouped(warm),
                grouped(warm_then),
                ratio(warm, warm_then),
            );
        }
    }
    html.push_str("</table>");
}

/// `text` as it may stand in a page.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
