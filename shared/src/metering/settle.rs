//! One licence's part of a run, up to what is to be sent.

use std::collections::BTreeSet;

use super::{
    chain::{BrokenChain, Chain, Licence, Next},
    hour::Hour,
    ledger::{Entry, Slot},
    report::Report,
    run::{Job, Settings, Unavailable, World, Write},
    usage::{SumOverflow, Sums},
};

/// Why a licence was left for the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Left {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Broken(#[from] BrokenChain),
    #[error(transparent)]
    Overflow(#[from] SumOverflow),
    #[error("the usage has too many pages")]
    TooMuch,
    #[error("the run has to stop")]
    OutOfTime,
    #[error("others changed the ledger again and again")]
    Contended,
}

/// Looks back, seals what may be sealed, and answers with the licence's open entries, each with whether it was
/// sealed just now.
pub(super) async fn settle<W: World>(
    world: &W,
    licence: &Licence,
    job: Job,
    settings: &Settings,
    report: &mut Report,
) -> Result<Vec<(Entry, bool)>, Left> {
    // A schedule that is ahead of the clock closes nothing: usage could still come.
    let closed = Hour::closed_at(job.scheduled.min(world.now()), settings.grace_s).min(job.through);
    let mut fresh = BTreeSet::new();
    for _ in 0..settings.limits.rounds {
        report.ledger_reads += 1;
        let chain = Chain::new(world.entries(licence.tenant, job.back.max(1)).await?)?;
        // A licence does not change hands. Where it seems to, nothing of it is billed before somebody has looked.
        let is_others = |entry: &Entry| entry.license == licence.license && entry.account != licence.account;
        if chain.entries().iter().any(is_others) {
            return Err(Left::Broken(BrokenChain));
        }
        let to = last_hour(&chain, licence, closed, job.through, settings.limits.hours);
        let mut round = Round { world, licence, job, settings, report: &mut *report, chain, closed, to };
        let sums = round.sum().await?;
        // Before, so that levels are right and what is late can be carried; and again, because an entry that has got
        // a successor is judged with that.
        let is_current = round.look_back(&sums).await?
            && round.seal(&sums, &mut fresh).await?
            && (fresh.is_empty() || round.look_back(&sums).await?);
        if is_current {
            round.chain.entries().iter().for_each(|entry| round.report.looked_back(entry));
            round.chain.entries().iter().filter(|entry| fresh.contains(&entry.slot)).for_each(|entry| {
                round.report.used(entry);
            });
            let open = round.chain.entries().iter();
            let open = open.filter(|entry| entry.license == licence.license && entry.is_open());
            return Ok(open.map(|entry| (entry.clone(), fresh.contains(&entry.slot))).collect());
        }
        report.conflicts += 1;
    }
    Err(Left::Contended)
}

/// The last hour whose usage is needed: nothing after it is sealed or judged in this run.
fn last_hour(chain: &Chain, licence: &Licence, closed: Hour, through: Hour, hours: u32) -> Hour {
    let newest = chain.entries().last().map_or(closed, |entry| entry.slot.hour);
    match chain.next(licence, closed) {
        Next::Seal(seal) => {
            let last = licence.until.map_or(closed, Hour::of).min(through);
            let most = seal.slot.hour.forward(hours.saturating_sub(1));
            last.min(most).max(seal.slot.hour)
        }
        Next::Close(_) | Next::Wait | Next::Nothing => newest.max(closed),
    }
}

/// One attempt upon what the ledger had when it began.
struct Round<'a, W> {
    world: &'a W,
    licence: &'a Licence,
    job: Job,
    settings: &'a Settings,
    report: &'a mut Report,
    chain: Chain,
    closed: Hour,
    to: Hour,
}

impl<W: World> Round<'_, W> {
    async fn sum(&mut self) -> Result<Sums, Left> {
        let mut sums = Sums::default();
        let mut after = None;
        for _ in 0..self.settings.limits.usage_pages {
            self.is_in_time()?;
            let from = self.chain.sums_from();
            self.report.usage_reads += 1;
            let page = self.world.usage(self.licence.tenant, from, self.to, after.as_deref()).await?;
            for event in &page.items {
                self.report.events += 1;
                sums.add(event)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(sums);
            }
        }
        Err(Left::TooMuch)
    }

    /// Records what looking back finds. False if the ledger is not what was read any more.
    async fn look_back(&mut self, sums: &Sums) -> Result<bool, Left> {
        let next = self.chain.next(self.licence, self.closed);
        // No further than usage was summed.
        let closed = self.closed.min(self.to.next());
        for after in self.chain.look_back(sums, next, closed)? {
            if !self.replace(after).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Seals what may be sealed. False if the ledger is not what was read any more.
    async fn seal(&mut self, sums: &Sums, fresh: &mut BTreeSet<Slot>) -> Result<bool, Left> {
        loop {
            self.is_in_time()?;
            match self.chain.next(self.licence, self.closed) {
                Next::Seal(seal) if seal.slot.hour > self.to => {
                    self.report.behind += u64::from(seal.slot.hour <= self.job.through);
                    return Ok(true);
                }
                Next::Seal(seal) => {
                    let rules = &self.settings.rules;
                    let now = self.world.now();
                    let (entry, changed) = self.chain.seal(seal, self.licence, rules, sums, now)?;
                    self.report.transactions += u64::from(!changed.is_empty() || entry.is_first());
                    self.report.ledger_writes += 1;
                    if self.world.seal(&entry, &changed).await? != Write::Done {
                        return Ok(false);
                    }
                    fresh.insert(entry.slot);
                    self.report.sealed(&entry);
                    changed.into_iter().chain([entry]).for_each(|entry| self.chain.take_up(entry));
                }
                Next::Close(ended) => {
                    let Some(after) = self.chain.close(ended) else { return Ok(true) };
                    if !self.replace(after).await? {
                        return Ok(false);
                    }
                }
                Next::Wait => {
                    self.report.waiting += 1;
                    return Ok(true);
                }
                Next::Nothing => return Ok(true),
            }
        }
    }

    fn is_in_time(&self) -> Result<(), Left> {
        if self.world.now() < self.job.stop_at { Ok(()) } else { Err(Left::OutOfTime) }
    }

    async fn replace(&mut self, after: Entry) -> Result<bool, Left> {
        self.report.ledger_writes += 1;
        if self.world.replace(&after).await? != Write::Done {
            return Ok(false);
        }
        self.chain.take_up(after);
        Ok(true)
    }
}
