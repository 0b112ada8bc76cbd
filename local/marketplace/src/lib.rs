//! AWS Marketplace in memory: sign-up, agreements, lifecycle events, metering and its bill.
//!
//! The product is sold there, and no engine that could be installed has it. This crate answers the service's own
//! wire for the account of one seller: Marketplace Metering (`ResolveCustomer`, `BatchMeterUsage`) and Marketplace
//! Agreement (`SearchAgreements`, `DescribeAgreement`, `GetAgreementEntitlements`, `GetAgreementTerms`). Beside that
//! it takes orders of whoever plays the buyers and AWS itself: buy, renew, cancel, take a licence back, let a token
//! expire, give an odd answer, set the clock.
//!
//! It knows nothing of HTTP, signatures, IAM or buses: the gateway decides who may call, and sends the events that
//! an order yields. It draws no time and no chance of its own, so a simulation can be run again from its seed.
//!
//! Products are of the kind listed since 1 June 2026 ("concurrent agreements"): identified by licence, without
//! customer identifiers; usage-based prices, so no contract and no `GetEntitlements`. Where AWS documents nothing,
//! the stricter reading is taken, so that what works here works there:
//! - a caller of another account is refused with `AccessDeniedException`;
//! - only one Region is enabled, so that the same record in another is refused instead of billed twice;
//! - `ProductCode` in `BatchMeterUsage`, a `CustomerIdentifier` even if empty, decimals, and timestamps to come are
//!   refused; usage of an hour before the purchase or after the end is `InvalidLicenseException`, but their own
//!   hours may be metered whole;
//! - 1 MB is 1,000,000 bytes.
//!
//! ```
//! use marketplace::{Call, Encoding, Marketplace, Service, Subscribe};
//!
//! # fn main() -> Result<(), marketplace::Refused> {
//! let marketplace = Marketplace::new("444455556666", "us-east-1", time::OffsetDateTime::now_utc);
//! let bought = marketplace.subscribe(Subscribe::default())?;
//! let call = Call {
//!     service: Service::Metering,
//!     operation: "ResolveCustomer",
//!     caller: "444455556666",
//!     region: "us-east-1",
//!     encoding: Encoding::Json,
//! };
//! let body = format!(r#"{{"RegistrationToken":"{}"}}"#, bought.token);
//! assert_eq!(marketplace.call(&call, body.as_bytes()).status, 200);
//! // What AWS would put on the seller's bus: Purchase Agreement Created, License Updated.
//! assert_eq!(bought.events.len(), 2);
//! # Ok(())
//! # }
//! ```

mod agreement;
mod bill;
mod cbor;
mod clock;
mod event;
mod fault;
mod ids;
mod lifecycle;
mod limits;
mod market;
mod operations;
mod orders;
mod product;
mod refused;
mod reply;
mod service;
mod state;
mod throttle;
mod wire;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use fault::{Exception, Fault};
use market::Market;
use operations::Asked;
use wire::Members;

pub use agreement::{AgreementStatus, EntitlementStatus, Intent};
pub use bill::BillLine;
pub use event::{Event, Kind, Party, SOURCE};
pub use lifecycle::{Change, ChangeOrder, Changed, EventOrder, Subscribe, Subscribed};
pub use limits::Limits;
pub use orders::{Answer, ExceptionName, Order};
pub use product::{DEFAULT_PRODUCT_CODE, DEFAULT_PRODUCT_ID, Listing, Product};
pub use refused::Refused;
pub use reply::{Encoding, Reply};
pub use service::Service;
pub use state::{AgreementState, EventState, State};

/// "Each request must be less than 1 MB in size" (BatchMeterUsage); no other request comes near it.
const REQUEST_BYTES_MAX: usize = 1_000_000;

/// A call, as far as it is not in its body.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Which service.
    pub service: Service,
    /// Which operation, `ResolveCustomer`.
    pub operation: &'a str,
    /// The account whose principal signed it.
    pub caller: &'a str,
    /// The Region that it was signed for.
    pub region: &'a str,
    /// How the body is written.
    pub encoding: Encoding,
}

