//! What a schedule is made of: its character, and what happens when.

use shared::{
    ids::TenantId,
    marketplace::ids::LicenseArn,
    metering::{Hour, LateUsage, Measure, Second},
};

use crate::chance::Chance;

/// A mistake, planted to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Records carry the time at which they are sent.
    TimestampNow,
    /// What is sent is not fixed before.
    SealSkipped,
    /// What comes back unprocessed, or not at all, is taken as billed.
    UnprocessedIgnored,
    /// Records are marked as accepted before they are sent.
    MarkedBeforeSend,
    /// A repetition carries the quantity of its own moment.
    NewQuantity,
}

/// How a schedule goes wrong. Most go wrong in a few ways only, so that a failure says something.
#[derive(Debug, Clone)]
pub(crate) struct Character {
    pub(crate) hours: i64,
    pub(crate) start: Second,
    pub(crate) tenants: u64,
    /// Of a thousand calls so many kill their run.
    pub(crate) deaths: u64,
    /// Of a thousand calls so many fail.
    pub(crate) failures: u64,
    /// Of a thousand requests so many are throttled.
    pub(crate) throttles: u64,
    /// Of a thousand requests so many are answered in part.
    pub(crate) odd_answers: u64,
    /// Of a thousand effects so many land long after every function has ended.
    pub(crate) late_writers: u64,
    /// Of a thousand ticks so many never come.
    pub(crate) missed_ticks: u64,
    /// Of a thousand ticks so many come again.
    pub(crate) repeated_ticks: u64,
    /// Subscriptions end, return, are renewed.
    pub(crate) ends: bool,
    /// No run for many hours.
    pub(crate) outage: bool,
    /// Records that every request fails with.
    pub(crate) poison: bool,
    /// Somebody else meters our customers.
    pub(crate) foreign: bool,
    /// An identical repetition is answered with `DuplicateRecord`.
    pub(crate) pedantic: bool,
    pub(crate) zero_records: bool,
    pub(crate) late_usage: LateUsage,
}

impl Character {
    pub(crate) fn of(chance: &mut Chance) -> Self {
        // Noon of 15 November, or some hours before a month's end.
        let start: Hour =
            if chance.permille(400) { "2026-11-30T14" } else { "2026-11-15T12" }.parse().unwrap();
        let sometimes = |chance: &mut Chance, often: u64, much: u64| {
            if chance.permille(often) { chance.below(much) } else { 0 }
        };
        Self {
            hours: chance.between(3, 14),
            start: start.start().plus(chance.below(7200)),
            tenants: 1 + chance.below(3),
            deaths: sometimes(chance, 600, 80),
            failures: sometimes(chance, 500, 60),
            throttles: sometimes(chance, 300, 300),
            odd_answers: sometimes(chance, 400, 400),
            late_writers: sometimes(chance, 200, 100),
            missed_ticks: sometimes(chance, 300, 300),
            repeated_ticks: sometimes(chance, 600, 600),
            ends: chance.permille(400),
            outage: chance.permille(100),
            poison: chance.permille(150),
            foreign: chance.permille(100),
            pedantic: chance.permille(150),
            zero_records: chance.permille(700),
            late_usage: if chance.permille(300) { LateUsage::Carry } else { LateUsage::Report },
        }
    }

    /// Nothing happens that could keep usage from being billed.
    pub(crate) fn is_clean(&self) -> bool {
        !(self.late_writers > 0 || self.ends || self.outage || self.poison || self.foreign || self.pedantic)
    }
}

/// An effect of a user's, with the usage that is written in its transaction.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) tenant: TenantId,
    pub(crate) id: String,
    pub(crate) hour: Hour,
    pub(crate) usage: Vec<(Measure, i64)>,
}

/// Something that happens at its time.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A user of a tenant does something.
    Use(usize),
    /// A transaction reaches the table. A repeated one finds its effect done.
    Commit(Effect),
    /// A run begins: with the schedule's time, or of one licence.
    Run { scheduled: Second, only: Option<LicenseArn>, back: u32 },
    /// A tenant's subscription ends, at the Marketplace.
    End(usize),
    /// It comes back.
    Return(usize),
    /// It ends, and the buyer buys anew.
    Renew(usize),
    /// Its agreement is renewed: it goes on under the licence that follows.
    Succeed(usize),
    /// The licence that was left is taken away, at the Marketplace.
    TakeAway(LicenseArn),
    /// Our table of subscriptions has the tenant on the licence that follows.
    Move { tenant: usize, to: usize, ended: Second, good: Second },
    /// Our table of subscriptions learns what became of one.
    Learn { tenant: usize, subscription: usize, since: Option<Second>, until: Option<Second> },
    /// Somebody else meters an hour of a tenant's.
    Foreign(usize),
    /// From now on requests with a licence of a tenant are refused.
    Poison(usize),
    /// From now on the listing misses a dimension, or has it again.
    Listing { whole: bool },
}
