//! When something behind the API fails, the answer is no: 503, never a yes.

use reqwest::Method;
use serde_json::json;
use tests::{Person, World, world_alone};

/// Orders that every try of a call fails, until `clear`.
async fn order(world: &World, person: &Person, service: &str, operation: &str) {
    let order = json!({
        "service": service, "operation": operation, "when": "before", "error": "500", "times": 1000,
    });
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    assert_eq!(person.use_url_with(Method::POST, &faults, order.to_string()).await.status, 201);
}

async fn clear(world: &World, person: &Person) {
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    assert_eq!(person.use_url(Method::DELETE, &faults, b"").await.status, 200);
}

#[tokio::test]
async fn a_failure_of_sts_mapping_tables_or_policy_store_denies() {
    let world = world_alone().await;
    for (service, operation) in [
        ("sts", "AssumeRole"),
        ("dynamodb", "GetItem"),
        ("verifiedpermissions", "IsAuthorized"),
        ("dynamodb", "Query"),
    ] {
        // Unknown to every environment: session, mapping and document all have to be asked for.
        let tenant = world.fresh_tenant("denied").await;
        let ben = world.sign_in(&tenant, 1).await;
        order(&world, &ben, service, operation).await;
        let refused = ben.get("/documents").await;
        clear(&world, &ben).await;
        assert_eq!(refused.refusal(), "503 unavailable", "{service}:{operation} failing");
        assert!(!refused.header("retry-after").is_empty());
        assert!(!refused.body.contains(service), "no internals: {}", refused.body);
        // An environment that could not open a session opens one as soon as it can.
        assert_eq!(ben.get("/documents").await.status, 200);
    }
}

#[tokio::test]
async fn a_decision_that_cannot_be_had_lets_nobody_in() {
    let world = world_alone().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    let id = ben.add("closed.txt", b"closed").await;
    let _ = ben.share(&id, &cleo).await.expect(201);
    let path = format!("/documents/{id}");
    order(&world, &ben, "verifiedpermissions", "IsAuthorized").await;
    let answers =
        [ben.get(&path).await, cleo.get(&path).await, ben.delete(&path).await, ben.share(&id, &cleo).await];
    clear(&world, &ben).await;
    for answer in answers {
        assert_eq!(answer.refusal(), "503 unavailable");
    }
    assert_eq!((ben.get(&path).await.status, cleo.get(&path).await.status), (200, 200));
}

#[tokio::test]
async fn a_share_whose_making_failed_anywhere_can_be_made_or_ended_again() {
    let world = world_alone().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    for when in ["before", "after"] {
        for (service, operation, skip) in [
            ("dynamodb", "TransactWriteItems", 0),
            ("verifiedpermissions", "CreatePolicy", 0),
            ("dynamodb", "TransactWriteItems", 1),
        ] {
            for end in [false, true] {
                let id = ben.add("half.txt", b"half").await;
                // Settled by this look at the latest, so that the share's own writes are what is counted.
                let _ = ben.get(&format!("/documents/{id}")).await.expect(200);
                let order = json!({
                    "service": service, "operation": operation, "function": "Shares", "when": when, "error": "500", "times": 3,
                    "skip": skip,
                });
                let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
                assert_eq!(ben.use_url_with(Method::POST, &faults, order.to_string()).await.status, 201);
                let failed = ben.share(&id, &cleo).await;
                clear(&world, &ben).await;
                let what = format!(
                    "{operation} {skip} failed {when} its effect, then {}",
                    if end { "end" } else { "share" }
                );
                assert!(
                    matches!(failed.status, 200 | 201 | 503),
                    "{what}: {} {}",
                    failed.status,
                    failed.body
                );
                let seen = cleo.get(&format!("/documents/{id}")).await.status;
                let listed = ben.get(&format!("/documents/{id}/shares")).await.expect(200).json();
                let is_listed = !listed["shares"].as_array().unwrap().is_empty();
                assert!(seen == 404 || is_listed, "{what}: access that no list shows");
                if end {
                    let ended = ben.delete(&format!("/shares/{id}/{}", cleo.user_id)).await.status;
                    assert_eq!(ended, if is_listed { 204 } else { 404 }, "{what}");
                    assert_eq!(cleo.get(&format!("/documents/{id}")).await.status, 404, "{what}");
                } else {
                    let again = ben.share(&id, &cleo).await;
                    assert!(matches!(again.status, 200 | 201), "{what}: {} {}", again.status, again.body);
                    assert_eq!(cleo.get(&format!("/documents/{id}")).await.status, 200, "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_reply_that_got_lost_makes_no_failure_of_a_success() {
    let world = world_alone().await;
    let ben = world.person("amber", 1).await;
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let lose = async |operation: &str| {
        let order = json!({
            "service": "dynamodb", "operation": operation, "function": "Documents", "when": "after", "error": "500", "times": 1,
        });
        assert_eq!(ben.use_url_with(Method::POST, &faults, order.to_string()).await.status, 201);
    };
    lose("PutItem").await;
    let id = ben.add("lost.txt", b"lost").await;
    lose("TransactWriteItems").await;
    assert_eq!(
        ben.get(&format!("/documents/{id}")).await.expect(200).json()["document"]["status"],
        "available"
    );
    clear(&world, &ben).await;
    lose("TransactWriteItems").await;
    assert_eq!(
        ben.delete(&format!("/documents/{id}")).await.status,
        204,
        "his own deletion, asked for twice"
    );
    assert_eq!(
        ben.use_url(Method::GET, &faults, b"").await.json()["faults"],
        json!([]),
        "the reply was lost"
    );
    assert_eq!(ben.delete(&format!("/documents/{id}")).await.refusal(), "404 not-found");
}
