//! The line of licences that one tenant is on, one after the other. Pure: no table, no clock, no AWS.
//!
//! When an agreement is renewed or replaced the buyer gets a new agreement and with it a new licence. Agreements that
//! come from each other are one chain ([`crate::marketplace::origin`]), and their licences are one line:
//!
//! ```text
//! agreement#FIRST   line_licenses  L1 L2 L3      all that have been heard of
//!                   line_license   L2            the one that the tenant is on
//! license#L1        tenant T   turn 0   moved_to L2
//! license#L2        tenant T   turn 1   came_from L1
//! license#L3        no tenant (yet)
//! ```
//!
//! - **One is current.** A tenant is on the licence that `line_license` names. The first registration of a licence of
//!   the line sets it, and a move changes it; either writes the line and the licences in one transaction, which demands
//!   that all of them still are what was decided upon. So a line has one tenant, and a tenant one licence at a time.
//! - **When.** The tenant moves when both are true: its licence is over, or the licence's agreement was renewed or
//!   replaced; and a later licence of the line may be used: one that was permitted later, or, for a tenant that is shut,
//!   any that is in use and was not itself followed by another. Whichever of the two is heard of last, and whether or not
//!   the buyer has come with the new licence's token.
//! - **Never back.** A licence that was left is over for good, and shows nothing to anybody any more: what is still
//!   said of it ends its metering at most, and never touches its tenant.
//! - **Whose.** Only licences of one chain, by the Marketplace's own word, and of one account. What has a tenant of its
//!   own is never moved into another's: then a person has to look.

use std::{
    cmp::Ordering,
    time::{Duration, SystemTime},
};

use super::{
    facts::{AgreementEnd, EndStatus, Kind, derive},
    rows::LicenseRow,
};
use crate::{
    ids::TenantId,
    marketplace::ids::LicenseArn,
    metering::{Hour, Second},
};

/// The most licences of a line that are known: a chain that is renewed every month for four years.
pub(super) const LICENSES_MAX: usize = 50;

/// A licence of a line, with the end of its agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) row: LicenseRow,
    pub(super) end: Option<AgreementEnd>,
}

/// The move that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move<'a> {
    pub(super) tenant: TenantId,
    pub(super) from: &'a LicenseRow,
    pub(super) to: &'a LicenseRow,
    /// When the licence is left.
    pub(super) at: SystemTime,
    /// From when on the usage is the new licence's. It leaves no hour out, unless the tenant was shut in between.
    pub(super) since: SystemTime,
}

impl Member {
    fn kind(&self) -> Option<Kind> {
        derive(&self.row.facts, self.end.as_ref()).map(|state| state.kind)
    }

    /// Whether somebody is at home here.
    pub(super) fn has_tenant(&self) -> bool {
        self.row.facts.registered.is_some()
            && self.row.facts.moved.is_none()
            && self.row.facts.closed.is_none()
    }

    /// When the subscription was over, or its agreement went on as another one; and whether it is shut since.
    fn over(&self) -> Option<(SystemTime, bool)> {
        let state = derive(&self.row.facts, self.end.as_ref())?;
        if matches!(state.kind, Kind::Ending | Kind::Suspended) {
            return Some((state.since, true));
        }
        let went_on = self.end.as_ref().filter(|end| goes_on_as_another(end.status))?.stamp.at();
        let undone = self.row.facts.permission().is_some_and(|permission| permission > went_on);
        (!undone).then_some((went_on, false))
    }
}

/// Whether an agreement that ended like this has a successor, by AWS's own words.
/// <https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_DescribeAgreement.html>
const fn goes_on_as_another(status: EndStatus) -> bool {
    matches!(status, EndStatus::Renewed | EndStatus::Replaced)
}

/// The move that is due, if one is. `current` is the licence that the tenant is on.
pub(super) fn due<'a>(members: &'a [Member], current: &LicenseArn) -> Option<Move<'a>> {
    let from = members.iter().find(|member| member.row.license == *current)?;
    let (_, tenant) = from.row.facts.registered?;
    let (ended, is_shut) = from.over().filter(|_| from.has_tenant())?;
    let follows = |member: &&Member| {
        let order = member.row.facts.permission().cmp(&from.row.facts.permission());
        let is_later = match order {
            Ordering::Greater => true,
            // Events have whole seconds.
            Ordering::Equal => member.over().is_none(),
            // The old licence was told of once more. Who is shut out goes to what is in use; nobody else does.
            Ordering::Less => is_shut && member.over().is_none(),
        };
        member.row.facts.registered.is_none()
            && member.row.account == from.row.account
            && member.kind() == Some(Kind::Active)
            && is_later
    };
    let to = members.iter().filter(follows).max_by_key(|member| member.row.facts.permission())?;
    let at = to.row.facts.permission()?.max(ended);
    let since = if is_shut { at } else { at.min(hour_after(ended)) };
    Some(Move { tenant, from: &from.row, to: &to.row, at, since })
}

fn hour_after(time: SystemTime) -> SystemTime {
    let next = Hour::of(Second::from(time)).next().start();
    SystemTime::UNIX_EPOCH + Duration::from_secs(next.get())
}

#[cfg(test)]
mod tests;
