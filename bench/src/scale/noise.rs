//! A thousand requests of one tenant at once, through HTTP, and what its neighbours see of it.
//!
//! HTTP means the local account's API Gateway and Lambda, which are one process of Python with 64 threads: a neighbour
//! that waits there waits for that process, as nobody would on AWS. So two times are told apart: what a neighbour
//! waited for its answer, and what the function said that the request took it. The first is the engine's queue, the
//! second the product and the AWS calls that it makes.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use local::{
    account::{self, Details, Tenant},
    story::Visitor,
};
use serde::Serialize;
use serde_json::Value;
use shared::ids::TenantId;
use tokio::task::JoinSet;

use super::{
    ScaleError,
    calls::CallLog,
    figures::{milliseconds, quantile},
};

/// Requests of each neighbour before the noise, and after it.
const QUIET: u32 = 20;
/// The most that a neighbour asks while the noise lasts.
const DURING_MAX: u32 = 200;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noise {
    /// Requests of the noisy tenant, all at once.
    pub requests: u32,
    /// What it was answered, by status; `no answer` is none within 30 seconds.
    pub statuses: BTreeMap<String, u32>,
    /// Until it had all its answers, in milliseconds.
    pub lasted_ms: f64,
    /// Its neighbours before, while it lasted, and after.
    pub neighbours: Vec<Neighbours>,
}

/// The neighbours in one of the three times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Neighbours {
    /// Which.
    pub when: &'static str,
    /// What they were answered, by status.
    pub statuses: BTreeMap<String, u32>,
    /// How long an answer took, in milliseconds: half of them, all but one of a hundred, the longest.
    pub waited_ms: (f64, f64, f64),
    /// The same as the function says of its own work; none where it said nothing.
    pub function_ms: Option<(f64, f64, f64)>,
    /// AWS calls in their sessions, for each request that reached the function.
    pub calls: f64,
}

/// A tenant's user, signed in, and a document of theirs.
#[derive(Clone)]
struct Asker {
    visitor: Visitor,
    tenant: String,
}

/// Answers, each with its time.
#[derive(Default)]
struct Heard {
    statuses: BTreeMap<String, u32>,
    took: Vec<Duration>,
}

/// Makes the noise.
pub(super) async fn measure(details: &Details, requests: u32) -> Result<Noise, ScaleError> {
    let noisy = account::open_tenant(details, &format!("noisy-{}", TenantId::random())).await?;
    let noisy = Asker::sign_in(details, &noisy).await?;
    let mut neighbours = Vec::new();
    for tenant in &details.tenants {
        neighbours.push(Asker::sign_in(details, tenant).await?);
    }
    // Whoever asks first waits for an environment to start.
    for asker in neighbours.iter().chain([&noisy]) {
        asker.ask().await;
    }
    let mut log = CallLog::from_now(details)?;
    let mut times = Times { details, neighbours: &neighbours, told: function_log(details).await?.len() };
    let before = times.heard(&mut log, "before", listen(&neighbours, QUIET, None).await).await?;
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..requests {
        let noisy = noisy.clone();
        asking.spawn(async move { noisy.ask().await });
    }
    let (over, is_over) = tokio::sync::watch::channel(false);
    let (noise, during) = tokio::join!(
        async {
            let mut noise = Heard::default();
            while let Some(asked) = asking.join_next().await {
                if let Ok((status, took)) = asked {
                    noise.note(status, took);
                }
            }
            // Whoever listens sees it, or has stopped listening.
            let _ = over.send(true);
            (noise, begun.elapsed())
        },
        listen(&neighbours, DURING_MAX, Some(is_over)),
    );
    let during = times.heard(&mut log, "while it lasted", during).await?;
    let after = times.heard(&mut log, "after", listen(&neighbours, QUIET, None).await).await?;
    let (noise, lasted) = noise;
    Ok(Noise {
        requests,
        statuses: noise.statuses,
        lasted_ms: milliseconds(lasted),
        neighbours: vec![before, during, after],
    })
}

