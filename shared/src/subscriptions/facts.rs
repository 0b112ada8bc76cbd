//! What is known of a subscription, and the state that follows from it. Pure: no table, no clock, no AWS.
//!
//! Of every kind of fact the newest is kept, with its own time; the state is derived from that set each time
//! anew. Nothing is ever derived from a state, so neither the order in which facts arrive nor how often each
//! arrives can make a difference.

use std::{fmt, str::FromStr, time::SystemTime};

pub use crate::marketplace::agreements::EndStatus;
use crate::{
    clock::{parse_rfc3339, rfc3339},
    ids::TenantId,
    marketplace::ids::{AgreementId, LicenseArn},
};

/// When something happened, and the event that says so. Ordered by time; within one instant by the event's id,
/// so that two events of one kind have the same newer one whichever came first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    at: SystemTime,
    event: EventId,
}

/// The id of an event: letters, digits and hyphens, at most 64. EventBridge gives UUIDs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId(String);

/// A text that is no event id or no stamp. It carries nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an event")]
pub struct InvalidStamp;

impl FromStr for EventId {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidStamp) }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Stamp {
    /// An event's stamp. Times are kept to the millisecond.
    #[must_use]
    pub fn new(at: SystemTime, event: EventId) -> Self {
        // What is kept is what is compared: a finer time would come back from the table as another one.
        Self { at: parse_rfc3339(&rfc3339(at)).unwrap_or(at), event }
    }

    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> SystemTime {
        self.at
    }
}

/// `2026-11-22T10:01:12.000Z#33333333-…`: texts sort as stamps do, so that a table can compare them.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", rfc3339(self.at), self.event)
    }
}

impl FromStr for Stamp {
    type Err = InvalidStamp;

    fn from_str(text: &str) -> Result<Self, InvalidStamp> {
        let (at, event) = text.split_once('#').ok_or(InvalidStamp)?;
        Ok(Self { at: parse_rfc3339(at).ok_or(InvalidStamp)?, event: event.parse()? })
    }
}

/// How an agreement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementEnd {
    /// When.
    pub stamp: Stamp,
    /// As what.
    pub status: EndStatus,
}

/// What a licence's own events, registrations and our own work say of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LicenseFacts {
    /// Somebody registered it: when, and which tenant it is.
    pub registered: Option<(SystemTime, TenantId)>,
    /// The agreement that the registration named.
    pub registered_agreement: Option<AgreementId>,
    /// The newest License Updated: the licence may be used.
    pub updated: Option<LicenseFact>,
    /// The newest License Deprovisioned: it may not.
    pub deprovisioned: Option<LicenseFact>,
    /// The newest observation that the Marketplace has it in use.
    pub observed_active: Option<LicenseFact>,
    /// The newest observation that the Marketplace has it ended.
    pub observed_ended: Option<LicenseFact>,
    /// The last metering was asked for, for the end at this time.
    pub flush_requested: Option<SystemTime>,
    /// The tenant has moved on to the licence that followed.
    pub moved: Option<Moved>,
    /// The tenant was erased.
    pub closed: Option<SystemTime>,
}

/// A tenant's move from one licence to the next of its line ([`super::line`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// From when on the tenant has been on the other licence.
    pub at: SystemTime,
    /// Which.
    pub to: LicenseArn,
}

/// One thing that was said of a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseFact {
    /// When.
    pub stamp: Stamp,
    /// Under which agreement, as far as it was said.
    pub agreement: Option<AgreementId>,
}

impl LicenseFacts {
    /// The agreement that the licence is under now: the one that its newest fact names.
    #[must_use]
    pub fn agreement(&self) -> Option<&AgreementId> {
        [&self.updated, &self.deprovisioned, &self.observed_active, &self.observed_ended]
            .into_iter()
            .flatten()
            .filter_map(|fact| fact.agreement.as_ref().map(|agreement| (&fact.stamp, agreement)))
            .max()
            .map(|(_, agreement)| agreement)
            .or(self.registered_agreement.as_ref())
    }

    /// The newest permission to use the licence.
    #[must_use]
    pub fn permission(&self) -> Option<SystemTime> {
        [&self.updated, &self.observed_active].into_iter().flatten().map(|fact| fact.stamp.at()).max()
    }
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Registered, and the Marketplace has not said yet that it may be used.
    Registered,
    /// In use: the tenant's users may work, and what they use is metered.
    Active,
    /// Over; the last metering has not been asked for yet. Users may not work any more.
    Ending,
    /// Over, and the last metering has been asked for. Everything is kept.
    Suspended,
    /// The tenant was erased. Final.
    Closed,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Registered, Self::Active, Self::Ending, Self::Suspended, Self::Closed];

    /// The word that rows and logs have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Active => crate::tenancy::ACTIVE,
            Self::Ending => "ending",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }
}

