//! BatchMeterUsage as metering knows it: sealed records in, an [`Answer`] or a [`Refusal`] out.
//!
//! Total: whatever the SDK makes of a call is one of the two, and the difference that matters is whether the call may
//! have had its effect. The SDK's own retries are off, so that every call is paced and counted by its caller, and so
//! that a record that may have been billed by a lost call is known to be one.
//!
//! | what comes | what it is |
//! |---|---|
//! | an answer that can be read | [`Answer`]; what it says of single records is [`crate::metering::outcome`]'s to judge |
//! | a timeout, a cut connection, a 5xx, an answer that cannot be read | [`Refusal::Unanswered`]: it may have had its effect |
//! | `ThrottlingException`, a 429 | [`Refusal::Throttled`] |
//! | an exception of the model | its [`Exception`] |
//! | a 4xx of the protocol, or of the signature | [`Exception::Malformed`], [`Exception::AccessDenied`] |
//! | any other word | [`Exception::Unknown`] |

use std::time::Duration;

use aws_sdk_marketplacemetering::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::batch_meter_usage::{BatchMeterUsageError, BatchMeterUsageOutput},
    types,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

use super::{
    meter::{self, Batch, Usage},
    seller::{SellerError, SellerSession},
};
use crate::metering::{
    outcome::{Answer, Echo, Exception, Refusal, Reported, Status},
    plan::UsageRecord,
};

/// How long one call may take. The Marketplace states no figure; a call that is given up may still have its effect,
/// so it is not given up lightly.
const CALL_LASTS: Duration = Duration::from_secs(10);

/// The door through which usage is billed.
#[derive(Debug)]
pub struct Billing {
    seller: SellerSession,
}

impl Billing {
    /// `seller` opens sessions of the seller account's role that may call BatchMeterUsage, in the one Region in
    /// which this deployment meters: the Marketplace tells records apart per Region.
    #[must_use]
    pub const fn new(seller: SellerSession) -> Self {
        Self { seller }
    }

    /// Sends one request of 1 to 25 records, once.
    ///
    /// # Errors
    /// What became of the whole request, if there is no answer that speaks of its records.
    pub async fn send(&self, records: &[UsageRecord]) -> Result<Answer, Refusal> {
        let session = self.seller.config().await.map_err(|error| {
            let refusal = no_session(&error);
            tracing::warn!(error = crate::problem::chain(&error), "nothing was sent");
            refusal
        })?;
        // Nothing of it is sent; alone, the one that cannot be is given up.
        let batch = batch(records).map_err(|_| Refusal::Exception(Exception::Malformed))?;
        let limits = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(CALL_LASTS)
            .operation_timeout(CALL_LASTS)
            .build();
        let session =
            session.into_builder().retry_config(RetryConfig::disabled()).timeout_config(limits).build();
        match meter::send(&session, batch).await {
            Ok(output) => Ok(answer(&output)),
            Err(error) => {
                let refusal = refusal(&error);
                // The code only: a message may repeat what was sent.
                let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
                tracing::warn!(code, refusal = ?refusal, records = records.len(), "a request was not taken");
                Err(refusal)
            }
        }
    }
}

fn batch(records: &[UsageRecord]) -> Result<Batch, meter::Unmeterable> {
    let usage = |record: &UsageRecord| {
        let start = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(record.hour.start().get());
        let (account, license) = (record.account.clone(), record.license.clone());
        Usage::of(account, license, record.dimension.as_str(), u64::from(record.quantity.get()), start)
    };
    Batch::of(&records.iter().map(usage).collect::<Result<Vec<_>, _>>()?)
}

fn answer(output: &BatchMeterUsageOutput) -> Answer {
    let results = output.results().iter().map(|result| Reported {
        record: result.usage_record().map_or_else(nobodys, echo),
        status: match result.status() {
            Some(types::UsageRecordResultStatus::Success) => Status::Success,
            Some(types::UsageRecordResultStatus::DuplicateRecord) => Status::DuplicateRecord,
            Some(types::UsageRecordResultStatus::CustomerNotSubscribed) => Status::CustomerNotSubscribed,
            _ => Status::Unknown,
        },
        id: result.metering_record_id().and_then(|id| id.parse().ok()),
    });
    Answer {
        results: results.collect(),
        unprocessed: output.unprocessed_records().iter().map(echo).collect(),
    }
}

fn echo(record: &types::UsageRecord) -> Echo {
    Echo {
        account: record.customer_aws_account_id().unwrap_or_default().to_owned(),
        license: record.license_arn().unwrap_or_default().to_owned(),
        dimension: record.dimension().to_owned(),
        timestamp: record.timestamp().secs(),
        quantity: i64::from(record.quantity().unwrap_or_default()),
    }
}

