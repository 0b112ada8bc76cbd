//! What one environment of the documents function does as the tenants become many.

use std::{collections::BTreeMap, path::PathBuf};

use local::account::Details;
use serde::Serialize;

use super::{
    Plan, ScaleError,
    calls::CallLog,
    events::{Request, Who},
    figures::Figures,
    population::{Member, Population},
    skew::{Chance, Skew},
    station::Station,
};

/// After how many tenants, each asked for once, memory is looked at.
const LOOKS: [usize; 9] = [1, 10, 100, 250, 500, 750, 1_000, 1_500, 2_000];

/// One environment's work in an account of so many tenants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tenants {
    /// How many there are.
    pub tenants: u32,
    /// How many documents they have together.
    pub documents: usize,
    /// The first request of a new environment, which opens a session.
    pub first: Figures,
    /// The busiest tenant, asked again and again, by route.
    pub warm: BTreeMap<&'static str, Figures>,
    /// Requests of all tenants, each as often as its rank says.
    pub skewed: Figures,
    /// Tenants that nobody has asked for, one after the other, each once.
    pub swept: Figures,
    /// The busiest tenant again, by an environment that has served all those.
    pub full: Figures,
    /// Memory after so many tenants, in bytes.
    pub memory: Vec<Held>,
}

/// What an environment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    /// After it has served so many different tenants.
    pub tenants: usize,
    /// In bytes.
    pub resident: u64,
}

/// Measures a new environment in the account as it now is.
pub(super) async fn measure(
    details: &Details,
    bootstrap: Option<PathBuf>,
    population: &Population,
    plan: &Plan,
    skew: &Skew,
) -> Result<Tenants, ScaleError> {
    let members = population.members();
    let busiest = members.first().ok_or(ScaleError::Malformed("an account without tenants"))?;
    let mut log = CallLog::from_now(details)?;
    let mut station = Station::start(details, "Documents", bootstrap.clone()).await?;
    let first = station.series(&mut log, [opened(busiest, 0)]).await?;
    let mut warm = BTreeMap::new();
    for route in [Request::OpenDocument, |_| Request::ListDocuments, |_| Request::AddDocument] {
        let requests = (0..plan.warm).map(|nth| with(busiest, nth, route));
        let figures = station.series(&mut log, requests).await?;
        warm.insert(with(busiest, 0, route).1.route(), figures);
    }
    let mut chance = Chance::new(u64::from(plan.skewed));
    let requests = (0..plan.skewed).filter_map(|_| any(members, skew, &mut chance));
    let skewed = station.series(&mut log, requests.collect::<Vec<_>>()).await?;
    drop(station);

    // Another one, whose memory has seen nothing yet.
    let mut station = Station::start(details, "Documents", bootstrap).await?;
    let mut memory = Vec::new();
    let mut swept = None;
    let all = members.len().min(plan.swept);
    let mut from = 0;
    for to in LOOKS.into_iter().filter(|look| *look < all).chain([all]) {
        let some = members.get(from..to).unwrap_or_default();
        let figures = station.series(&mut log, some.iter().map(|member| opened(member, 0))).await?;
        swept = Some(figures);
        from = to;
        memory.extend(station.memory().map(|held| Held { tenants: to, resident: held.resident }));
    }
    // It may have been forgotten by now.
    station.done(busiest.who, opened(busiest, 0).1).await?;
    let full = station.series(&mut log, (0..plan.warm).map(|nth| opened(busiest, nth))).await?;
    Ok(Tenants {
        tenants: u32::try_from(members.len()).unwrap_or(u32::MAX),
        documents: population.documents(),
        first,
        warm,
        skewed,
        swept: swept.ok_or(ScaleError::Malformed("an account without tenants"))?,
        full,
        memory,
    })
}

/// A tenant's user opens one of their documents.
pub(super) fn opened(member: &Member, nth: u32) -> (Who, Request) {
    with(member, nth, Request::OpenDocument)
}

fn with(member: &Member, nth: u32, route: fn(shared::ids::DocumentId) -> Request) -> (Who, Request) {
    let place = usize::try_from(nth).unwrap_or_default() % member.documents.len().max(1);
    let document = member.documents.get(place).copied();
    (member.who, route(document.unwrap_or_else(shared::ids::DocumentId::random)))
}

/// Somebody opens a document, or now and then lists theirs: both by rank.
fn any(members: &[Member], skew: &Skew, chance: &mut Chance) -> Option<(Who, Request)> {
    let member = members.get(skew.rank(members.len(), chance.next()))?;
    if chance.next() < 0.1 {
        return Some((member.who, Request::ListDocuments));
    }
    let document = member.documents.get(skew.rank(member.documents.len(), chance.next()))?;
    Some((member.who, Request::OpenDocument(*document)))
}
