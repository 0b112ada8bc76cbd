//! A session reaches its own tenant's rows, objects and policies, and no other's.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_verifiedpermissions::types::{
    ActionIdentifier, Decision, EntityIdentifier, PolicyDefinition, StaticPolicyDefinition,
};
use local::account::Tenant;
use tests::{Aws, Refused, World, world};

use super::CONTENT;

/// Everything of a tenant's that a session could be after.
pub(super) struct Target<'a> {
    pub(super) world: &'a World,
    pub(super) tenant: &'a Tenant,
    pub(super) document: String,
}

impl Target<'_> {
    pub(super) fn table(&self, name: &str) -> &str {
        self.world.details.output(name)
    }

    /// What a session of the tenant may do; each is also tried by those who may not.
    async fn tries(&self, aws: &Aws) -> Vec<(&'static str, Result<(), Refused>)> {
        let (dynamodb, s3) = (aws.dynamodb(), aws.s3());
        let tenant = || AttributeValue::S(self.tenant.tenant_id.clone());
        let bucket = self.world.details.output("ContentBucketName");
        let key = format!("{}/{}", self.tenant.tenant_id, self.document);
        let get = dynamodb
            .get_item()
            .table_name(self.table("DocumentsTableName"))
            .key("tenant_id", tenant())
            .key("document_id", AttributeValue::S(self.document.clone()))
            .send()
            .await;
        let index = dynamodb
            .query()
            .table_name(self.table("DocumentsTableName"))
            .index_name("by-owner")
            .key_condition_expression("#t = :t")
            .expression_attribute_names("#t", "tenant_id")
            .expression_attribute_values(":t", tenant())
            .send()
            .await;
        let update = dynamodb
            .update_item()
            .table_name(self.table("DocumentsTableName"))
            .key("tenant_id", tenant())
            .key("document_id", AttributeValue::S(self.document.clone()))
            .update_expression("SET touched = :n")
            .expression_attribute_values(":n", AttributeValue::N("1".to_owned()))
            .send()
            .await;
        let shares = dynamodb
            .query()
            .table_name(self.table("SharesTableName"))
            .key_condition_expression("tenant_id = :t")
            .expression_attribute_values(":t", tenant())
            .send()
            .await;
        let object = s3.get_object().bucket(bucket).key(&key).send().await;
        let decision = aws
            .verified_permissions()
            .is_authorized()
            .policy_store_id(&self.tenant.policy_store_id)
            .principal(entity("User", "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11"))
            .action(action("addDocument"))
            .resource(entity("DocumentStore", &self.tenant.tenant_id))
            .send()
            .await;
        vec![
            ("GetItem", get.map(drop).map_err(|e| Refused::of(&e))),
            ("Query by-owner", index.map(drop).map_err(|e| Refused::of(&e))),
            ("UpdateItem", update.map(drop).map_err(|e| Refused::of(&e))),
            ("Query shares", shares.map(drop).map_err(|e| Refused::of(&e))),
            ("GetObject", object.map(drop).map_err(|e| Refused::of(&e))),
            (
                "IsAuthorized",
                decision
                    .map(|answer| assert_eq!(answer.decision, Decision::Allow))
                    .map_err(|e| Refused::of(&e)),
            ),
        ]
    }
}

pub(super) fn action(name: &str) -> ActionIdentifier {
    ActionIdentifier::builder().action_type("DocumentsAPI::Action").action_id(name).build().unwrap()
}

pub(super) fn entity(kind: &str, id: &str) -> EntityIdentifier {
    EntityIdentifier::builder().entity_type(format!("DocumentsAPI::{kind}")).entity_id(id).build().unwrap()
}

pub(super) fn tags<'a>(tenant: &'a Tenant, store: &'a Tenant) -> [(&'a str, &'a str); 2] {
    [("tenant_id", &tenant.tenant_id), ("policy_store_id", &store.policy_store_id)]
}

#[tokio::test]
async fn a_session_reaches_its_own_tenant_and_no_other() {
    let world = world().await;
    let ben = world.person("amber", 1).await;
    let document = ben.add("amber.txt", CONTENT).await;
    let (amber, cobalt) = (world.tenant("amber"), world.tenant("cobalt"));
    let target = Target { world: &world, tenant: amber, document };
    let data = world.details.output("TenantDataRoleArn");
    for function in ["Documents", "Shares"] {
        let function = world.function(function);
        let own = function.assume(data, &tags(amber, amber)).await.unwrap();
        for (what, tried) in target.tries(&own).await {
            assert_eq!(tried, Ok(()), "{what} with a session of its own tenant");
        }
        let foreign = function.assume(data, &tags(cobalt, cobalt)).await.unwrap();
        let mismatched = function.assume(data, &tags(cobalt, amber)).await.unwrap();
        for (whose, aws) in [("another tenant's session", &foreign), ("the function's own role", &function)] {
            for (what, tried) in target.tries(aws).await {
                assert!(
                    tried.as_ref().is_err_and(Refused::is_access_denied),
                    "{what} with {whose}: {tried:?}"
                );
            }
        }
        // A wrong mapping row would make such a session: the store's own tag refuses it.
        for (what, tried) in target.tries(&mismatched).await {
            assert!(
                tried.as_ref().is_err_and(Refused::is_access_denied),
                "{what} with a wrong mapping: {tried:?}"
            );
        }
    }
}
#[tokio::test]
async fn what_no_session_needs_no_session_may_do() {
    let world = world().await;
    let amber = world.tenant("amber");
    let session = world
        .function("Documents")
        .assume(world.details.output("TenantDataRoleArn"), &tags(amber, amber))
        .await
        .unwrap();
    let table = world.details.output("DocumentsTableName");
    let (dynamodb, avp) = (session.dynamodb(), session.verified_permissions());
    let own_rows = dynamodb
        .query()
        .table_name(table)
        .index_name("by-owner")
        .key_condition_expression("tenant_id = :t")
        .expression_attribute_values(":t", AttributeValue::S(amber.tenant_id.clone()))
        .send()
        .await;
    assert!(own_rows.is_ok(), "its own rows: {own_rows:?}");
    let policy =
        StaticPolicyDefinition::builder().statement("permit(principal, action, resource);").build().unwrap();
    for (what, refused) in [
        ("Scan", dynamodb.scan().table_name(table).send().await.map(drop).map_err(|e| Refused::of(&e))),
        (
            "Scan of an index",
            dynamodb
                .scan()
                .table_name(table)
                .index_name("by-owner")
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
        (
            "PartiQL",
            dynamodb
                .execute_statement()
                .statement(format!("SELECT * FROM \"{table}\""))
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
        (
            "DeleteTable",
            dynamodb.delete_table().table_name(table).send().await.map(drop).map_err(|e| Refused::of(&e)),
        ),
        (
            "CreatePolicy",
            avp.create_policy()
                .policy_store_id(&amber.policy_store_id)
                .definition(PolicyDefinition::Static(policy))
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
        ("ListPolicyStores", avp.list_policy_stores().send().await.map(drop).map_err(|e| Refused::of(&e))),
        (
            "ListObjectsV2",
            session
                .s3()
                .list_objects_v2()
                .bucket(world.details.output("ContentBucketName"))
                .send()
                .await
                .map(drop)
                .map_err(|e| Refused::of(&e)),
        ),
    ] {
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{what}: {refused:?}");
    }
}
