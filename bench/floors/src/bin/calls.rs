//! The function that makes the same calls of AWS as another one, and nothing else: it looks at no event, checks no
//! claim, reads no row and logs nothing. `CALLS` is what the other one was seen to call, in that order:
//! `dynamodb GetItem documents;verifiedpermissions IsAuthorized`.
//!
//! The clients are set up as the functions' are, and what is sent is about as long.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, ReturnValue, TransactWriteItem, Update,
};
use aws_sdk_kms::{primitives::Blob, types::MacAlgorithmSpec};
use aws_sdk_verifiedpermissions::types::{
    ActionIdentifier, EntitiesDefinition, EntityIdentifier, EntityItem, PolicyDefinition,
    TemplateLinkedPolicyDefinition,
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;
use shared::{aws, config, connections};

const TENANT: &str = "0123456789abcdef0123456789abcdef";
const USER: &str = "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11";
const DOCUMENT: &str = "3b1f8c52-7d1e-4c1b-9a55-2f9b8f2d7a33";
const AGREEMENT: &str = "agmt-3k9x2m7q5v8c1z4t6w0b2n4d8";
const STORE: &str = "PSEXAMPLEabcdefg111111";

struct Clients {
    dynamodb: aws_sdk_dynamodb::Client,
    kms: aws_sdk_kms::Client,
    agreements: aws_sdk_marketplaceagreement::Client,
    marketplace: aws_sdk_marketplacemetering::Client,
    sqs: aws_sdk_sqs::Client,
    policies: aws_sdk_verifiedpermissions::Client,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let runtime = config::Runtime::from_env()?;
    let base = aws::base_config(&runtime)?;
    connections::open(&base, &connections::OF_TENANTS).await;
    #[expect(
        clippy::disallowed_methods,
        reason = "a floor is no function of the product: it is never deployed"
    )]
    let (clients, calls) = (
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::new(&base),
            kms: aws_sdk_kms::Client::new(&base),
            agreements: aws_sdk_marketplaceagreement::Client::new(&base),
            marketplace: aws_sdk_marketplacemetering::Client::new(&base),
            sqs: aws_sdk_sqs::Client::new(&base),
            policies: aws_sdk_verifiedpermissions::Client::new(&base),
        },
        std::env::var("CALLS").unwrap_or_default(),
    );
    run(service_fn(async |_: LambdaEvent<IgnoredAny>| {
        for call in calls.split(';').filter(|call| !call.is_empty()) {
            Box::pin(make(&clients, call)).await?;
        }
        Ok::<_, Error>(())
    }))
    .await
}

async fn make(clients: &Clients, call: &str) -> Result<(), Error> {
    let mut words = call.split(' ');
    let (Some(service), Some(operation)) = (words.next(), words.next()) else { return Err(unknown(call)) };
    let about = words.next().unwrap_or_default();
    match service {
        "dynamodb" => table(&clients.dynamodb, operation, about).await,
        "verifiedpermissions" => store(&clients.policies, operation).await,
        "sqs" => {
            let message = clients.sqs.send_message().message_body(format!(
                "{{\"tenant_id\":\"{TENANT}\",\"document_id\":\"{DOCUMENT}\",\"ordered_at_s\":1763820309}}"
            ));
            let message =
                message.queue_url("https://sqs.eu-central-1.amazonaws.com/111122223333/deletions.fifo");
            message.message_group_id(TENANT).message_deduplication_id(TENANT).send().await?;
            Ok(())
        }
        "kms" => mac(&clients.kms, operation).await,
        "marketplace_agreement" => {
            clients.agreements.describe_agreement().agreement_id(AGREEMENT).send().await?;
            Ok(())
        }
        "marketplace_metering" => marketplace(&clients.marketplace, operation).await,
        _ => Err(unknown(call)),
    }
}