/// A token for a buyer's browser to bring along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issued {
    /// As it stands in the form, before it is encoded.
    pub token: String,
    /// When it expires, by RFC 3339 and the Marketplace's clock.
    pub expires: String,
}

/// Where the Marketplace's clock is to go; one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MoveClock {
    /// To this instant, by RFC 3339; it runs on from there.
    Now(String),
    /// So many seconds further, or back.
    AdvanceSeconds(i64),
    /// So many seconds ahead of the clock that it was given; 0 puts it right again.
    OffsetSeconds(i64),
}

/// What the Marketplace's clock shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// By RFC 3339.
    pub now: String,
    /// How far it is from the clock that it was given.
    pub offset_seconds: i64,
}

/// The Marketplace of one seller. `Send + Sync`; every call locks it for its duration.
pub struct Marketplace {
    market: Mutex<Market>,
    clock: Box<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

impl Marketplace {
    /// A Marketplace with the default product and nobody who has bought it.
    pub fn new(
        seller_account: &str,
        region: &str,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        // Two runs of a local account should not have the same buyers; a simulation gives its own seed.
        let seed = u64::try_from(clock().unix_timestamp_nanos() & i128::from(u64::MAX)).unwrap_or(0);
        Self::with_limits(seller_account, region, Limits::default(), seed, clock)
    }

    /// The same with limits of the caller's choice; every name that it makes up follows from `seed`.
    pub fn with_limits(
        seller_account: &str,
        region: &str,
        limits: Limits,
        seed: u64,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        let market = Mutex::new(Market::new(seller_account, region, limits, seed));
        Self { market, clock: Box::new(clock) }
    }

    /// Performs one operation and always answers, if need be with one of the service's errors.
    pub fn call(&self, call: &Call<'_>, body: &[u8]) -> Reply {
        let (mut market, now) = self.now();
        let asked = Asked {
            service: call.service,
            operation: call.operation,
            caller: call.caller,
            region: call.region,
        };
        let answer = read(body, call.encoding)
            .and_then(|body| operations::perform(&mut market, asked, &Members::of_request(&body)?, now));
        match answer {
            Ok(value) => Reply::new(200, &value, None, call.service, call.encoding),
            Err(fault) => fault.reply(call.service, call.encoding),
        }
    }

    /// Makes a listing, or changes the one with this code.
    ///
    /// # Errors
    /// [`Refused::Listing`], [`Refused::Full`].
    pub fn list(&self, listing: Listing) -> Result<Product, Refused> {
        self.lock().list(listing)
    }

    /// Somebody buys.
    ///
    /// # Errors
    /// [`Refused::Unknown`] product, [`Refused::Account`], [`Refused::Time`], [`Refused::Full`].
    pub fn subscribe(&self, order: Subscribe) -> Result<Subscribed, Refused> {
        let (mut market, now) = self.now();
        lifecycle::subscribe(&mut market, order, now)
    }

    /// Something happens to a subscription.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refused::Which`], [`Refused::State`], [`Refused::Time`], [`Refused::Full`].
    pub fn change(&self, order: &ChangeOrder) -> Result<Changed, Refused> {
        let (mut market, now) = self.now();
        lifecycle::change(&mut market, order, now)
    }

    /// Words an event, without anything happening.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refused::Which`], [`Refused::Time`].
    pub fn event(&self, order: EventOrder) -> Result<Event, Refused> {
        let (mut market, now) = self.now();
        lifecycle::event(&mut market, order, now)
    }

    /// Another token for a licence; those before stay good.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refused::Which`].
    pub fn token(&self, license_arn: Option<&str>, agreement_id: Option<&str>) -> Result<Issued, Refused> {
        let (mut market, now) = self.now();
        let agreement = market.one(license_arn, agreement_id)?;
        let (token, expires) = market.issue(&agreement, now);
        Ok(Issued { token, expires: clock::seconds(expires) })
    }

