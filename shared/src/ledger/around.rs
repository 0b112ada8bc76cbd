//! The entries around some hours: a tenant's account of them needs to know what went before, and what follows.

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use super::{
    LedgerError,
    read::store_failed,
    rows::{self, AFTER_SLOTS, text},
};
use crate::{
    ids::TenantId,
    metering::{Entry, Hour, Slot},
};

/// The newest `count` entries before an hour, or all there are; oldest first.
///
/// `client` carries whose entries may be read, as for [`super::page`].
///
/// # Errors
/// When the table fails, or holds something that it should not.
pub async fn before(
    client: &Client,
    table: &str,
    tenant: TenantId,
    hour: Hour,
    count: u8,
) -> Result<Vec<Entry>, LedgerError> {
    let reply = client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant AND slot < :first")
        .expression_attribute_values(":tenant", text(&tenant.to_string()))
        .expression_attribute_values(":first", text(&Slot::first(hour).to_string()))
        .consistent_read(true)
        .scan_index_forward(false)
        .limit(i32::from(count))
        .send()
        .await
        .map_err(store_failed)?;
    reply.items().iter().rev().map(|item| rows::read(tenant, item)).collect()
}

/// The first entry after an hour.
///
/// # Errors
/// When the table fails, or holds something that it should not.
pub async fn after(
    client: &Client,
    table: &str,
    tenant: TenantId,
    hour: Hour,
) -> Result<Option<Entry>, LedgerError> {
    let reply = client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant AND slot BETWEEN :first AND :end")
        .expression_attribute_values(":tenant", text(&tenant.to_string()))
        .expression_attribute_values(":first", text(&Slot::first(hour.next()).to_string()))
        // No slot is this, and none is behind it.
        .expression_attribute_values(":end", AttributeValue::S(AFTER_SLOTS.to_owned()))
        .consistent_read(true)
        .limit(1)
        .send()
        .await
        .map_err(store_failed)?;
    reply.items().first().map(|item| rows::read(tenant, item)).transpose()
}
