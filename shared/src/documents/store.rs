//! Documents as rows: `tenant_id` + `document_id`, and the index `by-owner` (`tenant_id` + `owner_created`).
//!
//! Both partition keys are the tenant alone, because IAM compares `dynamodb:LeadingKeys` with the partition
//! key of whatever is queried. The tenant is also asserted on every row that is read: IAM makes a foreign
//! row impossible, and the assertion tells the day that it is not.

use std::{collections::HashMap, time::SystemTime};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};

use super::{Document, DocumentName, NewDocument, PENDING_LASTS, State, content::ContentError, deletion};
use crate::{
    access::{AddDocument, Collection, DeleteDocument, Permit},
    clock::{Clock, epoch_s, parse_rfc3339, rfc3339},
    ids::{DocumentId, TenantId, UserId},
    tenancy::{Data, MaySettle, TenantSession},
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
    /// The table left reads undone, again and again.
    #[error("the documents table is overloaded")]
    Throttled,
    /// A row is not what this product writes.
    #[error("a document's row is malformed")]
    Malformed,
    /// A row of another tenant was read. An incident: IAM should have made it impossible.
    #[error("a row of another tenant was read")]
    ForeignRow,
    /// The bucket did not do its part.
    #[error("the content could not be dealt with")]
    Content(#[from] ContentError),
    /// The order to remove it could not be queued.
    #[error("the deletion could not be queued")]
    Queue(#[source] Box<aws_sdk_sqs::Error>),
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
    let now = rfc3339(clock.now());
    deletion::order(session, document.id, clock.now()).await?;
    let marked = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().documents_table)
        .set_key(Some(key(document.tenant, document.id)))
        // Out of the owner's list, and without its name: what is deleted should not be readable either.
        .update_expression(
            "SET document_state = :deleted, deleted_at = :now REMOVE owner_created, document_name, expires_at",
        )
        .condition_expression("attribute_exists(document_id) AND document_state <> :deleted")
        .expression_attribute_values(":deleted", AttributeValue::S(DELETED.to_owned()))
        .expression_attribute_values(":now", AttributeValue::S(now.clone()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let Err(error) = marked else { return Ok(()) };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            // Our own mark: the reply to it was lost, and the SDK asked again.
            let ours = failed.item().is_some_and(|row| text(row, "deleted_at").is_ok_and(|at| at == now));
            if ours { Ok(()) } else { Err(DocumentError::NotFound) }
        }
        _ => Err(store_failed(error)),
    }
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

/// Marks a pending document as available; `false` when it is no longer pending.
pub(super) async fn mark_available<P: MaySettle>(
    session: &TenantSession<P>,
    document: &Document,
) -> Result<bool, DocumentError> {
    let update = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().documents_table)
        .set_key(Some(key(document.tenant, document.id)))
        .update_expression("SET document_state = :available, document_version = :version REMOVE expires_at")
        .condition_expression("document_state = :pending")
        .expression_attribute_values(":available", AttributeValue::S(name_of(State::Available).to_owned()))
        .expression_attribute_values(":pending", AttributeValue::S(name_of(State::Pending).to_owned()))
        .expression_attribute_values(":version", AttributeValue::N((document.version + 1).to_string()))
        .send()
        .await;
    unless_condition_failed(update)
}

/// Whether a conditional update was done; that its condition did not hold is no failure.
pub(crate) fn unless_condition_failed<T, R>(
    update: Result<T, SdkError<UpdateItemError, R>>,
) -> Result<bool, DocumentError>
where
    aws_sdk_dynamodb::Error: From<SdkError<UpdateItemError, R>>,
{
    match update {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(store_failed(error)),
        },
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
