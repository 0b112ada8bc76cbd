//! Objects: content, presigned URLs, and what reaches the engine of them.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sigv4::http_request::SignableBody;
use http::Method;
use serde_json::json;

use crate::account::{A, Account, B, code};

fn minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

#[tokio::test]
async fn a_session_writes_under_its_tenants_prefix_alone() {
    let account = Account::start().await;
    let s3 = account.s3(&account.tenant(A, "store").await);
    let put = async |key: &str| {
        let call = s3.put_object().bucket("content").key(key).body(ByteStream::from_static(b"x"));
        code(&call.send().await)
    };
    assert_eq!(put(&format!("{A}/1")).await, "ok");
    assert_eq!(put(&format!("{A}/a b+c/%2E..x")).await, "ok");
    for (key, why) in [
        (format!("{B}/1"), "another tenant"),
        (format!("{A}1/1"), "a longer name"),
        (A.to_owned(), "no prefix"),
        (format!("%61{}/1", A.get(1..).unwrap()), "the tenant, encoded twice"),
    ] {
        assert_eq!(put(&key).await, "AccessDenied", "{why}");
    }
    assert_eq!(account.engine.effects().len(), 2);
}

#[tokio::test]
async fn a_presigned_upload_is_held_to_length_type_and_checksum() {
    let account = Account::start().await;
    let s3 = account.s3(&account.tenant(A, "store").await);
    let call =
        s3.put_object().bucket("content").key(format!("{A}/1")).content_length(7).content_type("text/plain");
    let url = call
        .checksum_sha256("7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=")
        .presigned(minute())
        .await
        .unwrap();
    let send = async |drop: &str, change: Option<(&str, &str)>, body: &'static str| {
        let mut request = reqwest::Client::new().put(url.uri());
        for (name, value) in url.headers().filter(|(name, _)| *name != drop && *name != "host") {
            let value = change.filter(|(changed, _)| *changed == name).map_or(value, |(_, value)| value);
            request = request.header(name, value);
        }
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let signed: Vec<&str> = url.headers().map(|(name, _)| name).collect();
    for name in ["content-length", "content-type", "x-amz-checksum-sha256"] {
        assert!(signed.contains(&name), "{name} is among the signed headers {signed:?}");
    }
    assert_eq!(send("", None, "content").await.0, 200, "as it was signed");
    for (drop, change, body, why) in [
        ("", Some(("content-type", "text/html")), "content", "another type"),
        ("", Some(("x-amz-checksum-sha256", "AAAA")), "content", "another checksum"),
        ("x-amz-checksum-sha256", None, "content", "no checksum"),
        ("content-length", None, "longer content", "another length"),
    ] {
        let (status, text) = send(drop, change, body).await;
        assert_eq!(status, 403, "{why}: {text}");
        assert!(text.contains("<Code>SignatureDoesNotMatch</Code>"), "{why}: {text}");
    }
    let reached = account.engine.effects();
    let [put] = reached.as_slice() else { panic!("{reached:?}") };
    assert_eq!(put.method, Method::PUT);
    assert_eq!(put.path, format!("/content/{A}/1?x-id=PutObject"), "no presigning is sent on");
    assert_eq!(put.account(), crate::account::ACCOUNT, "under the key of the account");
    assert_eq!(put.header("x-amz-checksum-sha256"), "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=");
    assert_eq!(put.header("x-amz-security-token"), "");
    assert_eq!(put.body, "content");
}

#[tokio::test]
async fn a_presigned_url_can_do_what_its_session_could() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    let s3 = account.s3(&keys);
    let get = async |tenant: &str| {
        let call = s3.get_object().bucket("content").key(format!("{tenant}/1"));
        let call = call.response_content_disposition("attachment; filename=\"x y\"");
        let url = call.presigned(minute()).await.unwrap();
        let response = reqwest::get(url.uri()).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(get(A).await, (200, "content".to_owned()));
    let (status, text) = get(B).await;
    assert_eq!(status, 403);
    assert!(text.contains("<Code>AccessDenied</Code>"), "{text}");
    let reached = account.engine.effects();
    assert_eq!(reached.len(), 1);
    assert!(reached[0].path.contains("response-content-disposition="), "{}", reached[0].path);
}

