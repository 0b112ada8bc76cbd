//! A play: two buyers use, the aggregator runs while things go wrong, and the books are laid side by side.
//!
//! *Hour by hour*: a licence with usage in the last three closed hours, recorded as a function records it, and billed
//! by runs of the real function in a process of its own. *To the end*: a tenant whose users work through the API, and
//! whose subscription then ends: the deployed functions alone bill the hour that was still open.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::{
    clock::Clock,
    marketplace::resolve::Resolved,
    metering::{
        Hour, Measure, Second, UsageEvent,
        hour::{WRITE_LASTS_S, grace_s},
    },
};

use super::{
    Aggregator, Books, Buyers, Ended, Faults, Licensed, MeteringError, Setting, Trace, comparison::Row,
};
use crate::{
    account::{self, Details},
    doors::Doors,
    marketplace::{Bought, Marketplace},
    story::client::{Visitor, promise},
};

/// Runs until one says that it is done.
const RUNS_MAX: usize = 12;
/// How long something may take that is bound to happen: longer than a queue hides a message that could not be worked on.
const PATIENCE: Duration = Duration::from_secs(400);
/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Hours with usage in them.
const HOURS: u32 = 3;

/// What is played.
pub(super) struct Scene<'a> {
    /// The time that it is to be; the machine's if none.
    pub(super) at: Option<Second>,
    /// The machine's time.
    pub(super) now: Second,
    /// What goes wrong.
    pub(super) faults: &'a Faults,
}

/// What came of it.
pub(super) struct Played {
    /// The rows of both buyers.
    pub(super) rows: Vec<Row>,
    /// What the runs reported.
    reports: Vec<Value>,
    /// The calls at which a run was killed.
    killed: Vec<String>,
}

impl Played {
    /// One line.
    pub(super) fn as_json(&self, agrees: bool) -> String {
        json!({ "agrees": agrees, "runs": self.reports, "killed_at": self.killed }).to_string()
    }
}

