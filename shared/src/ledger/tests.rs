use aws_sdk_dynamodb::{Client, types::AttributeValue};
use serde_json::{Value, json};

use super::{
    LedgerError, newest, page, replace,
    rows::{self, tests::entry},
    seal,
};
use crate::{
    marketplace::script::Script,
    metering::{Entry, Write},
};

const TABLE: &str = "ledger";

/// A client whose table gives these answers, in their order.
fn table(answers: impl IntoIterator<Item = (u16, Value)>) -> (Script, Client) {
    let script = Script::of(answers.into_iter().map(|(status, body)| (status, body.to_string())));
    let client = script.dynamodb();
    (script, client)
}

fn bodies(script: &Script) -> Vec<Value> {
    script.sent().iter().map(|sent| serde_json::from_str(&sent.body).unwrap()).collect()
}

/// An entry's item, as DynamoDB writes it.
fn wire(entry: &Entry) -> Value {
    let attribute = |value: &AttributeValue| match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        _ => panic!("neither a text nor a number"),
    };
    rows::item(entry).unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// A page of a query: these hours of 2026-11-22, newest first, all sealed when nothing earlier was open.
fn found(hours: &[u32], goes_on: bool) -> (u16, Value) {
    let entries: Vec<Entry> = hours
        .iter()
        .map(|hour| entry(&format!("2026-11-22T{hour:02}#0"), &format!("2026-11-22T{hour:02}")))
        .collect();
    let items: Vec<Value> = entries.iter().map(wire).collect();
    let mut reply = json!({ "Items": items });
    if goes_on {
        let last = &items[items.len() - 1];
        reply["LastEvaluatedKey"] = json!({ "tenant_id": last["tenant_id"], "slot": last["slot"] });
    }
    (200, reply)
}

fn hours(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.slot.to_string().replace("2026-11-22T", "")).collect()
}

fn refused(code: &str, more: Value) -> (u16, Value) {
    let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "m" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (400, body)
}

