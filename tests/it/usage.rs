//! What tenants use is written down with it: once, whatever is repeated, raced or lost; and nothing else is.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use shared::metering::{Hour, Second};
use tests::{Person, Used, World, now, world, world_alone};

const CONTENT: &[u8] = b"forty-two";
const BYTES: i64 = 9;

/// A tenant of one's own, with its administrator and two members.
async fn tenant(world: &World, name: &str) -> [Person; 3] {
    let tenant = world.fresh_tenant(name).await;
    [world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await, world.sign_in(&tenant, 2).await]
}

/// The bucket's event for a document's content, delivered once more.
async fn delivered(world: &World, tenant: &str, document: &str) -> Result<Value, String> {
    let event = json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-22T10:00:00Z",
        "region": world.details.region,
        "resources": [],
        "detail": {
            "bucket": { "name": world.details.output("ContentBucketName") },
            "object": { "key": format!("{tenant}/{document}") },
        },
    });
    world.invoke("Uploads", &event).await
}

/// Orders that calls of DynamoDB's transactions by a function fail, so many and after so many that pass.
async fn fail(world: &World, function: &str, when: &str, error: &str, times: u32, skip: u32) {
    let order = json!({
        "service": "dynamodb", "operation": "TransactWriteItems", "function": function,
        "when": when, "error": error, "times": times, "skip": skip,
    });
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let person = world.somebody(None);
    assert_eq!(person.use_url_with(Method::POST, &faults, order.to_string()).await.status, 201);
}

/// Takes the orders back; whether all of them were used up.
async fn mend(world: &World) -> bool {
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let person = world.somebody(None);
    let open = person.use_url(Method::GET, &faults, b"").await.json();
    assert_eq!(person.use_url(Method::DELETE, &faults, b"").await.status, 200);
    open["faults"] == json!([])
}

#[tokio::test]
async fn a_document_counts_once_and_only_when_its_content_is_there() {
    let world = world().await;
    let [_, ben, _] = tenant(&world, "arrivals").await;
    let before = Hour::of(Second::from(now()));
    let document = ben.add_pending("plan.txt", CONTENT).await;
    let path = format!("/documents/{}", document.id);
    assert_eq!(ben.get(&path).await.expect(200).json()["document"]["status"], "pending");
    assert_eq!(world.used(&ben.tenant_id).await, Used::default(), "a promise is no document");

    // The bucket's event and three who open it at once: one of the four settles it.
    let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
    for opened in join_all([ben.get(&path), ben.get(&path), ben.get(&path)]).await {
        assert_eq!(opened.expect(200).json()["document"]["status"], "available");
    }
    let once = Used { documents: 1, shares: 0, bytes: BYTES, events: 2 };
    assert_eq!(world.used(&ben.tenant_id).await, once);
    for _ in 0..2 {
        assert!(
            delivered(&world, &ben.tenant_id, &document.id).await.is_ok(),
            "an event comes at least once"
        );
    }
    assert_eq!(world.used(&ben.tenant_id).await, once);

    let after = Hour::of(Second::from(now()));
    let events = world.usage(&ben.tenant_id).await;
    let mut ids: Vec<_> = events.iter().map(|event| event.id().to_string()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["added", "stored"].map(|what| format!("document/{}/{what}", document.id)));
    assert!(events.iter().all(|event| (before..=after).contains(&event.hour())), "{events:?}");
}

