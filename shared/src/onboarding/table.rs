//! [`Onboardings`]: the records in the onboarding table, and the queue of orders. Every write is conditional on
//! what it may follow, so that runs that meet, or come late, undo nothing.

use std::time::SystemTime;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};

use super::{
    details::Details,
    order::Order,
    progress::Why,
    record::{ProgressKey, Record, key, names},
};
use crate::{clock::rfc3339, conditional::held, ids::TenantId, marketplace::ids::LicenseArn, users::Email};

/// The longest that SQS delays a message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const DELAY_S_MAX: u64 = 900;

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The table did not do its part.
    #[error("the onboarding table failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// The order could not be queued.
    #[error("the order could not be queued")]
    Queue(#[source] Box<aws_sdk_sqs::Error>),
    /// A record is not what this product writes.
    #[error("the tenant's onboarding record is malformed")]
    Malformed,
    /// There is a record of the tenant for another licence. An incident: a licence has one tenant.
    #[error("the tenant is registered for another licence")]
    ForeignLicense,
    /// Others changed the same rows again and again.
    #[error("the tenant's rows changed too often at the same time")]
    Contended,
    /// The machine has no randomness to give.
    #[error("no random key could be made")]
    Randomness,
}

pub(super) fn store<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> RecordError {
    RecordError::Store(Box::new(error.into()))
}

/// The onboarding table, and the queue that feeds the onboarding function.
pub struct Onboardings {
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    pub(super) table: String,
    queue_url: String,
}

impl Onboardings {
    /// The clients carry the function's own credentials: control plane.
    #[must_use]
    pub const fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        sqs: aws_sdk_sqs::Client,
        table: String,
        queue_url: String,
    ) -> Self {
        Self { dynamodb, sqs, table, queue_url }
    }

    /// Begins the tenant's record, or finds the one that was begun: what the first registration said stays.
    ///
    /// [`enqueue`](Self::enqueue) the order to open it afterwards if the record
    /// [wants one](Record::wants_order): one too many does no harm, and one that a crash swallowed would be missed.
    ///
    /// # Errors
    /// When the table fails, or knows the tenant for another licence.
    pub async fn begin(
        &self,
        tenant: TenantId,
        license: &LicenseArn,
        details: &Details,
        now: SystemTime,
    ) -> Result<Record, RecordError> {
        let progress_key = ProgressKey::random().ok_or(RecordError::Randomness)?;
        let record = Record::new(tenant, license.clone(), details.clone(), progress_key, now);
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(record.row()))
            .condition_expression("attribute_not_exists(tenant_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let found = match put {
            Ok(_) => return Ok(record),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                PutItemError::ConditionalCheckFailedException(failed) => failed.item.unwrap_or_default(),
                error => return Err(store(error)),
            },
            Err(error) => return Err(store(error)),
        };
        let found = Record::read(&found).ok_or(RecordError::Malformed)?;
        if found.license != *license {
            tracing::error!(incident = "foreign_license", %tenant, "a tenant was registered for two licences");
            return Err(RecordError::ForeignLicense);
        }
        Ok(found)
    }

    /// The tenant's record; `None` when there is none.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn get(&self, tenant: TenantId) -> Result<Option<Record>, RecordError> {
        let reply = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .consistent_read(true)
            .send()
            .await
            .map_err(store)?;
        reply.item.map(|row| Record::read(&row).ok_or(RecordError::Malformed)).transpose()
    }

    /// Gives another address for the administrator, after the first one was refused; `false` when it was not, or
    /// not any more. [`enqueue`](Self::enqueue) the order to open the tenant afterwards, also when this is asked
    /// for twice.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn change_admin(
        &self,
        tenant: TenantId,
        email: &Email,
        now: SystemTime,
    ) -> Result<bool, RecordError> {
        let changed = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .update_expression(
                "SET admin_email = :email, #progress = :waiting, changed_at = :now REMOVE #step, why",
            )
            // Refused, or changed to this very address by a request whose answer got lost.
            .condition_expression(
                "(#progress = :failed AND why IN (:taken, :invalid)) OR (#progress = :waiting AND admin_email = :email)",
            )
            .expression_attribute_names("#progress", names::PROGRESS)
            .expression_attribute_names("#step", names::STEP)
            .expression_attribute_values(":email", text(email.as_str()))
            .expression_attribute_values(":waiting", text("waiting"))
            .expression_attribute_values(":failed", text("failed"))
            .expression_attribute_values(":taken", text(Why::AddressTaken.as_str()))
            .expression_attribute_values(":invalid", text(Why::AddressInvalid.as_str()))
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .send()
            .await;
        held(changed).map_err(store)
    }

    /// Queues an order.
    ///
    /// # Errors
    /// When the queue fails.
    pub async fn enqueue(&self, order: &Order) -> Result<(), RecordError> {
        self.send(order, 0).await
    }

    /// Queues an order that nobody needs to look at before `at`; the queue delays at most fifteen minutes.
    pub(super) async fn enqueue_for(
        &self,
        order: &Order,
        at: SystemTime,
        now: SystemTime,
    ) -> Result<(), RecordError> {
        let wait = at.duration_since(now).unwrap_or_default();
        // A whole second more than what is left of the last one.
        self.send(order, (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).min(DELAY_S_MAX)).await
    }

    async fn send(&self, order: &Order, delay_s: u64) -> Result<(), RecordError> {
        let body = serde_json::to_string(order).map_err(|_| RecordError::Malformed)?;
        self.sqs
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(body)
            .delay_seconds(i32::try_from(delay_s).unwrap_or_default())
            .send()
            .await
            .map_err(|e| RecordError::Queue(Box::new(e.into())))?;
        Ok(())
    }
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
