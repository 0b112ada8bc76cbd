//! Carries out the orders of the departures queue: what a removed user had ends or goes to their heir, and
//! when their last token has run out, the user is forgotten.
//!
//! An order that cannot be finished yet goes back to the queue: until the tokens have run out, or after a
//! failure for a time that grows with every try. After the queue's own limit of tries it lands in the
//! dead-letter queue, from where a redrive resumes it. Whatever was done before is found done.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Context, Error, LambdaEvent};
use shared::{
    clock::Clock,
    config,
    problem::chain,
    queue::{self, OwnQueue},
    tenancy::{Departure, SessionError, Tenancy},
    users::{
        departure::{self, DepartureError, DepartureOrder, InvalidOrder, Settlement},
        pool::Pool,
    },
};

/// Time kept at the end of an invocation for putting an order back.
const KEPT_FOR_ANSWER: Duration = Duration::from_secs(10);

/// What lives as long as the execution environment.
pub struct App {
    tenancy: Tenancy,
    pool: Pool,
    clock: Clock,
    token_lifetime: Duration,
    queue: OwnQueue,
}

/// Why an order stopped; it comes again.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the order is malformed")]
    Malformed(#[from] InvalidOrder),
    #[error("no session")]
    Session(#[source] SessionError),
    #[error("the departure stopped")]
    Departure(#[from] DepartureError),
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: &shared::aws::SdkConfig, config: config::Departures, clock: Clock) -> Self {
        let queue = OwnQueue::new(base, config.resources.departures_queue_url.clone());
        Self {
            tenancy: Tenancy::new(base.clone(), clock.clone(), config.roles, config.resources),
            pool: Pool::new(base, config.user_pool_id),
            clock,
            token_lifetime: Duration::from_secs(u64::from(config.token_lifetime_minutes) * 60),
            queue,
        }
    }

    /// Carries out a batch of orders, and reports those that must come again.
    ///
    /// # Errors
    /// Never: an order that failed is reported, and the others are done.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        let LambdaEvent { payload, context } = event;
        Ok(self.queue.each(payload.records, async |message| self.carry_out(message, &context).await).await)
    }

    /// Whether the order is done with; if not, after how long it is to come again.
    async fn carry_out(&self, message: &SqsMessage, context: &Context) -> Result<(), Duration> {
        let request_id = context.request_id.as_str();
        let body = message.body.as_deref().unwrap_or_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "the queue's own message; whose it is is told by `of_message`"
        )]
        let order = match DepartureOrder::of_message(body) {
            Ok(order) => order,
            Err(error) => {
                // It will not get better: the queue's limit takes it to the dead-letter queue.
                tracing::error!(
                    request_id,
                    outcome = "malformed",
                    error = chain(&OrderError::from(error)),
                    "departure"
                );
                return Err(Duration::ZERO);
            }
        };
        let (tenant, user) = (order.tenant(), order.user());
        macro_rules! line {
            ($level:ident, $outcome:literal $(, $field:ident = $value:expr)*) => {
                tracing::$level!(request_id, %tenant, %user, outcome = $outcome, $($field = $value,)* "departure")
            };
        }
        match Box::pin(self.settle(&order, context.deadline())).await {
            Ok(Settlement::Complete) => {
                line!(info, "complete");
                Ok(())
            }
            Ok(Settlement::Void) => {
                line!(warn, "void");
                Ok(())
            }
            Ok(Settlement::Waiting { left }) => {
                line!(info, "waiting", left_s = left.as_secs());
                // A second more, so that it does not come back a moment too early.
                Err(left + Duration::from_secs(1))
            }
            Ok(Settlement::Unfinished) => {
                line!(info, "unfinished");
                Err(queue::backoff(message))
            }
            Err(error) => {
                line!(error, "failed", error = chain(&error));
                Err(queue::backoff(message))
            }
        }
    }

    async fn settle(&self, order: &DepartureOrder, deadline: SystemTime) -> Result<Settlement, OrderError> {
        let session = match self.tenancy.open::<Departure>(order.tenant()).await {
            Ok(session) => session,
            // The tenant was erased, and its users with it.
            Err(SessionError::NoTenant) => return Ok(Settlement::Complete),
            Err(error) => return Err(OrderError::Session(error)),
        };
        let deadline = deadline - KEPT_FOR_ANSWER;
        Ok(departure::settle(&session, &self.pool, order, self.token_lifetime, deadline, &self.clock).await?)
    }
}
