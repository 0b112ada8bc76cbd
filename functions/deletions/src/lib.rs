//! Carries out the orders of the deletions queue: everything of a deleted document is removed.
//!
//! An order that cannot be finished goes back to the queue and comes again after a time that grows with
//! every try; after the queue's own limit of tries it lands in the dead-letter queue, from where a redrive
//! resumes it. Whatever was done before is found done.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Context, Error, LambdaEvent};
use shared::{
    clock::Clock,
    config,
    documents::{
        self, Removal, RemovalError,
        deletion::{DeletionOrder, InvalidOrder},
    },
    problem::chain,
    tenancy::{SessionError, Tenancy},
};

/// The first wait before an order comes again; each further one is twice as long.
const FIRST_WAIT_S: i32 = 2;
/// The longest wait before an order comes again.
const LONGEST_WAIT_S: i32 = 900;
/// Time kept at the end of an invocation for putting an order back.
const KEPT_FOR_ANSWER: Duration = Duration::from_secs(10);

/// What lives as long as the execution environment.
pub struct App {
    tenancy: Tenancy,
    clock: Clock,
    queue: aws_sdk_sqs::Client,
    queue_url: String,
}

/// Why an order stopped; it comes again.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the order is malformed")]
    Malformed(#[from] InvalidOrder),
    #[error("no session")]
    Session(#[from] SessionError),
    #[error("the removal stopped")]
    Removal(#[from] RemovalError),
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: &shared::aws::SdkConfig, config: config::Deletions, clock: Clock) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the function's own queue, which holds no tenant's data"
        )]
        let queue = aws_sdk_sqs::Client::new(base);
        let queue_url = config.resources.deletions_queue_url.clone();
        let tenancy = Tenancy::new(base.clone(), clock.clone(), config.roles, config.resources);
        Self { tenancy, clock, queue, queue_url }
    }

    /// Carries out a batch of orders, and reports those that must come again.
    ///
    /// # Errors
    /// Never: an order that failed is reported, and the others are done.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        let mut failed = Vec::new();
        for message in event.payload.records {
            // FIFO: what follows a failure must not overtake it.
            if !failed.is_empty() || !self.carry_out(&message, &event.context).await {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.message_id.unwrap_or_default();
                failed.push(failure);
            }
        }
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failed;
        Ok(response)
    }

    /// Whether the order is done with; if not, it has been put back.
    async fn carry_out(&self, message: &SqsMessage, context: &Context) -> bool {
        let request_id = context.request_id.as_str();
        let body = message.body.as_deref().unwrap_or_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "the queue's own message; whose it is is told by `of_message`"
        )]
        let order = match DeletionOrder::of_message(body) {
            Ok(order) => order,
            Err(error) => {
                // It will not get better: the queue's limit takes it to the dead-letter queue, and it should
                // not keep the orders behind it waiting.
                tracing::error!(
                    request_id,
                    outcome = "malformed",
                    error = chain(&OrderError::from(error)),
                    "deletion"
                );
                self.put_back(message, 0).await;
                return false;
            }
        };
        let (tenant, document) = (order.tenant(), order.document());
        match Box::pin(self.remove(&order, context.deadline())).await {
            Ok(Removal::Complete { policies }) => {
                tracing::info!(request_id, %tenant, %document, outcome = "complete", policies, "deletion");
                true
            }
            Ok(Removal::Void) => {
                tracing::warn!(request_id, %tenant, %document, outcome = "void", "deletion");
                true
            }
            Ok(Removal::Unfinished) => {
                tracing::info!(request_id, %tenant, %document, outcome = "unfinished", "deletion");
                self.put_back(message, wait_s(message)).await;
                false
            }
            Err(error) => {
                tracing::error!(request_id, %tenant, %document, outcome = "failed", error = chain(&error), "deletion");
                self.put_back(message, wait_s(message)).await;
                false
            }
        }
    }

    async fn remove(&self, order: &DeletionOrder, deadline: SystemTime) -> Result<Removal, OrderError> {
        let session = self.tenancy.deletion(order.tenant()).await?;
        Ok(documents::remove(&session, order, deadline - KEPT_FOR_ANSWER, &self.clock).await?)
    }

    /// Makes the message visible again after a wait. Should that fail, it comes again when the queue's own
    /// visibility timeout ends.
    async fn put_back(&self, message: &SqsMessage, wait_s: i32) {
        let changed = self
            .queue
            .change_message_visibility()
            .queue_url(&self.queue_url)
            .set_receipt_handle(message.receipt_handle.clone())
            .visibility_timeout(wait_s)
            .send()
            .await;
        if let Err(error) = changed {
            tracing::warn!(
                error = chain(&aws_sdk_sqs::Error::from(error)),
                "an order waits for the queue's own timeout"
            );
        }
    }
}

/// The wait doubles with every try.
fn wait_s(message: &SqsMessage) -> i32 {
    let tries: u32 =
        message.attributes.get("ApproximateReceiveCount").and_then(|n| n.parse().ok()).unwrap_or(1);
    FIRST_WAIT_S.saturating_mul(2_i32.saturating_pow(tries.saturating_sub(1))).min(LONGEST_WAIT_S)
}
