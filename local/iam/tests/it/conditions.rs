//! Condition operators, one table a topic: `(condition, request's keys, answer, why)`.

use iam::Context;
use serde_json::{Value, json};

use super::Answer::{Allowed, Refused, Undecidable};
use super::{Answer, session, under};

/// The request's keys as JSON: a string is single-valued, a list multi-valued.
fn context(keys: &Value) -> Context {
    let mut context = Context::new();
    for (key, value) in keys.as_object().unwrap() {
        context = match value {
            Value::Array(values) => {
                context.with_many(key, values.iter().map(|value| value.as_str().unwrap()))
            }
            value => context.with(key, value.as_str().unwrap()),
        };
    }
    context
}

fn check(rows: &[(Value, Value, Answer, &str)]) {
    let nobody = session(&[]);
    for (condition, keys, expected, why) in rows {
        assert_eq!(under(condition.clone(), &nobody, &context(keys)), *expected, "{condition} {keys}: {why}");
    }
}

#[test]
fn strings_are_compared_as_their_operators_say() {
    check(&[
        (json!({"StringEquals": {"s3:prefix": "a"}}), json!({"s3:prefix": "a"}), Allowed, "equal"),
        (json!({"StringEquals": {"s3:prefix": "a"}}), json!({"s3:prefix": "A"}), Refused, "case counts"),
        (
            json!({"StringEquals": {"S3:PREFIX": "a"}}),
            json!({"s3:Prefix": "a"}),
            Allowed,
            "a key's case does not",
        ),
        (
            json!({"StringEquals": {"s3:prefix": ["b", "a"]}}),
            json!({"s3:prefix": "a"}),
            Allowed,
            "any of the values",
        ),
        (
            json!({"StringEquals": {"s3:prefix": "a*"}}),
            json!({"s3:prefix": "ab"}),
            Refused,
            "no wildcards here",
        ),
        (json!({"StringEquals": {"s3:prefix": "a*"}}), json!({"s3:prefix": "a*"}), Allowed, "a literal star"),
        (
            json!({"StringEquals": {"s3:prefix": ""}}),
            json!({"s3:prefix": ""}),
            Allowed,
            "the documented empty prefix",
        ),
        (
            json!({"StringNotEquals": {"s3:prefix": ["a", "b"]}}),
            json!({"s3:prefix": "b"}),
            Refused,
            "none of the values",
        ),
        (
            json!({"StringNotEquals": {"s3:prefix": ["a", "b"]}}),
            json!({"s3:prefix": "c"}),
            Allowed,
            "none of the values",
        ),
        (
            json!({"StringEqualsIgnoreCase": {"s3:prefix": "aB"}}),
            json!({"s3:prefix": "Ab"}),
            Allowed,
            "without case",
        ),
        (
            json!({"StringNotEqualsIgnoreCase": {"s3:prefix": "aB"}}),
            json!({"s3:prefix": "Ab"}),
            Refused,
            "negated",
        ),
        (
            json!({"StringLike": {"s3:prefix": "a*c"}}),
            json!({"s3:prefix": "abbc"}),
            Allowed,
            "a star is any text",
        ),
        (json!({"StringLike": {"s3:prefix": "a*c"}}), json!({"s3:prefix": "ac"}), Allowed, "and no text"),
        (
            json!({"StringLike": {"s3:prefix": "a?c"}}),
            json!({"s3:prefix": "ac"}),
            Refused,
            "one character, not none",
        ),
        (
            json!({"StringLike": {"s3:prefix": "a?c"}}),
            json!({"s3:prefix": "aéc"}),
            Allowed,
            "a character, not a byte",
        ),
        (json!({"StringLike": {"s3:prefix": "A*"}}), json!({"s3:prefix": "abc"}), Refused, "with case"),
        (
            json!({"StringLike": {"s3:prefix": "a${*}"}}),
            json!({"s3:prefix": "ab"}),
            Refused,
            "an escaped star is a star",
        ),
        (
            json!({"StringLike": {"s3:prefix": "a${*}"}}),
            json!({"s3:prefix": "a*"}),
            Allowed,
            "an escaped star is a star",
        ),
        (
            json!({"StringLike": {"s3:prefix": "${?}${$}{"}}),
            json!({"s3:prefix": "?${"}),
            Allowed,
            "the other escapes",
        ),
        (json!({"StringNotLike": {"s3:prefix": "a*"}}), json!({"s3:prefix": "abc"}), Refused, "negated"),
        (json!({"StringNotLike": {"s3:prefix": "a*"}}), json!({"s3:prefix": "bc"}), Allowed, "negated"),
    ]);
}

