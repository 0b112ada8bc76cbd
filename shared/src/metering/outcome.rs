//! What an answer of `BatchMeterUsage` means for each record that was sent. Pure, and total: there is no answer
//! after which a record is neither settled nor sent again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    hour::Second,
    ledger::{RecordId, Sent, State},
    plan::{Outgoing, UsageRecord},
};

/// An answer, as it came: nothing in it is believed to be ours before it is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// `Results`.
    pub results: Vec<Reported>,
    /// `UnprocessedRecords`.
    pub unprocessed: Vec<Echo>,
}

/// One of `Results`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// `UsageRecord`: what the Marketplace says that it is about.
    pub record: Echo,
    /// `Status`.
    pub status: Status,
    /// `MeteringRecordId`.
    pub id: Option<RecordId>,
}

/// A record as the Marketplace repeats it. An absent quantity is 0, as in the model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Echo {
    /// `CustomerAWSAccountId`.
    pub account: String,
    /// `LicenseArn`.
    pub license: String,
    /// `Dimension`.
    pub dimension: String,
    /// `Timestamp`, seconds since 1970.
    pub timestamp: i64,
    /// `Quantity`.
    pub quantity: i64,
}

impl From<&UsageRecord> for Echo {
    fn from(record: &UsageRecord) -> Self {
        Self {
            account: record.account.to_string(),
            license: record.license.to_string(),
            dimension: record.dimension.to_string(),
            timestamp: i64::try_from(record.hour.start().get()).unwrap_or(i64::MAX),
            quantity: record.quantity.into(),
        }
    }
}

/// `Status` of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// "Accepted and honored".
    Success,
    /// "A previously metered UsageRecord had the same customer, dimension, and time, but a different quantity."
    DuplicateRecord,
    /// "Not able to use your product."
    CustomerNotSubscribed,
    /// A word that did not exist when this was written.
    Unknown,
}

/// Why a whole request was not answered with results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// `ThrottlingException`.
    Throttled,
    /// `InternalServiceErrorException`, any other 5xx, a timeout, a cut connection, an answer that cannot be
    /// read: it may have had its effect.
    Unanswered,
    /// An exception of the model, or of the protocol.
    Exception(Exception),
}

/// What the Marketplace can object to a request.
/// <https://docs.aws.amazon.com/marketplacemetering/latest/APIReference/API_BatchMeterUsage.html#API_BatchMeterUsage_Errors>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exception {
    /// `InvalidUsageDimensionException`.
    InvalidUsageDimension,
    /// `InvalidLicenseException`: one of the licences, or licences of two products in one request.
    InvalidLicense,
    /// `TimestampOutOfBoundsException`.
    TimestampOutOfBounds,
    /// `InvalidTagException`.
    InvalidTag,
    /// `InvalidUsageAllocationsException`.
    InvalidUsageAllocations,
    /// `InvalidCustomerIdentifierException`.
    InvalidCustomerIdentifier,
    /// `ValidationException`, `SerializationException`, `RequestEntityTooLargeException`: a record that the
    /// protocol does not take.
    Malformed,
    /// `InvalidProductCodeException`: of the whole deployment, since no record names a product.
    InvalidProductCode,
    /// `DisabledApiException`: not in this Region.
    DisabledApi,
    /// `AccessDeniedException` and whatever says that the caller is not who it should be.
    AccessDenied,
    /// One that did not exist when this was written.
    Unknown,
}

/// What to do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same records again, as they are.
    Again,
    /// One of the records is at fault: halves find it. Alone, it is given up with this exception.
    Isolate(Exception),
    /// The same by halves; but alone, the record is only left for the next run, since the objection may pass.
    IsolateOnly,
    /// No record is at fault, and none would be taken: end the run, and raise the alarm.
    Stop,
}

impl Refusal {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Throttled | Self::Unanswered => Remedy::Again,
            Self::Exception(exception) => match exception {
                Exception::InvalidUsageDimension
                | Exception::InvalidLicense
                | Exception::TimestampOutOfBounds
                | Exception::InvalidTag
                | Exception::InvalidUsageAllocations
                | Exception::InvalidCustomerIdentifier
                | Exception::Malformed => Remedy::Isolate(exception),
                Exception::InvalidProductCode | Exception::DisabledApi | Exception::AccessDenied => {
                    Remedy::Stop
                }
                Exception::Unknown => Remedy::IsolateOnly,
            },
        }
    }
}

