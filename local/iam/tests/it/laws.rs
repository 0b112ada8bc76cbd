//! Laws that hold of all policies and requests, not of chosen ones.

use iam::{Context, Policies, Policy, PolicyDocument, Principal, Request, Tags, evaluate};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Answer::{self, Allowed, Denied, Refused, Undecidable};
use super::{ACCOUNT, answer, identity, policy, session};

/// Values that a session tag may have.
fn tag_value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "[a-zA-Z0-9 _.:/=+@-]{0,12}", "[\\p{L}\\p{N}]{1,4}"]
        .prop_filter("reserved", |text| !text.to_lowercase().starts_with("aws:"))
}

/// Texts that wildcards and variables are made of.
fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab*?/]{0,6}",
        Just("${aws:PrincipalTag/t}".to_owned()),
        "[ab]{0,2}\\$\\{aws:PrincipalTag/t\\}[ab*]{0,2}"
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let operator = prop_oneof![
        Just("StringEquals"),
        Just("StringNotEquals"),
        Just("StringLike"),
        Just("StringNotLike"),
        Just("StringEqualsIfExists"),
        Just("ForAllValues:StringLike"),
        Just("ForAnyValue:StringEquals"),
    ];
    let key = prop_oneof![
        Just("s3:prefix"),
        Just("aws:PrincipalTag/t"),
        Just("aws:PrincipalTag/none"),
        Just("s3:delimiter")
    ];
    (operator, key, prop::collection::vec(pattern(), 1..3))
        .prop_map(|(operator, key, values)| json!({operator: {key: values}}))
}

fn statement() -> impl Strategy<Value = Value> {
    let action = prop_oneof![Just("*"), Just("s3:*"), Just("s3:Get*"), Just("s3:PutObject"), Just("sqs:*")];
    (any::<bool>(), action, any::<bool>(), pattern(), any::<bool>(), prop::option::of(condition())).prop_map(
        |(allows, action, not_action, key, not_resource, condition)| {
            let mut statement = json!({"Effect": if allows { "Allow" } else { "Deny" }});
            statement[if not_action { "NotAction" } else { "Action" }] = json!(action);
            statement[if not_resource { "NotResource" } else { "Resource" }] =
                json!(format!("arn:aws:s3:::b/{key}"));
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            statement
        },
    )
}

fn statements() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(statement(), 0..4)
}

fn requests() -> impl Strategy<Value = Request> {
    let action = prop_oneof![Just("s3:GetObject"), Just("s3:PutObject"), Just("s3:ListBucket")];
    (action, "[ab/]{1,5}", prop::option::of("[ab]{1,2}"), prop::option::of("[ab/]{0,3}")).prop_map(
        |(action, key, tag, prefix)| {
            let tags: Vec<(&str, &str)> = tag.as_deref().map(|tag| ("t", tag)).into_iter().collect();
            let mut context = Context::new();
            if let Some(prefix) = prefix {
                context = context.with("s3:prefix", prefix);
            }
            Request::new(session(&tags), action, &format!("arn:aws:s3:::b/{key}"), ACCOUNT, context).unwrap()
        },
    )
}

fn ask(request: &Request, statements: &[Value]) -> Answer {
    answer(&evaluate(request, &identity(json!(statements))))
}