#[test]
fn numbers_dates_truths_bytes_and_addresses_are_read_before_they_are_compared() {
    check(&[
        (
            json!({"NumericEquals": {"s3:max-keys": 10}}),
            json!({"s3:max-keys": "10.0"}),
            Allowed,
            "equal numbers",
        ),
        (json!({"NumericNotEquals": {"s3:max-keys": "10"}}), json!({"s3:max-keys": "10"}), Refused, "equal"),
        (
            json!({"NumericLessThan": {"s3:max-keys": "10"}}),
            json!({"s3:max-keys": "9"}),
            Allowed,
            "9 < 10, not as text",
        ),
        (json!({"NumericLessThan": {"s3:max-keys": "10"}}), json!({"s3:max-keys": "10"}), Refused, "strict"),
        (
            json!({"NumericLessThanEquals": {"s3:max-keys": "10"}}),
            json!({"s3:max-keys": "10"}),
            Allowed,
            "not strict",
        ),
        (
            json!({"NumericGreaterThan": {"s3:max-keys": "-1.5"}}),
            json!({"s3:max-keys": "-1.25"}),
            Allowed,
            "decimals",
        ),
        (
            json!({"NumericGreaterThanEquals": {"s3:max-keys": "2"}}),
            json!({"s3:max-keys": "1"}),
            Refused,
            "less",
        ),
        (
            json!({"NumericEquals": {"s3:max-keys": "ten"}}),
            json!({"s3:max-keys": "10"}),
            Undecidable,
            "no number",
        ),
        (
            json!({"NumericEquals": {"s3:max-keys": "10"}}),
            json!({"s3:max-keys": "+10"}),
            Undecidable,
            "no plain number",
        ),
        (
            json!({"DateLessThan": {"aws:CurrentTime": "2026-11-22T15:00:00Z"}}),
            json!({"aws:CurrentTime": "2026-11-22T15:30:00+01:00"}),
            Allowed,
            "14:30 in UTC",
        ),
        (
            json!({"DateGreaterThan": {"aws:EpochTime": "2020-01-01T00:00:00Z"}}),
            json!({"aws:EpochTime": "1577836800"}),
            Refused,
            "the same instant",
        ),
        (
            json!({"DateGreaterThanEquals": {"aws:EpochTime": "1577836800"}}),
            json!({"aws:EpochTime": "1577836800"}),
            Allowed,
            "the same instant",
        ),
        (
            json!({"DateEquals": {"aws:CurrentTime": "tomorrow"}}),
            json!({"aws:CurrentTime": "2020-01-01T00:00:00Z"}),
            Undecidable,
            "no date",
        ),
        (
            json!({"Bool": {"aws:SecureTransport": true}}),
            json!({"aws:SecureTransport": "true"}),
            Allowed,
            "true",
        ),
        (
            json!({"Bool": {"aws:SecureTransport": "false"}}),
            json!({"aws:SecureTransport": "true"}),
            Refused,
            "false",
        ),
        (
            json!({"Bool": {"aws:SecureTransport": "yes"}}),
            json!({"aws:SecureTransport": "true"}),
            Undecidable,
            "no truth",
        ),
        (
            json!({"BinaryEquals": {"s3:prefix": "aGk="}}),
            json!({"s3:prefix": "aGk="}),
            Allowed,
            "equal bytes",
        ),
        (
            json!({"BinaryEquals": {"s3:prefix": "aGk="}}),
            json!({"s3:prefix": "aGo="}),
            Refused,
            "other bytes",
        ),
        (
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
            json!({"aws:SourceIp": "203.0.113.9"}),
            Allowed,
            "within",
        ),
        (
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
            json!({"aws:SourceIp": "203.0.114.9"}),
            Refused,
            "without",
        ),
        (
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.9"}}),
            json!({"aws:SourceIp": "203.0.113.8"}),
            Refused,
            "/32",
        ),
        (
            json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
            json!({"aws:SourceIp": "8.8.8.8"}),
            Allowed,
            "everything",
        ),
        (
            json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
            json!({"aws:SourceIp": "::1"}),
            Refused,
            "of the other family",
        ),
        (
            json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}),
            json!({"aws:SourceIp": "2001:db8:1::2"}),
            Allowed,
            "IPv6",
        ),
        (
            json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            json!({"aws:SourceIp": "10.1.1.1"}),
            Refused,
            "within",
        ),
        (
            json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            json!({"aws:SourceIp": "11.1.1.1"}),
            Allowed,
            "without",
        ),
        (
            json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}),
            json!({"aws:SourceIp": "10.0.0.1"}),
            Undecidable,
            "no range",
        ),
    ]);
}

