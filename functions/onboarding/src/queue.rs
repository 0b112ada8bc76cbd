//! The orders of the queue: each carried out, or put back.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Context;
use shared::{
    onboarding::{Erased, InvalidOrder, InvitedAgain, OnboardingError, OpenError, Opened, Order},
    problem::chain,
    queue,
};

use crate::App;

/// Time kept at the end of an invocation for writing down how far it came and putting the order back.
const KEPT_FOR_ANSWER: Duration = Duration::from_secs(20);

/// Why an order stopped; it comes again.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the order is malformed")]
    Malformed(#[from] InvalidOrder),
    #[error("the tenant could not be opened")]
    Open(#[from] OpenError),
    #[error("the tenant could not be erased")]
    Erase(#[from] OnboardingError),
    #[error("the administrator could not be invited again")]
    Invite(#[source] OnboardingError),
}

impl App {
    /// Carries out a batch of orders, and reports those that must come again.
    pub(crate) async fn carry_out(&self, batch: SqsEvent, context: &Context) -> SqsBatchResponse {
        let each = async |message: &SqsMessage| {
            Box::pin(self.carry_out_one(message, context)).await.map_err(|error| match error {
                // It will not get better: the queue's limit takes it to the dead-letter queue.
                OrderError::Malformed(_) => Duration::ZERO,
                _ => queue::backoff(message),
            })
        };
        self.queue.each(batch.records, each).await
    }

    async fn carry_out_one(&self, message: &SqsMessage, context: &Context) -> Result<(), OrderError> {
        let request_id = context.request_id.as_str();
        let deadline = context.deadline() - KEPT_FOR_ANSWER;
        let order = match Order::of_message(message.body.as_deref().unwrap_or_default()) {
            Ok(order) => order,
            Err(error) => {
                let error = OrderError::from(error);
                tracing::error!(request_id, outcome = "malformed", error = chain(&error), "order");
                return Err(error);
            }
        };
        let tenant = order.tenant();
        match order {
            Order::Open { tenant_id } => match self.onboarding.open(tenant_id, deadline).await {
                Ok(opened) => {
                    let outcome = match opened {
                        Opened::Ready => "ready",
                        Opened::WaitsForAddress => "waits_for_address",
                        Opened::Over => "over",
                        Opened::Unknown => "unknown",
                    };
                    tracing::info!(request_id, %tenant, outcome, "opening");
                    Ok(())
                }
                Err(error) => {
                    let (step, why) = (error.step.as_str(), error.why);
                    // No try but the buyer's next one can get past it; the page asks them for it.
                    let waits_for_buyer = why.needs_another_address();
                    let error = OrderError::from(error);
                    tracing::error!(request_id, %tenant, outcome = "failed", step, why = why.as_str(), error = chain(&error), "opening");
                    if waits_for_buyer { Ok(()) } else { Err(error) }
                }
            },
            Order::Invite { tenant_id } => match self.onboarding.invite_again(tenant_id).await {
                Ok(invited) => {
                    let outcome = match invited {
                        InvitedAgain::Mailed => "mailed",
                        InvitedAgain::NotNeeded => "not_needed",
                        InvitedAgain::NotOpen => "not_open",
                    };
                    tracing::info!(request_id, %tenant, outcome, "inviting again");
                    Ok(())
                }
                Err(error) => {
                    let error = OrderError::Invite(error);
                    tracing::error!(request_id, %tenant, outcome = "failed", error = chain(&error), "inviting again");
                    Err(error)
                }
            },
            Order::Close { tenant_id } => {
                match self.onboarding.erase(tenant_id, self.grace, deadline).await {
                    Ok(erased) => {
                        let outcome = match erased {
                            Erased::Complete(_) => "complete",
                            Erased::Unfinished => "unfinished",
                            Erased::Reactivated => "reactivated",
                            Erased::NotOrdered => "not_ordered",
                        };
                        tracing::info!(request_id, %tenant, outcome, "erasure");
                        Ok(())
                    }
                    Err(error) => {
                        let error = OrderError::from(error);
                        tracing::error!(request_id, %tenant, outcome = "failed", error = chain(&error), "erasure");
                        Err(error)
                    }
                }
            }
        }
    }
}
