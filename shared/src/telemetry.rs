//! Logs: one JSON object a line, one line a request.
//!
//! Fields: `request_id`, `trace`, `route`, `tenant`, `user`, `outcome` (a status or a word), `duration_ms`,
//! `error` (the chain of causes), `incident` (something that must never happen: alarm on it).
//! Never logged: tokens, claims, credentials, signed URLs, bodies, names of documents.

use tracing::Level;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging to standard output: this product's crates from `level` on, libraries only warnings, since
/// their details may hold what must not be logged. A second call changes nothing.
pub fn start(level: Level) {
    let ours = [
        "shared",
        "documents",
        "shares",
        "uploads",
        "deletions",
        "signup",
        "onboarding",
        "subscriptions",
        "metering",
        "users",
        "departures",
        "usage",
        "token_tags",
    ];
    let targets = Targets::new().with_default(Level::WARN).with_targets(ours.map(|name| (name, level)));
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}
