//! Documents as rows: `tenant_id` + `document_id`, and the index `by-owner` (`tenant_id` + `owner_created`).
//!
//! Both partition keys are the tenant alone, because IAM compares `dynamodb:LeadingKeys` with the partition
//! key of whatever is queried. The tenant is also asserted on every row that is read: IAM makes a foreign
//! row impossible, and the assertion tells the day that it is not.

use std::{collections::HashMap, time::SystemTime};

use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::{Document, DocumentName, NewDocument, PENDING_LASTS, State, content::ContentError, deletion};
use crate::{
    access::{AddDocument, Collection, DeleteDocument, Permit},
    clock::{Clock, epoch_s, parse_rfc3339, rfc3339},
    conditional::{self, TransactionError},
    config::Resources,
    ids::{DocumentId, TenantId, UserId},
    metering::UsageEvent,
    tenancy::{Data, MaySettle, TenantSession},
    usage::{self, UsageError},
};

/// The index that lists a user's own documents, newest first.
pub(super) const BY_OWNER: &str = "by-owner";

pub(crate) const AVAILABLE: &str = "available";
pub(super) const DELETED: &str = "deleted";

/// Why something could not be done with a document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// There is no such document in this tenant: it never was, has expired, or is deleted.
    #[error("no such document")]
    NotFound,
    /// The table did not do its part.
    #[error("the documents table failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// The table left reads undone, or other writes of the same row came in between, again and again.
    #[error("the documents table is overloaded")]
    Throttled,
    /// A row is not what this product writes.
    #[error("a document's row is malformed")]
    Malformed,
    /// A row of another tenant was read. An incident: IAM should have made it impossible.
    #[error("a row of another tenant was read")]
    ForeignRow,
    /// What it counts for could not be written down.
    #[error("the usage could not be recorded")]
    Usage(#[from] UsageError),
    /// The bucket did not do its part.
    #[error("the content could not be dealt with")]
    Content(#[from] ContentError),
    /// The order to remove it could not be queued.
    #[error("the deletion could not be queued")]
    Queue(#[source] Box<aws_sdk_sqs::Error>),
}

impl From<TransactionError> for DocumentError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Contended => Self::Throttled,
            TransactionError::Store(error) => Self::Store(error),
        }
    }
}

pub(crate) fn store_failed<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> DocumentError {
    DocumentError::Store(Box::new(error.into()))
}

/// Adds a pending document, owned by `owner`.
///
/// # Errors
/// When the table fails.
pub async fn create(
    session: &TenantSession<Data>,
    _permit: Permit<Collection, AddDocument>,
    owner: UserId,
    new: NewDocument,
    clock: &Clock,
) -> Result<Document, DocumentError> {
    let document = Document::added(session.tenant(), owner, new, clock.now());
    session
        .dynamodb()
        .put_item()
        .table_name(&session.resources().documents_table)
        .set_item(Some(row(&document)))
        // No condition: the id is new and random, and a put that the SDK repeats must not fail on itself.
        .send()
        .await
        .map_err(store_failed)?;
    Ok(document)
}

/// The document with this id, as its row tells.
///
/// # Errors
/// [`DocumentError::NotFound`], or when the table fails.
pub async fn find<P: MaySettle>(
    session: &TenantSession<P>,
    id: DocumentId,
    clock: &Clock,
) -> Result<Document, DocumentError> {
    seen(session.tenant(), row_of(session, id).await?.as_ref(), clock)
}

/// What a reader may see of a row: nothing if it is absent, deleted or expired.
pub(crate) fn seen(
    tenant: TenantId,
    row: Option<&HashMap<String, AttributeValue>>,
    clock: &Clock,
) -> Result<Document, DocumentError> {
    match row.map(|row| read(tenant, row)).transpose()? {
        Some(Row::Live(document)) if !document.is_expired(clock.now()) => Ok(*document),
        _ => Err(DocumentError::NotFound),
    }
}

