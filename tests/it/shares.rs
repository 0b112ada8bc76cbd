//! Sharing documents within a tenant.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tests::world;

const CONTENT: &[u8] = b"forty-two";

#[tokio::test]
async fn a_share_opens_a_document_and_nothing_more() {
    let world = world().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    let id = ben.add("shared.txt", CONTENT).await;
    let path = format!("/documents/{id}");
    assert_eq!(cleo.get(&path).await.refusal(), "404 not-found");

    let made = ben.share(&id, &cleo).await.expect(201);
    assert!(made.header("location").ends_with(&format!("/shares/{id}/{}", cleo.user_id)));
    let share = made.json()["share"].clone();
    assert_eq!(
        (&share["document_id"], &share["user_id"], &share["shared_by"]),
        (&json!(id), &json!(cleo.user_id), &json!(ben.user_id))
    );
    let again = ben.share(&id, &cleo).await.expect(200).json();
    assert_eq!(again["share"], share, "a repeat answers with the same share");

    let opened = cleo.get(&path).await.expect(200).json();
    assert!(opened["download"]["url"].is_string());
    for (answer, what) in [
        (cleo.delete(&path).await, "delete it"),
        (cleo.share(&id, &cleo).await, "share it on"),
        (cleo.get(&format!("{path}/shares")).await, "see its shares"),
        (cleo.delete(&format!("/shares/{id}/{}", cleo.user_id)).await, "end a share"),
    ] {
        assert_eq!(answer.refusal(), "403 forbidden", "a receiver may not {what}");
    }
    let list = ben.get(&format!("{path}/shares")).await.expect(200).json();
    assert_eq!(list, json!({ "shares": [share] }));

    let _ = ben.delete(&format!("/shares/{id}/{}", cleo.user_id)).await.expect(204);
    assert_eq!(cleo.get(&path).await.refusal(), "404 not-found");
    assert_eq!(ben.get(&format!("{path}/shares")).await.json(), json!({ "shares": [] }));
    assert_eq!(
        ben.delete(&format!("/shares/{id}/{}", cleo.user_id)).await.refusal(),
        "404 not-found",
        "there is no such share any more"
    );
    let _ = ben.share(&id, &cleo).await.expect(201);
    assert_eq!(cleo.get(&path).await.status, 200, "it can be shared anew");
}

#[tokio::test]
async fn a_receiver_must_be_somebody_else_of_the_same_tenant() {
    let world = world().await;
    let (ben, cleo, emil) =
        (world.person("amber", 1).await, world.person("amber", 2).await, world.person("cobalt", 1).await);
    let id = ben.add("inside.txt", CONTENT).await;
    assert_eq!(ben.share(&id, &emil).await.refusal(), "422 receiver-outside-tenant");
    let nobody = json!({ "document_id": id, "user_id": uuid::Uuid::new_v4().to_string() });
    let unknown = ben.post("/shares", &nobody).await;
    assert_eq!(unknown.refusal(), "422 receiver-outside-tenant");
    assert_eq!(unknown.body, ben.share(&id, &emil).await.body, "nothing tells that he exists elsewhere");
    assert_eq!(ben.share(&id, &ben).await.refusal(), "422 receiver-is-owner");
    let _ = ben.share(&id, &cleo).await.expect(201);
}

#[tokio::test]
async fn a_stranger_of_the_tenant_finds_nothing() {
    let world = world().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    let id = ben.add("private.txt", CONTENT).await;
    let nothing = cleo.get(&format!("/documents/{}", uuid::Uuid::new_v4())).await;
    for answer in [
        cleo.get(&format!("/documents/{id}")).await,
        cleo.delete(&format!("/documents/{id}")).await,
        cleo.get(&format!("/documents/{id}/shares")).await,
        cleo.share(&id, &cleo).await,
        cleo.delete(&format!("/shares/{id}/{}", cleo.user_id)).await,
    ] {
        assert_eq!(answer.refusal(), "404 not-found");
        assert_eq!(answer.body, nothing.body, "byte for byte as for what does not exist");
    }
    assert_eq!(ben.get(&format!("/documents/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_document_has_a_limit_of_shares() {
    let world = world().await;
    let (ben, ada, cleo) =
        (world.person("amber", 1).await, world.person("amber", 0).await, world.person("amber", 2).await);
    let id = ben.add("popular.txt", CONTENT).await;
    // 399 shares are as many to the count as to the policies; making them takes 40 seconds each time.
    world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("DocumentsTableName"))
        .key("tenant_id", AttributeValue::S(ben.tenant_id.clone()))
        .key("document_id", AttributeValue::S(id.clone()))
        .update_expression("SET share_count = :n")
        .expression_attribute_values(":n", AttributeValue::N("399".to_owned()))
        .send()
        .await
        .unwrap();
    let _ = ben.share(&id, &cleo).await.expect(201);
    assert_eq!(ben.share(&id, &ada).await.refusal(), "409 share-limit-reached");
    assert_eq!(ben.share(&id, &cleo).await.status, 200, "a share that is there is no new one");
    let _ = ben.delete(&format!("/shares/{id}/{}", cleo.user_id)).await.expect(204);
    let _ = ben.share(&id, &ada).await.expect(201);
}

#[tokio::test]
async fn the_same_share_made_at_once_is_one_share() {
    let world = world().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    let id = ben.add("at-once.txt", CONTENT).await;
    let answers = tokio::join!(ben.share(&id, &cleo), ben.share(&id, &cleo), ben.share(&id, &cleo));
    let mut statuses = [answers.0.status, answers.1.status, answers.2.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 201], "one makes it, the others find it made");
    let list = ben.get(&format!("/documents/{id}/shares")).await.expect(200).json();
    assert_eq!(list["shares"].as_array().unwrap().len(), 1);
    assert_eq!(cleo.get(&format!("/documents/{id}")).await.status, 200);
    let _ = ben.delete(&format!("/shares/{id}/{}", cleo.user_id)).await.expect(204);
    assert_eq!(cleo.get(&format!("/documents/{id}")).await.refusal(), "404 not-found");
}

#[tokio::test]
async fn sharing_and_unsharing_at_once_leaves_access_and_list_agreed() {
    let world = world().await;
    let tenant = world.fresh_tenant("tug").await;
    let (ada, ben, cleo) =
        (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await, world.sign_in(&tenant, 2).await);
    let id = ben.add("tug.txt", CONTENT).await;
    let share = format!("/shares/{id}/{}", cleo.user_id);
    for round in 0..6 {
        let (made, ended, again) =
            tokio::join!(ben.share(&id, &cleo), ada.delete(&share), ada.share(&id, &cleo));
        for answer in [&made, &ended, &again] {
            assert!(
                matches!(answer.status, 200 | 201 | 204 | 404 | 409),
                "{round}: {} {}",
                answer.status,
                answer.body
            );
        }
        let listed = ben.get(&format!("/documents/{id}/shares")).await.expect(200).json();
        let is_listed = listed["shares"].as_array().unwrap().len() == 1;
        let may_open = cleo.get(&format!("/documents/{id}")).await.status == 200;
        assert_eq!(may_open, is_listed, "{round}: {} {} {}", made.status, ended.status, again.status);
    }
}
