//! A function's own credentials, and every session that it can make, against everything of another tenant's: each
//! table and index, the bucket, the policy store. As if the function itself were the attacker's.
//!
//! Functions of the control plane work across tenants by design, and no tenant's user reaches them; what each of those
//! may do is declared, and `prove` holds them to it.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AttackError, Report, cast::Scene, with};
use crate::{
    account::{self, Details, Tenant},
    aws::{CallError, Root},
};

/// Functions that work across tenants. What `TokenTags` reads of them all tells them apart.
const CONTROL_PLANE: [&str; 5] = ["Signup", "Onboarding", "Subscriptions", "Metering", "TokenTags"];
const DENIED: &str = "access denied";

pub(super) async fn attack(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let details = scene.details;
    let places = Places::of(scene).await?;
    for function in account::deployed(details) {
        let Some(own) = credentials(scene, function) else { continue };
        if !CONTROL_PLANE.contains(&function) {
            report.begin(&format!("{function}: its own credentials"));
            against(&own, &places, &scene.attacked, report).await;
            report.end();
        }
        for (role, arn) in tenant_roles(details) {
            let is_mapping = role == "Mapping";
            let (id, store) = (&scene.attacking.tenant_id, &scene.attacking.policy_store_id);
            let Ok(session) = assume(&own, arn, &tags(id, (!is_mapping).then_some(store)), None).await else {
                continue;
            };
            scene.plant("a session's token", session.session_token.as_deref().unwrap_or_default());
            report.begin(&format!("{function}: a session as Tenant{role}Role"));
            let allowed = reached(&session, &places, &scene.attacking).await;
            report.tried("its own tenant", "reached", if allowed > 0 { "reached" } else { "not reached" });
            against(&session, &places, &scene.attacked, report).await;
            if !is_mapping {
                // As a wrong mapping row would make it.
                let wrong = tags(id, Some(&scene.attacked.policy_store_id));
                let wrong = assume(&own, arn, &wrong, None).await.map_err(failed)?;
                against(&wrong, &places, &scene.attacked, report).await;
            }
            report.end();
        }
    }
    Ok(())
}

/// The function's credentials, where an attacker inside it finds them.
pub(super) fn credentials(scene: &Scene<'_>, function: &str) -> Option<Root> {
    let key = account::function_key(scene.details, function)?;
    Some(Root {
        access_key_id: key.access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: Some(key.session_token),
        ..scene.root.clone()
    })
}

/// The roles that stand for a tenant: `Data` and its ARN.
pub(super) fn tenant_roles(details: &Details) -> impl Iterator<Item = (&str, &str)> {
    details.outputs.iter().filter_map(|(output, arn)| {
        let role = output.strip_prefix("Tenant")?.strip_suffix("RoleArn")?;
        Some((role, arn.as_str()))
    })
}

/// A tenant's session tags.
pub(super) fn tags<'a>(tenant: &'a str, store: Option<&'a String>) -> Vec<(&'static str, &'a str)> {
    let store = store.map(|store| ("policy_store_id", store.as_str()));
    std::iter::once(("tenant_id", tenant)).chain(store).collect()
}

/// Assumes a role.
pub(super) async fn assume(
    who: &Root,
    role: &str,
    tags: &[(&str, &str)],
    external_id: Option<&str>,
) -> Result<Root, CallError> {
    let mut asked = vec![
        ("Action".to_owned(), "AssumeRole"),
        ("Version".to_owned(), "2011-06-15"),
        ("RoleArn".to_owned(), role),
        ("RoleSessionName".to_owned(), "attack"),
        ("DurationSeconds".to_owned(), "900"),
    ];
    for (nth, (key, value)) in tags.iter().enumerate() {
        asked.push((format!("Tags.member.{}.Key", nth + 1), key));
        asked.push((format!("Tags.member.{}.Value", nth + 1), value));
    }
    asked.extend(external_id.map(|id| ("ExternalId".to_owned(), id)));
    let asked: Vec<_> = asked.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    who.with_session_of(&who.query("sts", &asked).await?, "AssumeRole")
}

/// Where a tenant's data can be.
pub(super) struct Places {
    /// By name, with the attributes of its key and its indexes.
    tables: BTreeMap<String, Table>,
    bucket: String,
}

struct Table {
    key: Vec<(String, String)>,
    indexes: Vec<(String, String)>,
}

