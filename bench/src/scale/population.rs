//! The tenants of a grown account: made below the API, because an account opens one tenant a second.
//!
//! One tenant is opened as every tenant is, by the product's own onboarding, and a document is added to it by the
//! product's own function. All others are copies: of its policy store, past the service's rate, and of the rows that
//! the product wrote, with other ids in them. So no row's form stands here. What a copy lacks is what no request
//! of this measurement looks at: an alias of its store, accounts in the user pool, content in the bucket.

use std::time::{Duration, Instant};

use local::{
    Root,
    account::{self, Details},
    doors::Doors,
    story::Visitor,
};
use serde_json::{Value, json};
use shared::ids::{DocumentId, TenantId, UserId};
use tokio::task::JoinSet;

use super::{
    ScaleError,
    events::{Request, Who},
    skew::documents_of,
    station::Station,
};

/// Writes at once.
const AT_ONCE: usize = 8;
/// The most items of one `BatchWriteItem`.
const BATCH_MAX: usize = 25;
/// The most copies that the gateway makes at once.
const COPIES_MAX: usize = 1_000;
/// The content that `events/documents-add.json` promises.
const CONTENT: &[u8] = b"forty-two";

/// A tenant, one of its users, and the documents that they own.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) who: Who,
    pub(super) documents: Vec<DocumentId>,
}

/// What is copied.
struct Model {
    who: Who,
    document: DocumentId,
    policy_store_id: String,
    mapping_row: Value,
    document_row: Value,
    user_row: Value,
}

/// The tenants, the busiest first.
pub(super) struct Population {
    root: Root,
    doors: Doors,
    details: Details,
    model: Model,
    documents_of_first: u32,
    members: Vec<Member>,
    documents: usize,
    rows: usize,
    took: Duration,
}

impl Population {
    /// Opens the tenant that all others are copies of. `station` is of the documents function.
    pub(super) async fn begin(
        details: &Details,
        documents_of_first: u32,
        station: &mut Station,
    ) -> Result<Self, ScaleError> {
        let begun = Instant::now();
        let root = details.root()?;
        let name = format!("scale-{}", TenantId::random());
        let opened = account::open_tenant(details, &name).await?;
        let user = opened.users.get(1).ok_or(ScaleError::Malformed("a new tenant"))?;
        let malformed = |_| ScaleError::Malformed("a tenant's id");
        let who = Who {
            tenant: opened.tenant_id.parse().map_err(malformed)?,
            user: user.user_id.parse().map_err(malformed)?,
        };
        let added = station.done(who, Request::AddDocument).await?.body;
        let document = added.pointer("/document/document_id").and_then(Value::as_str).unwrap_or_default();
        let document = document.parse().map_err(|_| ScaleError::Malformed("a document's id"))?;
        let upload = added.get("upload").cloned().unwrap_or_default();
        let sent = Visitor::unknown(details)?.upload(&upload, CONTENT.to_vec()).await;
        if sent.status != 200 {
            return Err(ScaleError::Upload(sent.summary()));
        }
        // Whoever opens it before the bucket's event has come settles it.
        station.done(who, Request::OpenDocument(document)).await?;
        let tenant = json!({ "S": who.tenant.to_string() });
        let row = |table: &str, key: Value| {
            let asked = json!({
                "TableName": details.output(table), "Key": key, "ConsistentRead": true,
            });
            read_row(&root, asked)
        };
        let model = Model {
            mapping_row: row("TenantsTableName", json!({ "tenant_id": tenant })).await?,
            document_row: row(
                "DocumentsTableName",
                json!({ "tenant_id": tenant, "document_id": { "S": document.to_string() } }),
            )
            .await?,
            user_row: row(
                "UsersTableName",
                json!({ "tenant_id": tenant, "user_id": { "S": who.user.to_string() } }),
            )
            .await?,
            who,
            document,
            policy_store_id: opened.policy_store_id,
        };
        Ok(Self {
            doors: Doors::of(details)?,
            root,
            details: details.clone(),
            model,
            documents_of_first,
            members: Vec::new(),
            documents: 0,
            rows: 0,
            took: begun.elapsed(),
        })
    }

    /// Adds tenants until there are so many. The first has the most documents, each other what its rank leaves it.
    pub(super) async fn grow_to(&mut self, tenants: u32) -> Result<(), ScaleError> {
        let begun = Instant::now();
        let have = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let ranks: Vec<u32> = (have + 1..=tenants).collect();
        for ranks in ranks.chunks(COPIES_MAX) {
            let new: Vec<Member> = ranks
                .iter()
                .map(|rank| {
                    let documents = documents_of(*rank, self.documents_of_first);
                    Member {
                        who: Who { tenant: TenantId::random(), user: UserId::random() },
                        documents: (0..documents).map(|_| DocumentId::random()).collect(),
                    }
                })
                .collect();
            self.settle(&new).await?;
            self.members.extend(new);
        }
        self.took += begun.elapsed();
        Ok(())
    }