/// Why a subscription stands where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody has said anything but the registration.
    Registration,
    /// License Updated.
    LicenseUpdated,
    /// License Deprovisioned.
    LicenseDeprovisioned,
    /// License Deprovisioned, while its agreement ended in a way that does not close: it was renewed or replaced,
    /// and the subscription may go on under another licence.
    DeprovisionedGoingOn(EndStatus),
    /// Purchase Agreement Ended, with a status that closes.
    AgreementEnded(EndStatus),
    /// The daily comparison found it in use.
    ObservedActive,
    /// The daily comparison found it ended.
    ObservedEnded,
    /// The tenant has moved on to the licence that followed.
    MovedOn,
    /// The tenant was erased.
    Erasure,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registration => f.write_str("registration"),
            Self::LicenseUpdated => f.write_str("license_updated"),
            Self::LicenseDeprovisioned => f.write_str("license_deprovisioned"),
            Self::DeprovisionedGoingOn(status) => write!(f, "license_deprovisioned:{}", status.as_str()),
            Self::AgreementEnded(status) => write!(f, "agreement_ended:{}", status.as_str()),
            Self::ObservedActive => f.write_str("observed_active"),
            Self::ObservedEnded => f.write_str("observed_ended"),
            Self::MovedOn => f.write_str("moved_on"),
            Self::Erasure => f.write_str("erasure"),
        }
    }
}

/// A state with its time and its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Where the subscription stands.
    pub kind: Kind,
    /// Since when; of what is over, since it was.
    pub since: SystemTime,
    /// Why.
    pub cause: Cause,
}

/// The state that the facts amount to; `None` while there are none.
///
/// The newest permission against the newest end decides, and an end of the same instant wins. Of several ends
/// after the newest permission the first counts: an agreement's end and its licence's deprovisioning are one
/// end, half a minute apart, and the tenant stops with the first of them.
#[must_use]
pub fn derive(license: &LicenseFacts, agreement_ended: Option<&AgreementEnd>) -> Option<State> {
    if let Some(since) = license.closed {
        return Some(State { kind: Kind::Closed, since, cause: Cause::Erasure });
    }
    if let Some(moved) = &license.moved {
        return Some(moved_on(license, moved, agreement_ended));
    }
    let said = |fact: &Option<LicenseFact>, cause| fact.as_ref().map(|fact| (fact.stamp.at(), cause));
    let permission = latest([
        said(&license.updated, Cause::LicenseUpdated),
        said(&license.observed_active, Cause::ObservedActive),
    ]);
    let taken_away = match agreement_ended {
        Some(end) if !end.status.closes() => Cause::DeprovisionedGoingOn(end.status),
        _ => Cause::LicenseDeprovisioned,
    };
    let ends = [
        said(&license.deprovisioned, taken_away),
        agreement_ended
            .filter(|end| end.status.closes())
            .map(|end| (end.stamp.at(), Cause::AgreementEnded(end.status))),
        said(&license.observed_ended, Cause::ObservedEnded),
    ];
    let not_undone = |end: &(SystemTime, Cause)| permission.is_none_or(|(at, _)| end.0 >= at);
    let end = ends.into_iter().flatten().filter(not_undone).min_by_key(|(at, _)| *at);
    let (kind, (since, cause)) = match (end, permission) {
        (Some(end), _) => (if is_flushed(license, permission) { Kind::Suspended } else { Kind::Ending }, end),
        (None, Some(permission)) => (Kind::Active, permission),
        (None, None) => (Kind::Registered, (license.registered?.0, Cause::Registration)),
    };
    Some(State { kind, since, cause })
}

/// The state of a licence that its tenant has left. It is over for good, whatever is said of it later: nobody is on it
/// any more. It ended with the first that was said of its end, at the latest when the tenant was on the next one.
fn moved_on(license: &LicenseFacts, moved: &Moved, agreement_ended: Option<&AgreementEnd>) -> State {
    let permission = license.permission();
    let ends = [
        license.deprovisioned.as_ref().map(|fact| fact.stamp.at()),
        license.observed_ended.as_ref().map(|fact| fact.stamp.at()),
        agreement_ended.map(|end| end.stamp.at()),
    ];
    let not_undone = |at: &SystemTime| permission.is_none_or(|permission| *at >= permission);
    let first = ends.into_iter().flatten().filter(not_undone).min();
    let since = first.map_or(moved.at, |first| first.min(moved.at));
    let is_flushed = license.flush_requested.is_some_and(|end| end >= since);
    State { kind: if is_flushed { Kind::Suspended } else { Kind::Ending }, since, cause: Cause::MovedOn }
}

/// Whether nothing is left to ask for: the last metering was asked for after the newest permission, or there
/// never was a tenant who could have used anything.
fn is_flushed(license: &LicenseFacts, permission: Option<(SystemTime, Cause)>) -> bool {
    license.registered.is_none()
        || license.flush_requested.is_some_and(|end| permission.is_none_or(|(at, _)| end >= at))
}

fn latest<const N: usize>(facts: [Option<(SystemTime, Cause)>; N]) -> Option<(SystemTime, Cause)> {
    facts.into_iter().flatten().max_by_key(|(at, _)| *at)
}

#[cfg(test)]
mod tests;
