//! The shapes of what is sent and answered, as JSON Schema (2020-12, which OpenAPI 3.1 takes as it is).
//!
//! What is answered is closed: a field that is not here is a mistake, and the fuzzing says so.

use serde_json::{Value, json};

use super::answers::hour;
use crate::{
    documents::{CONTENT_TYPE_BYTES_MAX, NAME_CHARS_MAX, SIZE_BYTES_MAX},
    problem::Kind,
};

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object with these fields, of which `optional` may be left out, and no other.
fn object(fields: &[(&str, Value)], optional: &[&str]) -> Value {
    let required: Vec<&str> =
        fields.iter().map(|(name, _)| *name).filter(|name| !optional.contains(name)).collect();
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A page of things.
fn page(things: &str, one: &str) -> Value {
    let list = json!({ "type": "array", "items": reference(one) });
    object(&[(things, list), ("next_cursor", json!({ "type": "string" }))], &["next_cursor"])
}

/// Each schema by its name.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    let time = || json!({ "type": "string", "format": "date-time" });
    let count = || json!({ "type": "integer", "format": "int64" });
    let one_of = |words: &[&str]| json!({ "type": "string", "enum": words });
    let (id, document, share, user) =
        (reference("Id"), reference("Document"), reference("Share"), reference("User"));
    let name = json!({ "type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX });
    let content_type = json!({
        "type": "string", "maxLength": CONTENT_TYPE_BYTES_MAX,
        "description": "A media type, with parameters if need be (RFC 9110 section 8.3.1).",
        "examples": ["application/pdf"],
    });
    let size = json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": SIZE_BYTES_MAX });
    let checksum = json!({
        "type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$", "description": "The SHA-256 of the content, in Base64.",
    });
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.uri()).collect();
    vec![
        (
            "Id",
            json!({
                "type": "string",
                "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            }),
        ),
        (
            "NewDocument",
            object(
                &[
                    ("document_name", name.clone()),
                    ("content_type", content_type.clone()),
                    ("size_bytes", size.clone()),
                    ("checksum_sha256", checksum.clone()),
                ],
                &[],
            ),
        ),
        (
            "Document",
            object(
                &[
                    ("document_id", id.clone()),
                    ("document_name", name),
                    ("content_type", content_type),
                    ("size_bytes", size),
                    ("checksum_sha256", checksum),
                    ("owner_id", id.clone()),
                    ("status", one_of(&["pending", "available"])),
                    ("created_at", time()),
                ],
                &[],
            ),
        ),
        (
            "SignedUrl",
            object(
                &[
                    ("method", one_of(&["GET", "PUT"])),
                    ("url", text()),
                    ("headers", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
                    ("expires_at", time()),
                ],
                &["headers"],
            ),
        ),
        ("AddedDocument", object(&[("document", document.clone()), ("upload", reference("SignedUrl"))], &[])),
        (
            "OpenedDocument",
            object(&[("document", document), ("download", reference("SignedUrl"))], &["download"]),
        ),
        ("Documents", page("documents", "Document")),
        ("NewShare", object(&[("document_id", id.clone()), ("user_id", id.clone())], &[])),
        (
            "Share",
            object(
                &[
                    ("document_id", id.clone()),
                    ("user_id", id.clone()),
                    ("shared_by", id.clone()),
                    ("created_at", time()),
                ],
                &[],
            ),
        ),
        ("SharedDocument", object(&[("share", share.clone())], &[])),
        ("Shares", object(&[("shares", json!({ "type": "array", "items": share }))], &[])),
        (
            "NewUser",
            object(
                &[
                    ("email", json!({ "type": "string", "format": "email", "maxLength": 128 })),
                    ("role", one_of(&["admin", "member"])),
                ],
                &[],
            ),
        ),
        (
            "User",
            object(
                &[
                    ("user_id", id.clone()),
                    ("email", text()),
                    ("role", one_of(&["admin", "member"])),
                    ("status", one_of(&["invited", "active", "removing"])),
                    ("created_at", time()),
                    ("invited_by", id),
                ],
                &["invited_by"],
            ),
        ),
        ("InvitedUser", object(&[("user", user)], &[])),
        ("Users", page("users", "User")),
        (
            "UsageLine",
            object(
                &[
                    ("hour", hour()),
                    ("dimension", text()),
                    ("measure", text()),
                    ("used", count()),
                    ("state", text()),
                    ("sealed", count()),
                    ("late", count()),
                    ("carried", count()),
                    ("brought", count()),
                    ("license_arn", text()),
                    ("metering_record_id", text()),
                ],
                &["sealed", "late", "carried", "brought", "license_arn", "metering_record_id"],
            ),
        ),
        ("Usage", page("usage", "UsageLine")),
        (
            "Problem",
            object(
                &[
                    ("type", one_of(&kinds)),
                    ("title", text()),
                    ("status", json!({ "type": "integer", "minimum": 400, "maximum": 599 })),
                    ("detail", text()),
                ],
                &["detail"],
            ),
        ),
    ]
}
