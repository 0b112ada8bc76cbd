//! Deleting a document: invisible at once, and then nothing of it is left.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_sdk_verifiedpermissions::types::{
    EntityIdentifier, EntityReference, PolicyDefinition, PolicyFilter, TemplateLinkedPolicyDefinition,
};
use local::account::Tenant;
use reqwest::Method;
use tests::{World, world, world_alone};
use uuid::Uuid;

const CONTENT: &[u8] = b"forty-two";

/// What is left of a document: its row, its content, the first page of its policies and of its share rows.
async fn left(world: &World, tenant: &Tenant, document: &str) -> Vec<&'static str> {
    let (root, text) = (world.root(), |value: &str| AttributeValue::S(value.to_owned()));
    let row = root
        .dynamodb()
        .get_item()
        .table_name(world.details.output("DocumentsTableName"))
        .key("tenant_id", text(&tenant.tenant_id))
        .key("document_id", text(document))
        .send();
    let shares = root
        .dynamodb()
        .query()
        .table_name(world.details.output("SharesTableName"))
        .key_condition_expression("tenant_id = :t AND begins_with(share_id, :d)")
        .expression_attribute_values(":t", text(&tenant.tenant_id))
        .expression_attribute_values(":d", text(document))
        .send();
    let content = root
        .s3()
        .head_object()
        .bucket(world.details.output("ContentBucketName"))
        .key(format!("{}/{document}", tenant.tenant_id))
        .send();
    let policies = root
        .verified_permissions()
        .list_policies()
        .policy_store_id(&tenant.policy_store_id)
        .filter(
            PolicyFilter::builder()
                .resource(EntityReference::Identifier(entity("Document", document)))
                .build(),
        )
        .send();
    [
        ("row", row.await.unwrap().item.is_some()),
        ("share rows", shares.await.unwrap().count > 0),
        ("content", content.await.is_ok()),
        // The store may be busy with the very deletions that are waited for: then there is something left.
        ("policies", policies.await.map_or(true, |page| !page.policies.is_empty())),
    ]
    .into_iter()
    .filter_map(|(what, there)| there.then_some(what))
    .collect()
}

fn entity(kind: &str, id: &str) -> EntityIdentifier {
    EntityIdentifier::builder().entity_type(format!("DocumentsAPI::{kind}")).entity_id(id).build().unwrap()
}

#[tokio::test]
async fn a_deleted_document_is_gone_for_everyone_and_leaves_nothing() {
    let world = world().await;
    let (ada, ben, cleo) =
        (world.person("amber", 0).await, world.person("amber", 1).await, world.person("amber", 2).await);
    let id = ben.add("gone.txt", CONTENT).await;
    let kept = ben.add("kept.txt", CONTENT).await;
    for document in [&id, &kept] {
        let _ = ben.share(document, &cleo).await.expect(201);
    }
    let path = format!("/documents/{id}");
    assert_eq!(left(&world, world.tenant("amber"), &id).await, ["row", "share rows", "content", "policies"]);

    let _ = ben.delete(&path).await.expect(204);
    for person in [&ada, &ben, &cleo] {
        assert_eq!(person.get(&path).await.refusal(), "404 not-found");
        assert_eq!(person.delete(&path).await.refusal(), "404 not-found");
        assert_eq!(person.get(&format!("{path}/shares")).await.refusal(), "404 not-found");
    }
    assert_eq!(ben.share(&id, &cleo).await.refusal(), "404 not-found");
    let list = ben.get("/documents?limit=100").await.expect(200);
    assert!(!list.body.contains(&id) && list.body.contains(&kept));

    world
        .see("that nothing is left", async || {
            left(&world, world.tenant("amber"), &id).await.is_empty().then_some(())
        })
        .await;
    assert_eq!(
        left(&world, world.tenant("amber"), &kept).await,
        ["row", "share rows", "content", "policies"]
    );
    assert_eq!(cleo.get(&format!("/documents/{kept}")).await.status, 200, "the other one is as it was");
}

