//! Sealed records on their way: sent, repeated, isolated, and what became of them recorded.

use std::collections::{BTreeMap, VecDeque};

use super::{
    chain::Licence,
    dimensions::Dimension,
    hour::{SKEW_S, Second},
    ledger::{Entry, Sent, Slot, State},
    outcome::{Remedy, Verdict, of_answer, of_poison},
    plan::{Due, Outgoing, due, plan},
    report::Report,
    run::{Job, Settings, World, Write},
};
use crate::ids::TenantId;

/// Open entries that wait to be sent. Its size is the caller's to bound.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: BTreeMap<(TenantId, Slot), Waiting>,
    records: usize,
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    licence: Licence,
    is_fresh: bool,
}

/// Records that go in one request, and how often they have been tried.
struct Request {
    records: Vec<Outgoing>,
    attempt: u32,
}

impl Outbox {
    pub(super) fn put(&mut self, entry: Entry, licence: &Licence, is_fresh: bool) {
        self.records += entry.records.iter().filter(|record| record.state.is_open()).count();
        let key = (entry.tenant, entry.slot);
        self.waiting.insert(key, Waiting { entry, licence: licence.clone(), is_fresh });
    }

    pub(super) const fn records(&self) -> usize {
        self.records
    }

    /// Sends what is due and records what became of it. Empty afterwards: what could not be settled is in the
    /// ledger, and the next run's.
    pub(super) async fn deliver<W: World>(
        &mut self,
        world: &W,
        job: Job,
        settings: &Settings,
        report: &mut Report,
    ) {
        let outgoing = self.due(world, report).await;
        let mut requests: VecDeque<Request> =
            plan(outgoing).into_iter().map(|records| Request { records, attempt: 0 }).collect();
        let mut failures = 0;
        while let Some(request) = requests.pop_front() {
            if report.halted.is_some() || world.now() >= job.stop_at {
                report.is_unfinished = true;
                break;
            }
            failures = self.request(world, request, &mut requests, settings, report, failures).await;
        }
        for waiting in self.waiting.values() {
            report.remains(&waiting.entry);
        }
        *self = Self::default();
    }

    async fn due<W: World>(&mut self, world: &W, report: &mut Report) -> Vec<Outgoing> {
        let now = world.now();
        let mut outgoing = Vec::new();
        let mut expired = Vec::new();
        for (key, waiting) in &self.waiting {
            let Due { outgoing: ready, expired: late } =
                due(&waiting.entry, &waiting.licence, now, !waiting.is_fresh);
            outgoing.extend(ready);
            if !late.is_empty() {
                expired.push((*key, late));
            }
        }
        for (key, states) in expired {
            self.record(world, key, &states, report).await;
        }
        outgoing
    }

    /// Sends one request; what is to be sent again joins the end of `requests`. Answers with the number of
    /// failures in a row.
    async fn request<W: World>(
        &mut self,
        world: &W,
        mut request: Request,
        requests: &mut VecDeque<Request>,
        settings: &Settings,
        report: &mut Report,
        failures: u32,
    ) -> u32 {
        let now = world.now();
        self.expire(world, &mut request.records, now, report).await;
        if request.records.is_empty() {
            return failures;
        }
        report.calls += 1;
        report.records_sent += u64::try_from(request.records.len()).unwrap_or(u64::MAX);
        let records: Vec<_> = request.records.iter().map(|one| one.record.clone()).collect();
        let refusal = match world.send(&records, request.attempt).await {
            Ok(answer) => {
                let outcome = of_answer(&request.records, &answer);
                report.foreign += u64::from(outcome.foreign);
                report.contradictory += u64::from(outcome.contradictory);
                let mut again = Vec::new();
                let mut settled: BTreeMap<_, Vec<_>> = BTreeMap::new();
                for (outgoing, verdict) in request.records.into_iter().zip(outcome.verdicts) {
                    match verdict {
                        Verdict::Again => again.push(outgoing),
                        Verdict::Settled(state) => {
                            let key = (outgoing.tenant, outgoing.slot);
                            settled.entry(key).or_default().push((outgoing.record.dimension, state));
                        }
                    }
                }
                for (key, states) in settled {
                    self.record(world, key, &states, report).await;
                }
                report.unprocessed += u64::try_from(again.len()).unwrap_or(u64::MAX);
                repeat(requests, again, request.attempt, settings);
                return 0;
            }
            Err(refusal) => refusal,
        };
        match refusal.remedy() {
            Remedy::Stop => {
                report.halted = Some(refusal);
                failures
            }
            Remedy::Again => {
                report.failures += 1;
                request.records.iter_mut().for_each(|one| one.perhaps_sent = true);
                repeat(requests, request.records, request.attempt, settings);
                if failures + 1 >= settings.limits.failures_in_a_row {
                    report.halted = Some(refusal);
                }
                failures + 1
            }
            remedy @ (Remedy::Isolate(_) | Remedy::IsolateOnly) => {
                match (request.records.as_slice(), remedy) {
                    ([one], Remedy::Isolate(exception)) => {
                        let state = of_poison(one, exception, now, SKEW_S);
                        let news = [(one.record.dimension.clone(), state)];
                        self.record(world, (one.tenant, one.slot), &news, report).await;
                    }
                    ([_], _) => report.refused += 1,
                    _ if report.halvings >= u64::from(settings.limits.halvings) => report.refused += 1,
                    _ => {
                        report.halvings += 1;
                        let half = request.records.split_off(request.records.len() / 2);
                        // At once, and before others: what is at fault is found while its window is open.
                        for records in [half, request.records] {
                            requests.push_front(Request { records, attempt: request.attempt });
                        }
                    }
                }
                0
            }
        }
    }

    /// Takes out what became too old since it was planned.
    async fn expire<W: World>(
        &mut self,
        world: &W,
        records: &mut Vec<Outgoing>,
        now: Second,
        report: &mut Report,
    ) {
        let (late, ready) = std::mem::take(records).into_iter().partition(|one| now >= one.deadline);
        *records = ready;
        let late: Vec<Outgoing> = late;
        for one in late {
            let news = [(one.record.dimension, State::Expired { sent: Sent::Perhaps })];
            self.record(world, (one.tenant, one.slot), &news, report).await;
        }
    }

    /// Writes what became of records of one entry; upon what others wrote meanwhile, if they did. If it cannot be
    /// written nothing is lost: the records are still sealed, and sent once more by the next run.
    async fn record<W: World>(
        &mut self,
        world: &W,
        key: (TenantId, Slot),
        news: &[(Dimension, State)],
        report: &mut Report,
    ) {
        /// Others change an entry a few times in its life.
        const TRIES: u32 = 5;
        let Some(waiting) = self.waiting.get_mut(&key) else { return };
        for _ in 0..TRIES {
            let Some(after) = waiting.entry.with_states(news) else { return };
            report.ledger_writes += 1;
            match world.replace(&after).await {
                Ok(Write::Done) => {
                    report.settled(&waiting.entry, &after);
                    waiting.entry = after;
                    return;
                }
                Ok(Write::Lost(Some(now))) => waiting.entry = *now,
                Ok(Write::Lost(None)) | Err(_) => break,
            }
        }
        report.unrecorded += 1;
    }
}

fn repeat(requests: &mut VecDeque<Request>, records: Vec<Outgoing>, attempt: u32, settings: &Settings) {
    if !records.is_empty() && attempt + 1 < settings.limits.attempts {
        requests.push_back(Request { records, attempt: attempt + 1 });
    }
}
