//! Writing the ledger. Nothing is written over what its writer has not read.

use aws_sdk_dynamodb::{
    Client,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{
        AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    },
};

use super::{
    LedgerError,
    read::{get, store_failed},
    rows::{self, FIRST, SLOT, VERSION, text},
};
use crate::metering::{Entry, Write};

/// The most items of one transaction.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const TRANSACTION_MAX: usize = 100;

/// Seals an hour, as [`crate::metering::World::seal`] wants it.
///
/// One `PutItem` where nothing else changes with it, which is nearly always; else one transaction, which costs
/// twice as much. A reply that was lost, and the SDK asking again, is answered with [`Write::Lost`] by the first
/// form: the entry is there, and its writer finds it as it finds another run's. That is right, since another run
/// may by then have sent it.
///
/// # Errors
/// When the table fails. Whether the entry is there is then not known.
pub async fn seal(
    client: &Client,
    table: &str,
    entry: &Entry,
    changed: &[Entry],
) -> Result<Write, LedgerError> {
    if changed.is_empty() && !entry.is_first() {
        let put = client
            .put_item()
            .table_name(table)
            .set_item(Some(rows::item(entry)?))
            .condition_expression("attribute_not_exists(#slot)")
            .expression_attribute_names("#slot", SLOT)
            .send()
            .await;
        return match put {
            Ok(_) => Ok(Write::Done),
            Err(error) => match error.as_service_error() {
                Some(
                    PutItemError::ConditionalCheckFailedException(_)
                    | PutItemError::TransactionConflictException(_),
                ) => Ok(Write::Lost(None)),
                _ => Err(store_failed(error)),
            },
        };
    }
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(rows::item(entry)?))
        .condition_expression("attribute_not_exists(#slot)")
        .expression_attribute_names("#slot", SLOT);
    let mut puts = vec![put];
    if entry.is_first() {
        puts.push(
            Put::builder()
                .table_name(table)
                .set_item(Some(rows::origin(entry.tenant, entry.slot)))
                .condition_expression("attribute_not_exists(#slot) OR #first = :first")
                .expression_attribute_names("#slot", SLOT)
                .expression_attribute_names("#first", FIRST)
                .expression_attribute_values(":first", text(&entry.slot.to_string())),
        );
    }
    for entry in changed {
        puts.push(
            Put::builder()
                .table_name(table)
                .set_item(Some(rows::item(entry)?))
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":before", before(entry)),
        );
    }
    if puts.len() > TRANSACTION_MAX {
        return Err(LedgerError::TooMany("transaction"));
    }
    let mut transaction = client.transact_write_items();
    for put in puts {
        let put = put.build().map_err(|_| LedgerError::Malformed("transaction"))?;
        transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
    }
    match transaction.send().await {
        Ok(_) => Ok(Write::Done),
        Err(error) => match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                if cancelled.cancellation_reasons().iter().any(is_somebody_elses_write) =>
            {
                Ok(Write::Lost(None))
            }
            _ => Err(store_failed(error)),
        },
    }
}

/// Writes an entry in its next version, as [`crate::metering::World::replace`] wants it.
///
/// What the ledger has already is done: a reply that was lost, or another run that came to the same.
///
/// # Errors
/// When the table fails, or holds something that it should not. Whether the entry is there is then not known.
pub async fn replace(client: &Client, table: &str, entry: &Entry) -> Result<Write, LedgerError> {
    let put = client
        .put_item()
        .table_name(table)
        .set_item(Some(rows::item(entry)?))
        .condition_expression("#version = :before")
        .expression_attribute_names("#version", VERSION)
        .expression_attribute_values(":before", before(entry))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let now = match put {
        Ok(_) => return Ok(Write::Done),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                failed.item().map(|item| rows::read(entry.tenant, item)).transpose()?
            }
            // A transaction holds the item at this moment: what it makes of it, or not, is what there is.
            Some(PutItemError::TransactionConflictException(_)) => {
                get(client, table, entry.tenant, entry.slot).await?
            }
            _ => return Err(store_failed(error)),
        },
    };
    Ok(match now {
        Some(now) if now == *entry => Write::Done,
        now => Write::Lost(now.map(Box::new)),
    })
}

/// The version before an entry's.
fn before(entry: &Entry) -> AttributeValue {
    AttributeValue::N(entry.version.saturating_sub(1).to_string())
}

/// Whether a transaction was cancelled because of what others wrote, or were just writing.
fn is_somebody_elses_write(reason: &CancellationReason) -> bool {
    matches!(reason.code(), Some("ConditionalCheckFailed" | "TransactionConflict"))
}
