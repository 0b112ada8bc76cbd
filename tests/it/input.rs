//! Bad input: each is refused with a problem that says what is wrong.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{checksum, wish, world};

#[tokio::test]
async fn a_document_that_cannot_be_is_refused() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let good = wish("fine.txt", b"fine");
    let _ = ben.post("/documents", &good).await.expect(201);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let without = |name: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(name);
        body.to_string()
    };
    for (body, said) in [
        (String::new(), "not JSON"),
        ("{".to_owned(), "not JSON"),
        ("document_name=fine.txt".to_owned(), "not JSON"),
        ("[]".to_owned(), "does not fit"),
        ("null".to_owned(), "does not fit"),
        (with("tenant_id", json!("0123456789abcdef0123456789abcdef")), "unknown field `tenant_id`"),
        (without("size_bytes"), "missing field `size_bytes`"),
        (with("document_name", json!(5)), "invalid type"),
        (with("size_bytes", json!("5")), "invalid type"),
        (with("size_bytes", json!(-1)), "invalid value"),
        (with("size_bytes", json!(1.5)), "invalid type"),
        (with("document_name", json!("")), "`document_name` is empty"),
        (with("document_name", json!("x".repeat(256))), "`document_name` is longer than 255 characters"),
        (with("document_name", json!("a\u{7}b")), "`document_name` has control characters"),
        (with("size_bytes", json!(0)), "`size_bytes` is 0"),
        (with("size_bytes", json!(5_368_709_121_u64)), "`size_bytes` is above 5368709120"),
        (with("checksum_sha256", json!("abc")), "`checksum_sha256` is not a SHA-256"),
        (
            with("checksum_sha256", json!(checksum(b"x").replace('=', ""))),
            "`checksum_sha256` is not a SHA-256",
        ),
        (with("content_type", json!("text")), "`content_type` is not a media type"),
        (
            good.to_string().replacen('{', r#"{"document_name":"twice","#, 1),
            "duplicate field `document_name`",
        ),
    ] {
        let answer = ben.send(Method::POST, "/documents", Some(body.clone())).await;
        assert_eq!(answer.refusal(), "400 invalid-request", "{body}");
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(said), "{body}: `{detail}` does not say `{said}`");
    }
    let large = with("document_name", json!("x".repeat(20_000)));
    assert_eq!(ben.send(Method::POST, "/documents", Some(large)).await.refusal(), "413 payload-too-large");
    let five_gib = with("size_bytes", json!(5_368_709_120_u64));
    assert_eq!(
        ben.send(Method::POST, "/documents", Some(five_gib)).await.status,
        201,
        "the limit itself is fine"
    );
}

#[tokio::test]
async fn a_share_that_cannot_be_is_refused() {
    let world = world().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    let id = ben.add("fine.txt", b"fine").await;
    for (body, why) in [
        (json!({ "document_id": id }), "no receiver"),
        (json!({ "document_id": "x", "user_id": cleo.user_id }), "no document id"),
        (json!({ "document_id": id, "user_id": "cleo" }), "no user id"),
        (json!({ "document_id": id.to_uppercase(), "user_id": cleo.user_id }), "another spelling"),
        (json!({ "document_id": id, "user_id": cleo.user_id, "role": "owner" }), "an unknown field"),
    ] {
        assert_eq!(ben.post("/shares", &body).await.refusal(), "400 invalid-request", "{why}");
    }
    let _ = ben.share(&id, &cleo).await.expect(201);
}

#[tokio::test]
async fn ids_and_limits_of_the_wrong_form_are_refused() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let id = ben.add("fine.txt", b"fine").await;
    assert_eq!(ben.get(&format!("/documents/{id}")).await.status, 200);
    for path in [
        "/documents/1".to_owned(),
        "/documents/*".to_owned(),
        format!("/documents/{}", id.to_uppercase()),
        format!("/documents/{{{id}}}"),
        format!("/documents/{}", id.replace('-', "")),
        "/documents/1/shares".to_owned(),
    ] {
        assert_eq!(ben.get(&path).await.refusal(), "400 invalid-request", "{path}");
    }
    assert_eq!(ben.delete("/shares/1/2").await.refusal(), "400 invalid-request");
    for (limit, status) in
        [("1", 200), ("100", 200), ("0", 400), ("101", 400), ("-1", 400), ("x", 400), ("", 400)]
    {
        assert_eq!(ben.get(&format!("/documents?limit={limit}")).await.status, status, "limit {limit}");
    }
    assert_eq!(ben.get("/documents?limit=1&limit=2").await.refusal(), "400 invalid-request");
}

#[tokio::test]
async fn what_is_no_route_or_has_no_token_is_refused_with_a_problem() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    assert_eq!(ben.get("/documents").await.status, 200);
    assert_eq!(ben.get("/nothing").await.refusal(), "404 not-found");
    assert_eq!(world.somebody(None).get("/documents").await.refusal(), "401 unauthorized");
    assert_eq!(world.somebody(Some("x.y.z")).get("/documents").await.refusal(), "401 unauthorized");
    let access = world.somebody(ben.access_token.as_deref());
    assert_eq!(
        access.get("/documents").await.refusal(),
        "401 unauthorized",
        "an access token is no ID token"
    );
}
