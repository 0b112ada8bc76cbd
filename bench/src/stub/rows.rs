//! What the tables hold: one tenant, ten documents of one user, one of them shared, one licence and an hour's usage.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value, json};

use super::replies::{World, now, rfc3339};

pub(crate) const TENANT: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const STORE: &str = "PSEXAMPLEabcdefg111111";
pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const PRODUCT: &str = "7x2kq9v4m1t8c5z3n6b0r4wpl";
pub(crate) const PRODUCT_ID: &str = "prod-7x2kq9v4m1t8c";
pub(crate) const AGREEMENT: &str = "agmt-3k9x2m7q5v8c1z4t6w0b2n4d8";
pub(crate) const LICENSE: &str =
    "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0";
pub(crate) const OWNER: &str = "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11";
pub(crate) const RECEIVER: &str = "b8a9d0c4-3f6e-4f0a-8d3b-5f1f6f0f2c22";
pub(crate) const DOCUMENT: &str = "3b1f8c52-7d1e-4c1b-9a55-2f9b8f2d7a33";
/// 32 zero bytes.
pub(crate) const MAC: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// The same as a URL has it.
pub(crate) const MAC_IN_URL: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const CREATED: &str = "2026-11-20T14:05:09.000Z";

fn text(value: &str) -> Value {
    json!({ "S": value })
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

/// The reply to an operation of DynamoDB; `None` when no function asks for it.
pub(super) fn reply(operation: &str, asked: &Value, world: World) -> Option<Value> {
    let table = asked.get("TableName").and_then(Value::as_str).unwrap_or_default();
    Some(match operation {
        "GetItem" => match row(table, asked.get("Key")?, world) {
            Some(row) => json!({ "Item": row }),
            None => json!({}),
        },
        "BatchGetItem" => {
            let mut found = Map::new();
            for (table, request) in asked.get("RequestItems")?.as_object()? {
                let keys = request.get("Keys").and_then(Value::as_array).into_iter().flatten();
                found.insert(table.clone(), keys.filter_map(|key| row(table, key, world)).collect());
            }
            json!({ "Responses": found, "UnprocessedKeys": {} })
        }
        "Query" => {
            let rows = rows(table);
            json!({ "Items": rows, "Count": rows.len(), "ScannedCount": rows.len() })
        }
        "UpdateItem" => match asked.get("ReturnValues").and_then(Value::as_str) {
            Some("ALL_NEW") => json!({ "Attributes": row(table, asked.get("Key")?, world) }),
            _ => json!({}),
        },
        "PutItem" | "TransactWriteItems" => json!({}),
        _ => return None,
    })
}

/// The item with this key.
fn row(table: &str, key: &Value, world: World) -> Option<Value> {
    let part = |name: &str| key.get(name).and_then(|value| value.get("S")).and_then(Value::as_str);
    let row = match table {
        "tenants" => {
            let mut row = texts([
                ("tenant_id", TENANT),
                ("policy_store_id", STORE),
                ("share_template_id", "PTEXAMPLEabcdefg111111"),
                ("tenant_state", "open"),
                ("subscription_state", "active"),
            ]);
            row.insert("cursor_key".to_owned(), json!({ "B": MAC }));
            row
        }
        "documents" => document(part("document_id")?),
        "users" => texts([
            ("tenant_id", TENANT),
            ("user_id", part("user_id")?),
            ("email", "ben@amber.example"),
            ("user_role", "member"),
            ("user_state", "active"),
            ("created_at", CREATED),
            ("account", "there"),
        ]),
        "shares" if world.is_shared => share(RECEIVER),
        "subscriptions" if world.is_registered && part("subject")?.starts_with("license#") => subscription(),
        "onboarding" => texts([
            ("tenant_id", TENANT),
            ("license_arn", LICENSE),
            ("company", "Example GmbH"),
            ("admin_email", "ada@example.com"),
            ("progress_key", MAC_IN_URL),
            ("begun_at", CREATED),
            ("progress", "ready"),
            ("changed_at", CREATED),
        ]),
        _ => return None,
    };
    Some(Value::Object(row))
}

/// What a query finds.
fn rows(table: &str) -> Vec<Value> {
    match table {
        "documents" => (0..10)
            .map(|n| Value::Object(document(&format!("3b1f8c52-7d1e-4c1b-9a55-2f9b8f2d7a{n:02x}"))))
            .collect(),
        "shares" => (0..3)
            .map(|n| Value::Object(share(&format!("b8a9d0c4-3f6e-4f0a-8d3b-5f1f6f0f2c{n:02x}"))))
            .collect(),
        "usage" => [("documents_added", "1"), ("shares_created", "2"), ("storage_gib_hours", "1073741824")]
            .into_iter()
            .map(|(measure, amount)| {
                let key = format!("usage#{}#{measure}", hour_before());
                let mut row = texts([
                    ("tenant_id", TENANT),
                    ("usage_key", &key),
                    ("measure", measure),
                    ("recorded_at", CREATED),
                ]);
                row.insert("amount".to_owned(), json!({ "N": amount }));
                Value::Object(row)
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn document(id: &str) -> Map<String, Value> {
    let mut row = texts([
        ("tenant_id", TENANT),
        ("document_id", id),
        ("document_name", "quarterly plan.txt"),
        ("document_owner", OWNER),
        ("content_type", "text/plain"),
        ("checksum_sha256", "XMRwAffBM02zxWjduxyO5RgSqo51WCymFrHsMb8t3BY="),
        ("created_at", CREATED),
        (
            "owner_created",
            "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11#2026-11-20T14:05:09.000Z#3b1f8c52-7d1e-4c1b-9a55-2f9b8f2d7a33",
        ),
        ("document_state", "available"),
    ]);
    for (name, number) in [("size_bytes", "9"), ("document_version", "2"), ("share_count", "1")] {
        row.insert(name.to_owned(), json!({ "N": number }));
    }
    row
}

fn share(receiver: &str) -> Map<String, Value> {
    texts([
        ("tenant_id", TENANT),
        ("share_id", &format!("{DOCUMENT}#{receiver}")),
        ("document_id", DOCUMENT),
        ("user_id", receiver),
        ("shared_by", OWNER),
        ("created_at", CREATED),
        ("share_state", "active"),
        ("held_by", "0123456789abcdef0123456789abcdef"),
        ("held_since", CREATED),
    ])
}

/// Permitted, and registered in the hour before this one: one hour is to be sealed.
fn subscription() -> Map<String, Value> {
    let registered = format!("{}:00:00.000Z", hour_before());
    let mut row = texts([
        ("subject", &format!("license#{LICENSE}")),
        ("customer_account", ACCOUNT),
        ("tenant_id", TENANT),
        ("registered_at", &registered),
        ("license_updated", &format!("{registered}#e-1")),
        ("subscription_state", "active"),
        ("state_since", &registered),
        ("state_cause", "license_updated"),
    ]);
    row.insert("version".to_owned(), json!({ "N": "3" }));
    row
}

/// `2026-11-22T10`: the hour before the present one of the functions' clock.
pub(crate) fn hour_before() -> String {
    let hour = rfc3339(half_past() - Duration::from_secs(3600));
    hour.chars().take("2026-11-22T10".len()).collect()
}

/// Half past the hour in which this was asked first. A function whose clock may be set always starts at it, so that
/// what is closed does not depend on the minute in which it is measured.
fn half_past() -> SystemTime {
    static HALF_PAST: OnceLock<SystemTime> = OnceLock::new();
    *HALF_PAST.get_or_init(|| {
        let now = now();
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now - Duration::from_secs(since.as_secs() % 3600) + Duration::from_secs(1800)
    })
}

/// By how much a function's clock that starts now is ahead.
pub(crate) fn offset_s() -> i64 {
    match half_past().duration_since(now()) {
        Ok(ahead) => i64::try_from(ahead.as_secs()).unwrap_or_default(),
        Err(behind) => -i64::try_from(behind.duration().as_secs()).unwrap_or_default(),
    }
}

/// The schedule's time: a quarter past this hour.
pub(crate) fn scheduled() -> String {
    rfc3339(half_past() - Duration::from_secs(900))
}

/// When a registration that was just signed expires, in seconds since 1970.
pub(crate) fn expires() -> u64 {
    (now() + Duration::from_secs(4 * 3600))
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// Unpadded base64url.
pub(crate) fn base64url(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(text)
}

/// This moment, in RFC 3339.
pub(crate) fn now_text() -> String {
    rfc3339(now())
}
