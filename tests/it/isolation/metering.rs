//! The metering function's own powers: what tenants used, and nothing else of theirs.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_marketplacemetering::{error::ProvideErrorMetadata, types::UsageRecord};
use serde_json::json;
use shared::metering::Hour;
use tests::{Aws, Refused, World, now, world};
use uuid::Uuid;

use super::CONTENT;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn query(who: &Aws, table: &str, tenant: &str) -> Result<(), Refused> {
    let query = who.dynamodb().query().table_name(table).key_condition_expression("tenant_id = :t");
    let reply = query.expression_attribute_values(":t", text(tenant)).send().await;
    reply.map(drop).map_err(|e| Refused::of(&e))
}

async fn get(who: &Aws, table: &str, keys: &[(&str, &str)]) -> Result<(), Refused> {
    let get = keys
        .iter()
        .fold(who.dynamodb().get_item().table_name(table), |get, (name, value)| get.key(*name, text(value)));
    get.send().await.map(drop).map_err(|e| Refused::of(&e))
}

async fn put(who: &Aws, table: &str, keys: &[(&str, &str)]) -> Result<(), Refused> {
    let put = keys
        .iter()
        .fold(who.dynamodb().put_item().table_name(table), |put, (name, value)| put.item(*name, text(value)));
    put.send().await.map(drop).map_err(|e| Refused::of(&e))
}

async fn delete(who: &Aws, table: &str, keys: &[(&str, &str)]) -> Result<(), Refused> {
    let delete = keys.iter().fold(who.dynamodb().delete_item().table_name(table), |delete, (name, value)| {
        delete.key(*name, text(value))
    });
    delete.send().await.map(drop).map_err(|e| Refused::of(&e))
}

/// Sets one attribute of a licence that does not exist: what is refused is refused before that is looked at.
async fn set(who: &Aws, world: &World, license: &str, attribute: &str) -> Result<(), Refused> {
    let update = who
        .dynamodb()
        .update_item()
        .table_name(world.details.output("SubscriptionsTableName"))
        .key("subject", text(license))
        .update_expression("SET #a = :a")
        .expression_attribute_names("#a", attribute)
        .expression_attribute_values(":a", text("tests"));
    update.send().await.map(drop).map_err(|e| Refused::of(&e))
}

#[tokio::test]
async fn the_metering_function_reaches_what_was_used_and_nothing_else_of_a_tenant() {
    let world = world().await;
    let document = world.person("amber", 1).await.add("not-for-metering.txt", CONTENT).await;
    let tenant = world.tenant("amber").tenant_id.as_str();
    let (metering, root) = (world.function("Metering"), world.root());
    let table = |name: &str| world.details.output(&format!("{name}TableName"));

    // Its own work.
    let nobody = Uuid::new_v4().simple().to_string();
    let entry = [("tenant_id", nobody.as_str()), ("slot", "origin")];
    assert_eq!(query(&metering, table("Usage"), tenant).await, Ok(()));
    assert_eq!(query(&metering, table("Ledger"), tenant).await, Ok(()));
    assert_eq!(put(&metering, table("Ledger"), &entry).await, Ok(()));
    assert_eq!(get(&metering, table("Ledger"), &entry).await, Ok(()));
    let license = format!("license#tests-{nobody}");
    assert_eq!(get(&metering, table("Subscriptions"), &[("subject", &license)]).await, Ok(()));
    assert_eq!(set(&metering, &world, &license, "final_metering").await, Ok(()));

    // Each is refused to it, and allowed to the account's root in the same words.
    let row = [("tenant_id", tenant), ("document_id", document.as_str())];
    let used = [("tenant_id", nobody.as_str()), ("usage_key", "usage#2026-11-22T10#tests")];
    for (who, is_root) in [(&metering, false), (&root, true)] {
        let outcomes = [
            ("a document's row", get(who, table("Documents"), &row).await),
            ("all documents' rows", query(who, table("Documents"), tenant).await),
            ("shares", query(who, table("Shares"), tenant).await),
            ("users", query(who, table("Users"), tenant).await),
            ("the mapping row", get(who, table("Tenants"), &[("tenant_id", tenant)]).await),
            ("an onboarding", get(who, table("Onboarding"), &[("tenant_id", tenant)]).await),
            ("content", content(who, &world, tenant, &document).await),
            ("policies", policies(who, &world).await),
            ("making usage up", put(who, table("Usage"), &used).await),
            ("making usage go away", delete(who, table("Usage"), &used).await),
            ("taking an entry back", delete(who, table("Ledger"), &entry).await),
            ("giving a licence to a tenant", set(who, &world, &license, "tenant_id").await),
            ("giving a licence to an account", set(who, &world, &license, "customer_account").await),
            ("ending a subscription", set(who, &world, &license, "license_deprovisioned").await),
        ];
        for (what, outcome) in outcomes {
            if is_root {
                assert_eq!(outcome, Ok(()), "{what}, by the root");
            } else {
                assert!(outcome.as_ref().is_err_and(Refused::is_access_denied), "{what}: {outcome:?}");
            }
        }
    }
    assert_eq!(delete(&root, table("Subscriptions"), &[("subject", &license)]).await, Ok(()));
}

