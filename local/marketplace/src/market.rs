//! All that the Marketplace knows at one instant. Operations and orders change it in one go; nothing here speaks
//! to anybody.

use std::collections::{BTreeMap, VecDeque};

use time::{Duration, OffsetDateTime};

use crate::agreement::{Agreement, AgreementStatus, EntitlementStatus, Intent};
use crate::bill::Bill;
use crate::clock::{self, Offset};
use crate::event::{Envelope, Event, Said, word};
use crate::ids::{Ids, is_account};
use crate::limits::Limits;
use crate::orders::Orders;
use crate::product::{DEFAULT_PRODUCT_CODE, Listing, Product};
use crate::refused::Refused;
use crate::throttle::Bucket;

/// A registration token "expires after 4 hours" (seller guide, SaaS product customer onboarding) and gives the same
/// answer until then.
const TOKEN_LIFE: Duration = Duration::hours(4);

/// A token that a buyer's browser brings along.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The agreement whose licence it stands for.
    pub(crate) agreement: String,
    pub(crate) expires: OffsetDateTime,
    number: u64,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) seller: String,
    pub(crate) region: String,
    pub(crate) limits: Limits,
    pub(crate) offset: Offset,
    pub(crate) ids: Ids,
    /// By code.
    pub(crate) products: BTreeMap<String, Product>,
    /// By id.
    pub(crate) agreements: BTreeMap<String, Agreement>,
    /// Agreement by licence.
    pub(crate) licenses: BTreeMap<String, String>,
    /// Ids in the order in which the agreements were made.
    pub(crate) in_order: Vec<String>,
    pub(crate) tokens: BTreeMap<String, Token>,
    tokens_made: VecDeque<String>,
    last_token: u64,
    pub(crate) bill: Bill,
    pub(crate) orders: Orders,
    pub(crate) meter_rate: Bucket,
    pub(crate) events: VecDeque<Event>,
}

/// A new agreement's particulars.
#[derive(Debug)]
pub(crate) struct Purchase {
    pub(crate) product: String,
    pub(crate) account: String,
    pub(crate) trial: bool,
    pub(crate) intent: Intent,
    /// The chain that it belongs to; none if it begins one.
    pub(crate) initial: Option<String>,
    pub(crate) entitlement: EntitlementStatus,
}

impl Market {
    pub(crate) fn new(seller: &str, region: &str, limits: Limits, seed: u64) -> Self {
        let product = Product::default_one();
        Self {
            seller: seller.to_owned(),
            region: region.to_owned(),
            limits,
            offset: Offset::default(),
            ids: Ids::new(seed),
            products: [(product.code.clone(), product)].into(),
            agreements: BTreeMap::new(),
            licenses: BTreeMap::new(),
            in_order: Vec::new(),
            tokens: BTreeMap::new(),
            tokens_made: VecDeque::new(),
            last_token: 0,
            bill: Bill::default(),
            orders: Orders::default(),
            meter_rate: Bucket::default(),
            events: VecDeque::new(),
        }
    }

    /// Makes or changes a listing.
    pub(crate) fn list(&mut self, listing: Listing) -> Result<Product, Refused> {
        let code = listing.code.unwrap_or_else(|| self.ids.product_code());
        // `ProductCode` of the metering model, and not empty.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-/=:_.@".contains(&byte);
        if code.is_empty() || code.len() > 255 || !code.bytes().all(fits) {
            return Err(Refused::Listing("a product code is 1 to 255 of letters, digits and -/=:_.@"));
        }
        let dimension_fits = |name: &String| (1..=255).contains(&name.chars().count());
        if let Some(names) = &listing.dimensions
            && (names.is_empty() || names.len() > 200 || !names.iter().all(dimension_fits))
        {
            return Err(Refused::Listing("a product has 1 to 200 dimensions of 1 to 255 characters"));
        }
        let max = self.limits.products_max;
        if !self.products.contains_key(&code) && self.products.len() >= max {
            return Err(Refused::Full { what: "products", max });
        }
        let id = self.ids.product();
        let product = self.products.entry(code.clone()).or_insert_with(|| Product {
            id,
            name: code.clone(),
            code,
            dimensions: Product::default_one().dimensions,
        });
        if let Some(name) = listing.name {
            product.name = name;
        }
        if let Some(dimensions) = listing.dimensions {
            product.dimensions = dimensions;
        }
        Ok(product.clone())
    }

    /// The product of a code, the default one without a code.
    pub(crate) fn product(&self, code: Option<&str>) -> Result<&Product, Refused> {
        let code = code.unwrap_or(DEFAULT_PRODUCT_CODE);
        self.products.get(code).ok_or_else(|| Refused::Unknown { kind: "product", id: code.to_owned() })
    }

