//! Policy documents: what is read, and what is refused with a word that names it.

use iam::{PolicyDocument, PolicyError};
use serde_json::{Value, json};

fn parsed(document: &Value) -> Result<PolicyDocument, PolicyError> {
    PolicyDocument::parse(&document.to_string())
}

fn of(statement: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statement})
}

#[test]
fn the_whole_grammar_is_read_and_printed_back() {
    for document in [
        of(&json!([])),
        of(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"})),
        json!({"Statement": {"Effect": "Deny", "NotAction": ["s3:Get*", "sqs:?"], "NotResource": ["arn:aws:s3:::b/*"]}}),
        json!({
            "Version": "2008-10-17", "Id": "some id",
            "Statement": [{
                "Sid": "One", "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {
                    "AWS": ["123456789012", "arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:role/a/b", "*"],
                    "Service": "lambda.amazonaws.com", "Federated": "accounts.google.com", "CanonicalUser": "79a5"
                }
            }, {
                "Sid": "Two", "Effect": "Deny", "NotPrincipal": {"AWS": "AROAEXAMPLEEXAMPLE"}, "Action": "*",
                "Resource": ["*", "arn:aws*:s3:::b-${x"]
            }]
        }),
        of(&json!({
            "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/a b, 'none'}/${*}",
            "Condition": {"NumericLessThan": {"s3:max-keys": [10, "20"]}, "Bool": {"aws:SecureTransport": true}, "Odd": {"a:b": "c"}}
        })),
    ] {
        let read = parsed(&document).unwrap_or_else(|error| panic!("{document}: {error}"));
        assert_eq!(PolicyDocument::parse(&read.to_string()).as_ref(), Ok(&read), "{document}");
    }
}

#[test]
fn what_is_not_in_the_grammar_is_refused_by_name() {
    let good = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    assert!(parsed(&of(&good)).is_ok());
    let but = |element: &str, value: Value| {
        let mut statement = good.clone();
        statement[element] = value;
        of(&statement)
    };
    let without = |element: &str| {
        let mut statement = good.clone();
        statement.as_object_mut().unwrap().remove(element);
        of(&statement)
    };
    for (document, named) in [
        (json!([]), "object"),
        (json!({"Version": "2012-10-18", "Statement": []}), "2012-10-18"),
        (json!({"Version": 2012, "Statement": []}), "2012"),
        (json!({"Version": "2012-10-17"}), "Statement"),
        (json!({"Version": "2012-10-17", "Statement": "x"}), "Statement"),
        (json!({"Version": "2012-10-17", "Statement": ["x"]}), "statement 0"),
        (json!({"Version": "2012-10-17", "Statement": [], "Comment": ""}), "Comment"),
        (but("Resources", json!("*")), "Resources"),
        (but("effect", json!("Deny")), "effect"),
        (but("Effect", json!("allow")), "Effect"),
        (but("Effect", json!(["Allow"])), "Effect"),
        (without("Effect"), "Effect"),
        (without("Action"), "Action"),
        (but("NotAction", json!("s3:PutObject")), "NotAction"),
        (but("NotResource", json!("*")), "NotResource"),
        (but("Action", json!([])), "Action"),
        (but("Action", json!([1])), "Action"),
        (but("Action", json!("GetObject")), "GetObject"),
        (but("Action", json!("s3:")), "s3:"),
        (but("Action", json!("s*:Get")), "s*:Get"),
        (but("Action", json!("s3:${aws:username}")), "username"),
        (but("Resource", json!("bucket")), "bucket"),
        (but("Resource", json!("arn:aws:s3:b/k")), "arn:aws:s3:b/k"),
        (but("Resource", json!("arn:aws:*:::b/k")), "service"),
        (but("Resource", json!("arn:aws:s3::${aws:PrincipalAccount}:b/k")), "fifth colon"),
        (but("Resource", json!("arn:aws:s3:::b/${aws:username")), "closing brace"),
        (but("Resource", json!("arn:aws:s3:::b/${username}")), "username"),
        (but("Resource", json!("arn:aws:s3:::b/${aws:username, none}")), "quotes"),
        (but("Resource", json!("arn:aws:s3:::b/${aws:username, '*'}")), "documented"),
        (but("Principal", json!("everyone")), "Principal"),
        (but("Principal", json!({"AWS": "arn:aws:iam::123456789012:role/*"})), "wildcard"),
        (but("Principal", json!({"AWS": "bob"})), "bob"),
        (but("Principal", json!({"Group": "bobs"})), "Group"),
        (but("Principal", json!({})), "Principal"),
        (but("Condition", json!([])), "Condition"),
        (but("Condition", json!({"StringEquals": "x"})), "Condition"),
        (but("Condition", json!({"StringEquals": {"s3:prefix": []}})), "Condition"),
        (but("Condition", json!({"StringEquals": {"s3:prefix": null}})), "Condition"),
        (but("Condition", json!({"StringEquals": {"s3:prefix": {"a": "b"}}})), "Condition"),
        (
            of(&json!([
                {"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Sid": "A", "Effect": "Deny", "Action": "*", "Resource": "*"}
            ])),
            "`A`",
        ),
    ] {
        let error = parsed(&document).expect_err(&document.to_string()).to_string();
        assert!(error.contains(named), "{document}: {error}");
    }
    let twice = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    assert!(matches!(PolicyDocument::parse(twice), Err(PolicyError::Json(why)) if why.contains("Effect")));
    let long = format!(r#"{{"Version": "2012-10-17", "Statement": [], "Id": "{}"}}"#, "x".repeat(70_000));
    assert!(matches!(PolicyDocument::parse(&long), Err(PolicyError::TooLong(_))));
}
