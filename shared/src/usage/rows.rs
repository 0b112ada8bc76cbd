//! Events as rows: `tenant_id` + `usage_key` (`usage#HOUR#ID`), so that an hour's stand together.

use std::{collections::HashMap, time::SystemTime};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem},
};

use super::KEPT;
use crate::{
    clock::{epoch_s, rfc3339},
    ids::TenantId,
    metering::{Hour, Page, UsageEvent},
    problem::chain,
};

/// How many events are read at once: some 200 bytes each.
const ROWS_PER_PAGE: i32 = 2_000;

type Row = HashMap<String, AttributeValue>;

/// Why usage could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The table did not do its part.
    #[error("the usage table failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// A row is not what this product writes. An incident: it cannot be billed.
    #[error("a usage event is malformed")]
    Malformed,
    /// A row of another tenant was read. An incident: IAM or the key should have made it impossible.
    #[error("a usage event of another tenant was read")]
    ForeignRow,
}

impl UsageError {
    /// Logs it as an incident, if it is one that was not logged where it was met: what this product did not write does
    /// not pass, and is not billed. A table that failed is none; whoever reads tells of it.
    pub fn report(&self, tenant: TenantId) {
        match self {
            Self::Store(_) | Self::ForeignRow => {}
            Self::Malformed => {
                tracing::error!(incident = "malformed_usage", %tenant, error = chain(self), "usage is not as this product writes it");
            }
        }
    }
}

/// The part of a transaction that records `event` for `tenant`, once. IAM lets a tenant's session do no more than put
/// an item of its own tenant in a transaction; that it is a new one only this condition says.
///
/// # Errors
/// Never in practice: a table's name and an item are all that the SDK asks for.
pub fn put(
    table: &str,
    tenant: TenantId,
    event: &UsageEvent,
    now: SystemTime,
) -> Result<TransactWriteItem, UsageError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(row(tenant, event, now)))
        .condition_expression("attribute_not_exists(usage_key)")
        .build()
        .map_err(|_| UsageError::Malformed)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Some of the tenant's events from one hour (or the beginning) to another, both included, in the order of the hours;
