//! What there is of one tenant in the account, wherever it may be: looked for by its id, through everything.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::World;

/// What was found of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Policy stores whose description or tag names it.
    pub stores: Vec<String>,
    /// Aliases that name it, and the store that each leads to.
    pub aliases: Vec<(String, String)>,
    /// Rows, by table: every table but those of the control plane and of the vendor's accounts.
    pub rows: Vec<(String, String)>,
    /// Keys in the bucket.
    pub objects: Vec<String>,
    /// Accounts in the user pool: user ids.
    pub accounts: Vec<String>,
}

impl Holdings {
    /// Nothing at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// How many rows of a table there are.
    #[must_use]
    pub fn rows_of(&self, table: &str) -> usize {
        self.rows.iter().filter(|(name, _)| name == table).count()
    }

    /// How many users the directory has.
    #[must_use]
    pub fn users(&self) -> usize {
        self.rows.iter().filter(|(table, key)| table == "Users" && !key.starts_with('#')).count()
    }
}

impl World {
    /// What there is of a tenant in stores, tables, bucket and pool. Nothing is assumed: everything is read.
    pub async fn holdings(&self, tenant: &str) -> Holdings {
        let mut found = Holdings::default();
        self.find_stores(tenant, &mut found).await;
        self.find_rows(tenant, &mut found).await;
        self.find_objects(tenant, &mut found).await;
        self.find_accounts(tenant, &mut found).await;
        found
    }

    async fn find_stores(&self, tenant: &str, found: &mut Holdings) {
        let client = self.root().verified_permissions();
        let mut next = None;
        loop {
            // Ten lists a second is what the account gives, to everybody together.
            let page = self
                .see("a page of policy stores", async || {
                    let list = client.list_policy_stores().max_results(50).set_next_token(next.clone());
                    list.send().await.ok()
                })
                .await;
            for store in page.policy_stores {
                if store.description.as_deref().is_some_and(|text| text.contains(tenant)) {
                    found.stores.push(store.policy_store_id);
                }
            }
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        let mut next = None;
        loop {
            let page = self
                .see("a page of aliases", async || {
                    let list =
                        client.list_policy_store_aliases().max_results(50).set_next_token(next.clone());
                    list.send().await.ok()
                })
                .await;
            for alias in page.policy_store_aliases {
                if alias.alias_name.contains(tenant) {
                    found.aliases.push((alias.alias_name, alias.policy_store_id));
                }
            }
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
    }

    async fn find_rows(&self, tenant: &str, found: &mut Holdings) {
        let client = self.root().dynamodb();
        for (output, table) in &self.details.outputs {
            let Some(name) = output.strip_suffix("TableName") else { continue };
            // The vendor's accounts stay.
            if matches!(name, "Onboarding" | "Subscriptions" | "Usage" | "Ledger") {
                continue;
            }
            let mut from = None;
            loop {
                let page = client.scan().table_name(table).set_exclusive_start_key(from).send().await;
                let page = page.expect("a table is scanned");
                for row in page.items() {
                    let names = |value: &AttributeValue| format!("{value:?}").contains(tenant);
                    if row.values().any(names) {
                        found.rows.push((name.to_owned(), sort_key(row).unwrap_or_default()));
                    }
                }
                from = page.last_evaluated_key;
                if from.is_none() {
                    break;
                }
            }
        }
        found.rows.sort();
    }

    async fn find_objects(&self, tenant: &str, found: &mut Holdings) {
        let client = self.root().s3();
        let mut from = None;
        loop {
            let list = client.list_objects_v2().bucket(self.details.output("ContentBucketName"));
            let page = list.set_continuation_token(from).send().await.expect("the bucket is listed");
            let keys = page.contents().iter().filter_map(|object| object.key());
            found.objects.extend(keys.filter(|key| key.contains(tenant)).map(str::to_owned));
            from = page.next_continuation_token;
            if from.is_none() {
                break;
            }
        }
    }

    async fn find_accounts(&self, tenant: &str, found: &mut Holdings) {
        let client = self.root().cognito();
        let mut next = None;
        loop {
            let list = client.list_users().user_pool_id(&self.details.user_pool_id);
            let page = list.set_pagination_token(next).send().await.expect("the pool is listed");
            for user in page.users() {
                let value = |name: &str| {
                    user.attributes()
                        .iter()
                        .find(|attribute| attribute.name() == name)
                        .and_then(|a| a.value())
                };
                if value("custom:tenant_id") == Some(tenant) {
                    found.accounts.push(value("sub").unwrap_or_default().to_owned());
                }
            }
            next = page.pagination_token;
            if next.is_none() {
                break;
            }
        }
    }
}

/// What tells a tenant's rows of one table apart.
fn sort_key(row: &std::collections::HashMap<String, AttributeValue>) -> Option<String> {
    // A share's row names its document and its user as well.
    ["share_id", "document_id", "user_id"].iter().find_map(|name| row.get(*name)?.as_s().ok().cloned())
}
