//! A run's view of the simulated world: every call yields first, so that any other run may do something in between,
//! and may fail, be cut off on either side of its effect, or be the last thing that the run ever does.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::{Future, pending},
    pin::Pin,
    task::{Context, Poll},
};

use shared::{
    ids::TenantId,
    marketplace::ids::LicenseArn,
    metering::{
        Entry, Hour, Licence, Page, Quantity, Second, Slot, State, Unavailable, UsageEvent, World, Write,
        outcome::{Answer, Echo, Refusal, Reported, Status},
        plan::UsageRecord,
        quantity::gib,
    },
};

use crate::{schedule::Defect, sim::Sim};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// It fails; before or after its effect.
    Fails {
        after: bool,
    },
    /// The run dies; before or after its effect.
    Dies {
        after: bool,
    },
}

pub(crate) struct SimWorld<'a> {
    pub(crate) sim: &'a RefCell<Sim>,
    pub(crate) run: usize,
    /// How far the run's clock is off, in seconds.
    pub(crate) skew: i64,
    /// Only this licence: a final metering.
    pub(crate) only: Option<LicenseArn>,
    /// Only under a planted defect: entries that were never written.
    pub(crate) unwritten: RefCell<Vec<Entry>>,
}

/// Gives way once.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Poll::Pending
    }
}

impl SimWorld<'_> {
    /// One call: `effect`, with whatever fate it has. None: it failed.
    async fn call<T>(&self, what: &str, effect: impl FnOnce(&mut Sim) -> T) -> Option<T> {
        Turn(false).await;
        let fate = self.sim.borrow_mut().fate(self.run, what);
        match fate {
            Fate::Fails { after: false } => return None,
            Fate::Dies { after: false } => self.die().await,
            _ => {}
        }
        let effect = effect(&mut self.sim.borrow_mut());
        match fate {
            Fate::Fails { .. } => None,
            Fate::Dies { .. } => self.die().await,
            Fate::Done => Some(effect),
        }
    }

    async fn die(&self) -> ! {
        self.sim.borrow_mut().dead.insert(self.run);
        pending().await
    }

    fn defect(&self, defect: Defect) -> bool {
        self.sim.borrow().defect == Some(defect)
    }

    /// What is put on the wire: the records, unless a defect is planted.
    fn on_the_wire(&self, sim: &Sim, records: &[UsageRecord], attempt: u32) -> Vec<Echo> {
        let mut wire: Vec<Echo> = records.iter().map(Echo::from).collect();
        for (echo, record) in wire.iter_mut().zip(records) {
            if sim.defect == Some(Defect::TimestampNow) {
                echo.timestamp = i64::try_from(sim.time.get()).unwrap() + self.skew;
            }
            if sim.defect == Some(Defect::NewQuantity) && attempt > 0 {
                echo.quantity = sim.used_now(record);
            }
        }
        wire
    }

    /// What the run makes of an answer: what it says, unless a defect is planted.
    fn as_read(&self, sim: &Sim, records: &[UsageRecord], wire: &[Echo], mut answer: Answer) -> Answer {
        let sent: Vec<Echo> = records.iter().map(Echo::from).collect();
        // A defective run would compare with what it has really sent.
        for (echo, was_sent) in sent.iter().zip(wire) {
            answer.results.iter_mut().filter(|one| one.record == *was_sent).for_each(|one| {
                one.record = echo.clone();
            });
        }
        if sim.defect == Some(Defect::UnprocessedIgnored) {
            let told = answer.results.clone();
            for echo in sent.into_iter().filter(|echo| told.iter().all(|one| one.record != *echo)) {
                answer.results.push(Reported { record: echo, status: Status::Success, id: None });
            }
            answer.unprocessed.clear();
        }
        answer
    }
}

