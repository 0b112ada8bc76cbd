//! The access log: what is in it, and what never is.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::presigning::PresigningConfig;
use serde_json::Value;

use crate::account::{A, Account, B};

fn lines(account: &Account) -> Vec<Value> {
    let text = std::fs::read_to_string(&account.log.0).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_line_says_who_did_what_to_what_and_what_was_decided() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    for tenant in [A, B] {
        let call = account.dynamodb(&keys).get_item().table_name("documents");
        let call = call.key("tenant_id", AttributeValue::S(tenant.to_owned()));
        let _ = call.key("document_id", AttributeValue::S("1".to_owned())).send().await;
    }
    let lines = lines(&account);
    let [assumed, allowed, denied] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(assumed["actions"], serde_json::json!(["sts:AssumeRole", "sts:TagSession"]));
    assert_eq!(
        (&assumed["account"], &assumed["principal"]),
        (&"123456789012".into(), &"documents-role".into())
    );
    for (line, decision, status) in [(allowed, "allowed", 200), (denied, "denied", 400)] {
        assert_eq!(line["decision"], decision);
        assert_eq!(line["status"], status);
        assert_eq!(line["principal"], "tenant-data");
        assert_eq!(line["function"], "documents", "the function at the root of the chain");
        assert_eq!(line["tenant"], A);
        assert_eq!(line["actions"][0], "dynamodb:GetItem");
        assert_eq!(line["resources"][0], "arn:aws:dynamodb:us-east-1:123456789012:table/documents");
        assert!(line["duration_us"].as_u64().is_some_and(|duration| duration > 0));
    }
    assert!(denied["reason"].as_str().unwrap().contains("is not authorized to perform"));
}

#[tokio::test]
async fn no_secret_and_no_content_is_ever_written() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    let s3 = account.s3(&keys);
    let object = |tenant: &str| format!("{tenant}/1");
    for tenant in [A, B] {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(b"planted content");
        let _ = s3.put_object().bucket("content").key(object(tenant)).body(body).send().await;
        let url = s3.get_object().bucket("content").key(object(tenant));
        let url =
            url.presigned(PresigningConfig::expires_in(std::time::Duration::from_secs(60)).unwrap()).await;
        let url = url.unwrap().uri().to_owned();
        let _ = reqwest::get(&url).await.unwrap();
        let _ = reqwest::get(url.replace("X-Amz-Signature=", "X-Amz-Signature=0")).await.unwrap();
    }
    let text = std::fs::read_to_string(&account.log.0).unwrap();
    assert_eq!(text.lines().count(), 7);
    let token = keys.0.session_token().unwrap();
    for (planted, what) in [
        (keys.0.secret_access_key(), "secret key"),
        (token, "session token"),
        ("planted content", "content"),
        ("X-Amz-Signature", "signature"),
        ("X-Amz-", "presigned query"),
        ("AWS4-HMAC", "authorization"),
    ] {
        assert!(!text.contains(planted), "{what}");
    }
    assert!(text.contains(&object(A)), "what may be there is: the resource");
}

#[tokio::test]
async fn a_request_whose_client_leaves_has_its_line_too() {
    let account = Account::start().await;
    let scan = account.dynamodb(&account.root()).scan().table_name("documents").send();
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(300), scan).await.is_err(),
        "never answered"
    );
    let line = async {
        loop {
            if let Some(line) = lines(&account).pop() {
                break line;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let line = tokio::time::timeout(std::time::Duration::from_secs(10), line).await.unwrap();
    assert_eq!((&line["operation"], &line["decision"]), (&"Scan".into(), &"abandoned".into()));
}
