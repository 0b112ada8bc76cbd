//! One run of the aggregator over some licences: looks back, seals what is closed, sends what is sealed, records
//! what became of it.
//!
//! It knows no AWS and no clock: all that it does to the world are the calls of [`World`], each of which may
//! fail, be cut off before or after its effect, or be the last thing that the run ever does. Nothing that a run
//! knows is lost with it: it begins with the ledger, and whatever it did not finish the next one finds there.
//! Runs need not know of each other: every write is conditional on what its run has read.

use super::{
    chain::{Licence, Rules},
    hour::{Hour, Second},
    ledger::Entry,
    outbox::Outbox,
    outcome::{Answer, Refusal},
    plan::UsageRecord,
    report::Report,
    settle::settle,
    usage::UsageEvent,
};
use crate::ids::TenantId;

/// Something outside did not do its part. The effect of a write that says so is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a table is unavailable")]
pub struct Unavailable;

/// A part of a list, and where the next part begins; none after the last.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// Where the next part begins. Opaque.
    pub next: Option<String>,
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// It was done.
    Done,
    /// Its condition did not hold: somebody else was there before. For one entry: as it is now.
    Lost(Option<Box<Entry>>),
}

/// All that a run does to the world. Reads are strongly consistent.
#[expect(
    async_fn_in_trait,
    reason = "runs are generic over their world; whether its futures are Send is its own"
)]
pub trait World {
    /// The time, by the run's own clock.
    fn now(&self) -> Second;

    /// Licences of the run's slice that are in use, or ended less than three days ago.
    async fn licences(&self, after: Option<&str>) -> Result<Page<Licence>, Unavailable>;

    /// The tenant's newest entries, oldest first: all of hour `h` and later, where `h` is `back` hours before
    /// the newest entry's, or that entry's `open_since` if it is earlier; and the newest one before `h`, if there
    /// is one.
    async fn entries(&self, tenant: TenantId, back: u32) -> Result<Vec<Entry>, Unavailable>;

    /// The tenant's usage from one hour (or the beginning) to another, both included.
    async fn usage(
        &self,
        tenant: TenantId,
        from: Option<Hour>,
        to: Hour,
        after: Option<&str>,
    ) -> Result<Page<UsageEvent>, Unavailable>;

    /// In one transaction: puts a new entry, if there is none in its slot; puts each of `changed` (in its next
    /// version), if the ledger has the version before that; and with a tenant's [first](Entry::is_first) entry puts
    /// the item that names the first slot, if there is none or it names this one.
    async fn seal(&self, entry: &Entry, changed: &[Entry]) -> Result<Write, Unavailable>;

    /// Puts an entry in its next version, if the ledger has the version before that; if not, answers with what
    /// the ledger has.
    async fn replace(&self, entry: &Entry) -> Result<Write, Unavailable>;

    /// Sends one request of `BatchMeterUsage`. It keeps to the rate that is shared with other runs, and waits
    /// before it repeats: `attempt` counts from 0.
    async fn send(&self, records: &[UsageRecord], attempt: u32) -> Result<Answer, Refusal>;
}

/// What a run is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The schedule's own time: it, and not the clock, decides which hours are closed.
    pub scheduled: Second,
    /// No hour after this is sealed: to catch up after an outage in the order of the hours, over all slices.
    pub through: Hour,
    /// How many hours back usage is summed again and compared with what was sealed; at least 1. The daily
    /// reconciliation is a run that looks back further.
    pub back: u32,
    /// When it has to stop. What is left is the next run's.
    pub stop_at: Second,
}

/// Settings that do not change from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How hours are sealed.
    pub rules: Rules,
    /// How long after its end an hour is closed: [`super::hour::grace_s`].
    pub grace_s: u64,
    /// What is kept in memory, tried and repeated at most.
    pub limits: Limits,
}

/// Bounds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Hours of one licence that are sealed in one run; the rest is the next run's.
    pub hours: u32,
    /// Pages of usage that are read for one licence.
    pub usage_pages: u32,
    /// Records that wait in memory; from that on they are sent before the next licence is looked at. The last request
    /// of each time may not be full, so it should be many requests.
    pub waiting_records: usize,
    /// How often a record is sent in one run.
    pub attempts: u32,
    /// How often a run takes up what another has changed under it, for one licence.
    pub rounds: u32,
    /// Requests that are halved to find a record at fault. Beyond it something is wrong that no halving finds.
    pub halvings: u32,
    /// Requests in a row that fail without anybody's fault before the run gives up.
    pub failures_in_a_row: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hours: 72,
            usage_pages: 10_000,
            waiting_records: 2_400,
            attempts: 3,
            rounds: 4,
            halvings: 500,
            failures_in_a_row: 12,
        }
    }
}

/// Runs. Whatever happens, what is in the ledger afterwards is true.
pub async fn run<W: World>(world: &W, job: Job, settings: &Settings) -> Report {
    let mut report = Report::default();
    let mut outbox = Outbox::default();
    let mut after = None;
    loop {
        let Ok(page) = world.licences(after.as_deref()).await else {
            report.unavailable += 1;
            break;
        };
        for licence in &page.items {
            if report.halted.is_some() || world.now() >= job.stop_at {
                report.is_unfinished = true;
                return report;
            }
            report.licences += 1;
            match settle(world, licence, job, settings, &mut report).await {
                Ok(open) => {
                    open.into_iter().for_each(|(entry, is_fresh)| outbox.put(entry, licence, is_fresh))
                }
                Err(left) => report.left(left),
            }
            if outbox.records() >= settings.limits.waiting_records {
                outbox.deliver(world, job, settings, &mut report).await;
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    outbox.deliver(world, job, settings, &mut report).await;
    report
}

#[cfg(test)]
mod tests;