/// Deletes a document: from here on nobody sees it, and the rest is removed by the deletions function.
///
/// The bytes that an available document holds are released with the mark, in one transaction ([`crate::usage`]).
///
/// The order is queued *before* the row is marked. A crash in between leaves an order for a document that
/// is not deleted, which the deletions function drops; the other way round would leave a deleted document
/// that nothing ever removes.
///
/// # Errors
/// [`DocumentError::NotFound`] when somebody else was first, or when queue or table fail.
pub async fn delete(
    session: &TenantSession<Data>,
    permit: Permit<Document, DeleteDocument>,
    clock: &Clock,
) -> Result<(), DocumentError> {
    let document = permit.into_subject();
    let now = clock.now();
    deletion::order(session, document.id, now).await?;
    let mut state = document.state;
    // Once more if its content arrives in this very moment: what is there by then is released.
    for _ in 0..2 {
        let parts = deletion_of(session.resources(), &document, state, now)?;
        let marked = conditional::transact(session.dynamodb(), parts, conditional::TRIES).await?;
        let Err(unmet) = marked else { return Ok(()) };
        let row = unmet.row(DOCUMENT).ok_or(DocumentError::NotFound)?;
        match read(document.tenant, row)? {
            // Our own mark: the reply to it was lost, and the SDK asked again.
            Row::Deleted if text(row, "deleted_at").is_ok_and(|at| at == rfc3339(now)) => return Ok(()),
            Row::Deleted => return Err(DocumentError::NotFound),
            Row::Live(found) => state = found.state,
        }
    }
    Err(DocumentError::Throttled)
}

/// Where the document's own row stands in a transaction; its events follow.
const DOCUMENT: usize = 0;

/// The mark on a document that is in `state`, and the release of the bytes that it holds in that state.
fn deletion_of(
    names: &Resources,
    document: &Document,
    state: State,
    now: SystemTime,
) -> Result<Vec<TransactWriteItem>, DocumentError> {
    let mark = Update::builder()
        .table_name(&names.documents_table)
        .set_key(Some(key(document.tenant, document.id)))
        // Out of the owner's list, and without its name: what is deleted should not be readable either.
        .update_expression(
            "SET document_state = :deleted, deleted_at = :now REMOVE owner_created, document_name, expires_at",
        )
        .condition_expression("document_state = :state")
        .expression_attribute_values(":deleted", AttributeValue::S(DELETED.to_owned()))
        .expression_attribute_values(":state", AttributeValue::S(name_of(state).to_owned()))
        .expression_attribute_values(":now", AttributeValue::S(rfc3339(now)))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    let released = match state {
        State::Available => Some(usage::released(document.id, document.size.bytes(), now)?),
        State::Pending => None,
    };
    with_events(names, document, mark, released.as_slice(), now)
}

/// A change of a document's row, and what it counts for.
fn with_events(
    names: &Resources,
    document: &Document,
    change: Update,
    events: &[UsageEvent],
    now: SystemTime,
) -> Result<Vec<TransactWriteItem>, DocumentError> {
    let mut parts = vec![TransactWriteItem::builder().update(change).build()];
    for event in events {
        parts.push(usage::put(&names.usage_table, document.tenant, event, now)?);
    }
    Ok(parts)
}

/// The document as it is now, after something else turned out to have changed it.
pub(super) async fn reread<P: MaySettle>(
    session: &TenantSession<P>,
    id: DocumentId,
) -> Result<Document, DocumentError> {
    match row_of(session, id).await?.map(|row| read(session.tenant(), &row)).transpose()? {
        Some(Row::Live(document)) => Ok(*document),
        _ => Err(DocumentError::NotFound),
    }
}

async fn row_of<P: MaySettle>(
    session: &TenantSession<P>,
    id: DocumentId,
) -> Result<Option<HashMap<String, AttributeValue>>, DocumentError> {
    let reply = session
        .dynamodb()
        .get_item()
        .table_name(&session.resources().documents_table)
        .set_key(Some(key(session.tenant(), id)))
        .consistent_read(true)
        .send()
        .await
        .map_err(store_failed)?;
    Ok(reply.item)
}