#[test]
fn arns_are_compared_part_by_part() {
    let one = "arn:aws:sns:us-east-1:123456789012:topic/a";
    for (operator, pattern, expected, why) in [
        ("ArnEquals", one, Allowed, "equal"),
        ("ArnLike", "arn:aws:sns:*:123456789012:topic/*", Allowed, "wildcards"),
        ("ArnEquals", "arn:aws:sns:*:123456789012:topic/*", Allowed, "both behave alike"),
        ("ArnLike", "arn:aws:sns:*:topic/a", Undecidable, "five parts are no ARN"),
        ("ArnLike", "arn:aws:sns:*:topic/a:*", Refused, "a star stays in its part"),
        ("ArnNotLike", "arn:aws:sns:*:*:*", Refused, "negated"),
        ("ArnNotEquals", "arn:aws:sqs:*:*:*", Allowed, "negated"),
    ] {
        let condition = json!({operator: {"aws:SourceArn": pattern}});
        let answer = under(condition, &session(&[]), &Context::new().with("aws:SourceArn", one));
        assert_eq!(answer, expected, "{operator} {pattern}: {why}");
    }
    // What is no ARN is like none.
    let words = Context::new().with("aws:SourceArn", "words");
    assert_eq!(under(json!({"ArnLike": {"aws:SourceArn": "arn:*:*:*:*:*"}}), &session(&[]), &words), Refused);
}

