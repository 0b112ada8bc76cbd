//! Two accounts behind one endpoint: what of one is reached from the other, and that nothing else is.

use aws_credential_types::Credentials;
use serde_json::{Value, json};

use crate::account::{
    ACCOUNT, Account, EXTERNAL_ID, Keys, SELLER, code, function_arn, role_arn, role_arn_in,
};
use crate::wire;

/// A key of the product's account.
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/31512f83-ee46-40b2-84d9-65566e1b7144";

fn allowing(principal: &str, action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"}]})
}

/// A write of no consequence, after which the gateway asks again for what a test has changed.
async fn ask_again(account: &Account) {
    let form = "Action=ListRolePolicies&RoleName=signup-role".to_owned();
    assert_eq!(wire::root_form(account, "iam", form).await, 200);
}

#[tokio::test]
async fn a_role_of_the_seller_is_assumed_with_its_external_id_and_by_whom_it_trusts() {
    let account = Account::start().await;
    let assume = async |function: &str, external_id: Option<&str>, role: &str, seconds: i32| {
        let sts = account.sts(&account.function(function));
        let call = sts.assume_role().role_arn(role).role_session_name("signup").duration_seconds(seconds);
        code(&call.set_external_id(external_id.map(str::to_owned)).send().await)
    };
    let role = role_arn_in(SELLER, "registration");
    let (id, hour) = (Some(EXTERNAL_ID), 3600);
    assert_eq!(assume("signup", id, &role, hour).await, "ok");
    let wrong = EXTERNAL_ID.replace('3', "4");
    for (function, external_id, role, seconds, expected, why) in [
        ("signup", None, role.as_str(), hour, "AccessDenied", "no external id"),
        ("signup", Some(wrong.as_str()), &role, hour, "AccessDenied", "a wrong one"),
        ("shares", id, &role, hour, "AccessDenied", "another role of the product's account"),
        ("signup", id, &role_arn_in(SELLER, "absent"), hour, "AccessDenied", "no such role"),
        ("signup", id, &role_arn("registration"), hour, "AccessDenied", "its name in the product's account"),
        ("signup", id, &role_arn_in("999999999999", "registration"), hour, "AccessDenied", "no such account"),
        ("signup", id, &role, hour + 1, "ValidationError", "longer than a chain may last"),
    ] {
        assert_eq!(assume(function, external_id, role, seconds).await, expected, "{why}");
    }
}

#[tokio::test]
async fn across_accounts_the_callers_own_policy_must_allow_too() {
    let account = Account::start().await;
    let sts = account.sts(&account.function("signup"));
    let role = role_arn_in(SELLER, "registration");
    let call =
        || sts.assume_role().role_arn(&role).role_session_name("signup").external_id(EXTERNAL_ID).send();
    assert_eq!(code(&call().await), "ok");
    account.engine.change(|holds| {
        let own = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role_arn_in(SELLER, "metering")}]});
        holds.roles.get_mut("signup-role").unwrap().policies.insert("own".to_owned(), own);
    });
    ask_again(&account).await;
    assert_eq!(code(&call().await), "AccessDenied");
}

#[tokio::test]
async fn a_session_acts_in_the_account_of_its_role_and_a_root_in_its_own() {
    let account = Account::start().await;
    let session = account.seller("everything").await;
    for (keys, of) in [
        (account.root(), ACCOUNT),
        (account.function("signup"), ACCOUNT),
        (account.seller_root(), SELLER),
        (session, SELLER),
    ] {
        let identity = account.sts(&keys).get_caller_identity().send().await.unwrap();
        assert_eq!(identity.account(), Some(of));
        let (target, body) = ("AWSCognitoIdentityProviderService.ListUserPools", json!({}));
        assert_eq!(wire::json(&account, &keys, "cognito-idp", target, &body).await.0, 200);
        let reached = account.engine.effects();
        assert_eq!(reached.last().unwrap().account(), of, "the engine is asked as the caller's account");
    }
}

#[tokio::test]
async fn the_seller_reads_no_table_of_the_product_nor_the_product_one_of_the_seller() {
    let account = Account::start().await;
    let (seller, product) = (account.seller("everything").await, account.function("signup"));
    let get = async |keys: &Keys, table: &str| {
        let body = json!({"TableName": table, "Key": {"tenant_id": {"S": "a"}, "document_id": {"S": "1"}}});
        wire::json(&account, keys, "dynamodb", "DynamoDB_20120810.GetItem", &body).await
    };
    let arn = |of: &str| format!("arn:aws:dynamodb:us-east-1:{of}:table/documents");
    for (keys, own, other) in [(&seller, SELLER, ACCOUNT), (&product, ACCOUNT, SELLER)] {
        for table in [arn(own), "documents".to_owned()] {
            assert_eq!(get(keys, &table).await.0, 200, "{table}");
            assert_eq!(
                account.engine.effects().last().unwrap().account(),
                own,
                "a name is one's own table's"
            );
        }
        let reached = account.engine.effects().len();
        let (status, text) = get(keys, &arn(other)).await;
        assert!(status == 400 && text.contains("AccessDeniedException"), "{text}");
        assert_eq!(account.engine.effects().len(), reached, "nothing was sent on");
    }
}

