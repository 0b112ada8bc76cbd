//! What it costs that tokens decide: which AWS calls a request makes, exactly.

use reqwest::Method;
use serde_json::json;
use tests::{Answer, Person, World};

use crate::world_alone;

const QUERY: &str = "dynamodb:Query";
const DECIDED: &str = "verifiedpermissions:IsAuthorized";
const OPENED: &str = "sts:AssumeRoleWithWebIdentity";

/// The calls that were made for what was answered, as `service:operation`, by name.
async fn calls(world: &World, person: &Person, answer: &Answer) -> Vec<String> {
    let trace = answer.header("x-amzn-trace-id").trim_start_matches("Root=").to_owned();
    let url = format!("{}/_gateway/calls?trace={trace}", world.details.aws_endpoint_url);
    let told = person.use_url(Method::GET, &url, b"").await.expect(200).json();
    let mut made: Vec<String> = Vec::new();
    for call in told["calls"].as_array().unwrap() {
        let name = format!("{}:{}", call["service"].as_str().unwrap(), call["operation"].as_str().unwrap());
        let times = usize::try_from(call["count"].as_u64().unwrap()).unwrap();
        made.extend(std::iter::repeat_n(name, times));
    }
    made
}

#[tokio::test]
async fn a_warm_request_makes_no_call_to_sts_and_a_users_first_one_makes_one_a_power() {
    // Calls are counted for a request only while no other is under way.
    let world = world_alone().await;
    let tenant = world.fresh_tenant("counted").await;
    let ben = world.sign_in(&tenant, 1).await;
    let first = ben.get("/documents").await.expect(200);
    assert_eq!(
        calls(&world, &ben, &first).await,
        ["dynamodb:GetItem", QUERY, OPENED, DECIDED],
        "a tenant's first: two fewer than where functions assume roles, which read the row in a session of its own"
    );
    // Several environments may serve; each that has seen the user before answers with as many as in the other mode.
    world
        .see("a warm request", async || {
            let warm = ben.get("/documents").await.expect(200);
            (calls(&world, &ben, &warm).await == [QUERY, DECIDED]).then_some(())
        })
        .await;

    let document = ben.add("counted.txt", b"forty-two").await;
    let cleo = &tenant.users[2].user_id;
    let (share, path) =
        (json!({ "document_id": document, "user_id": cleo }), format!("/shares/{document}/{cleo}"));
    let first = ben.post("/shares", &share).await.expect(201);
    let opened = calls(&world, &ben, &first).await.iter().filter(|call| *call == OPENED).count();
    assert_eq!(opened, 2, "one to look, one to write policies");
    world
        .see("a warm share", async || {
            let _ = ben.delete(&path).await.expect(204);
            let warm = ben.post("/shares", &share).await.expect(201);
            let five = [
                "dynamodb:BatchGetItem",
                "dynamodb:TransactWriteItems",
                "dynamodb:TransactWriteItems",
                "verifiedpermissions:CreatePolicy",
                DECIDED,
            ];
            (calls(&world, &ben, &warm).await == five).then_some(())
        })
        .await;

    // Another user of the same tenant: the row is kept, the session is not theirs.
    world
        .see("an environment that has the tenant's row", async || {
            let fresh = world.sign_in(&tenant, 0).await;
            let first = fresh.get("/documents").await.expect(200);
            (calls(&world, &fresh, &first).await == [QUERY, OPENED, DECIDED]).then_some(())
        })
        .await;
}