#[tokio::test]
async fn content_that_arrives_after_its_document_has_gone_is_removed() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let document = ben.add_pending("late.txt", CONTENT).await;
    let _ = ben.delete(&format!("/documents/{}", document.id)).await.expect(204);
    let _ = ben.upload(&document.upload, CONTENT).await.expect(200);
    world
        .see("that the late content is gone", async || {
            left(&world, world.tenant("amber"), &document.id).await.is_empty().then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_document_with_four_hundred_shares_leaves_nothing_either() {
    let world = world().await;
    let tenant = world.fresh_tenant("crowd").await;
    let ben = world.sign_in(&tenant, 1).await;
    let id = ben.add("crowd.txt", CONTENT).await;
    let mapping = world
        .root()
        .dynamodb()
        .get_item()
        .table_name(world.details.output("TenantsTableName"))
        .key("tenant_id", AttributeValue::S(tenant.tenant_id.clone()))
        .send()
        .await
        .unwrap()
        .item
        .unwrap();
    let template = mapping["share_template_id"].as_s().unwrap();
    // The store makes ten policies a second: the shares are made at its pace, below the API, as 400 calls of
    // the API would have made them.
    let avp = world.root().verified_permissions();
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(105));
    let mut rows = Vec::new();
    for _ in 0..400 {
        let user = Uuid::new_v4().to_string();
        let link = TemplateLinkedPolicyDefinition::builder()
            .policy_template_id(template)
            .principal(entity("User", &user))
            .resource(entity("Document", &id))
            .build()
            .unwrap();
        pace.tick().await;
        let made = avp
            .create_policy()
            .policy_store_id(&tenant.policy_store_id)
            .name(format!("name/share/{id}/{user}"))
            .definition(PolicyDefinition::TemplateLinked(link))
            .send()
            .await;
        assert!(made.is_ok(), "{made:?}");
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let row = PutRequest::builder()
            .item("tenant_id", text(&tenant.tenant_id))
            .item("share_id", text(&format!("{id}#{user}")))
            .item("document_id", text(&id))
            .item("user_id", text(&user))
            .item("shared_by", text(&ben.user_id))
            .item("created_at", text("2026-11-22T00:00:00.000Z"))
            .item("share_state", text("active"))
            .item("held_by", text("tests"))
            .item("held_since", text("2026-11-22T00:00:00.000Z"))
            .build()
            .unwrap();
        rows.push(WriteRequest::builder().put_request(row).build());
    }
    for rows in rows.chunks(25) {
        let _ = world
            .root()
            .dynamodb()
            .batch_write_item()
            .request_items(world.details.output("SharesTableName"), rows.to_vec())
            .send()
            .await
            .unwrap();
    }
    let shares = ben.get(&format!("/documents/{id}/shares")).await.expect(200).json();
    assert_eq!(shares["shares"].as_array().unwrap().len(), 400);

    let _ = ben.delete(&format!("/documents/{id}")).await.expect(204);
    // 400 deletions at the store's own rate take 48 seconds, so the rows are watched going first: listing
    // policies would compete with the deletions for the store.
    for left_at_most in [300, 200, 100, 0] {
        world
            .see("that share rows are going", async || {
                (share_rows(&world, &tenant, &id).await <= left_at_most).then_some(())
            })
            .await;
    }
    world
        .see("that nothing is left of the crowd", async || {
            left(&world, &tenant, &id).await.is_empty().then_some(())
        })
        .await;
    assert_eq!(policies(&world, &tenant).await, 3, "the static policies, and no share");
}

async fn share_rows(world: &World, tenant: &Tenant, document: &str) -> usize {
    let rows = world
        .root()
        .dynamodb()
        .query()
        .table_name(world.details.output("SharesTableName"))
        .key_condition_expression("tenant_id = :t AND begins_with(share_id, :d)")
        .expression_attribute_values(":t", AttributeValue::S(tenant.tenant_id.clone()))
        .expression_attribute_values(":d", AttributeValue::S(document.to_owned()))
        .send()
        .await
        .unwrap();
    rows.items().len()
}

/// How many policies the store holds; there are few, or the test has failed.
async fn policies(world: &World, tenant: &Tenant) -> usize {
    let all = world.root().verified_permissions().list_policies().policy_store_id(&tenant.policy_store_id);
    all.max_results(50).send().await.unwrap().policies.len()
}

#[tokio::test]
async fn a_deletion_goes_on_after_each_of_its_steps_has_failed() {
    let world = world_alone().await;
    for (service, operation, when) in [
        ("sts", "AssumeRole", "before"),
        ("verifiedpermissions", "ListPolicies", "before"),
        ("verifiedpermissions", "DeletePolicy", "before"),
        ("verifiedpermissions", "DeletePolicy", "after"),
        ("dynamodb", "BatchWriteItem", "before"),
        ("s3", "DeleteObject", "before"),
        ("s3", "DeleteObject", "after"),
        ("dynamodb", "DeleteItem", "before"),
        ("dynamodb", "DeleteItem", "after"),
    ] {
        // A tenant that no environment knows yet, so that a session has to be opened.
        let tenant = world.fresh_tenant("failing").await;
        let (ben, cleo) = (world.sign_in(&tenant, 1).await, world.sign_in(&tenant, 2).await);
        let id = ben.add("failing.txt", CONTENT).await;
        let _ = ben.share(&id, &cleo).await.expect(201);
        // Three tries of one call are the SDK's own; the order itself has to come back after them.
        let order = format!(
            r#"{{"service":"{service}","operation":"{operation}","function":"Deletions","when":"{when}","error":"500","times":3}}"#
        );
        let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
        let ordered = ben.use_url_with(Method::POST, &faults, order).await;
        assert_eq!(ordered.status, 201, "{}", ordered.body);
        let _ = ben.delete(&format!("/documents/{id}")).await.expect(204);
        assert_eq!(cleo.get(&format!("/documents/{id}")).await.refusal(), "404 not-found");
        world
            .see("that the fault was met and nothing is left", async || {
                let met =
                    ben.use_url(Method::GET, &faults, b"").await.json()["faults"] == serde_json::json!([]);
                (met && left(&world, &tenant, &id).await.is_empty()).then_some(())
            })
            .await;
    }
}