/// Marks a pending document as available, and counts it; `false` when it is no longer pending.
pub(super) async fn mark_available<P: MaySettle>(
    session: &TenantSession<P>,
    document: &Document,
    now: SystemTime,
) -> Result<bool, DocumentError> {
    let names = session.resources();
    let mark = Update::builder()
        .table_name(&names.documents_table)
        .set_key(Some(key(document.tenant, document.id)))
        .update_expression("SET document_state = :available, document_version = :version REMOVE expires_at")
        .condition_expression("document_state = :pending")
        .expression_attribute_values(":available", AttributeValue::S(name_of(State::Available).to_owned()))
        .expression_attribute_values(":pending", AttributeValue::S(name_of(State::Pending).to_owned()))
        .expression_attribute_values(":version", AttributeValue::N((document.version + 1).to_string()))
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    let events = usage::arrived(document.id, document.size.bytes(), now)?;
    let parts = with_events(names, document, mark, &events, now)?;
    match conditional::transact(session.dynamodb(), parts, conditional::TRIES).await? {
        Ok(()) => Ok(true),
        Err(unmet) if unmet.at(DOCUMENT) => Ok(false),
        // A pending document has events: somebody else wrote them.
        Err(_) => Err(DocumentError::Usage(UsageError::Malformed)),
    }
}

/// The primary key of a document.
pub(crate) fn key(tenant: TenantId, id: DocumentId) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
        ("document_id".to_owned(), AttributeValue::S(id.to_string())),
    ])
}

/// The sort key of the index: a user's documents stand together, oldest first.
fn owner_created(document: &Document) -> String {
    format!("{}#{}#{}", document.owner, rfc3339(document.created_at), document.id)
}

const fn name_of(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Available => AVAILABLE,
    }
}

fn row(document: &Document) -> HashMap<String, AttributeValue> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: u64| AttributeValue::N(value.to_string());
    let mut row = key(document.tenant, document.id);
    row.extend(
        [
            ("document_name", text(document.name.as_str())),
            ("document_owner", text(&document.owner.to_string())),
            ("content_type", text(document.content_type.as_str())),
            ("size_bytes", number(document.size.bytes())),
            ("checksum_sha256", text(document.checksum.as_str())),
            ("created_at", text(&rfc3339(document.created_at))),
            ("owner_created", text(&owner_created(document))),
            ("document_state", text(name_of(document.state))),
            ("document_version", number(document.version)),
            ("share_count", number(0)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if document.state == State::Pending {
        row.insert("expires_at".to_owned(), number(epoch_s(document.created_at + PENDING_LASTS)));
    }
    row
}

/// A row as it was read.
pub(super) enum Row {
    /// A document, pending or available.
    Live(Box<Document>),
    /// What is left of a deleted one.
    Deleted,
}

/// Reads a row of `tenant`'s.
pub(super) fn read(tenant: TenantId, row: &HashMap<String, AttributeValue>) -> Result<Row, DocumentError> {
    let named = text(row, "tenant_id")?.parse::<TenantId>().map_err(|_| DocumentError::Malformed)?;
    if named != tenant {
        tracing::error!(incident = "foreign_row", %tenant, "a row of another tenant was read");
        return Err(DocumentError::ForeignRow);
    }
    let state = match text(row, "document_state")? {
        "pending" => State::Pending,
        AVAILABLE => State::Available,
        DELETED => return Ok(Row::Deleted),
        _ => return Err(DocumentError::Malformed),
    };
    let created_at: SystemTime = parse_rfc3339(text(row, "created_at")?).ok_or(DocumentError::Malformed)?;
    Ok(Row::Live(Box::new(Document {
        tenant,
        id: parsed(text(row, "document_id")?.parse())?,
        name: parsed(DocumentName::try_from(text(row, "document_name")?.to_owned()))?,
        owner: parsed(text(row, "document_owner")?.parse())?,
        content_type: parsed(text(row, "content_type")?.to_owned().try_into())?,
        size: parsed(number(row, "size_bytes")?.try_into())?,
        checksum: parsed(text(row, "checksum_sha256")?.parse())?,
        created_at,
        state,
        version: number(row, "document_version")?,
    })))
}

fn parsed<T, E>(value: Result<T, E>) -> Result<T, DocumentError> {
    value.map_err(|_| DocumentError::Malformed)
}

fn text<'a>(row: &'a HashMap<String, AttributeValue>, name: &str) -> Result<&'a str, DocumentError> {
    row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or(DocumentError::Malformed)
}

fn number(row: &HashMap<String, AttributeValue>, name: &str) -> Result<u64, DocumentError> {
    row.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or(DocumentError::Malformed)
}