fn unknown(call: &str) -> Error {
    format!("no floor for `{call}`").into()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn row<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, AttributeValue> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

fn key(table: &str) -> HashMap<String, AttributeValue> {
    match table {
        "users" => row([("tenant_id", TENANT), ("user_id", USER)]),
        "shares" => row([("tenant_id", TENANT), ("share_id", &format!("{DOCUMENT}#{USER}"))]),
        "subscriptions" => row([(
            "subject",
            "license#arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        )]),
        _ => row([("tenant_id", TENANT), ("document_id", DOCUMENT)]),
    }
}

/// As long as a document's row.
fn item() -> HashMap<String, AttributeValue> {
    let mut item = key("documents");
    item.extend(row([
        ("document_name", "quarterly plan.txt"),
        ("document_owner", USER),
        ("content_type", "text/plain"),
        ("checksum_sha256", "XMRwAffBM02zxWjduxyO5RgSqo51WCymFrHsMb8t3BY="),
        ("created_at", "2026-11-20T14:05:09.000Z"),
        ("owner_created", &format!("{USER}#2026-11-20T14:05:09.000Z#{DOCUMENT}")),
        ("document_state", "pending"),
        ("size_bytes", "9"),
        ("document_version", "1"),
        ("share_count", "0"),
    ]));
    item
}

async fn table(client: &aws_sdk_dynamodb::Client, operation: &str, about: &str) -> Result<(), Error> {
    match operation {
        "GetItem" => {
            client
                .get_item()
                .table_name(about)
                .set_key(Some(key(about)))
                .consistent_read(true)
                .send()
                .await?;
        }
        "BatchGetItem" => {
            let mut batch = client.batch_get_item();
            for table in ["documents", "users", "shares"] {
                let keys = KeysAndAttributes::builder().keys(key(table)).consistent_read(true).build()?;
                batch = batch.request_items(table, keys);
            }
            batch.send().await?;
        }
        "Query" => {
            client
                .query()
                .table_name(about)
                .key_condition_expression("tenant_id = :tenant AND begins_with(owner_created, :owner)")
                .expression_attribute_values(":tenant", text(TENANT))
                .expression_attribute_values(":owner", text(USER))
                .limit(10)
                .send()
                .await?;
        }
        "PutItem" => {
            client.put_item().table_name(about).set_item(Some(item())).send().await?;
        }
        "UpdateItem" => {
            client
                .update_item()
                .table_name(about)
                .set_key(Some(key(about)))
                .update_expression("SET share_state = :state, held_by = :mark, held_since = :now")
                .condition_expression("held_by = :known")
                .expression_attribute_values(":state", text("ending"))
                .expression_attribute_values(":mark", text(TENANT))
                .expression_attribute_values(":known", text(TENANT))
                .expression_attribute_values(":now", text("2026-11-20T14:05:09.000Z"))
                .return_values(if about == "subscriptions" { ReturnValue::AllNew } else { ReturnValue::None })
                .send()
                .await?;
        }
        "TransactWriteItems" => {
            let update = Update::builder()
                .table_name("documents")
                .set_key(Some(key("documents")))
                .update_expression("ADD share_count :one")
                .condition_expression("document_state = :available AND share_count < :max")
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                .expression_attribute_values(":max", AttributeValue::N("400".to_owned()))
                .expression_attribute_values(":available", text("available"))
                .build()?;
            let put = Put::builder()
                .table_name("usage")
                .set_item(Some(item()))
                .condition_expression("attribute_not_exists(usage_key)")
                .build()?;
            let parts = vec![
                TransactWriteItem::builder().put(put).build(),
                TransactWriteItem::builder().update(update).build(),
            ];
            client.transact_write_items().set_transact_items(Some(parts)).send().await?;
        }
        _ => return Err(unknown(operation)),
    }
    Ok(())
}

fn entity(of_type: &str, id: &str) -> Result<EntityIdentifier, Error> {
    Ok(EntityIdentifier::builder().entity_type(format!("DocumentsAPI::{of_type}")).entity_id(id).build()?)
}

async fn store(client: &aws_sdk_verifiedpermissions::Client, operation: &str) -> Result<(), Error> {
    let name = format!("name/share/{DOCUMENT}/{USER}");
    match operation {
        "IsAuthorized" => {
            let (user, document) = (entity("User", USER)?, entity("Document", DOCUMENT)?);
            let collection = entity("DocumentStore", TENANT)?;
            let entities = vec![
                EntityItem::builder().identifier(user.clone()).set_parents(Some(Vec::new())).build(),
                EntityItem::builder().identifier(document.clone()).parents(collection).build(),
            ];
            client
                .is_authorized()
                .policy_store_id(STORE)
                .principal(user)
                .action(
                    ActionIdentifier::builder()
                        .action_type("DocumentsAPI::Action")
                        .action_id("accessDocument")
                        .build()?,
                )
                .resource(document)
                .entities(EntitiesDefinition::EntityList(entities))
                .send()
                .await?;
        }
        "CreatePolicy" => {
            let definition = TemplateLinkedPolicyDefinition::builder()
                .policy_template_id("PTEXAMPLEabcdefg111111")
                .principal(entity("User", USER)?)
                .resource(entity("Document", DOCUMENT)?)
                .build()?;
            let policy = client.create_policy().policy_store_id(STORE).name(name);
            policy.definition(PolicyDefinition::TemplateLinked(definition)).send().await?;
        }
        "DeletePolicy" => {
            client.delete_policy().policy_store_id(STORE).policy_id(name).send().await?;
        }
        _ => return Err(unknown(operation)),
    }
    Ok(())
}

async fn mac(client: &aws_sdk_kms::Client, operation: &str) -> Result<(), Error> {
    let (arn, message) = ("arn:aws:kms:eu-central-1:111122223333:key/k", Blob::new(vec![b'm'; 180]));
    match operation {
        "GenerateMac" => {
            let mac = client.generate_mac().key_id(arn).mac_algorithm(MacAlgorithmSpec::HmacSha256);
            mac.message(message).send().await?;
        }
        "VerifyMac" => {
            let mac = client.verify_mac().key_id(arn).mac_algorithm(MacAlgorithmSpec::HmacSha256);
            mac.message(message).mac(Blob::new([0; 32])).send().await?;
        }
        _ => return Err(unknown(operation)),
    }
    Ok(())
}

async fn marketplace(client: &aws_sdk_marketplacemetering::Client, operation: &str) -> Result<(), Error> {
    use aws_sdk_marketplacemetering::types::UsageRecord;
    match operation {
        "ResolveCustomer" => {
            client.resolve_customer().registration_token("EXAMPLE+opaque/token==").send().await?;
        }
        "BatchMeterUsage" => {
            let record = |dimension: &str| {
                UsageRecord::builder()
                    .timestamp(aws_smithy_types::DateTime::from_secs(1_795_348_800))
                    .customer_aws_account_id("111122223333")
                    .license_arn(
                        "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                    )
                    .dimension(dimension)
                    .quantity(1)
                    .build()
            };
            let records: Result<Vec<_>, _> =
                ["documents_added", "shares_created", "storage_gib_hours"].into_iter().map(record).collect();
            client.batch_meter_usage().set_usage_records(Some(records?)).send().await?;
        }
        _ => return Err(unknown(operation)),
    }
    Ok(())
}
