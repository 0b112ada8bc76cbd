//! The writes to a record while its tenant is being erased, and the tombstone that is left.

use std::time::SystemTime;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
        builders::UpdateBuilder,
    },
};

use super::{
    closing::{self, Closing, Counted, Counting, Counts, Waived},
    progress::Progress,
    record::{Record, Row, key, names},
    table::{Onboardings, RecordError, store, text},
};
use crate::{
    clock::rfc3339,
    conditional::held,
    ids::TenantId,
    tenancy::{ACTIVE, mapping_attributes, tenant_state},
};

/// How often the marking is tried again when another transaction met it, and how long it waits in between.
const MARKING_TRIES: usize = 8;
const BETWEEN_TRIES: std::time::Duration = std::time::Duration::from_millis(120);

/// What became of a tenant that was to be marked as closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Marked {
    /// It is closing, by this call or an earlier one; or it has been erased already.
    Closing(Box<Record>),
    /// Its subscription is active again; nothing was marked.
    Active,
}

/// What became of two updates that are done at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Both {
    /// They were done; look at what they came to.
    Done,
    /// The mapping row is there, and is not what it must be.
    MappingRefused,
    /// The record is not what it was, or somebody else was at it: look again.
    Disturbed,
}

const MARK: &str = "SET #progress = :closing, changed_at = :now, closing_ordered_at = :now, \
    closing_settled_at = :settled, waived_grace = :grace, waived_final_metering = :metering, \
    waived_settling = :settling, closing_was_ready = :ready, counting = :counting REMOVE #step, why";
/// What is written with a mark depends on what was marked.
const MARK_IF: &str = "#progress = :was";

/// Everything that [`MARK`] and counting wrote.
const UNMARK: &str = "SET #progress = :before, changed_at = :now REMOVE closing_ordered_at, closing_settled_at, \
    waived_grace, waived_final_metering, waived_settling, closing_was_ready, counting, counting_next, erased_bytes, \
    erased_documents, erased_objects, erased_shares, erased_users, erased_policies";
const UNMARK_IF: &str = "#progress = :closing AND attribute_not_exists(removing)";

