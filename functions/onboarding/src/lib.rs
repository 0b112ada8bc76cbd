//! Sets tenants up, and takes closed ones apart: the orders of its queue, and an operator's word.
//!
//! An order that cannot be finished goes back to the queue and comes again after a time that grows with every
//! try; after the queue's own limit of tries it lands in the dead-letter queue. The tenant's record says all the
//! while at which step and why, and a redrive goes on from there.

mod close;
mod queue;
mod upgrade;

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use serde_json::Value;
use shared::{
    clock::Clock,
    config,
    onboarding::{ControlPlane, Onboarding, Onboardings},
    queue::OwnQueue,
    subscriptions::{FinalMetering, Subscriptions},
    tenancy::Tenancy,
    users::pool::Pool,
};

/// What lives as long as the execution environment.
pub struct App {
    onboarding: Onboarding,
    queue: OwnQueue,
    grace: Duration,
}

/// What an operator may ask for, with `aws lambda invoke`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    Close(close::Close),
    Upgrade(upgrade::Upgrade),
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "control plane: its tables, its queue and stores that are nobody's yet; tenants' data is reached in sessions"
    )]
    pub fn new(base: shared::aws::SdkConfig, config: config::Onboarding, clock: Clock) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(&base);
        let sqs = aws_sdk_sqs::Client::new(&base);
        let queue = OwnQueue::new(&base, config.onboarding_queue_url.clone());
        let onboarding = Onboarding {
            plane: ControlPlane {
                verified_permissions: aws_sdk_verifiedpermissions::Client::new(&base),
                dynamodb: dynamodb.clone(),
                tenants_table: config.resources.tenants_table.clone(),
                users_table: config.resources.users_table.clone(),
                deletion_protection: config.deletion_protection,
            },
            records: Onboardings::new(
                dynamodb.clone(),
                sqs.clone(),
                config.onboarding_table,
                config.onboarding_queue_url,
            ),
            subscriptions: Subscriptions::new(dynamodb, config.subscriptions_table)
                .projected_to(config.resources.tenants_table.clone())
                .asking(FinalMetering::new(sqs, config.final_metering_queue_url)),
            pool: Pool::new(&base, config.user_pool_id),
            tenancy: Tenancy::new(base, clock.clone(), config.roles, config.resources),
            clock,
        };
        let grace = Duration::from_secs(u64::from(config.grace_period_days) * 24 * 3600);
        Self { onboarding, queue, grace }
    }

    /// Answers one event: a batch of orders, or an operator's request.
    ///
    /// # Errors
    /// When it is neither, or an operator's request could not be carried out.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let LambdaEvent { payload, context } = event;
        if payload.get("Records").is_some() {
            let batch: SqsEvent = serde_json::from_value(payload)?;
            return Ok(serde_json::to_value(self.carry_out(batch, &context).await)?);
        }
        match serde_json::from_value(payload)? {
            Request::Close(close) => {
                Ok(serde_json::to_value(self.close(&close, &context.request_id).await?)?)
            }
            Request::Upgrade(upgrade) => {
                Ok(serde_json::to_value(Box::pin(self.upgrade(upgrade, &context)).await?)?)
            }
        }
    }
}
