//! Which actions and resources a statement names.

use iam::{Context, evaluate};
use serde_json::json;

use super::Answer::{self, Allowed, Refused};
use super::{answer, identity, request, session};

fn on(statement: &serde_json::Value, action: &str, resource: &str, tags: &[(&str, &str)]) -> Answer {
    answer(&evaluate(
        &request(&session(tags), action, resource, &Context::new()),
        &identity(json!([statement])),
    ))
}

#[test]
fn actions_are_matched_without_case_and_with_wildcards() {
    for (pattern, action, expected, why) in [
        ("s3:GetObject", "s3:GetObject", Allowed, "the same"),
        ("S3:getobject", "s3:GetObject", Allowed, "case does not count"),
        ("s3:Get*", "s3:GetObject", Allowed, "a star"),
        ("s3:Get*", "s3:PutObject", Refused, "another verb"),
        ("s3:?etObject", "s3:GetObject", Allowed, "one character"),
        ("s3:*", "dynamodb:GetItem", Refused, "another service"),
        ("*", "dynamodb:GetItem", Allowed, "everything"),
        ("s3:GetObject", "s3:GetObjectVersion", Refused, "a prefix is not enough"),
    ] {
        let statement = json!({"Effect": "Allow", "Action": pattern, "Resource": "*"});
        assert_eq!(on(&statement, action, "arn:aws:s3:::b/k", &[]), expected, "{pattern} {action}: {why}");
        let inverse = json!({"Effect": "Allow", "NotAction": pattern, "Resource": "*"});
        let inverted = if expected == Allowed { Refused } else { Allowed };
        assert_eq!(
            on(&inverse, action, "arn:aws:s3:::b/k", &[]),
            inverted,
            "NotAction {pattern} {action}: {why}"
        );
    }
}

#[test]
fn resources_are_matched_with_case_and_wildcards() {
    let table = "arn:aws:dynamodb:us-east-1:123456789012:table/T";
    for (pattern, resource, expected, why) in [
        ("*", table, Allowed, "everything"),
        ("*", "*", Allowed, "an action without a resource"),
        (table, table, Allowed, "the same"),
        (table, "arn:aws:dynamodb:us-east-1:123456789012:table/t", Refused, "case counts"),
        (
            table,
            "arn:aws:dynamodb:us-east-1:123456789012:table/T/index/I",
            Refused,
            "an index is another resource",
        ),
        (
            "arn:aws:dynamodb:us-east-1:123456789012:table/T/index/*",
            "arn:aws:dynamodb:us-east-1:123456789012:table/T/index/I",
            Allowed,
            "an index",
        ),
        (table, "arn:aws:dynamodb:us-east-1:123456789012:table/T2", Refused, "a prefix twin"),
        (table, "*", Refused, "a named table does not allow an action without a resource"),
        ("arn:aws:dynamodb:*:*:table/T", table, Allowed, "any region and account"),
        (
            "arn:aws:logs:*:log-group:x:*",
            "arn:aws:logs:us-east-1:123456789012:log-group:x:y",
            Allowed,
            "a star that ends its segment crosses colons",
        ),
        ("arn:aws:s3:*", "arn:aws:s3:::b/k", Allowed, "a star that ends the pattern crosses colons"),
        ("arn:aws:dynamodb:us-*-1:123456789012:table/T", table, Allowed, "a star within a segment"),
        (
            "arn:aws:dynamodb:u*1:123456789012:table/T",
            "arn:aws:dynamodb:us-east-1:1:123456789012:table/T",
            Refused,
            "a star within a segment crosses no colon",
        ),
        ("arn:aws:dynamodb:us-east-?:123456789012:table/?", table, Allowed, "one character"),
        ("arn:aws:dynamodb:us-east-1?123456789012:table/T:x", table, Refused, "a question mark is no colon"),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y:z", Allowed, "the last part may hold colons"),
        ("arn:aws:s3:::b/*.txt", "arn:aws:s3:::b/x:y.txt", Allowed, "the last part may hold colons"),
        ("arn:aws:s3:::b/a/*", "arn:aws:s3:::b/ab/x", Refused, "a prefix twin"),
        ("arn:aws:s3:::b/*/t/*", "arn:aws:s3:::b//t/", Allowed, "as AWS documents for empty segments"),
        ("arn:aws:s3:::b/*/t/*", "arn:aws:s3:::b/t/x", Refused, "as AWS documents"),
        ("arn:aws:s3:::b", "arn:aws:s3:::b/k", Refused, "a bucket is not its objects"),
    ] {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": pattern});
        assert_eq!(on(&statement, "s3:GetObject", resource, &[]), expected, "{pattern} {resource}: {why}");
        let inverse =
            json!({"Effect": "Allow", "Action": "*", "NotResource": [pattern, "arn:aws:s3:::other"]});
        let inverted = if expected == Allowed { Refused } else { Allowed };
        assert_eq!(
            on(&inverse, "s3:GetObject", resource, &[]),
            inverted,
            "NotResource {pattern} {resource}: {why}"
        );
    }
}

