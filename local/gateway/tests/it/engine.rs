//! An engine small enough to be read: it answers what the gateway asks about, and remembers the rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

/// A request that reached the engine.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The account that it was signed for: the engine's root keys are the accounts' numbers.
    pub(crate) fn account(&self) -> &str {
        let credential = self.header("authorization").strip_prefix("AWS4-HMAC-SHA256 Credential=");
        credential.map_or("", |credential| credential.split('/').next().unwrap())
    }

    fn is_of_seller(&self) -> bool {
        self.account() == crate::account::SELLER
    }
}

/// A role, as IAM has it.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) trust: Value,
    pub(crate) policies: BTreeMap<String, Value>,
}

/// What the engine holds.
#[derive(Default)]
pub(crate) struct Holds {
    pub(crate) roles: BTreeMap<String, Role>,
    /// Those of the seller's account.
    pub(crate) seller_roles: BTreeMap<String, Role>,
    /// Name and role ARN.
    pub(crate) functions: Vec<(String, String)>,
    pub(crate) bucket_policy: Option<Value>,
    /// Of every queue and of the one key of the product's account.
    pub(crate) queue_policy: Option<Value>,
    pub(crate) key_policy: Option<Value>,
    /// Text of each mail to `a@example.com`, and when it was sent.
    pub(crate) mails: Vec<(String, f64)>,
    pub(crate) seen: Vec<Seen>,
}

#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) url: String,
    holds: Arc<Mutex<Holds>>,
}

impl Engine {
    pub(crate) async fn start(holds: Holds) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let engine = Self { url, holds: Arc::new(Mutex::new(holds)) };
        let app = Router::new().fallback(answer).with_state(engine.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        engine
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Holds) -> T) -> T {
        change(&mut self.holds.lock().unwrap())
    }

    /// What has reached it of clients' own requests: the gateway's questions left out.
    pub(crate) fn effects(&self) -> Vec<Seen> {
        let asks = ["DescribeTable", "GetQueueUrl", "GetQueueAttributes", "GetKeyPolicy"];
        self.change(|holds| holds.seen.clone())
            .into_iter()
            .filter(|seen| !asks.iter().any(|ask| seen.header("x-amz-target").ends_with(ask)))
            .filter(|seen| !seen.path.starts_with("/2015-03-31/") && !seen.path.ends_with("?policy"))
            .filter(|seen| !seen.path.contains("/resources?") && !seen.path.starts_with("/_ministack/"))
            .filter(|seen| !(String::from_utf8_lossy(&seen.body).starts_with("Action=Get")))
            .filter(|seen| !(String::from_utf8_lossy(&seen.body).starts_with("Action=List")))
            .collect()
    }
}

async fn answer(
    State(engine): State<Engine>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // A body that is cut is no request, as with the real engine.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return reply(400, String::new()) };
    if headers.get("x-amz-target").is_some_and(|target| target.to_str().unwrap().ends_with("Scan")) {
        // The engine at its slowest: it never answers.
        std::future::pending::<()>().await;
    }
    let seen = Seen { method, path: uri.to_string(), headers, body };
    engine.change(|holds| {
        holds.seen.push(seen.clone());
        let target = seen.header("x-amz-target").to_owned();
        match target.rsplit('.').next().unwrap_or_default() {
            "DescribeTable" => return reply(200, table(&seen.body)),
            "GetQueueUrl" => return reply(200, json!({"QueueUrl": "http://engine/queue"}).to_string()),
            "GetQueueAttributes" => {
                let policy = holds.queue_policy.as_ref().filter(|_| !seen.is_of_seller());
                let policy = policy.map(|policy| json!({"Policy": policy.to_string()}));
                return reply(200, json!({"Attributes": policy.unwrap_or(json!({}))}).to_string());
            }
            "GetKeyPolicy" => {
                return match holds.key_policy.as_ref().filter(|_| !seen.is_of_seller()) {
                    Some(policy) => reply(200, json!({"Policy": policy.to_string()}).to_string()),
                    None => reply(400, json!({"__type": "NotFoundException"}).to_string()),
                };
            }
            "PutEvents" => return reply(200, put(&seen.body)),
            "" => {}
            _ => return reply(200, json!({}).to_string()),
        }
        if seen.path.starts_with("/2015-03-31/functions/") {
            return reply(200, functions(holds, seen.is_of_seller()));
        }
        if seen.path == "/_ministack/ses/messages" {
            return reply(200, mails(holds));
        }
        if seen.path.starts_with("/absent") {
            return reply(404, "<Error><Code>NoSuchBucket</Code></Error>".to_owned());
        }
        if seen.path.ends_with("?policy") && seen.method == Method::GET && seen.is_of_seller() {
            return reply(403, "<Error><Code>AccessDenied</Code></Error>".to_owned());
        }
        if seen.path.ends_with("?policy") && seen.method == Method::GET {
            return match &holds.bucket_policy {
                Some(policy) => reply(200, policy.to_string()),
                None => reply(404, "<Error><Code>NoSuchBucketPolicy</Code></Error>".to_owned()),
            };
        }
        if seen.path.contains("/resources?") {
            return reply(200, routes());
        }
        if seen.header("content-type").starts_with("application/x-www-form-urlencoded") {
            return iam(holds, &seen);
        }
        reply(200, "content".to_owned())
    })
}

