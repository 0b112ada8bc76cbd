//! What the functions, the gateway and the engine wrote down of all this: nothing of it may hold what was planted.
//!
//! The functions' metrics are filters over the same lines, so they cannot hold more.

use std::collections::BTreeSet;

use super::{AttackError, Report, cast::Scene};
use crate::account::{deployed, function_log};

pub(super) async fn look(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let details = scene.details;
    let mut written = Vec::new();
    for function in deployed(scene.details) {
        written.push((format!("the log of {function}"), function_log(details, function).await?.join("\n")));
    }
    for (what, path) in [("the access log", &details.access_log), ("the engine's log", &details.engine_log)] {
        let text = tokio::fs::read(path).await.map_err(AttackError::Log)?;
        written.push((what.to_owned(), String::from_utf8_lossy(&text).into_owned()));
    }
    let planted = scene.planted();
    let kinds: BTreeSet<&str> = planted.iter().map(|(what, _)| *what).collect();
    report.begin("what was written down");
    report.tried(
        "something was",
        "yes",
        if written.iter().all(|(_, text)| text.is_empty()) { "no" } else { "yes" },
    );
    for (place, text) in &written {
        for kind in &kinds {
            let mut of_kind = planted.iter().filter(|(what, _)| what == kind);
            let found = of_kind.any(|(_, secret)| text.contains(secret.as_str()));
            report.tried(&format!("{kind} in {place}"), "nowhere", if found { "there" } else { "nowhere" });
        }
    }
    report.end();
    Ok(())
}
