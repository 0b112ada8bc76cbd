//! The events that the Marketplace sends, field for field as a seller's default bus receives them.
//!
//! Source of the shapes: events captured on a real listing, and "EventBridge events" of the seller guide. Of
//! `Purchase Agreement Amended` no captured one is known; its body follows that of Created. Agreement events carry
//! no licence and no product, licence events both; `detail.agreement.id` is on all.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::agreement::{Agreement, AgreementStatus};
use crate::clock;
use crate::product::Product;

/// The `source` of all of them.
pub const SOURCE: &str = "aws.agreement-marketplace";

/// The end of an agreement that has none (pay as you go).
const NEVER: &str = "9999-01-01T00:00:00Z";

/// Which event; the party is said apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `Purchase Agreement Created`
    Created,
    /// `Purchase Agreement Amended`
    Amended,
    /// `Purchase Agreement Ended`
    Ended,
    /// `License Updated`
    Updated,
    /// `License Deprovisioned`
    Deprovisioned,
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Created => "Purchase Agreement Created",
            Self::Amended => "Purchase Agreement Amended",
            Self::Ended => "Purchase Agreement Ended",
            Self::Updated => "License Updated",
            Self::Deprovisioned => "License Deprovisioned",
        }
    }

    /// The party as which the seller hears of it in a direct sale. Of a reseller's sale it is the manufacturer only.
    fn usual_party(self) -> Party {
        match self {
            Self::Created | Self::Amended | Self::Ended => Party::Proposer,
            Self::Updated | Self::Deprovisioned => Party::Manufacturer,
        }
    }
}

/// What the seller is to the agreement: the suffix of the detail type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Party {
    /// Made the offer.
    Proposer,
    /// Made the product.
    Manufacturer,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id. A bus that is given [`Event::entry`] may make up another.
    pub id: String,
    /// [`SOURCE`], or what a raw event says.
    pub source: String,
    /// `License Updated - Manufacturer`, for example.
    pub detail_type: String,
    /// When it happened, to the second.
    pub time: OffsetDateTime,
    /// The seller's account.
    pub account: String,
    /// The Region of the bus.
    pub region: String,
    /// The agreement's ARN.
    pub resources: Vec<String>,
    /// What happened.
    pub detail: Value,
}

impl Event {
    /// The event as a rule's target receives it.
    pub fn body(&self) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": self.account,
            "time": clock::seconds(self.time),
            "region": self.region,
            "resources": self.resources,
            "detail": self.detail,
        })
    }

    /// The event as an entry of `PutEvents`. `Id` is no member of AWS's: a bus that does not know it gives its own.
    pub fn entry(&self) -> Value {
        json!({
            "Id": self.id,
            "Time": self.time.unix_timestamp(),
            "Source": self.source,
            "Resources": self.resources,
            "DetailType": self.detail_type,
            "Detail": self.detail.to_string(),
        })
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body().serialize(serializer)
    }
}

/// What an event says beyond its agreement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    pub(crate) kind: Kind,
    pub(crate) party: Option<Party>,
    /// `status` of Ended; the agreement's own for the others.
    pub(crate) status: Option<AgreementStatus>,
    pub(crate) time: OffsetDateTime,
}

/// Whose bus it is, and the ids of this one event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'a> {
    pub(crate) seller: &'a str,
    pub(crate) region: &'a str,
    pub(crate) id: &'a str,
    pub(crate) request_id: &'a str,
}

/// Words an event about an agreement.
pub(crate) fn word(agreement: &Agreement, product: &Product, said: Said, envelope: Envelope<'_>) -> Event {
    let party = match said.party.unwrap_or(said.kind.usual_party()) {
        Party::Proposer => "Proposer",
        Party::Manufacturer => "Manufacturer",
    };
    let accepted = clock::milliseconds(agreement.accepted);
    let status = said.status.unwrap_or(agreement.status).name();
    let begun = |intent: &str| {
        json!({
            "id": agreement.id,
            "intent": intent,
            "status": status,
            "acceptanceTime": accepted,
            "startTime": accepted,
            "endTime": NEVER,
        })
    };
    let mut detail = json!({
        "requestId": envelope.request_id,
        "catalog": "AWSMarketplace",
        "acceptor": { "accountId": agreement.account },
        "proposer": { "accountId": envelope.seller },
    });
    let agreement_part = match said.kind {
        Kind::Created => begun(agreement.intent.name()),
        Kind::Amended => begun("AMEND"),
        Kind::Ended => json!({ "id": agreement.id, "status": status }),
        Kind::Updated | Kind::Deprovisioned => json!({ "id": agreement.id }),
    };
    if let Value::Object(members) = &mut detail {
        members.insert("agreement".into(), agreement_part);
        match said.kind {
            Kind::Created | Kind::Amended | Kind::Ended => {
                members.insert("resaleAuthorization".into(), json!({ "id": null }));
            }
            Kind::Updated | Kind::Deprovisioned => {
                members.insert("license".into(), json!({ "arn": agreement.license }));
                members.insert("product".into(), json!({ "id": product.id, "code": product.code }));
            }
        }
        if said.kind != Kind::Ended {
            members.insert("offer".into(), json!({ "id": agreement.offer }));
        }
    }
    Event {
        id: envelope.id.to_owned(),
        source: SOURCE.to_owned(),
        detail_type: format!("{} - {party}", said.kind.title()),
        time: clock::whole_second(said.time),
        account: envelope.seller.to_owned(),
        region: envelope.region.to_owned(),
        resources: vec![format!("arn:aws:aws-marketplace::aws:agreement:{}", agreement.id)],
        detail,
    }
}
