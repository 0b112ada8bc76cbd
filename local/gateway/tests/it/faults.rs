//! Faults by order: as often as ordered, before or after the effect.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::account::{A, Account, Keys, code};

async fn order(account: &Account, fault: Value) -> u16 {
    let url = format!("{}/_gateway/faults", account.gateway.aws_url);
    reqwest::Client::new().post(url).body(fault.to_string()).send().await.unwrap().status().as_u16()
}

async fn put(account: &Account) -> String {
    let keys = account.tenant(A, "store").await;
    let call = account.dynamodb(&keys).put_item().table_name("documents");
    let call = call.item("tenant_id", AttributeValue::S(A.to_owned()));
    code(&call.item("document_id", AttributeValue::S("1".to_owned())).send().await)
}

#[tokio::test]
async fn a_fault_hits_as_often_as_ordered_before_or_after_the_effect() {
    for (when, error, expected, effects) in [
        ("before", "throttle", "ThrottlingException", 0),
        ("after", "throttle", "ThrottlingException", 1),
        ("before", "500", "InternalServerError", 0),
        ("after", "500", "InternalServerError", 1),
        ("before", "cut", "no code", 0),
        ("after", "cut", "no code", 1),
    ] {
        let account = Account::start().await;
        let fault = json!({"service": "dynamodb", "operation": "PutItem", "function": "documents", "when": when, "error": error, "times": 1});
        assert_eq!(order(&account, fault).await, 201);
        assert_eq!(put(&account).await, expected, "{when} {error}");
        assert_eq!(account.engine.effects().len(), effects, "{when} {error}");
        assert_eq!(put(&account).await, "ok", "spent");
    }
}

#[tokio::test]
async fn an_order_can_be_taken_back_and_a_bad_one_is_refused() {
    let account = Account::start().await;
    let fault =
        json!({"service": "dynamodb", "operation": "PutItem", "when": "before", "error": "500", "times": 9});
    assert_eq!(order(&account, fault).await, 201);
    let url = format!("{}/_gateway/faults", account.gateway.aws_url);
    assert_eq!(reqwest::Client::new().delete(url).send().await.unwrap().status(), 200);
    assert_eq!(put(&account).await, "ok");
    assert_eq!(order(&account, json!({"service": "dynamodb"})).await, 400);
}

#[tokio::test]
async fn another_site_in_a_browser_orders_nothing() {
    let account = Account::start().await;
    let url = format!("{}/_gateway/faults", account.gateway.aws_url);
    let client = reqwest::Client::new();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    for (name, value) in [("host", "evil.example:80"), ("origin", "http://evil.example")] {
        assert_eq!(client.get(&url).header(name, value).send().await.unwrap().status(), 403, "{name}");
    }
}

const TRACE: &str = "1-00000001-000000000000000000000001";

/// One write of an invocation, on its own connection.
fn traced_put(account: &Account, keys: &Keys) -> tokio::task::JoinHandle<String> {
    let call = account.dynamodb(keys).put_item().table_name("documents");
    let call = call.item("tenant_id", AttributeValue::S(A.to_owned()));
    let call = call.item("document_id", AttributeValue::S("1".to_owned()));
    let call = call.customize().mutate_request(|request| {
        request.headers_mut().insert("x-amzn-trace-id", format!("Root={TRACE};Sampled=0"));
    });
    tokio::spawn(async move { code(&call.send().await) })
}

#[tokio::test]
async fn a_held_call_waits_before_or_after_its_effect_until_it_is_cut() {
    for (when, effects) in [("before", 1), ("after", 2)] {
        let account = Account::start().await;
        let keys = account.tenant(A, "store").await;
        let (client, url) = (reqwest::Client::new(), format!("{}/_gateway/holds", account.gateway.aws_url));
        let hold = json!({ "trace": TRACE, "nth": 1, "when": when }).to_string();
        assert_eq!(client.post(&url).body(hold).send().await.unwrap().status(), 201);
        assert_eq!(traced_put(&account, &keys).await.unwrap(), "ok", "the first goes by");
        let second = traced_put(&account, &keys);
        let met = async || -> Value {
            let text = client.get(&url).send().await.unwrap().text().await.unwrap();
            serde_json::from_str::<Value>(&text).unwrap()["holds"][0]["met"].clone()
        };
        while met().await.is_null() {
            tokio::task::yield_now().await;
        }
        assert_eq!(met().await, "dynamodb:PutItem");
        assert_eq!(account.engine.effects().len(), effects, "{when}");
        assert!(!second.is_finished(), "no answer");
        assert_eq!(client.delete(&url).send().await.unwrap().status(), 200);
        assert_eq!(second.await.unwrap(), "no code", "{when}: cut");
        let calls = format!("{}/_gateway/calls?trace={TRACE}", account.gateway.aws_url);
        let calls: Value =
            serde_json::from_str(&client.get(calls).send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(calls["in_order"], json!(["dynamodb:PutItem", "dynamodb:PutItem"]));
    }
}