/// A result that does not say what it is about: no record of ours, so that it is counted as foreign.
const fn nobodys() -> Echo {
    Echo {
        account: String::new(),
        license: String::new(),
        dimension: String::new(),
        timestamp: 0,
        quantity: 0,
    }
}

/// Whether STS refuses, which will not pass by itself, or only did not answer.
fn no_session(error: &SellerError) -> Refusal {
    match error {
        SellerError::Assume(error) => match error.code() {
            Some("AccessDenied" | "AccessDeniedException") => Refusal::Exception(Exception::AccessDenied),
            _ => Refusal::Unanswered,
        },
        SellerError::NoCredentials => Refusal::Unanswered,
    }
}

fn refusal(error: &SdkError<BatchMeterUsageError, HttpResponse>) -> Refusal {
    match error {
        SdkError::ServiceError(context) => {
            of_code(context.err().code().unwrap_or_default(), context.raw().status().as_u16())
        }
        // An answer came and cannot be read; its status is all that is known of it.
        SdkError::ResponseError(context) => of_status(context.raw().status().as_u16()),
        // Not built, not sent, not answered in time, or cut off: in each case perhaps, or harmlessly, again.
        _ => Refusal::Unanswered,
    }
}

/// The word of an exception. The model's come first; the others are AWS's in common.
/// <https://docs.aws.amazon.com/marketplacemetering/latest/APIReference/CommonErrors.html>
fn of_code(code: &str, status: u16) -> Refusal {
    let exception = match code {
        "InvalidUsageDimensionException" => Exception::InvalidUsageDimension,
        "InvalidLicenseException" => Exception::InvalidLicense,
        "TimestampOutOfBoundsException" => Exception::TimestampOutOfBounds,
        "InvalidTagException" => Exception::InvalidTag,
        "InvalidUsageAllocationsException" => Exception::InvalidUsageAllocations,
        "InvalidCustomerIdentifierException" => Exception::InvalidCustomerIdentifier,
        "InvalidProductCodeException" => Exception::InvalidProductCode,
        "DisabledApiException" => Exception::DisabledApi,
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown" => {
            return Refusal::Throttled;
        }
        "InternalServiceErrorException"
        | "InternalServiceError"
        | "InternalServerError"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => {
            return Refusal::Unanswered;
        }
        "ValidationException"
        | "ValidationError"
        | "SerializationException"
        | "RequestEntityTooLargeException" => Exception::Malformed,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired" => Exception::AccessDenied,
        _ => return of_status(status),
    };
    Refusal::Exception(exception)
}