#[tokio::test]
async fn an_upload_that_never_arrives_is_never_counted_and_its_end_releases_nothing() {
    let world = world().await;
    let [_, ben, _] = tenant(&world, "promises").await;
    let deleted = ben.add_pending("deleted.txt", CONTENT).await;
    let _ = ben.delete(&format!("/documents/{}", deleted.id)).await.expect(204);

    // Its day is over, and its content comes all the same: it is removed, and was never a document.
    let late = ben.add_pending("late.txt", CONTENT).await;
    let key = aws_sdk_dynamodb::types::AttributeValue::S;
    let aged = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("DocumentsTableName"))
        .key("tenant_id", key(ben.tenant_id.clone()))
        .key("document_id", key(late.id.clone()))
        .update_expression("SET created_at = :long_ago")
        .expression_attribute_values(":long_ago", key("2026-01-01T00:00:00.000Z".to_owned()));
    let _ = aged.send().await.unwrap();
    let _ = ben.upload(&late.upload, CONTENT).await.expect(200);
    assert!(delivered(&world, &ben.tenant_id, &late.id).await.is_ok());
    let object = world
        .root()
        .s3()
        .head_object()
        .bucket(world.details.output("ContentBucketName"))
        .key(format!("{}/{}", ben.tenant_id, late.id));
    assert!(object.send().await.is_err(), "its content is gone");
    assert_eq!(ben.get(&format!("/documents/{}", late.id)).await.refusal(), "404 not-found");
    assert_eq!(world.used(&ben.tenant_id).await, Used::default());
}

#[tokio::test]
async fn a_deletion_releases_what_the_document_held_once() {
    let world = world().await;
    let [ada, ben, _] = tenant(&world, "releases").await;
    let id = ben.add("gone.txt", CONTENT).await;
    let path = format!("/documents/{id}");
    let _ = ben.get(&path).await.expect(200);
    let kept = ben.add("kept.txt", b"seven").await;
    let _ = ben.get(&format!("/documents/{kept}")).await.expect(200);
    assert_eq!(world.used(&ben.tenant_id).await.bytes, BYTES + 5);

    let mut statuses = join_all([ben.delete(&path), ada.delete(&path), ben.delete(&path)])
        .await
        .iter()
        .map(|a| a.status)
        .collect::<Vec<_>>();
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[2]), (204, 404), "{statuses:?}");
    assert_eq!(ben.delete(&path).await.refusal(), "404 not-found");
    let left = Used { documents: 2, shares: 0, bytes: 5, events: 5 };
    assert_eq!(world.used(&ben.tenant_id).await, left, "a document that was added stays counted");
}

#[tokio::test]
async fn content_that_arrives_as_its_document_is_deleted_is_held_and_released_or_neither() {
    let world = world().await;
    let [_, ben, _] = tenant(&world, "races").await;
    for round in 0..8 {
        let document = ben.add_pending("race.txt", CONTENT).await;
        let path = format!("/documents/{}", document.id);
        let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
        let (opened, deleted) = tokio::join!(ben.get(&path), ben.delete(&path));
        assert!(matches!(opened.status, 200 | 404), "{round}: {}", opened.body);
        assert_eq!(deleted.status, 204, "{round}: {}", deleted.body);
        // The event may still be under way; what it finds by now is a deleted document.
        assert!(delivered(&world, &ben.tenant_id, &document.id).await.is_ok());
        let used = world.used(&ben.tenant_id).await;
        assert_eq!(used.bytes, 0, "{round}: {used:?}");
        let counted = usize::try_from(used.documents).unwrap();
        assert_eq!(used.events, counted * 3, "{round}: each that counts was held and released");
    }
}

#[tokio::test]
async fn a_share_counts_once_for_each_time_that_it_is_made() {
    let world = world().await;
    let [ada, ben, cleo] = tenant(&world, "shares").await;
    let id = ben.add("shared.txt", CONTENT).await;
    let share = format!("/shares/{id}/{}", cleo.user_id);
    let shares = async || world.used(&ben.tenant_id).await.shares;

    let stranger = world.person("cobalt", 1).await;
    assert_eq!(ben.share(&id, &stranger).await.refusal(), "422 receiver-outside-tenant");
    assert_eq!(ben.share(&id, &ben).await.refusal(), "422 receiver-is-owner");
    assert_eq!(cleo.share(&id, &ada).await.refusal(), "404 not-found");
    assert_eq!(shares().await, 0, "what was refused is nothing");

    let made = join_all([ben.share(&id, &cleo), ada.share(&id, &cleo), ben.share(&id, &cleo)]).await;
    assert_eq!(made.iter().filter(|answer| answer.status == 201).count(), 1, "{made:?}");
    assert_eq!(shares().await, 1, "three wishes at once are one share");
    let _ = ben.share(&id, &cleo).await.expect(200);
    assert_eq!(shares().await, 1, "a repeat is none");

    let _ = ben.delete(&share).await.expect(204);
    assert_eq!(shares().await, 1, "an end takes nothing back");
    let _ = ben.share(&id, &cleo).await.expect(201);
    assert_eq!(shares().await, 2, "shared anew is another share");
    let _ = ben.share(&id, &ada).await.expect(201);
    assert_eq!(shares().await, 3);
    let of_this = world.usage(&ben.tenant_id).await;
    let of_this = of_this.iter().filter(|event| event.id().to_string().starts_with(&format!("share/{id}/")));
    assert_eq!(of_this.count(), 3);
}

