//! What is measured: every route of the functions that answer a person, and a run of the one that bills.
//!
//! Events are those in `events/`, which the end-to-end tests put to the deployed functions as well.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::stub::{LICENSE, World, rows};

/// One kind of request.
pub(crate) struct Route {
    /// The function that answers it.
    pub(crate) function: &'static str,
    /// As people call it.
    pub(crate) name: &'static str,
    /// What comes.
    pub(crate) event: Value,
    /// What an answer that is right has in it.
    pub(crate) answer: &'static str,
    /// What it finds.
    pub(crate) world: World,
    /// How long to wait between two: the Marketplace's rate is kept by the function itself.
    pub(crate) pause: Duration,
}

/// The functions that are measured.
pub(crate) const FUNCTIONS: [&str; 4] = ["documents", "shares", "signup", "metering"];

/// An event could not be had.
#[derive(Debug, thiserror::Error)]
#[error("the event {0} cannot be read")]
pub struct EventError(String, #[source] Box<dyn std::error::Error + Send + Sync>);

/// All routes; `root` is the workspace.
pub(crate) fn all(root: &Path) -> Result<Vec<Route>, EventError> {
    let event = |name: &str| -> Result<Value, EventError> {
        let failed = |e: Box<dyn std::error::Error + Send + Sync>| EventError(name.to_owned(), e);
        let text = std::fs::read_to_string(root.join(format!("events/{name}.json")))
            .map_err(|e| failed(e.into()))?;
        serde_json::from_str(&text).map_err(|e| failed(e.into()))
    };
    let route = |function, name, event, answer| Route {
        function,
        name,
        event,
        answer,
        world: World::default(),
        pause: Duration::ZERO,
    };
    let (shared, registered) =
        (World { is_shared: true, ..World::default() }, World { is_registered: true, ..World::default() });
    Ok(vec![
        route("documents", "POST /documents", event("documents-add")?, "\"statusCode\":201"),
        route("documents", "GET /documents", event("documents-list")?, "\"statusCode\":200"),
        route("documents", "GET /documents/{id}", event("documents-open")?, "\"statusCode\":200"),
        route("documents", "DELETE /documents/{id}", event("documents-delete")?, "\"statusCode\":204"),
        route("shares", "POST /shares", event("shares-create")?, "\"statusCode\":201"),
        route("shares", "GET /documents/{id}/shares", event("shares-list")?, "\"statusCode\":200"),
        Route {
            world: shared,
            ..route("shares", "DELETE /shares/{id}/{user}", event("shares-end")?, "\"statusCode\":204")
        },
        route("signup", "GET /signup", event("signup-welcome")?, "\"statusCode\":200"),
        route("signup", "POST /signup", event("signup-arrive")?, "\"statusCode\":200"),
        Route {
            world: registered,
            ..route(
                "signup",
                "POST /signup/registrations",
                register(event("signup-register.refused")?),
                "\"statusCode\":303",
            )
        },
        Route {
            world: registered,
            ..route(
                "signup",
                "GET /signup/registrations/{r}",
                follow(event("signup-follow.refused")?),
                "\"statusCode\":200",
            )
        },
        Route {
            world: registered,
            pause: Duration::from_millis(120),
            ..route("metering", "one licence, one hour", metering(), "\"accepted\":3")
        },
    ])
}

/// The same event with a registration that the stub's key has signed.
fn register(mut event: Value) -> Value {
    let expires = rows::expires();
    let message =
        format!("strongroom registration v1\n{}\n{LICENSE}\n{}\n{expires}", rows::ACCOUNT, rows::AGREEMENT);
    let field = format!("{}.{}", rows::base64url(&message), rows::MAC_IN_URL);
    let body = format!("registration={field}&company=Example+GmbH&email=ada%40example.com");
    set(&mut event, "body", json!(body));
    event
}

fn follow(mut event: Value) -> Value {
    let registration = format!("{}.{}", rows::TENANT, rows::MAC_IN_URL);
    set(&mut event, "pathParameters", json!({ "registration": registration }));
    event
}

fn metering() -> Value {
    json!({ "meter": { "scheduled": rows::scheduled(), "back": 2, "licenses": [LICENSE] } })
}

fn set(event: &mut Value, name: &str, value: Value) {
    if let Some(fields) = event.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// What a function finds in its environment beside what the stub says of itself.
pub(crate) fn environment() -> Vec<(String, String)> {
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/strongroom-{name}");
    let queue = |name: &str| format!("https://sqs.eu-central-1.amazonaws.com/111122223333/{name}");
    let mut variables: Vec<(String, String)> = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/measured"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]0"),
        ("TENANTS_TABLE", "tenants"),
        ("USERS_TABLE", "users"),
        ("DOCUMENTS_TABLE", "documents"),
        ("SHARES_TABLE", "shares"),
        ("USAGE_TABLE", "usage"),
        ("LEDGER_TABLE", "ledger"),
        ("SUBSCRIPTIONS_TABLE", "subscriptions"),
        ("ONBOARDING_TABLE", "onboarding"),
        ("CONTENT_BUCKET", "strongroom-content"),
        ("USER_POOL_CLIENT_ID", "1h2j3k4l5m6n7o8p9q0r1s2t3u"),
        ("TENANT_SESSIONS", "role"),
        ("MAX_SHARES_PER_DOCUMENT", "400"),
        ("SELLER_EXTERNAL_ID", "an-external-id-of-the-measurements-0123456789"),
        ("MARKETPLACE_REGION", "us-east-1"),
        ("PRODUCT_CODE", rows::PRODUCT),
        ("PRODUCT_ID", rows::PRODUCT_ID),
        ("PRODUCT_NAME", "Strongroom"),
        ("SUPPORT_CONTACT", "help@vendor.example"),
        ("REGISTRATION_KEY_ARN", "arn:aws:kms:eu-central-1:111122223333:key/k"),
        ("DIMENSIONS", "documents_added=documents_added,shares_created=shares_created,storage_gib_hours=storage_gib_hours"),
        ("ZERO_RECORDS", "false"),
        ("LATE_USAGE", "report"),
        ("METERING_CALLS_PER_SECOND", "10"),
        ("LOG_LEVEL", "INFO"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for name in ["MAPPING", "DATA", "SHARING"] {
        variables.push((format!("{name}_ROLE_ARN"), role(&name.to_ascii_lowercase())));
    }
    variables.push(("SELLER_ROLE_ARN".to_owned(), role("seller")));
    variables.push(("DELETIONS_QUEUE_URL".to_owned(), format!("{}.fifo", queue("deletions"))));
    for name in ["ONBOARDING", "METERING", "FINAL_METERING"] {
        variables.push((format!("{name}_QUEUE_URL"), queue(&name.to_ascii_lowercase())));
    }
    variables
}

/// The clock of the functions that take one from their environment: see [`rows::half_past`].
pub(crate) fn clock_offset_s() -> i64 {
    rows::offset_s()
}