fn mark_values(was: Progress, closing: &Closing) -> Row {
    [
        (":was", text(was.words().0)),
        (":closing", text("closing")),
        (":now", text(&rfc3339(closing.ordered_at))),
        (":settled", text(&rfc3339(closing.settled_at))),
        (":grace", AttributeValue::Bool(closing.waived.grace)),
        (":metering", AttributeValue::Bool(closing.waived.final_metering)),
        (":settling", AttributeValue::Bool(closing.waived.settling)),
        (":ready", AttributeValue::Bool(closing.was_ready)),
        (":counting", text(closing.counting.words().0)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Onboardings {
    /// Marks the tenant as closing, in its record and in its mapping row at once: its users are locked out, and no
    /// run opens it any more. A tenant whose subscription has become active again meanwhile is not marked.
    pub(super) async fn mark_closing(
        &self,
        tenants_table: &str,
        tenant: TenantId,
        waived: Waived,
        now: SystemTime,
    ) -> Result<Marked, RecordError> {
        for _ in 0..MARKING_TRIES {
            let record = self.get(tenant).await?.ok_or(RecordError::Malformed)?;
            if matches!(record.progress, Progress::Closing | Progress::Closed) {
                return Ok(Marked::Closing(Box::new(record)));
            }
            let closing = Closing::ordered(waived, &record, now);
            let mark = Update::builder()
                .table_name(&self.table)
                .set_key(Some(key(tenant)))
                .update_expression(MARK)
                .condition_expression(MARK_IF)
                .expression_attribute_names("#progress", names::PROGRESS)
                .expression_attribute_names("#step", names::STEP)
                .set_expression_attribute_values(Some(mark_values(record.progress, &closing)))
                .build()
                .map_err(|_| RecordError::Malformed)?;
            let mapping = mapping_update(tenants_table, tenant, tenant_state::CLOSING)
                .condition_expression("attribute_exists(tenant_id) AND #subscription <> :active")
                .expression_attribute_names("#subscription", mapping_attributes::SUBSCRIPTION_STATE)
                .expression_attribute_values(":active", text(ACTIVE))
                .build()
                .map_err(|_| RecordError::Malformed)?;
            match self.both(mark, mapping).await? {
                Both::Done => {}
                Both::MappingRefused => return Ok(Marked::Active),
                Both::Disturbed => tokio::time::sleep(BETWEEN_TRIES).await,
            }
        }
        Err(RecordError::Contended)
    }

    /// Takes the mark back, in record and mapping row at once, as long as nothing was removed; `false` when
    /// something was, or may have been. A tenant that was ready is so again, as it was. Any other waits to be
    /// opened: order that.
    pub(super) async fn unmark(
        &self,
        tenants_table: &str,
        tenant: TenantId,
        closing: &Closing,
        now: SystemTime,
    ) -> Result<bool, RecordError> {
        let (before, state) = if closing.was_ready {
            (Progress::Ready, tenant_state::OPEN)
        } else {
            (Progress::Waiting, tenant_state::OPENING)
        };
        for _ in 0..MARKING_TRIES {
            let record = self.get(tenant).await?.ok_or(RecordError::Malformed)?;
            match (record.progress, &record.closing) {
                (Progress::Closing, Some(closing)) if closing.removing => return Ok(false),
                (Progress::Closing, _) => {}
                (Progress::Closed, _) => return Ok(false),
                _ => return Ok(true),
            }
            let unmark = Update::builder()
                .table_name(&self.table)
                .set_key(Some(key(tenant)))
                .update_expression(UNMARK)
                .condition_expression(UNMARK_IF)
                .expression_attribute_names("#progress", names::PROGRESS)
                .expression_attribute_values(":before", text(before.words().0))
                .expression_attribute_values(":closing", text("closing"))
                .expression_attribute_values(":now", text(&rfc3339(now)))
                .build()
                .map_err(|_| RecordError::Malformed)?;
            let mapping = mapping_update(tenants_table, tenant, state)
                .condition_expression("attribute_exists(tenant_id)")
                .build()
                .map_err(|_| RecordError::Malformed)?;
            if self.both(unmark, mapping).await? == Both::Disturbed {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        }
        Err(RecordError::Contended)
    }

    /// Updates a record and its tenant's mapping row at once; a tenant that was never mapped has the record alone.
    async fn both(&self, record: Update, mapping: Update) -> Result<Both, RecordError> {
        let updates =
            [record.clone(), mapping].map(|update| TransactWriteItem::builder().update(update).build());
        Ok(match self.transact(&updates).await?.as_slice() {
            [] => Both::Done,
            // The record first: what the row said counts only for the record that was read.
            [record, ..] if fails(record) => Both::Disturbed,
            [_, mapping] if fails(mapping) && mapping.item.is_some() => Both::MappingRefused,
            [_, mapping] if fails(mapping) => {
                if self.alone(record).await? {
                    Both::Done
                } else {
                    Both::Disturbed
                }
            }
            // Another transaction was at work on the same rows.
            _ => Both::Disturbed,
        })
    }

    async fn alone(&self, record: Update) -> Result<bool, RecordError> {
        let updated = self
            .dynamodb
            .update_item()
            .table_name(record.table_name)
            .set_key(Some(record.key))
            .update_expression(record.update_expression)
            .set_condition_expression(record.condition_expression)
            .set_expression_attribute_names(record.expression_attribute_names)
            .set_expression_attribute_values(record.expression_attribute_values)
            .send()
            .await;
        held(updated).map_err(store)
    }

    /// Why the transaction was not done, update by update; nothing when it was.
    async fn transact(&self, updates: &[TransactWriteItem]) -> Result<Vec<CancellationReason>, RecordError> {
        let done =
            self.dynamodb.transact_write_items().set_transact_items(Some(updates.to_vec())).send().await;
        match done {
            Ok(_) => Ok(Vec::new()),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                    cancelled.cancellation_reasons.ok_or(RecordError::Contended)
                }
                error => Err(store(error)),
            },
            Err(error) => Err(store(error)),
        }
    }

    /// Writes down what was counted and where the counting goes on; `false` when somebody else has gone on from
    /// `from` meanwhile.
    pub(super) async fn count(
        &self,
        tenant: TenantId,
        from: &Counting,
        to: &Counting,
        counts: &Counts,
    ) -> Result<bool, RecordError> {
        let mut counts = *counts;
        let mut set = vec!["counting = :to".to_owned(), "erased_bytes = :bytes".to_owned()];
        let mut update = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .expression_attribute_names("#progress", names::PROGRESS)
            .expression_attribute_values(":closing", text("closing"))
            .expression_attribute_values(":bytes", AttributeValue::N(counts.bytes.to_string()));
        for counted in Counted::ALL {
            let (word, attribute) = counted.names();
            set.push(format!("{attribute} = :{word}"));
            update = update.expression_attribute_values(
                format!(":{word}"),
                AttributeValue::N(counts.of(counted).to_string()),
            );
        }
        let (from_word, from_next) = from.words();
        let (to_word, to_next) = to.words();
        update = update
            .expression_attribute_values(":from", text(from_word))
            .expression_attribute_values(":to", text(to_word));
        let same_place = match from_next {
            Some(next) => {
                update = update.expression_attribute_values(":from_next", text(next));
                "counting_next = :from_next"
            }
            None => "attribute_not_exists(counting_next)",
        };
        let remove = match to_next {
            Some(next) => {
                update = update.expression_attribute_values(":to_next", text(next));
                set.push("counting_next = :to_next".to_owned());
                ""
            }
            None => " REMOVE counting_next",
        };
        let counted = update
            .update_expression(format!("SET {}{remove}", set.join(", ")))
            .condition_expression(format!("#progress = :closing AND counting = :from AND {same_place}"))
            .send()
            .await;
        held(counted).map_err(store)
    }

    /// Writes down that removing begins; `false` when the tenant is not being erased any more. From now on the mark
    /// is not taken back.
    pub(super) async fn removing(&self, tenant: TenantId) -> Result<bool, RecordError> {
        self.flag(tenant, closing::names::REMOVING).await
    }

    /// Writes down that nothing is left but the mapping row, which goes next.
    pub(super) async fn unmapping(&self, tenant: TenantId) -> Result<bool, RecordError> {
        self.flag(tenant, closing::names::UNMAPPING).await
    }

    async fn flag(&self, tenant: TenantId, flag: &str) -> Result<bool, RecordError> {
        let marked = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .update_expression("SET #flag = :yes")
            .condition_expression("#progress = :closing")
            .expression_attribute_names("#flag", flag)
            .expression_attribute_names("#progress", names::PROGRESS)
            .expression_attribute_values(":closing", text("closing"))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .send()
            .await;
        held(marked).map_err(store)
    }

    /// Makes the record a tombstone: what was erased and when, and nothing personal; `false` when it is one.
    pub(super) async fn erased(&self, tenant: TenantId, now: SystemTime) -> Result<bool, RecordError> {
        let buried = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .update_expression(
                "SET #progress = :closed, changed_at = :now, erased_at = :now \
                 REMOVE company, admin_email, progress_key, #step, why",
            )
            .condition_expression("#progress = :closing")
            .expression_attribute_names("#progress", names::PROGRESS)
            .expression_attribute_names("#step", names::STEP)
            .expression_attribute_values(":closing", text("closing"))
            .expression_attribute_values(":closed", text("closed"))
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .send()
            .await;
        held(buried).map_err(store)
    }
}

/// An update of the tenant's mapping row that says its state.
fn mapping_update(table: &str, tenant: TenantId, state: &str) -> UpdateBuilder {
    Update::builder()
        .table_name(table)
        .set_key(Some(key(tenant)))
        .update_expression("SET #state = :state")
        .expression_attribute_names("#state", mapping_attributes::TENANT_STATE)
        .expression_attribute_values(":state", text(state))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

fn fails(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}
