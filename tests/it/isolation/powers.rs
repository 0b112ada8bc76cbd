//! The powers to write and to remove end at the tenant too.

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use aws_sdk_verifiedpermissions::types::{PolicyDefinition, StaticPolicyDefinition};
use tests::{Aws, Refused, world};
use uuid::Uuid;

use super::{
    CONTENT,
    sessions::{Target, action, entity, tags},
};

/// The powers to write and to remove, each with what it is for, on the target's tenant. What is tried changes
/// nothing that anybody misses: rows and policies of a document that never was.
async fn powers(target: &Target<'_>, aws: &Aws, role: &str) -> Vec<(&'static str, Result<(), Refused>)> {
    let (dynamodb, s3, avp) = (aws.dynamodb(), aws.s3(), aws.verified_permissions());
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let tenant = target.tenant.tenant_id.as_str();
    let store = target.tenant.policy_store_id.as_str();
    let (nothing, key) = (Uuid::new_v4().to_string(), format!("{tenant}/{}", Uuid::new_v4()));
    let bucket = target.world.details.output("ContentBucketName");
    let share = format!("{nothing}#{nothing}");
    let unshare =
        avp.delete_policy().policy_store_id(store).policy_id(format!("name/share/{nothing}/{nothing}"));
    let outcome = |result: Result<(), Refused>| match result {
        // It was allowed to ask for what is not there.
        Err(refused) if refused.code == "ResourceNotFoundException" => Ok(()),
        other => other,
    };
    let mut tried = Vec::new();
    match role {
        "Sharing" => {
            let put = dynamodb
                .put_item()
                .table_name(target.table("SharesTableName"))
                .item("tenant_id", text(tenant))
                .item("share_id", text(&share));
            let delete = dynamodb
                .delete_item()
                .table_name(target.table("SharesTableName"))
                .key("tenant_id", text(tenant))
                .key("share_id", text(&share));
            let policy = StaticPolicyDefinition::builder()
                .statement(format!("permit(principal == DocumentsAPI::User::\"{nothing}\", action == DocumentsAPI::Action::\"accessDocument\", resource == DocumentsAPI::Document::\"{nothing}\");"))
                .build()
                .unwrap();
            let create = avp
                .create_policy()
                .policy_store_id(store)
                .name(format!("name/share/{nothing}/{nothing}"))
                .definition(PolicyDefinition::Static(policy));
            tried.push(("PutItem", put.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("DeleteItem", delete.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("CreatePolicy", create.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried
                .push(("DeletePolicy", outcome(unshare.send().await.map(drop).map_err(|e| Refused::of(&e)))));
        }
        "Directory" | "Departure" => {
            let users = target.table("UsersTableName");
            let row = dynamodb
                .delete_item()
                .table_name(users)
                .key("tenant_id", text(tenant))
                .key("user_id", text(&nothing));
            let list = dynamodb
                .query()
                .table_name(users)
                .key_condition_expression("tenant_id = :t")
                .expression_attribute_values(":t", text(tenant));
            let policy = StaticPolicyDefinition::builder()
                .statement(format!(
                    "forbid(principal == DocumentsAPI::User::\"{nothing}\", action, resource);"
                ))
                .build()
                .unwrap();
            let create = avp
                .create_policy()
                .policy_store_id(store)
                .name(format!("name/removed/{nothing}"))
                .definition(PolicyDefinition::Static(policy));
            tried.push(("DeleteItem", row.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("Query", list.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("CreatePolicy", create.send().await.map(drop).map_err(|e| Refused::of(&e))));
            if role == "Directory" {
                let put = dynamodb
                    .put_item()
                    .table_name(users)
                    .item("tenant_id", text(tenant))
                    .item("user_id", text("#nothing"));
                tried.push(("PutItem", put.send().await.map(drop).map_err(|e| Refused::of(&e))));
            } else {
                let received = dynamodb
                    .query()
                    .table_name(target.table("SharesTableName"))
                    .index_name("by-receiver")
                    .key_condition_expression("tenant_id = :t")
                    .expression_attribute_values(":t", text(tenant));
                let policies = avp.list_policies().policy_store_id(store);
                tried.push((
                    "Query by-receiver",
                    received.send().await.map(drop).map_err(|e| Refused::of(&e)),
                ));
                tried.push(("ListPolicies", policies.send().await.map(drop).map_err(|e| Refused::of(&e))));
                tried.push((
                    "DeletePolicy",
                    outcome(unshare.send().await.map(drop).map_err(|e| Refused::of(&e))),
                ));
            }
        }
        "Deletion" => {
            let row = dynamodb
                .delete_item()
                .table_name(target.table("DocumentsTableName"))
                .key("tenant_id", text(tenant))
                .key("document_id", text(&nothing));
            let delete =
                DeleteRequest::builder().key("tenant_id", text(tenant)).key("share_id", text(&share));
            let write = WriteRequest::builder().delete_request(delete.build().unwrap()).build();
            let batch =
                dynamodb.batch_write_item().request_items(target.table("SharesTableName"), vec![write]);
            let list = avp.list_policies().policy_store_id(store);
            let object = s3.delete_object().bucket(bucket).key(&key);
            tried.push(("DeleteItem", row.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("BatchWriteItem", batch.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("ListPolicies", list.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried
                .push(("DeletePolicy", outcome(unshare.send().await.map(drop).map_err(|e| Refused::of(&e)))));
            tried.push(("DeleteObject", object.send().await.map(drop).map_err(|e| Refused::of(&e))));
        }
        "Usage" => {
            for (what, table) in
                [("Query of usage", "UsageTableName"), ("Query of the ledger", "LedgerTableName")]
            {
                let rows = dynamodb
                    .query()
                    .table_name(target.table(table))
                    .key_condition_expression("tenant_id = :t")
                    .expression_attribute_values(":t", text(tenant));
                tried.push((what, rows.send().await.map(drop).map_err(|e| Refused::of(&e))));
            }
            let ask = avp
                .is_authorized()
                .policy_store_id(store)
                .principal(entity("User", &nothing))
                .action(action("viewUsage"))
                .resource(entity("DocumentStore", tenant));
            tried.push(("IsAuthorized", ask.send().await.map(drop).map_err(|e| Refused::of(&e))));
        }
        _ => {
            let row = dynamodb
                .get_item()
                .table_name(target.table("DocumentsTableName"))
                .key("tenant_id", text(tenant))
                .key("document_id", text(&target.document));
            let read = s3.get_object().bucket(bucket).key(format!("{tenant}/{}", target.document));
            let object = s3.delete_object().bucket(bucket).key(&key);
            tried.push(("GetItem", row.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("GetObject", read.send().await.map(drop).map_err(|e| Refused::of(&e))));
            tried.push(("DeleteObject", object.send().await.map(drop).map_err(|e| Refused::of(&e))));
        }
    }
    tried
}

#[tokio::test]
async fn the_powers_to_write_and_remove_end_at_the_tenant_too() {
    let world = world().await;
    let tenant = world.fresh_tenant("powers").await;
    let document = world.sign_in(&tenant, 1).await.add("powers.txt", CONTENT).await;
    let cobalt = world.tenant("cobalt");
    let target = Target { world: &world, tenant: &tenant, document };
    for (function, role) in [
        ("Shares", "Sharing"),
        ("Deletions", "Deletion"),
        ("Uploads", "Settlement"),
        ("Users", "Directory"),
        ("Departures", "Departure"),
        ("Usage", "Usage"),
    ] {
        let arn = world.details.output(&format!("Tenant{role}RoleArn"));
        let function = world.function(function);
        let own = function.assume(arn, &tags(&tenant, &tenant)).await.unwrap();
        for (what, tried) in powers(&target, &own, role).await {
            assert_eq!(tried, Ok(()), "{role}: {what} with a session of its own tenant");
        }
        let foreign = function.assume(arn, &tags(cobalt, cobalt)).await.unwrap();
        let mismatched = function.assume(arn, &tags(cobalt, &tenant)).await.unwrap();
        for (whose, aws) in
            [("another tenant's", &foreign), ("a wrongly mapped", &mismatched), ("no", &function)]
        {
            for (what, tried) in powers(&target, aws, role).await {
                assert!(
                    tried.as_ref().is_err_and(Refused::is_access_denied),
                    "{role}: {what} with {whose} session: {tried:?}"
                );
            }
        }
    }
}
