//! An agreement, its licence, and what state the two are in. Knows nothing of events or of the wire.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// How long after the end usage is still taken: "about one hour" (seller guide, SaaS subscriptions: the final
/// records are sent within an hour of the end, then the answer is `CustomerNotSubscribed`).
pub(crate) const FINAL_USAGE: Duration = Duration::HOUR;

/// `AgreementStatus` of the agreement model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the model's own words, which it does not explain further")]
pub enum AgreementStatus {
    Active,
    Archived,
    Cancelled,
    Expired,
    Renewed,
    Replaced,
    RolledBack,
    Superseded,
    Terminated,
}

impl AgreementStatus {
    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Archived => "ARCHIVED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Renewed => "RENEWED",
            Self::Replaced => "REPLACED",
            Self::RolledBack => "ROLLED_BACK",
            Self::Superseded => "SUPERSEDED",
            Self::Terminated => "TERMINATED",
        }
    }

    /// Whether the subscription goes on under another agreement, or under the same.
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Self::Active | Self::Renewed | Self::Replaced | Self::Superseded)
    }
}

/// Why an agreement came to be: `intent` of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Intent {
    /// A first purchase.
    New,
    /// The agreement before it was renewed.
    Renew,
    /// The agreement before it was replaced by another offer.
    Replace,
}

impl Intent {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Renew => "RENEW",
            Self::Replace => "REPLACE",
        }
    }
}

/// `AgreementEntitlementStatus` of the agreement model, as far as the Marketplace gets into it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntitlementStatus {
    /// Bought, and the licence not yet there: `License Updated` has not happened.
    Pending,
    /// The licence is good.
    Provisioned,
    /// The licence was taken back.
    Deprovisioned,
}

impl EntitlementStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Provisioned => "PROVISIONED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }
}

/// One agreement and the one licence that it grants.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    /// Its place in the order in which agreements were made.
    pub(crate) number: u64,
    pub(crate) id: String,
    /// The first of the chain of renewals and replacements that it belongs to; its own id if it is that.
    pub(crate) initial: String,
    pub(crate) intent: Intent,
    pub(crate) product: String,
    pub(crate) account: String,
    pub(crate) offer: String,
    pub(crate) license: String,
    pub(crate) trial: bool,
    pub(crate) status: AgreementStatus,
    pub(crate) entitlement: EntitlementStatus,
    pub(crate) accepted: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
    /// When it ended, other than by going on as another; or its licence was taken back, if that was first.
    pub(crate) closed: Option<OffsetDateTime>,
    /// The time of its latest event.
    pub(crate) last_event: Option<OffsetDateTime>,
    pub(crate) terms: [String; 2],
}

/// What metering may do with a licence at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meterable {
    Yes,
    /// `CustomerNotSubscribed`: no licence yet, or none any more.
    NotSubscribed,
}

impl Agreement {
    pub(crate) fn meterable(&self, now: OffsetDateTime) -> Meterable {
        let over = self.closed.is_some_and(|closed| now >= closed + FINAL_USAGE);
        if over || self.entitlement == EntitlementStatus::Pending {
            Meterable::NotSubscribed
        } else {
            Meterable::Yes
        }
    }

    /// `AgreementEntitlementStatusReasonCode` of the model for the entitlement's state; none while all is well.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self.entitlement {
            EntitlementStatus::Pending => Some("PROVISIONING_IN_PROGRESS"),
            EntitlementStatus::Provisioned => None,
            EntitlementStatus::Deprovisioned if self.status == AgreementStatus::Active => {
                Some("ACCOUNT_SUSPENDED")
            }
            EntitlementStatus::Deprovisioned => Some("AGREEMENT_INACTIVE"),
        }
    }
}
