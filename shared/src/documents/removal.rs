//! Removing what a deleted document leaves: its shares, each policy before its row; policies that no row
//! tells of; its content; and last its own row.
//!
//! Every step can be repeated, and the row goes last, so that whatever was interrupted begins again from
//! the same place. The rows lead, because a new policy may take seconds to show in the store's lists; the
//! lists are swept as well, because the store is the truth about who has access.

use std::{collections::HashMap, time::SystemTime};

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};

use super::{
    content::{self, ContentError},
    deletion::DeletionOrder,
    store::{self, DELETED},
};
use crate::{
    access::policies::{self, Linked},
    clock::Clock,
    ids::DocumentId,
    shares,
    tenancy::{Deletion, TenantSession},
};

/// The most rows that one `BatchWriteItem` takes.
const ROWS_PER_BATCH: i32 = 25;

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Nothing is left of the document.
    Complete {
        /// How many policies this run removed.
        policies: usize,
    },
    /// The document is not deleted, and will not be by this order: whoever ordered it failed.
    Void,
    /// There is more to do; what was done stays done.
    Unfinished,
}

/// Why a removal stopped. It can be run again.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The policy store did not do its part.
    #[error("the policy store failed")]
    Policies(#[source] Box<aws_sdk_verifiedpermissions::Error>),
    /// A table did not do its part.
    #[error("a table failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// The bucket did not do its part.
    #[error("the content could not be removed")]
    Content(#[from] ContentError),
}

/// Carries out an order, until `deadline`.
///
/// # Errors
/// When a step fails; the same order can be given again.
pub async fn remove(
    session: &TenantSession<Deletion>,
    order: &DeletionOrder,
    deadline: SystemTime,
    clock: &Clock,
) -> Result<Removal, RemovalError> {
    match state(session, order.document()).await?.as_deref() {
        // The row went last: everything is gone.
        None => return Ok(Removal::Complete { policies: 0 }),
        Some(DELETED) => {}
        Some(_) if order.is_void(clock.now()) => return Ok(Removal::Void),
        Some(_) => return Ok(Removal::Unfinished),
    }
    let mut work = Work { session, document: order.document(), deadline, clock, policies: 0 };
    if !(work.remove_shares().await? && work.sweep_policies().await?) {
        return Ok(Removal::Unfinished);
    }
    content::discard(session, order.document()).await?;
    session
        .dynamodb()
        .delete_item()
        .table_name(&session.resources().documents_table)
        .set_key(Some(store::key(session.tenant(), order.document())))
        .condition_expression("attribute_not_exists(document_id) OR document_state = :deleted")
        .expression_attribute_values(":deleted", AttributeValue::S(DELETED.to_owned()))
        .send()
        .await
        .map_err(table)?;
    Ok(Removal::Complete { policies: work.policies })
}

/// The row's state, or `None` when there is no row.
async fn state(
    session: &TenantSession<Deletion>,
    document: DocumentId,
) -> Result<Option<String>, RemovalError> {
    let reply = session
        .dynamodb()
        .get_item()
        .table_name(&session.resources().documents_table)
        .set_key(Some(store::key(session.tenant(), document)))
        .consistent_read(true)
        .send()
        .await
        .map_err(table)?;
    Ok(reply.item.map(|row| {
        row.get("document_state").and_then(|state| state.as_s().ok()).cloned().unwrap_or_default()
    }))
}

/// What one run works on. Its steps answer `false` when there is more to do and no time, or no right yet.
struct Work<'a> {
    session: &'a TenantSession<Deletion>,
    document: DocumentId,
    deadline: SystemTime,
    clock: &'a Clock,
    policies: usize,
}

impl Work<'_> {
    fn is_over(&self) -> bool {
        self.clock.now() >= self.deadline
    }

    /// The document is deleted, so no share can begin. One that began before may still be at work: its row
    /// is held, and waits.
    async fn remove_shares(&mut self) -> Result<bool, RemovalError> {
        let tenant = self.session.tenant();
        while !self.is_over() {
            let page = self
                .session
                .dynamodb()
                .query()
                .table_name(&self.session.resources().shares_table)
                .key_condition_expression("tenant_id = :tenant AND begins_with(share_id, :document)")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
                .expression_attribute_values(":document", AttributeValue::S(format!("{}#", self.document)))
                .consistent_read(true)
                .limit(ROWS_PER_BATCH)
                .send()
                .await
                .map_err(table)?;
            let rows = page.items.unwrap_or_default();
            if rows.is_empty() {
                return Ok(true);
            }
            let now = self.clock.now();
            let free: Vec<_> = rows.into_iter().filter(|row| !shares::is_held(tenant, row, now)).collect();
            if free.is_empty() {
                return Ok(false);
            }
            for row in &free {
                if let Some(policy) = shares::policy_of(row) {
                    if self.is_over() {
                        return Ok(false);
                    }
                    self.delete_policy(&policy).await?;
                }
            }
            self.delete_rows(free).await?;
        }
        Ok(false)
    }

    async fn delete_rows(&self, rows: Vec<HashMap<String, AttributeValue>>) -> Result<(), RemovalError> {
        let requests: Vec<WriteRequest> = rows
            .into_iter()
            .filter_map(|mut row| {
                row.retain(|name, _| name == "tenant_id" || name == "share_id");
                DeleteRequest::builder().set_key(Some(row)).build().ok()
            })
            .map(|delete| WriteRequest::builder().delete_request(delete).build())
            .collect();
        // What is left unprocessed is found again by the next query.
        self.session
            .dynamodb()
            .batch_write_item()
            .request_items(&self.session.resources().shares_table, requests)
            .send()
            .await
            .map_err(table)?;
        Ok(())
    }

    /// Policies that the store shows for the document and no row told of.
    async fn sweep_policies(&mut self) -> Result<bool, RemovalError> {
        let mut next = None;
        while !self.is_over() {
            let page = policies::list(self.session, Linked::With(self.document), next).await;
            let (page, after) = page.map_err(RemovalError::Policies)?;
            for policy in &page {
                if self.is_over() {
                    return Ok(false);
                }
                self.delete_policy(&policy.policy_id).await?;
            }
            next = after;
            if next.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn delete_policy(&mut self, policy: &str) -> Result<(), RemovalError> {
        let was_there = policies::remove(self.session, policy).await.map_err(RemovalError::Policies)?;
        self.policies += usize::from(was_there);
        tokio::time::sleep(policies::BETWEEN_REMOVALS).await;
        Ok(())
    }
}

fn table<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> RemovalError {
    RemovalError::Store(Box::new(error.into()))
}
