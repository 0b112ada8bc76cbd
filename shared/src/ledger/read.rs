//! Reading the ledger: the newest entries for a run, or any hours for somebody who asks.

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use super::{
    LedgerError,
    rows::{self, AFTER_SLOTS, Item, SLOT, TENANT, text},
};
use crate::{
    ids::TenantId,
    metering::{Entry, Hour, Page, Slot},
};

/// The most entries of one tenant that a run looks at: eighty days of hours. Open entries expire after a day, so
/// nothing lets it grow.
const NEWEST_MAX: usize = 2_000;

/// The entries from one hour to another, both included, oldest first; `after` is where the page before it ended.
///
/// `client` carries whose entries may be read: a tenant's session its own, the vendor's everybody's. A page has at
/// most a megabyte, about a month of hours.
///
/// # Errors
/// When the table fails, or holds something that it should not.
pub async fn page(
    client: &Client,
    table: &str,
    tenant: TenantId,
    from: Hour,
    to: Hour,
    after: Option<&str>,
) -> Result<Page<Entry>, LedgerError> {
    let start = match after {
        None => None,
        Some(after) => Some(rows::key(tenant, after.parse().map_err(|_| LedgerError::Position)?)),
    };
    let (first, last) = (Slot::first(from), Slot { hour: to, turn: Slot::TURN_MAX });
    if from > to {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let reply = client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant AND slot BETWEEN :first AND :last")
        .expression_attribute_values(":tenant", text(&tenant.to_string()))
        .expression_attribute_values(":first", text(&first.to_string()))
        .expression_attribute_values(":last", text(&last.to_string()))
        .consistent_read(true)
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(store_failed)?;
    let items: Result<Vec<_>, _> = reply.items().iter().map(|item| rows::read(tenant, item)).collect();
    let next = reply.last_evaluated_key.as_ref().and_then(|key| key.get(SLOT)?.as_s().ok()).cloned();
    Ok(Page { items: items?, next })
}

/// The tenant's newest entries, oldest first, as [`crate::metering::World::entries`] wants them.
///
/// # Errors
/// When the table fails, holds something that it should not, or too much.
pub async fn newest(
    client: &Client,
    table: &str,
    tenant: TenantId,
    back: u32,
) -> Result<Vec<Entry>, LedgerError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut start: Option<Item> = None;
    loop {
        let reply = client
            .query()
            .table_name(table)
            .key_condition_expression("#tenant = :tenant AND #slot < :end")
            .expression_attribute_names("#tenant", TENANT)
            .expression_attribute_names("#slot", SLOT)
            .expression_attribute_values(":tenant", text(&tenant.to_string()))
            .expression_attribute_values(":end", AttributeValue::S(AFTER_SLOTS.to_owned()))
            .scan_index_forward(false)
            // Each hour has one entry, nearly always; and the one before them.
            .limit(i32::try_from(back.saturating_add(2)).unwrap_or(i32::MAX))
            .consistent_read(true)
            .set_exclusive_start_key(start.take())
            .send()
            .await
            .map_err(store_failed)?;
        for item in reply.items() {
            let entry = rows::read(tenant, item)?;
            let from = entries.first().map(|newest| begins(newest, back));
            let is_before = from.is_some_and(|from| entry.slot.hour < from);
            entries.push(entry);
            if is_before {
                entries.reverse();
                return Ok(entries);
            }
        }
        if entries.len() > NEWEST_MAX {
            return Err(LedgerError::TooMany("run"));
        }
        start = reply.last_evaluated_key;
        if start.is_none() {
            entries.reverse();
            return Ok(entries);
        }
    }
}

/// One entry, as it is now.
///
/// # Errors
/// When the table fails, or holds something that it should not.
pub async fn get(
    client: &Client,
    table: &str,
    tenant: TenantId,
    slot: Slot,
) -> Result<Option<Entry>, LedgerError> {
    let get = client.get_item().table_name(table).set_key(Some(rows::key(tenant, slot)));
    let reply = get.consistent_read(true).send().await.map_err(store_failed)?;
    reply.item.map(|item| rows::read(tenant, &item)).transpose()
}

/// The first hour that a run looks at, by the newest entry.
fn begins(newest: &Entry, back: u32) -> Hour {
    newest.slot.hour.back(back).min(newest.open_since)
}

pub(super) fn store_failed<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> LedgerError {
    LedgerError::Store(Box::new(error.into()))
}
