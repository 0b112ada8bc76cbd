//! Usage is added to one's own tenant, in a transaction, and by nobody else; and no tenant's session does more with it.

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, DeleteRequest, Get, PutRequest, TransactGetItem,
    TransactWriteItem, Update, WriteRequest,
};
use local::account::Tenant;
use shared::metering::{Measure, UsageEvent};
use tests::{Aws, Refused, World, now, world};
use uuid::Uuid;

use super::sessions::tags;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// The part of a transaction that records one byte for `tenant`.
fn added(world: &World, tenant: &str) -> TransactWriteItem {
    let id = format!("test/{}", Uuid::new_v4()).parse().unwrap();
    let hour = "2026-11-22T10".parse().unwrap();
    let event = UsageEvent::new(id, Measure::StorageGibHours, 1, hour).unwrap();
    let tenant = tenant.parse().unwrap();
    shared::usage::put(world.details.output("UsageTableName"), tenant, &event, now()).unwrap()
}

async fn transact(aws: &Aws, parts: Vec<TransactWriteItem>) -> Result<(), Refused> {
    let written = aws.dynamodb().transact_write_items().set_transact_items(Some(parts)).send().await;
    written.map(drop).map_err(|e| Refused::of(&e))
}

/// Whoever writes usage: their function, and the role that it assumes.
const WRITERS: [(&str, &str); 4] =
    [("Documents", "Data"), ("Shares", "Data"), ("Shares", "Sharing"), ("Uploads", "Settlement")];

#[tokio::test]
async fn usage_is_added_to_ones_own_tenant_only() {
    let world = world().await;
    let (mine, other) = (world.fresh_tenant("meter").await, world.tenant("cobalt"));
    let before = world.used(&other.tenant_id).await;
    for (name, role) in WRITERS {
        let arn = world.details.output(&format!("Tenant{role}RoleArn"));
        let function = world.function(name);
        let own = function.assume(arn, &tags(&mine, &mine)).await.unwrap();
        let one = transact(&own, vec![added(&world, &mine.tenant_id)]).await;
        assert_eq!(one, Ok(()), "{name} as {role}: its own tenant's");
        let foreign = function.assume(arn, &tags(other, other)).await.unwrap();
        let mixed = vec![added(&world, &mine.tenant_id), added(&world, &other.tenant_id)];
        for (aws, parts, what) in [
            (&own, vec![added(&world, &other.tenant_id)], "another tenant's"),
            (&own, mixed, "another tenant's beside its own"),
            (&foreign, vec![added(&world, &mine.tenant_id)], "with another tenant's session"),
            (&function, vec![added(&world, &mine.tenant_id)], "without a session"),
        ] {
            let refused = transact(aws, parts).await;
            assert!(
                refused.as_ref().is_err_and(Refused::is_access_denied),
                "{name} as {role}, {what}: {refused:?}"
            );
        }
    }
    let bytes = i64::try_from(WRITERS.len()).unwrap();
    assert_eq!(world.used(&mine.tenant_id).await.bytes, bytes, "what was refused was not half done");
    assert_eq!(world.used(&other.tenant_id).await.documents, before.documents);
    assert!(world.usage(&other.tenant_id).await.iter().all(|e| !e.id().to_string().starts_with("test/")));
    for (name, role) in [("Deletions", "Deletion"), ("Users", "Directory"), ("Departures", "Departure")] {
        let arn = world.details.output(&format!("Tenant{role}RoleArn"));
        let session = world.function(name).assume(arn, &tags(&mine, &mine)).await.unwrap();
        let refused = transact(&session, vec![added(&world, &mine.tenant_id)]).await;
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{name} as {role}: {refused:?}");
    }
}

#[tokio::test]
async fn usage_that_is_written_no_session_reads_changes_or_removes() {
    let world = world().await;
    let mine = world.fresh_tenant("written").await;
    let table = world.details.output("UsageTableName");
    for (name, role) in WRITERS {
        let arn = world.details.output(&format!("Tenant{role}RoleArn"));
        let own = world.function(name).assume(arn, &tags(&mine, &mine)).await.unwrap();
        let before = world.usage(&mine.tenant_id).await;
        let one = added(&world, &mine.tenant_id);
        let written = one.put().unwrap().item().clone();
        assert_eq!(transact(&own, vec![one]).await, Ok(()), "{name} as {role} adds");
        let after = world.usage(&mine.tenant_id).await;
        assert_eq!(after.len(), before.len() + 1);
        for (what, refused) in tries(&own, table, &mine, written["usage_key"].as_s().unwrap()).await {
            assert!(
                refused.as_ref().is_err_and(Refused::is_access_denied),
                "{what} by {name} as {role}: {refused:?}"
            );
        }
        assert_eq!(world.usage(&mine.tenant_id).await, after, "{name} as {role}: everything is as it was");
    }
}

