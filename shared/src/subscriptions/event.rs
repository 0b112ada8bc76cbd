//! Reads the events that AWS Marketplace puts on the seller account's bus, at the edge. Pure.
//!
//! Bodies as they were received are in `events/subscriptions-*.json`. What is read: the account and the
//! product that an event is about, what happened, to which licence or agreement, and when. Nothing else of an
//! event is kept, and nothing of it is logged.
//! <https://docs.aws.amazon.com/marketplace/latest/userguide/eventbridge-purchase-events.html>

use serde::Deserialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::facts::{AgreementEnd, EndStatus, EventId, LicenseFact, Stamp};
use crate::marketplace::ids::{AccountId, AgreementId, LicenseArn, ProductCode};

/// EventBridge's own limit of an event; what is larger is not one.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const LARGEST: usize = 256 * 1024;

/// Where our events come from.
pub const SOURCE: &str = "aws.agreement-marketplace";

/// Whose events are believed, and about what.
#[derive(Debug, Clone)]
pub struct Ours {
    /// The account that lists the product.
    pub seller: AccountId,
    /// The product.
    pub product: ProductCode,
}

/// What an event is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It says something of a licence.
    License(LicenseEvent),
    /// It says something of an agreement, which may turn out to be another product's.
    Agreement(AgreementEvent),
    /// It is whole, and nothing to us.
    Ignored(Ignored),
}

/// Why a whole event is nothing to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// Not of the Marketplace's agreements.
    Source,
    /// Of another seller's account.
    Account,
    /// Of another product of the same seller.
    Product,
    /// Something happened that decides nothing here.
    Kind,
}

impl Ignored {
    /// The word that logs have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "another_source",
            Self::Account => "another_account",
            Self::Product => "another_product",
            Self::Kind => "another_kind",
        }
    }
}

/// An event of a licence of our product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseEvent {
    /// Which licence.
    pub license: LicenseArn,
    /// The buyer's account.
    pub account: AccountId,
    /// What happened.
    pub kind: LicenseEventKind,
    /// When, and under which agreement.
    pub fact: LicenseFact,
}

/// What can happen to a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseEventKind {
    /// It may be used.
    Updated,
    /// It may not.
    Deprovisioned,
}

/// An event of an agreement with our seller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementEvent {
    /// Which agreement.
    pub agreement: AgreementId,
    /// What happened.
    pub kind: AgreementEventKind,
}

/// What can happen to an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgreementEventKind {
    /// It was made.
    Created(Stamp),
    /// Its terms changed.
    Amended(Stamp),
    /// It is over.
    Ended(AgreementEnd),
}

/// A body that is no event of the Marketplace's. It says what is wrong, and nothing of what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// Larger than an event can be.
    #[error("larger than an event can be")]
    TooLarge,
    /// Not the JSON of an event.
    #[error("not an event")]
    NotAnEvent,
    /// A member is missing or malformed.
    #[error("an event without a sound {0}")]
    Member(&'static str),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    source: std::borrow::Cow<'a, str>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    account: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    time: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    detail: &'a serde_json::value::RawValue,
}

#[derive(Deserialize)]
struct Detail {
    agreement: Option<AgreementDetail>,
    license: Option<LicenseDetail>,
    product: Option<ProductDetail>,
    acceptor: Option<PartyDetail>,
}