/// the next page begins after `after`. Strongly consistent: what was written before is there.
///
/// `client` carries what may read the tenant's partition: a tenant's session, or the metering function's own role.
///
/// # Errors
/// When the table fails, or has something else than events.
pub async fn page(
    client: &Client,
    table: &str,
    tenant: TenantId,
    from: Option<Hour>,
    to: Hour,
    after: Option<&str>,
) -> Result<Page<UsageEvent>, UsageError> {
    if from.is_some_and(|from| from > to) {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let (first, last) = UsageEvent::keys_between(from, to);
    let reply = client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant AND usage_key BETWEEN :first AND :last")
        .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
        .expression_attribute_values(":first", AttributeValue::S(first))
        .expression_attribute_values(":last", AttributeValue::S(last))
        .consistent_read(true)
        .limit(ROWS_PER_PAGE)
        .set_exclusive_start_key(after.map(|after| key(tenant, after)))
        .send()
        .await
        .map_err(|e| UsageError::Store(Box::new(e.into())))?;
    let items = reply.items().iter().map(|row| read(tenant, row)).collect::<Result<_, _>>()?;
    let next =
        reply.last_evaluated_key.map(|last| text(&last, "usage_key").map(str::to_owned)).transpose()?;
    Ok(Page { items, next })
}

fn key(tenant: TenantId, sort_key: &str) -> Row {
    HashMap::from([
        ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
        ("usage_key".to_owned(), AttributeValue::S(sort_key.to_owned())),
    ])
}

fn row(tenant: TenantId, event: &UsageEvent, now: SystemTime) -> Row {
    let mut row = key(tenant, &event.sort_key());
    row.extend(
        [
            ("measure", AttributeValue::S(event.measure().to_string())),
            ("amount", AttributeValue::N(event.amount().to_string())),
            ("recorded_at", AttributeValue::S(rfc3339(now))),
            ("expires_at", AttributeValue::N(epoch_s(now + KEPT).to_string())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    row
}

/// Reads a row of `tenant`'s.
fn read(tenant: TenantId, row: &Row) -> Result<UsageEvent, UsageError> {
    let malformed = |_| UsageError::Malformed;
    if text(row, "tenant_id")? != tenant.to_string() {
        tracing::error!(incident = "foreign_row", %tenant, "a row of another tenant was read");
        return Err(UsageError::ForeignRow);
    }
    let (hour, id) = UsageEvent::read_sort_key(text(row, "usage_key")?).map_err(malformed)?;
    let measure = text(row, "measure")?.parse().map_err(malformed)?;
    let amount = row.get("amount").and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok());
    UsageEvent::new(id, measure, amount.ok_or(UsageError::Malformed)?, hour)
        .map_err(|_| UsageError::Malformed)
}

fn text<'a>(row: &'a Row, name: &str) -> Result<&'a str, UsageError> {
    row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or(UsageError::Malformed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{marketplace::script::Script, metering::Measure};

    fn event(measure: Measure, amount: i64) -> UsageEvent {
        let hour = "2026-11-22T10".parse().unwrap();
        UsageEvent::new("document/1/stored".parse().unwrap(), measure, amount, hour).unwrap()
    }

    proptest! {
        #[test]
        fn an_event_reads_back_as_it_was_written(amount in any::<i64>().prop_filter("no change", |n| *n != 0)) {
            let (tenant, event) = (TenantId::random(), event(Measure::StorageGibHours, amount));
            prop_assert_eq!(read(tenant, &row(tenant, &event, SystemTime::UNIX_EPOCH)).unwrap(), event);
        }
    }

    #[test]
    fn a_row_that_lacks_anything_or_is_anothers_is_no_event() {
        let (tenant, event) = (TenantId::random(), event(Measure::DocumentsAdded, 1));
        let row = row(tenant, &event, SystemTime::UNIX_EPOCH);
        assert!(read(tenant, &row).is_ok());
        for name in ["tenant_id", "usage_key", "measure", "amount"] {
            let mut row = row.clone();
            row.remove(name);
            assert!(read(tenant, &row).is_err(), "without {name}");
            row.insert(name.to_owned(), AttributeValue::S("?".to_owned()));
            assert!(read(tenant, &row).is_err(), "another {name}");
        }
        assert!(matches!(read(TenantId::random(), &row), Err(UsageError::ForeignRow)));
    }

    #[test]
    fn what_is_counted_cannot_be_taken_back_by_a_row_either() {
        let (tenant, event) = (TenantId::random(), event(Measure::DocumentsAdded, 1));
        let mut row = row(tenant, &event, SystemTime::UNIX_EPOCH);
        row.insert("amount".to_owned(), AttributeValue::N("-1".to_owned()));
        assert!(matches!(read(tenant, &row), Err(UsageError::Malformed)));
    }

    #[test]
    fn an_event_is_kept_for_four_hundred_days() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let row = row(TenantId::random(), &event(Measure::DocumentsAdded, 1), at);
        assert_eq!(row["expires_at"], AttributeValue::N((1_000 + 400 * 86_400).to_string()));
    }

    /// What `page` answers and asks, when the table answers so.
    async fn paged(
        tenant: TenantId,
        from: Option<&str>,
        after: Option<&str>,
        answer: serde_json::Value,
    ) -> (Result<Page<UsageEvent>, UsageError>, Vec<serde_json::Value>) {
        let script = Script::of([(200, answer.to_string())]);
        let client = script.dynamodb();
        let from = from.map(|hour| hour.parse().unwrap());
        let found = page(&client, "usage", tenant, from, "2026-11-22T10".parse().unwrap(), after).await;
        (found, script.sent().iter().map(|sent| serde_json::from_str(&sent.body).unwrap()).collect())
    }

    #[tokio::test]
    async fn a_page_is_of_its_hours_and_its_tenant_and_says_where_the_next_begins() {
        let (tenant, key) = (TenantId::random(), "usage#2026-11-22T10#document/1/stored");
        let item = |tenant: TenantId| {
            json!({ "tenant_id": { "S": tenant }, "usage_key": { "S": key },
                    "measure": { "S": "storage_gib_hours" }, "amount": { "N": "-7" } })
        };
        let last = json!({ "tenant_id": { "S": tenant }, "usage_key": { "S": key } });
        let answer = json!({ "Items": [item(tenant)], "LastEvaluatedKey": last });
        let (found, asked) = paged(tenant, Some("2026-11-22T09"), Some(key), answer).await;
        let found = found.unwrap();
        assert_eq!(found.items, [event(Measure::StorageGibHours, -7)]);
        assert_eq!(found.next.as_deref(), Some(key));
        let values = json!({ ":tenant": { "S": tenant }, ":first": { "S": "usage#2026-11-22T09#" },
                             ":last": { "S": "usage#2026-11-22T10$" } });
        assert_eq!(asked[0]["ExpressionAttributeValues"], values);
        assert_eq!((&asked[0]["ExclusiveStartKey"], &asked[0]["ConsistentRead"]), (&last, &json!(true)));

        let (found, asked) = paged(tenant, None, None, json!({ "Items": [] })).await;
        assert_eq!((found.unwrap().next, &asked[0]["ExclusiveStartKey"]), (None, &serde_json::Value::Null));
        let (found, asked) = paged(tenant, Some("2026-11-22T11"), None, json!({})).await;
        assert!(found.unwrap().items.is_empty() && asked.is_empty(), "no hours, no question");
        let (found, _) = paged(tenant, None, None, json!({ "Items": [item(TenantId::random())] })).await;
        assert!(matches!(found, Err(UsageError::ForeignRow)));
    }
}
