//! What the Marketplace shows a person who looks into it. Tokens are counted, not shown.

use serde::Serialize;

use crate::agreement::{Agreement, AgreementStatus, EntitlementStatus, Intent};
use crate::clock;
use crate::market::Market;
use crate::product::Product;

/// Everything but the bill, the orders and the events' bodies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// The Marketplace's time, by RFC 3339.
    pub now: String,
    /// How far it is from the clock that the Marketplace was given.
    pub offset_seconds: i64,
    /// The listings.
    pub products: Vec<Product>,
    /// The agreements in the order in which they were made.
    pub agreements: Vec<AgreementState>,
    /// Tokens that are kept, expired ones included.
    pub tokens: usize,
    /// The events that can be sent again, the oldest first.
    pub events: Vec<EventState>,
}

/// One agreement and its licence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgreementState {
    /// The buyer.
    pub account: String,
    /// What was bought.
    pub product_code: String,
    /// The agreement.
    pub agreement_id: String,
    /// The first of its chain.
    pub initial_agreement_id: String,
    /// Its licence.
    pub license_arn: String,
    /// Its offer.
    pub offer_id: String,
    /// Why it came to be.
    pub intent: Intent,
    /// Whether it is a free trial.
    pub trial: bool,
    /// Its status.
    pub status: AgreementStatus,
    /// Its licence's status.
    pub entitlement: EntitlementStatus,
    /// When it was accepted, by RFC 3339.
    pub accepted: String,
    /// When it was over, by RFC 3339; metering is refused from an hour later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

/// One event, by what it is found with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventState {
    /// Its id.
    pub id: String,
    /// Its detail type.
    pub detail_type: String,
    /// Its time, by RFC 3339.
    pub time: String,
    /// The agreement that it is about, if it says one.
    pub agreement_id: Option<String>,
}

impl AgreementState {
    fn of(agreement: &Agreement) -> Self {
        Self {
            account: agreement.account.clone(),
            product_code: agreement.product.clone(),
            agreement_id: agreement.id.clone(),
            initial_agreement_id: agreement.initial.clone(),
            license_arn: agreement.license.clone(),
            offer_id: agreement.offer.clone(),
            intent: agreement.intent,
            trial: agreement.trial,
            status: agreement.status,
            entitlement: agreement.entitlement,
            accepted: clock::seconds(agreement.accepted),
            closed: agreement.closed.map(clock::seconds),
        }
    }
}

/// The state, as far as it concerns one agreement if one is given.
pub(crate) fn state(market: &Market, agreement: Option<&str>, now: time::OffsetDateTime) -> State {
    let events = market.events.iter().map(|event| EventState {
        id: event.id.clone(),
        detail_type: event.detail_type.clone(),
        time: clock::seconds(event.time),
        agreement_id: event.detail.pointer("/agreement/id").and_then(|id| id.as_str()).map(ToOwned::to_owned),
    });
    let meant = |id: Option<&str>| agreement.is_none_or(|wanted| id == Some(wanted));
    let agreements = market.in_order.iter().filter(|id| meant(Some(id)));
    State {
        now: clock::seconds(now),
        offset_seconds: market.offset.seconds(),
        products: market.products.values().cloned().collect(),
        agreements: agreements.filter_map(|id| market.agreements.get(id)).map(AgreementState::of).collect(),
        tokens: market.tokens.len(),
        events: events.filter(|event| meant(event.agreement_id.as_deref())).collect(),
    }
}
