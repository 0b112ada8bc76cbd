//! A batch of the Marketplace's events: each is read, kept, and the subscriptions that it touches are settled.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use lambda_runtime::Context;
use shared::{
    problem::chain,
    queue,
    subscriptions::{
        EndStatus, Recorded, SubscriptionError,
        event::{self, AgreementEventKind, Ignored, InvalidEvent, Reading},
    },
};

use crate::{App, follow::FollowError};

/// An event is not begun with less than this left: its calls could take so long if AWS is slow.
const KEPT_FOR_ONE: Duration = Duration::from_secs(60);

/// Why an event stopped; it comes again.
#[derive(Debug, thiserror::Error)]
enum EventError {
    #[error("the message is not an event of the Marketplace")]
    Invalid(#[from] InvalidEvent),
    #[error("the subscription could not be brought in step")]
    Subscription(#[from] SubscriptionError),
    #[error("whether a tenant goes on to another licence could not be found out")]
    Follow(#[from] FollowError),
}

/// What became of an event.
enum Done {
    Kept { news: bool, licenses: usize },
    Ignored(Ignored),
}

impl App {
    /// Takes a batch, and tells which messages must come again.
    pub(crate) async fn take(&self, messages: Vec<SqsMessage>, context: &Context) -> SqsBatchResponse {
        let mut failed = Vec::new();
        for message in messages {
            if !self.has_time(context) || !self.take_one(&message, context).await {
                failed.push(message);
            }
        }
        queue::again(failed)
    }

    fn has_time(&self, context: &Context) -> bool {
        self.clock.now() + KEPT_FOR_ONE < context.deadline()
    }

    /// Whether the event is done with; if not, it has been put back.
    async fn take_one(&self, message: &SqsMessage, context: &Context) -> bool {
        let request_id = context.request_id.as_str();
        match Box::pin(self.carry_out(message.body.as_deref().unwrap_or_default())).await {
            Ok(Done::Kept { news, licenses }) => {
                tracing::info!(request_id, outcome = "kept", news, licenses, "subscription event");
                true
            }
            Ok(Done::Ignored(why)) => {
                tracing::info!(request_id, outcome = "ignored", why = why.as_str(), "subscription event");
                true
            }
            Err(EventError::Invalid(error)) => {
                // It will not get better: the queue's limit takes it to the dead-letter queue.
                tracing::error!(
                    request_id,
                    outcome = "malformed",
                    error = chain(&error),
                    "subscription event"
                );
                self.queue.give_back(message, Duration::ZERO).await;
                false
            }
            Err(EventError::Subscription(SubscriptionError::ForeignAccount)) => {
                tracing::error!(
                    request_id,
                    outcome = "refused",
                    incident = "foreign_account",
                    "subscription event"
                );
                self.queue.give_back(message, Duration::ZERO).await;
                false
            }
            Err(error) => {
                tracing::error!(request_id, outcome = "failed", error = chain(&error), "subscription event");
                self.queue.give_back(message, queue::backoff(message)).await;
                false
            }
        }
    }

    /// Keeps what an event says and settles what it touches, whether it was news or not: an earlier delivery
    /// may have kept it and gone no further.
    async fn carry_out(&self, body: &str) -> Result<Done, EventError> {
        let now = self.clock.now();
        let Recorded { licenses, is_news } = match event::read(body, &self.ours)? {
            Reading::Ignored(why) => return Ok(Done::Ignored(why)),
            Reading::License(event) => self.subscriptions.record_license(&event).await?,
            Reading::Agreement(event) => {
                if let AgreementEventKind::Ended(end) = &event.kind
                    && end.status == EndStatus::Unknown
                {
                    let agreement = event.agreement.as_str();
                    tracing::error!(
                        agreement,
                        incident = "unknown_end_status",
                        "an agreement ended in a way that is not known; its licence decides"
                    );
                }
                self.subscriptions.record_agreement(&event, now).await?
            }
        };
        for license in &licenses {
            match self.subscriptions.settle(license, now).await {
                // Afterwards: what the event says of its own licence waits for nobody.
                Ok(settled) => drop(self.follow(&settled, now).await?),
                // Linked, and then the licence's own event failed: it comes again.
                Err(SubscriptionError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Done::Kept { news: is_news, licenses: licenses.len() })
    }
}
