//! Carries out the orders of the deletions queue: everything of a deleted document is removed.
//!
//! An order that cannot be finished goes back to the queue and comes again after a time that grows with
//! every try; after the queue's own limit of tries it lands in the dead-letter queue, from where a redrive
//! resumes it. Whatever was done before is found done.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Context, Error, LambdaEvent};
use shared::{
    clock::Clock,
    config,
    documents::{
        self, Removal, RemovalError,
        deletion::{DeletionOrder, InvalidOrder},
    },
    problem::chain,
    queue::{self, OwnQueue},
    tenancy::{Deletion, SessionError, Tenancy},
};

/// Time kept at the end of an invocation for putting an order back.
const KEPT_FOR_ANSWER: Duration = Duration::from_secs(10);

/// What lives as long as the execution environment.
pub struct App {
    tenancy: Tenancy,
    clock: Clock,
    queue: OwnQueue,
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
        let queue = OwnQueue::new(base, config.resources.deletions_queue_url.clone());
        let tenancy = Tenancy::new(base.clone(), clock.clone(), config.roles, config.resources);
        Self { tenancy, clock, queue }
    }

    /// Carries out a batch of orders, and reports those that must come again.
    ///
    /// # Errors
    /// Never: an order that failed is reported, and the others are done.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        let LambdaEvent { payload, context } = event;
        let each = async |message: &SqsMessage| self.carry_out(message, &context).await;
        Ok(self.queue.each_in_order(payload.records, each).await)
    }

    /// Whether the order is done with; if not, after how long it is to come again.
    async fn carry_out(&self, message: &SqsMessage, context: &Context) -> Result<(), Duration> {
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
                return Err(Duration::ZERO);
            }
        };
        let (tenant, document) = (order.tenant(), order.document());
        match Box::pin(self.remove(&order, context.deadline())).await {
            Ok(Removal::Complete { policies }) => {
                tracing::info!(request_id, %tenant, %document, outcome = "complete", policies, "deletion");
                Ok(())
            }
            Ok(Removal::Void) => {
                tracing::warn!(request_id, %tenant, %document, outcome = "void", "deletion");
                Ok(())
            }
            Ok(Removal::Unfinished) => {
                tracing::info!(request_id, %tenant, %document, outcome = "unfinished", "deletion");
                Err(queue::backoff(message))
            }
            Err(error) => {
                tracing::error!(request_id, %tenant, %document, outcome = "failed", error = chain(&error), "deletion");
                Err(queue::backoff(message))
            }
        }
    }

    async fn remove(&self, order: &DeletionOrder, deadline: SystemTime) -> Result<Removal, OrderError> {
        let session = match self.tenancy.open::<Deletion>(order.tenant()).await {
            Ok(session) => session,
            // The tenant was erased, and this document with it.
            Err(SessionError::NoTenant) => return Ok(Removal::Void),
            Err(error) => return Err(error.into()),
        };
        Ok(documents::remove(&session, order, deadline - KEPT_FOR_ANSWER, &self.clock).await?)
    }
}