fn reply(status: u16, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// An event of AWS's is taken only if it is the Marketplace's.
fn put(body: &[u8]) -> String {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let sources = asked["Entries"].as_array().unwrap().iter().map(|entry| entry["Source"].as_str().unwrap());
    let refused = sources.filter(|source| source.starts_with("aws.") && *source != marketplace::SOURCE);
    json!({"FailedEntryCount": refused.count(), "Entries": []}).to_string()
}

fn table(body: &[u8]) -> String {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let key = json!([{"AttributeName": "tenant_id", "KeyType": "HASH"}, {"AttributeName": "document_id", "KeyType": "RANGE"}]);
    json!({"Table": {"TableName": asked["TableName"], "KeySchema": key}}).to_string()
}

fn mails(holds: &Holds) -> String {
    let mail = |(text, at): &(String, f64)| json!({"To": ["a@example.com"], "Subject": "Welcome", "BodyText": text, "BodyHtml": "", "Timestamp": at});
    let mails: Vec<Value> = holds.mails.iter().map(mail).collect();
    json!({"messages": {crate::account::ACCOUNT: mails}}).to_string()
}

fn functions(holds: &Holds, of_seller: bool) -> String {
    let functions: Vec<Value> = holds
        .functions
        .iter()
        .filter(|_| !of_seller)
        .map(|(name, role)| json!({"FunctionName": name, "FunctionArn": crate::account::function_arn(name), "Role": role}))
        .collect();
    json!({"Functions": functions}).to_string()
}

fn routes() -> String {
    let to = |name: &str| {
        let uri = format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{}/invocations",
            crate::account::function_arn(name)
        );
        json!({"POST": {"methodIntegration": {"uri": uri}}})
    };
    json!({"item": [{"path": "/documents", "resourceMethods": to("documents")}, {"path": "/shares", "resourceMethods": to("shares")}]}).to_string()
}

fn iam(holds: &mut Holds, seen: &Seen) -> Response {
    let form: BTreeMap<String, String> = std::str::from_utf8(&seen.body)
        .unwrap()
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (
                name.to_owned(),
                percent_decode_str(&value.replace('+', " ")).decode_utf8().unwrap().into_owned(),
            )
        })
        .collect();
    let encoded = |value: &Value| utf8_percent_encode(&value.to_string(), NON_ALPHANUMERIC).to_string();
    let name = form["RoleName"].clone();
    let roles = if seen.is_of_seller() { &mut holds.seller_roles } else { &mut holds.roles };
    let Some(role) = roles.get_mut(&name) else {
        return reply(
            404,
            "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>".to_owned(),
        );
    };
    let action = form["Action"].as_str();
    let result = match action {
        "GetRole" => format!(
            "<Role><RoleName>{name}</RoleName><RoleId>AROA{name}</RoleId><Arn>{}</Arn><AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><MaxSessionDuration>3600</MaxSessionDuration></Role>",
            crate::account::role_arn_in(seen.account(), &name),
            encoded(&role.trust)
        ),
        "ListRolePolicies" => {
            let names: String = role.policies.keys().map(|name| format!("<member>{name}</member>")).collect();
            format!("<PolicyNames>{names}</PolicyNames><IsTruncated>false</IsTruncated>")
        }
        "GetRolePolicy" => {
            format!("<PolicyDocument>{}</PolicyDocument>", encoded(&role.policies[&form["PolicyName"]]))
        }
        "ListAttachedRolePolicies" => "<AttachedPolicies/><IsTruncated>false</IsTruncated>".to_owned(),
        "PutRolePolicy" => {
            let document = serde_json::from_str(&form["PolicyDocument"]).unwrap();
            role.policies.insert(form["PolicyName"].clone(), document);
            String::new()
        }
        other => panic!("the engine was asked {other}"),
    };
    reply(
        200,
        format!(
            "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{result}</{action}Result></{action}Response>"
        ),
    )
}