#[derive(Deserialize)]
struct AgreementDetail {
    id: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct LicenseDetail {
    arn: Option<String>,
}

#[derive(Deserialize)]
struct ProductDetail {
    code: Option<String>,
}

#[derive(Deserialize)]
struct PartyDetail {
    #[serde(rename = "accountId")]
    account_id: Option<String>,
}

/// What a kind of event is about.
enum Subject {
    License(LicenseEventKind),
    Created,
    Amended,
    Ended,
}

impl Subject {
    /// `License Updated - Manufacturer`: which party of the agreement is told makes no difference, so long as
    /// it is told as one who sells.
    fn of(detail_type: &str) -> Option<Self> {
        let (what, party) = detail_type.split_once(" - ")?;
        if !matches!(party, "Manufacturer" | "Proposer") {
            return None;
        }
        match what {
            "License Updated" => Some(Self::License(LicenseEventKind::Updated)),
            "License Deprovisioned" => Some(Self::License(LicenseEventKind::Deprovisioned)),
            "Purchase Agreement Created" => Some(Self::Created),
            "Purchase Agreement Amended" => Some(Self::Amended),
            "Purchase Agreement Ended" => Some(Self::Ended),
            _ => None,
        }
    }
}

/// Reads the body of an event.
///
/// # Errors
/// When it is none, or a member that decides something is missing or malformed.
pub fn read(body: &str, ours: &Ours) -> Result<Reading, InvalidEvent> {
    if body.len() > LARGEST {
        return Err(InvalidEvent::TooLarge);
    }
    let envelope: Envelope<'_> = serde_json::from_str(body).map_err(|_| InvalidEvent::NotAnEvent)?;
    if envelope.source != SOURCE {
        return Ok(Reading::Ignored(Ignored::Source));
    }
    if envelope.account != ours.seller.as_str() {
        return Ok(Reading::Ignored(Ignored::Account));
    }
    let Some(subject) = Subject::of(&envelope.detail_type) else {
        return Ok(Reading::Ignored(Ignored::Kind));
    };
    let event: EventId = envelope.id.parse().map_err(|_| InvalidEvent::Member("id"))?;
    let at = OffsetDateTime::parse(&envelope.time, &Rfc3339).map_err(|_| InvalidEvent::Member("time"))?;
    let stamp = Stamp::new(at.into(), event);
    let detail: Detail =
        serde_json::from_str(envelope.detail.get()).map_err(|_| InvalidEvent::Member("detail"))?;
    match subject {
        Subject::License(kind) => license_event(kind, stamp, detail, ours),
        Subject::Created => agreement_event(AgreementEventKind::Created(stamp), detail.agreement),
        Subject::Amended => agreement_event(AgreementEventKind::Amended(stamp), detail.agreement),
        Subject::Ended => {
            let status = detail.agreement.as_ref().and_then(|agreement| agreement.status.as_deref());
            let status = EndStatus::of(status.ok_or(InvalidEvent::Member("agreement status"))?);
            agreement_event(AgreementEventKind::Ended(AgreementEnd { stamp, status }), detail.agreement)
        }
    }
}

fn license_event(
    kind: LicenseEventKind,
    stamp: Stamp,
    detail: Detail,
    ours: &Ours,
) -> Result<Reading, InvalidEvent> {
    let product: ProductCode = member(detail.product.and_then(|product| product.code), "product code")?;
    if product != ours.product {
        return Ok(Reading::Ignored(Ignored::Product));
    }
    Ok(Reading::License(LicenseEvent {
        license: member(detail.license.and_then(|license| license.arn), "license ARN")?,
        account: member(detail.acceptor.and_then(|acceptor| acceptor.account_id), "acceptor account")?,
        kind,
        fact: LicenseFact {
            stamp,
            agreement: Some(member(detail.agreement.and_then(|agreement| agreement.id), "agreement id")?),
        },
    }))
}

fn agreement_event(
    kind: AgreementEventKind,
    detail: Option<AgreementDetail>,
) -> Result<Reading, InvalidEvent> {
    let agreement = member(detail.and_then(|agreement| agreement.id), "agreement id")?;
    Ok(Reading::Agreement(AgreementEvent { agreement, kind }))
}

fn member<T: std::str::FromStr>(text: Option<String>, name: &'static str) -> Result<T, InvalidEvent> {
    text.and_then(|text| text.parse().ok()).ok_or(InvalidEvent::Member(name))
}

#[cfg(test)]
mod tests;
