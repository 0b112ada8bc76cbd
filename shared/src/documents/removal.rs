//! Removing what a deleted document leaves: its policies, its share rows, its content, and last its row.
//!
//! Every step can be repeated, and the row goes last, so that whatever was interrupted begins again from
//! the same place. The policies are listed in the store itself, because the store is the truth about who
//! has access: a policy without a row is found as well.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};
use aws_sdk_verifiedpermissions::types::{EntityReference, PolicyFilter, PolicyType};

use super::{
    content::{self, ContentError},
    deletion::DeletionOrder,
    store::{self, DELETED},
};
use crate::{
    access::decision::{entity, types},
    clock::Clock,
    ids::DocumentId,
    tenancy::{Deletion, TenantSession},
};

/// Verified Permissions deletes 10 policies a second per store; a little slower leaves room for unsharing.
/// <https://docs.aws.amazon.com/verifiedpermissions/latest/userguide/quotas.html>
const BETWEEN_POLICIES: Duration = Duration::from_millis(120);

/// The largest page that `ListPolicies` gives.
const POLICIES_PER_PAGE: i32 = 50;

/// The most rows that one `BatchWriteItem` takes.
const ROWS_PER_BATCH: usize = 25;

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
    let Some(policies) = remove_policies(session, order.document(), deadline, clock).await? else {
        return Ok(Removal::Unfinished);
    };
    remove_share_rows(session, order.document()).await?;
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
    Ok(Removal::Complete { policies })
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

/// `None` when the deadline came first.
async fn remove_policies(
    session: &TenantSession<Deletion>,
    document: DocumentId,
    deadline: SystemTime,
    clock: &Clock,
) -> Result<Option<usize>, RemovalError> {
    let store = session.mapping().policy_store_id.as_str();
    let of_document = PolicyFilter::builder()
        .policy_type(PolicyType::TemplateLinked)
        .resource(EntityReference::Identifier(entity(types::DOCUMENT, &document.to_string())))
        .build();
    let mut removed = 0;
    loop {
        // Always the first page: what it showed before is gone by now.
        let page = session
            .verified_permissions()
            .list_policies()
            .policy_store_id(store)
            .filter(of_document.clone())
            .max_results(POLICIES_PER_PAGE)
            .send()
            .await
            .map_err(policies)?;
        if page.policies.is_empty() && page.next_token.is_none() {
            return Ok(Some(removed));
        }
        for policy in &page.policies {
            if clock.now() >= deadline {
                return Ok(None);
            }
            session
                .verified_permissions()
                .delete_policy()
                .policy_store_id(store)
                .policy_id(&policy.policy_id)
                .send()
                .await
                .map_err(policies)?;
            removed += 1;
            tokio::time::sleep(BETWEEN_POLICIES).await;
        }
        if clock.now() >= deadline {
            return Ok(None);
        }
    }
}

async fn remove_share_rows(
    session: &TenantSession<Deletion>,
    document: DocumentId,
) -> Result<(), RemovalError> {
    let table_name = &session.resources().shares_table;
    loop {
        let page = session
            .dynamodb()
            .query()
            .table_name(table_name)
            .key_condition_expression("tenant_id = :tenant AND begins_with(share_id, :document)")
            .expression_attribute_values(":tenant", AttributeValue::S(session.tenant().to_string()))
            .expression_attribute_values(":document", AttributeValue::S(format!("{document}#")))
            .projection_expression("tenant_id, share_id")
            .consistent_read(true)
            .limit(i32::try_from(ROWS_PER_BATCH).unwrap_or(25))
            .send()
            .await
            .map_err(table)?;
        let requests: Vec<WriteRequest> = page
            .items
            .unwrap_or_default()
            .into_iter()
            .filter_map(|key| DeleteRequest::builder().set_key(Some(key)).build().ok())
            .map(|delete| WriteRequest::builder().delete_request(delete).build())
            .collect();
        if requests.is_empty() {
            return Ok(());
        }
        // What is left unprocessed is found again by the next query.
        session
            .dynamodb()
            .batch_write_item()
            .request_items(table_name, requests)
            .send()
            .await
            .map_err(table)?;
    }
}

fn table<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> RemovalError {
    RemovalError::Store(Box::new(error.into()))
}

fn policies<E: Into<aws_sdk_verifiedpermissions::Error>>(error: E) -> RemovalError {
    RemovalError::Policies(Box::new(error.into()))
}
