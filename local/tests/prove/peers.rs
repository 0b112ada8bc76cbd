//! Policies that others published, each rewritten as a small template of its facts: each has its known hole.

use prover::Naming;
use serde_json::{Value, json};

use super::{prove_theirs, sentences};

fn naming(tag: &str) -> Naming {
    Naming { tag: tag.to_owned(), store_tag: None, key: "tenant".to_owned(), length: None }
}

/// A function with a role, a role for tenants that it borrows, and what tenants have.
fn template(trust: Value, permissions: Value) -> Value {
    let policy = |statements: Value| json!({"Version": "2012-10-17", "Statement": statements});
    let borrow = json!([{
        "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": {"Fn::GetAtt": ["Access", "Arn"]}
    }]);
    let lambda = json!([{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]);
    json!({"Resources": {
        "Service": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": policy(lambda)}},
        "Borrows": {"Type": "AWS::IAM::Policy", "Properties": {
            "PolicyName": "borrows", "Roles": [{"Ref": "Service"}], "PolicyDocument": policy(borrow)}},
        "Access": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": policy(trust),
            "Policies": [{"PolicyName": "access", "PolicyDocument": policy(permissions)}]}},
        "Rows": {"Type": "AWS::DynamoDB::Table", "Properties": {
            "TableName": "Rows",
            "KeySchema": [{"AttributeName": "tenant", "KeyType": "HASH"}]}},
        "Search": {"Type": "AWS::Elasticsearch::Domain", "Properties": {"DomainName": "test"}},
        "Files": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "files"}},
    }})
}

/// A trust policy without fault, so that what is found is found in the permissions.
fn strict(tag: &str) -> Value {
    json!([{
        "Sid": "Strict", "Effect": "Allow", "Principal": {"AWS": {"Fn::GetAtt": ["Service", "Arn"]}},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringLike": {format!("aws:RequestTag/{tag}"): "?*"},
            "StringNotLike": {format!("aws:RequestTag/{tag}"): "*/*"},
            "ForAllValues:StringEquals": {"aws:TagKeys": [tag]}, "Null": {"aws:TagKeys": "false"}
        }
    }])
}

const ROWS: &str = "arn:aws:dynamodb:us-east-1:111111111111:table/Rows";

/// Rights on rows, of the session's tenant by this operator and value.
fn rows(actions: Value, condition: Value) -> Value {
    json!([{"Sid": "Rows", "Effect": "Allow", "Action": actions, "Resource": [ROWS, format!("{ROWS}/index/*")],
        "Condition": condition}])
}

fn own(operator: &str, value: &str) -> Value {
    json!({ operator: {"dynamodb:LeadingKeys": [value]} })
}

/// aws-saas-factory-dynamic-policy-generation, and the ECS reference's leftover: every action, under a condition that
/// holds where its key is absent.
#[test]
fn every_action_under_an_unguarded_for_all_values() {
    let condition = own("ForAllValues:StringEquals", "${aws:PrincipalTag/tenant}");
    let proof = prove_theirs(
        template(strict("tenant"), rows(json!("dynamodb:*"), condition.clone())),
        naming("tenant"),
    );
    for action in ["dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:ExportTableToPointInTime"] {
        let is_it = |one: &prover::Counterexample| {
            one.actions.iter().any(|found| found == action)
                && one.whose == ["every tenant's"]
                && one.what == "rows of Rows"
        };
        assert!(proof.counterexamples.iter().any(is_it), "{action}: {:#?}", sentences(&proof));
    }
    let mut guarded = condition;
    guarded["Null"] = json!({"dynamodb:LeadingKeys": "false"});
    let proof =
        prove_theirs(template(strict("tenant"), rows(json!("dynamodb:*"), guarded)), naming("tenant"));
    assert_eq!(sentences(&proof), Vec::<String>::new());
}

/// The serverless reference: partition keys that begin with the tenant's name and a dash.
#[test]
fn keys_that_begin_like_the_tenant() {
    let actions = json!(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]);
    let condition = own("ForAllValues:StringLike", "${aws:PrincipalTag/tenant}-*");
    let proof = prove_theirs(template(strict("tenant"), rows(actions, condition)), naming("tenant"));
    assert_eq!(
        sentences(&proof),
        ["Access, tagged tenant A, can dynamodb:GetItem, dynamodb:PutItem, dynamodb:Query on \
          the twin's (A's id, `-` and more) rows of Rows, by statement `Rows` of `access`."]
    );
}

/// The ABAC post's policy for DynamoDB has no hole as it stands, and one as soon as somebody adds `Scan`.
#[test]
fn the_posts_rows_are_safe_until_a_scan_is_added() {
    let condition = own("ForAllValues:StringEquals", "${aws:PrincipalTag/TenantID}");
    let mut actions = vec!["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
    let ask = |actions: &[&str]| {
        let permissions = rows(json!(actions), condition.clone());
        sentences(&prove_theirs(template(strict("TenantID"), permissions), naming("TenantID")))
    };
    assert_eq!(ask(&actions), Vec::<String>::new());
    actions.push("dynamodb:Scan");
    assert_eq!(
        ask(&actions),
        [
            "Access, tagged tenant A, can dynamodb:Scan on every tenant's rows of Rows, by statement `Rows` of `access`."
        ]
    );
}

/// The ABAC post's policy for Elasticsearch: indexes whose name begins like the tenant's.
#[test]
fn the_posts_index_pattern_reaches_the_longer_twin() {
    let permissions = json!([{"Sid": "Indexes", "Effect": "Allow", "Action": ["es:ESHttpGet", "es:ESHttpPut"],
        "Resource": "arn:aws:es:us-east-1:111111111111:domain/test/${aws:PrincipalTag/TenantID}*/*"}]);
    let proof = prove_theirs(template(strict("TenantID"), permissions), naming("TenantID"));
    let sentences = sentences(&proof);
    let expected = "Access, tagged tenant A, can es:ESHttpGet, es:ESHttpPut on the longer twin's (A's id and a character more)";
    assert!(sentences.iter().any(|sentence| sentence.starts_with(expected)), "{sentences:#?}");
}

/// The ABAC post's trust policy demands the tag of `sts:TagSession` only: a session without any is made as well, and
/// one whose tenant is empty reaches the objects whose key begins with a slash.
#[test]
fn the_posts_trust_policy_lets_an_untagged_session_through() {
    let service = json!({"AWS": {"Fn::GetAtt": ["Service", "Arn"]}});
    let trust = json!([
        {"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": service, "Action": "sts:TagSession",
            "Condition": {"StringLike": {"aws:RequestTag/TenantID": "*"}}}
    ]);
    let permissions = json!([{"Effect": "Allow", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::files/${aws:PrincipalTag/TenantID}/*"}]);
    let sentences = sentences(&prove_theirs(template(trust, permissions), naming("TenantID")));
    for expected in [
        "Service can make a session of Access without tags, by statement 1 of `trust`.",
        "Service can make a session of Access tagged with an empty tenant, by statement 2 of `trust`.",
    ] {
        assert!(sentences.iter().any(|sentence| sentence == expected), "{expected}\n{sentences:#?}");
    }
    let slash = "Access, tagged with A's id, `/` and more, can s3:GetObject on tenant A's objects in Files";
    assert!(sentences.iter().any(|sentence| sentence.starts_with(slash)), "{sentences:#?}");
}
