//! What must hold after every schedule, from what was done, what was billed and what the ledger says; computed in
//! another way than the product does.

use std::collections::BTreeMap;

use shared::{
    ids::TenantId,
    metering::{Entry, Hour, Measure, Record, Second, Slot, State, ledger::Sent, quantity::gib},
};

use crate::{
    sim::{BillKey, Sim},
    world::{shown, sim_tenant},
};

/// The first law that does not hold.
pub(crate) fn violation(sim: &Sim) -> Option<String> {
    let laws = [
        ledger_and_bill,
        own_licences,
        successors_follow_each_other,
        successors_leave_no_hour_out,
        used_is_sealed_or_late,
        carried_once,
        given_up_with_cause,
        nothing_lost_without_cause,
        runs_end_well,
    ];
    laws.iter().find_map(|law| law(sim).err())
}

/// When nothing goes wrong any more, every run does all that it can, and the same run again does nothing.
fn runs_end_well(sim: &Sim) -> Result<(), String> {
    for report in &sim.reports[sim.first_calm..] {
        if report.broken > 0 || (!report.is_complete() && report.behind == 0) {
            return Err(format!("a run did not end well: {report:?}"));
        }
    }
    match sim.reports.last() {
        Some(last) if last.ledger_writes == 0 && last.calls == 0 => Ok(()),
        last => Err(format!("the same run again does something: {last:?}")),
    }
}

fn of_entry(entry: &Entry, record: &Record) -> BillKey {
    let hour = i64::try_from(entry.slot.hour.start().get()).unwrap();
    (entry.license.to_string(), record.dimension.to_string(), hour)
}

fn at(entry: &Entry) -> String {
    format!("{} {}", sim_tenant(entry.tenant), shown(entry))
}

/// Every record has on the bill what the ledger says of it, and every line of the bill is a record's.
fn ledger_and_bill(sim: &Sim) -> Result<(), String> {
    let mut bill = sim.billed();
    for entry in sim.store.entries() {
        for record in &entry.records {
            let key = of_entry(entry, record);
            let is_foreign = sim.foreign.contains(&key);
            let billed = bill.remove(&key);
            let quantity = i64::from(record.quantity);
            let (is_ours, is_none) = (billed == Some(quantity), billed.is_none());
            let holds = match &record.state {
                State::Idle => quantity == 0 && (is_none || is_foreign),
                State::Sealed => false,
                State::Accepted { .. } => is_ours,
                State::AcceptedAsDuplicate => is_foreign || (sim.is_pedantic() && is_ours),
                State::Contested => is_foreign || (sim.is_pedantic() && is_ours),
                State::Expired { sent: Sent::Never } => is_none || is_foreign,
                State::Expired { sent: Sent::Perhaps }
                | State::NotSubscribed { .. }
                | State::Quarantined { .. } => is_ours || is_none || is_foreign,
            };
            if !holds {
                return Err(format!("{} of {} but billed {billed:?}", record.dimension, at(entry)));
            }
        }
    }
    bill.retain(|key, _| !sim.foreign.contains(key));
    if bill.is_empty() { Ok(()) } else { Err(format!("billed without a record: {bill:?}")) }
}

/// No tenant's usage is on another's bill.
fn own_licences(sim: &Sim) -> Result<(), String> {
    for entry in sim.store.entries() {
        let tenant = sim.tenants.iter().find(|tenant| tenant.id == entry.tenant).unwrap();
        let mut own = tenant.subscriptions.iter();
        if !own.any(|one| one.license == entry.license && one.account == entry.account) {
            return Err(format!("a licence of somebody else's: {}", at(entry)));
        }
    }
    Ok(())
}

/// What was used in an hour by everything that was done, in a measure.
fn used(sim: &Sim, tenant: TenantId, measure: Measure, hours: impl Fn(Hour) -> bool) -> i64 {
    let effects = sim.effects.values().filter(|effect| effect.tenant == tenant && hours(effect.hour));
    effects.flat_map(|effect| &effect.usage).filter(|(of, _)| *of == measure).map(|(_, amount)| amount).sum()
}

