//! When a tenant may be erased, and what is kept of one that was. Pure.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{
    progress::Progress,
    record::{Fields, Record},
};
use crate::subscriptions::{Cause, Kind, Metering, State};

/// How long after its users were locked out something of a tenant's may still arrive.
///
/// An environment that knows the tenant goes on for [`STATE_KEPT_FOR`](crate::tenancy::STATE_KEPT_FOR), and its
/// last request for as long as a function that answers may run; the URL that it signs lasts five minutes. The
/// rest is for clocks.
pub const SETTLES_IN: Duration = Duration::from_secs(60 + 10 + 300 + 50);

/// Names of the row's attributes.
pub(super) mod names {
    pub(crate) const ORDERED_AT: &str = "closing_ordered_at";
    pub(crate) const SETTLED_AT: &str = "closing_settled_at";
    pub(crate) const WAIVED_GRACE: &str = "waived_grace";
    pub(crate) const WAIVED_METERING: &str = "waived_final_metering";
    pub(crate) const WAIVED_SETTLING: &str = "waived_settling";
    pub(crate) const WAS_READY: &str = "closing_was_ready";
    pub(crate) const COUNTING: &str = "counting";
    pub(crate) const COUNTING_NEXT: &str = "counting_next";
    pub(crate) const BYTES: &str = "erased_bytes";
    pub(crate) const REMOVING: &str = "removing";
    pub(crate) const UNMAPPING: &str = "unmapping";
    pub(crate) const ERASED_AT: &str = "erased_at";
}

/// What the operator does not want to wait for. It is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waived {
    /// The days in which a subscription may come back.
    pub grace: bool,
    /// The last metering.
    pub final_metering: bool,
    /// The minutes in which an upload that was promised may still arrive. What a run that is setting the tenant
    /// up may still do is waited for all the same.
    pub settling: bool,
}

/// Why a tenant may not be erased now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotYet {
    /// The subscription is not over, or its end is still being dealt with.
    #[error("the subscription is {}", .0.as_str())]
    NotOver(Kind),
    /// Its licence was taken away, and its agreement goes on as another one: whoever pays for that may be at home
    /// in this tenant.
    #[error("the agreement did not end but goes on as another one")]
    Renewed,
    /// It may still come back.
    #[error("the grace period is not over")]
    Grace {
        /// When it is.
        until: SystemTime,
    },
    /// The last usage has not been metered.
    #[error("the final metering is not done")]
    Metering,
}

/// Whether a tenant may be erased.
///
/// # Errors
/// When something has to happen first that nobody has waived. That the subscription is over cannot be waived, and
/// of one that was renewed or replaced it is not known.
pub fn may_close(
    state: &State,
    metering: Metering,
    waived: Waived,
    grace: Duration,
    now: SystemTime,
) -> Result<(), NotYet> {
    match (state.kind, state.cause) {
        // It is left of an erasure that was done before.
        (Kind::Closed, _) => return Ok(()),
        (Kind::Suspended, Cause::DeprovisionedGoingOn(_)) => return Err(NotYet::Renewed),
        (Kind::Suspended, _) => {}
        (kind, _) => return Err(NotYet::NotOver(kind)),
    }
    let until = state.since + grace;
    if now < until && !waived.grace {
        return Err(NotYet::Grace { until });
    }
    if metering != Metering::Done && !waived.final_metering {
        return Err(NotYet::Metering);
    }
    Ok(())
}

/// What is counted before it is erased, in the order in which it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Rows of documents.
    Documents,
    /// Objects of content.
    Objects,
    /// Rows of shares.
    Shares,
    /// Users in the directory.
    Users,
    /// Policies in the store.
    Policies,
}

impl Counted {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [Self::Documents, Self::Objects, Self::Shares, Self::Users, Self::Policies];

    /// The word in the record, and the attribute that holds the count.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Documents => ("documents", "erased_documents"),
            Self::Objects => ("objects", "erased_objects"),
            Self::Shares => ("shares", "erased_shares"),
            Self::Users => ("users", "erased_users"),
            Self::Policies => ("policies", "erased_policies"),
        }
    }

    /// What is counted next.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|counted| *counted > self)
    }
}

/// How much there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Documents, with those that were pending or being deleted.
    pub documents: u64,
    /// Objects in the bucket.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shares.
    pub shares: u64,
    /// Users.
    pub users: u64,
    /// Policies in the store, the static ones among them.
    pub policies: u64,
}

impl Counts {
    /// The count of one thing.
    pub(super) const fn of(&mut self, counted: Counted) -> &mut u64 {
        match counted {
            Counted::Documents => &mut self.documents,
            Counted::Objects => &mut self.objects,
            Counted::Shares => &mut self.shares,
            Counted::Users => &mut self.users,
            Counted::Policies => &mut self.policies,
        }
    }
}

