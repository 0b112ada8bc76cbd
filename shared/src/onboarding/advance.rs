//! The writes to a record while its tenant is being opened. None of them touches a record whose tenant is not.

use std::time::SystemTime;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue},
};

use super::{
    progress::{Progress, Step, Why},
    record::{Record, key, names},
    table::{Onboardings, RecordError, store, text},
};
use crate::{
    clock::rfc3339,
    conditional::held,
    ids::{ServiceId, TenantId},
    users::Email,
};

/// Holds for a record whose tenant is being opened; its values are [`OPENING`].
const IS_OPENING: &str = "#progress IN (:waiting, :working, :failed)";
const OPENING: [(&str, &str); 3] = [(":waiting", "waiting"), (":working", "working"), (":failed", "failed")];

/// Lets an update be done only while the tenant is being opened.
fn while_opening(update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
    let update =
        update.condition_expression(IS_OPENING).expression_attribute_names("#progress", names::PROGRESS);
    OPENING
        .into_iter()
        .fold(update, |update, (name, word)| update.expression_attribute_values(name, text(word)))
}

/// Lets an update be done only while the record is at what the run that makes it is about: a tenant that is being
/// opened, or one that is being erased and needs what it has never got.
fn while_at(progress: Progress, update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
    if progress.is_opening() {
        return while_opening(update);
    }
    update
        .condition_expression("#progress = :closing")
        .expression_attribute_names("#progress", names::PROGRESS)
        .expression_attribute_values(":closing", text("closing"))
}

impl Onboardings {
    /// Writes down that a step is under way; `false` when the tenant is not being opened any more.
    pub(super) async fn advance(
        &self,
        tenant: TenantId,
        step: Step,
        now: SystemTime,
    ) -> Result<bool, RecordError> {
        self.progress(tenant, Progress::Working(step), now).await
    }

    /// Writes down that the tenant is open; `false` when it is not being opened any more.
    pub(super) async fn ready(&self, tenant: TenantId, now: SystemTime) -> Result<bool, RecordError> {
        self.progress(tenant, Progress::Ready, now).await
    }

    async fn progress(
        &self,
        tenant: TenantId,
        progress: Progress,
        now: SystemTime,
    ) -> Result<bool, RecordError> {
        let (word, step, _) = progress.words();
        let update =
            while_opening(self.dynamodb.update_item().table_name(&self.table).set_key(Some(key(tenant))))
                .expression_attribute_names("#step", names::STEP)
                .expression_attribute_values(":progress", text(word))
                .expression_attribute_values(":now", text(&rfc3339(now)));
        let update = match step {
            Some(step) => update
                .update_expression("SET #progress = :progress, #step = :step, changed_at = :now REMOVE why")
                .expression_attribute_values(":step", text(step.as_str())),
            None => {
                update.update_expression("SET #progress = :progress, changed_at = :now REMOVE #step, why")
            }
        };
        held(update.send().await).map_err(store)
    }

    /// Writes down that a step did not get done; `false` when the tenant is not being opened any more. That an
    /// address is refused is written down only while it is the one that was tried: a run that comes late says
    /// nothing of the address that was given since.
    pub(super) async fn fail(
        &self,
        tenant: TenantId,
        (step, why): (Step, Why),
        tried: Option<&Email>,
        now: SystemTime,
    ) -> Result<bool, RecordError> {
        let mut update =
            while_opening(self.dynamodb.update_item().table_name(&self.table).set_key(Some(key(tenant))))
                .update_expression(
                    "SET #progress = :progress, #step = :step, why = :why, changed_at = :now, \
                 failed_step = :step, failed_why = :why, failed_at = :now ADD tries :one",
                )
                .expression_attribute_names("#step", names::STEP)
                .expression_attribute_values(":progress", text("failed"))
                .expression_attribute_values(":step", text(step.as_str()))
                .expression_attribute_values(":why", text(why.as_str()))
                .expression_attribute_values(":now", text(&rfc3339(now)))
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        if let Some(tried) = tried.filter(|_| why.needs_another_address()) {
            update = update
                .condition_expression(format!("{IS_OPENING} AND admin_email = :tried"))
                .expression_attribute_values(":tried", text(tried.as_str()));
        }
        held(update.send().await).map_err(store)
    }

    /// Writes down that a policy store is about to be made, and answers when the first one was. `found` is the
    /// record as its run found it.
    ///
    /// # Errors
    /// [`RecordError::Contended`] when the tenant is not being opened any more, or not being erased any more.
    pub(super) async fn begin_store(
        &self,
        found: &Record,
        now: SystemTime,
    ) -> Result<SystemTime, RecordError> {
        let reply = self
            .of(found)
            .update_expression("SET store_begun_at = if_not_exists(store_begun_at, :now)")
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(overtaken)?;
        let record = reply.attributes.as_ref().and_then(Record::read).ok_or(RecordError::Malformed)?;
        record.store_begun_at.ok_or(RecordError::Malformed)
    }

    /// Writes down which policy store is the tenant's.
    ///
    /// # Errors
    /// As [`begin_store`](Self::begin_store).
    pub(super) async fn keep_store(&self, found: &Record, id: &ServiceId) -> Result<(), RecordError> {
        self.of(found)
            .update_expression("SET policy_store_id = :store")
            .expression_attribute_values(":store", text(id.as_str()))
            .send()
            .await
            .map_err(overtaken)?;
        Ok(())
    }

    fn of(&self, found: &Record) -> UpdateItemFluentBuilder {
        let update = self.dynamodb.update_item().table_name(&self.table).set_key(Some(key(found.tenant)));
        while_at(found.progress, update)
    }
}

/// A run whose record has gone another way stops; when it comes again it finds out which.
fn overtaken(error: SdkError<UpdateItemError>) -> RecordError {
    if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) {
        RecordError::Contended
    } else {
        store(error)
    }
}