/// What a status says without a word that is known. A 2xx is an answer that cannot be read: it had its effect.
const fn of_status(status: u16) -> Refusal {
    match status {
        401 | 403 => Refusal::Exception(Exception::AccessDenied),
        413 => Refusal::Exception(Exception::Malformed),
        429 => Refusal::Throttled,
        400..=499 => Refusal::Exception(Exception::Unknown),
        _ => Refusal::Unanswered,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        clock::Clock,
        marketplace::script::{Script, seller},
    };

    const LICENSE: &str = "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0";

    fn record(dimension: &str, quantity: u32) -> UsageRecord {
        UsageRecord {
            account: "111122223333".parse().unwrap(),
            license: LICENSE.parse().unwrap(),
            dimension: dimension.parse().unwrap(),
            hour: "2026-11-22T11".parse().unwrap(),
            quantity: quantity.try_into().unwrap(),
        }
    }

    fn told(dimension: &str, quantity: u32) -> Value {
        json!({ "Timestamp": 1_795_345_200, "Dimension": dimension, "Quantity": quantity,
            "CustomerAWSAccountId": "111122223333", "LicenseArn": LICENSE })
    }

    /// What the Marketplace's answer to one call comes to, and how many calls there were.
    async fn sent(answers: &[(u16, &str)]) -> (Result<Answer, Refusal>, usize) {
        let lent = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
             <Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t\
             </SessionToken><Expiration>2026-11-22T12:15:00Z</Expiration></Credentials></AssumeRoleResult>\
             </AssumeRoleResponse>";
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned()));
        let script = Script::of([(200, lent.to_owned())].into_iter().chain(answers));
        let noon = crate::clock::parse_rfc3339("2026-11-22T12:00:00.000Z").unwrap();
        let session = SellerSession::new(
            &script.config("us-east-1"),
            Clock::set_to(noon),
            &seller(),
            "strongroom-metering",
        );
        let answer = Billing::new(session).send(&[record("a", 5), record("b", 0)]).await;
        let calls = script.sent();
        let body: Value = serde_json::from_str(&calls[1].body).unwrap();
        assert_eq!(body, json!({ "UsageRecords": [told("a", 5), told("b", 0)] }), "verbatim");
        (answer, calls.len() - 1)
    }

    #[tokio::test]
    async fn what_is_said_of_each_record_is_read_as_it_was_said() {
        let success = json!({ "UsageRecord": told("a", 5), "Status": "Success", "MeteringRecordId": "id-1" });
        let new = json!({ "UsageRecord": told("b", 0), "Status": "SomethingNew" });
        let unnamed = json!({ "Status": "Success", "MeteringRecordId": "id-2" });
        let body = json!({ "Results": [success, new, unnamed], "UnprocessedRecords": [told("b", 0)] });
        let (answer, _) = sent(&[(200, &body.to_string())]).await;
        let reported = |record, status, id: Option<&str>| Reported {
            record,
            status,
            id: id.and_then(|id| id.parse().ok()),
        };
        let (a, b) = (Echo::from(&record("a", 5)), Echo::from(&record("b", 0)));
        let expected = Answer {
            results: vec![
                reported(a, Status::Success, Some("id-1")),
                reported(b.clone(), Status::Unknown, None),
                reported(nobodys(), Status::Success, Some("id-2")),
            ],
            unprocessed: vec![b],
        };
        assert_eq!(answer.unwrap(), expected);
        let (empty, _) = sent(&[(200, "{}")]).await;
        assert_eq!(empty.unwrap(), Answer::default(), "records in neither list");
    }

    #[tokio::test]
    async fn a_call_that_may_have_had_its_effect_says_so_and_is_made_once() {
        let error = |code: &str| json!({ "__type": code, "message": "m" }).to_string();
        for (status, body) in [
            (500, error("InternalServiceErrorException")),
            (503, String::new()),
            (502, "<html>".to_owned()),
            (200, "not json".to_owned()),
            (200, r#"{"Results":[{"UsageRecord":{"Timestamp":"x"}}]}"#.to_owned()),
        ] {
            let (answer, calls) = sent(&[(status, &body), (200, "{}")]).await;
            assert_eq!((answer, calls), (Err(Refusal::Unanswered), 1), "{status} {body}");
        }
        // The script is over: the connection is cut.
        assert_eq!(sent(&[]).await, (Err(Refusal::Unanswered), 1));
    }

    #[tokio::test]
    async fn every_exception_is_told_apart() {
        use Exception::{
            AccessDenied, DisabledApi, InvalidCustomerIdentifier, InvalidLicense, InvalidProductCode,
            InvalidTag, InvalidUsageAllocations, InvalidUsageDimension, Malformed, TimestampOutOfBounds,
            Unknown,
        };
        for (status, code, exception) in [
            (400, "InvalidUsageDimensionException", InvalidUsageDimension),
            (400, "InvalidLicenseException", InvalidLicense),
            (400, "TimestampOutOfBoundsException", TimestampOutOfBounds),
            (400, "InvalidTagException", InvalidTag),
            (400, "InvalidUsageAllocationsException", InvalidUsageAllocations),
            (400, "InvalidCustomerIdentifierException", InvalidCustomerIdentifier),
            (400, "InvalidProductCodeException", InvalidProductCode),
            (400, "DisabledApiException", DisabledApi),
            (400, "com.amazonaws.x#AccessDeniedException", AccessDenied),
            (403, "ExpiredTokenException", AccessDenied),
            (403, "SomethingNewAboutCredentials", AccessDenied),
            (400, "SerializationException", Malformed),
            (413, "TooBigInNewWords", Malformed),
            (400, "SomethingNewException", Unknown),
        ] {
            let body = json!({ "__type": code, "message": "m" }).to_string();
            let (answer, _) = sent(&[(status, &body)]).await;
            assert_eq!(answer, Err(Refusal::Exception(exception)), "{code}");
        }
        for (status, code) in [(400, "ThrottlingException"), (429, "SomethingNewAboutRates")] {
            let body = json!({ "__type": code }).to_string();
            assert_eq!(sent(&[(status, &body)]).await, (Err(Refusal::Throttled), 1), "{code}");
        }
    }

    #[tokio::test]
    async fn without_a_session_nothing_is_sent() {
        let noon = Clock::set_to(crate::clock::parse_rfc3339("2026-11-22T12:00:00.000Z").unwrap());
        let refused = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender\
             </Type><Code>AccessDenied</Code><Message>m</Message></Error></ErrorResponse>";
        for (answers, refusal) in [
            (vec![(403, refused.to_owned())], Refusal::Exception(Exception::AccessDenied)),
            (vec![], Refusal::Unanswered),
        ] {
            let script = Script::of(answers);
            let session = SellerSession::new(
                &script.config("us-east-1"),
                noon.clone(),
                &seller(),
                "strongroom-metering",
            );
            assert_eq!(Billing::new(session).send(&[record("a", 5)]).await, Err(refusal));
            assert_eq!(script.sent().len(), 1, "only STS was asked");
        }
    }
}
