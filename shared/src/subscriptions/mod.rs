//! Subscriptions: which licence is whose tenant, what the Marketplace has said of it, and what follows.
//!
//! Control plane: it works across tenants with clients of its own, and no session of a tenant ever sees its
//! table. It does not know how events arrive, who asks, or how usage is metered.
//!
//! ## Why the order of events, their repetition, and crashes make no difference
//!
//! - **Facts.** Every event becomes a fact of one item: a licence's (`license#ARN`) or an agreement's
//!   (`agreement#ID`; its events name no licence). Of each kind the newest is kept, by a write that is
//!   conditional on being newer. The state is derived from the facts alone ([`facts::derive`]).
//! - **Versions.** Every write of a licence's item adds one to its `version`, so that a version has one
//!   content. [`Subscriptions::settle`] reads the item at a version, derives, and writes the state only while
//!   the item still has that version: a derivation from older facts cannot land on newer ones.
//! - **The other item.** An agreement may change between being read and the state being written. Whoever
//!   writes an agreement's fact settles its licences *afterwards*: that settling reads the fact, and either
//!   writes after the older derivation, or before it, and then the older one misses its version and is done
//!   anew. A licence's own event links the agreement before it settles. DynamoDB puts that link and the
//!   agreement's fact in some order: if the link is first, the writer of the fact finds the licence in it; if
//!   the fact is first, the settling after the link reads it. Neither is missed.
//! - **Projection.** The tenant's mapping row takes a state only with a greater version than it has, and only
//!   if there is a row. Whoever writes the row (onboarding) settles afterwards.
//! - **The last metering.** What ends is written as `ending` and projected first, so that use stops whatever
//!   fails next; then the message is sent; then that it was sent is recorded, which is itself a fact and makes
//!   `suspended` of `ending`. A crash after the message repeats it, so its consumer must be idempotent, and
//!   must ask [`Subscriptions::get`] whether the subscription is still over.
//! - **The next licence.** A renewed or replaced agreement goes on as another one, with a licence of its own. The
//!   tenant moves to it by one transaction ([`line`]). Every fact of a licence of the line leads to a look at all of
//!   the line, which comes after the fact is kept; so whoever keeps the last fact that a move needs sees the others. A
//!   licence enters its line after its own facts are kept, and for the same reason is not missed. The version in the
//!   mapping row counts the licences first: what is shown of the next licence is newer than all of the one before, and
//!   a licence that was left shows nothing.
//! - **Crashes.** Each step is found done when it is done again, and a repeated event goes through all of
//!   them: a fact that is known already still links, settles and projects.

pub mod event;
pub mod facts;
mod flush;
mod home;
mod licences;
mod line;
mod list;
mod record;
mod rows;
mod settle;
mod store;
mod succession;

use std::time::SystemTime;

pub use facts::{Cause, EndStatus, Kind, State};
pub use flush::FinalMetering;
pub use licences::Slice;
pub use list::{Listed, Page, Position};
pub use record::Observation;
pub use store::Subscriptions;
pub use succession::{Entered, Succession};

use crate::{
    ids::TenantId,
    marketplace::ids::{AccountId, AgreementId, LicenseArn},
};

/// A subscription, as its facts have it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The licence that it is keyed by.
    pub license: LicenseArn,
    /// The buyer's account.
    pub account: AccountId,
    /// The agreement that the licence is under.
    pub agreement: Option<AgreementId>,
    /// The tenant; none before somebody registers.
    pub tenant: Option<TenantId>,
    /// Where it stands.
    pub state: State,
    /// Whether that is written down, with which it is shown to the tenant's sessions.
    pub is_settled: bool,
    /// What became of its last metering.
    pub final_metering: Metering,
    /// The licence that the tenant has moved on to.
    pub moved_to: Option<LicenseArn>,
}

/// What became of the last metering of a subscription that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metering {
    /// It has not been asked for: the subscription is not over, or has only just ended.
    None,
    /// It has been asked for.
    Requested,
    /// It is done: nothing more will be metered for this end.
    Done,
}

/// The answer to a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// THE tenant of the licence, whoever registered it, or a licence before it in its line, first.
    pub tenant: TenantId,
    /// The licence that the tenant was registered with; another one, where the tenant has come here along a line.
    pub license: LicenseArn,
    /// Where the tenant's subscription stands.
    pub state: State,
}

/// Where a buyer's licence leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// To a tenant.
    Home(Registration),
    /// To nobody yet.
    Nobody {
        /// What the Marketplace has said of the licence, if anything.
        state: Option<Kind>,
        /// The line that it is of, if that is known; it has no tenant.
        line: Option<Entered>,
    },
}

/// An event that was kept, with the licences whose state it may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Licences to settle; none when an agreement is not known to be one of ours.
    pub licenses: Vec<LicenseArn>,
    /// Whether the event told something new.
    pub is_news: bool,
}

/// Why a subscription could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// There is no such licence.
    #[error("no such subscription")]
    NotFound,
    /// The licence is another account's. An incident: a licence does not change hands.
    #[error("the licence belongs to another account")]
    ForeignAccount,
    /// The table did not do its part.
    #[error("the subscriptions table failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// An item is not what this product writes.
    #[error("the subscription's {0} is malformed")]
    Malformed(&'static str),
    /// The last metering could not be asked for.
    #[error("the final metering could not be queued")]
    Queue(#[source] Box<aws_sdk_sqs::Error>),
    /// Several licences of one line have tenants of their own. An incident: whose home the line is, a person has to
    /// say.
    #[error("the licences of one chain of agreements have several tenants")]
    TwoTenants,
    /// Others changed it again and again.
    #[error("the subscription changed too often at the same time")]
    Contended,
}

/// When something was observed that may lag behind: [`Subscriptions::observe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The Marketplace has the licence in use.
    Active,
    /// The Marketplace has it ended.
    Ended,
}

/// How far the Marketplace's own reports may lag behind its events. An observation counts as if it had been
/// made this much earlier, so that it decides against what is older than that, and never against a newer event.
pub const REPORTS_LAG: std::time::Duration = std::time::Duration::from_secs(3600);

/// How long an agreement's events are kept without a licence that is ours: they are another product's, or the
/// licence's own event is still to come. Reconciliation, which is daily, finds the latter.
pub const UNLINKED_LASTS: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// The message that asks for the last metering, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FinalMeteringOrder {
    /// Which licence is to be metered for the last time.
    pub license_arn: LicenseArn,
    /// The tenant that used it.
    pub tenant_id: TenantId,
    /// When it ended: RFC 3339 with milliseconds. [`Subscriptions::metering_done`] takes it back.
    pub ended_at: String,
    /// Why it ended.
    pub cause: String,
}

impl FinalMeteringOrder {
    fn new(license: &LicenseArn, tenant: TenantId, state: &State) -> Self {
        Self {
            license_arn: license.clone(),
            tenant_id: tenant,
            ended_at: crate::clock::rfc3339(state.since),
            cause: state.cause.to_string(),
        }
    }

    /// When it ended; `None` if the message is malformed.
    #[must_use]
    pub fn ended_at(&self) -> Option<SystemTime> {
        crate::clock::parse_rfc3339(&self.ended_at)
    }
}