#[tokio::test]
async fn a_busy_tenants_arrivals_do_not_wait_for_each_other_and_all_are_counted() {
    const AT_ONCE: usize = 50;
    let world = world().await;
    let [_, ben, _] = tenant(&world, "busy").await;
    let names: Vec<_> = (0..AT_ONCE).map(|n| format!("busy-{n}.txt")).collect();
    let documents = join_all(names.iter().map(|name| ben.add_pending(name, CONTENT))).await;
    let uploads = documents.iter().map(|document| ben.upload(&document.upload, CONTENT));
    assert!(join_all(uploads).await.iter().all(|answer| answer.status == 200));
    // Settled by the events alone, as many at once as there are functions.
    let all = i64::try_from(AT_ONCE).unwrap();
    world
        .see("that all are counted", async || {
            (world.used(&ben.tenant_id).await.documents == all).then_some(())
        })
        .await;
    let used = world.used(&ben.tenant_id).await;
    assert_eq!(used, Used { documents: all, shares: 0, bytes: all * BYTES, events: 2 * AT_ONCE });
    let listed = ben.get("/documents?limit=100").await.expect(200).json();
    let listed = listed["documents"].as_array().unwrap();
    assert_eq!(listed.len(), AT_ONCE);
    assert!(listed.iter().all(|document| document["status"] == "available"));
}

#[tokio::test]
async fn usage_names_nobody_and_stays_within_its_tenant() {
    let world = world().await;
    let [_, ben, cleo] = tenant(&world, "discreet").await;
    let [_, emil, _] = tenant(&world, "apart").await;
    let id = ben.add("secret-name.txt", CONTENT).await;
    let _ = ben.share(&id, &cleo).await.expect(201);
    assert_eq!(emil.get(&format!("/documents/{id}")).await.refusal(), "404 not-found");
    assert_eq!(emil.share(&id, &cleo).await.refusal(), "404 not-found");
    assert_eq!(emil.delete(&format!("/documents/{id}")).await.refusal(), "404 not-found");
    assert_eq!(world.used(&emil.tenant_id).await, Used::default(), "what was refused to him is not his");
    assert_eq!(world.used(&ben.tenant_id).await.events, 3);
    let rows = world
        .root()
        .dynamodb()
        .query()
        .table_name(world.details.output("UsageTableName"))
        .key_condition_expression("tenant_id = :tenant")
        .expression_attribute_values(
            ":tenant",
            aws_sdk_dynamodb::types::AttributeValue::S(ben.tenant_id.clone()),
        )
        .send()
        .await
        .unwrap();
    for row in rows.items() {
        let mut names: Vec<_> = row.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["amount", "expires_at", "measure", "recorded_at", "tenant_id", "usage_key"]);
        let row = format!("{row:?}");
        assert!(!row.contains("secret-name") && !row.contains('@'), "{row}");
    }
}

