//! KMS: which key a call is about, however it is named.

use iam::Value::One;
use iam::requests::{Needed, Underivable, derive};
use serde_json::{Value as Json, json};

use super::derived_dynamodb::{Known, call};

const ID: &str = "31512f83-ee46-40b2-84d9-65566e1b7144";

fn ask(operation: &str, body: &Json) -> Result<Vec<Needed>, Underivable> {
    derive(&call("kms", operation, body), &Known)
}

fn arn(account: &str) -> String {
    format!("arn:aws:kms:us-east-1:{account}:key/{ID}")
}

#[test]
fn a_key_is_the_same_by_id_arn_and_alias() {
    let own = arn("123456789012");
    for (named, alias) in [
        (ID, None),
        (own.as_str(), None),
        ("alias/registration", Some("alias/registration")),
        ("arn:aws:kms:us-east-1:123456789012:alias/registration", Some("alias/registration")),
    ] {
        let needed = ask("GenerateMac", &json!({"KeyId": named, "MacAlgorithm": "HMAC_SHA_256"})).unwrap();
        let [one] = needed.as_slice() else { panic!("{needed:?}") };
        assert_eq!((one.action.as_str(), &one.resource), ("kms:GenerateMac", &own), "{named}");
        assert_eq!(one.resource_account, "123456789012");
        for (key, value) in [
            ("kms:MacAlgorithm", Some("HMAC_SHA_256")),
            ("kms:CallerAccount", Some("123456789012")),
            ("kms:RequestAlias", alias),
            ("aws:RequestedRegion", Some("us-east-1")),
        ] {
            assert_eq!(
                one.context.get(key),
                value.map(|value| One(value.to_owned())).as_ref(),
                "{named} {key}"
            );
        }
    }
    let described = ask("DescribeKey", &json!({"KeyId": ID})).unwrap();
    assert_eq!((described[0].action.as_str(), &described[0].resource), ("kms:DescribeKey", &own));
}

#[test]
fn a_key_of_another_account_is_named_by_its_arn() {
    let theirs = ask("VerifyMac", &json!({"KeyId": arn("999999999999"), "MacAlgorithm": "HMAC_SHA_256"}));
    let theirs = theirs.unwrap().remove(0);
    assert_eq!((theirs.resource, theirs.resource_account.as_str()), (arn("999999999999"), "999999999999"));
    assert_eq!(
        theirs.context.get("kms:CallerAccount"),
        Some(&One("123456789012".to_owned())),
        "not the owner"
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (operation, body, why) in [
        ("GenerateMac", json!({"KeyId": ID}), "no algorithm"),
        ("GenerateMac", json!({"MacAlgorithm": "HMAC_SHA_256"}), "no key"),
        ("DescribeKey", json!({"KeyId": "alias/unknown"}), "an alias that is not known"),
        (
            "DescribeKey",
            json!({"KeyId": "arn:aws:kms:us-east-1:999999999999:alias/registration"}),
            "another's alias",
        ),
        ("DescribeKey", json!({"KeyId": "*"}), "a wildcard"),
        (
            "DescribeKey",
            json!({"KeyId": arn("123456789012").replace("us-east-1", "eu-west-1")}),
            "another region",
        ),
        ("DescribeKey", json!({"KeyId": ID, "GrantTokens": ["x"]}), "a grant"),
        ("Decrypt", json!({"KeyId": ID}), "another operation"),
    ] {
        assert!(ask(operation, &body).is_err(), "{why}");
    }
}
