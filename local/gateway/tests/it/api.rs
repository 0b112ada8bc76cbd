//! The API endpoint, and the counting of what one request of it makes the functions call.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::account::{A, Account, Keys};

async fn counted(account: &Account, trace: &str) -> Value {
    let url = format!("{}/_gateway/calls?trace={trace}", account.gateway.aws_url);
    let answer: Value =
        serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap();
    answer["calls"].clone()
}

async fn get(account: &Account, keys: &Keys, trace: &str) {
    let body = json!({"TableName": "documents", "Key": {"tenant_id": {"S": A}, "document_id": {"S": "1"}}})
        .to_string();
    let trace = format!("Root={trace};Parent=0000000000000001;Sampled=1");
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.GetItem"),
        ("x-amzn-trace-id", trace.as_str()),
    ];
    let (status, text) = crate::wire::signed(account, keys, "dynamodb", "/", &headers, &body).await;
    assert_eq!(status, 200, "{text}");
}

#[tokio::test]
async fn a_request_goes_to_the_deployed_stage_and_is_given_a_trace() {
    let account = Account::start().await;
    let url = format!("{}/documents?limit=1", account.gateway.api_url);
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 503, "before anything is deployed");
    account.gateway.serve_api("0123abcd", "v1");
    let request = reqwest::Client::new()
        .post(&url)
        .header("authorization", "Bearer x")
        .header("host", "other.example")
        .body("{}");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let trace = response.headers()["x-amzn-trace-id"].to_str().unwrap().to_owned();
    assert!(trace.starts_with("Root=1-") && trace.len() == 40, "{trace}");
    let reached = account.engine.effects();
    let [post] = reached.as_slice() else { panic!("{reached:?}") };
    assert_eq!(post.path, "/restapis/0123abcd/v1/_user_request_/documents?limit=1");
    assert_eq!(post.header("authorization"), "Bearer x");
    assert_eq!(
        format!("http://{}", post.header("host")),
        account.gateway.api_url,
        "the client does not choose it"
    );
    assert_eq!(post.header("x-amzn-trace-id"), trace);
}

#[tokio::test]
async fn calls_that_carry_a_trace_are_counted_for_it() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    let (one, two) = ("1-00000001-000000000000000000000001", "1-00000001-000000000000000000000002");
    for trace in [one, one, two] {
        get(&account, &keys, trace).await;
    }
    let of = |count| json!([{"service": "dynamodb", "operation": "GetItem", "count": count}]);
    assert_eq!(counted(&account, one).await, of(2));
    assert_eq!(counted(&account, two).await, of(1));
    assert_eq!(counted(&account, "1-00000001-000000000000000000000003").await, json!([]));
}

#[tokio::test]
async fn a_body_over_api_gateways_limit_is_refused() {
    let account = Account::start().await;
    account.gateway.serve_api("0123abcd", "v1");
    let send = async |bytes: usize| {
        let url = format!("{}/documents", account.gateway.api_url);
        reqwest::Client::new().post(url).body(vec![b' '; bytes]).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(10 * 1024 * 1024).await, 200);
    assert_eq!(send(10 * 1024 * 1024 + 1).await, 413);
}

#[tokio::test]
async fn a_stopped_gateway_lets_go_of_its_ports() {
    let account = Account::start().await;
    let keys = account.root();
    let tables = account.dynamodb(&keys).put_item().table_name("documents");
    let tables = tables.item("tenant_id", AttributeValue::S(A.to_owned()));
    assert!(tables.send().await.is_ok());
    let url = account.gateway.aws_url.clone();
    account.gateway.stop().await;
    assert!(reqwest::get(format!("{url}/_gateway/health")).await.is_err());
}