#[test]
fn an_absent_key_means_what_the_operator_says() {
    let none = json!({});
    check(&[
        (json!({"StringEquals": {"s3:prefix": "a"}}), none.clone(), Refused, "no value to match"),
        (json!({"StringLike": {"s3:prefix": "*"}}), none.clone(), Refused, "not even with a star"),
        (json!({"StringNotEquals": {"s3:prefix": "a"}}), none.clone(), Allowed, "negated: nothing matches"),
        (json!({"StringNotLike": {"s3:prefix": "*"}}), none.clone(), Allowed, "negated: nothing matches"),
        (
            json!({"ArnNotLike": {"aws:SourceArn": "arn:*:*:*:*:*"}}),
            none.clone(),
            Allowed,
            "negated: nothing matches",
        ),
        (json!({"NumericLessThan": {"s3:max-keys": "10"}}), none.clone(), Refused, "no value to match"),
        (
            json!({"NumericNotEquals": {"s3:max-keys": "10"}}),
            none.clone(),
            Allowed,
            "negated: nothing matches",
        ),
        (json!({"StringEqualsIfExists": {"s3:prefix": "a"}}), none.clone(), Allowed, "if it exists"),
        (
            json!({"StringEqualsIfExists": {"s3:prefix": "a"}}),
            json!({"s3:prefix": "b"}),
            Refused,
            "it exists",
        ),
        (json!({"StringNotEqualsIfExists": {"s3:prefix": "a"}}), none.clone(), Allowed, "if it exists"),
        (json!({"Null": {"s3:prefix": "true"}}), none.clone(), Allowed, "it does not exist"),
        (json!({"Null": {"s3:prefix": "false"}}), none.clone(), Refused, "it does not exist"),
        (json!({"Null": {"s3:prefix": true}}), json!({"s3:prefix": "a"}), Refused, "it exists"),
        (json!({"Null": {"s3:prefix": false}}), json!({"s3:prefix": "a"}), Allowed, "it exists"),
        (json!({"Null": {"s3:prefix": "maybe"}}), json!({"s3:prefix": "a"}), Undecidable, "neither"),
        (json!({"StringLike": {"aws:PrincipalTag/x": "*"}}), none, Refused, "an absent tag"),
    ]);
}

#[test]
fn sets_are_quantified() {
    let (ab, a, c, empty, none) = (
        json!({"aws:TagKeys": ["a", "b"]}),
        json!({"aws:TagKeys": ["a"]}),
        json!({"aws:TagKeys": ["c"]}),
        json!({"aws:TagKeys": []}),
        json!({}),
    );
    let all = json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}});
    let any = json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "z"]}});
    let all_not = json!({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a", "z"]}});
    let any_not = json!({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a", "z"]}});
    check(&[
        (all.clone(), ab.clone(), Allowed, "every one"),
        (all.clone(), a.clone(), Allowed, "a subset"),
        (all.clone(), c.clone(), Refused, "one is not"),
        (all.clone(), empty.clone(), Allowed, "vacuously"),
        (all.clone(), none.clone(), Allowed, "vacuously: the trap"),
        (
            all.clone(),
            json!({"aws:TagKeys": [""]}),
            Allowed,
            "an empty string is the documented null data set",
        ),
        (any.clone(), ab.clone(), Allowed, "one is"),
        (any.clone(), c.clone(), Refused, "none is"),
        (any.clone(), empty.clone(), Refused, "there is none"),
        (any, none.clone(), Refused, "there is none"),
        (all_not.clone(), ab.clone(), Refused, "one is"),
        (all_not.clone(), c.clone(), Allowed, "none is"),
        (all_not, none.clone(), Allowed, "vacuously"),
        (any_not.clone(), ab.clone(), Allowed, "b is neither"),
        (any_not.clone(), a.clone(), Refused, "a is one of them"),
        (any_not, none.clone(), Refused, "there is none"),
        (
            json!({"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": "a*"}}),
            none.clone(),
            Undecidable,
            "false by ForAnyValue, true by IfExists",
        ),
        (json!({"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": "a*"}}), c.clone(), Refused, "it exists"),
        (
            json!({"ForAllValues:StringEquals": {"s3:prefix": "a"}}),
            json!({"s3:prefix": "b"}),
            Refused,
            "a set of one",
        ),
        (
            json!({"StringEquals": {"aws:TagKeys": "a"}}),
            a.clone(),
            Undecidable,
            "a list without a quantifier",
        ),
        (json!({"StringEquals": {"aws:TagKeys": "a"}}), none.clone(), Refused, "but nothing is nothing"),
        (json!({"Null": {"aws:TagKeys": "true"}}), empty, Allowed, "an empty list has no value"),
        (json!({"Null": {"aws:TagKeys": "false"}}), a, Allowed, "a list with a value"),
    ]);
}