fn cancelled(codes: &[&str]) -> (u16, Value) {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    refused("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
}

#[tokio::test]
async fn a_run_reads_the_hours_that_it_looks_at_and_the_one_before_them() {
    let tenant = entry("2026-11-22T10#0", "2026-11-22T10").tenant;
    let (script, client) = table([found(&[10, 9, 8, 7], true)]);
    let entries = newest(&client, TABLE, tenant, 2).await.unwrap();
    assert_eq!(hours(&entries), ["07#0", "08#0", "09#0", "10#0"]);
    let query = &bodies(&script)[0];
    assert_eq!(
        (&query["Limit"], &query["ConsistentRead"], &query["ScanIndexForward"]),
        (&4.into(), &true.into(), &false.into())
    );
    assert_eq!(bodies(&script).len(), 1, "one query, however long the ledger is");
}

#[tokio::test]
async fn a_run_reads_on_to_the_oldest_hour_that_is_open() {
    let (_, mut page) = found(&[10, 9], true);
    let newest_entry = entry("2026-11-22T10#0", "2026-11-22T07");
    page["Items"][0] = wire(&newest_entry);
    let (script, client) = table([(200, page), found(&[8, 7], true), found(&[6, 5], true)]);
    let entries = newest(&client, TABLE, newest_entry.tenant, 1).await.unwrap();
    assert_eq!(hours(&entries), ["06#0", "07#0", "08#0", "09#0", "10#0"], "7 is open, 6 is the one before");
    assert_eq!(bodies(&script)[1]["ExclusiveStartKey"]["slot"]["S"], "2026-11-22T09#0");
}

#[tokio::test]
async fn a_young_ledger_is_read_to_its_beginning() {
    let (_, client) = table([found(&[10, 9], false)]);
    let tenant = entry("2026-11-22T10#0", "2026-11-22T10").tenant;
    assert_eq!(hours(&newest(&client, TABLE, tenant, 26).await.unwrap()), ["09#0", "10#0"]);
    let (_, client) = table([(200, json!({ "Items": [] }))]);
    assert!(newest(&client, TABLE, tenant, 26).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_somebody_else_wrote_is_never_metered() {
    let (_, mut reply) = found(&[10], false);
    reply["Items"][0]["version"] = json!({ "N": "7" });
    let (_, client) = table([(200, reply)]);
    let tenant = entry("2026-11-22T10#0", "2026-11-22T10").tenant;
    let read = newest(&client, TABLE, tenant, 2).await;
    assert!(matches!(read, Err(LedgerError::Malformed("version"))), "{read:?}");
}

#[tokio::test]
async fn any_hours_are_read_page_by_page() {
    let (script, client) = table([found(&[9], true), found(&[10], false)]);
    let tenant = entry("2026-11-22T10#0", "2026-11-22T10").tenant;
    let (from, to) = ("2026-11-22T09".parse().unwrap(), "2026-11-22T10".parse().unwrap());
    let first = page(&client, TABLE, tenant, from, to, None).await.unwrap();
    assert_eq!(
        (hours(&first.items), first.next.as_deref()),
        (vec!["09#0".to_owned()], Some("2026-11-22T09#0"))
    );
    let second = page(&client, TABLE, tenant, from, to, first.next.as_deref()).await.unwrap();
    assert_eq!((hours(&second.items), second.next), (vec!["10#0".to_owned()], None));
    let asked = bodies(&script);
    assert_eq!(asked[0]["ExpressionAttributeValues"][":last"]["S"], "2026-11-22T10#9", "with every turn");
    assert_eq!(asked[1]["ExclusiveStartKey"]["slot"]["S"], "2026-11-22T09#0");
    assert!(page(&client, TABLE, tenant, to, from, None).await.unwrap().items.is_empty());
    let nowhere = page(&client, TABLE, tenant, from, to, Some("origin")).await;
    assert!(matches!(nowhere, Err(LedgerError::Position)));
}

#[tokio::test]
async fn an_hour_is_sealed_by_one_conditional_put() {
    let sealed = entry("2026-11-22T10#0", "2026-11-22T10");
    let (script, client) = table([(200, json!({}))]);
    assert_eq!(seal(&client, TABLE, &sealed, &[]).await.unwrap(), Write::Done);
    let put = &bodies(&script)[0];
    assert_eq!(put["ConditionExpression"], "attribute_not_exists(#slot)");
    assert_eq!(put["Item"], wire(&sealed));
}

#[tokio::test]
async fn an_hour_that_is_sealed_already_is_lost_and_one_that_nobody_knows_of_is_an_error() {
    let sealed = entry("2026-11-22T10#0", "2026-11-22T10");
    for code in ["ConditionalCheckFailedException", "TransactionConflictException"] {
        let (_, client) = table([refused(code, json!({}))]);
        assert_eq!(seal(&client, TABLE, &sealed, &[]).await.unwrap(), Write::Lost(None), "{code}");
    }
    let throttled = refused("ProvisionedThroughputExceededException", json!({}));
    for answers in [vec![throttled], vec![(500, json!({}))], vec![(200, json!("x"))], vec![]] {
        let (_, client) = table(answers);
        assert!(matches!(seal(&client, TABLE, &sealed, &[]).await, Err(LedgerError::Store(_))));
    }
}

#[tokio::test]
async fn what_belongs_together_is_one_transaction() {
    let mut first = entry("2026-11-22T10#0", "2026-11-22T10");
    first.from = None;
    let changed = Entry { version: 5, ..entry("2026-11-22T08#0", "2026-11-22T08") };
    let (script, client) = table([(200, json!({}))]);
    assert_eq!(seal(&client, TABLE, &first, std::slice::from_ref(&changed)).await.unwrap(), Write::Done);
    let body = &bodies(&script)[0];
    let puts: Vec<&Value> =
        body["TransactItems"].as_array().unwrap().iter().map(|item| &item["Put"]).collect();
    assert_eq!(puts.len(), 3);
    assert_eq!((&puts[0]["Item"], &puts[2]["Item"]), (&wire(&first), &wire(&changed)));
    assert_eq!(puts[0]["ConditionExpression"], "attribute_not_exists(#slot)");
    assert_eq!(puts[1]["Item"]["slot"]["S"], "origin");
    assert_eq!(puts[1]["ConditionExpression"], "attribute_not_exists(#slot) OR #first = :first");
    assert_eq!(puts[2]["ExpressionAttributeValues"][":before"]["N"], "4");
    assert!(body["ClientRequestToken"].as_str().is_some_and(|token| !token.is_empty()), "a lost reply");
}

#[tokio::test]
async fn a_transaction_that_others_were_before_is_lost_and_any_other_that_fails_is_an_error() {
    let mut first = entry("2026-11-22T10#0", "2026-11-22T10");
    first.from = None;
    for codes in [["None", "ConditionalCheckFailed"], ["TransactionConflict", "None"]] {
        let (_, client) = table([cancelled(&codes)]);
        assert_eq!(seal(&client, TABLE, &first, &[]).await.unwrap(), Write::Lost(None), "{codes:?}");
    }
    let in_progress = refused("TransactionInProgressException", json!({}));
    for answer in [cancelled(&["ThrottlingError", "None"]), in_progress, (503, json!({}))] {
        let (_, client) = table([answer.clone()]);
        let sealed = seal(&client, TABLE, &first, &[]).await;
        assert!(matches!(sealed, Err(LedgerError::Store(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn an_entry_is_replaced_in_the_version_that_was_read_only() {
    let before = entry("2026-11-22T10#0", "2026-11-22T10");
    let after = before.clone().in_next_version();
    let mut others = after.clone();
    others.drift = 7;
    let found = |entry: &Entry| refused("ConditionalCheckFailedException", json!({ "Item": wire(entry) }));
    let conflict = refused("TransactionConflictException", json!({}));
    for (answers, expected, why) in [
        (vec![(200, json!({}))], Write::Done, "nobody was before us"),
        (vec![found(&after)], Write::Done, "our own reply was lost"),
        (vec![found(&others)], Write::Lost(Some(Box::new(others.clone()))), "another run was"),
        (vec![refused("ConditionalCheckFailedException", json!({}))], Write::Lost(None), "there is none"),
        (
            vec![conflict, (200, json!({ "Item": wire(&before) }))],
            Write::Lost(Some(Box::new(before.clone()))),
            "a transaction holds it",
        ),
    ] {
        let (script, client) = table(answers);
        assert_eq!(replace(&client, TABLE, &after).await.unwrap(), expected, "{why}");
        let put = &bodies(&script)[0];
        assert_eq!(put["ExpressionAttributeValues"][":before"]["N"], "1");
        assert_eq!(put["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    }
    let (_, client) = table([(500, json!({}))]);
    assert!(matches!(replace(&client, TABLE, &after).await, Err(LedgerError::Store(_))));
}
