//! Writes with conditions: was it done, was it not to be done, or is that unknown? Knows no table.
//!
//! That a condition did not hold is an answer and no failure: somebody was there before, often the caller itself
//! by a try whose reply got lost. What it means only the caller knows.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, TransactWriteItem},
};

/// How often a transaction is tried that met another write of the same rows, and how long it waits in between:
/// less than two seconds in all.
pub(crate) const TRIES: u32 = 12;
const BETWEEN_TRIES: Duration = Duration::from_millis(150);

/// Whether a conditional write of one row was done.
///
/// # Errors
/// What the SDK said, of anything but its condition. It may have been done all the same.
pub(crate) fn held<T, E, R>(written: Result<T, SdkError<E, R>>) -> Result<bool, SdkError<E, R>>
where
    E: ProvideErrorMetadata,
{
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(error),
    }
}

/// The parts of a transaction whose conditions did not hold; nothing of it was written.
#[derive(Debug)]
pub(crate) struct Unmet(Vec<CancellationReason>);

impl Unmet {
    /// Whether it is the condition of this part.
    pub(crate) fn at(&self, part: usize) -> bool {
        self.0.get(part).is_some_and(is_condition)
    }

    /// The row of this part as it is, where its condition did not hold and the part asked for that.
    pub(crate) fn row(&self, part: usize) -> Option<&HashMap<String, AttributeValue>> {
        self.0.get(part).filter(|reason| is_condition(reason))?.item()
    }
}

