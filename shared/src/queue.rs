//! The queue that feeds a function, as that function sees it: what cannot be finished now is given back.
//!
//! After the queue's own limit of tries a message lands in the dead-letter queue, from where a redrive resumes
//! it. Knows neither orders nor tenants: what a message says is told by whoever's order it is.

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};

use crate::{aws::SdkConfig, problem::chain};

/// The first wait before a message comes again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// The longest that SQS hides a message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
const LONGEST_HIDDEN_S: i32 = 43_200;

/// The queue that feeds this function.
pub struct OwnQueue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl OwnQueue {
    /// `base` carries the function's own credentials, which may change the visibility of the queue's messages.
    #[must_use]
    pub fn new(base: &SdkConfig, url: String) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a function's own queue holds no tenant's data")]
        let client = aws_sdk_sqs::Client::new(base);
        Self { client, url }
    }

    /// Carries out messages, one after the other: `carry_out` answers, for one that is not done with, after how long it
    /// is to come again. It is given back, and is in the answer.
    pub async fn each(
        &self,
        messages: Vec<SqsMessage>,
        mut carry_out: impl AsyncFnMut(&SqsMessage) -> Result<(), Duration>,
    ) -> SqsBatchResponse {
        let mut failed = Vec::new();
        for message in messages {
            if let Err(wait) = carry_out(&message).await {
                self.give_back(&message, wait).await;
                failed.push(message);
            }
        }
        again(failed)
    }

    /// The same of a FIFO queue: what follows a message that is not done with must not overtake it, and comes again
    /// without having been tried.
    pub async fn each_in_order(
        &self,
        messages: Vec<SqsMessage>,
        mut carry_out: impl AsyncFnMut(&SqsMessage) -> Result<(), Duration>,
    ) -> SqsBatchResponse {
        let mut messages = messages.into_iter();
        for message in messages.by_ref() {
            if let Err(wait) = carry_out(&message).await {
                self.give_back(&message, wait).await;
                return again(std::iter::once(message).chain(messages));
            }
        }
        again([])
    }

    /// Makes a message visible again after a wait of at most 12 hours. Should that fail, it comes again when the
    /// queue's own visibility timeout ends.
    pub async fn give_back(&self, message: &SqsMessage, wait: Duration) {
        let hidden_s = i32::try_from(wait.as_secs()).unwrap_or(LONGEST_HIDDEN_S).min(LONGEST_HIDDEN_S);
        let changed = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .set_receipt_handle(message.receipt_handle.clone())
            .visibility_timeout(hidden_s)
            .send()
            .await;
        if let Err(error) = changed {
            let error = chain(&aws_sdk_sqs::Error::from(error));
            tracing::warn!(error, "a message waits for the queue's own timeout");
        }
    }
}

/// How long to wait before a message is tried again: 2 s after the first try, twice that after each further one,
/// 15 minutes at most.
#[must_use]
pub fn backoff(message: &SqsMessage) -> Duration {
    let tries = message.attributes.get("ApproximateReceiveCount");
    let tries: u32 = tries.and_then(|tries| tries.parse().ok()).unwrap_or(1);
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST_WAIT)
}

/// The answer to a batch: `messages` must come again, the others are done with.
pub fn again(messages: impl IntoIterator<Item = SqsMessage>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in messages {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = message.message_id.unwrap_or_default();
        response.batch_item_failures.push(failure);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marketplace::script::Script;

    #[test]
    fn the_wait_doubles_and_has_an_end() {
        let after = |tries: &str| {
            let mut message = SqsMessage::default();
            message.attributes.insert("ApproximateReceiveCount".to_owned(), tries.to_owned());
            backoff(&message).as_secs()
        };
        assert_eq!(["1", "2", "3", "9"].map(after), [2, 4, 8, 512]);
        assert_eq!(["10", "30", "4294967295", "x", "0"].map(after), [900, 900, 900, 2, 2]);
        assert_eq!(backoff(&SqsMessage::default()).as_secs(), 2);
    }

    /// Three messages of which the second is not done with: which were tried, given back, and are in the answer.
    async fn second_of_three_fails(is_fifo: bool) -> (Vec<String>, usize, Vec<String>) {
        let script = Script::of([(200, String::new())]);
        let queue = OwnQueue::new(&script.config("us-east-1"), "https://sqs/1/q".to_owned());
        let messages = ["a", "b", "c"].map(|id| {
            let mut message = SqsMessage::default();
            message.message_id = Some(id.to_owned());
            message.receipt_handle = Some(format!("receipt-{id}"));
            message
        });
        let mut tried = Vec::new();
        let carry_out = async |message: &SqsMessage| {
            let id = message.message_id.clone().unwrap();
            tried.push(id.clone());
            if id == "b" { Err(Duration::from_secs(7)) } else { Ok(()) }
        };
        let response = if is_fifo {
            queue.each_in_order(messages.into(), carry_out).await
        } else {
            queue.each(messages.into(), carry_out).await
        };
        let sent = script.sent();
        assert!(
            sent.iter().all(|sent| sent.body.contains("receipt-b") && sent.body.contains(":7")),
            "{sent:?}"
        );
        let failed = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
        (tried, sent.len(), failed.collect())
    }

    #[tokio::test]
    async fn what_is_not_done_with_is_given_back_and_the_others_are_done() {
        let (tried, given_back, failed) = second_of_three_fails(false).await;
        assert_eq!((tried.join(""), given_back, failed.join("")), ("abc".into(), 1, "b".into()));
    }

    #[tokio::test]
    async fn in_a_fifo_queue_nothing_overtakes_what_is_not_done_with() {
        let (tried, given_back, failed) = second_of_three_fails(true).await;
        assert_eq!((tried.join(""), given_back, failed.join("")), ("ab".into(), 1, "bc".into()));
    }

    #[test]
    fn what_must_come_again_is_named() {
        let mut message = SqsMessage::default();
        message.message_id = Some("m-1".to_owned());
        let response = again([message]);
        assert_eq!(response.batch_item_failures.len(), 1);
        assert_eq!(response.batch_item_failures[0].item_identifier, "m-1");
        assert!(again([]).batch_item_failures.is_empty());
    }
}