/// A licence to which its tenant came from another one has no entry before that one's last: what was used earlier is not
/// on its bill.
fn successors_follow_each_other(sim: &Sim) -> Result<(), String> {
    for tenant in &sim.tenants {
        let mut before: Option<&Entry> = None;
        for entry in sim.store.of_tenant(tenant.id) {
            let is_new = before.is_none_or(|before| before.license != entry.license);
            let mut subscriptions = tenant.subscriptions.iter();
            let came =
                subscriptions.find(|one| one.license == entry.license).and_then(|one| one.came.as_ref());
            if let Some(came) = came.filter(|_| is_new)
                && before.is_none_or(|before| before.license != came.from || before.ended.is_none())
            {
                return Err(format!("out of its turn: {}", at(entry)));
            }
            before = Some(entry);
        }
    }
    Ok(())
}

/// Between the last entry of a licence and the first of the one that follows it lies no hour: the tenant was never shut.
fn successors_leave_no_hour_out(sim: &Sim) -> Result<(), String> {
    for tenant in &sim.tenants {
        let entries: Vec<&Entry> = sim.store.of_tenant(tenant.id).collect();
        let place = |entry: &Entry| tenant.subscriptions.iter().position(|one| one.license == entry.license);
        for two in entries.windows(2) {
            let (Some(before), Some(after)) = (place(two[0]), place(two[1])) else { continue };
            let follows = after == before + 1 && tenant.subscriptions[after].came.is_some();
            if follows && two[1].slot.hour > two[0].slot.hour.next() {
                return Err(format!("hours are left out between {} and {}", at(two[0]), at(two[1])));
            }
        }
    }
    Ok(())
}

/// All bytes that have arrived up to an hour, wherever they went.
fn arrived(sim: &Sim, tenant: TenantId, until: Hour) -> i64 {
    let effects = sim.effects.values().filter(|effect| effect.tenant == tenant && effect.hour <= until);
    let bytes = effects.flat_map(|effect| &effect.usage).filter(|(of, _)| *of == Measure::StorageGibHours);
    bytes.map(|(_, amount)| amount.max(&0)).sum()
}

/// For every tenant, hour and measure: sealed and late is used.
fn used_is_sealed_or_late(sim: &Sim) -> Result<(), String> {
    for tenant in &sim.tenants {
        let entries: Vec<&Entry> = sim.store.of_tenant(tenant.id).collect();
        let mut hours: Vec<Hour> = entries.iter().map(|entry| entry.slot.hour).collect();
        hours.dedup();
        if hours.is_empty() && sim.effects.values().any(|effect| effect.tenant == tenant.id) {
            return Err(format!("nothing of {} was sealed", sim_tenant(tenant.id)));
        }
        let end = entries.last().and_then(|newest| newest.ended.is_none().then_some(newest.slot.hour));
        let is_after = |hour: Hour| end.is_some_and(|end| hour > end);
        if let Some(left) = sim.effects.values().find(|one| one.tenant == tenant.id && is_after(one.hour)) {
            return Err(format!("never sealed: {left:?}"));
        }
        for (place, hour) in hours.iter().enumerate() {
            let group: Vec<&Entry> =
                entries.iter().copied().filter(|entry| entry.slot.hour == *hour).collect();
            let is_end = group.iter().any(|entry| entry.ended.is_some());
            let following = hours.get(place + 1).copied();
            // A final metering does not wait until the hour before is closed.
            let ends_next = |entry: &&&Entry| entry.slot.hour == hour.next() && entry.ended.is_some();
            let is_end_soon = is_end || entries.iter().any(|entry| ends_next(&entry));
            if following.is_some_and(|following| following != hour.next()) && !is_end {
                return Err(format!("an hour was left out after {}", at(group[0])));
            }
            for measure in Measure::ALL {
                let records = || group.iter().filter_map(|entry| entry.record(measure));
                let own: i64 = records().map(Record::own).sum();
                let late: i64 = records().map(|record| record.late).sum();
                let holds = if measure.is_level() {
                    let held = gib(used(sim, tenant.id, measure, |one| one <= *hour));
                    let due = if is_end { held.max(own) } else { held };
                    // What fell before the end was known may have been sealed; but never more than ever arrived.
                    own + late == due && own <= gib(arrived(sim, tenant.id, *hour))
                } else {
                    let due = used(sim, tenant.id, measure, |one| {
                        let is_before_all = place == 0 && one < *hour;
                        let is_after_the_end =
                            is_end && one > *hour && following.is_none_or(|following| one < following);
                        one == *hour || is_before_all || is_after_the_end
                    });
                    own + late == due
                };
                // More than was counted is never billed. Of a level it is, if bytes went that nobody could know of.
                let has_cause = is_end_soon || sim.character.late_writers > 0;
                let is_known = late == 0 || (has_cause && (late > 0 || measure.is_level()));
                if !(holds && is_known) {
                    let used = used(sim, tenant.id, measure, |one| one == *hour);
                    return Err(format!(
                        "{measure} of {}: used {used} in that hour",
                        at(group[group.len() - 1])
                    ));
                }
            }
        }
    }
    Ok(())
}