/// What becomes of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This is to be recorded.
    Settled(State),
    /// It was not billed, and is sent again as it is.
    Again,
}

/// An answer, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One for each record that was sent, in their order.
    pub verdicts: Vec<Verdict>,
    /// Records in the answer that were never in the request: an alarm, and otherwise ignored.
    pub foreign: u32,
    /// Records that the answer says contradictory things of. They are sent again.
    pub contradictory: u32,
}

/// Reads an answer.
///
/// - *Success* of our quantity: accepted. Of another quantity than was sent: contested.
/// - *`DuplicateRecord`*: by the model a different quantity was there before. Ours is the only quantity that we
///   ever send, so that one is foreign: contested. But AWS's own guidance says that an identical repetition may be
///   answered in this way too; so if we may have sent it before (`perhaps_sent`) it is taken as ours. Where the
///   answer itself repeats another quantity there is no doubt.
/// - *`CustomerNotSubscribed`*: held until the licence is permitted anew.
/// - *Unprocessed*, in neither list, an unknown status, or two different things said: sent again. That is safe
///   whatever the truth is, since the same record is sent.
#[must_use]
pub fn of_answer(sent: &[Outgoing], answer: &Answer) -> Outcome {
    /// A record's identity without its quantity.
    type Key<'a> = (&'a str, &'a str, &'a str, i64);
    fn key(echo: &Echo) -> Key<'_> {
        (&echo.account, &echo.license, &echo.dimension, echo.timestamp)
    }
    let mut said: BTreeMap<Key<'_>, Vec<Option<&Reported>>> = BTreeMap::new();
    for reported in &answer.results {
        said.entry(key(&reported.record)).or_default().push(Some(reported));
    }
    for echo in &answer.unprocessed {
        said.entry(key(echo)).or_default().push(None);
    }
    let mut outcome = Outcome::default();
    let echoes: Vec<Echo> = sent.iter().map(|outgoing| Echo::from(&outgoing.record)).collect();
    for (outgoing, echo) in sent.iter().zip(&echoes) {
        let mut verdicts: Vec<Verdict> = said
            .remove(&key(echo))
            .unwrap_or_default()
            .into_iter()
            .map(|one| verdict(outgoing, one))
            .collect();
        let verdict = verdicts.pop().unwrap_or(Verdict::Again);
        let agreed = verdicts.iter().all(|other| *other == verdict);
        outcome.contradictory += u32::from(!agreed);
        outcome.verdicts.push(if agreed { verdict } else { Verdict::Again });
    }
    outcome.foreign = said.values().map(|all| u32::try_from(all.len()).unwrap_or(u32::MAX)).sum();
    outcome
}

fn verdict(outgoing: &Outgoing, reported: Option<&Reported>) -> Verdict {
    let Some(reported) = reported else { return Verdict::Again };
    let is_ours = reported.record.quantity == i64::from(outgoing.record.quantity);
    Verdict::Settled(match reported.status {
        Status::Success if is_ours => State::Accepted { id: reported.id.clone() },
        Status::DuplicateRecord if is_ours && outgoing.perhaps_sent => State::AcceptedAsDuplicate,
        Status::Success | Status::DuplicateRecord => State::Contested,
        Status::CustomerNotSubscribed => State::NotSubscribed { permission: outgoing.permission },
        Status::Unknown => return Verdict::Again,
    })
}