    /// One more tenant, that nobody of the others is: with one document, and so many users who may be given it.
    pub(super) async fn apart(&mut self, receivers: u32) -> Result<(Member, Vec<UserId>), ScaleError> {
        let begun = Instant::now();
        let who = Who { tenant: TenantId::random(), user: UserId::random() };
        let member = Member { who, documents: vec![DocumentId::random()] };
        self.settle(std::slice::from_ref(&member)).await?;
        let receivers: Vec<UserId> = (0..receivers).map(|_| UserId::random()).collect();
        let rows = receivers
            .iter()
            .map(|user| self.model.copy(&self.model.user_row, Who { user: *user, ..who }, None, None));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        self.put("UsersTableName", rows).await?;
        self.took += begun.elapsed();
        Ok((member, receivers))
    }

    /// Gives these tenants their stores and rows.
    async fn settle(&mut self, new: &[Member]) -> Result<(), ScaleError> {
        let tags: Vec<_> =
            new.iter().map(|member| json!({ "tenant_id": member.who.tenant.to_string() })).collect();
        let order = json!({ "of": self.model.policy_store_id, "tags": tags });
        let made = self.doors.post("/policy-stores", &order).await?;
        let stores: Vec<&str> = made
            .get("policy_store_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if stores.len() != new.len() {
            return Err(ScaleError::Malformed("the copies of a policy store"));
        }
        let mut documents = Vec::new();
        let mut mappings = Vec::new();
        for (member, store) in new.iter().zip(stores) {
            mappings.push(self.model.copy(&self.model.mapping_row, member.who, None, Some(store))?);
            for document in &member.documents {
                documents.push(self.model.copy(
                    &self.model.document_row,
                    member.who,
                    Some(*document),
                    None,
                )?);
            }
        }
        self.documents += documents.len();
        self.put("DocumentsTableName", documents).await?;
        self.put("TenantsTableName", mappings).await
    }

    async fn put(&mut self, table: &str, rows: Vec<Value>) -> Result<(), ScaleError> {
        self.rows += rows.len();
        let table = self.details.output(table);
        let mut writing = JoinSet::new();
        for rows in rows.chunks(BATCH_MAX) {
            if writing.len() >= AT_ONCE
                && let Some(written) = writing.join_next().await
            {
                written.map_err(|_| ScaleError::Malformed("a task"))??;
            }
            let puts: Vec<_> = rows.iter().map(|row| json!({ "PutRequest": { "Item": row } })).collect();
            let (root, batch) = (self.root.clone(), json!({ "RequestItems": { table: puts } }));
            writing.spawn(async move {
                let answer = dynamodb(&root, "BatchWriteItem", &batch).await?;
                let left = answer.get("UnprocessedItems").and_then(Value::as_object);
                if left.is_none_or(serde_json::Map::is_empty) {
                    Ok(())
                } else {
                    Err(ScaleError::Malformed("a batch of rows, of which some were not written,"))
                }
            });
        }
        while let Some(written) = writing.join_next().await {
            written.map_err(|_| ScaleError::Malformed("a task"))??;
        }
        Ok(())
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Documents in all.
    pub(super) const fn documents(&self) -> usize {
        self.documents
    }

    /// Rows that were written for all of this, and how long making all of it took.
    pub(super) const fn effort(&self) -> (usize, Duration) {
        (self.rows, self.took)
    }
}

impl Model {
    /// A row of the model's as it would be of somebody else.
    fn copy(
        &self,
        row: &Value,
        who: Who,
        document: Option<DocumentId>,
        store: Option<&str>,
    ) -> Result<Value, ScaleError> {
        let mut text = row
            .to_string()
            .replace(&self.who.tenant.to_string(), &who.tenant.to_string())
            .replace(&self.who.user.to_string(), &who.user.to_string());
        if let Some(document) = document {
            text = text.replace(&self.document.to_string(), &document.to_string());
        }
        if let Some(store) = store {
            text = text.replace(&self.policy_store_id, store);
        }
        serde_json::from_str(&text).map_err(|_| ScaleError::Malformed("the copy of a row"))
    }
}

async fn read_row(root: &Root, asked: Value) -> Result<Value, ScaleError> {
    let answer = dynamodb(root, "GetItem", &asked).await?;
    answer.get("Item").cloned().ok_or(ScaleError::Malformed("a row that the product wrote"))
}

async fn dynamodb(root: &Root, operation: &str, body: &Value) -> Result<Value, ScaleError> {
    let done = root.json("dynamodb", &format!("DynamoDB_20120810.{operation}"), body).await;
    done.map_err(|source| ScaleError::Call { step: "cannot write the rows of tenants", source })
}
