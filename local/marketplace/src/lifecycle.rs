//! What happens to subscriptions: bought, renewed, ended, taken back. Each order changes the state and says which
//! events AWS would send of it; whether they are sent, when, and how often is the caller's.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::agreement::{AgreementStatus, EntitlementStatus, Intent};
use crate::event::{Event, Kind, Party, SOURCE, Said};
use crate::market::{Market, Purchase};
use crate::refused::Refused;
use crate::{clock, event};

/// A purchase to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Subscribe {
    /// The product's code; the default product if absent.
    pub product: Option<String>,
    /// The buyer's account, which may hold several agreements; a new one if absent.
    pub account: Option<String>,
    /// Whether it is a free trial.
    pub trial: bool,
    /// Whether the licence is still to come: no `License Updated` yet, until the change `update` is ordered.
    pub pending: bool,
    /// When it was bought, by RFC 3339, if that was earlier than now; its events are of then.
    pub at: Option<String>,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subscribed {
    /// The buyer's account.
    pub account: String,
    /// The product's code.
    pub product_code: String,
    /// The licence.
    pub license_arn: String,
    /// The agreement.
    pub agreement_id: String,
    /// Its offer.
    pub offer_id: String,
    /// A registration token, good for four hours.
    pub token: String,
    /// Whether it is a free trial; the buyer's browser then also brings `x-amzn-marketplace-offer-type`.
    pub trial: bool,
    /// `Purchase Agreement Created`, and `License Updated` unless that is still to come.
    pub events: Vec<Event>,
}

/// What happens to an agreement and its licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The licence is good: at first, again after it was taken back, or again after the end (which in AWS is a new
    /// agreement; here the old one can also come back). `License Updated`.
    Update,
    /// The agreement ends with a status; its licence stays for now. `Purchase Agreement Ended`.
    End,
    /// The licence is taken back; an active agreement stays so. `License Deprovisioned`.
    Deprovision,
    /// Both, in this order, as when a buyer cancels.
    Cancel,
    /// Another offer's terms. `Purchase Agreement Amended`.
    Amend,
    /// A new agreement with a new licence continues this one, which ends as RENEWED; the old licence stays until it
    /// is deprovisioned. `Purchase Agreement Ended`, then `Created` and `License Updated` of the new one.
    Renew,
    /// The same with REPLACED.
    Replace,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::End => "end",
            Self::Deprovision => "deprovision",
            Self::Cancel => "cancel",
            Self::Amend => "amend",
            Self::Renew => "renew",
            Self::Replace => "replace",
        }
    }
}

/// A change to be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeOrder {
    /// The licence, or
    #[serde(default)]
    pub license_arn: Option<String>,
    /// the agreement; one of them.
    #[serde(default)]
    pub agreement_id: Option<String>,
    /// What happens.
    pub change: Change,
    /// With `end` and `cancel`: as what it ends; CANCELLED if absent.
    #[serde(default)]
    pub status: Option<AgreementStatus>,
    /// When it happened, by RFC 3339, if that was earlier than now; its events are of then.
    #[serde(default)]
    pub at: Option<String>,
}

/// What a change has brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// The licence that was meant.
    pub license_arn: String,
    /// Its agreement.
    pub agreement_id: String,
    /// With `renew` and `replace`: what goes on in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<Subscribed>,
    /// The events of it, in AWS's order; the successor's too.
    pub events: Vec<Event>,
}

/// An event to be worded without anything happening: an old one again, a false one, a raw one. One of `again`,
/// `event`, or `kind` with a licence or an agreement.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventOrder {
    /// The id of an event that there was: the same again, with the same id.
    pub again: Option<String>,
    /// A raw one: `detail-type`, `detail`, and as one likes `source`, `resources`, `time`, `id`.
    pub event: Option<serde_json::Value>,
    /// The licence, or
    pub license_arn: Option<String>,
    /// the agreement that it is about,
    pub agreement_id: Option<String>,
    /// and what it says.
    pub kind: Option<Kind>,
    /// With `kind`: the status that it says.
    pub status: Option<AgreementStatus>,
    /// With `kind`: the party in its detail type.
    pub party: Option<Party>,
    /// Its `time`, by RFC 3339; as it was, or now, if absent.
    pub time: Option<String>,
}