    /// Lets one token expire, or all of a licence, or all; answers how many were good until then.
    ///
    /// # Errors
    /// [`Refused::Unknown`] token or licence.
    pub fn expire(&self, token: Option<&str>, license_arn: Option<&str>) -> Result<usize, Refused> {
        let (mut market, now) = self.now();
        let agreement = license_arn.map(|license| market.one(Some(license), None)).transpose()?;
        if let Some(token) = token.filter(|token| !market.tokens.contains_key(*token)) {
            return Err(Refused::Unknown { kind: "token", id: format!("of {} characters", token.len()) });
        }
        let meant = |text: &str, of: &str| {
            token.is_none_or(|token| token == text) && agreement.as_deref().is_none_or(|one| one == of)
        };
        let mut expired = 0;
        for (text, kept) in &mut market.tokens {
            if now < kept.expires && meant(text, &kept.agreement) {
                kept.expires = now;
                expired += 1;
            }
        }
        Ok(expired)
    }

    /// The newest token of a licence that is still good.
    pub fn token_of(&self, license_arn: &str) -> Option<String> {
        let (market, now) = self.now();
        let agreement = market.one(Some(license_arn), None).ok()?;
        market.token_of(&agreement, now).map(ToOwned::to_owned)
    }

    /// Takes an order for an odd answer.
    ///
    /// # Errors
    /// [`Refused::Order`], [`Refused::Full`].
    pub fn order(&self, order: Order) -> Result<(), Refused> {
        let mut market = self.lock();
        let max = market.limits.orders_max;
        market.orders.add(order, max)
    }

    /// The orders still open.
    pub fn orders(&self) -> Vec<Order> {
        self.lock().orders.open()
    }

    /// Forgets every order.
    pub fn clear_orders(&self) {
        self.lock().orders.clear();
    }

    /// What there is; of one licence if one is given.
    ///
    /// # Errors
    /// [`Refused::Unknown`] licence.
    pub fn state(&self, license_arn: Option<&str>) -> Result<State, Refused> {
        let (market, now) = self.now();
        let agreement = license_arn.map(|license| market.one(Some(license), None)).transpose()?;
        Ok(state::state(&market, agreement.as_deref(), now))
    }

    /// The bill, or one licence's part of it: by licence, hour and dimension.
    pub fn bill(&self, license_arn: Option<&str>) -> Vec<BillLine> {
        self.lock().bill.lines(license_arn)
    }

    /// What the clock shows.
    pub fn clock(&self) -> Shown {
        let (market, now) = self.now();
        Shown { now: clock::seconds(now), offset_seconds: market.offset.seconds() }
    }

    /// Moves the clock.
    ///
    /// # Errors
    /// [`Refused::Time`] if that is no time, or further than a hundred years.
    pub fn move_clock(&self, to: &MoveClock) -> Result<Shown, Refused> {
        let outer = (self.clock)();
        let mut market = self.lock();
        let offset = match to {
            MoveClock::Now(text) => clock::read(text).and_then(|now| clock::Offset::reaching(now, outer)),
            MoveClock::AdvanceSeconds(seconds) => market.offset.further(*seconds),
            MoveClock::OffsetSeconds(seconds) => clock::Offset::default().further(*seconds),
        };
        market.offset = offset.ok_or_else(|| Refused::Time(format!("{to:?}")))?;
        let now = market.offset.apply(outer);
        Ok(Shown { now: clock::seconds(now), offset_seconds: market.offset.seconds() })
    }

    /// All that is known, and the Marketplace's time.
    fn now(&self) -> (MutexGuard<'_, Market>, OffsetDateTime) {
        let outer = (self.clock)();
        let market = self.lock();
        let now = market.offset.apply(outer);
        (market, now)
    }

    // INVARIANT: what changes the state does so after everything that can be refused, so that the state is whole
    // even if a call that held the lock died.
    fn lock(&self) -> MutexGuard<'_, Market> {
        self.market.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Marketplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marketplace").finish_non_exhaustive()
    }
}

/// An empty body is an empty object: the protocols allow both.
fn read(body: &[u8], encoding: Encoding) -> Result<Value, Fault> {
    if body.len() >= REQUEST_BYTES_MAX {
        return Err(Fault::new(Exception::RequestEntityTooLarge, "a request has less than 1 MB"));
    }
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value = match encoding {
        Encoding::Json => serde_json::from_slice(body).ok(),
        Encoding::Cbor => cbor::read(body),
    };
    value.ok_or_else(|| Fault::mistyped("the request", "one document of its content type"))
}