async fn content(who: &Aws, world: &World, tenant: &str, document: &str) -> Result<(), Refused> {
    let bucket = world.details.output("ContentBucketName");
    let got = who.s3().get_object().bucket(bucket).key(format!("{tenant}/{document}")).send().await;
    got.map(drop).map_err(|e| Refused::of(&e))
}

async fn policies(who: &Aws, world: &World) -> Result<(), Refused> {
    let store = &world.tenant("amber").policy_store_id;
    let listed = who.verified_permissions().list_policies().policy_store_id(store).send().await;
    listed.map(drop).map_err(|e| Refused::of(&e))
}

#[tokio::test]
async fn the_metering_function_opens_no_session_of_a_tenant() {
    let world = world().await;
    let amber = world.tenant("amber");
    let tags = [("tenant_id", amber.tenant_id.as_str()), ("policy_store_id", amber.policy_store_id.as_str())];
    let role = |name: &str| world.details.output(&format!("Tenant{name}RoleArn"));
    assert!(world.function("Documents").assume(role("Data"), &tags).await.is_ok(), "a function that may");
    for name in ["Mapping", "Data", "Settlement", "Sharing", "Deletion", "Directory", "Departure", "Erasure"]
    {
        let refused = world.function("Metering").assume(role(name), &tags).await.map(drop);
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn only_the_metering_function_bills_and_only_in_the_one_region() {
    let world = world().await;
    let seller = &world.details.seller;
    let (role, right) = (&seller.outputs["MeteringRoleArn"], seller.external_id.as_str());
    let metering = world.function("Metering");
    let lent = metering.borrow(role, Some(right)).await.unwrap();
    for (who, external_id, why) in [
        (&metering, None, "no ExternalId"),
        (&metering, Some("strongroom-metering-of-somebody-else"), "another ExternalId"),
        (&world.function("Signup"), Some(right), "another function that has a role there"),
        (&world.function("Documents"), Some(right), "a function that has none"),
        (&world.root(), Some(right), "the root of the product's account"),
    ] {
        let refused = who.borrow(role, external_id).await.err();
        assert!(refused.as_ref().is_some_and(Refused::is_access_denied), "{why}: {refused:?}");
    }
    let bought = world.bought(json!({})).await;
    let bill = async |who: &Aws| {
        let hour = Duration::from_secs(Hour::of(now().into()).start().get());
        let record = UsageRecord::builder()
            .timestamp((SystemTime::UNIX_EPOCH + hour).into())
            .dimension("documents_added")
            .quantity(0)
            .customer_aws_account_id(&bought.account)
            .license_arn(&bought.license_arn)
            .customer_identifier("");
        let reply = who.metering().batch_meter_usage().usage_records(record.build().unwrap()).send().await;
        reply.map(drop).map_err(|e| e.code().unwrap_or("no code").to_owned())
    };
    let allowed = bill(&lent).await;
    assert!(!allowed.as_ref().is_err_and(|code| code.starts_with("AccessDenied")), "{allowed:?}");
    for (who, why) in [
        (&metering, "the function's own credentials"),
        (&world.root(), "the root of the product's account"),
        (&lent.in_region("eu-west-1"), "another Region, in which the same hour would be billed once more"),
    ] {
        let refused = bill(who).await;
        assert!(refused.as_ref().is_err_and(|code| code.starts_with("AccessDenied")), "{why}: {refused:?}");
    }
    let resolved = lent.metering().resolve_customer().registration_token("token").send().await;
    assert!(Refused::of(&resolved.unwrap_err()).is_access_denied(), "resolving buyers is another role's");
}
