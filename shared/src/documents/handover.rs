//! Giving the documents of a removed user to their heir.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::store::{self, BY_OWNER, DELETED, DocumentError};
use crate::{
    conditional::held,
    ids::{DocumentId, UserId},
    tenancy::{Departure, TenantSession},
};

/// How many documents are read at once.
const ROWS_PER_PAGE: i32 = 100;

/// A document that stands in its owner's list: pending or available.
#[derive(Debug)]
pub(crate) struct Owned {
    id: DocumentId,
    /// What follows the owner in the index's key.
    created: String,
}

impl Owned {
    pub(crate) const fn id(&self) -> DocumentId {
        self.id
    }
}

/// Some of a user's documents.
#[derive(Debug)]
pub(crate) struct OwnedPage {
    pub(crate) documents: Vec<Owned>,
    /// Where the next page begins; absent on the last.
    pub(crate) last: Option<HashMap<String, AttributeValue>>,
}

/// The documents that `owner` owns, in no order that matters. The index is eventually consistent: a document
/// that was added a moment ago may not be among them.
pub(crate) async fn of_owner(
    session: &TenantSession<Departure>,
    owner: UserId,
    start: Option<HashMap<String, AttributeValue>>,
) -> Result<OwnedPage, DocumentError> {
    let mine = format!("{owner}#");
    let reply = session
        .dynamodb()
        .query()
        .table_name(&session.resources().documents_table)
        .index_name(BY_OWNER)
        .key_condition_expression("tenant_id = :tenant AND begins_with(owner_created, :owner)")
        .expression_attribute_values(":tenant", AttributeValue::S(session.tenant().to_string()))
        .expression_attribute_values(":owner", AttributeValue::S(mine.clone()))
        .limit(ROWS_PER_PAGE)
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(store::store_failed)?;
    let owned = |row: &HashMap<String, AttributeValue>| {
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
        let created = text("owner_created")?.strip_prefix(&mine)?.to_owned();
        Some(Owned { id: text("document_id")?.parse().ok()?, created })
    };
    let documents: Option<Vec<_>> = reply.items().iter().map(owned).collect();
    Ok(OwnedPage { documents: documents.ok_or(DocumentError::Malformed)?, last: reply.last_evaluated_key })
}

/// Makes `heir` the owner of a document that is still `owner`'s. One that was deleted meanwhile is nobody's
/// to have, and whatever else has changed stays as it is.
pub(crate) async fn hand_over(
    session: &TenantSession<Departure>,
    document: &Owned,
    owner: UserId,
    heir: UserId,
) -> Result<(), DocumentError> {
    let text = |value: String| AttributeValue::S(value);
    let update = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().documents_table)
        .set_key(Some(store::key(session.tenant(), document.id)))
        .update_expression(
            "SET document_owner = :heir, owner_created = :created, document_version = document_version + :one",
        )
        .condition_expression("document_owner = :owner AND document_state <> :deleted")
        .expression_attribute_values(":heir", text(heir.to_string()))
        .expression_attribute_values(":created", text(format!("{heir}#{}", document.created)))
        .expression_attribute_values(":owner", text(owner.to_string()))
        .expression_attribute_values(":deleted", text(DELETED.to_owned()))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await;
    held(update).map(drop).map_err(store::store_failed)
}
