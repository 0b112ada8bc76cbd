//! What failed in the middle of an invitation or a removal is finished later.

use reqwest::Method;
use serde_json::json;
use tests::{World, world_alone};

use super::{address, eleven_minutes_pass, invite, join, listed, listed_as, mails};

/// As often as the SDK tries a call.
const TIMES: u64 = 3;

/// Orders that a call of the users function fails.
async fn fail(world: &World, service: &str, operation: &str, when: &str) {
    let order = json!({
        "service": service, "operation": operation, "function": "Users", "when": when, "error": "500", "times": TIMES,
    });
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let answer = world.somebody(None).use_url_with(Method::POST, &faults, order.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// Takes the orders back, each of which was met: a fault that nobody meets shows nothing.
async fn heal_after_all(world: &World) {
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let left = world.somebody(None).use_url(Method::GET, &faults, b"").await.expect(200).json();
    for order in left["faults"].as_array().unwrap() {
        assert!(order["times"].as_u64().unwrap() < TIMES, "a fault that nobody met: {order}");
    }
}

#[tokio::test]
async fn an_invitation_that_failed_anywhere_is_finished_by_a_repeat_or_ended_by_a_removal() {
    let world = world_alone().await;
    let tenant = world.fresh_tenant("half-invited").await;
    let ada = world.sign_in(&tenant, 0).await;
    for when in ["before", "after"] {
        for (service, operation) in [
            ("dynamodb", "TransactWriteItems"),
            ("cognito-idp", "AdminCreateUser"),
            ("cognito-idp", "AdminAddUserToGroup"),
        ] {
            for end in [false, true] {
                let what = format!("{operation} failed {when} its effect, end: {end}");
                let email = address("half");
                fail(&world, service, operation, when).await;
                let failed = invite(&ada, &email, "admin").await;
                heal_after_all(&world).await;
                assert!(
                    matches!(failed.status, 201 | 409 | 503),
                    "{what}: {} {}",
                    failed.status,
                    failed.body
                );
                if end {
                    if let Some(user) = listed_as(&ada, &email).await {
                        let path = format!("/users/{}", user["user_id"].as_str().unwrap());
                        let removed = world
                            .see("the removal", async || {
                                let answer = ada.delete(&path).await;
                                (answer.status != 409).then_some(answer)
                            })
                            .await;
                        assert!(
                            matches!(removed.status, 204 | 404),
                            "{what}: {} {}",
                            removed.status,
                            removed.body
                        );
                    }
                    continue;
                }
                // A row that is held may take 15 seconds to be free.
                let repeat = world
                    .see("the invitation", async || {
                        let answer = invite(&ada, &email, "admin").await;
                        (answer.refusal() != "409 concurrent-change").then_some(answer)
                    })
                    .await;
                assert!(
                    repeat.status == 201 || repeat.refusal() == "409 user-exists",
                    "{what}: {}",
                    repeat.body
                );
                let user = listed_as(&ada, &email).await.unwrap();
                let person = world.accept(&email).await;
                assert_eq!(user["user_id"], *person.user_id, "{what}");
                assert_eq!(person.get("/users").await.status, 200, "{what}: an administrator");
            }
        }
    }
}

#[tokio::test]
async fn another_invitation_that_failed_need_not_wait() {
    let world = world_alone().await;
    let tenant = world.fresh_tenant("half-again").await;
    let ada = world.sign_in(&tenant, 0).await;
    let email = address("half-again");
    let made = invite(&ada, &email, "member").await.expect(201).json();
    let id = made["user"]["user_id"].as_str().unwrap();
    for operation in ["AdminGetUser", "AdminCreateUser"] {
        eleven_minutes_pass(&world, &tenant, id).await;
        fail(&world, "cognito-idp", operation, "before").await;
        assert_eq!(invite(&ada, &email, "member").await.refusal(), "503 unavailable", "{operation}");
        heal_after_all(&world).await;
        let before = mails(&world, &email).await.len();
        let _ = invite(&ada, &email, "member").await.expect(200);
        assert_eq!(mails(&world, &email).await.len(), before + 1, "{operation}");
    }
    let _ = world.accept(&email).await;
}

#[tokio::test]
async fn a_removal_that_failed_anywhere_is_finished_by_a_repeat_and_without_one() {
    let world = world_alone().await;
    let tenant = world.fresh_tenant("half-removed").await;
    let ada = world.sign_in(&tenant, 0).await;
    for when in ["before", "after"] {
        for (service, operation) in [
            ("sqs", "SendMessage"),
            ("dynamodb", "TransactWriteItems"),
            ("verifiedpermissions", "CreatePolicy"),
            ("cognito-idp", "AdminGetUser"),
            ("cognito-idp", "AdminDisableUser"),
            ("cognito-idp", "AdminUserGlobalSignOut"),
        ] {
            for repeat in [true, false] {
                let what = format!("{operation} failed {when} its effect, repeated: {repeat}");
                let gwen = join(&world, &ada, "member").await;
                let path = format!("/users/{}", gwen.user_id);
                fail(&world, service, operation, when).await;
                let failed = ada.delete(&path).await;
                heal_after_all(&world).await;
                assert!(matches!(failed.status, 204 | 503), "{what}: {} {}", failed.status, failed.body);
                let user =
                    listed(&ada).await.into_iter().find(|user| user["user_id"] == gwen.user_id).unwrap();
                if repeat {
                    assert_eq!(ada.delete(&path).await.status, 204, "{what}");
                    assert_eq!(gwen.get("/documents").await.refusal(), "403 forbidden", "{what}: at once");
                } else if user["status"] != "removing" {
                    assert_eq!(gwen.get("/documents").await.status, 200, "{what}: nothing has begun");
                    continue;
                }
                world
                    .see("that gwen is out", async || {
                        let out = gwen.get("/documents").await.status == 403
                            && gwen.refresh(world.details).await.status == 400;
                        out.then_some(())
                    })
                    .await;
            }
        }
    }
}
