//! Everything that a tenant has in the account, as one value: whoever compares two of them knows whether anything of
//! it changed between, wherever it is.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::{AttackError, with};
use crate::{
    account::{Details, Tenant},
    aws::Root,
};

/// The most pages of a list that are read.
const PAGES_MAX: usize = 100;

/// By place (`DocumentsTable`, `bucket`, `policies`): what is there of the tenant, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holdings(BTreeMap<String, Vec<String>>);

impl Holdings {
    /// Reads all of it with the root's powers.
    pub(super) async fn of(root: &Root, details: &Details, tenant: &Tenant) -> Result<Self, AttackError> {
        let mut found = BTreeMap::new();
        for (output, table) in &details.outputs {
            if let Some(name) = output.strip_suffix("TableName") {
                let mut rows = scan(root, table).await?;
                rows.retain(|row| row.contains(&tenant.tenant_id));
                rows.sort();
                found.insert(format!("table {name}"), rows);
            }
        }
        let bucket = details.output("ContentBucketName");
        let path = format!("/{bucket}?list-type=2&prefix={}", tenant.tenant_id);
        let listed = root.s3(Method::GET, &path, "").await.map_err(failed)?;
        let objects = listed.split("<Contents>").skip(1);
        found.insert("bucket".to_owned(), objects.map(str::to_owned).collect());
        let mut policies = policies(root, &tenant.policy_store_id).await?;
        policies.sort();
        found.insert("policy store".to_owned(), policies);
        Ok(Self(found))
    }

    /// Where a document still is, beside the accounts of its use, which outlive it.
    pub(super) fn places_of(&self, document: &str) -> Vec<String> {
        let is_account = |place: &str| matches!(place, "table Usage" | "table Ledger");
        let holds = |found: &[String]| found.iter().any(|one| one.contains(document));
        let places = self.0.iter().filter(|(place, found)| !is_account(place) && holds(found));
        places.map(|(place, _)| place.clone()).collect()
    }

    /// The places that are not as they were; empty when none changed.
    pub(super) fn changed_since(&self, before: &Self) -> Vec<String> {
        let differs = |(place, now): &(&String, &Vec<String>)| before.0.get(*place) != Some(*now);
        self.0.iter().filter(differs).map(|(place, _)| place.clone()).collect()
    }
}

async fn scan(root: &Root, table: &str) -> Result<Vec<String>, AttackError> {
    let mut asked = json!({ "TableName": table, "ConsistentRead": true });
    let mut rows = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = root.json("dynamodb", "DynamoDB_20120810.Scan", &asked).await.map_err(failed)?;
        rows.extend(page.get("Items").and_then(Value::as_array).into_iter().flatten().map(Value::to_string));
        match page.get("LastEvaluatedKey") {
            Some(key) => asked = with(asked, "ExclusiveStartKey", key.clone()),
            None => return Ok(rows),
        }
    }
    Err(AttackError::Endless("a table"))
}

async fn policies(root: &Root, store: &str) -> Result<Vec<String>, AttackError> {
    let mut asked = json!({ "policyStoreId": store, "maxResults": 50 });
    let mut policies = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = root.json("verifiedpermissions", "VerifiedPermissions.ListPolicies", &asked).await;
        let page = page.map_err(failed)?;
        let listed = page.get("policies").and_then(Value::as_array).into_iter().flatten();
        policies.extend(listed.map(Value::to_string));
        match page.get("nextToken").filter(|token| !token.is_null()) {
            Some(token) => asked = with(asked, "nextToken", token.clone()),
            None => return Ok(policies),
        }
    }
    Err(AttackError::Endless("a policy store"))
}

fn failed(source: crate::aws::CallError) -> AttackError {
    AttackError::Call { step: "look at what a tenant has", source }
}