impl Places {
    pub(super) async fn of(scene: &Scene<'_>) -> Result<Self, AttackError> {
        let mut tables = BTreeMap::new();
        for (_, name) in scene.details.outputs.iter().filter(|(output, _)| output.ends_with("TableName")) {
            let asked = json!({ "TableName": name });
            let told = scene.root.json("dynamodb", "DynamoDB_20120810.DescribeTable", &asked).await;
            let told = told.map_err(failed)?;
            let text = |value: &Value, name: &str| {
                value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
            let types: BTreeMap<String, String> = list(told.pointer("/Table/AttributeDefinitions"))
                .iter()
                .map(|one| (text(one, "AttributeName"), text(one, "AttributeType")))
                .collect();
            let key = list(told.pointer("/Table/KeySchema"))
                .iter()
                .map(|one| text(one, "AttributeName"))
                .map(|name| (name.clone(), types.get(&name).cloned().unwrap_or_default()))
                .collect();
            let indexes = list(told.pointer("/Table/GlobalSecondaryIndexes"))
                .iter()
                .chain(&list(told.pointer("/Table/LocalSecondaryIndexes")))
                .map(|one| {
                    (
                        text(one, "IndexName"),
                        one.pointer("/KeySchema/0").map(|key| text(key, "AttributeName")),
                    )
                })
                .map(|(index, key)| (index, key.unwrap_or_default()))
                .collect();
            tables.insert(name.clone(), Table { key, indexes });
        }
        Ok(Self { tables, bucket: scene.details.output("ContentBucketName").to_owned() })
    }
}

/// Tries everything on what is `tenant`'s; each must be refused.
pub(super) async fn against(who: &Root, places: &Places, tenant: &Tenant, report: &mut Report<'_>) {
    for (what, outcome) in tries(who, places, tenant).await {
        let got = match &outcome {
            Err(error) if error.is_access_denied() => DENIED.to_owned(),
            Ok(()) => "done".to_owned(),
            Err(error) => format!("asked, and answered: {error}"),
        };
        report.tried(&what, DENIED, &got);
    }
}

/// How many of the same tries on one's own tenant are let through to the service.
pub(super) async fn reached(who: &Root, places: &Places, tenant: &Tenant) -> usize {
    let tried = tries(who, places, tenant).await;
    tried.iter().filter(|(_, outcome)| !outcome.as_ref().is_err_and(CallError::is_access_denied)).count()
}

/// What would change anything is about things that never were, or under a condition that nothing meets.
async fn tries(who: &Root, places: &Places, tenant: &Tenant) -> Vec<(String, Result<(), CallError>)> {
    let mut tried = Vec::new();
    for (name, table) in &places.tables {
        for (what, operation, asked) in rows(name, table, &tenant.tenant_id) {
            let target = format!("DynamoDB_20120810.{operation}");
            tried.push((what, who.json("dynamodb", &target, &asked).await.map(drop)));
        }
    }
    let (bucket, id, nothing) = (&places.bucket, &tenant.tenant_id, Uuid::new_v4());
    for (what, method, path) in [
        ("GetObject", Method::GET, format!("/{bucket}/{id}/{nothing}")),
        ("PutObject", Method::PUT, format!("/{bucket}/{id}/{nothing}")),
        ("DeleteObject", Method::DELETE, format!("/{bucket}/{id}/{nothing}")),
        ("ListObjectsV2", Method::GET, format!("/{bucket}?list-type=2&prefix={id}")),
        ("ListObjectVersions", Method::GET, format!("/{bucket}?versions&prefix={id}")),
        ("GetObjectTagging", Method::GET, format!("/{bucket}/{id}/{nothing}?tagging")),
    ] {
        tried.push((what.to_owned(), who.s3(method, &path, "").await.map(drop)));
    }
    for (operation, asked) in questions(tenant) {
        let target = format!("VerifiedPermissions.{operation}");
        tried.push((operation.to_owned(), who.json("verifiedpermissions", &target, &asked).await.map(drop)));
    }
    tried
}

/// Every way to read or write a tenant's rows.
fn rows(name: &str, table: &Table, tenant: &str) -> Vec<(String, &'static str, Value)> {
    let key: Value = table
        .key
        .iter()
        .enumerate()
        .map(|(nth, (attribute, kind))| {
            let value = if nth == 0 { tenant.to_owned() } else { "nothing".to_owned() };
            (attribute.clone(), json!({ kind.as_str(): value }))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    let partition = table.key.first().map_or("", |(attribute, _)| attribute);
    let query = |index: Option<&str>, attribute: &str| {
        let asked = json!({
            "TableName": name,
            "KeyConditionExpression": "#k = :k",
            "ExpressionAttributeNames": { "#k": attribute },
            "ExpressionAttributeValues": { ":k": { "S": tenant } },
        });
        match index {
            Some(index) => with(asked, "IndexName", index),
            None => asked,
        }
    };
    let short = name.rsplit('-').nth(1).unwrap_or(name).to_owned();
    let what = |operation: &str| format!("{operation} on {short}");
    // Nothing has it: whoever is let through changes nothing even so.
    let with_condition = |asked: Value| with(asked, "ConditionExpression", "attribute_exists(touched)");
    let update = with_condition(json!({
        "TableName": name, "Key": key, "UpdateExpression": "SET touched = :n",
        "ExpressionAttributeValues": { ":n": { "N": "1" } },
    }));
    let select = format!("SELECT * FROM \"{name}\" WHERE \"{partition}\" = '{tenant}'");
    let mut tries = vec![
        (what("GetItem"), "GetItem", json!({ "TableName": name, "Key": key })),
        (what("BatchGetItem"), "BatchGetItem", json!({ "RequestItems": { name: { "Keys": [key] } } })),
        (
            what("TransactGetItems"),
            "TransactGetItems",
            json!({ "TransactItems": [{ "Get": { "TableName": name, "Key": key } }] }),
        ),
        (what("Query"), "Query", query(None, partition)),
        (what("Scan"), "Scan", json!({ "TableName": name })),
        (what("PartiQL"), "ExecuteStatement", json!({ "Statement": select })),
        (what("PutItem"), "PutItem", with_condition(json!({ "TableName": name, "Item": key }))),
        (what("UpdateItem"), "UpdateItem", update),
        (what("DeleteItem"), "DeleteItem", with_condition(json!({ "TableName": name, "Key": key }))),
        (
            what("TransactWriteItems"),
            "TransactWriteItems",
            json!({ "TransactItems": [{ "Delete": with_condition(json!({ "TableName": name, "Key": key })) }] }),
        ),
    ];
    // A batch takes no condition; where the tenant is the whole key, it would take a row that is there.
    if table.key.len() > 1 {
        let delete = json!({ "RequestItems": { name: [{ "DeleteRequest": { "Key": key } }] } });
        tries.push((what("BatchWriteItem"), "BatchWriteItem", delete));
    }
    for (index, attribute) in &table.indexes {
        tries.push((what(&format!("Query {index}")), "Query", query(Some(index), attribute)));
        tries.push((
            what(&format!("Scan {index}")),
            "Scan",
            json!({ "TableName": name, "IndexName": index }),
        ));
    }
    tries
}

/// What can be asked of a policy store.
fn questions(tenant: &Tenant) -> Vec<(&'static str, Value)> {
    let store = &tenant.policy_store_id;
    let nothing = Uuid::new_v4();
    let entity =
        |kind: &str, id: &str| json!({ "entityType": format!("DocumentsAPI::{kind}"), "entityId": id });
    let statement = format!(
        "permit(principal == DocumentsAPI::User::\"{nothing}\", action == DocumentsAPI::Action::\"accessDocument\", resource == DocumentsAPI::Document::\"{nothing}\");"
    );
    vec![
        (
            "IsAuthorized",
            json!({
                "policyStoreId": store,
                "principal": entity("User", &nothing.to_string()),
                "action": { "actionType": "DocumentsAPI::Action", "actionId": "addDocument" },
                "resource": entity("DocumentStore", &tenant.tenant_id),
            }),
        ),
        ("ListPolicies", json!({ "policyStoreId": store })),
        ("GetPolicyStore", json!({ "policyStoreId": store })),
        ("GetSchema", json!({ "policyStoreId": store })),
        (
            "CreatePolicy",
            json!({ "policyStoreId": store, "definition": { "static": { "statement": statement } } }),
        ),
        (
            "DeletePolicy",
            json!({ "policyStoreId": store, "policyId": format!("name/share/{nothing}/{nothing}") }),
        ),
    ]
}

fn failed(source: CallError) -> AttackError {
    AttackError::Call { step: "make a function's session", source }
}
