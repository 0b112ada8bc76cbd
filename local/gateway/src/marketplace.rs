//! AWS Marketplace behind the endpoint, and the doors at which a test or a person plays it.
//!
//! What the Marketplace says and does is the crate `marketplace`; here are its HTTP and its way to the seller
//! account's default bus. Callers were authenticated and authorized before.
//!
//! # Doors
//!
//! All under `/_gateway/marketplace/`, JSON in and out, unsigned. Answers: 200, or 201 for what was made; 400 with
//! `{"message"}` for an order that makes no sense (nothing has happened then); 502 with `{"message", …}` and the
//! answer's members if the bus did not take an event (the change itself has happened then).
//!
//! | door | body | answer |
//! |---|---|---|
//! | `POST products` | `{code?, name?, dimensions?}` | `{code, id, name, dimensions}`, made or changed |
//! | `POST subscriptions` | `{product?, account?, trial?, pending?, at?, events?}` | `{account, product_code, license_arn, agreement_id, offer_id, token, trial, events}` |
//! | `POST changes` | `{license_arn \| agreement_id, change, status?, at?, events?}` | `{license_arn, agreement_id, successor?, events}` |
//! | `POST events` | `{again, time?}`, `{event}`, or `{license_arn \| agreement_id, kind, status?, party?, time?}`; `times?` | `{events}` |
//! | `POST tokens` | `{license_arn \| agreement_id}` | `{token, expires}` |
//! | `POST tokens/expire` | `{token? \| license_arn?}`; `{}` is all | `{expired}` |
//! | `GET state?license_arn=` | | `{now, offset_seconds, products, agreements, tokens, events}` |
//! | `GET bill?license_arn=` | | `{lines: [{account, license_arn, product_code, dimension, hour, quantity, metering_record_id, received}]}` |
//! | `GET clock`, `POST clock` | `{now}`, `{advance_seconds}` or `{offset_seconds}` | `{now, offset_seconds}` |
//! | `GET`, `POST`, `DELETE orders` | `{operation, answer, times?, license_arn?, records?, billed?}` | `{orders}` |
//!
//! `change` is `update`, `end`, `deprovision`, `cancel`, `amend`, `renew` or `replace`; `kind` is `created`,
//! `amended`, `ended`, `updated` or `deprovisioned`; `status` an `AgreementStatus` of AWS's, `party` `Proposer` or
//! `Manufacturer`. `events: false` changes the state and sends nothing; the events of the answer can then be sent by
//! `again`, in any order. `at` is when it happened, if that was earlier. Times are RFC 3339. Answers that can be ordered are listed at [`marketplace::Answer`].

use std::sync::Arc;

use axum::body::Body;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use marketplace::{Call, Encoding, Event, Marketplace, Refused, Service};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::aws::answer;
use crate::body::whole;
use crate::call::{ToMarket, decoded_pairs};
use crate::clock::Clock;
use crate::engine::Engine;

/// `PutEvents` takes ten entries.
const ENTRIES_MAX: usize = 10;
/// How often one order sends an event.
const TIMES_MAX: usize = 100;

/// The Marketplace, as one seller's account meets it.
pub(crate) struct Market {
    marketplace: Marketplace,
    seller: String,
    events: Arc<Engine>,
}

/// A door's answer: status and body.
type Said = (StatusCode, Value);

impl Market {
    /// The Marketplace of this seller; its events go to the default bus of `events`.
    pub(crate) fn new(seller: &str, region: &str, clock: Clock, events: Arc<Engine>) -> Self {
        let marketplace = Marketplace::new(seller, region, move || clock.now());
        Self { marketplace, seller: seller.to_owned(), events }
    }

    /// Answers an authorized call of the seller's.
    pub(crate) async fn call(&self, called: &ToMarket<'_>, body: &[u8]) -> Response<Body> {
        let Some(service) = Service::of_target(called.service) else {
            return said(bad("the Marketplace has no such service"));
        };
        let encoding = if called.cbor { Encoding::Cbor } else { Encoding::Json };
        let call = Call {
            service,
            operation: called.operation,
            caller: &self.seller,
            region: called.region,
            encoding,
        };
        let reply = self.marketplace.call(&call, body);
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = answer(status, reply.content_type, reply.body.into());
        let headers = response.headers_mut();
        if encoding == Encoding::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        if let Some(kind) = reply.error_type {
            headers.insert("x-amzn-errortype", HeaderValue::from_static(kind));
        }
        response
    }

