//! Adding, filling, listing, opening and deleting documents.

use reqwest::Method;
use serde_json::json;
use tests::{checksum, wish, world, world_alone};

const CONTENT: &[u8] = b"forty-two";

#[tokio::test]
async fn a_document_is_added_filled_and_opened() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let added = ben.post("/documents", &wish("plan.txt", CONTENT)).await.expect(201);
    let body = added.json();
    let document = &body["document"];
    let id = document["document_id"].as_str().unwrap();
    assert_eq!(
        ben.follow(&added).await.json()["document"]["document_id"],
        id,
        "{}",
        added.header("location")
    );
    assert!(added.header("etag").starts_with('"'), "a strong entity tag");
    assert_eq!(added.header("cache-control"), "no-store");
    assert_eq!(added.header("x-content-type-options"), "nosniff");
    assert_eq!(
        (&document["status"], &document["owner_id"], &document["size_bytes"], &document["checksum_sha256"]),
        (&json!("pending"), &json!(ben.user_id), &json!(9), &json!(checksum(CONTENT)))
    );
    assert_eq!(body["upload"]["method"], "PUT");

    let pending = ben.get(&format!("/documents/{id}")).await.expect(200).json();
    assert_eq!((&pending["document"]["status"], &pending["download"]), (&json!("pending"), &json!(null)));

    let _ = ben.upload(&body["upload"], CONTENT).await.expect(200);
    let opened = ben.get(&format!("/documents/{id}")).await.expect(200);
    assert_ne!(opened.header("etag"), added.header("etag"), "the document changed");
    let opened = opened.json();
    assert_eq!(opened["document"]["status"], "available", "settled by the look itself, if not by the event");
    let url = opened["download"]["url"].as_str().unwrap();
    let content = ben.use_url(Method::GET, url, b"").await.expect(200);
    assert_eq!(content.body.as_bytes(), CONTENT);
    assert!(content.header("content-disposition").starts_with("attachment; filename=\"plan.txt\""));
    assert_eq!(content.header("content-type"), "application/octet-stream");
}

