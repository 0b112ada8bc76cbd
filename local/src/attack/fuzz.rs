//! Random requests, made from the API's description, as two tenants at once: no 5xx, no answer that the description
//! does not know, and none that holds a byte which the other tenant planted.
//!
//! schemathesis (<https://schemathesis.io>) makes them, in a process of its own for each tenant. It gets the loopback
//! and so much time.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    AttackError, Report,
    cast::Scene,
    table::{Target, Who},
};
use crate::{
    account::{self, Options, Tenant, User},
    paths::Paths,
};

/// How long a run may take beyond its time, to come to its end.
const GRACE: Duration = Duration::from_secs(90);
/// What is looked at in every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,nothing_of_the_other_tenant";
/// How many lines of a run that found something are told.
const LINES: usize = 40;
/// How long the canary may be looked for.
const CANARY_LASTS: Duration = Duration::from_secs(10);
/// What is said when it is found.
const CANARY: &str = "Custom check failed: `nothing_of_the_other_tenant`";
const NOTHING: &str = "nothing found";

/// `90s`, `10m`, or seconds.
///
/// # Errors
/// When it is neither, nothing, or more than an hour.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let seconds = seconds.filter(|seconds| (1..=3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "say 60s, 10m, or up to an hour".to_owned())
}

pub(super) async fn attack(
    scene: &Scene<'_>,
    options: &Options,
    lasts: Duration,
    report: &mut Report<'_>,
) -> Result<(), AttackError> {
    report.begin("random requests of two tenants at once");
    if !scene.details.api_url.starts_with("http://127.0.0.1:") {
        return Err(AttackError::Scene(
            "the API is not on this machine: nothing else is ever fuzzed".to_owned(),
        ));
    }
    let programs = account::fuzzer(options).await?;
    let one = Side::of(scene, &scene.attacked, [Who::Admin, Who::Owner]).await?;
    let two = Side::of(scene, &scene.attacking, [Who::ForeignAdmin, Who::Foreigner]).await?;
    // What is in the API's description anyway has to be found, or nothing else would be.
    let canary = json!({ "foreign": ["operationId"], "foreign_ids": [], "tokens": one.tokens, "ids": {} });
    let canary =
        run(scene, &programs, "canary", &canary, CANARY_LASTS, &["--include-path", "/openapi.json"]).await?;
    report.tried(
        "what is planted and shown",
        "found",
        if canary.contains(CANARY) { "found" } else { canary.as_str() },
    );
    let (as_one, as_two) = (one.against(&two), two.against(&one));
    let (first, second) = tokio::join!(
        run(scene, &programs, "attacked", &as_one, lasts, &[]),
        run(scene, &programs, "attacking", &as_two, lasts, &[]),
    );
    report.tried("as the attacked tenant", NOTHING, &first?);
    report.tried("as the attacking tenant", NOTHING, &second?);
    report.end();
    Ok(())
}

/// One of the two tenants: with whose tokens it asks, and what is its own.
struct Side<'a> {
    tokens: Vec<&'a str>,
    document: Target,
    users: Vec<&'a User>,
}

impl<'a> Side<'a> {
    async fn of(scene: &'a Scene<'_>, tenant: &'a Tenant, who: [Who; 2]) -> Result<Self, AttackError> {
        let [first, second] = who;
        let document = scene.added_by(second).await?;
        let tokens = vec![scene.someone(first)?.token.as_str(), scene.someone(second)?.token.as_str()];
        Ok(Self { tokens, document, users: tenant.users.iter().collect() })
    }

    /// What schemathesis is told: half of the ids that it is given are the other tenant's.
    fn against(&self, other: &Self) -> Value {
        // Whoever asks is not to be removed by their own administrator; the first two ask.
        let own = self.users.iter().skip(2);
        let users: Vec<&str> = own.chain(&other.users).map(|user| user.user_id.as_str()).collect();
        let addresses = other.users.iter().map(|user| user.email.as_str());
        let planted: Vec<&str> = std::iter::once(other.document.planted.as_str()).chain(addresses).collect();
        let foreign_ids = other.users.iter().map(|user| user.user_id.as_str());
        let foreign_ids: Vec<&str> =
            std::iter::once(other.document.document.as_str()).chain(foreign_ids).collect();
        json!({
            "tokens": self.tokens, "foreign": planted, "foreign_ids": foreign_ids,
            "ids": { "document_id": [self.document.document, other.document.document], "user_id": users },
        })
    }
}

/// One run: `nothing found`, or the end of what schemathesis said.
async fn run(
    scene: &Scene<'_>,
    programs: &Path,
    name: &str,
    told: &Value,
    lasts: Duration,
    further: &[&str],
) -> Result<String, AttackError> {
    let folder = folder(name)?;
    let file = |name: &str| folder.join(name);
    let write = |name: &str, text: &str| Paths::write_private(&file(name), text.as_bytes());
    write("scene.json", &told.to_string()).map_err(AttackError::Log)?;
    write("strongroom_fuzz.py", include_str!("fuzz.py")).map_err(AttackError::Log)?;
    write("openapi.json", include_str!("../../../openapi.json")).map_err(AttackError::Log)?;
    let mut command = Command::new(programs.join("st"));
    command
        .args(["--no-color", "run", "openapi.json", "--url", &scene.details.api_url])
        .args(["--max-time", &lasts.as_secs().to_string(), "--request-timeout", "30"])
        .args(["--checks", CHECKS, "--max-failures", "5", "--workers", "1"])
        .args(["--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"])
        .args(further)
        .current_dir(&folder)
        .env("PYTHONPATH", &folder)
        .env("SCHEMATHESIS_HOOKS", "strongroom_fuzz")
        .env("STRONGROOM_FUZZ", file("scene.json"))
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(lasts + GRACE, command.output()).await;
    let output = output.map_err(|_| AttackError::Scene("the fuzzing does not end".to_owned()))?;
    let output = output.map_err(AttackError::Log)?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    write("said.txt", &said).map_err(AttackError::Log)?;
    if output.status.success() {
        return Ok(NOTHING.to_owned());
    }
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("Authorization")).collect();
    let from = lines.len().saturating_sub(LINES);
    Ok(lines.get(from..).unwrap_or_default().join("\n"))
}

/// A folder of the account's own for one tenant's run.
fn folder(name: &str) -> Result<PathBuf, AttackError> {
    let folder = Paths::of_this_checkout().local(&format!("fuzz-{name}"));
    std::fs::create_dir_all(&folder).map_err(AttackError::Log)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_or_minutes_and_an_hour_at_most() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        for text in ["", "0", "61m", "1h", "-1s", "18446744073709551615m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
