//! What one document costs as it is shared with ever more users, each share made by the product.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use local::account::Details;
use serde::Serialize;
use shared::ids::UserId;

use super::{
    Plan, ScaleError,
    calls::CallLog,
    events::{Request, Who},
    figures::Figures,
    population::Population,
    station::Station,
};

/// A policy store takes ten new policies a second, and as many removals.
const BETWEEN_SHARES: Duration = Duration::from_millis(110);
/// Shares that are ended and made again where their cost is measured.
const REPEATS: u32 = 5;

/// A document with so many shares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shared {
    /// How many.
    pub shares: u32,
    /// What a request about it costs, by route, and by whom for opening it.
    pub routes: BTreeMap<String, Figures>,
}

/// Shares a document of a tenant of its own, and measures on the way.
pub(super) async fn measure(
    details: &Details,
    bootstraps: impl Fn(&str) -> Option<PathBuf>,
    population: &mut Population,
    plan: &Plan,
) -> Result<Vec<Shared>, ScaleError> {
    let most = plan.shares.iter().copied().max().unwrap_or_default();
    let (member, receivers) = population.apart(most).await?;
    let (owner, document) = (member.who, member.documents.first().copied());
    let document = document.ok_or(ScaleError::Malformed("a tenant without a document"))?;
    let mut log = CallLog::from_now(details)?;
    let mut documents = Station::start(details, "Documents", bootstraps("documents")).await?;
    let mut shares = Station::start(details, "Shares", bootstraps("shares")).await?;
    // Both have the tenant's sessions before anything counts; nothing is shared yet.
    documents.done(owner, Request::OpenDocument(document)).await?;
    shares.done(owner, Request::ListShares(document)).await?;
    let mut made = 0_u32;
    let mut all = Vec::new();
    for mark in &plan.shares {
        let mut paced = Paced::default();
        let mut last = None;
        for receiver in receivers.iter().take(to_usize(*mark)).skip(to_usize(made)) {
            paced.wait().await;
            shares.done(owner, Request::Share(document, *receiver)).await?;
            last = Some(*receiver);
        }
        made = *mark;
        let last = last.ok_or(ScaleError::Malformed("a number of shares"))?;
        let mut routes = BTreeMap::new();
        for (by, who) in [("its owner", owner), ("a receiver", Who { user: last, ..owner })] {
            let request = Request::OpenDocument(document);
            let figures = documents.series(&mut log, (0..plan.warm).map(|_| (who, request))).await?;
            routes.insert(format!("{} by {by}", request.route()), figures);
        }
        let request = Request::ListShares(document);
        let figures = shares.series(&mut log, (0..plan.warm).map(|_| (owner, request))).await?;
        routes.insert(request.route().to_owned(), figures);
        for (request, figures) in repeated(&mut shares, &mut log, owner, document, last).await? {
            routes.insert(request.to_owned(), figures);
        }
        all.push(Shared { shares: *mark, routes });
    }
    Ok(all)
}

/// Ends a share and makes it again, a few times; what either costs.
async fn repeated(
    shares: &mut Station,
    log: &mut CallLog,
    owner: Who,
    document: shared::ids::DocumentId,
    receiver: UserId,
) -> Result<[(&'static str, Figures); 2], ScaleError> {
    let (end, begin) = (Request::Unshare(document, receiver), Request::Share(document, receiver));
    log.by_trace()?;
    let mut paced = Paced::default();
    let (mut ended, mut begun) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        paced.wait().await;
        ended.push(shares.done(owner, end).await?.asked);
        begun.push(shares.done(owner, begin).await?.asked);
    }
    let calls = log.by_trace()?;
    // The processor's time is of both together, so it is neither's.
    Ok([(end.route(), Figures::of(&ended, None, &calls)), (begin.route(), Figures::of(&begun, None, &calls))])
}

/// Keeps to the rate of a policy store.
#[derive(Default)]
struct Paced(Option<Instant>);

impl Paced {
    async fn wait(&mut self) {
        if let Some(last) = self.0 {
            tokio::time::sleep(BETWEEN_SHARES.saturating_sub(last.elapsed())).await;
        }
        self.0 = Some(Instant::now());
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