#[tokio::test]
async fn a_bucket_and_a_queue_are_reached_from_another_account_only_by_their_own_policy() {
    let account = Account::start().await;
    let seller = account.seller("everything").await;
    let get = async || code(&account.s3(&seller).get_object().bucket("content").key("1").send().await);
    let send = async |keys: &Keys, of: &str| {
        let body = json!({"QueueUrl": format!("http://x/{of}/q"), "MessageBody": "{}"});
        wire::json(&account, keys, "sqs", "AmazonSQS.SendMessage", &body).await.0
    };
    assert_eq!(get().await, "AccessDenied");
    assert_eq!(send(&seller, ACCOUNT).await, 400);
    assert_eq!(send(&account.function("signup"), SELLER).await, 400);
    assert_eq!(send(&seller, SELLER).await, 200, "one's own needs no policy of the queue's");
    let role = role_arn_in(SELLER, "everything");
    account.engine.change(|holds| {
        holds.bucket_policy = Some(allowing(&role, "s3:GetObject"));
        holds.queue_policy = Some(allowing(&role, "sqs:SendMessage"));
    });
    ask_again(&account).await;
    assert_eq!(get().await, "ok");
    assert_eq!(send(&seller, ACCOUNT).await, 200);
    let reached = account.engine.effects();
    let [.., object, message] = reached.as_slice() else { panic!("{reached:?}") };
    assert_eq!((object.account(), message.account()), (ACCOUNT, ACCOUNT), "in the owner's name");
}

#[tokio::test]
async fn a_key_is_used_by_whom_its_own_policy_lets() {
    let account = Account::start().await;
    let mac = async |keys: &Keys| {
        let body = json!({"KeyId": KEY, "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256"});
        wire::json(&account, keys, "kms", "TrentService.GenerateMac", &body).await.0
    };
    let (signup, shares) = (account.function("signup"), account.function("shares"));
    let seller = account.seller("everything").await;
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    for (policy, may_signup, may_shares, may_seller, why) in [
        (
            allowing(&root, "kms:*"),
            200,
            400,
            400,
            "left to IAM: the signup role has such a policy, shares has none",
        ),
        (allowing(&role_arn("shares-role"), "kms:GenerateMac"), 400, 200, 400, "named by the key itself"),
        (allowing(&role_arn("shares-role"), "kms:VerifyMac"), 400, 400, 400, "another action"),
        (allowing(&format!("arn:aws:iam::{SELLER}:root"), "kms:*"), 400, 400, 200, "another account"),
    ] {
        account.engine.change(|holds| holds.key_policy = Some(policy));
        ask_again(&account).await;
        let may = (mac(&signup).await, mac(&shares).await, mac(&seller).await);
        assert_eq!(may, (may_signup, may_shares, may_seller), "{why}");
    }
}

#[tokio::test]
async fn two_accounts_have_two_sets_of_policy_stores() {
    let account = Account::start().await;
    let stores = async |keys: &Keys| {
        account.verified_permissions(keys).list_policy_stores().send().await.unwrap().policy_stores().len()
    };
    let settings = aws_sdk_verifiedpermissions::types::ValidationSettings::builder()
        .mode(aws_sdk_verifiedpermissions::types::ValidationMode::Off)
        .build();
    let create = account.verified_permissions(&account.root()).create_policy_store();
    create.validation_settings(settings.unwrap()).send().await.unwrap();
    assert_eq!((stores(&account.root()).await, stores(&account.seller_root()).await), (1, 0));
}

#[tokio::test]
async fn a_function_that_was_given_a_role_of_another_account_is_nobody() {
    let account = Account::start().await;
    let own = role_arn("signup-role");
    let identity = async |name: &str, role: &str| {
        account.engine.change(|holds| holds.functions.push((name.to_owned(), role.to_owned())));
        let key = gateway::ExecutionKey::of(&function_arn(name), role);
        let token = Some(key.session_token);
        let keys = Credentials::new(key.access_key_id, key.secret_access_key, token, None, "test");
        code(&account.sts(&Keys(keys)).get_caller_identity().send().await)
    };
    assert_eq!(identity("proper", &own).await, "ok");
    ask_again(&account).await;
    assert_eq!(identity("stray", &role_arn_in(SELLER, "everything")).await, "InvalidClientTokenId");
}