#[tokio::test]
async fn content_becomes_available_without_anybody_asking() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let document = ben.add_pending("event.txt", CONTENT).await;
    let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
    // A list looks at no content: what it shows as available was settled by the bucket's event.
    world
        .see("the document as available", async || {
            let list = ben.get("/documents?limit=100").await.expect(200).json();
            let rows = list["documents"].as_array().unwrap();
            rows.iter()
                .any(|row| row["document_id"] == *document.id && row["status"] == "available")
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn an_upload_is_taken_only_as_it_was_promised() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let document = ben.add_pending("promise.txt", CONTENT).await;
    let url = document.upload["url"].as_str().unwrap();
    for (answer, why) in [
        (ben.upload(&document.upload, b"forty-two and more").await, "a longer body"),
        (ben.upload(&document.upload, b"forty-six").await, "another body of the same length"),
        (
            ben.upload_with(&document.upload, b"forty-six", |name, value| {
                if name.eq_ignore_ascii_case("x-amz-checksum-sha256") {
                    checksum(b"forty-six")
                } else {
                    value.into()
                }
            })
            .await,
            "another body with its own checksum",
        ),
        (
            ben.upload_with(&document.upload, CONTENT, |name, value| {
                if name.eq_ignore_ascii_case("content-type") { "text/html".into() } else { value.into() }
            })
            .await,
            "another type",
        ),
        (ben.use_url(Method::GET, url, b"").await, "another method"),
        (ben.use_url(Method::DELETE, url, b"").await, "another method"),
    ] {
        assert!((400..500).contains(&answer.status), "{why}: {} {}", answer.status, answer.body);
    }
    let path = format!("/documents/{}", document.id);
    assert_eq!(ben.get(&path).await.json()["document"]["status"], "pending", "nothing was stored");
    let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
    assert_eq!(
        ben.get(&path).await.json()["document"]["status"],
        "available",
        "the promised content is taken"
    );
}

#[tokio::test]
async fn a_signed_url_opens_one_object_for_a_few_minutes() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let (one, other) = (ben.add("one.txt", CONTENT).await, ben.add("other.txt", b"other").await);
    let opened = ben.get(&format!("/documents/{one}")).await.expect(200).json();
    let url = opened["download"]["url"].as_str().unwrap();
    let lasts: u64 = url.split("X-Amz-Expires=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    assert!((60..=300).contains(&lasts), "{lasts} s");
    let _ = ben.use_url(Method::GET, url, b"").await.expect(200);
    for (changed, why) in [
        (url.replace(&one, &other), "another key"),
        (url.replace("X-Amz-Expires=", "X-Amz-Expires=9"), "a longer life"),
        (url.replace("attachment", "inline"), "another disposition"),
    ] {
        assert_ne!(changed, url, "{why}");
        let answer = ben.use_url(Method::GET, &changed, b"").await;
        assert_eq!(answer.status, 403, "{why}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_list_holds_ones_own_documents_newest_first_in_pages() {
    let world = world().await;
    let tenant = world.fresh_tenant("pages").await;
    let (ada, ben, cleo) =
        (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await, world.sign_in(&tenant, 2).await);
    let mut added = Vec::new();
    for number in 0..5 {
        added.push(ben.add(&format!("{number}.txt"), CONTENT).await);
    }
    let shared = cleo.add("shared.txt", CONTENT).await;
    let _ = cleo.share(&shared, &ben).await.expect(201);

    let mut seen = Vec::new();
    let mut path = "/documents?limit=2".to_owned();
    loop {
        let page = ben.get(&path).await.expect(200).json();
        let rows = page["documents"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|row| row["document_id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/documents?limit=2&cursor={cursor}");
    }
    added.reverse();
    assert_eq!(seen, added, "his own, newest first; what is shared with him is not in it");

    let empty = ada.get("/documents").await.expect(200).json();
    assert_eq!(empty, json!({"documents": []}), "an admin's own list is an admin's own");
    let all = ben.get("/documents?limit=100").await.expect(200).json();
    assert_eq!(all["documents"].as_array().unwrap().len(), 5);
    assert!(all.get("next_cursor").is_none());
}

#[tokio::test]
async fn a_cursor_is_of_no_use_to_anybody_else() {
    let world = world().await;
    let tenant = world.fresh_tenant("cursors").await;
    let (ben, cleo) = (world.sign_in(&tenant, 1).await, world.sign_in(&tenant, 2).await);
    for person in [&ben, &ben, &cleo, &cleo] {
        let _ = person.add_pending("a.txt", CONTENT).await;
    }
    let page = ben.get("/documents?limit=1").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/documents?limit=1&cursor={cursor}");
    let _ = ben.get(&path).await.expect(200);
    let emil = world.person("cobalt", 1).await;
    let mut tampered = cursor.to_owned().into_bytes();
    tampered[20] = if tampered[20] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(tampered).unwrap();
    for (answer, why) in [
        (cleo.get(&path).await, "another user of the tenant"),
        (emil.get(&path).await, "another tenant"),
        (ben.get(&format!("/documents?cursor={tampered}")).await, "tampered"),
        (ben.get("/documents?cursor=").await, "empty"),
        (ben.get("/documents?cursor=nonsense").await, "no cursor at all"),
    ] {
        assert_eq!(answer.refusal(), "400 invalid-request", "{why}");
    }
}

#[tokio::test]
async fn nobody_else_sees_a_pending_document_and_it_cannot_be_shared() {
    let world = world().await;
    let (ada, ben, cleo) =
        (world.person("amber", 0).await, world.person("amber", 1).await, world.person("amber", 2).await);
    let document = ben.add_pending("later.txt", CONTENT).await;
    let path = format!("/documents/{}", document.id);
    assert_eq!(ben.get(&path).await.status, 200);
    assert_eq!(ada.get(&path).await.status, 200, "the tenant's admin may do what the owner may");
    assert_eq!(cleo.get(&path).await.refusal(), "404 not-found");
    assert_eq!(ben.share(&document.id, &cleo).await.refusal(), "409 document-pending");
    let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
    let _ = ben.share(&document.id, &cleo).await.expect(201);
    assert_eq!(cleo.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_document_that_got_no_content_for_a_day_is_gone() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let document = ben.add_pending("never.txt", CONTENT).await;
    let path = format!("/documents/{}", document.id);
    assert_eq!(ben.get(&path).await.status, 200);
    // The day passes: the row becomes a day older, as only the table's own clock would make it.
    let yesterday =
        shared::clock::rfc3339(shared::clock::Clock::system().now() - shared::documents::PENDING_LASTS);
    world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("DocumentsTableName"))
        .key("tenant_id", aws_sdk_dynamodb::types::AttributeValue::S(ben.tenant_id.clone()))
        .key("document_id", aws_sdk_dynamodb::types::AttributeValue::S(document.id.clone()))
        .update_expression("SET created_at = :then")
        .expression_attribute_values(":then", aws_sdk_dynamodb::types::AttributeValue::S(yesterday))
        .send()
        .await
        .unwrap();
    assert_eq!(ben.get(&path).await.refusal(), "404 not-found");
    assert_eq!(ben.delete(&path).await.refusal(), "404 not-found");
    let list = ben.get("/documents?limit=100").await.expect(200).json();
    assert!(!list["documents"].as_array().unwrap().iter().any(|row| row["document_id"] == *document.id));
}

#[tokio::test]
async fn tenant_admins_may_do_all_of_it_on_every_document_of_their_tenant() {
    let world = world().await;
    let (ada, ben, cleo) =
        (world.person("amber", 0).await, world.person("amber", 1).await, world.person("amber", 2).await);
    let id = ben.add("ben's.txt", CONTENT).await;
    let path = format!("/documents/{id}");
    assert_eq!(ada.get(&path).await.json()["document"]["status"], "available");
    let _ = ada.share(&id, &cleo).await.expect(201);
    let shares = ada.get(&format!("{path}/shares")).await.expect(200).json();
    assert_eq!(shares["shares"][0]["shared_by"], ada.user_id.as_str());
    let _ = ada.delete(&format!("/shares/{id}/{}", cleo.user_id)).await.expect(204);
    assert_eq!(cleo.delete(&path).await.refusal(), "404 not-found", "while a stranger may not even see it");
    let _ = ada.delete(&path).await.expect(204);
    assert_eq!(ben.get(&path).await.refusal(), "404 not-found");
}

#[tokio::test]
async fn a_warm_request_makes_two_calls_and_none_of_them_to_sts() {
    // Calls are counted for a request only while no other is under way.
    let world = world_alone().await;
    let ben = world.person("amber", 1).await;
    let id = ben.add("warm.txt", CONTENT).await;
    let path = format!("/documents/{id}");
    let count = async || {
        let opened = ben.get(&path).await.expect(200);
        let trace = opened.header("x-amzn-trace-id").trim_start_matches("Root=").to_owned();
        let url = format!("{}/_gateway/calls?trace={trace}", world.details.aws_endpoint_url);
        ben.use_url(Method::GET, &url, b"").await.expect(200).json()["calls"].clone()
    };
    let warm = json!([
        { "service": "dynamodb", "operation": "GetItem", "count": 1 },
        { "service": "verifiedpermissions", "operation": "IsAuthorized", "count": 1 },
    ]);
    // Several environments may serve; each that has seen the tenant before answers with two calls.
    world.see("a warm request", async || (count().await == warm).then_some(())).await;
}
