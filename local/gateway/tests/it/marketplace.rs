//! Who may ask the Marketplace: the seller's own roles, for what they are for, and nobody of the product's account.

use serde_json::json;

use crate::account::{A, Account, Keys};
use crate::wire;

const RESOLVE: &str = "AWSMPMeteringService.ResolveCustomer";

async fn ask(account: &Account, keys: &Keys, region: &str, target: &str) -> (u16, String) {
    let body = json!({"RegistrationToken": "no token that anybody was given"}).to_string();
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    wire::signed_in(region, account, keys, "aws-marketplace", "/", &headers, &body).await
}

fn is_refused((status, text): &(u16, String)) -> bool {
    *status == 400 && text.contains("AccessDeniedException")
}

#[tokio::test]
async fn a_token_is_resolved_for_the_sellers_role_and_for_nobody_of_the_products_account() {
    let account = Account::start().await;
    let seller = account.seller("registration").await;
    let answer = ask(&account, &seller, "us-east-1", RESOLVE).await;
    assert!(!is_refused(&answer), "it is the Marketplace that answers: {answer:?}");
    let meter = "AWSMPMeteringService.BatchMeterUsage";
    let catalog = "AWSMPCatalogService.ListEntities";
    for (keys, region, target, why) in [
        (&account.function("signup"), "us-east-1", RESOLVE, "a function that may everything, unassumed"),
        (&account.function("shares"), "us-east-1", RESOLVE, "a function that may not"),
        (&account.root(), "us-east-1", RESOLVE, "the product's root"),
        (&account.tenant(A, "store").await, "us-east-1", RESOLVE, "a tenant's session"),
        (&seller, "us-east-1", meter, "another action than the role's"),
        (&seller, "eu-west-1", RESOLVE, "another region than the role's"),
        (&account.seller("everything").await, "us-east-1", catalog, "a service that is not known"),
    ] {
        let answer = ask(&account, keys, region, target).await;
        assert!(is_refused(&answer), "{why}: {answer:?}");
    }
    assert!(account.engine.effects().is_empty(), "the Marketplace is never sent on");
}

#[tokio::test]
async fn agreements_are_asked_for_in_cbor_and_refused_in_cbor() {
    let account = Account::start().await;
    let path = "/service/AWSMPCommerceService_v20200301/operation/SearchAgreements";
    let headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
    let search = async |keys: &Keys| {
        // An empty map.
        wire::signed(&account, keys, "aws-marketplace", path, &headers, "\u{20}").await
    };
    let (status, text) = search(&account.seller("registration").await).await;
    assert_eq!(status, 403, "{text}");
    let body = text.as_bytes();
    assert!(body.starts_with(b"\xef\xbf\xbdf__type") || body.starts_with(b"\xa2f__type"), "a map: {text}");
    assert!(text.contains("AccessDeniedException"), "{text}");
    let (_, text) = search(&account.seller("everything").await).await;
    assert!(!text.contains("AccessDeniedException"), "{text}");
    let headers = [headers.as_slice(), &[("x-amz-target", RESOLVE)]].concat();
    let everything = account.seller("everything").await;
    let (_, text) = wire::signed(&account, &everything, "aws-marketplace", path, &headers, "").await;
    assert!(text.contains("AccessDeniedException"), "two services in one request: {text}");
}

#[tokio::test]
async fn calls_of_a_sellers_session_are_counted_and_can_be_made_to_fail() {
    let account = Account::start().await;
    let seller = account.seller("registration").await;
    let url = |path: &str| format!("{}/_gateway/{path}", account.gateway.aws_url);
    let fault = json!({"service": "aws-marketplace", "operation": "ResolveCustomer", "function": "signup",
        "when": "before", "error": "throttle", "times": 1});
    let client = reqwest::Client::new();
    assert_eq!(client.post(url("faults")).body(fault.to_string()).send().await.unwrap().status(), 201);
    let trace = "1-00000001-000000000000000000000001";
    let header = format!("Root={trace}");
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", RESOLVE),
        ("x-amzn-trace-id", header.as_str()),
    ];
    let resolve = async || wire::signed(&account, &seller, "aws-marketplace", "/", &headers, "{}").await;
    let (status, text) = resolve().await;
    assert!(status == 400 && text.contains("ThrottlingException"), "{text}");
    assert!(!resolve().await.1.contains("ThrottlingException"), "spent");
    let counted = client.get(url(&format!("calls?trace={trace}"))).send().await.unwrap();
    let counted: serde_json::Value = serde_json::from_str(&counted.text().await.unwrap()).unwrap();
    let expected = json!([{"service": "aws-marketplace", "operation": "ResolveCustomer", "count": 2}]);
    assert_eq!(counted["calls"], expected);
}

#[tokio::test]
async fn an_ordered_fault_has_the_services_own_name() {
    let account = Account::start().await;
    let url = format!("{}/_gateway/faults", account.gateway.aws_url);
    let kms = json!({"KeyId": "31512f83", "MacAlgorithm": "HMAC_SHA_256"});
    for (service, target, error, status, name) in [
        ("kms", "TrentService.GenerateMac", "500", 500, "KMSInternalException"),
        (
            "cognito-idp",
            "AWSCognitoIdentityProviderService.AdminGetUser",
            "throttle",
            400,
            "TooManyRequestsException",
        ),
        ("aws-marketplace", RESOLVE, "500", 500, "InternalServiceErrorException"),
    ] {
        let operation = target.rsplit('.').next().unwrap();
        let fault =
            json!({"service": service, "operation": operation, "when": "before", "error": error, "times": 1});
        let client = reqwest::Client::new();
        assert_eq!(client.post(&url).body(fault.to_string()).send().await.unwrap().status(), 201);
        let answer = wire::json(&account, &account.root(), service, target, &kms).await;
        assert!(answer.0 == status && answer.1.contains(name), "{name}: {answer:?}");
    }
}