#[tokio::test]
async fn large_content_passes_through_and_its_hash_is_compared() {
    let account = Account::start().await;
    let keys = account.root();
    let s3 = account.s3(&keys);
    let content = vec![7_u8; 3 * 1024 * 1024];
    let put = s3.put_object().bucket("content").key("large").body(ByteStream::from(content.clone()));
    assert_eq!(code(&put.send().await), "ok");
    let reached = account.engine.effects();
    assert_eq!(reached.len(), 1);
    assert_eq!(reached[0].body.len(), content.len());
    // The same headers with another body: all of it is sent, and the engine never has the end of it.
    let hash = |bytes: &[u8]| hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes));
    let other = "y".repeat(content.len());
    let length = content.len().to_string();
    let headers = [("x-amz-content-sha256", hash(&content)), ("content-length", length)];
    let (status, text) = crate::wire::put(
        &account,
        &keys,
        "/content/large",
        &headers,
        SignableBody::Bytes(&content),
        other.into(),
    )
    .await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("XAmzContentSHA256Mismatch"), "{text}");
    assert_eq!(account.engine.effects().len(), 1);
    let (status, _) = crate::wire::put(
        &account,
        &keys,
        "/content/large",
        &headers,
        SignableBody::Bytes(&content),
        content.clone(),
    )
    .await;
    assert_eq!(status, 200, "the body that was signed");
}

#[tokio::test]
async fn a_buckets_own_policy_can_deny() {
    let account = Account::start().await;
    let s3 = account.s3(&account.tenant(A, "store").await);
    let get = async || code(&s3.get_object().bucket("content").key(format!("{A}/1")).send().await);
    assert_eq!(get().await, "ok");
    let policy = |condition: serde_json::Value| {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::content", "arn:aws:s3:::content/*"], "Condition": condition}]})
    };
    let set = async |policy| {
        account.engine.change(|holds| holds.bucket_policy = Some(policy));
        crate::wire::root_form(&account, "iam", "Action=ListRolePolicies&RoleName=tenant-data".to_owned())
            .await
    };
    set(policy(json!({"Bool": {"aws:SecureTransport": "false"}}))).await;
    assert_eq!(get().await, "ok", "the gateway stands for AWS's TLS endpoint");
    set(policy(json!({"StringEquals": {"aws:PrincipalTag/tenant_id": A}}))).await;
    assert_eq!(get().await, "AccessDenied");
}

#[tokio::test]
async fn without_a_signature_an_object_is_not_served() {
    let account = Account::start().await;
    let url = format!("{}/content/{A}/1", account.gateway.aws_url);
    let response = reqwest::get(&url).await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.text().await.unwrap().contains("<Code>AccessDenied</Code>"));
    let keys = format!("{}/us-east-1_pool/.well-known/jwks.json", account.gateway.aws_url);
    assert_eq!(reqwest::get(&keys).await.unwrap().status(), 200);
    assert_eq!(account.engine.effects().len(), 1);
}

#[tokio::test]
async fn nothing_hides_in_the_frame_of_an_upload() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    let path = format!("/content/{A}/1");
    let padding = "x".repeat(2 * 1024 * 1024);
    for content in ["x", padding.as_str()] {
        let framed = |trailer: &str| format!("{:x}\r\n{content}\r\n0\r\n{trailer}\r\n\r\n", content.len());
        let put = async |sent: String, coding: &str, signed: SignableBody<'_>| {
            let length = sent.len().to_string();
            let headers = [("content-encoding", coding.to_owned()), ("content-length", length)];
            crate::wire::put(&account, &keys, &path, &headers, signed, sent.into_bytes()).await
        };
        let announced = || SignableBody::StreamingUnsignedPayloadTrailer;
        let before = account.engine.effects().len();
        let good = put(framed("x-amz-checksum-crc32:AA=="), "aws-chunked", announced()).await;
        assert_eq!(good.0, 200, "{}", good.1);
        // The engine would take the trailing line for a header, and copy another tenant's object.
        let hidden = framed(&format!("x-amz-copy-source:content/{B}/1"));
        let bad = put(hidden.clone(), "aws-chunked", announced()).await;
        assert!(bad.0 == 400 && bad.1.contains("aws-chunked"), "{}", bad.1);
        // The same, signed whole and not announced.
        let bad = put(hidden.clone(), "aws-chunked", SignableBody::Bytes(hidden.as_bytes())).await;
        assert!(bad.0 == 400 && bad.1.contains("InvalidRequest"), "{}", bad.1);
        assert_eq!(account.engine.effects().len(), before + 1, "only the good one");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_no_way_to_the_engines_own_paths() {
    let account = Account::start().await;
    account.engine.change(|holds| {
        let all = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
        holds.roles.get_mut("tenant-data").unwrap().policies.insert("all".to_owned(), all);
    });
    let s3 = account.s3(&account.tenant(A, "store").await);
    let get = async |bucket: &str| code(&s3.get_object().bucket(bucket).key("functions").send().await);
    assert_eq!(get("content").await, "ok");
    assert_eq!(get("absent").await, "AccessDenied");
}
