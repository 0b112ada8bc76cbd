//! What a tenant's administrators are shown of its usage and of its bill, page by page.
//!
//! Reads the usage table and the ledger in the tenant's own session, which can read nothing else. What the lines say
//! is [`crate::metering::statement`]'s.

use crate::{
    access::{Collection, Permit, ViewUsage},
    clock::Clock,
    cursor::InvalidCursor,
    ids::UserId,
    ledger::{self, LedgerError},
    metering::{
        Dimensions, Entry, Hour,
        chain::BrokenChain,
        statement::{Hours, Line, Statement},
        usage::{SumOverflow, Sums},
    },
    page::PageRequest,
    tenancy::{TenantSession, Usage},
    usage::{self, UsageError},
};

/// The name under which cursors of this list are sealed.
const LIST: &str = "usage";

/// How far back hours are shown: a year. Events are kept a little longer ([`usage::KEPT`]), and without them an hour's
/// account would be wrong.
const SHOWN: u32 = 365 * 24;

/// How many pages of events are summed for one page of the statement: about 120,000 events, and two seconds. A page
/// whose hours have more ends earlier.
const EVENT_PAGES: usize = 60;

/// Some hours of a statement.
#[derive(Debug)]
pub struct Page {
    /// By hour, oldest first.
    pub lines: Vec<Line>,
    /// Where the next page begins; absent on the last.
    pub next_cursor: Option<String>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The cursor is none of this list and this caller, or is of other hours.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The hours are longer ago than events are kept.
    #[error("the hours are more than a year ago")]
    TooOld,
    /// Events could not be read.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Somebody else wrote into the ledger.
    #[error(transparent)]
    Broken(#[from] BrokenChain),
    /// More was used than can be counted.
    #[error(transparent)]
    Overflow(#[from] SumOverflow),
    /// One hour has more events than are summed for a page.
    #[error("an hour has too many events to be summed while somebody waits")]
    TooMuch,
    /// The machine had no randomness to seal a cursor with.
    #[error("there is no randomness")]
    Randomness,
}

/// Some hours of the tenant's statement; a page's size is hours that have something to show. Hours that have not
/// begun are left out.
///
/// # Errors
/// When the cursor does not open, the hours are too old, or a table fails.
pub async fn page(
    session: &TenantSession<Usage>,
    _permit: &Permit<Collection, ViewUsage>,
    dimensions: &Dimensions,
    asked: Hours,
    caller: UserId,
    page: PageRequest<'_>,
    clock: &Clock,
) -> Result<Page, StatementError> {
    let key = &session.mapping().cursor_key;
    let now = Hour::of(clock.now().into());
    if asked.from() < now.back(SHOWN) {
        return Err(StatementError::TooOld);
    }
    let from = match page.cursor {
        None => asked.from(),
        Some(text) => key.open(LIST, caller, text, clock.now())?.parse().map_err(|_| InvalidCursor)?,
    };
    if !(asked.from()..=asked.to()).contains(&from) {
        return Err(InvalidCursor.into());
    }
    let Ok(asked) = Hours::new(from, asked.to().min(now)) else {
        return Ok(Page { lines: Vec::new(), next_cursor: None });
    };
    let statement = read(session, asked, page.size.rows()).await?;
    let (sums, summed_to) = sum(session, statement.sums_from(), statement.sums_to()).await?;
    let part = statement.lines(&sums, summed_to, dimensions)?;
    let next_cursor = match part.next {
        None => None,
        Some(next) if next <= asked.from() => return Err(StatementError::TooMuch),
        Some(next) => {
            Some(key.seal(LIST, caller, &next.to_string(), clock.now()).ok_or(StatementError::Randomness)?)
        }
    };
    Ok(Page { lines: part.lines, next_cursor })
}

/// What the ledger has. The hours that are asked for are read first: what they follow upon is there by then.
async fn read(
    session: &TenantSession<Usage>,
    asked: Hours,
    size: usize,
) -> Result<Statement, StatementError> {
    let tenant = session.tenant();
    let (before, entries) = entries(session, asked, size).await.inspect_err(|error| error.report(tenant))?;
    Ok(Statement::new(before, entries, asked, size).inspect_err(|_| {
        tracing::error!(incident = "broken_ledger", %tenant, "the entries of the ledger are no chain");
    })?)
}

/// The entries that a statement wants: before the hours that are asked for, and theirs.
async fn entries(
    session: &TenantSession<Usage>,
    asked: Hours,
    size: usize,
) -> Result<(Vec<Entry>, Vec<Entry>), LedgerError> {
    let (client, table) = (session.dynamodb(), &session.resources().ledger_table);
    let tenant = session.tenant();
    let mut entries: Vec<Entry> = Vec::new();
    // Nearly always each hour has its entry: then the first few are all that a page shows, and one.
    let near = asked.from().forward(u32::try_from(size).unwrap_or(u32::MAX)).min(asked.to());
    let mut is_enough = false;
    for (from, to) in [(asked.from(), near), (near.next(), asked.to())] {
        let mut next = None;
        while !is_enough {
            let page = ledger::page(client, table, tenant, from, to, next.as_deref()).await?;
            entries.extend(page.items);
            // One more than are shown, so that the last of those is whole.
            is_enough = entries.chunk_by(|a, b| a.slot.hour == b.slot.hour).count() > size;
            next = page.next;
            if next.is_none() {
                break;
            }
        }
    }
    let before = ledger::before(client, table, tenant, asked.from(), Statement::BEFORE).await?;
    let newest = entries.last().or(before.last());
    if !is_enough && newest.is_some_and(|newest| newest.ended.is_some()) {
        entries.extend(ledger::after(client, table, tenant, asked.to()).await?);
    }
    Ok((before, entries))
}

/// The sums of some hours, and the last hour that is summed whole.
async fn sum(
    session: &TenantSession<Usage>,
    from: Option<Hour>,
    to: Hour,
) -> Result<(Sums, Hour), StatementError> {
    let (client, table) = (session.dynamodb(), &session.resources().usage_table);
    let mut sums = Sums::default();
    let mut next = None;
    let mut last = None;
    for _ in 0..EVENT_PAGES {
        let page = usage::page(client, table, session.tenant(), from, to, next.as_deref()).await;
        let page = page.inspect_err(|error| error.report(session.tenant()))?;
        for event in &page.items {
            sums.add(event)?;
            last = Some(event.hour());
        }
        next = page.next;
        if next.is_none() {
            return Ok((sums, to));
        }
    }
    Ok((sums, last.map_or(to, Hour::prev)))
}
