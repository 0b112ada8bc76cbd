//! What each service answers to each call: the least that the functions, and their peers, take for an answer.

use std::time::{Duration, SystemTime};

use http::request::Parts;
use hyper::body::Bytes;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Service, rows};

/// What the requests of one route find.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct World {
    /// The document is shared already.
    pub(crate) is_shared: bool,
    /// The licence has been registered.
    pub(crate) is_registered: bool,
}

/// How long sessions last, as [`shared`](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html) asks for.
const SESSION_LASTS: Duration = Duration::from_secs(900);

/// How AWS Marketplace Agreement answers: Smithy's RPC v2 protocol.
pub(super) const CBOR: &str = "application/cbor";

/// Which operation a request asks for; `None` when it is no call of an API.
pub(super) fn operation(service: Service, head: &Parts, body: &[u8]) -> Option<String> {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some((_, operation)) = target.and_then(|target| target.rsplit_once('.')) {
        return Some(operation.to_owned());
    }
    // `/service/AWSMPCommerceService_v20200301/operation/DescribeAgreement`
    // <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>
    if let Some((_, operation)) = head.uri.path().split_once("/operation/") {
        return Some(operation.to_owned());
    }
    match service {
        Service::Sts => std::str::from_utf8(body)
            .ok()?
            .split('&')
            .find_map(|part| part.strip_prefix("Action="))
            .map(str::to_owned),
        Service::S3 if head.headers.contains_key("authorization") => Some(format!("{} object", head.method)),
        _ => None,
    }
}

/// What a call is about, as far as it makes a difference: the table.
pub(super) fn about(service: Service, body: &[u8]) -> String {
    if service != Service::DynamoDb {
        return String::new();
    }
    let asked = serde_json::from_slice::<Value>(body).unwrap_or_default();
    asked.get("TableName").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The answer: its media type and its body. `None` when there is none.
pub(super) fn to(
    service: Service,
    operation: &str,
    body: &[u8],
    world: World,
) -> Option<(&'static str, Bytes)> {
    let asked = || serde_json::from_slice::<Value>(body).unwrap_or_default();
    let json = |media: &'static str, value: Value| Some((media, Bytes::from(value.to_string())));
    match (service, operation) {
        (Service::Sts, "AssumeRole") => Some(("text/xml", Bytes::from(session()))),
        (Service::DynamoDb, _) => {
            json("application/x-amz-json-1.0", rows::reply(operation, &asked(), world)?)
        }
        (Service::VerifiedPermissions, "IsAuthorized") => json(
            "application/x-amz-json-1.0",
            json!({ "decision": "ALLOW", "determiningPolicies": [{ "policyId": "OwnersMay" }], "errors": [] }),
        ),
        (Service::VerifiedPermissions, "CreatePolicy") => json(
            "application/x-amz-json-1.0",
            json!({
                "policyStoreId": rows::STORE, "policyId": "SPabcdefabcdef111111", "policyType": "TEMPLATE_LINKED",
                "createdDate": "2026-11-22T10:00:00.000Z", "lastUpdatedDate": "2026-11-22T10:00:00.000Z",
                "effect": "Permit",
            }),
        ),
        (Service::VerifiedPermissions, "DeletePolicy") => json("application/x-amz-json-1.0", json!({})),
        (Service::Sqs, "SendMessage") => {
            let text = asked().get("MessageBody").and_then(Value::as_str).map(md5_of).unwrap_or_default();
            json(
                "application/x-amz-json-1.0",
                json!({ "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274", "MD5OfMessageBody": text, "SequenceNumber": "1" }),
            )
        }
        (Service::Kms, "GenerateMac") => json(
            "application/x-amz-json-1.1",
            json!({ "KeyId": "arn:aws:kms:eu-central-1:111122223333:key/k", "Mac": rows::MAC, "MacAlgorithm": "HMAC_SHA_256" }),
        ),
        (Service::Kms, "VerifyMac") => json(
            "application/x-amz-json-1.1",
            json!({ "KeyId": "arn:aws:kms:eu-central-1:111122223333:key/k", "MacValid": true, "MacAlgorithm": "HMAC_SHA_256" }),
        ),
        (Service::MarketplaceMetering, "ResolveCustomer") => json(
            "application/x-amz-json-1.1",
            json!({
                "CustomerAWSAccountId": rows::ACCOUNT, "ProductCode": rows::PRODUCT, "LicenseArn": rows::LICENSE,
                "Metadata": { "AgreementId": rows::AGREEMENT },
            }),
        ),
        (Service::MarketplaceAgreement, "DescribeAgreement") => Some((CBOR, Bytes::from(agreement()))),
        (Service::MarketplaceMetering, "BatchMeterUsage") => {
            let asked = asked();
            let records = asked.get("UsageRecords").and_then(Value::as_array).into_iter().flatten();
            let results: Vec<Value> = records
                .map(|record| {
                    json!({ "UsageRecord": record, "MeteringRecordId": "5fea7756-0ea4-451a-a703-a558b933e274", "Status": "Success" })
                })
                .collect();
            json("application/x-amz-json-1.1", json!({ "Results": results, "UnprocessedRecords": [] }))
        }
        _ => None,
    }
}

fn session() -> String {
    let expires = rfc3339(now() + SESSION_LASTS);
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>\
         <AssumedRoleId>AROAEXAMPLE:session</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/role/session</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{expires}</Expiration></Credentials></AssumeRoleResult>\
         <ResponseMetadata><RequestId>c6af9ac6-7b61-11e6-9a41-93e8deadbeef</RequestId></ResponseMetadata></AssumeRoleResponse>",
        "s".repeat(40),
        // As long as one with two session tags.
        "t".repeat(900),
    )
}

#[expect(clippy::disallowed_methods, reason = "AWS has the time of its own clock")]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

/// The SDKs do not compare it; boto3 did once.
fn md5_of(_text: &str) -> String {
    "d41d8cd98f00b204e9800998ecf8427e".to_owned()
}

/// The buyer's agreement, the first of its chain.
fn agreement() -> Vec<u8> {
    let mut map = aws_smithy_cbor::Encoder::new(Vec::new());
    map.map(4);
    map.str("agreementId").str(rows::AGREEMENT).str("initialAgreementId").str(rows::AGREEMENT);
    map.str("acceptor").map(1).str("accountId").str(rows::ACCOUNT);
    map.str("proposalSummary").map(1).str("resources").array(1);
    map.map(2).str("id").str(rows::PRODUCT_ID).str("type").str("SaaSProduct");
    map.into_writer()
}