/// A wildcard matcher of another make: it backtracks, and is right for short texts.
fn is_like(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) if is_like(rest, text) => true,
        (Some(('*', _)), Some((_, others))) => is_like(pattern, others),
        (Some(('?', rest)), Some((_, others))) => is_like(rest, others),
        (Some((one, rest)), Some((other, others))) => one == other && is_like(rest, others),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_allowed_by_nothing(request in requests()) {
        prop_assert_eq!(ask(&request, &[]), Refused);
    }

    #[test]
    fn a_deny_of_everything_always_denies(request in requests(), mut statements in statements(), at in any::<prop::sample::Index>()) {
        let place = at.index(statements.len() + 1);
        statements.insert(place, json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
        prop_assert_eq!(ask(&request, &statements), Denied);
    }

    #[test]
    fn another_allow_takes_nothing_away(request in requests(), mut statements in statements(), mut more in statement()) {
        let before = ask(&request, &statements);
        more["Effect"] = json!("Allow");
        statements.push(more);
        let after = ask(&request, &statements);
        let gives = before == Refused && after == Allowed;
        prop_assert!(before == after || gives || after == Undecidable, "{:?} {:?}", before, after);
    }

    #[test]
    fn another_deny_gives_nothing(request in requests(), mut statements in statements(), mut more in statement()) {
        let before = ask(&request, &statements);
        more["Effect"] = json!("Deny");
        statements.push(more);
        let after = ask(&request, &statements);
        prop_assert!(before == after || matches!(after, Denied | Undecidable), "{:?} {:?}", before, after);
    }

    #[test]
    fn the_order_of_statements_does_not_count(request in requests(), mut statements in statements()) {
        let before = ask(&request, &statements);
        statements.reverse();
        prop_assert_eq!(ask(&request, &statements), before);
    }

    #[test]
    fn a_session_or_boundary_only_narrows(request in requests(), own in statements(), other in statements()) {
        let alone = identity(json!(own));
        let before = answer(&evaluate(&request, &alone));
        let scoped = Policies { session: vec![policy(json!(other))], ..alone.clone() };
        let bounded = Policies { boundary: Some(policy(json!(other))), ..alone };
        for narrowed in [scoped, bounded] {
            let after = answer(&evaluate(&request, &narrowed));
            prop_assert!(after != Allowed || before == Allowed);
        }
    }

    #[test]
    fn a_tag_never_reaches_another_tenants_prefix_row_or_store(own in "[a-z0-9]{1,6}", other in tag_value(), rest in "[a-z0-9]{1,3}") {
        let statements = [json!({
            "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/t}/*"
        }), json!({
            "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*",
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/t}"}, "Null": {"dynamodb:LeadingKeys": "false"}}
        })];
        let object = |tenant: &str, principal: &Principal| {
            Request::new(principal.clone(), "s3:GetObject", &format!("arn:aws:s3:::b/{tenant}/{rest}"), ACCOUNT, Context::new()).unwrap()
        };
        let row = |tenant: &str, principal: &Principal| {
            let context = Context::new().with_many("dynamodb:LeadingKeys", [tenant]);
            Request::new(principal.clone(), "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/T", ACCOUNT, context).unwrap()
        };
        let mine = session(&[("t", own.as_str())]);
        prop_assert_eq!(ask(&object(&own, &mine), &statements), Allowed);
        prop_assert_eq!(ask(&row(&own, &mine), &statements), Allowed);
        if other != own {
            let theirs = session(&[("t", other.as_str())]);
            prop_assert_eq!(ask(&object(&own, &theirs), &statements), Refused);
            prop_assert_eq!(ask(&row(&own, &theirs), &statements), Refused);
        }
    }

    #[test]
    fn a_value_in_a_pattern_is_compared_literally(tag in tag_value(), text in ".{0,8}") {
        prop_assume!(!tag.is_empty());
        let condition = json!({"StringLike": {"s3:prefix": "${aws:PrincipalTag/t}"}});
        let answer = super::under(condition, &session(&[("t", tag.as_str())]), &Context::new().with("s3:prefix", text.clone()));
        prop_assert_eq!(answer == Allowed, tag == text);
    }

    #[test]
    fn wildcards_match_as_another_matcher_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        let condition = json!({"StringLike": {"s3:prefix": pattern}});
        let answer = super::under(condition, &session(&[]), &Context::new().with("s3:prefix", text.clone()));
        let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(answer == Allowed, is_like(&pattern, &text));
    }

    #[test]
    fn what_is_printed_is_read_back(statements in statements()) {
        let document = policy(json!(statements)).document;
        prop_assert_eq!(PolicyDocument::parse(&document.to_string()), Ok(document));
    }

    #[test]
    fn no_text_makes_the_reader_of_policies_fail_otherwise_than_by_an_error(text in "\\PC{0,60}") {
        let _ = Policy::parse("p", &text);
        let statement = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": text.clone(), "Resource": format!("arn:aws:s3:::{text}"), "Condition": {text.clone(): {text.clone(): text}}}});
        if let Ok(read) = Policy::parse("p", &statement.to_string()) {
            let policies = Policies { identity: vec![read], ..Policies::default() };
            let get = super::request(&session(&[]), "s3:GetObject", "arn:aws:s3:::b/k", &Context::new());
            let _ = evaluate(&get, &policies);
        }
    }

    #[test]
    fn tags_are_kept_as_given_and_found_without_case(key in "[a-zA-Z]{1,8}", value in tag_value()) {
        let tags = Tags::new([(key.clone(), value.clone())]);
        prop_assume!(!key.to_lowercase().starts_with("aws:"));
        let tags = tags.unwrap();
        prop_assert_eq!(tags.get(&key.to_uppercase()), Some(value.as_str()));
        prop_assert_eq!(tags.iter().next(), Some((key.as_str(), value.as_str())));
    }

    #[test]
    fn the_reader_of_expressions_never_fails_otherwise_than_by_an_error(text in "[a-z#:()= ANDORBETWEEN,.\\[\\]0-9'\"{}?<>*-]{0,40}") {
        use super::derived_dynamodb::{Known, call};
        let body = json!({
            "TableName": "Documents", "KeyConditionExpression": text.clone(), "Statement": text,
            "ExpressionAttributeNames": {"#a": "tenant_id"}, "ExpressionAttributeValues": {":a": {"S": "a"}}
        });
        for operation in ["Query", "ExecuteStatement"] {
            let _ = iam::requests::derive(&call("dynamodb", operation, &body), &Known);
        }
    }
}