/// What a seal took along is marked where it came from, and nothing is taken twice.
fn carried_once(sim: &Sim) -> Result<(), String> {
    let mut brought: BTreeMap<(TenantId, Slot, Measure), i64> = BTreeMap::new();
    for entry in sim.store.entries() {
        for record in &entry.records {
            for one in &record.brought {
                let origin = sim.store.of_tenant(entry.tenant).find(|origin| origin.slot == one.from);
                if origin.is_none_or(|origin| origin.license != entry.license || origin.slot >= entry.slot) {
                    return Err(format!("carried from another licence: {}", at(entry)));
                }
                *brought.entry((entry.tenant, one.from, record.measure)).or_default() += one.units;
            }
        }
    }
    for entry in sim.store.entries() {
        for record in &entry.records {
            let units = brought.remove(&(entry.tenant, entry.slot, record.measure)).unwrap_or_default();
            if units != record.carried {
                return Err(format!("{units} of {} were carried from {}", record.measure, at(entry)));
            }
        }
    }
    if brought.is_empty() { Ok(()) } else { Err(format!("carried from nowhere: {brought:?}")) }
}

/// What was given up was at fault itself: no other record of its requests was given up with it.
fn given_up_with_cause(sim: &Sim) -> Result<(), String> {
    for entry in sim.store.entries() {
        let tenant = sim.tenants.iter().find(|tenant| tenant.id == entry.tenant).unwrap();
        let subscription = tenant.subscriptions.iter().find(|one| one.license == entry.license).unwrap();
        let was_over = |hours: u64| {
            let over = |end: &Second| Hour::of(end.plus(hours * 3600)) <= entry.slot.hour;
            hours == 0 && !subscription.ends.is_empty() || subscription.ends.iter().any(over)
        };
        for record in &entry.records {
            let has_cause = match record.state {
                State::Quarantined { .. } => {
                    sim.poisoned.contains(&entry.license)
                        || (sim.was_unlisted && record.measure == Measure::StorageGibHours)
                        || was_over(1)
                }
                State::NotSubscribed { .. } => was_over(0),
                _ => true,
            };
            if !has_cause {
                return Err(format!("{} given up without a cause: {}", record.dimension, at(entry)));
            }
        }
    }
    Ok(())
}

/// Without a cause, everything is accepted and nothing is late. And what expired had no run that could have sent it.
fn nothing_lost_without_cause(sim: &Sim) -> Result<(), String> {
    if !sim.character.is_clean() {
        return Ok(());
    }
    for entry in sim.store.entries() {
        let hour = entry.slot.hour;
        for record in &entry.records {
            if record.late != 0 || record.carried != 0 {
                return Err(format!("late without a cause: {}", at(entry)));
            }
            let in_time = sim.completed.iter().find(|run| {
                run.closed >= hour
                    && run.began.plus(300) >= hour.end()
                    && run.ended.plus(600) < hour.deadline()
            });
            let holds = match record.state {
                State::Accepted { .. } | State::Idle => true,
                State::Expired { .. } => in_time.is_none(),
                _ => false,
            };
            if !holds {
                return Err(format!("not billed without a cause: {}; {in_time:?}", at(entry)));
            }
        }
    }
    Ok(())
}
