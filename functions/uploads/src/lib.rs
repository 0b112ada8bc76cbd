//! Settles what arrives in the content bucket: every object makes its pending document available, or, when
//! there is no such document any more, is removed.
//!
//! The trigger is the bucket's own `Object Created` event, which EventBridge delivers at least once. The
//! key names the tenant, and IAM let only that tenant's session write there; what is done about it is done
//! in a session of that tenant.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use shared::{
    clock::Clock,
    config,
    documents::{
        self, DocumentError,
        content::{self, Arrival, ContentError},
    },
    problem::chain,
    tenancy::{SessionError, Settlement, Tenancy},
};

/// What lives as long as the execution environment.
pub struct App {
    tenancy: Tenancy,
    clock: Clock,
    bucket: String,
}

/// The detail of an `Object Created` event, as far as it is read.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
#[derive(Debug, Deserialize, Serialize)]
pub struct ObjectCreated {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Deserialize, Serialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct Object {
    key: String,
}

/// Why an arrival could not be settled; the event is delivered again.
#[derive(Debug, thiserror::Error)]
enum SettleError {
    #[error("no session")]
    Session(#[from] SessionError),
    #[error("the document could not be settled")]
    Document(#[from] DocumentError),
    #[error("the content could not be removed")]
    Content(#[from] ContentError),
    #[error("the content that arrived is not to be found")]
    Absent,
    #[error("content of a tenant that was erased arrived: remove it by hand")]
    NoTenant,
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: shared::aws::SdkConfig, config: config::Uploads, clock: Clock) -> Self {
        let bucket = config.resources.content_bucket.clone();
        let tenancy = Tenancy::new(base, clock.clone(), config.roles, config.resources);
        Self { tenancy, clock, bucket }
    }

    /// Settles one arrival.
    ///
    /// # Errors
    /// When something did not answer: EventBridge delivers again, and at last to the dead-letter queue.
    pub async fn handle(&self, event: LambdaEvent<EventBridgeEvent<ObjectCreated>>) -> Result<(), Error> {
        let request_id = event.context.request_id.as_str();
        let created = event.payload.detail;
        #[expect(
            clippy::disallowed_methods,
            reason = "the bucket's own event: IAM let only the tenant write there"
        )]
        let arrival = Arrival::of_key(&created.object.key).filter(|_| created.bucket.name == self.bucket);
        let Some(arrival) = arrival else {
            // Nothing of ours writes such a key: it cannot become a document by trying again.
            tracing::error!(
                request_id,
                incident = "foreign_object",
                "an object that is no document's arrived"
            );
            return Ok(());
        };
        let (tenant, document) = (arrival.tenant(), arrival.document());
        match Box::pin(self.settle(arrival)).await {
            Ok(outcome) => {
                tracing::info!(request_id, %tenant, %document, outcome, "arrival");
                Ok(())
            }
            Err(error) => {
                tracing::error!(request_id, %tenant, %document, outcome = "failed", error = chain(&error), "arrival");
                Err(error.into())
            }
        }
    }

    async fn settle(&self, arrival: Arrival) -> Result<&'static str, SettleError> {
        let session = match self.tenancy.open::<Settlement>(arrival.tenant()).await {
            Ok(session) => session,
            // The tenant was erased, and whose prefix this was nobody can open any more. Erasing waits for the
            // last URL to run out; an upload that had begun by then may still take longer than that.
            Err(SessionError::NoTenant) => return Err(SettleError::NoTenant),
            Err(error) => return Err(error.into()),
        };
        match documents::find(&session, arrival.document(), &self.clock).await {
            Ok(document) if document.is_available() => Ok("available"),
            Ok(document) => match content::settle(&session, document, &self.clock).await? {
                document if document.is_available() => Ok("settled"),
                // S3 shows what it told of: either this role may not look, or somebody has removed it.
                _ => Err(SettleError::Absent),
            },
            Err(DocumentError::NotFound) => {
                content::discard(&session, arrival.document()).await?;
                Ok("discarded")
            }
            Err(error) => Err(error.into()),
        }
    }
}
