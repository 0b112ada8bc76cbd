//! What a session may do, by the policies that the engine holds.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::account::{A, Account, B, Keys, code, message, tenant_policy};

async fn get(account: &Account, keys: &Keys, table: &str, tenant: &str) -> (String, String) {
    let answer = account
        .dynamodb(keys)
        .get_item()
        .table_name(table)
        .key("tenant_id", AttributeValue::S(tenant.to_owned()))
        .key("document_id", AttributeValue::S("1".to_owned()))
        .send()
        .await;
    (code(&answer), message(&answer))
}

#[tokio::test]
async fn a_session_reads_its_tenants_rows_and_no_others() {
    let account = Account::start().await;
    let (a, b) = (account.tenant(A, "store-a").await, account.tenant(B, "store-b").await);
    assert_eq!(get(&account, &a, "documents", A).await.0, "ok");
    assert_eq!(get(&account, &b, "documents", B).await.0, "ok");
    for (keys, tenant, table, why) in [
        (&a, B, "documents", "another tenant"),
        (&b, A, "documents", "another tenant"),
        (&a, A, "tenants", "another table"),
    ] {
        let (code, message) = get(&account, keys, table, tenant).await;
        assert_eq!(code, "AccessDeniedException", "{why}");
        assert!(
            message.contains("is not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb"),
            "{message}"
        );
    }
    let reached: Vec<_> = account.engine.effects().iter().map(|seen| seen.body.clone()).collect();
    assert_eq!(reached.len(), 2, "only the two that were allowed: {reached:?}");
}

#[tokio::test]
async fn a_function_without_a_session_reads_nothing() {
    let account = Account::start().await;
    assert_eq!(
        get(&account, &account.function("documents"), "documents", A).await.0,
        "AccessDeniedException"
    );
    assert_eq!(get(&account, &account.tenant(A, "store").await, "documents", A).await.0, "ok");
    assert_eq!(get(&account, &account.root(), "documents", A).await.0, "ok");
}

#[tokio::test]
async fn a_changed_policy_counts_at_once() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    assert_eq!(get(&account, &keys, "documents", A).await.0, "ok");
    let put = async |policy: serde_json::Value| {
        let form = format!(
            "Action=PutRolePolicy&RoleName=tenant-data&PolicyName=tenant&PolicyDocument={}",
            percent_encoding::utf8_percent_encode(&policy.to_string(), percent_encoding::NON_ALPHANUMERIC)
        );
        crate::wire::root_form(&account, "iam", form).await
    };
    let nothing = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::content/*"}]});
    assert_eq!(put(nothing).await, 200);
    assert_eq!(get(&account, &keys, "documents", A).await.0, "AccessDeniedException");
    assert_eq!(put(tenant_policy()).await, 200);
    assert_eq!(get(&account, &keys, "documents", A).await.0, "ok");
}

#[tokio::test]
async fn what_iam_does_not_know_is_refused_by_name() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    assert_eq!(get(&account, &keys, "documents", A).await.0, "ok");
    let answer = account.dynamodb(&keys).describe_limits().send().await;
    assert_eq!(code(&answer), "AccessDeniedException", "{answer:?}");
    account.engine.change(|holds| {
        let role = holds.roles.get_mut("tenant-data").unwrap();
        let strange = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*",
             "Condition": {"StringEquals": {"aws:NoSuchKey": "x"}}}]});
        role.policies.insert("strange".to_owned(), strange);
    });
    crate::wire::root_form(&account, "iam", "Action=ListRolePolicies&RoleName=tenant-data".to_owned()).await;
    let (code, message) = get(&account, &keys, "documents", A).await;
    assert_eq!(code, "AccessDeniedException");
    assert!(message.starts_with("the local gateway cannot decide: "), "{message}");
    assert!(message.to_lowercase().contains("nosuchkey"), "{message}");
}

#[tokio::test]
async fn a_request_that_says_one_thing_to_us_and_another_to_the_engine_is_refused() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    let body = json!({"TableName": "documents", "Key": {"tenant_id": {"S": A}, "document_id": {"S": "1"}}})
        .to_string();
    let json = |target| vec![("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
    let right = json("DynamoDB_20120810.GetItem");
    assert_eq!(crate::wire::signed(&account, &keys, "dynamodb", "/", &right, &body).await.0, 200);
    for (service, path, target, why) in [
        ("sqs", "/", "DynamoDB_20120810.GetItem", "another scope"),
        ("dynamodb", "/", "DynamoDBStreams_20120810.GetRecords", "another service in this scope"),
        ("dynamodb", "/content/x", "DynamoDB_20120810.GetItem", "a path"),
        ("dynamodb", "/?Action=x", "DynamoDB_20120810.GetItem", "a query"),
        ("s3", "/content", "DynamoDB_20120810.GetItem", "a target for an object"),
    ] {
        let (status, text) = crate::wire::signed(&account, &keys, service, path, &json(target), &body).await;
        assert!((400..=403).contains(&status) && text.contains("cannot decide"), "{why}: {status} {text}");
    }
    assert_eq!(account.engine.effects().len(), 1);
}