    /// A buyer's account: as given, or a new one.
    pub(crate) fn buyer(&mut self, account: Option<String>) -> Result<String, Refused> {
        let account = account.unwrap_or_else(|| self.ids.account());
        if !is_account(&account) || account == self.seller {
            return Err(Refused::Account(account));
        }
        Ok(account)
    }

    /// Makes an agreement with its offer and its licence; answers its id.
    pub(crate) fn buy(&mut self, purchase: Purchase, now: OffsetDateTime) -> Result<String, Refused> {
        let max = self.limits.agreements_max;
        if self.agreements.len() >= max {
            return Err(Refused::Full { what: "agreements", max });
        }
        let (id, license) = (self.ids.agreement(), self.ids.license());
        let number = u64::try_from(self.in_order.len()).unwrap_or(u64::MAX);
        let agreement = Agreement {
            number,
            id: id.clone(),
            initial: purchase.initial.unwrap_or_else(|| id.clone()),
            intent: purchase.intent,
            product: purchase.product,
            account: purchase.account,
            offer: self.ids.offer(),
            license: license.clone(),
            trial: purchase.trial,
            status: AgreementStatus::Active,
            entitlement: purchase.entitlement,
            accepted: now,
            updated: now,
            closed: None,
            last_event: None,
            terms: [self.ids.term(), self.ids.term()],
        };
        self.agreements.insert(id.clone(), agreement);
        self.licenses.insert(license, id.clone());
        self.in_order.push(id.clone());
        Ok(id)
    }

    /// The one agreement that a licence, an agreement's id, or both name.
    pub(crate) fn one(&self, license: Option<&str>, agreement: Option<&str>) -> Result<String, Refused> {
        let unknown = |id: &str| Refused::Unknown { kind: "agreement or licence", id: id.to_owned() };
        let of_license =
            license.map(|arn| self.licenses.get(arn).ok_or_else(|| unknown(arn))).transpose()?.cloned();
        match (of_license, agreement) {
            (Some(found), Some(named)) if found != named => Err(Refused::Which),
            (Some(found), _) => Ok(found),
            (None, Some(named)) if self.agreements.contains_key(named) => Ok(named.to_owned()),
            (None, Some(named)) => Err(unknown(named)),
            (None, None) => Err(Refused::Which),
        }
    }

    /// The agreement of a licence.
    pub(crate) fn licensed(&self, license: &str) -> Option<&Agreement> {
        self.agreements.get(self.licenses.get(license)?)
    }

    /// A new token for an agreement's licence, and when it expires.
    pub(crate) fn issue(&mut self, agreement: &str, now: OffsetDateTime) -> (String, OffsetDateTime) {
        while self.tokens_made.len() >= self.limits.tokens_max {
            if let Some(oldest) = self.tokens_made.pop_front() {
                self.tokens.remove(&oldest);
            }
        }
        let (token, expires) = (self.ids.token(), now + TOKEN_LIFE);
        self.last_token += 1;
        let made = Token { agreement: agreement.to_owned(), expires, number: self.last_token };
        self.tokens.insert(token.clone(), made);
        self.tokens_made.push_back(token.clone());
        (token, expires)
    }

    /// The newest token of an agreement that is good at `now`.
    pub(crate) fn token_of(&self, agreement: &str, now: OffsetDateTime) -> Option<&str> {
        let good = |token: &Token| token.agreement == agreement && now < token.expires;
        let of = self.tokens.iter().filter(|(_, token)| good(token));
        of.max_by_key(|(_, token)| token.number).map(|(text, _)| text.as_str())
    }

    /// Words an event about an agreement and keeps it, so that it can be sent again.
    pub(crate) fn say(&mut self, agreement: &str, said: Said) -> Result<Event, Refused> {
        let unknown = || Refused::Unknown { kind: "agreement or licence", id: agreement.to_owned() };
        let (id, request_id) = (self.ids.uuid(), self.ids.uuid());
        let about = self.agreements.get(agreement).ok_or_else(unknown)?;
        let product = self.product(Some(&about.product))?;
        let envelope =
            Envelope { seller: &self.seller, region: &self.region, id: &id, request_id: &request_id };
        let event = word(about, product, said, envelope);
        self.keep(event.clone());
        Ok(event)
    }

    pub(crate) fn keep(&mut self, event: Event) {
        while self.events.len() >= self.limits.events_max.max(1) {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The time for an agreement's next event. Real ones lie seconds to minutes apart; so no two of an agreement
    /// share a second here either, though a hurried caller then gets one from the seconds to come.
    pub(crate) fn next_event_time(&mut self, agreement: &str, now: OffsetDateTime) -> OffsetDateTime {
        let now = clock::whole_second(now);
        let Some(agreement) = self.agreements.get_mut(agreement) else { return now };
        let next = agreement.last_event.map_or(now, |last| now.max(last + Duration::SECOND));
        agreement.last_event = Some(next);
        next
    }
}
