//! The caller's own documents, newest first, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Document,
    store::{self, BY_OWNER, DocumentError, Row},
};
use crate::{
    access::{Collection, ListDocuments, Permit},
    clock::Clock,
    cursor::InvalidCursor,
    ids::UserId,
    page::PageRequest,
    tenancy::{Data, TenantSession},
};

/// The name under which cursors of this list are sealed.
const LIST: &str = "documents";

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The documents, newest first.
    pub documents: Vec<Document>,
    /// Where the next page begins; absent on the last.
    pub next_cursor: Option<String>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor is none of this list and this caller.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The table failed, or held something that it should not.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// Lists `owner`'s documents. The index is eventually consistent: a list may lag a new document by a moment;
/// opening a document by its id never does.
///
/// # Errors
/// When the cursor does not open, or the table fails.
pub async fn list(
    session: &TenantSession<Data>,
    _permit: Permit<Collection, ListDocuments>,
    owner: UserId,
    page: PageRequest<'_>,
    clock: &Clock,
) -> Result<Page, ListError> {
    let key = &session.mapping().cursor_key;
    let start = page
        .cursor
        .map(|text| key.open(LIST, owner, text, clock.now()))
        .transpose()?
        .map(|position| start_key(session, position))
        .transpose()?;
    let reply = session
        .dynamodb()
        .query()
        .table_name(&session.resources().documents_table)
        .index_name(BY_OWNER)
        .key_condition_expression("tenant_id = :tenant AND begins_with(owner_created, :owner)")
        .expression_attribute_values(":tenant", AttributeValue::S(session.tenant().to_string()))
        .expression_attribute_values(":owner", AttributeValue::S(format!("{owner}#")))
        .scan_index_forward(false)
        .limit(page.size.limit())
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(store::store_failed)?;
    let mut documents = Vec::with_capacity(page.size.rows());
    for row in reply.items() {
        if let Row::Live(document) = store::read(session.tenant(), row)?
            && !document.is_expired(clock.now())
        {
            documents.push(*document);
        }
    }
    let next_cursor = reply
        .last_evaluated_key
        .as_ref()
        .and_then(|last| last.get("owner_created")?.as_s().ok())
        .map(|position| key.seal(LIST, owner, position, clock.now()).ok_or(DocumentError::Malformed))
        .transpose()?;
    Ok(Page { documents, next_cursor })
}

/// The index key that a position stands for; its last part is the document's id.
fn start_key(
    session: &TenantSession<Data>,
    position: String,
) -> Result<HashMap<String, AttributeValue>, InvalidCursor> {
    let id = position.rsplit('#').next().and_then(|id| id.parse().ok()).ok_or(InvalidCursor)?;
    let mut key = store::key(session.tenant(), id);
    key.insert("owner_created".to_owned(), AttributeValue::S(position));
    Ok(key)
}