/// Each neighbour asks so often, or until it is over; one request after the other, as a person would.
async fn listen(
    neighbours: &[Asker],
    times: u32,
    is_over: Option<tokio::sync::watch::Receiver<bool>>,
) -> Heard {
    let mut listening = JoinSet::new();
    for asker in neighbours {
        let (asker, is_over) = (asker.clone(), is_over.clone());
        listening.spawn(async move {
            let mut heard = Heard::default();
            for _ in 0..times {
                let (status, took) = asker.ask().await;
                heard.note(status, took);
                if is_over.as_ref().is_some_and(|over| *over.borrow()) {
                    break;
                }
            }
            heard
        });
    }
    let mut all = Heard::default();
    while let Some(Ok(heard)) = listening.join_next().await {
        all.took.extend(heard.took);
        for (status, number) in heard.statuses {
            *all.statuses.entry(status).or_default() += number;
        }
    }
    all
}

impl Asker {
    /// The tenant's second user.
    async fn sign_in(details: &Details, tenant: &Tenant) -> Result<Self, ScaleError> {
        let user = tenant.users.get(1).ok_or(ScaleError::Malformed("a tenant of the account"))?;
        let visitor = Visitor::unknown(details)?.signed_in(details, user).await;
        if !visitor.has_token() {
            return Err(ScaleError::Malformed("the password of a user"));
        }
        Ok(Self { visitor, tenant: tenant.tenant_id.clone() })
    }

    /// Lists their documents.
    async fn ask(&self) -> (String, Duration) {
        let begun = Instant::now();
        let answer = self.visitor.get("/documents").await;
        (answer.summary(), begun.elapsed())
    }
}

impl Heard {
    fn note(&mut self, status: String, took: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.took.push(took);
    }
}

/// Lays beside what neighbours heard what the account says of the same requests.
struct Times<'a> {
    details: &'a Details,
    neighbours: &'a [Asker],
    /// Lines of the function's log that were there before.
    told: usize,
}

impl Times<'_> {
    async fn heard(
        &mut self,
        log: &mut CallLog,
        when: &'static str,
        heard: Heard,
    ) -> Result<Neighbours, ScaleError> {
        let lines = function_log(self.details).await?;
        let took: Vec<Duration> =
            lines.iter().skip(self.told).filter_map(|line| self.time_of_neighbour(line)).collect();
        self.told = lines.len();
        let calls: HashMap<String, u32> = log.by_tenant()?;
        let made: u32 = self.neighbours.iter().filter_map(|asker| calls.get(&asker.tenant)).sum();
        let reached = u32::try_from(took.len()).unwrap_or(u32::MAX);
        Ok(Neighbours {
            when,
            statuses: heard.statuses,
            waited_ms: spread(&heard.took),
            function_ms: (!took.is_empty()).then(|| spread(&took)),
            calls: f64::from(made) / f64::from(reached.max(1)),
        })
    }

    /// What a line of the function's log says that a neighbour's request took.
    fn time_of_neighbour(&self, line: &str) -> Option<Duration> {
        let line: Value = serde_json::from_str(line).ok()?;
        let field = |name: &str| line.get(name).or_else(|| line.get("fields")?.get(name));
        let tenant = field("tenant")?.as_str()?;
        self.neighbours.iter().find(|asker| asker.tenant == tenant)?;
        Some(Duration::from_millis(field("duration_ms")?.as_u64()?))
    }
}

async fn function_log(details: &Details) -> Result<Vec<String>, ScaleError> {
    Ok(account::function_log(details, "Documents").await?)
}

fn spread(took: &[Duration]) -> (f64, f64, f64) {
    let most = took.iter().max().copied().unwrap_or_default();
    (milliseconds(quantile(took, 50)), milliseconds(quantile(took, 99)), milliseconds(most))
}
