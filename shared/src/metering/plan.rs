//! Which sealed records are sent now, and in which requests. Reads seals only: nothing is computed anew.

use super::{
    chain::Licence,
    dimensions::Dimension,
    hour::{Hour, Second},
    ledger::{Entry, Sent, Slot, State},
    quantity::Quantity,
};
use crate::{
    ids::TenantId,
    marketplace::ids::{AccountId, LicenseArn},
};

/// "BatchMeterUsage can process up to 25 UsageRecords at a time".
pub const BATCH_MAX: usize = 25;

/// "Each request must be less than 1 MB in size"; half of it, since the size is estimated.
pub const BODY_MAX: usize = 500_000;

/// A record as it is sent: verbatim what was sealed, at HH:00:00.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// The buyer's account.
    pub account: AccountId,
    /// The licence.
    pub license: LicenseArn,
    /// The dimension.
    pub dimension: Dimension,
    /// The hour.
    pub hour: Hour,
    /// The units.
    pub quantity: Quantity,
}

impl UsageRecord {
    /// The most bytes that it takes in a request: names and punctuation, and each character escaped.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        const MEMBERS: usize = 256;
        MEMBERS
            + 6 * (self.license.as_str().len() + self.account.as_str().len() + self.dimension.as_str().len())
    }
}

/// A record on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Whose entry it is of.
    pub tenant: TenantId,
    /// Which entry.
    pub slot: Slot,
    /// What is sent.
    pub record: UsageRecord,
    /// From when on it is refused.
    pub deadline: Second,
    /// The newest permission of its licence, as far as the run knows.
    pub permission: Second,
    /// Whether it may have been sent before: it was not sealed by this very run, or a request with it was not
    /// answered.
    pub perhaps_sent: bool,
}

/// What of an entry is to be sent, and what is too late for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// To be sent.
    pub outgoing: Vec<Outgoing>,
    /// To be recorded.
    pub expired: Vec<(Dimension, State)>,
}

/// What of an entry is due at `now`. `perhaps_sent`: the entry was not sealed by this very run.
///
/// A record that was answered with *not subscribed* is due again only under a newer permission of its licence.
#[must_use]
pub fn due(entry: &Entry, licence: &Licence, now: Second, perhaps_sent: bool) -> Due {
    let deadline = entry.slot.hour.deadline();
    let mut due = Due::default();
    for record in entry.records.iter().filter(|record| record.state.is_open()) {
        if now >= deadline {
            due.expired.push((record.dimension.clone(), State::Expired { sent: Sent::Perhaps }));
            continue;
        }
        if let State::NotSubscribed { permission } = record.state
            && licence.since <= permission
        {
            continue;
        }
        due.outgoing.push(Outgoing {
            tenant: entry.tenant,
            slot: entry.slot,
            record: UsageRecord {
                account: entry.account.clone(),
                license: entry.license.clone(),
                dimension: record.dimension.clone(),
                hour: entry.slot.hour,
                quantity: record.quantity,
            },
            deadline,
            permission: licence.since,
            perhaps_sent,
        });
    }
    due
}

