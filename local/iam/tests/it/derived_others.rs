//! The services that are derived from tables: SQS, Verified Permissions, Cognito, Marketplace, Logs, Lambda, EventBridge,
//! STS, X-Ray.

use iam::Value::{Many, One};
use iam::requests::{Call, Needed, Underivable, derive};
use serde_json::{Value as Json, json};

use super::derived_dynamodb::{Known, call};

fn ask(service: &str, operation: &str, body: &Json) -> Result<Vec<Needed>, Underivable> {
    derive(&call(service, operation, body), &Known)
}

/// `action resource` of each request.
fn pairs(service: &str, operation: &str, body: &Json) -> Vec<(String, String)> {
    let needed = ask(service, operation, body).unwrap_or_else(|error| panic!("{operation} {body}: {error}"));
    needed.into_iter().map(|one| (one.action, one.resource)).collect()
}

fn pair(action: &str, resource: &str) -> (String, String) {
    (action.to_owned(), resource.to_owned())
}

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:deletions.fifo";
const STORE_A: &str = "arn:aws:verifiedpermissions::123456789012:policy-store/PSa";
const STORE_B: &str = "arn:aws:verifiedpermissions::123456789012:policy-store/PSb";

#[test]
fn a_queue_is_read_from_its_url_or_name() {
    let url = json!({"QueueUrl": "http://127.0.0.1:4566/123456789012/deletions.fifo"});
    for (operation, body, action) in [
        ("SendMessage", url.clone(), "sqs:SendMessage"),
        ("SendMessageBatch", url.clone(), "sqs:SendMessage"),
        (
            "ReceiveMessage",
            json!({"QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/deletions.fifo"}),
            "sqs:ReceiveMessage",
        ),
        ("DeleteMessageBatch", url.clone(), "sqs:DeleteMessage"),
        ("ChangeMessageVisibilityBatch", url.clone(), "sqs:ChangeMessageVisibility"),
        ("GetQueueUrl", json!({"QueueName": "deletions.fifo"}), "sqs:GetQueueUrl"),
        ("ListMessageMoveTasks", json!({"SourceArn": QUEUE}), "sqs:ListMessageMoveTasks"),
    ] {
        assert_eq!(pairs("sqs", operation, &body), [pair(action, QUEUE)], "{operation}");
    }
    assert_eq!(pairs("sqs", "ListQueues", &json!({})), [pair("sqs:ListQueues", "*")]);
    let theirs = ask("sqs", "SendMessage", &json!({"QueueUrl": "https://x/999999999999/q"})).unwrap();
    assert_eq!(
        (theirs[0].resource.as_str(), theirs[0].resource_account.as_str()),
        ("arn:aws:sqs:us-east-1:999999999999:q", "999999999999")
    );
    for bad in [
        "deletions.fifo",
        "https://x/1234/q",
        "https://x/123456789012/",
        "https://x/123456789012/q*",
        "https://x/123456789012/q?a",
    ] {
        assert!(ask("sqs", "SendMessage", &json!({"QueueUrl": bad})).is_err(), "{bad}");
    }
    assert!(
        ask("sqs", "StartMessageMoveTask", &json!({"SourceArn": QUEUE})).is_err(),
        "needs more than one permission"
    );
    let tagged = ask("sqs", "CreateQueue", &json!({"QueueName": "q", "tags": {"k": "v"}})).unwrap();
    assert_eq!(tagged[0].context.get("aws:RequestTag/K"), Some(&One("v".to_owned())));
}

#[test]
fn a_store_carries_its_tags_and_an_alias_is_resolved() {
    let id = json!({"policyStoreId": "PSa"});
    for (operation, action) in [
        ("IsAuthorized", "IsAuthorized"),
        ("BatchIsAuthorized", "IsAuthorized"),
        ("BatchIsAuthorizedWithToken", "IsAuthorizedWithToken"),
        ("CreatePolicy", "CreatePolicy"),
        ("DeletePolicyStore", "DeletePolicyStore"),
        ("ListPolicies", "ListPolicies"),
    ] {
        assert_eq!(
            pairs("verifiedpermissions", operation, &id),
            [pair(&format!("verifiedpermissions:{action}"), STORE_A)]
        );
    }
    let tag = |store: &str| {
        let needed =
            ask("verifiedpermissions", "IsAuthorized", &json!({"policyStoreId": store})).unwrap().remove(0);
        needed.context.get("aws:ResourceTag/tenant_id").cloned()
    };
    assert_eq!(
        (tag("PSa"), tag("PSb"), tag("PSnone")),
        (Some(One("aaa".to_owned())), Some(One("bbb".to_owned())), None)
    );
    let alias = json!({"policyStoreId": "policy-store-alias/tenant/a"});
    assert_eq!(
        pairs("verifiedpermissions", "IsAuthorized", &alias),
        [pair("verifiedpermissions:IsAuthorized", STORE_A)]
    );
    for (operation, bad, why) in [
        (
            "IsAuthorized",
            json!({"policyStoreId": "policy-store-alias/unknown"}),
            "an alias that is not known",
        ),
        ("DeletePolicyStore", alias, "an alias where only an id is taken"),
        ("IsAuthorized", json!({"policyStoreId": "PS*"}), "a wildcard"),
        ("IsAuthorized", json!({"policyStoreId": "PSa/PSb"}), "a path"),
        ("IsAuthorized", json!({}), "no store"),
        ("isAuthorized", id, "another case"),
    ] {
        assert!(ask("verifiedpermissions", operation, &bad).is_err(), "{why}");
    }
}

