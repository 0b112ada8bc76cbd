//! Asks for the last metering of what has ended.

use super::{FinalMeteringOrder, SubscriptionError};

/// The queue of last meterings.
#[derive(Debug, Clone)]
pub struct FinalMetering {
    client: aws_sdk_sqs::Client,
    queue_url: String,
}

impl FinalMetering {
    /// `client` may send to the queue.
    #[must_use]
    pub const fn new(client: aws_sdk_sqs::Client, queue_url: String) -> Self {
        Self { client, queue_url }
    }

    /// Sends the order; the same one may be sent again.
    pub(super) async fn order(&self, order: &FinalMeteringOrder) -> Result<(), SubscriptionError> {
        let body =
            serde_json::to_string(order).map_err(|_| SubscriptionError::Malformed("final metering order"))?;
        let sent = self.client.send_message().queue_url(&self.queue_url).message_body(body).send().await;
        sent.map(drop).map_err(|error| SubscriptionError::Queue(Box::new(error.into())))
    }
}
