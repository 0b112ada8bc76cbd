//! Sessions: who gets one, what it is worth, and when it ends.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::account::{A, Account, B, Keys, code, message};

#[tokio::test]
async fn everyone_learns_who_they_are() {
    let account = Account::start().await;
    let tenant = account.tenant(A, "store").await;
    for (keys, arn) in [
        (account.root(), "arn:aws:iam::123456789012:root"),
        (account.function("documents"), "arn:aws:sts::123456789012:assumed-role/documents-role/documents"),
        (tenant, "arn:aws:sts::123456789012:assumed-role/tenant-data/test"),
    ] {
        let answer = account.sts(&keys).get_caller_identity().send().await.unwrap();
        assert_eq!((answer.arn(), answer.account()), (Some(arn), Some("123456789012")));
    }
}

#[tokio::test]
async fn a_session_needs_the_trust_policys_tags() {
    let account = Account::start().await;
    let sts = account.sts(&account.function("documents"));
    let answer = account.assume(&sts, &[("tenant_id", A)]).send().await.unwrap();
    assert_eq!(
        answer.assumed_role_user().unwrap().arn(),
        "arn:aws:sts::123456789012:assumed-role/tenant-data/test"
    );
    let (short, other) = ([("tenant_id", "a")], [("tenant_id", A), ("role", "admin")]);
    for (tags, why) in [
        (&[][..], "no tag"),
        (&short[..], "malformed"),
        (&other[..], "a key that the trust policy does not list"),
    ] {
        let answer = account.assume(&sts, tags).send().await;
        assert_eq!(code(&answer), "AccessDenied", "{why}");
        assert!(message(&answer).contains("is not authorized to perform: sts:"), "{}", message(&answer));
    }
}

#[tokio::test]
async fn a_role_is_assumed_only_by_those_whom_it_trusts_and_who_may() {
    let account = Account::start().await;
    let tags = [("tenant_id", A)];
    let documents = account.sts(&account.function("documents"));
    assert_eq!(code(&account.assume(&documents, &tags).send().await), "ok");
    // Its own policy allows it, the trust policy does not name it.
    let shares = account.sts(&account.function("shares"));
    assert_eq!(code(&account.assume(&shares, &tags).send().await), "AccessDenied");
    // The trust policy names it, its own policy does not allow it any more.
    account.engine.change(|holds| {
        let own = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}]});
        holds.roles.get_mut("documents-role").unwrap().policies.insert("own".to_owned(), own);
    });
    crate::wire::root_form(&account, "iam", "Action=ListRolePolicies&RoleName=documents-role".to_owned())
        .await;
    assert_eq!(code(&account.assume(&documents, &tags).send().await), "AccessDenied", "stricter than AWS");
    let absent =
        documents.assume_role().role_arn("arn:aws:iam::123456789012:role/absent").role_session_name("test");
    assert_eq!(code(&absent.send().await), "AccessDenied");
}

#[tokio::test]
async fn a_session_ends_when_it_said() {
    let account = Account::start().await;
    let keys = account.tenant(A, "store").await;
    let get = async |keys: &Keys| {
        let key = AttributeValue::S(A.to_owned());
        let call = account.dynamodb(keys).get_item().table_name("documents").key("tenant_id", key);
        code(&call.key("document_id", AttributeValue::S("1".into())).send().await)
    };
    assert_eq!(get(&keys).await, "ok");
    account.clock.advance(3601);
    // The SDK signs with the machine's clock, an hour behind ours by now; so sign by ours.
    let body = json!({"TableName": "documents", "Key": {"tenant_id": {"S": A}, "document_id": {"S": "1"}}})
        .to_string();
    let headers =
        [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "DynamoDB_20120810.GetItem")];
    let (status, text) = crate::wire::signed(&account, &keys, "dynamodb", "/", &headers, &body).await;
    assert_eq!(status, 400);
    assert!(text.contains("ExpiredTokenException"), "{text}");
    let root = account.root();
    assert_eq!(crate::wire::signed(&account, &root, "dynamodb", "/", &headers, &body).await.0, 200);
}

#[tokio::test]
async fn a_session_policy_only_takes_away() {
    let account = Account::start().await;
    let sts = account.sts(&account.function("documents"));
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:DeleteItem"], "Resource": "*"}]});
    let assumed = account.assume(&sts, &[("tenant_id", A)]).policy(policy.to_string()).send().await.unwrap();
    let dynamodb = account.dynamodb(&Keys::of(assumed.credentials().unwrap()));
    let key = |tenant: &str| AttributeValue::S(tenant.to_owned());
    let one = || AttributeValue::S("1".to_owned());
    let get = |tenant| {
        dynamodb.get_item().table_name("documents").key("tenant_id", key(tenant)).key("document_id", one())
    };
    assert_eq!(code(&get(A).send().await), "ok", "in both");
    assert_eq!(code(&get(B).send().await), "AccessDeniedException", "in the session policy alone");
    let delete =
        dynamodb.delete_item().table_name("documents").key("tenant_id", key(A)).key("document_id", one());
    assert_eq!(code(&delete.send().await), "AccessDeniedException", "in the session policy alone");
    let put =
        dynamodb.put_item().table_name("documents").item("tenant_id", key(A)).item("document_id", one());
    assert_eq!(code(&put.send().await), "AccessDeniedException", "in the role's policy alone");
}

#[tokio::test]
async fn other_operations_are_refused_by_name() {
    let account = Account::start().await;
    let answer = account.sts(&account.root()).get_session_token().send().await;
    assert_eq!(code(&answer), "AccessDenied");
    assert_eq!(message(&answer), "the local gateway cannot decide: the operation `sts:GetSessionToken`");
}

#[tokio::test]
async fn a_key_that_nobody_holds_opens_nothing() {
    let account = Account::start().await;
    let keys = |key: &str, secret: &str, token: Option<&str>| {
        Keys(aws_credential_types::Credentials::new(key, secret, token.map(str::to_owned), None, "test"))
    };
    let real = account.function("documents");
    let identity = async |keys: &Keys| code(&account.sts(keys).get_caller_identity().send().await);
    assert_eq!(identity(&real).await, "ok");
    let (key, secret) = (real.0.access_key_id(), real.0.secret_access_key());
    for (wrong, expected, why) in [
        (
            keys("ASIA0000000000000000", secret, real.0.session_token()),
            "InvalidClientTokenId",
            "an unknown key",
        ),
        (keys("AKIA0000000000000000", secret, None), "InvalidClientTokenId", "an unknown long-term key"),
        (keys(key, "wrong", real.0.session_token()), "SignatureDoesNotMatch", "another secret"),
        (keys(key, secret, None), "InvalidClientTokenId", "no session token"),
        (keys(key, secret, Some("another")), "InvalidClientTokenId", "another session token"),
    ] {
        assert_eq!(identity(&wrong).await, expected, "{why}");
    }
}
