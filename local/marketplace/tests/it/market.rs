//! The harness: a Marketplace with a clock that the test moves, and a buyer or two.

use std::sync::{Arc, Mutex};

use marketplace::{
    AgreementStatus, Call, Change, ChangeOrder, Changed, Encoding, Limits, Listing, Marketplace, Service,
    Subscribe, Subscribed,
};
use serde_json::{Value, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub(crate) const SELLER: &str = "444455556666";
pub(crate) const REGION: &str = "us-east-1";
/// When every test begins.
pub(crate) const START: OffsetDateTime = datetime!(2026-11-22 10:20:30 UTC);

pub(crate) struct Market {
    pub(crate) marketplace: Marketplace,
    now: Arc<Mutex<OffsetDateTime>>,
}

impl Market {
    pub(crate) fn open() -> Self {
        Self::with(Limits::without_rates())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let now = Arc::new(Mutex::new(START));
        let clock = Arc::clone(&now);
        let clock = move || *clock.lock().unwrap();
        Self { marketplace: Marketplace::with_limits(SELLER, REGION, limits, 7, clock), now }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        *self.now.lock().unwrap()
    }

    pub(crate) fn wait(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
    }

    pub(crate) fn at(&self, now: OffsetDateTime) {
        *self.now.lock().unwrap() = now;
    }

    pub(crate) fn buyer(&self) -> Subscribed {
        self.marketplace.subscribe(Subscribe::default()).unwrap()
    }

    /// A buyer of another product than the default one.
    pub(crate) fn buyer_of_another_product(&self) -> Subscribed {
        let code = self.marketplace.list(Listing::default()).unwrap().code;
        self.marketplace.subscribe(Subscribe { product: Some(code), ..Subscribe::default() }).unwrap()
    }

    pub(crate) fn change(&self, buyer: &Subscribed, change: Change) -> Changed {
        self.change_to(buyer, change, None)
    }

    pub(crate) fn change_to(
        &self,
        buyer: &Subscribed,
        change: Change,
        status: Option<AgreementStatus>,
    ) -> Changed {
        let license_arn = Some(buyer.license_arn.clone());
        self.marketplace
            .change(&ChangeOrder { license_arn, agreement_id: None, change, status, at: None })
            .unwrap()
    }

    pub(crate) fn raw(&self, call: &Call<'_>, body: &Value) -> (u16, Value) {
        let reply = self.marketplace.call(call, body.to_string().as_bytes());
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        let named = answer["__type"].as_str().map(|name| name.rsplit('#').next().unwrap());
        assert_eq!(reply.error_type, named);
        assert_eq!(reply.status == 200, named.is_none());
        (reply.status, answer)
    }

    /// A call that must succeed.
    pub(crate) fn ok(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.raw(&call(operation), body);
        assert_eq!(status, 200, "{operation} {body}: {answer}");
        answer
    }

    /// A call that must be refused with this error.
    pub(crate) fn refused(&self, operation: &str, body: &Value, error: &str) -> Value {
        let (status, answer) = self.raw(&call(operation), body);
        assert_ne!(status, 200, "{operation} {body}: {answer}");
        assert!(answer["__type"].as_str().unwrap().ends_with(&format!("#{error}")), "{body}: {answer}");
        assert!(!answer["message"].as_str().unwrap().is_empty());
        answer
    }

    /// Meters records that must be taken; their statuses.
    pub(crate) fn meter(&self, records: &[Value]) -> Vec<String> {
        let answer = self.ok("BatchMeterUsage", &json!({ "UsageRecords": records }));
        assert_eq!(answer["UnprocessedRecords"], json!([]));
        statuses(&answer)
    }

    /// A request for these records, which must fail as a whole and leave no line on the bill.
    pub(crate) fn fails(&self, records: &[Value], error: &str) {
        let before = self.marketplace.bill(None);
        self.refused("BatchMeterUsage", &json!({ "UsageRecords": records }), error);
        assert_eq!(self.marketplace.bill(None), before, "nothing of it is billed");
    }

    /// What a licence is billed for a dimension, hour by hour.
    pub(crate) fn billed(&self, buyer: &Subscribed, dimension: &str) -> Vec<u32> {
        let lines = self.marketplace.bill(Some(&buyer.license_arn));
        lines.iter().filter(|line| line.dimension == dimension).map(|line| line.quantity).collect()
    }
}

pub(crate) fn statuses(answer: &Value) -> Vec<String> {
    let results = answer["Results"].as_array().unwrap();
    results.iter().map(|result| result["Status"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn call(operation: &str) -> Call<'_> {
    let metering = ["ResolveCustomer", "BatchMeterUsage"].contains(&operation);
    let service = if metering { Service::Metering } else { Service::Agreements };
    Call { service, operation, caller: SELLER, region: REGION, encoding: Encoding::Json }
}

/// A record as the product sends it.
pub(crate) fn record(buyer: &Subscribed, dimension: &str, at: OffsetDateTime, quantity: u32) -> Value {
    json!({
        "Timestamp": at.unix_timestamp(),
        "CustomerAWSAccountId": buyer.account,
        "LicenseArn": buyer.license_arn,
        "Dimension": dimension,
        "Quantity": quantity,
    })
}

/// The record with a member more, or another.
pub(crate) fn with(mut record: Value, name: &str, value: Value) -> Value {
    record[name] = value;
    record
}

/// The record without a member.
pub(crate) fn without(mut record: Value, name: &str) -> Value {
    record.as_object_mut().unwrap().remove(name);
    record
}

/// The beginning of the clock hour.
pub(crate) fn hour(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_minute(0).unwrap().replace_second(0).unwrap()
}