/// Packs records into requests: what expires first goes first; at most [`BATCH_MAX`] records and [`BODY_MAX`]
/// bytes each. All are of one product: a deployment sells one.
#[must_use]
pub fn plan(mut records: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    // The key after the deadline only makes the order the same each time.
    records.sort_by(|a, b| {
        let key = |one: &Outgoing| (one.deadline, one.tenant, one.slot);
        key(a).cmp(&key(b)).then_with(|| a.record.dimension.cmp(&b.record.dimension))
    });
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        let size = record.record.body_bytes();
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_MAX && bytes + size <= BODY_MAX => {
                batch.push(record);
                bytes += size;
            }
            _ => {
                batches.push(vec![record]);
                bytes = size;
            }
        }
    }
    batches
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metering::{ledger::Record, usage::Measure};

    pub(in crate::metering) fn outgoing(dimension: &str, quantity: u32) -> Outgoing {
        let hour: Hour = "2026-11-22T10".parse().unwrap();
        Outgoing {
            tenant: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            slot: Slot::first(hour),
            record: UsageRecord {
                account: "111122223333".parse().unwrap(),
                license: "arn:aws:license-manager::294406891311:license:l-0f".parse().unwrap(),
                dimension: dimension.parse().unwrap(),
                hour,
                quantity: quantity.try_into().unwrap(),
            },
            deadline: hour.deadline(),
            permission: hour.start(),
            perhaps_sent: false,
        }
    }

    fn entry(state: State) -> (Entry, Licence) {
        let Outgoing { tenant, slot, record, .. } = outgoing("a", 5);
        let UsageRecord { account, license, dimension, quantity, .. } = record;
        let since = slot.hour.start();
        let licence = Licence {
            license: license.clone(),
            account: account.clone(),
            tenant,
            since,
            came: None,
            until: None,
        };
        let (measure, brought) = (Measure::DocumentsAdded, Vec::new());
        let records = vec![Record { dimension, measure, quantity, brought, state, late: 0, carried: 0 }];
        let (from, open_since, version) = (None, slot.hour, 1);
        let (opening, held, drift, ended) = (0, 0, 0, None);
        let entry = Entry {
            tenant,
            slot,
            license,
            account,
            from,
            opening,
            held,
            drift,
            ended,
            open_since,
            records,
            version,
        };
        (entry, licence)
    }

    #[test]
    fn what_had_no_subscription_is_sent_again_only_under_a_newer_permission() {
        let hour: Hour = "2026-11-22T10".parse().unwrap();
        let now = hour.end().plus(900);
        let (entry, licence) = entry(State::NotSubscribed { permission: hour.start() });
        assert_eq!(due(&entry, &licence, now, true), Due::default(), "held");
        let permitted = Licence { since: hour.start().plus(1), ..licence };
        let due = due(&entry, &permitted, now, true);
        assert_eq!((due.outgoing.len(), due.outgoing[0].permission), (1, permitted.since));
    }

    #[test]
    fn what_is_too_old_is_not_sent_and_says_that_it_may_have_been() {
        let deadline = "2026-11-22T10".parse::<Hour>().unwrap().deadline();
        let expired = State::Expired { sent: Sent::Perhaps };
        for (state, perhaps) in [(State::Sealed, true), (State::NotSubscribed { permission: deadline }, true)]
        {
            let (entry, licence) = entry(state);
            let due = due(&entry, &licence, deadline, perhaps);
            assert_eq!((due.outgoing, due.expired), (vec![], vec![("a".parse().unwrap(), expired.clone())]));
        }
        let (entry, licence) = entry(State::Sealed);
        assert_eq!(due(&entry, &licence, deadline.minus(1), false).outgoing, [outgoing("a", 5)], "verbatim");
    }

    #[test]
    fn what_is_settled_is_never_sent_again() {
        let (accepted, licence) = entry(State::Accepted { id: None });
        let (idle, _) = entry(State::Idle);
        for entry in [accepted, idle] {
            assert_eq!(due(&entry, &licence, entry.slot.hour.end(), true), Due::default());
        }
    }

    fn at(hours: u32, dimension: &str) -> Outgoing {
        let mut one = outgoing(dimension, 1);
        let hour = one.slot.hour.forward(hours);
        (one.slot.hour, one.record.hour, one.deadline) = (hour, hour, hour.deadline());
        one
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_request_the_urgent_first_and_none_is_too_large(
            records in prop::collection::vec((0..400_u32, "[a-z]{1,3}|[ä\"]{200,255}"), 0..120)
        ) {
            let records: Vec<Outgoing> = records.iter().map(|(hours, name)| at(*hours, name)).collect();
            let batches = plan(records.clone());
            let sent: Vec<Outgoing> = batches.concat();
            prop_assert_eq!(sent.len(), records.len());
            prop_assert!(records.iter().all(|record| sent.contains(record)));
            prop_assert!(sent.is_sorted_by_key(|record| record.deadline));
            for batch in &batches {
                prop_assert!((1..=BATCH_MAX).contains(&batch.len()));
                prop_assert!(batch.iter().map(|one| one.record.body_bytes()).sum::<usize>() <= BODY_MAX);
            }
            prop_assert_eq!(batches.len(), records.len().div_ceil(BATCH_MAX), "no request is left half empty");
        }
    }
}