pub(crate) fn subscribe(
    market: &mut Market,
    order: Subscribe,
    now: OffsetDateTime,
) -> Result<Subscribed, Refused> {
    let product = market.product(order.product.as_deref())?.code.clone();
    let account = market.buyer(order.account)?;
    let entitlement = if order.pending { EntitlementStatus::Pending } else { EntitlementStatus::Provisioned };
    let purchase =
        Purchase { product, account, trial: order.trial, intent: Intent::New, initial: None, entitlement };
    let at = earlier(order.at.as_ref(), now)?;
    bought(market, purchase, at, at, now)
}

/// When something happened that is told of now.
fn earlier(at: Option<&String>, now: OffsetDateTime) -> Result<OffsetDateTime, Refused> {
    let Some(text) = at else { return Ok(now) };
    clock::read(text).filter(|at| *at <= now).ok_or_else(|| Refused::Time(text.clone()))
}

/// `told` is when its events begin.
fn bought(
    market: &mut Market,
    purchase: Purchase,
    at: OffsetDateTime,
    told: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<Subscribed, Refused> {
    let provisioned = purchase.entitlement == EntitlementStatus::Provisioned;
    let id = market.buy(purchase, at)?;
    let mut events = vec![happened(market, &id, Kind::Created, told)?];
    if provisioned {
        events.push(happened(market, &id, Kind::Updated, told)?);
    }
    let (token, _) = market.issue(&id, now);
    let unknown = || Refused::Unknown { kind: "agreement or licence", id: id.clone() };
    let agreement = market.agreements.get(&id).ok_or_else(unknown)?;
    Ok(Subscribed {
        account: agreement.account.clone(),
        product_code: agreement.product.clone(),
        license_arn: agreement.license.clone(),
        agreement_id: agreement.id.clone(),
        offer_id: agreement.offer.clone(),
        token,
        trial: agreement.trial,
        events,
    })
}

/// Words the event of what has just happened, with the agreement's next time.
fn happened(market: &mut Market, id: &str, kind: Kind, now: OffsetDateTime) -> Result<Event, Refused> {
    let time = market.next_event_time(id, now);
    market.say(id, Said { kind, party: None, status: None, time })
}

pub(crate) fn change(
    market: &mut Market,
    order: &ChangeOrder,
    now: OffsetDateTime,
) -> Result<Changed, Refused> {
    let id = market.one(order.license_arn.as_deref(), order.agreement_id.as_deref())?;
    let at = earlier(order.at.as_ref(), now)?;
    let room = market.agreements.len() < market.limits.agreements_max;
    let max = market.limits.agreements_max;
    let unknown = || Refused::Unknown { kind: "agreement or licence", id: id.clone() };
    let offer = market.ids.offer();
    let agreement = market.agreements.get_mut(&id).ok_or_else(unknown)?;
    let active = agreement.status == AgreementStatus::Active;
    if !active && !matches!(order.change, Change::Update | Change::Deprovision) {
        return Err(Refused::State { status: agreement.status.name(), change: order.change.name() });
    }
    let ended_as = match order.change {
        Change::End | Change::Cancel => Some(order.status.unwrap_or(AgreementStatus::Cancelled)),
        Change::Renew => Some(AgreementStatus::Renewed),
        Change::Replace => Some(AgreementStatus::Replaced),
        _ => None,
    };
    if ended_as == Some(AgreementStatus::Active) {
        return Err(Refused::State { status: "ACTIVE", change: order.change.name() });
    }
    if matches!(order.change, Change::Renew | Change::Replace) && !room {
        return Err(Refused::Full { what: "agreements", max });
    }
    agreement.updated = at;
    if let Some(status) = ended_as {
        agreement.status = status;
        if !status.goes_on() {
            agreement.closed.get_or_insert(at);
        }
    }
    match order.change {
        Change::Update => {
            agreement.entitlement = EntitlementStatus::Provisioned;
            agreement.closed = None;
            if !agreement.status.goes_on() {
                agreement.status = AgreementStatus::Active;
            }
        }
        Change::Deprovision | Change::Cancel => {
            agreement.entitlement = EntitlementStatus::Deprovisioned;
            agreement.closed.get_or_insert(at);
        }
        Change::Amend => agreement.offer = offer,
        Change::End | Change::Renew | Change::Replace => {}
    }
    let license_arn = agreement.license.clone();
    let purchase = |intent| Purchase {
        product: agreement.product.clone(),
        account: agreement.account.clone(),
        trial: false,
        intent,
        initial: Some(agreement.initial.clone()),
        entitlement: EntitlementStatus::Provisioned,
    };
    let next = match order.change {
        Change::Renew => Some(purchase(Intent::Renew)),
        Change::Replace => Some(purchase(Intent::Replace)),
        _ => None,
    };
    let kinds: &[Kind] = match order.change {
        Change::Update => &[Kind::Updated],
        Change::End | Change::Renew | Change::Replace => &[Kind::Ended],
        Change::Deprovision => &[Kind::Deprovisioned],
        Change::Cancel => &[Kind::Ended, Kind::Deprovisioned],
        Change::Amend => &[Kind::Amended],
    };
    let mut events =
        kinds.iter().map(|kind| happened(market, &id, *kind, at)).collect::<Result<Vec<_>, _>>()?;
    // What follows an agreement is not told of before its end, though that be told of ahead of the clock.
    let told = events.last().map_or(at, |end| end.time.max(at));
    let successor = next.map(|purchase| bought(market, purchase, at, told, now)).transpose()?;
    events.extend(successor.iter().flat_map(|successor| successor.events.clone()));
    Ok(Changed { license_arn, agreement_id: id, successor, events })
}

pub(crate) fn event(market: &mut Market, order: EventOrder, now: OffsetDateTime) -> Result<Event, Refused> {
    let stated = |text: &String| clock::read(text).ok_or_else(|| Refused::Time(text.clone()));
    let time = order.time.as_ref().map(stated).transpose()?;
    if let Some(id) = order.again {
        let found = market.events.iter().find(|event| event.id == id).cloned();
        let mut event = found.ok_or(Refused::Unknown { kind: "event", id })?;
        event.time = time.map_or(event.time, clock::whole_second);
        return Ok(event);
    }
    if let Some(raw) = order.event {
        let event = raw_event(market, &raw, time.unwrap_or(now))?;
        market.keep(event.clone());
        return Ok(event);
    }
    let id = market.one(order.license_arn.as_deref(), order.agreement_id.as_deref())?;
    let kind = order.kind.ok_or(Refused::Unknown { kind: "event", id: "without `kind`".to_owned() })?;
    let time = match time {
        Some(time) => time,
        None => market.next_event_time(&id, now),
    };
    let status = match kind {
        Kind::Ended => Some(order.status.unwrap_or(AgreementStatus::Cancelled)),
        Kind::Created => Some(order.status.unwrap_or(AgreementStatus::Active)),
        _ => order.status,
    };
    market.say(&id, Said { kind, party: order.party, status, time })
}

fn raw_event(market: &mut Market, raw: &serde_json::Value, now: OffsetDateTime) -> Result<Event, Refused> {
    let text = |name: &str| raw.get(name).and_then(serde_json::Value::as_str).map(ToOwned::to_owned);
    let time = match text("time") {
        Some(text) => clock::read(&text).ok_or(Refused::Time(text))?,
        None => now,
    };
    let missing = |name: &str| Refused::Unknown { kind: "member of the event", id: name.to_owned() };
    let resources = raw.get("resources").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    Ok(event::Event {
        id: text("id").unwrap_or_else(|| market.ids.uuid()),
        source: text("source").unwrap_or_else(|| SOURCE.to_owned()),
        detail_type: text("detail-type").ok_or_else(|| missing("detail-type"))?,
        time: clock::whole_second(time),
        account: market.seller.clone(),
        region: market.region.clone(),
        resources: resources.iter().filter_map(|one| one.as_str().map(ToOwned::to_owned)).collect(),
        detail: raw.get("detail").cloned().ok_or_else(|| missing("detail"))?,
    })
}