#[tokio::test]
async fn what_fails_counts_nothing_and_what_is_repeated_counts_once() {
    let world = world_alone().await;
    let [_, ben, cleo] = tenant(&world, "failing").await;
    let mut expected = Used::default();
    for (when, error) in
        [("before", "500"), ("before", "cut"), ("after", "500"), ("after", "cut"), ("after", "throttle")]
    {
        let what = format!("{error} {when} its effect");
        let has_effect = when == "after";

        // Arrival: whoever opens it tries three times and gives up; the next look finds how it is.
        let document = ben.add_pending("failing.txt", CONTENT).await;
        let path = format!("/documents/{}", document.id);
        for function in ["Documents", "Uploads"] {
            fail(&world, function, when, error, 1000, 0).await;
        }
        let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
        let opened = ben.get(&path).await;
        // The event may have come first, and have had its effect.
        let is_done = has_effect && opened.status == 200;
        assert!(is_done || opened.refusal() == "503 unavailable", "arrival: {what}: {}", opened.body);
        let counted = world.used(&ben.tenant_id).await;
        let arrived = Used {
            documents: expected.documents + 1,
            bytes: expected.bytes + BYTES,
            events: expected.events + 2,
            ..expected
        };
        assert_eq!(counted, if has_effect { arrived } else { expected }, "arrival: {what}");
        let _ = mend(&world).await;
        assert_eq!(ben.get(&path).await.expect(200).json()["document"]["status"], "available");
        expected = arrived;
        assert_eq!(world.used(&ben.tenant_id).await, expected, "arrival, again: {what}");

        // A share: its first transaction passes, its second, which counts it, does not.
        fail(&world, "Shares", when, error, 1000, 1).await;
        assert_eq!(ben.share(&document.id, &cleo).await.refusal(), "503 unavailable", "share: {what}");
        let _ = mend(&world).await;
        let shared = Used { shares: expected.shares + 1, events: expected.events + 1, ..expected };
        let counted = world.used(&ben.tenant_id).await;
        assert_eq!(counted, if has_effect { shared } else { expected }, "share: {what}");
        let again = ben.share(&document.id, &cleo).await;
        assert_eq!(again.status, 200, "share: {what}: its row was there: {}", again.body);
        expected = shared;
        assert_eq!(world.used(&ben.tenant_id).await, expected, "share, again: {what}");

        // A deletion.
        fail(&world, "Documents", when, error, 1000, 0).await;
        assert_eq!(ben.delete(&path).await.refusal(), "503 unavailable", "deletion: {what}");
        let _ = mend(&world).await;
        let gone = Used { bytes: expected.bytes - BYTES, events: expected.events + 1, ..expected };
        let counted = world.used(&ben.tenant_id).await;
        assert_eq!(counted, if has_effect { gone } else { expected }, "deletion: {what}");
        let again = ben.delete(&path).await;
        assert_eq!(again.status, if has_effect { 404 } else { 204 }, "deletion: {what}: {}", again.body);
        expected = gone;
        assert_eq!(world.used(&ben.tenant_id).await, expected, "deletion, again: {what}");
    }
}

#[tokio::test]
async fn a_reply_that_got_lost_counts_once() {
    let world = world_alone().await;
    let [_, ben, cleo] = tenant(&world, "lost").await;
    for (round, error) in ["500", "cut"].into_iter().enumerate() {
        let document = ben.add_pending("lost.txt", CONTENT).await;
        let path = format!("/documents/{}", document.id);
        // The event must not be first.
        fail(&world, "Uploads", "before", "500", 1000, 0).await;
        fail(&world, "Documents", "after", error, 1, 0).await;
        let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
        assert_eq!(ben.get(&path).await.expect(200).json()["document"]["status"], "available");
        let _ = mend(&world).await;

        fail(&world, "Shares", "after", error, 1, 1).await;
        let _ = ben.share(&document.id, &cleo).await.expect(201);
        assert!(mend(&world).await, "the share's reply was lost");

        fail(&world, "Documents", "after", error, 1, 0).await;
        let _ = ben.delete(&path).await.expect(204);
        assert!(mend(&world).await, "the deletion's reply was lost");

        let rounds = i64::try_from(round + 1).unwrap();
        let once = Used { documents: rounds, shares: rounds, bytes: 0, events: 4 * (round + 1) };
        assert_eq!(world.used(&ben.tenant_id).await, once, "{error}");
    }
}