/// Whether a write of one row met a transaction that was at work on it. It was not done.
pub(crate) fn is_conflict<E, R>(error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata,
{
    error.code() == Some("TransactionConflictException")
}

fn is_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// Why it is not known whether a transaction was done, or it never came to its turn.
#[derive(Debug)]
pub(crate) enum TransactionError {
    /// Other writes of the same rows came in between, again and again. Nothing was written.
    Contended,
    /// The tables did not do their part.
    Store(Box<aws_sdk_dynamodb::Error>),
}

/// Writes all of it or nothing, in at most `tries` tries: one that meets another write of the same rows is tried
/// again.
///
/// A reply that gets lost does no harm: the SDK repeats its call with the same token, which DynamoDB knows for ten
/// minutes. <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(crate) async fn transact(
    client: &Client,
    parts: Vec<TransactWriteItem>,
    tries: u32,
) -> Result<Result<(), Unmet>, TransactionError> {
    for tried in 1..=tries {
        let written = client.transact_write_items().set_transact_items(Some(parts.clone())).send().await;
        let Err(error) = written else { return Ok(Ok(())) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let reasons = canceled.cancellation_reasons();
                if reasons.iter().any(is_condition) {
                    return Ok(Err(Unmet(reasons.to_vec())));
                }
                if !reasons.iter().any(is_passing) {
                    return Err(TransactionError::Store(Box::new(error.into())));
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {}
            _ => return Err(TransactionError::Store(Box::new(error.into()))),
        }
        if tried < tries {
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }
    Err(TransactionError::Contended)
}

/// Whether the same part may be written in a moment.
fn is_passing(reason: &CancellationReason) -> bool {
    matches!(reason.code(), Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{
        error::ErrorMetadata,
        operation::{put_item::PutItemError, update_item::UpdateItemError},
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::marketplace::script::Script;

    /// Cancelled, with these codes for its parts.
    fn cancelled(codes: &[&str]) -> (u16, String) {
        let reasons: Vec<_> = codes.iter().map(|code| serde_json::json!({ "Code": code })).collect();
        let body = serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "CancellationReasons": reasons,
        });
        (400, body.to_string())
    }

    async fn transacted(answers: Vec<(u16, String)>) -> (Result<Result<(), Unmet>, TransactionError>, usize) {
        let script = Script::of(answers);
        let outcome = transact(&script.dynamodb(), Vec::new(), TRIES).await;
        (outcome, script.sent().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_meets_another_is_tried_again_and_not_for_ever() {
        let (done, sent) = transacted(vec![
            cancelled(&["TransactionConflict", "None"]),
            cancelled(&["None", "ThrottlingError"]),
            (
                400,
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionInProgressException"}"#.to_owned(),
            ),
            (200, "{}".to_owned()),
        ])
        .await;
        assert!(matches!(done, Ok(Ok(()))), "{done:?}");
        assert_eq!(sent, 4);
        let always = (0..100).map(|_| cancelled(&["TransactionConflict"])).collect();
        let (contended, sent) = transacted(always).await;
        assert!(matches!(contended, Err(TransactionError::Contended)), "{contended:?}");
        assert_eq!(sent, usize::try_from(TRIES).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn what_trying_again_does_not_mend_is_tried_once() {
        let (unmet, sent) = transacted(vec![cancelled(&["None", "ConditionalCheckFailed"])]).await;
        let unmet = unmet.unwrap().unwrap_err();
        assert_eq!((unmet.at(0), unmet.at(1), sent), (false, true, 1));
        let (unmet, sent) =
            transacted(vec![cancelled(&["TransactionConflict", "ConditionalCheckFailed"])]).await;
        assert_eq!(
            (unmet.unwrap().unwrap_err().at(1), sent),
            (true, 1),
            "the condition is an answer already"
        );
        for answer in
            [cancelled(&["ValidationError", "None"]), (500, "{}".to_owned()), (400, "{}".to_owned())]
        {
            let (failed, sent) = transacted(vec![answer]).await;
            assert!(matches!(failed, Err(TransactionError::Store(_))), "{failed:?}");
            assert_eq!(sent, 1);
        }
    }

    fn answer<E>(error: E) -> SdkError<E, HttpResponse> {
        SdkError::service_error(error, HttpResponse::new(400.try_into().unwrap(), SdkBody::empty()))
    }

    #[test]
    fn a_condition_that_does_not_hold_is_an_answer_and_anything_else_a_failure() {
        let meta = |code: &str| ErrorMetadata::builder().code(code).build();
        let condition = || meta("ConditionalCheckFailedException");
        assert!(held(Ok::<_, SdkError<UpdateItemError, HttpResponse>>(())).unwrap());
        assert!(!held(Err::<(), _>(answer(UpdateItemError::generic(condition())))).unwrap());
        assert!(!held(Err::<(), _>(answer(PutItemError::generic(condition())))).unwrap());
        for code in ["TransactionConflictException", "ThrottlingException", "AccessDeniedException"] {
            let failed = held(Err::<(), _>(answer(UpdateItemError::generic(meta(code))))).unwrap_err();
            assert_eq!(is_conflict(&failed), code == "TransactionConflictException", "{code}");
        }
        let cut = SdkError::<UpdateItemError, HttpResponse>::timeout_error("no answer");
        assert!(held(Err::<(), _>(cut)).is_err(), "no answer is not a no");
    }

    #[test]
    fn the_parts_that_failed_are_told_from_those_that_did_not() {
        let reason = |code: &str| CancellationReason::builder().code(code);
        let row = HashMap::from([("a".to_owned(), AttributeValue::Bool(true))]);
        let unmet = Unmet(vec![
            reason("None").build(),
            reason("ConditionalCheckFailed").set_item(Some(row.clone())).build(),
            reason("TransactionConflict").set_item(Some(row.clone())).build(),
        ]);
        assert_eq!([0, 1, 2, 3].map(|part| unmet.at(part)), [false, true, false, false]);
        assert_eq!((unmet.row(0), unmet.row(1), unmet.row(2)), (None, Some(&row), None));
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for (code, passes) in [
            ("TransactionConflict", true),
            ("ThrottlingError", true),
            ("ProvisionedThroughputExceeded", true),
            ("ValidationError", false),
            ("ItemCollectionSizeLimitExceeded", false),
            ("None", false),
        ] {
            assert_eq!(is_passing(&CancellationReason::builder().code(code).build()), passes, "{code}");
        }
    }
}