/// How far the counting has come. It is done before anything is erased, and written down together with where it
/// goes on, so that no crash makes it count twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Counting {
    /// This is being counted, from here on.
    At(Counted, Option<String>),
    /// All is counted.
    Done,
}

impl Counting {
    /// The words in the record.
    pub(super) fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::At(counted, next) => (counted.names().0, next.as_deref()),
            Self::Done => ("done", None),
        }
    }

    fn read(word: &str, next: Option<&str>) -> Option<Self> {
        if word == "done" {
            return Some(Self::Done);
        }
        let counted = Counted::ALL.into_iter().find(|counted| counted.names().0 == word)?;
        Some(Self::At(counted, next.map(str::to_owned)))
    }
}

/// What is known of a tenant's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// When it was ordered.
    pub ordered_at: SystemTime,
    /// From when on nothing can arrive any more.
    pub settled_at: SystemTime,
    /// What was not waited for.
    pub waived: Waived,
    /// Its users could sign in before.
    pub(super) was_ready: bool,
    /// What was counted so far.
    pub counts: Counts,
    pub(super) counting: Counting,
    /// The first thing is about to be removed, or has been: it cannot be taken back any more.
    pub(super) removing: bool,
    /// Everything is gone but the mapping row, and perhaps that too.
    pub(super) unmapping: bool,
    /// When nothing was left.
    pub erased_at: Option<SystemTime>,
}

impl Closing {
    /// An end that is ordered now, for the tenant of this record. Only of one that is open, or was never begun,
    /// can it be waived that it settles: a run may be at work on any other.
    pub(super) fn ordered(waived: Waived, record: &Record, now: SystemTime) -> Self {
        let is_at_rest = match record.progress {
            Progress::Ready => true,
            Progress::Waiting => record.store_begun_at.is_none(),
            _ => false,
        };
        Self {
            ordered_at: now,
            settled_at: if waived.settling && is_at_rest { now } else { now + SETTLES_IN },
            waived,
            was_ready: record.progress == Progress::Ready,
            counts: Counts::default(),
            counting: Counting::At(Counted::Documents, None),
            removing: false,
            unmapping: false,
            erased_at: None,
        }
    }