/// Plays it.
pub(super) async fn play(
    details: &Details,
    scene: &Scene<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Played, MeteringError> {
    let market = Marketplace::behind(Doors::of(details)?);
    let Some(at) = scene.at else {
        let mut played = hour_by_hour(details, scene, scene.now, tell).await?;
        played.rows.extend(to_the_end(details, tell).await?);
        return Ok(played);
    };
    market.order("clock", &json!({ "now": at.to_string() })).await?;
    let played = hour_by_hour(details, scene, at, tell).await;
    // Whatever came of it: others buy here too.
    market.order("clock", &json!({ "offset_seconds": 0 })).await?;
    played
}

/// A licence with usage in closed hours, and the runs that bill it.
async fn hour_by_hour(
    details: &Details,
    scene: &Scene<'_>,
    at: Second,
    tell: &mut dyn FnMut(&str),
) -> Result<Played, MeteringError> {
    let (buyers, books, doors) = (Buyers::of(details)?, Books::of(details).await?, Doors::of(details)?);
    let market = Marketplace::behind(doors.clone());
    let closed = Hour::closed_at(at, grace_s(WRITE_LASTS_S));
    let first = closed.back(HOURS - 1);
    let licensed = buyers.buy(first.start()).await?;
    for (nth, hour) in std::iter::successors(Some(first), |hour| Some(hour.next())).take(3).enumerate() {
        buyers.use_up(licensed.tenant, &some_usage(nth, hour)?).await?;
    }
    tell(&format!("  used in the hours {first} to {closed}"));

    let clock_offset_s =
        i64::try_from(at.get()).unwrap_or(i64::MAX) - i64::try_from(scene.now.get()).unwrap_or(i64::MAX);
    let setting = Setting { clock_offset_s, ..Setting::default() };
    let event = json!({ "meter": {
        "scheduled": at.to_string(), "back": HOURS, "licenses": [licensed.license.as_str()],
    } });
    let (mut reports, mut killed) = (Vec::new(), Vec::new());
    for (nth, when) in scene.faults.kills() {
        let aggregator = Aggregator::start(details, &setting).await?;
        match aggregator.invoke_and_kill(&event, nth, when).await? {
            Ended::Killed(call) => {
                tell(&format!("  a run was killed {} the effect of {call}", when.as_str()));
                killed.push(call);
            }
            Ended::Answered(report) => reports.push(report),
        }
    }
    let mut aggregator = Aggregator::start(details, &setting).await?;
    for run in 1..=RUNS_MAX {
        let trace = Trace::new();
        if run == 1 {
            scene.faults.order(&doors, &market, &trace, &licensed.license).await?;
        }
        let report = aggregator.invoke(&event, &trace).await?;
        tell(&format!("  run {run}: {}", summary(&report)));
        let is_done = is_complete(&report);
        reports.push(report);
        if is_done {
            break;
        }
    }
    let rows = books.account(licensed.tenant, &licensed.license).await?.rows(books.dimensions());
    Ok(Played { rows, reports, killed })
}

/// Something of every measure, each hour something else.
pub(super) fn some_usage(nth: usize, hour: Hour) -> Result<Vec<UsageEvent>, MeteringError> {
    let malformed = |_| MeteringError::Malformed("usage");
    let units = i64::try_from(nth).unwrap_or(0) + 1;
    let gib = (1 << 30) + 1;
    [
        (format!("document/{nth}/added"), Measure::DocumentsAdded, units * 2),
        (format!("share/{nth}"), Measure::SharesCreated, units),
        (format!("document/{nth}/stored"), Measure::StorageGibHours, gib),
    ]
    .into_iter()
    .map(|(id, measure, amount)| {
        let id = id.parse().map_err(malformed)?;
        UsageEvent::new(id, measure, amount, hour).map_err(|_| MeteringError::Malformed("usage"))
    })
    .collect()
}

/// Whether a run did everything that it could.
pub(super) fn is_complete(report: &Value) -> bool {
    let none = |name: &str| report.get(name).is_none_or(|left| left == 0);
    ["unavailable", "contended", "behind", "unrecorded", "unsent"].into_iter().all(none)
        && report.get("halted").is_none_or(Value::is_null)
        && report.get("is_unfinished") == Some(&json!(false))
}

/// A report's numbers that are not 0.
fn summary(report: &Value) -> String {
    let members = report.as_object().into_iter().flatten();
    let told = members.filter(|(_, value)| value.as_u64().is_some_and(|number| number > 0));
    told.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join("  ")
}

/// A tenant whose users work, and whose subscription then ends.
async fn to_the_end(details: &Details, tell: &mut dyn FnMut(&str)) -> Result<Vec<Row>, MeteringError> {
    let (buyers, books) = (Buyers::of(details)?, Books::of(details).await?);
    let market = Marketplace::behind(Doors::of(details)?);
    let name = format!("metered-{}", uuid::Uuid::new_v4().simple());
    let tenant = account::open_tenant(details, &name).await?;
    let bought: Bought = serde_json::from_value(market.order("subscriptions", &json!({})).await?)
        .map_err(|_| MeteringError::Malformed("a purchase"))?;
    let malformed = |_| MeteringError::Malformed("a purchase");
    let licensed = Licensed {
        license: bought.license_arn.parse().map_err(malformed)?,
        account: bought.account.parse().map_err(malformed)?,
        tenant: tenant.tenant_id.parse().map_err(malformed)?,
    };
    let resolved = Resolved {
        account: licensed.account.clone(),
        license: licensed.license.clone(),
        agreement: Some(bought.agreement_id.parse().map_err(malformed)?),
    };
    // Earlier, the tenant's users could be shut out in the middle of their work until the Marketplace says that they may.
    patiently(async || books.is_in_use(&licensed.license).await).await?;
    let now = Second::from(Clock::system().now());
    buyers.register(&resolved, licensed.tenant, now).await?;
    work(details, &tenant, tell).await?;
    let change = json!({ "license_arn": bought.license_arn, "change": "cancel" });
    market.order("changes", &change).await?;
    patiently(async || books.is_over(&licensed.license).await).await?;
    tell("  the subscription ended, and its open hour was metered");
    let account = books.account(licensed.tenant, &licensed.license).await?;
    let mut rows = account.rows(books.dimensions());
    // Nothing is open any more: what still is was not billed.
    for row in rows.iter_mut().filter(|row| row.is_open()) {
        row.state = "not sealed";
    }
    Ok(rows)
}

/// Looks until it is so, or no longer worth waiting for: what is missing then shows.
async fn patiently(is_so: impl AsyncFn() -> Result<bool, MeteringError>) -> Result<(), MeteringError> {
    let begun = Instant::now();
    while !is_so().await? && begun.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

/// Two documents and a share, through the API.
async fn work(
    details: &Details,
    tenant: &account::Tenant,
    tell: &mut dyn FnMut(&str),
) -> Result<(), MeteringError> {
    let failed = |what: &str| MeteringError::Failed(what.to_owned());
    let [_, ben, cleo, ..] = tenant.users.as_slice() else { return Err(failed("the tenant has no users")) };
    let nobody = Visitor::unknown(details).map_err(|_| failed("no client could be made"))?;
    let owner = nobody.signed_in(details, ben).await;
    let mut document = String::new();
    for (name, content) in [("One.txt", "one\n"), ("Two.txt", "two\n")] {
        let added = owner.post("/documents", &promise(name, content)).await;
        let upload = added.json().get("upload").cloned().unwrap_or_default();
        let sent = owner.upload(&upload, content.into()).await;
        document = added.text("/document/document_id");
        if sent.status != 200 {
            return Err(failed("a document's content was not taken"));
        }
        let opened = owner.get(&format!("/documents/{document}")).await;
        if opened.text("/document/status") != "available" {
            return Err(failed("a document did not become available"));
        }
    }
    let share = json!({ "document_id": document, "user_id": cleo.user_id });
    let shared = owner.post("/shares", &share).await;
    if shared.status != 201 {
        return Err(failed("a document could not be shared"));
    }
    tell("  two documents and a share were made through the API");
    Ok(())
}
