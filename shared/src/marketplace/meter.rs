//! BatchMeterUsage as it must go onto the wire. Gathering usage, sealing hours and reading the outcome are
//! not its business.
//!
//! The SDK's model makes `CustomerIdentifier` required, so a record without one is sent with an empty one;
//! the Marketplace's model has new listings send account and licence *instead* of it, never both. This file
//! takes the empty one out before the request is signed, and is the only one that builds such a request.

use std::time::SystemTime;

use aws_sdk_marketplacemetering::{
    Client,
    config::http::{HttpRequest, HttpResponse},
    error::SdkError,
    operation::batch_meter_usage::{BatchMeterUsageError, BatchMeterUsageOutput},
    types::UsageRecord,
};
use aws_smithy_types::{DateTime, body::SdkBody};
use aws_types::SdkConfig;
use serde_json::Value;

use super::ids::{AccountId, LicenseArn};
use crate::clock::epoch_s;

/// The most records of one request.
/// <https://docs.aws.amazon.com/marketplacemetering/latest/APIReference/API_BatchMeterUsage.html>
pub const RECORDS_MAX: usize = 25;

const DIMENSION_CHARS_MAX: usize = 255;

const HOUR_S: u64 = 3600;

/// A record or a batch that the Marketplace would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record cannot be metered: {0}")]
pub struct Unmeterable(&'static str);

/// How much of one dimension one licence used in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    account: AccountId,
    license: LicenseArn,
    dimension: String,
    quantity: i32,
    hour_s: u64,
}

impl Usage {
    /// `hour` is any moment of the hour: what is sent is its beginning, because the Marketplace tells records
    /// apart by the hour. `quantity` counts whole units of `dimension`, named exactly as in the listing.
    ///
    /// # Errors
    /// When the dimension or the quantity is out of the Marketplace's limits.
    pub fn of(
        account: AccountId,
        license: LicenseArn,
        dimension: &str,
        quantity: u64,
        hour: SystemTime,
    ) -> Result<Self, Unmeterable> {
        if dimension.is_empty() || dimension.chars().count() > DIMENSION_CHARS_MAX {
            return Err(Unmeterable("a dimension has 1 to 255 characters"));
        }
        let quantity =
            i32::try_from(quantity).map_err(|_| Unmeterable("a quantity is at most 2147483647"))?;
        let at = epoch_s(hour);
        Ok(Self { account, license, dimension: dimension.to_owned(), quantity, hour_s: at - at % HOUR_S })
    }

    fn to_record(&self) -> Result<UsageRecord, Unmeterable> {
        UsageRecord::builder()
            .timestamp(DateTime::from_secs(i64::try_from(self.hour_s).unwrap_or(i64::MAX)))
            .dimension(&self.dimension)
            .quantity(self.quantity)
            .customer_aws_account_id(self.account.as_str())
            .license_arn(self.license.as_str())
            .customer_identifier("")
            .build()
            .map_err(|_| Unmeterable("it is not complete"))
    }
}

/// 1 to 25 records of one product: the licences say which, so no product code is sent beside them. Sending both
/// for one buyer and hour bills twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch(Vec<UsageRecord>);

impl Batch {
    /// The batch of these records.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn of(records: &[Usage]) -> Result<Self, Unmeterable> {
        if records.is_empty() || records.len() > RECORDS_MAX {
            return Err(Unmeterable("a batch has 1 to 25 of them"));
        }
        Ok(Self(records.iter().map(Usage::to_record).collect::<Result<_, _>>()?))
    }
}

/// Sends a batch, in a session of the seller account.
///
/// # Errors
/// What the Marketplace answers to the whole request; what it says of single records is in the output.
pub async fn send(
    session: &SdkConfig,
    batch: Batch,
) -> Result<BatchMeterUsageOutput, SdkError<BatchMeterUsageError, HttpResponse>> {
    #[expect(clippy::disallowed_methods, reason = "the one door to BatchMeterUsage")]
    let client = Client::new(session);
    client
        .batch_meter_usage()
        .set_usage_records(Some(batch.0))
        .customize()
        .map_request(without_empty_identifiers)
        .send()
        .await
}

/// The body was not what the SDK has sent so far: nothing is better than a guess.
#[derive(Debug, thiserror::Error)]
#[error("the request of BatchMeterUsage has no records to look at")]
struct Unrecognized;