    /// Answers `/_gateway/marketplace/…`.
    pub(crate) async fn own(&self, parts: &Parts, body: Body) -> Response<Body> {
        let Ok(bytes) = whole(body, None).await else {
            return said(bad("the body is too large or was cut"));
        };
        let order = match serde_json::from_slice(&bytes) {
            Ok(Value::Object(order)) => order,
            _ if bytes.is_empty() => Map::new(),
            _ => return said(bad("the body must be a JSON object")),
        };
        let pairs = decoded_pairs(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        let license = pairs.iter().find(|(name, _)| name == "license_arn").map(|(_, arn)| arn.as_str());
        let door = parts.uri.path().strip_prefix("/_gateway/marketplace/").unwrap_or_default();
        let ended = match (&parts.method, door) {
            (&Method::GET, door) => self.shown(door, license),
            (&Method::DELETE, "orders") => {
                self.marketplace.clear_orders();
                Ok((StatusCode::OK, json!({ "orders": [] })))
            }
            (&Method::POST, "subscriptions" | "changes" | "events") => self.happens(door, order).await,
            (&Method::POST, door) => self.ordered(door, order),
            _ => Err(no_such_door()),
        };
        said(ended.unwrap_or_else(|refused| refused))
    }

    fn shown(&self, door: &str, license: Option<&str>) -> Result<Said, Said> {
        let shown = match door {
            "state" => json!(self.marketplace.state(license).map_err(refused)?),
            "bill" => json!({ "lines": self.marketplace.bill(license) }),
            "clock" => json!(self.marketplace.clock()),
            "orders" => json!({ "orders": self.marketplace.orders() }),
            _ => return Err(no_such_door()),
        };
        Ok((StatusCode::OK, shown))
    }

    /// Orders that no event follows from.
    fn ordered(&self, door: &str, mut order: Map<String, Value>) -> Result<Said, Said> {
        match door {
            "products" => {
                let product = self.marketplace.list(read(order)?).map_err(refused)?;
                Ok((StatusCode::CREATED, json!(product)))
            }
            "tokens" => {
                let license = taken::<String>(&mut order, "license_arn")?;
                let agreement = taken::<String>(&mut order, "agreement_id")?;
                nothing_else(&order)?;
                let issued = self.marketplace.token(license.as_deref(), agreement.as_deref());
                Ok((StatusCode::CREATED, json!(issued.map_err(refused)?)))
            }
            "tokens/expire" => {
                let token = taken::<String>(&mut order, "token")?;
                let license = taken::<String>(&mut order, "license_arn")?;
                nothing_else(&order)?;
                let expired = self.marketplace.expire(token.as_deref(), license.as_deref());
                Ok((StatusCode::OK, json!({ "expired": expired.map_err(refused)? })))
            }
            "clock" => {
                let shown = self.marketplace.move_clock(&read(order)?).map_err(refused)?;
                Ok((StatusCode::OK, json!(shown)))
            }
            "orders" => {
                self.marketplace.order(read(order)?).map_err(refused)?;
                Ok((StatusCode::CREATED, json!({ "orders": self.marketplace.orders() })))
            }
            _ => Err(no_such_door()),
        }
    }

    /// Orders that events follow from, and the events.
    async fn happens(&self, door: &str, mut order: Map<String, Value>) -> Result<Said, Said> {
        let (events, answer, times) = match door {
            "subscriptions" => {
                let sends = taken::<bool>(&mut order, "events")?.unwrap_or(true);
                let bought = self.marketplace.subscribe(read(order)?).map_err(refused)?;
                (bought.events.clone(), json!(bought), usize::from(sends))
            }
            "changes" => {
                let sends = taken::<bool>(&mut order, "events")?.unwrap_or(true);
                let changed = self.marketplace.change(&read(order)?).map_err(refused)?;
                (changed.events.clone(), json!(changed), usize::from(sends))
            }
            _ => {
                let times = taken::<usize>(&mut order, "times")?.unwrap_or(1);
                if !(1..=TIMES_MAX).contains(&times) {
                    return Err(bad(&format!("`times` must be 1 to {TIMES_MAX}")));
                }
                let event = self.marketplace.event(read(order)?).map_err(refused)?;
                (vec![event.clone()], json!({ "events": [event] }), times)
            }
        };
        match self.send(&events, times).await {
            Ok(()) => Ok((StatusCode::CREATED, answer)),
            Err(why) => {
                let mut answer = answer;
                if let Value::Object(members) = &mut answer {
                    members.insert("message".into(), why.into());
                }
                Err((StatusCode::BAD_GATEWAY, answer))
            }
        }
    }

    /// Puts events on the seller account's default bus, each `times` times, in their order.
    async fn send(&self, events: &[Event], times: usize) -> Result<(), String> {
        let entries: Vec<Value> = std::iter::repeat_n(events, times).flatten().map(Event::entry).collect();
        for entries in entries.chunks(ENTRIES_MAX) {
            let headers =
                [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AWSEvents.PutEvents")];
            let body = json!({ "Entries": entries }).to_string();
            let answer = self.events.ask("events", Method::POST, "/", &headers, body).await;
            let answer = answer.map_err(|error| format!("the event was not put: {error}"))?;
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
            if answer.get("FailedEntryCount").is_none_or(|failed| failed != 0) {
                return Err(format!("the event was not put: {answer}"));
            }
        }
        Ok(())
    }
}

/// Takes a member out of an order.
fn taken<T: DeserializeOwned>(order: &mut Map<String, Value>, name: &str) -> Result<Option<T>, Said> {
    order
        .remove(name)
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| bad(&format!("`{name}`: {error}")))
}

fn nothing_else(order: &Map<String, Value>) -> Result<(), Said> {
    match order.keys().next() {
        None => Ok(()),
        Some(name) => Err(bad(&format!("unknown field `{name}`"))),
    }
}

fn read<T: DeserializeOwned>(order: Map<String, Value>) -> Result<T, Said> {
    // An enum of one member, as the clock's, is read from a map as well.
    serde_json::from_value(Value::Object(order)).map_err(|error| bad(&error.to_string()))
}

fn refused(refused: Refused) -> Said {
    bad(&refused.to_string())
}

fn bad(message: &str) -> Said {
    (StatusCode::BAD_REQUEST, json!({ "message": message }))
}

fn no_such_door() -> Said {
    (StatusCode::NOT_FOUND, json!({ "message": "the Marketplace has no such door" }))
}

fn said((status, body): Said) -> Response<Body> {
    answer(status, "application/json", body.to_string().into())
}