    /// Reads what a row has of it: `Some(None)` when it was not ordered, `None` when it is malformed.
    #[expect(clippy::option_option, reason = "a part that is not there is not a malformed one")]
    pub(super) fn read(row: &Fields<'_>) -> Option<Option<Self>> {
        if row.text(names::ORDERED_AT).is_none() {
            return Some(None);
        }
        let mut counts = Counts { bytes: row.number(names::BYTES).unwrap_or_default(), ..Counts::default() };
        for counted in Counted::ALL {
            *counts.of(counted) = row.number(counted.names().1).unwrap_or_default();
        }
        Some(Some(Self {
            ordered_at: row.time(names::ORDERED_AT)?,
            settled_at: row.time(names::SETTLED_AT)?,
            waived: Waived {
                grace: row.flag(names::WAIVED_GRACE),
                final_metering: row.flag(names::WAIVED_METERING),
                settling: row.flag(names::WAIVED_SETTLING),
            },
            was_ready: row.flag(names::WAS_READY),
            counts,
            counting: Counting::read(row.text(names::COUNTING)?, row.text(names::COUNTING_NEXT))?,
            removing: row.flag(names::REMOVING),
            unmapping: row.flag(names::UNMAPPING),
            erased_at: row.time(names::ERASED_AT),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        onboarding::{Step, Why, details::Details, record::ProgressKey},
        subscriptions::EndStatus,
    };

    proptest! {
        #[test]
        fn time_and_waivers_only_ever_allow_more(
            kind in 0_usize..5, metering in 0_usize..3, grace_days in 0_u32..60, day in 0_u32..300, later in 0_u32..300,
            waived in any::<[bool; 3]>(), also in any::<[bool; 3]>(),
        ) {
            let state = state(Kind::ALL[kind]);
            let metering = [Metering::None, Metering::Requested, Metering::Done][metering];
            let grace = DAY * grace_days;
            let of = |w: [bool; 3]| Waived { grace: w[0], final_metering: w[1], settling: w[2] };
            let more = [waived[0] || also[0], waived[1] || also[1], waived[2] || also[2]];
            if may_close(&state, metering, of(waived), grace, at(day)).is_ok() {
                prop_assert!(may_close(&state, metering, of(waived), grace, at(day + later)).is_ok());
                prop_assert!(may_close(&state, metering, of(more), grace, at(day)).is_ok());
                prop_assert!(may_close(&state, Metering::Done, of(waived), grace, at(day)).is_ok());
                prop_assert!(matches!(state.kind, Kind::Suspended | Kind::Closed));
            }
        }
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * days
    }

    fn state(kind: Kind) -> State {
        State { kind, since: at(100), cause: Cause::LicenseDeprovisioned }
    }

    #[test]
    fn a_tenant_is_erased_only_when_all_that_comes_first_has_happened() {
        let nothing = Waived::default();
        let grace = DAY * 30;
        assert_eq!(may_close(&state(Kind::Suspended), Metering::Done, nothing, grace, at(130)), Ok(()));
        let early = may_close(&state(Kind::Suspended), Metering::Done, nothing, grace, at(129));
        assert_eq!(early, Err(NotYet::Grace { until: at(130) }));
        for metering in [Metering::None, Metering::Requested] {
            let unmetered = may_close(&state(Kind::Suspended), metering, nothing, grace, at(130));
            assert_eq!(unmetered, Err(NotYet::Metering));
        }
    }

    #[test]
    fn grace_and_metering_can_be_waived_each_for_itself() {
        let grace = DAY * 30;
        let no_grace = Waived { grace: true, ..Waived::default() };
        let no_metering = Waived { final_metering: true, ..Waived::default() };
        let suspended = state(Kind::Suspended);
        assert_eq!(may_close(&suspended, Metering::Done, no_grace, grace, at(100)), Ok(()));
        assert_eq!(may_close(&suspended, Metering::None, no_grace, grace, at(100)), Err(NotYet::Metering));
        assert_eq!(may_close(&suspended, Metering::None, no_metering, grace, at(130)), Ok(()));
        let early = may_close(&suspended, Metering::None, no_metering, grace, at(129));
        assert_eq!(early, Err(NotYet::Grace { until: at(130) }));
    }

    #[test]
    fn nothing_waives_that_the_subscription_is_over() {
        let all = Waived { grace: true, final_metering: true, settling: true };
        for kind in [Kind::Registered, Kind::Active, Kind::Ending] {
            let refused = may_close(&state(kind), Metering::Done, all, Duration::ZERO, at(500));
            assert_eq!(refused, Err(NotYet::NotOver(kind)));
        }
    }

    #[test]
    fn a_licence_that_was_taken_away_on_a_renewal_is_not_known_to_be_over() {
        let all = Waived { grace: true, final_metering: true, settling: true };
        for (status, _) in EndStatus::ALL.into_iter().filter(|(status, _)| !status.closes()) {
            let renewed = State { cause: Cause::DeprovisionedGoingOn(status), ..state(Kind::Suspended) };
            let refused = may_close(&renewed, Metering::Done, all, Duration::ZERO, at(500));
            assert_eq!(refused, Err(NotYet::Renewed), "{status:?}");
        }
        let cancelled =
            State { cause: Cause::AgreementEnded(EndStatus::Cancelled), ..state(Kind::Suspended) };
        assert_eq!(may_close(&cancelled, Metering::Done, all, Duration::ZERO, at(500)), Ok(()));
    }

    #[test]
    fn everything_is_counted_once_and_in_order() {
        let mut counted = vec![Counted::Documents];
        while let Some(next) = counted.last().and_then(|last| last.next()) {
            counted.push(next);
        }
        assert_eq!(counted, Counted::ALL);
    }

    #[test]
    fn settling_waits_for_the_last_url_unless_it_is_waived() {
        let ready = record(Progress::Ready);
        assert_eq!(Closing::ordered(Waived::default(), &ready, at(1)).settled_at, at(1) + SETTLES_IN);
        let at_once = Waived { settling: true, ..Waived::default() };
        assert_eq!(Closing::ordered(at_once, &ready, at(1)).settled_at, at(1));
        assert!(SETTLES_IN >= crate::tenancy::STATE_KEPT_FOR + Duration::from_secs(10 + 300));
    }
    fn record(progress: Progress) -> Record {
        let record = Record::new(
            crate::ids::TenantId::random(),
            "arn:aws:license-manager::294406891311:license:l-0f1e2d3c".parse().unwrap(),
            Details::parse("Example", "ada@example.com").unwrap(),
            ProgressKey::random().unwrap(),
            at(0),
        );
        Record { progress, store_begun_at: Some(at(0)), ..record }
    }

    #[test]
    fn a_run_that_may_be_at_work_is_waited_for_whatever_is_waived() {
        let at_once = Waived { settling: true, ..Waived::default() };
        for progress in [
            // Another address was given after a try: that try may have a twin.
            Progress::Waiting,
            Progress::Working(Step::Store),
            Progress::Failed { step: Step::Schema, why: Why::Busy },
        ] {
            let ordered = Closing::ordered(at_once, &record(progress), at(1));
            assert_eq!(ordered.settled_at, at(1) + SETTLES_IN, "{progress:?}");
            assert!(!ordered.was_ready);
        }
        let never_begun = Record { store_begun_at: None, ..record(Progress::Waiting) };
        assert_eq!(Closing::ordered(at_once, &never_begun, at(1)).settled_at, at(1));
        assert!(Closing::ordered(at_once, &record(Progress::Ready), at(1)).was_ready);
    }
}
