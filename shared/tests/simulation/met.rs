//! What a schedule has met. A simulation that never meets a fault proves nothing about it.

use shared::metering::{Report, State, ledger::Sent};

use crate::sim::{Met, Sim};

/// What every long enough simulation must have met at least once.
pub(crate) const MUST_BE_MET: [&str; 27] = [
    "runs that died",
    "accepted",
    "accepted_as_duplicate",
    "contested",
    "idle",
    "not_subscribed",
    "quarantined",
    "expired unsent",
    "expired, perhaps sent",
    "late",
    "late below zero",
    "carried",
    "last entries",
    "second licences in an hour",
    "tenants that moved on",
    "requests halved",
    "requests that failed",
    "records unprocessed",
    "runs that lost a race",
    "runs behind",
    "runs unfinished",
    "runs that waited for another licence",
    "outcomes unrecorded",
    "transactions",
    "tables unavailable",
    "billed by somebody else",
    "month ends",
];

pub(crate) fn met(sim: &Sim, runs: usize) -> Met {
    let mut met = Met::new();
    let mut count = |what, more: usize| *met.entry(what).or_default() += more;
    count("effects", sim.effects.len());
    count("runs", runs);
    count("runs that died", sim.dead.len());
    count("lines billed", sim.market.bill().len());
    count("billed by somebody else", sim.foreign.len());
    let moved = sim.tenants.iter().flat_map(|tenant| &tenant.subscriptions).filter(|one| one.is_left);
    count("tenants that moved on", moved.count());
    for entry in sim.store.entries() {
        count("entries", 1);
        count("last entries", usize::from(entry.ended.is_some()));
        count("second licences in an hour", usize::from(entry.slot.turn > 0));
        count(
            "month ends",
            usize::from(entry.slot.hour.deadline() < entry.slot.hour.start().plus(24 * 3600)),
        );
        for record in &entry.records {
            let what = match &record.state {
                State::Expired { sent: Sent::Never } => "expired unsent",
                State::Expired { sent: Sent::Perhaps } => "expired, perhaps sent",
                other => other.as_str(),
            };
            count(what, 1);
            count("late", usize::from(record.late > 0));
            count("late below zero", usize::from(record.late < 0));
            count("carried", usize::from(record.carried > 0));
        }
    }
    type Number = fn(&Report) -> u64;
    let counts: [(&str, Number); 9] = [
        ("requests halved", |report| report.halvings),
        ("requests that failed", |report| report.failures),
        ("records unprocessed", |report| report.unprocessed),
        ("runs that lost a race", |report| report.conflicts),
        ("runs behind", |report| report.behind),
        ("runs unfinished", |report| report.is_unfinished.into()),
        ("runs that waited for another licence", |report| report.waiting),
        ("outcomes unrecorded", |report| report.unrecorded),
        ("transactions", |report| report.transactions),
    ];
    for report in &sim.reports {
        for (what, of) in counts {
            count(what, usize::try_from(of(report)).unwrap());
        }
        count("tables unavailable", usize::try_from(report.unavailable).unwrap());
    }
    met
}