#[test]
fn a_batch_of_policies_is_authorized_once_a_store() {
    let batch = json!({"requests": [
        {"policyStoreId": "PSa", "policyId": "1"}, {"policyStoreId": "PSb", "policyId": "2"}, {"policyStoreId": "PSa", "policyId": "3"}
    ]});
    let action = "verifiedpermissions:GetPolicy";
    assert_eq!(
        pairs("verifiedpermissions", "BatchGetPolicy", &batch),
        [pair(action, STORE_A), pair(action, STORE_B)]
    );
    assert!(ask("verifiedpermissions", "BatchGetPolicy", &json!({"requests": []})).is_err());
}

#[test]
fn making_and_tagging_stores_and_aliases() {
    let created =
        ask("verifiedpermissions", "CreatePolicyStore", &json!({"tags": {"tenant_id": "aaa"}})).unwrap();
    assert_eq!(created[0].resource, "*");
    for key in ["aws:RequestTag/tenant_id", "aws:ResourceTag/tenant_id"] {
        assert_eq!(created[0].context.get(key), Some(&One("aaa".to_owned())));
    }
    assert_eq!(created[0].context.get("aws:TagKeys"), Some(&Many(vec!["tenant_id".to_owned()])));
    let tagged =
        ask("verifiedpermissions", "TagResource", &json!({"resourceArn": STORE_A, "tags": {"x": "y"}}))
            .unwrap();
    assert_eq!(tagged[0].resource, STORE_A);
    assert_eq!(tagged[0].context.get("aws:ResourceTag/tenant_id"), Some(&One("aaa".to_owned())));
    let untagged = ask(
        "verifiedpermissions",
        "UntagResource",
        &json!({"resourceArn": STORE_A, "tagKeys": ["tenant_id"]}),
    )
    .unwrap();
    assert_eq!(untagged[0].context.get("aws:TagKeys"), Some(&Many(vec!["tenant_id".to_owned()])));
    let elsewhere = json!({"resourceArn": STORE_A.replace("123456789012", "999999999999"), "tags": {}});
    assert!(ask("verifiedpermissions", "TagResource", &elsewhere).is_err());
    let alias = "arn:aws:verifiedpermissions:us-east-1:123456789012:policy-store-alias/tenant/a";
    let named = json!({"aliasName": "policy-store-alias/tenant/a", "policyStoreId": "PSa"});
    let action = "verifiedpermissions:CreatePolicyStoreAlias";
    assert_eq!(
        pairs("verifiedpermissions", "CreatePolicyStoreAlias", &named),
        [pair(action, alias), pair(action, STORE_A)]
    );
    assert_eq!(
        pairs("verifiedpermissions", "DeletePolicyStoreAlias", &named),
        [pair("verifiedpermissions:DeletePolicyStoreAlias", alias)]
    );
    assert!(ask("verifiedpermissions", "GetPolicyStoreAlias", &json!({"aliasName": "tenant/a"})).is_err());
}

#[test]
fn a_user_pool_is_read_and_public_operations_need_nothing() {
    let pool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Abc";
    let body = json!({"UserPoolId": "us-east-1_Abc"});
    assert_eq!(pairs("cognito-idp", "AdminGetUser", &body), [pair("cognito-idp:AdminGetUser", pool)]);
    assert_eq!(pairs("cognito-idp", "ListUserPools", &json!({})), [pair("cognito-idp:ListUserPools", "*")]);
    assert_eq!(pairs("cognito-idp", "InitiateAuth", &json!({"ClientId": "x"})), []);
    assert_eq!(
        pairs("cognito-idp", "TagResource", &json!({"ResourceArn": pool, "Tags": {"k": "v"}})),
        [pair("cognito-idp:TagResource", pool)]
    );
    assert!(ask("cognito-idp", "AdminGetUser", &json!({"UserPoolId": "*"})).is_err());
    assert!(ask("cognito-idp", "AdminGetEverything", &body).is_err());
}