impl World for SimWorld<'_> {
    fn now(&self) -> Second {
        let time = i64::try_from(self.sim.borrow().time.get()).unwrap();
        Second::new(u64::try_from(time + self.skew).unwrap())
    }

    async fn licences(&self, after: Option<&str>) -> Result<Page<Licence>, Unavailable> {
        let only = self.only.clone();
        let from: usize = after.map_or(0, |after| after.parse().unwrap());
        let page = self.call("licences", |sim| {
            let all: Vec<Licence> = sim
                .licences_as_read()
                .into_iter()
                .filter(|one| only.as_ref().is_none_or(|only| *only == one.license))
                .collect();
            let items: Vec<Licence> = all.iter().skip(from).take(2).cloned().collect();
            let next = (from + 2 < all.len()).then(|| (from + 2).to_string());
            Page { items, next }
        });
        page.await.ok_or(Unavailable)
    }

    async fn entries(&self, tenant: TenantId, back: u32) -> Result<Vec<Entry>, Unavailable> {
        self.call("entries", |sim| sim.store.newest(tenant, back)).await.ok_or(Unavailable)
    }

    async fn usage(
        &self,
        tenant: TenantId,
        from: Option<Hour>,
        to: Hour,
        after: Option<&str>,
    ) -> Result<Page<UsageEvent>, Unavailable> {
        let page = self.call("usage", |sim| {
            let size = usize::try_from(sim.chance.between(3, 40)).unwrap();
            let (items, next) = sim.store.usage(tenant, from, to, after, size);
            Page { items, next }
        });
        page.await.ok_or(Unavailable)
    }

    async fn seal(&self, entry: &Entry, changed: &[Entry]) -> Result<Write, Unavailable> {
        if self.defect(Defect::SealSkipped) {
            self.unwritten.borrow_mut().push(entry.clone());
            return Ok(Write::Done);
        }
        self.call("seal", |sim| {
            let write = sim.store.seal(entry, changed);
            sim.note(|| format!("  seal {} {write:?} {}", sim_tenant(entry.tenant), shown(entry)));
            write
        })
        .await
        .ok_or(Unavailable)
    }

    async fn replace(&self, entry: &Entry) -> Result<Write, Unavailable> {
        if self.unwritten.borrow().iter().any(|one| (one.tenant, one.slot) == (entry.tenant, entry.slot)) {
            let write = self.call("replace", |sim| sim.store.overwrite(entry.clone()));
            return write.await.map(|()| Write::Done).ok_or(Unavailable);
        }
        self.call("replace", |sim| {
            let write = sim.store.replace(entry);
            sim.note(|| {
                let done = matches!(write, Write::Done);
                format!("  replace {} done={done} {}", sim_tenant(entry.tenant), shown(entry))
            });
            write
        })
        .await
        .ok_or(Unavailable)
    }

    async fn send(&self, records: &[UsageRecord], attempt: u32) -> Result<Answer, Refusal> {
        Turn(false).await;
        if self.defect(Defect::MarkedBeforeSend) {
            self.sim.borrow_mut().mark(records, &State::Accepted { id: None });
        }
        let answer = self.call("send", |sim| {
            if sim.is_throttled() {
                sim.note(|| "  throttled".to_owned());
                return Err(Refusal::Throttled);
            }
            let wire = self.on_the_wire(sim, records, attempt);
            sim.odd_answers(records.len());
            let known = if sim.is_pedantic() { sim.billed() } else { BTreeMap::new() };
            let answer = sim.market.meter(&wire);
            sim.note(|| format!("  send {} → {answer:?}", wire.len()));
            answer.map(|mut answer| {
                if sim.is_pedantic() {
                    for one in &mut answer.results {
                        let key =
                            (one.record.license.clone(), one.record.dimension.clone(), one.record.timestamp);
                        if one.status == Status::Success && known.contains_key(&key) {
                            (one.status, one.id) = (Status::DuplicateRecord, None);
                        }
                    }
                }
                self.as_read(sim, records, &wire, answer)
            })
        });
        answer.await.unwrap_or(Err(Refusal::Unanswered))
    }
}

pub(crate) fn sim_tenant(tenant: TenantId) -> String {
    tenant.to_string()[..4].to_owned()
}

pub(crate) fn shown(entry: &Entry) -> String {
    let records: Vec<String> = entry
        .records
        .iter()
        .map(|one| {
            let (quantity, late) = (one.quantity.get(), one.late);
            format!(
                "{}={quantity} {:?} late {late}/{} {:?}",
                one.measure, one.state, one.carried, one.brought
            )
        })
        .collect();
    format!(
        "{} v{} …{} from {:?} held {}→{} (drift {}) ended {:?}: {}",
        entry.slot,
        entry.version,
        &entry.license.as_str()[entry.license.as_str().len() - 4..],
        entry.from.map(|from| from.to_string()),
        entry.opening,
        entry.held,
        entry.drift,
        entry.ended,
        records.join(", ")
    )
}

impl Sim {
    /// What a run that computes anew would send.
    fn used_now(&self, record: &UsageRecord) -> i64 {
        let Some(entry) = self
            .store
            .entries()
            .find(|one| one.license == record.license && one.slot == Slot::first(record.hour))
        else {
            return i64::from(record.quantity);
        };
        let measure = entry.records.iter().find(|one| one.dimension == record.dimension).unwrap().measure;
        let used = if measure.is_level() {
            gib(self.store.used(entry.tenant, measure, |hour| hour <= record.hour))
        } else {
            self.store.used(entry.tenant, measure, |hour| hour == record.hour)
        };
        Quantity::at_most(used).into()
    }

    /// What a run that marks before it sends would write.
    fn mark(&mut self, records: &[UsageRecord], state: &State) {
        for record in records {
            let found = self
                .store
                .entries()
                .find(|one| one.license == record.license && one.slot.hour == record.hour);
            if let Some(after) =
                found.and_then(|one| one.with_states(&[(record.dimension.clone(), state.clone())]))
            {
                self.store.overwrite(after);
            }
        }
    }
}
