//! All licences, in slices: one message each, each worked on by itself.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use lambda_runtime::Context;
use shared::{
    problem::chain,
    queue,
    subscriptions::{Slice, SubscriptionError},
};

use crate::{
    App,
    input::{Meter, Order, SliceOrder},
    world::Source,
};

/// Items of the subscriptions table in one slice: a licence and its agreement each, so about a thousand licences.
/// They take one worker two minutes, of the five that it has.
const ITEMS_PER_SLICE: u64 = 2_000;

/// The most messages that SQS takes at once.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const MESSAGES_AT_ONCE: usize = 10;

/// Why a run could not be cut into slices. What was sent of them already does no harm when it is sent again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FanOutError {
    #[error(transparent)]
    Subscriptions(#[from] SubscriptionError),
    #[error("a slice could not be written as a message")]
    Message,
    #[error("the slices could not be queued")]
    Queue(#[source] Box<aws_sdk_sqs::Error>),
    #[error("{0} slices were not queued")]
    Refused(usize),
}

impl App {
    /// Queues a run over all licences, and answers with the number of its slices.
    pub(crate) async fn fan_out(&self, meter: &Meter) -> Result<u32, FanOutError> {
        let segments = segments(self.subscriptions.items_about().await?);
        let bodies: Result<Vec<_>, _> = Slice::all(segments)
            .map(|slice| Order::Slice {
                slice: SliceOrder { scheduled: meter.scheduled, back: meter.back, slice },
            })
            .map(|order| serde_json::to_string(&order).map_err(|_| FanOutError::Message))
            .collect();
        for bodies in bodies?.chunks(MESSAGES_AT_ONCE) {
            let mut batch = self.sqs.send_message_batch().queue_url(&self.queue_url);
            for (at, body) in bodies.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(body);
                batch = batch.entries(entry.build().map_err(|_| FanOutError::Message)?);
            }
            let sent = batch.send().await.map_err(|error| FanOutError::Queue(Box::new(error.into())))?;
            if !sent.failed.is_empty() {
                return Err(FanOutError::Refused(sent.failed.len()));
            }
        }
        Ok(segments)
    }

    /// Carries out messages of either queue, and reports those that must come again.
    pub(crate) async fn take(&self, messages: Vec<SqsMessage>, context: &Context) -> SqsBatchResponse {
        let mut failed = Vec::new();
        for message in messages {
            let request_id = context.request_id.as_str();
            match serde_json::from_str(message.body.as_deref().unwrap_or_default()) {
                Ok(Order::Slice { slice: SliceOrder { scheduled, back, slice } }) => {
                    let job = self.job(scheduled, back, context);
                    let report = self.run("slice", Source::Slice(slice), job, context).await;
                    if !report.is_complete() {
                        self.slices.give_back(&message, queue::backoff(&message)).await;
                        failed.push(message);
                    }
                }
                Ok(Order::Last(order)) => match Box::pin(self.meter_last(&order, context)).await {
                    Ok(outcome) => {
                        let outcome = outcome.as_str();
                        tracing::info!(request_id, license = %order.license_arn, outcome, "last metering");
                    }
                    Err(error) => {
                        tracing::error!(request_id, license = %order.license_arn, outcome = "again", error = chain(&error), "last metering");
                        self.last.give_back(&message, queue::backoff(&message)).await;
                        failed.push(message);
                    }
                },
                // The queue's limit takes it to the dead letters.
                Err(_) => {
                    tracing::error!(request_id, outcome = "malformed", "a message that is no order");
                    failed.push(message);
                }
            }
        }
        queue::again(failed)
    }
}

/// How many slices a table of so many items is cut into.
fn segments(items: u64) -> u32 {
    u32::try_from(items.div_ceil(ITEMS_PER_SLICE)).unwrap_or(Slice::MAX).clamp(1, Slice::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_cut_into_slices_that_one_invocation_can_do() {
        for (items, slices) in [(0, 1), (1, 1), (2_000, 1), (2_001, 2), (200_000, 100), (u64::MAX, 200)] {
            assert_eq!(segments(items), slices, "{items}");
        }
    }
}
