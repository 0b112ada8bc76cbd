//! Instructions of a warm request: the figure that no busy machine changes.
//!
//! The function runs under callgrind, which counts only while it is told to: opening hundreds of sessions at its speed
//! would take minutes. What is compared is one environment with itself, when it knows one tenant and when it keeps as
//! many as it ever does.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use local::account::Details;
use serde::Serialize;
use tokio::process::Command;

use super::{
    Plan, ScaleError,
    events::{Request, Who},
    population::Population,
    report::{Table, Verdict},
    station::Station,
    tenants::opened,
};

/// Requests that are counted at each point.
const COUNTED: u32 = 20;
/// More tenants than an environment keeps.
const TENANTS: usize = 600;
/// How long valgrind may take to hear what it is told.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// Instructions of a warm request, by route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instructions {
    /// How many tenants the environment had served at the second point.
    pub tenants: usize,
    /// When it had served one tenant, and after all those.
    pub by_route: BTreeMap<&'static str, (u64, u64)>,
}

impl Instructions {
    pub(super) fn verdicts(&self, may_differ: u64) -> Vec<Verdict> {
        let verdict = |(route, (one, many)): (&&'static str, &(u64, u64))| Verdict {
            what: format!("Instructions of a warm {route}, after 1 → {} tenants", self.tenants),
            from: thousands(*one),
            to: thousands(*many),
            holds: one.abs_diff(*many) * 100 <= one * may_differ,
        };
        self.by_route.iter().map(verdict).collect()
    }

    pub(super) fn table(&self) -> Table {
        let rows = self
            .by_route
            .iter()
            .map(|(route, (one, many))| vec![(*route).to_owned(), thousands(*one), thousands(*many)]);
        let after = format!("after {} tenants", self.tenants);
        Table {
            title: "Instructions of a warm request, in thousands".to_owned(),
            header: vec!["route".to_owned(), "after one tenant".to_owned(), after],
            rows: rows.collect(),
        }
    }
}

fn thousands(instructions: u64) -> String {
    format!("{} k", instructions / 1_000)
}

/// Whether valgrind is on this machine.
pub(super) async fn can_be_counted() -> bool {
    let version = Command::new("valgrind").arg("--version").stdin(Stdio::null()).output().await;
    version.is_ok_and(|output| output.status.success())
}

/// Counts them.
pub(super) async fn count(
    details: &Details,
    plan: &Plan,
    population: &Population,
) -> Result<Instructions, ScaleError> {
    let members = population.members();
    let busiest = members.first().ok_or(ScaleError::Malformed("an account without tenants"))?;
    let mut counter = Counter::start(details, plan.bootstrap("documents")).await?;
    let routes = [opened(busiest, 0), (busiest.who, Request::ListDocuments)];
    let mut by_route: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for (who, request) in routes {
        by_route.entry(request.route()).or_default().0 = counter.warm(who, request).await?;
    }
    let shown: Vec<_> = members.iter().take(TENANTS).collect();
    for member in &shown {
        let (who, request) = opened(member, 0);
        counter.station.done(who, request).await?;
    }
    for (who, request) in routes {
        by_route.entry(request.route()).or_default().1 = counter.warm(who, request).await?;
    }
    Ok(Instructions { tenants: shown.len(), by_route })
}

/// A function under callgrind.
struct Counter {
    station: Station,
    folder: PathBuf,
    dumps: u32,
}

impl Counter {
    async fn start(details: &Details, bootstrap: Option<PathBuf>) -> Result<Self, ScaleError> {
        let folder = std::env::temp_dir().join(format!("strongroom-scale-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .map_err(|_| ScaleError::Valgrind("there is no place for what valgrind writes"))?;
        let under = [
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            "--quiet".to_owned(),
            "--instr-atstart=no".to_owned(),
            format!("--callgrind-out-file={}", folder.join("out").display()),
            format!("--vgdb-prefix={}", folder.join("vgdb").display()),
        ];
        let station = Station::under(details, "Documents", bootstrap, under.into()).await?;
        Ok(Self { station, folder, dumps: 0 })
    }

    /// Instructions of one of these requests, by an environment that has just answered one.
    async fn warm(&mut self, who: Who, request: Request) -> Result<u64, ScaleError> {
        for _ in 0..2 {
            self.station.done(who, request).await?;
        }
        self.tell("instrumentation on").await?;
        // The first one after the switch meets a processor that has forgotten everything.
        self.station.done(who, request).await?;
        self.tell("zero").await?;
        for _ in 0..COUNTED {
            self.station.done(who, request).await?;
        }
        self.tell("dump").await?;
        self.tell("instrumentation off").await?;
        self.dumps += 1;
        let out = self.folder.join(format!("out.{}", self.dumps));
        let text = std::fs::read_to_string(out).unwrap_or_default();
        let sum = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse::<u64>().ok());
        sum.map(|sum| sum / u64::from(COUNTED)).ok_or(ScaleError::Valgrind("valgrind wrote no sum"))
    }

    async fn tell(&self, what: &str) -> Result<(), ScaleError> {
        let process = self.station.id().ok_or(ScaleError::Valgrind("valgrind has ended"))?;
        let told = Command::new("vgdb")
            .arg(format!("--pid={process}"))
            .arg(format!("--vgdb-prefix={}", self.folder.join("vgdb").display()))
            .args(what.split(' '))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let told = tokio::time::timeout(HEARD_WITHIN, told).await;
        match told {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            _ => Err(ScaleError::Valgrind("valgrind does not hear what it is told")),
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    // It lies among what is temporary anyway.
    let _ = std::fs::remove_dir_all(folder);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_may_differ_by_a_tenth_either_way() {
        let holds = |many: u64| {
            let by_route = BTreeMap::from([("GET /documents", (1_000_000, many))]);
            Instructions { tenants: 600, by_route }.verdicts(10).iter().all(|verdict| verdict.holds)
        };
        assert!(holds(1_100_000) && holds(900_000));
        assert!(!holds(1_101_000) && !holds(899_000));
    }
}