#[test]
fn variables_stand_for_their_values_literally() {
    let own = json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/t}/*"});
    for (tag, key, expected, why) in [
        (Some("ab"), "ab/1", Allowed, "its own"),
        (Some("ab"), "abc/1", Refused, "a prefix twin"),
        (Some("abc"), "ab/1", Refused, "a prefix twin"),
        (Some("ab"), "AB/1", Refused, "case counts"),
        (Some("ab"), "ab", Refused, "the prefix itself is no object under it"),
        (Some("a/b"), "a/b/1", Allowed, "a slash in a tag is a slash"),
        (Some("a"), "a/b/1", Allowed, "and so `a` covers `a/b`: tenants' ids must have no slash"),
        (None, "ab/1", Refused, "an absent tag names nothing"),
        (None, "/1", Refused, "not even the empty prefix"),
    ] {
        let tags: Vec<(&str, &str)> = tag.map(|value| ("T", value)).into_iter().collect();
        assert_eq!(
            on(&own, "s3:GetObject", &format!("arn:aws:s3:::b/{key}"), &tags),
            expected,
            "{tag:?} {key}: {why}"
        );
    }
}

#[test]
fn an_exception_without_a_value_is_undecidable_where_it_decides() {
    let except = json!(["arn:aws:s3:::b/${aws:PrincipalTag/t}/*", "arn:aws:s3:::b/public/*"]);
    for (effect, tags, key, expected) in [
        ("Allow", &[("t", "ab")][..], "zz/1", Allowed),
        ("Allow", &[("t", "ab")][..], "ab/1", Refused),
        ("Allow", &[][..], "ab/1", Answer::Undecidable),
        ("Allow", &[][..], "public/1", Refused),
        ("Deny", &[("t", "ab")][..], "zz/1", Answer::Denied),
        ("Deny", &[("t", "ab")][..], "ab/1", Allowed),
        ("Deny", &[][..], "ab/1", Answer::Undecidable),
        ("Deny", &[][..], "public/1", Allowed),
    ] {
        let mut statements = vec![json!({"Effect": effect, "Action": "*", "NotResource": except})];
        if effect == "Deny" {
            statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        }
        let get = request(&session(tags), "s3:GetObject", &format!("arn:aws:s3:::b/{key}"), &Context::new());
        assert_eq!(
            answer(&evaluate(&get, &identity(json!(statements)))),
            expected,
            "{effect} {tags:?} {key}"
        );
    }
}

#[test]
fn a_default_stands_in_for_an_absent_value() {
    let team = json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b-${aws:PrincipalTag/team, 'company-wide'}/*"});
    for (tags, bucket, expected) in [
        (&[("team", "yellow")][..], "b-yellow", Allowed),
        (&[("team", "yellow")][..], "b-company-wide", Refused),
        (&[][..], "b-company-wide", Allowed),
        (&[][..], "b-yellow", Refused),
    ] {
        assert_eq!(
            on(&team, "s3:GetObject", &format!("arn:aws:s3:::{bucket}/k"), tags),
            expected,
            "{bucket}"
        );
    }
}

#[test]
fn an_absent_value_in_a_condition_matches_nothing_but_the_negated() {
    let context = Context::new().with("s3:prefix", "ab");
    for (operator, tags, expected) in [
        ("StringEquals", &[("t", "ab")][..], Allowed),
        ("StringEquals", &[][..], Refused),
        ("StringLike", &[][..], Refused),
        ("StringNotEquals", &[("t", "ab")][..], Refused),
        ("StringNotEquals", &[][..], Allowed),
        ("StringNotLike", &[][..], Allowed),
        ("ForAllValues:StringEquals", &[][..], Refused),
    ] {
        let condition = json!({operator: {"s3:prefix": "${aws:PrincipalTag/t}"}});
        assert_eq!(super::under(condition, &session(tags), &context), expected, "{operator} {tags:?}");
    }
}

#[test]
fn the_old_version_has_no_variables() {
    let old = |resource: &str| {
        let text = json!({"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": resource}});
        iam::Policies {
            identity: vec![iam::Policy::parse("old", &text.to_string()).unwrap()],
            ..Default::default()
        }
    };
    let get = |key: &str| {
        request(&session(&[("t", "ab")]), "s3:GetObject", &format!("arn:aws:s3:::b/{key}"), &Context::new())
    };
    let policies = old("arn:aws:s3:::b/${aws:PrincipalTag/t}/*");
    assert_eq!(answer(&evaluate(&get("ab/1"), &policies)), Refused);
    assert_eq!(answer(&evaluate(&get("${aws:PrincipalTag/t}/1"), &policies)), Allowed);
    assert_eq!(answer(&evaluate(&get("ab/1"), &old("arn:aws:s3:::b/ab/*"))), Allowed);
}