/// Everything else that could be done with the item of that key, and with new ones.
async fn tries(
    aws: &Aws,
    table: &str,
    tenant: &Tenant,
    usage_key: &str,
) -> Vec<(&'static str, Result<(), Refused>)> {
    let client = aws.dynamodb();
    let key = || {
        [("tenant_id".to_owned(), text(&tenant.tenant_id)), ("usage_key".to_owned(), text(usage_key))].into()
    };
    let put = client.put_item().table_name(table).set_item(Some(key())).send().await;
    let new = client
        .put_item()
        .table_name(table)
        .item("tenant_id", text(&tenant.tenant_id))
        .item("usage_key", text("usage#2026-11-22T10#test/alone"))
        .send()
        .await;
    let update = client
        .update_item()
        .table_name(table)
        .set_key(Some(key()))
        .update_expression("SET amount = :none")
        .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
        .send()
        .await;
    let delete = client.delete_item().table_name(table).set_key(Some(key())).send().await;
    let get = client.get_item().table_name(table).set_key(Some(key())).send().await;
    let query = client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant")
        .expression_attribute_values(":tenant", text(&tenant.tenant_id))
        .send()
        .await;
    let scan = client.scan().table_name(table).send().await;
    let write = |write: WriteRequest| client.batch_write_item().request_items(table, vec![write]).send();
    let put_one = PutRequest::builder().set_item(Some(key())).build().unwrap();
    let batch_put = write(WriteRequest::builder().put_request(put_one).build()).await;
    let delete_one = DeleteRequest::builder().set_key(Some(key())).build().unwrap();
    let batch_delete = write(WriteRequest::builder().delete_request(delete_one).build()).await;
    let statement = format!("DELETE FROM \"{table}\" WHERE tenant_id = ? AND usage_key = ?");
    let partiql = client
        .execute_statement()
        .statement(statement)
        .parameters(text(&tenant.tenant_id))
        .parameters(text(usage_key))
        .send()
        .await;
    let part = TransactWriteItem::builder;
    let update_part = Update::builder()
        .table_name(table)
        .set_key(Some(key()))
        .update_expression("SET amount = :none")
        .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
        .build()
        .unwrap();
    let delete_part = Delete::builder().table_name(table).set_key(Some(key())).build().unwrap();
    let check = ConditionCheck::builder()
        .table_name(table)
        .set_key(Some(key()))
        .condition_expression("attribute_exists(usage_key)")
        .build()
        .unwrap();
    let read = Get::builder().table_name(table).set_key(Some(key())).build().unwrap();
    let read =
        client.transact_get_items().transact_items(TransactGetItem::builder().get(read).build()).send().await;
    vec![
        ("PutItem over it", put.map(drop).map_err(|e| Refused::of(&e))),
        ("PutItem of a new one, alone", new.map(drop).map_err(|e| Refused::of(&e))),
        ("UpdateItem", update.map(drop).map_err(|e| Refused::of(&e))),
        ("DeleteItem", delete.map(drop).map_err(|e| Refused::of(&e))),
        ("GetItem", get.map(drop).map_err(|e| Refused::of(&e))),
        ("Query", query.map(drop).map_err(|e| Refused::of(&e))),
        ("Scan", scan.map(drop).map_err(|e| Refused::of(&e))),
        ("BatchWriteItem of a put", batch_put.map(drop).map_err(|e| Refused::of(&e))),
        ("BatchWriteItem of a deletion", batch_delete.map(drop).map_err(|e| Refused::of(&e))),
        ("PartiQL", partiql.map(drop).map_err(|e| Refused::of(&e))),
        ("Update in a transaction", transact(aws, vec![part().update(update_part).build()]).await),
        ("Delete in a transaction", transact(aws, vec![part().delete(delete_part).build()]).await),
        ("ConditionCheck", transact(aws, vec![part().condition_check(check).build()]).await),
        ("TransactGetItems", read.map(drop).map_err(|e| Refused::of(&e))),
    ]
}
