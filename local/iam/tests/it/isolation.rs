//! The two halves together: calls of one tenant's session on its own and on another tenant's things, under policies of
//! the shape that the template deploys. Each row stands for both tenants: own allowed, other's refused.

use iam::requests::{Call, derive};
use iam::{Policies, Principal, Request, evaluate};
use serde_json::{Value, json};

use super::derived_dynamodb::{Known, call};
use super::{Answer, answer, identity, session};

const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/Documents";

/// With or without the guard that closes the vacuous `ForAllValues`.
fn data_role(guarded: bool) -> Policies {
    let mut condition =
        json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant_id}"]}});
    if guarded {
        condition["Null"] = json!({"dynamodb:LeadingKeys": "false"});
    }
    identity(json!([
        {
            "Sid": "OwnRows", "Effect": "Allow", "Resource": [TABLE, format!("{TABLE}/index/*")], "Condition": condition,
            "Action": [
                "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
                "dynamodb:ConditionCheckItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:BatchWriteItem",
                "dynamodb:PartiQLSelect", "dynamodb:PartiQLInsert", "dynamodb:DescribeTable"
            ]
        },
        {
            "Sid": "OwnContent", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": "arn:aws:s3:::content/${aws:PrincipalTag/tenant_id}/*"
        },
        {
            "Sid": "OwnListing", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::content",
            "Condition": {"StringLike": {"s3:prefix": "${aws:PrincipalTag/tenant_id}/*"}}
        },
        {
            "Sid": "OwnStore", "Effect": "Allow", "Action": ["verifiedpermissions:IsAuthorized", "verifiedpermissions:GetPolicy"],
            "Resource": "arn:aws:verifiedpermissions::123456789012:policy-store/${aws:PrincipalTag/policy_store_id}",
            "Condition": {"StringEquals": {"aws:ResourceTag/tenant_id": "${aws:PrincipalTag/tenant_id}"}}
        }
    ]))
}

/// The worst answer of a call's requests.
fn decide(call: &Call, principal: &Principal, policies: &Policies) -> Answer {
    let needed = derive(call, &Known).unwrap();
    let answers = needed.into_iter().map(|one| {
        let request =
            Request::new(principal.clone(), &one.action, &one.resource, &one.resource_account, one.context);
        answer(&evaluate(&request.unwrap(), policies))
    });
    answers.fold(Answer::Allowed, |worst, next| if worst == Answer::Allowed { next } else { worst })
}

fn tenant(id: &str, store: &str) -> Principal {
    session(&[("tenant_id", id), ("policy_store_id", store)])
}

fn object(method: &str, key: &str) -> Call {
    let key = Some(key.to_owned());
    Call {
        service: "s3".to_owned(),
        method: method.to_owned(),
        bucket: Some("content".to_owned()),
        key,
        ..call("s3", "", &Value::Null)
    }
}

#[test]
fn every_dynamodb_operation_reaches_only_the_sessions_own_rows() {
    let item = |id: &str| json!({"tenant_id": {"S": id}, "document_id": {"S": "d"}});
    let query = |id: &str, index: Option<&str>| {
        let mut body = json!({"TableName": "Documents", "KeyConditionExpression": "tenant_id = :t", "ExpressionAttributeValues": {":t": {"S": id}}});
        if let Some(index) = index {
            body["IndexName"] = json!(index);
        }
        body
    };
    let one = |member: &str, id: &str| json!({"TableName": "Documents", member: item(id)});
    type Build<'a> = Box<dyn Fn(&str) -> Value + 'a>;
    let rows: Vec<(&str, Build<'_>)> = vec![
        ("GetItem", Box::new(|id| one("Key", id))),
        ("PutItem", Box::new(|id| one("Item", id))),
        ("UpdateItem", Box::new(|id| one("Key", id))),
        ("DeleteItem", Box::new(|id| one("Key", id))),
        ("Query", Box::new(|id| query(id, None))),
        ("Query", Box::new(|id| query(id, Some("by-owner")))),
        (
            "BatchGetItem",
            Box::new(|id| json!({"RequestItems": {"Documents": {"Keys": [item("ab"), item(id)]}}})),
        ),
        (
            "BatchWriteItem",
            Box::new(
                |id| json!({"RequestItems": {"Documents": [{"PutRequest": {"Item": item("ab")}}, {"DeleteRequest": {"Key": item(id)}}]}}),
            ),
        ),
        (
            "TransactGetItems",
            Box::new(|id| json!({"TransactItems": [{"Get": one("Key", "ab")}, {"Get": one("Key", id)}]})),
        ),
        (
            "TransactWriteItems",
            Box::new(
                |id| json!({"TransactItems": [{"Put": one("Item", "ab")}, {"ConditionCheck": one("Key", id)}]}),
            ),
        ),
        (
            "ExecuteStatement",
            Box::new(|id| json!({"Statement": format!("SELECT * FROM Documents WHERE tenant_id = '{id}'")})),
        ),
        (
            "ExecuteStatement",
            Box::new(
                |id| json!({"Statement": "INSERT INTO Documents VALUE {'tenant_id': ?}", "Parameters": [{"S": id}]}),
            ),
        ),
    ];
    let principal = tenant("ab", "PSa");
    for (operation, build) in rows {
        for guarded in [true, false] {
            let policies = data_role(guarded);
            let ask = |id: &str| decide(&call("dynamodb", operation, &build(id)), &principal, &policies);
            assert_eq!(ask("ab"), Answer::Allowed, "{operation} on its own");
            for other in
                ["abc", "a", "AB", "ab ", "ab*", "*", "?b", "ab/", "${aws:PrincipalTag/tenant_id}", "zz"]
            {
                assert_eq!(ask(other), Answer::Refused, "{operation} on {other}");
            }
            let untagged = decide(&call("dynamodb", operation, &build("ab")), &session(&[]), &policies);
            assert_eq!(untagged, Answer::Refused, "{operation} untagged");
        }
    }
}

/// `ForAllValues` is true of a request without the key, and a scan has none.
#[test]
fn only_the_null_guard_stops_a_scan() {
    let scan = call("dynamodb", "Scan", &json!({"TableName": "Documents"}));
    let describe = call("dynamodb", "DescribeTable", &json!({"TableName": "Documents"}));
    let everything = call("dynamodb", "ExecuteStatement", &json!({"Statement": "SELECT * FROM Documents"}));
    for call in [scan, describe, everything] {
        assert_eq!(decide(&call, &tenant("ab", "PSa"), &data_role(false)), Answer::Allowed, "the trap");
        assert_eq!(decide(&call, &tenant("ab", "PSa"), &data_role(true)), Answer::Refused);
    }
}

#[test]
fn an_index_of_another_key_and_unsure_statements_pass_with_neither() {
    let by_name = json!({"TableName": "Documents", "IndexName": "by-name", "KeyConditionExpression": "#n = :n",
        "ExpressionAttributeNames": {"#n": "name"}, "ExpressionAttributeValues": {":n": {"S": "zz"}}});
    let unsure = json!({"Statement": "SELECT * FROM Documents WHERE tenant_id = 'ab' OR tenant_id = 'zz'"});
    for guarded in [true, false] {
        let policies = data_role(guarded);
        assert_eq!(
            decide(&call("dynamodb", "Query", &by_name), &tenant("ab", "PSa"), &policies),
            Answer::Refused
        );
        assert_eq!(
            decide(&call("dynamodb", "ExecuteStatement", &unsure), &tenant("ab", "PSa"), &policies),
            Answer::Undecidable
        );
    }
}

#[test]
fn objects_are_reached_under_the_sessions_own_prefix_only() {
    let policies = data_role(true);
    let ab = tenant("ab", "PSa");
    for (key, expected, why) in [
        ("ab/1", Answer::Allowed, "its own"),
        ("ab/x/y", Answer::Allowed, "deeper"),
        ("abc/1", Answer::Refused, "a prefix twin"),
        ("a/1", Answer::Refused, "a prefix twin"),
        ("AB/1", Answer::Refused, "another case"),
        ("zz/ab/1", Answer::Refused, "not at the start"),
        ("/ab/1", Answer::Refused, "a leading slash is part of the key"),
        ("ab", Answer::Refused, "no object under the prefix"),
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            assert_eq!(decide(&object(method, key), &ab, &policies), expected, "{method} {key}: {why}");
        }
    }
    let copy = |source: &str| {
        let headers = vec![("x-amz-copy-source".to_owned(), source.to_owned())];
        decide(&Call { headers, ..object("PUT", "ab/2") }, &ab, &policies)
    };
    assert_eq!((copy("content/ab/1"), copy("content/zz/1")), (Answer::Allowed, Answer::Refused));
    let list = |prefix: Option<&str>| {
        let query = prefix.map(|prefix| ("prefix".to_owned(), prefix.to_owned())).into_iter().collect();
        decide(&Call { key: None, query, ..object("GET", "") }, &ab, &policies)
    };
    assert_eq!(
        (list(Some("ab/")), list(Some("abc/")), list(Some("")), list(None)),
        (Answer::Allowed, Answer::Refused, Answer::Refused, Answer::Refused)
    );
    let both = "<Delete><Object><Key>ab/1</Key></Object><Object><Key>zz/1</Key></Object></Delete>";
    let delete = |body: &str| {
        let query = vec![("delete".to_owned(), String::new())];
        decide(
            &Call { key: None, query, body: body.as_bytes().to_vec(), ..object("POST", "") },
            &ab,
            &policies,
        )
    };
    assert_eq!((delete(&both.replace("zz", "ab")), delete(both)), (Answer::Allowed, Answer::Refused));
}

#[test]
fn odd_tags_reach_nothing_of_anyone_elses() {
    let policies = data_role(true);
    for (tag, key, expected, why) in [
        ("a/b", "a/b/1", Answer::Allowed, "a tag with a slash is its own prefix"),
        ("a", "a/b/1", Answer::Allowed, "which a shorter tag covers: why ids have no slash"),
        ("a/b", "a/1", Answer::Refused, "not the other way round"),
        ("ab ", "ab/1", Answer::Refused, "a space counts"),
        ("AB", "ab/1", Answer::Refused, "case counts"),
        ("", "ab/1", Answer::Refused, "an empty tag is no prefix of all"),
        ("", "/1", Answer::Undecidable, "what an empty tag stands for is not documented"),
    ] {
        assert_eq!(
            decide(&object("GET", key), &session(&[("tenant_id", tag)]), &policies),
            expected,
            "{tag} {key}: {why}"
        );
    }
    assert_eq!(decide(&object("GET", "/1"), &session(&[]), &policies), Answer::Refused, "no tag");
}

#[test]
fn a_store_is_reached_by_its_id_and_its_tag_together() {
    let policies = data_role(true);
    let ask = |principal: &Principal, store: &str| {
        decide(
            &call("verifiedpermissions", "IsAuthorized", &json!({"policyStoreId": store})),
            principal,
            &policies,
        )
    };
    for (tag, own, store, expected, why) in [
        ("aaa", "PSa", "PSa", Answer::Allowed, "its own"),
        ("bbb", "PSb", "PSb", Answer::Allowed, "its own"),
        ("aaa", "PSa", "policy-store-alias/tenant/a", Answer::Allowed, "its own, by alias"),
        ("bbb", "PSb", "policy-store-alias/tenant/a", Answer::Refused, "another's, by alias"),
        ("aaa", "PSa", "PSb", Answer::Refused, "another's"),
        ("aaa", "PSb", "PSb", Answer::Refused, "a wrong mapping row: the tag does not agree"),
        ("bbb", "PSa", "PSb", Answer::Refused, "a wrong mapping row: the id does not agree"),
        ("aaa", "PSnone", "PSnone", Answer::Refused, "a store without a tag"),
        ("aaa", "PSgone", "PSgone", Answer::Undecidable, "a store whose tags cannot be had"),
    ] {
        assert_eq!(ask(&tenant(tag, own), store), expected, "{tag} {own} {store}: {why}");
    }
    let batch = |stores: [&str; 2]| {
        let requests: Vec<Value> =
            stores.iter().map(|store| json!({"policyStoreId": store, "policyId": "p"})).collect();
        decide(
            &call("verifiedpermissions", "BatchGetPolicy", &json!({"requests": requests})),
            &tenant("aaa", "PSa"),
            &policies,
        )
    };
    assert_eq!((batch(["PSa", "PSa"]), batch(["PSa", "PSb"])), (Answer::Allowed, Answer::Refused));
}

#[test]
fn a_session_policy_narrows_to_one_row_and_one_object() {
    let floor = super::policy(json!([
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::content/ab/1"},
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": "ab"}}}
    ]));
    let policies = Policies { session: vec![floor], ..data_role(true) };
    for (key, expected) in [("ab/1", Answer::Allowed), ("ab/2", Answer::Refused)] {
        assert_eq!(decide(&object("GET", key), &tenant("ab", "PSa"), &policies), expected);
        assert_eq!(decide(&object("PUT", key), &tenant("ab", "PSa"), &policies), Answer::Refused);
    }
}