/// Runs before signing, on every attempt, so that signature and length are those of what is sent.
fn without_empty_identifiers(mut request: HttpRequest) -> Result<HttpRequest, Unrecognized> {
    let body = request.body().bytes().ok_or(Unrecognized)?;
    let mut json: Value = serde_json::from_slice(body).map_err(|_| Unrecognized)?;
    let records = json.get_mut("UsageRecords").and_then(Value::as_array_mut).ok_or(Unrecognized)?;
    for record in records {
        let record = record.as_object_mut().ok_or(Unrecognized)?;
        if record.get("CustomerIdentifier").is_some_and(|id| id == "") {
            record.remove("CustomerIdentifier");
        }
    }
    let text = json.to_string();
    request.headers_mut().insert("content-length", text.len().to_string());
    *request.body_mut() = SdkBody::from(text);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::marketplace::script::{Script, Sent};

    const LICENSE: &str = "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0";

    fn usage(quantity: u64) -> Usage {
        // 25 minutes and a bit into the hour of 2026-11-22T11:00:00Z.
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_345_200_000 + 1_534_567);
        Usage::of("111122223333".parse().unwrap(), LICENSE.parse().unwrap(), "documents", quantity, moment)
            .unwrap()
    }

    async fn sent(script: &Script) -> Vec<Sent> {
        let session = script.config("us-east-1").into_builder();
        let session = session
            .retry_config(
                aws_smithy_types::retry::RetryConfig::standard()
                    .with_max_attempts(2)
                    .with_initial_backoff(Duration::ZERO),
            )
            .build();
        send(&session, Batch::of(&[usage(17), usage(0)]).unwrap()).await.unwrap();
        script.sent()
    }

    #[tokio::test]
    async fn no_empty_customer_identifier_goes_onto_the_wire_on_any_attempt() {
        let answer = (200, r#"{"Results":[],"UnprocessedRecords":[]}"#.to_owned());
        let script = Script::of([(503, String::new()), answer]);
        let sent = sent(&script).await;
        assert_eq!(sent.len(), 2, "the first attempt failed");
        for sent in sent {
            assert_eq!(
                sent.content_length,
                Some(sent.body.len().to_string()),
                "the length is of what is sent"
            );
            assert!(sent.authorization.contains("SignedHeaders=content-length;"), "{}", sent.authorization);
            let record = |quantity: u32| {
                json!({ "Timestamp": 1_795_345_200, "Dimension": "documents", "Quantity": quantity,
                    "CustomerAWSAccountId": "111122223333", "LicenseArn": LICENSE })
            };
            let body: Value = serde_json::from_str(&sent.body).unwrap();
            assert_eq!(body, json!({ "UsageRecords": [record(17), record(0)] }), "and no product code");
        }
    }

    #[tokio::test]
    async fn the_sdk_still_needs_this_file() {
        // The day this fails, the SDK has learnt better, and the stripping can go.
        let script = Script::of([(200, r#"{"Results":[],"UnprocessedRecords":[]}"#.to_owned())]);
        #[expect(clippy::disallowed_methods, reason = "what the SDK does without the door")]
        let client = Client::new(&script.config("us-east-1"));
        let records = Batch::of(&[usage(1)]).unwrap().0;
        client.batch_meter_usage().set_usage_records(Some(records)).send().await.unwrap();
        assert!(script.sent()[0].body.contains(r#""CustomerIdentifier":"""#), "{}", script.sent()[0].body);
    }

    #[test]
    fn records_and_batches_have_the_limits_of_the_marketplace() {
        let of = |dimension: &str, quantity| {
            let license = LICENSE.parse().unwrap();
            Usage::of("111122223333".parse().unwrap(), license, dimension, quantity, SystemTime::UNIX_EPOCH)
        };
        assert!(of("d", 2_147_483_647).is_ok() && of(&"d".repeat(255), 0).is_ok());
        assert!(of("d", 2_147_483_648).is_err() && of("", 0).is_err() && of(&"d".repeat(256), 0).is_err());
        assert!(Batch::of(&vec![usage(1); RECORDS_MAX]).is_ok());
        assert!(Batch::of(&vec![usage(1); RECORDS_MAX + 1]).is_err() && Batch::of(&[]).is_err());
    }

    #[test]
    fn a_body_that_is_not_understood_is_not_sent() {
        for body in ["", "{}", r#"{"UsageRecords":{}}"#, r#"{"UsageRecords":[1]}"#] {
            assert!(without_empty_identifiers(HttpRequest::new(SdkBody::from(body))).is_err(), "{body}");
        }
    }
}
