//! Keeps the state of every subscription in step with AWS Marketplace.
//!
//! Two things wake it: a batch of the Marketplace's events, each a message of the queue that the product
//! account's bus fills, and once a day the order to compare what we have with what the Marketplace has. An
//! event is first kept, then settled; everything can be repeated, so a message that failed anywhere comes
//! back and finishes. Messages that cannot be understood end in the dead-letter queue.

mod compare;
mod events;
mod follow;
mod reconcile;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use shared::{
    clock::Clock,
    config,
    marketplace::{agreements::Agreements, seller::SellerSession},
    problem::chain,
    queue::OwnQueue,
    subscriptions::{FinalMetering, Subscriptions, event::Ours},
};

pub use reconcile::Outcome;

/// How the names of its sessions of the seller account begin.
const SESSION: &str = "strongroom-subscriptions";

/// What lives as long as the execution environment.
pub struct App {
    subscriptions: Subscriptions,
    agreements: Agreements,
    ours: Ours,
    clock: Clock,
    queue: OwnQueue,
}

/// What wakes the function.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Messages of its queue.
    #[serde(default, rename = "Records")]
    records: Option<Vec<SqsMessage>>,
    /// The daily order.
    #[serde(default)]
    reconcile: Option<Reconcile>,
}

/// The order to compare; it says nothing more.
#[derive(Debug, Deserialize)]
struct Reconcile {}

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The messages that must come again.
    Batch(SqsBatchResponse),
    /// What the comparison came to.
    Reconciled(Outcome),
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: &shared::aws::SdkConfig, config: config::Subscriptions, clock: Clock) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the control plane: its own table and queues, and three attributes of a mapping row"
        )]
        let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(base), aws_sdk_sqs::Client::new(base));
        let final_metering = FinalMetering::new(sqs, config.final_metering_queue_url);
        let session = SellerSession::new(base, clock.clone(), &config.seller, SESSION);
        Self {
            subscriptions: Subscriptions::new(dynamodb, config.subscriptions_table)
                .projected_to(config.tenants_table)
                .asking(final_metering),
            agreements: Agreements::new(session, config.product_id),
            ours: Ours { seller: config.seller_account, product: config.seller.product_code },
            clock,
            queue: OwnQueue::new(base, config.events_queue_url),
        }
    }

    /// Carries out what it was woken for.
    ///
    /// # Errors
    /// When the comparison could not be made, or the input is neither of the two. Of a batch never: what
    /// failed is in the answer.
    pub async fn handle(&self, event: LambdaEvent<Input>) -> Result<Answer, Error> {
        match event.payload {
            Input { records: Some(messages), reconcile: None } => {
                Ok(Answer::Batch(self.take(messages, &event.context).await))
            }
            Input { records: None, reconcile: Some(Reconcile {}) } => {
                let request_id = event.context.request_id.as_str();
                match Box::pin(self.reconcile(&event.context)).await {
                    Ok(outcome) => {
                        let Outcome { checked, repaired, recent, reported, complete } = outcome;
                        tracing::info!(
                            request_id,
                            checked,
                            repaired,
                            recent,
                            reported,
                            complete,
                            "reconciliation"
                        );
                        if !complete {
                            tracing::error!(
                                request_id,
                                incident = "reconciliation_incomplete",
                                "not everything was compared"
                            );
                        }
                        Ok(Answer::Reconciled(outcome))
                    }
                    Err(error) => {
                        tracing::error!(
                            request_id,
                            outcome = "failed",
                            error = chain(&error),
                            "reconciliation"
                        );
                        Err(error.into())
                    }
                }
            }
            _ => Err("neither messages nor the order to reconcile".into()),
        }
    }
}
