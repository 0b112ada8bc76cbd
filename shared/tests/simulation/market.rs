//! The Marketplace of the local account, spoken to in its own wire form.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use marketplace::{
    BillLine, Call, Change, ChangeOrder, DEFAULT_PRODUCT_CODE, Encoding, Limits, Listing, Marketplace, Order,
    Service, Subscribe,
};
use serde::Deserialize;
use serde_json::json;
use shared::{
    marketplace::ids::{AccountId, LicenseArn},
    metering::{
        Second,
        outcome::{Answer, Echo, Exception, Refusal, Reported, Status},
    },
};
use time::OffsetDateTime;

const SELLER: &str = "444455556666";
const REGION: &str = "us-east-1";
const DIMENSIONS: [&str; 3] = ["documents_added", "shares_created", "storage_gib_hours"];

pub(crate) struct Market {
    inner: Marketplace,
    time: Arc<AtomicU64>,
}

impl Market {
    pub(crate) fn new(seed: u64) -> Self {
        let time = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&time);
        let clock = move || {
            let seconds = i64::try_from(shown.load(Ordering::Relaxed)).unwrap();
            OffsetDateTime::from_unix_timestamp(seconds).unwrap()
        };
        let inner = Marketplace::with_limits(SELLER, REGION, Limits::without_rates(), seed, clock);
        Self { inner, time }
    }

    pub(crate) fn at(&self, time: Second) {
        self.time.store(time.get(), Ordering::Relaxed);
    }

    pub(crate) fn subscribe(&self, account: Option<&AccountId>) -> (LicenseArn, AccountId) {
        let order = Subscribe { account: account.map(ToString::to_string), ..Subscribe::default() };
        let bought = self.inner.subscribe(order).unwrap();
        (bought.license_arn.parse().unwrap(), bought.account.parse().unwrap())
    }

    pub(crate) fn change(&self, license: &LicenseArn, change: Change) {
        let license_arn = Some(license.to_string());
        let order = ChangeOrder { license_arn, agreement_id: None, change, status: None, at: None };
        self.inner.change(&order).unwrap();
    }

    /// The agreement of a licence is renewed: the new licence.
    pub(crate) fn renew(&self, license: &LicenseArn) -> (LicenseArn, AccountId) {
        let license_arn = Some(license.to_string());
        let order =
            ChangeOrder { license_arn, agreement_id: None, change: Change::Renew, status: None, at: None };
        let next = self.inner.change(&order).unwrap().successor.unwrap();
        (next.license_arn.parse().unwrap(), next.account.parse().unwrap())
    }

    /// Every request with a record of this licence is refused, until the orders are cleared.
    pub(crate) fn poison(&self, license: &LicenseArn, exception: &str) {
        let order = json!({"operation": "BatchMeterUsage", "answer": exception, "times": 100_000,
            "license_arn": license.as_str()});
        self.inner.order(serde_json::from_value::<Order>(order).unwrap()).unwrap();
    }

    /// Records at these places of the next request come back in no list or as unprocessed; billed or not.
    pub(crate) fn odd(&self, answer: &str, places: &[usize], billed: bool) {
        let order =
            json!({"operation": "BatchMeterUsage", "answer": answer, "records": places, "billed": billed});
        self.inner.order(serde_json::from_value::<Order>(order).unwrap()).unwrap();
    }

    pub(crate) fn clear_orders(&self) {
        self.inner.clear_orders();
    }

    /// The listing has every dimension, or misses the last.
    pub(crate) fn list(&self, whole: bool) {
        let names = if whole { &DIMENSIONS[..] } else { &DIMENSIONS[..2] };
        let dimensions = Some(names.iter().map(ToString::to_string).collect());
        let code = Some(DEFAULT_PRODUCT_CODE.to_owned());
        self.inner.list(Listing { code, name: None, dimensions }).unwrap();
    }

    pub(crate) fn bill(&self) -> Vec<BillLine> {
        self.inner.bill(None)
    }

    pub(crate) fn meter(&self, records: &[Echo]) -> Result<Answer, Refusal> {
        // By hand: names without anything to escape, ten times as fast as by values.
        let mut body = String::from("{\"UsageRecords\":[");
        for (place, one) in records.iter().enumerate() {
            let Echo { account, license, dimension, timestamp, quantity } = one;
            let comma = if place == 0 { "" } else { "," };
            write!(
                body,
                "{comma}{{\"Timestamp\":{timestamp},\"CustomerAWSAccountId\":\"{account}\",\"LicenseArn\":\"{license}\",\
                \"Dimension\":\"{dimension}\",\"Quantity\":{quantity}}}"
            )
            .unwrap();
        }
        body.push_str("]}");
        let call = Call {
            service: Service::Metering,
            operation: "BatchMeterUsage",
            caller: SELLER,
            region: REGION,
            encoding: Encoding::Json,
        };
        let reply = self.inner.call(&call, body.as_bytes());
        if let Some(name) = reply.error_type {
            return Err(refusal(name));
        }
        let answer: Wire = serde_json::from_slice(&reply.body).unwrap();
        let results = answer.results.into_iter().map(WireResult::read).collect();
        Ok(Answer { results, unprocessed: answer.unprocessed.into_iter().map(WireRecord::read).collect() })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    results: Vec<WireResult>,
    #[serde(rename = "UnprocessedRecords")]
    unprocessed: Vec<WireRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireResult {
    usage_record: WireRecord,
    status: String,
    metering_record_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireRecord {
    #[serde(rename = "CustomerAWSAccountId")]
    account: String,
    license_arn: String,
    dimension: String,
    timestamp: i64,
    quantity: i64,
}

impl WireResult {
    fn read(self) -> Reported {
        let status = match self.status.as_str() {
            "Success" => Status::Success,
            "DuplicateRecord" => Status::DuplicateRecord,
            "CustomerNotSubscribed" => Status::CustomerNotSubscribed,
            _ => Status::Unknown,
        };
        let id = self.metering_record_id.map(|id| id.parse().unwrap());
        Reported { record: self.usage_record.read(), status, id }
    }
}

impl WireRecord {
    fn read(self) -> Echo {
        let Self { account, license_arn, dimension, timestamp, quantity } = self;
        Echo { account, license: license_arn, dimension, timestamp, quantity }
    }
}

fn refusal(name: &str) -> Refusal {
    Refusal::Exception(match name {
        "ThrottlingException" => return Refusal::Throttled,
        "InternalServiceErrorException" => return Refusal::Unanswered,
        "InvalidUsageDimensionException" => Exception::InvalidUsageDimension,
        "InvalidLicenseException" => Exception::InvalidLicense,
        "TimestampOutOfBoundsException" => Exception::TimestampOutOfBounds,
        "InvalidTagException" => Exception::InvalidTag,
        "InvalidUsageAllocationsException" => Exception::InvalidUsageAllocations,
        "InvalidCustomerIdentifierException" => Exception::InvalidCustomerIdentifier,
        "InvalidProductCodeException" => Exception::InvalidProductCode,
        "DisabledApiException" => Exception::DisabledApi,
        "AccessDeniedException" => Exception::AccessDenied,
        "ValidationException" | "SerializationException" | "RequestEntityTooLargeException" => {
            Exception::Malformed
        }
        _ => Exception::Unknown,
    })
}
