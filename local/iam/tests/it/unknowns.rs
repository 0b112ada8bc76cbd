//! What a condition does not know: named, never passed. And what is known after all.

use iam::{Context, Tags};
use serde_json::json;

use super::Answer::{Allowed, Refused, Undecidable};
use super::{session, under};

#[test]
fn what_is_not_known_is_undecidable_and_named() {
    for (condition, named) in [
        (json!({"StringEqual": {"s3:prefix": "a"}}), "StringEqual"),
        (json!({"stringequals": {"s3:prefix": "a"}}), "stringequals"),
        (json!({"ForSomeValues:StringEquals": {"s3:prefix": "a"}}), "ForSomeValues"),
        (json!({"NullIfExists": {"s3:prefix": "true"}}), "NullIfExists"),
        (json!({"ForAllValues:Null": {"s3:prefix": "true"}}), "ForAllValues:Null"),
        (json!({"StringEquals": {"s3:prefixes": "a"}}), "s3:prefixes"),
        (json!({"StringEquals": {"s3:TlsVersion": "1.2"}}), "s3:tlsversion"),
        (json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), "aws:principalorgid"),
        (json!({"StringEquals": {"nosuch:key": "a"}}), "nosuch:key"),
        (json!({"Bool": {"aws:SecureTransport": "true"}}), "aws:securetransport"),
        (json!({"StringEquals": {"aws:ResourceTag/a": "a"}}), "aws:resourcetag/a"),
        (json!({"StringEquals": {"s3:prefix": "${nosuch:key}"}}), "nosuch:key"),
        (json!({"NumericEquals": {"s3:max-keys": "${s3:prefix}"}}), "variable"),
    ] {
        let policies = super::identity(json!([
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Sid": "Odd", "Effect": "Deny", "Action": "s3:GetObject", "Resource": "*", "Condition": condition},
        ]));
        let odd = super::request(&session(&[]), "s3:GetObject", "arn:aws:s3:::b/k", &Context::new());
        let error = iam::evaluate(&odd, &policies).unwrap_err();
        assert!(error.unknown.contains(named), "{condition}: {error}");
        assert_eq!(
            (error.cited.policy.as_str(), error.cited.sid.as_deref()),
            ("p", Some("Odd")),
            "{condition}"
        );
        // The statement does not bear on another action, which is decided.
        let other = super::request(&session(&[]), "s3:PutObject", "arn:aws:s3:::b/k", &Context::new());
        assert!(iam::evaluate(&other, &policies).unwrap().is_allowed(), "{condition}");
    }
}

#[test]
fn a_fault_is_not_hidden_by_a_condition_that_fails() {
    let condition = json!({"StringEquals": {"aws:PrincipalTag/x": "no"}, "StringEqual": {"s3:prefix": "a"}});
    assert_eq!(under(condition, &session(&[("x", "yes")]), &Context::new()), Undecidable);
}

#[test]
fn a_key_that_the_request_says_it_does_not_know_is_undecidable() {
    let context = Context::new().with_unknown("s3:prefix", "not derived");
    for operator in ["StringEquals", "StringEqualsIfExists", "ForAllValues:StringEquals", "StringNotEquals"] {
        assert_eq!(
            under(json!({operator: {"s3:prefix": "a"}}), &session(&[]), &context),
            Undecidable,
            "{operator}"
        );
    }
    assert_eq!(under(json!({"Null": {"s3:prefix": "true"}}), &session(&[]), &context), Undecidable);
}

#[test]
fn resource_tags_are_absent_only_where_all_are_declared() {
    let tagged = |context: Context| {
        under(json!({"StringEquals": {"aws:ResourceTag/t": "a"}}), &session(&[]), &context)
    };
    assert_eq!(tagged(Context::new().with("aws:ResourceTag/T", "a")), Allowed);
    assert_eq!(tagged(Context::new().with_all_of("aws:ResourceTag/")), Refused);
    assert_eq!(tagged(Context::new()), Undecidable);
}

#[test]
fn an_empty_value_is_undecidable_only_where_its_meaning_decides() {
    let session = session(&[("t", "")]);
    let context = Context::new().with("s3:prefix", "");
    for (condition, expected, why) in [
        (
            json!({"StringEquals": {"s3:prefix": "${aws:PrincipalTag/t}"}}),
            Undecidable,
            "equal as texts, not as nulls",
        ),
        (json!({"StringEquals": {"s3:prefix": "x${aws:PrincipalTag/t}"}}), Refused, "different either way"),
        (json!({"Null": {"aws:PrincipalTag/t": "false"}}), Undecidable, "present or null"),
        (
            json!({"Null": {"aws:PrincipalTag/t": "false"}, "StringLike": {"aws:PrincipalTag/t": "?*"}}),
            Refused,
            "refused either way",
        ),
    ] {
        assert_eq!(under(condition.clone(), &session, &context), expected, "{condition}: {why}");
    }
}

#[test]
fn the_principal_sets_its_own_keys_and_nobody_else_does() {
    let session = session(&[("Team", "red")]);
    let forged = Context::new()
        .with("aws:PrincipalTag/team", "blue")
        .with("aws:PrincipalTag/other", "x")
        .with("aws:PrincipalArn", "arn:aws:iam::123456789012:role/admin")
        .with("aws:PrincipalAccount", "999999999999");
    for (condition, expected) in [
        (json!({"StringEquals": {"aws:PrincipalTag/TEAM": "red"}}), Allowed),
        (json!({"StringEquals": {"aws:PrincipalTag/team": "blue"}}), Refused),
        (json!({"Null": {"aws:PrincipalTag/other": "true"}}), Allowed),
        (json!({"ArnEquals": {"aws:PrincipalArn": super::ROLE}}), Allowed),
        (json!({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}), Allowed),
        (json!({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}), Allowed),
        (json!({"StringLike": {"aws:userid": "*:one"}}), Undecidable),
        (json!({"Null": {"aws:username": "true"}}), Allowed),
    ] {
        assert_eq!(under(condition.clone(), &session, &forged), expected, "{condition}");
    }
    let known = session.with_role_id("AROAEXAMPLE").with_tags(Tags::default());
    assert_eq!(
        under(json!({"StringEquals": {"aws:userid": "AROAEXAMPLE:one"}}), &known, &Context::new()),
        Allowed
    );
}