/// What becomes of a record that was refused alone. A timestamp out of bounds near the deadline is the deadline,
/// by the Marketplace's clock; at any other time it is a record that nobody understands.
#[must_use]
pub fn of_poison(outgoing: &Outgoing, exception: Exception, now: Second, skew_s: u64) -> State {
    let is_due = now.plus(skew_s) >= outgoing.deadline;
    match exception {
        Exception::TimestampOutOfBounds if is_due => State::Expired { sent: Sent::Perhaps },
        exception => State::Quarantined { exception },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metering::plan::tests::outgoing;

    fn reported(record: &Outgoing, status: Status) -> Reported {
        Reported { record: Echo::from(&record.record), status, id: "id-1".parse().ok() }
    }

    fn read(sent: &[Outgoing], results: Vec<Reported>, unprocessed: Vec<Echo>) -> Outcome {
        of_answer(sent, &Answer { results, unprocessed })
    }

    #[test]
    fn each_record_is_settled_or_sent_again() {
        let sent = [outgoing("a", 5), outgoing("b", 6), outgoing("c", 7), outgoing("d", 8)];
        let outcome = read(
            &sent,
            vec![reported(&sent[1], Status::CustomerNotSubscribed), reported(&sent[0], Status::Success)],
            vec![Echo::from(&sent[2].record)],
        );
        assert_eq!(
            outcome.verdicts,
            [
                Verdict::Settled(State::Accepted { id: "id-1".parse().ok() }),
                Verdict::Settled(State::NotSubscribed { permission: sent[1].permission }),
                Verdict::Again,
                Verdict::Again,
            ],
            "unprocessed, and in neither list"
        );
        assert_eq!((outcome.foreign, outcome.contradictory), (0, 0));
    }

    #[test]
    fn a_duplicate_is_ours_only_if_we_may_have_sent_it_before() {
        let first = outgoing("a", 5);
        let again = Outgoing { perhaps_sent: true, ..first.clone() };
        let state = |sent: &Outgoing, quantity| {
            let mut said = reported(sent, Status::DuplicateRecord);
            said.record.quantity = quantity;
            read(std::slice::from_ref(sent), vec![said], vec![]).verdicts.remove(0)
        };
        assert_eq!(state(&first, 5), Verdict::Settled(State::Contested));
        assert_eq!(state(&again, 5), Verdict::Settled(State::AcceptedAsDuplicate));
        assert_eq!(state(&again, 9), Verdict::Settled(State::Contested), "it says itself that it is another");
    }

    #[test]
    fn success_of_another_quantity_is_no_success() {
        let sent = outgoing("a", 5);
        let mut said = reported(&sent, Status::Success);
        said.record.quantity = 50;
        assert_eq!(read(&[sent], vec![said], vec![]).verdicts, [Verdict::Settled(State::Contested)]);
    }

    #[test]
    fn what_is_not_ours_is_counted_and_ignored() {
        let (sent, other) = (outgoing("a", 5), outgoing("b", 6));
        let outcome = read(
            std::slice::from_ref(&sent),
            vec![reported(&other, Status::Success)],
            vec![Echo::from(&other.record)],
        );
        assert_eq!((outcome.verdicts, outcome.foreign), (vec![Verdict::Again], 2));
    }

    #[test]
    fn a_contradiction_is_asked_again_and_an_agreement_is_one() {
        let sent = outgoing("a", 5);
        let both = vec![reported(&sent, Status::Success), reported(&sent, Status::CustomerNotSubscribed)];
        let outcome = read(std::slice::from_ref(&sent), both, vec![]);
        assert_eq!((outcome.verdicts, outcome.contradictory), (vec![Verdict::Again], 1));
        let twice = vec![reported(&sent, Status::Success); 2];
        let outcome = read(&[sent], twice, vec![]);
        assert_eq!(outcome.verdicts, [Verdict::Settled(State::Accepted { id: "id-1".parse().ok() })]);
    }

    #[test]
    fn every_refusal_has_its_remedy() {
        assert_eq!(Refusal::Throttled.remedy(), Remedy::Again);
        assert_eq!(Refusal::Unanswered.remedy(), Remedy::Again);
        for exception in [
            Exception::InvalidUsageDimension,
            Exception::InvalidLicense,
            Exception::TimestampOutOfBounds,
            Exception::InvalidTag,
            Exception::InvalidUsageAllocations,
            Exception::InvalidCustomerIdentifier,
            Exception::Malformed,
        ] {
            assert_eq!(Refusal::Exception(exception).remedy(), Remedy::Isolate(exception));
        }
        for exception in [Exception::InvalidProductCode, Exception::DisabledApi, Exception::AccessDenied] {
            assert_eq!(Refusal::Exception(exception).remedy(), Remedy::Stop);
        }
        assert_eq!(Refusal::Exception(Exception::Unknown).remedy(), Remedy::IsolateOnly);
    }

    #[test]
    fn a_time_out_of_bounds_is_the_deadline_only_near_it() {
        let sent = outgoing("a", 5);
        let state = |now| of_poison(&sent, Exception::TimestampOutOfBounds, now, 300);
        assert_eq!(state(sent.deadline.minus(300)), State::Expired { sent: Sent::Perhaps });
        let far = State::Quarantined { exception: Exception::TimestampOutOfBounds };
        assert_eq!(state(sent.deadline.minus(301)), far);
    }
}