#[test]
fn the_marketplace_has_no_resources_and_may_speak_cbor() {
    for operation in ["ResolveCustomer", "BatchMeterUsage", "SearchAgreements", "GetAgreementEntitlements"] {
        let cbor = Call { body: vec![0xbf, 0xff], ..call("aws-marketplace", operation, &json!({})) };
        let needed = derive(&cbor, &Known).unwrap();
        let [one] = needed.as_slice() else { panic!("{needed:?}") };
        assert_eq!((&one.action, one.resource.as_str()), (&format!("aws-marketplace:{operation}"), "*"));
        assert_eq!(one.context.get("aws:RequestedRegion"), Some(&One("us-east-1".to_owned())));
    }
    for operation in ["CancelAgreement", "AcceptAgreementRequest", "resolveCustomer", ""] {
        assert!(ask("aws-marketplace", operation, &json!({})).is_err(), "{operation}");
    }
}

#[test]
fn the_few_operations_of_other_services() {
    let stream = json!({"logGroupName": "/aws/lambda/f", "logStreamName": "2026/11/22/[1]abc"});
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:log-stream:";
    assert_eq!(
        pairs("logs", "PutLogEvents", &stream),
        [pair("logs:PutLogEvents", &format!("{group}2026/11/22/[1]abc"))]
    );
    assert_eq!(pairs("logs", "CreateLogGroup", &stream), [pair("logs:CreateLogGroup", group)]);
    assert!(ask("logs", "PutLogEvents", &json!({"logGroupName": "*", "logStreamName": "x"})).is_err());
    assert!(ask("logs", "StartQuery", &stream).is_err());

    let invoke = |path: &str, query: &[(&str, &str)]| {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        derive(&Call { path: path.to_owned(), query, ..call("lambda", "", &json!({})) }, &Known)
    };
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    for (path, query, resource) in [
        ("/2015-03-31/functions/f/invocations", &[][..], function.to_owned()),
        ("/2015-03-31/functions/f:live/invocations", &[][..], format!("{function}:live")),
        ("/2015-03-31/functions/f/invocations", &[("Qualifier", "live")][..], format!("{function}:live")),
        (
            "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f/invocations",
            &[][..],
            function.to_owned(),
        ),
        ("/2015-03-31/functions/123456789012:function:f/invocations", &[][..], function.to_owned()),
    ] {
        let needed = invoke(path, query).unwrap();
        assert_eq!(
            (needed[0].action.as_str(), &needed[0].resource),
            ("lambda:InvokeFunction", &resource),
            "{path}"
        );
    }
    for (path, query) in [
        ("/2015-03-31/functions/f:live/invocations", &[("Qualifier", "test")][..]),
        ("/2015-03-31/functions/arn:aws:lambda:us-east-1:999999999999:function:f/invocations", &[][..]),
        ("/2015-03-31/functions/*/invocations", &[][..]),
        ("/2021-10-31/functions/f/url", &[][..]),
    ] {
        assert!(invoke(path, query).is_err(), "{path}");
    }

    let entries = json!({"Entries": [{"Source": "s", "DetailType": "d"}, {"EventBusName": "bus"}]});
    let bus = |name: &str| format!("arn:aws:events:us-east-1:123456789012:event-bus/{name}");
    assert_eq!(
        pairs("events", "PutEvents", &entries),
        [pair("events:PutEvents", &bus("default")), pair("events:PutEvents", &bus("bus"))]
    );
    assert_eq!(
        ask("events", "PutEvents", &entries).unwrap()[0].context.get("events:source"),
        Some(&Many(vec!["s".to_owned()]))
    );

    let theirs = "arn:aws:events:us-east-1:999999999999:event-bus/marketplace";
    let across = ask("events", "PutEvents", &json!({"Entries": [{"EventBusName": theirs}]})).unwrap();
    assert_eq!((across[0].resource.as_str(), across[0].resource_account.as_str()), (theirs, "999999999999"));
    for bad in
        [theirs.replace("us-east-1", "eu-west-1"), theirs.replace("999999999999", "x"), "b*".to_owned()]
    {
        assert!(ask("events", "PutEvents", &json!({"Entries": [{"EventBusName": bad}]})).is_err(), "{bad}");
    }

    assert_eq!(pairs("sts", "GetCallerIdentity", &json!({})), []);
    assert!(ask("sts", "AssumeRole", &json!({})).is_err(), "it is judged whole, elsewhere");
    let trace = Call { path: "/TraceSegments".to_owned(), ..call("xray", "", &json!({})) };
    assert_eq!(derive(&trace, &Known).unwrap()[0].action, "xray:PutTraceSegments");
    let error = ask("rds", "DescribeDBInstances", &json!({})).unwrap_err();
    assert_eq!(error, Underivable::Service("rds".to_owned()));
}
