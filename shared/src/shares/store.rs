//! Shares as rows (`tenant_id` + `DOCUMENT#USER`) and as policies named `share/DOCUMENT/USER`.

use std::{collections::HashMap, num::NonZeroU32, time::SystemTime};

use aws_sdk_dynamodb::{
    operation::{transact_write_items::TransactWriteItemsError, update_item::UpdateItemError},
    types::{
        AttributeValue, Delete, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure,
        TransactWriteItem, Update,
    },
};
use aws_sdk_verifiedpermissions::{
    operation::create_policy::CreatePolicyError,
    types::{PolicyDefinition, TemplateLinkedPolicyDefinition},
};
use uuid::Uuid;

use super::{Share, ShareError, State};
use crate::{
    access::{
        ListShares, Permit, ShareDocument, UnshareDocument,
        decision::{entity, types},
    },
    clock::{Clock, parse_rfc3339, rfc3339},
    documents::{self, Document, DocumentError},
    ids::{DocumentId, TenantId, UserId},
    tenancy::{Data, Sharing, TenantSession},
    users,
};

/// How often a write is tried against others who write the same share.
const TRIES: u32 = 4;

/// The most rows that one page of a listing reads: more than a document may have shares.
const ROWS_PER_PAGE: i32 = 500;

/// What one read of the tables tells before a document is shared with somebody.
#[derive(Debug)]
pub struct Shareable {
    /// The document; nothing is known yet about whether the caller may share it.
    pub document: Document,
    receiver: Option<UserId>,
    share: Option<Share>,
}

type Row = HashMap<String, AttributeValue>;

/// Reads the document, the receiver's row in the directory and the share, in one round trip.
///
/// # Errors
/// When there is no such document, or the tables fail.
pub async fn look(
    session: &TenantSession<Data>,
    document: DocumentId,
    receiver: UserId,
    clock: &Clock,
) -> Result<Shareable, ShareError> {
    let names = session.resources();
    let tenant = session.tenant();
    let mut rows = read_together(
        session,
        [
            (&names.documents_table, documents::key(tenant, document)),
            (&names.users_table, users::key(tenant, receiver)),
            (&names.shares_table, key(tenant, document, receiver)),
        ],
    )
    .await?;
    let mut row = |table: &String| rows.remove(table).and_then(|mut rows| rows.pop());
    let user = row(&names.users_table);
    let share = row(&names.shares_table).map(|row| read(tenant, &row)).transpose()?;
    let document = documents::seen(session, row(&names.documents_table).as_ref(), clock).await?;
    let member = user.is_some_and(|user| users::is_member(tenant, receiver, &user));
    Ok(Shareable { document, receiver: member.then_some(receiver), share })
}

/// Reads the document and one share of it, in one round trip.
///
/// # Errors
/// When there is no such document, or the tables fail.
pub async fn find(
    session: &TenantSession<Data>,
    document: DocumentId,
    receiver: UserId,
    clock: &Clock,
) -> Result<(Document, Option<Share>), ShareError> {
    let found = look(session, document, receiver, clock).await?;
    Ok((found.document, found.share))
}

/// Strongly consistent; anything left unprocessed is an error, not an absence.
async fn read_together(
    session: &TenantSession<Data>,
    keys: [(&String, Row); 3],
) -> Result<HashMap<String, Vec<Row>>, DocumentError> {
    let mut requests = HashMap::new();
    for (table, key) in keys {
        let request = KeysAndAttributes::builder()
            .keys(key)
            .consistent_read(true)
            .build()
            .map_err(|_| DocumentError::Malformed)?;
        requests.insert(table.clone(), request);
    }
    for _ in 0..TRIES {
        let reply = session
            .dynamodb()
            .batch_get_item()
            .set_request_items(Some(requests.clone()))
            .send()
            .await
            .map_err(documents::store_failed)?;
        if reply.unprocessed_keys.is_none_or(|keys| keys.is_empty()) {
            return Ok(reply.responses.unwrap_or_default());
        }
    }
    Err(DocumentError::Throttled)
}

/// What became of a wish to share.
#[derive(Debug)]
pub struct Created {
    /// The share.
    pub share: Share,
    /// False when it was there before.
    pub is_new: bool,
}

/// What the checked pieces of a new share have in common.
struct Attempt<'a> {
    session: &'a TenantSession<Sharing>,
    document: &'a Document,
    receiver: UserId,
    mark: String,
}

/// Shares the permitted document with the receiver that was looked up beside it.
///
/// # Errors
/// When receiver, document or limit forbid it, when others keep changing the same share, or when a table or
/// the policy store fails; a repeat finishes what was begun.
pub async fn create(
    session: &TenantSession<Sharing>,
    found: (Permit<Document, ShareDocument>, Option<UserId>, Option<Share>),
    by: UserId,
    shares_max: NonZeroU32,
    clock: &Clock,
) -> Result<Created, ShareError> {
    let (permit, receiver, mut known) = found;
    let document = permit.subject();
    if !document.is_available() {
        return Err(ShareError::Pending);
    }
    let receiver = receiver.ok_or(ShareError::ReceiverOutside)?;
    if receiver == document.owner {
        return Err(ShareError::ReceiverOwns);
    }
    for _ in 0..TRIES {
        let attempt = Attempt { session, document, receiver, mark: Uuid::new_v4().simple().to_string() };
        let begun = match known {
            Some(share) if share.state == State::Active => return Ok(Created { share, is_new: false }),
            Some(share) => attempt.begin_again(share).await?,
            None => attempt.begin(by, shares_max, clock.now()).await?,
        };
        let Some(created) = begun else {
            known = current(session, document.id, receiver).await?;
            continue;
        };
        attempt.put_policy().await?;
        if attempt.finish().await? {
            return Ok(created);
        }
        // Somebody ended the share, or took it over, while its policy was made.
        delete_policy(session, document.id, receiver).await?;
        known = current(session, document.id, receiver).await?;
        if known.is_none() {
            return Err(ShareError::Contended);
        }
    }
    Err(ShareError::Contended)
}

impl Shareable {
    /// Splits what was read, so that the document can be asked about.
    #[must_use]
    pub fn into_parts(self) -> (Document, Option<UserId>, Option<Share>) {
        (self.document, self.receiver, self.share)
    }
}

impl Attempt<'_> {
    /// Writes the row and counts it; `None` when there is a row already.
    async fn begin(
        &self,
        by: UserId,
        shares_max: NonZeroU32,
        now: SystemTime,
    ) -> Result<Option<Created>, ShareError> {
        let share = Share {
            document: self.document.id,
            receiver: self.receiver,
            shared_by: by,
            created_at: now,
            state: State::Pending,
        };
        let names = self.session.resources();
        let put = Put::builder()
            .table_name(&names.shares_table)
            .set_item(Some(row(self.session.tenant(), &share, &self.mark)))
            .condition_expression("attribute_not_exists(share_id)")
            .build();
        let count = Update::builder()
            .table_name(&names.documents_table)
            .set_key(Some(documents::key(self.session.tenant(), self.document.id)))
            .update_expression("ADD share_count :one")
            .condition_expression("document_state = :available AND share_count < :max")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":max", AttributeValue::N(shares_max.to_string()))
            .expression_attribute_values(":available", AttributeValue::S("available".to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        let (put, count) =
            (put.map_err(|_| DocumentError::Malformed)?, count.map_err(|_| DocumentError::Malformed)?);
        let written = self
            .session
            .dynamodb()
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().update(count).build())
            .send()
            .await;
        let error = match written {
            Ok(_) => return Ok(Some(Created { share, is_new: true })),
            Err(error) => error,
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error()
        else {
            return Err(documents::store_failed(error).into());
        };
        let failed = |at: usize| {
            canceled.cancellation_reasons().get(at).filter(|r| r.code() == Some("ConditionalCheckFailed"))
        };
        match (failed(0), failed(1).map(|reason| reason.item())) {
            (Some(_), _) => Ok(None),
            // The document went, or is full.
            (None, Some(Some(old))) if old.get("document_state").is_some_and(is_available) => {
                Err(ShareError::LimitReached)
            }
            (None, Some(_)) => Err(DocumentError::NotFound.into()),
            // Two transactions met; the other one won.
            (None, None) => Ok(None),
        }
    }

    /// Puts our mark on a share that somebody left unfinished; `None` when it has gone since.
    async fn begin_again(&self, share: Share) -> Result<Option<Created>, ShareError> {
        let taken = self
            .session
            .dynamodb()
            .update_item()
            .table_name(&self.session.resources().shares_table)
            .set_key(Some(key(self.session.tenant(), share.document, share.receiver)))
            .update_expression("SET share_state = :pending, attempt = :mark")
            .condition_expression("attribute_exists(share_id)")
            .expression_attribute_values(":pending", AttributeValue::S(State::Pending.as_str().to_owned()))
            .expression_attribute_values(":mark", AttributeValue::S(self.mark.clone()))
            .send()
            .await;
        Ok(unless_condition_failed(taken)?.map(|()| Created { share, is_new: false }))
    }

    /// Makes the policy; that it is there already is as good.
    async fn put_policy(&self) -> Result<(), ShareError> {
        let mapping = self.session.mapping();
        let definition = TemplateLinkedPolicyDefinition::builder()
            .policy_template_id(mapping.share_template_id.as_str())
            .principal(entity(types::USER, &self.receiver.to_string()))
            .resource(entity(types::DOCUMENT, &self.document.id.to_string()))
            .build()
            .map_err(|_| DocumentError::Malformed)?;
        let made = self
            .session
            .verified_permissions()
            .create_policy()
            .policy_store_id(mapping.policy_store_id.as_str())
            .name(format!("name/{}", policy_name(self.document.id, self.receiver)))
            .definition(PolicyDefinition::TemplateLinked(definition))
            .send()
            .await;
        match made {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(CreatePolicyError::ConflictException(_)) => Ok(()),
                // The store's own limit of bytes per resource came before ours.
                Some(CreatePolicyError::ServiceQuotaExceededException(_)) => Err(ShareError::LimitReached),
                _ => Err(policies(error)),
            },
        }
    }

    /// Marks the share as active; `false` when the mark in the row is no longer ours.
    async fn finish(&self) -> Result<bool, ShareError> {
        let finished = self
            .session
            .dynamodb()
            .update_item()
            .table_name(&self.session.resources().shares_table)
            .set_key(Some(key(self.session.tenant(), self.document.id, self.receiver)))
            .update_expression("SET share_state = :active")
            .condition_expression("attempt = :mark")
            .expression_attribute_values(":active", AttributeValue::S(State::Active.as_str().to_owned()))
            .expression_attribute_values(":mark", AttributeValue::S(self.mark.clone()))
            .send()
            .await;
        Ok(unless_condition_failed(finished)?.is_some())
    }
}

/// Ends the share of the permitted document with `receiver`. The policy goes before the row, and goes even
/// when no row tells of it.
///
/// # Errors
/// [`ShareError::NotFound`] when there is no such share; or when a table or the policy store fails.
pub async fn end(
    session: &TenantSession<Sharing>,
    permit: &Permit<Document, UnshareDocument>,
    share: Option<Share>,
    receiver: UserId,
) -> Result<(), ShareError> {
    let document = permit.subject();
    let mut known = share;
    for _ in 0..TRIES {
        if known.is_none() {
            delete_policy(session, document.id, receiver).await?;
            return Err(ShareError::NotFound);
        }
        let mark = Uuid::new_v4().simple().to_string();
        if !mark_ending(session, document.id, receiver, &mark).await? {
            known = None;
            continue;
        }
        delete_policy(session, document.id, receiver).await?;
        if delete_row(session, document.id, receiver, &mark).await? {
            return Ok(());
        }
        known = current(session, document.id, receiver).await?;
    }
    Err(ShareError::Contended)
}

async fn mark_ending(
    session: &TenantSession<Sharing>,
    document: DocumentId,
    receiver: UserId,
    mark: &str,
) -> Result<bool, ShareError> {
    let marked = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().shares_table)
        .set_key(Some(key(session.tenant(), document, receiver)))
        .update_expression("SET share_state = :ending, attempt = :mark")
        .condition_expression("attribute_exists(share_id)")
        .expression_attribute_values(":ending", AttributeValue::S(State::Ending.as_str().to_owned()))
        .expression_attribute_values(":mark", AttributeValue::S(mark.to_owned()))
        .send()
        .await;
    Ok(unless_condition_failed(marked)?.is_some())
}

/// Deletes the row, if the mark in it is still ours, and counts one share less.
async fn delete_row(
    session: &TenantSession<Sharing>,
    document: DocumentId,
    receiver: UserId,
    mark: &str,
) -> Result<bool, ShareError> {
    let names = session.resources();
    let delete = Delete::builder()
        .table_name(&names.shares_table)
        .set_key(Some(key(session.tenant(), document, receiver)))
        .condition_expression("attempt = :mark")
        .expression_attribute_values(":mark", AttributeValue::S(mark.to_owned()))
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    let count = Update::builder()
        .table_name(&names.documents_table)
        .set_key(Some(documents::key(session.tenant(), document)))
        .update_expression("ADD share_count :less")
        // A document that is gone needs no count, and must not come back as a row of a count.
        .condition_expression("attribute_exists(document_id)")
        .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()))
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    let deleted = session
        .dynamodb()
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().delete(delete).build())
        .transact_items(TransactWriteItem::builder().update(count).build())
        .send()
        .await;
    match deleted {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(_)) => Ok(false),
            _ => Err(documents::store_failed(error).into()),
        },
    }
}

/// Deletes the policy of a share; that there is none is as good.
async fn delete_policy(
    session: &TenantSession<Sharing>,
    document: DocumentId,
    receiver: UserId,
) -> Result<(), ShareError> {
    let deleted = session
        .verified_permissions()
        .delete_policy()
        .policy_store_id(session.mapping().policy_store_id.as_str())
        .policy_id(format!("name/{}", policy_name(document, receiver)))
        .send()
        .await;
    match deleted {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(()),
        Err(error) => Err(policies(error)),
    }
}

/// The share as it is now.
async fn current(
    session: &TenantSession<Sharing>,
    document: DocumentId,
    receiver: UserId,
) -> Result<Option<Share>, ShareError> {
    let reply = session
        .dynamodb()
        .get_item()
        .table_name(&session.resources().shares_table)
        .set_key(Some(key(session.tenant(), document, receiver)))
        .consistent_read(true)
        .send()
        .await
        .map_err(documents::store_failed)?;
    Ok(reply.item.map(|row| read(session.tenant(), &row)).transpose()?)
}

/// The shares of the permitted document, by receiver.
///
/// # Errors
/// When the table fails.
pub async fn list(
    session: &TenantSession<Data>,
    permit: &Permit<Document, ListShares>,
) -> Result<Vec<Share>, ShareError> {
    let mut pages = session
        .dynamodb()
        .query()
        .table_name(&session.resources().shares_table)
        .key_condition_expression("tenant_id = :tenant AND begins_with(share_id, :document)")
        .expression_attribute_values(":tenant", AttributeValue::S(session.tenant().to_string()))
        .expression_attribute_values(":document", AttributeValue::S(format!("{}#", permit.subject().id)))
        .consistent_read(true)
        .limit(ROWS_PER_PAGE)
        .into_paginator()
        .items()
        .send();
    let mut shares = Vec::new();
    while let Some(row) = pages.next().await {
        shares.push(read(session.tenant(), &row.map_err(documents::store_failed)?)?);
    }
    Ok(shares)
}

fn unless_condition_failed<T, R>(
    result: Result<T, aws_sdk_dynamodb::error::SdkError<UpdateItemError, R>>,
) -> Result<Option<()>, ShareError>
where
    aws_sdk_dynamodb::Error: From<aws_sdk_dynamodb::error::SdkError<UpdateItemError, R>>,
{
    match result {
        Ok(_) => Ok(Some(())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(documents::store_failed(error).into()),
        },
    }
}

fn policies<E: Into<aws_sdk_verifiedpermissions::Error>>(error: E) -> ShareError {
    ShareError::Policies(Box::new(error.into()))
}

/// Unique in a store; at most 150 letters, digits, `-`, `/` and `_`, of which this takes 79.
fn policy_name(document: DocumentId, receiver: UserId) -> String {
    format!("share/{document}/{receiver}")
}

fn key(tenant: TenantId, document: DocumentId, receiver: UserId) -> Row {
    HashMap::from([
        ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
        ("share_id".to_owned(), AttributeValue::S(format!("{document}#{receiver}"))),
    ])
}

fn row(tenant: TenantId, share: &Share, mark: &str) -> Row {
    let mut row = key(tenant, share.document, share.receiver);
    row.extend(
        [
            ("document_id", share.document.to_string()),
            ("user_id", share.receiver.to_string()),
            ("shared_by", share.shared_by.to_string()),
            ("created_at", rfc3339(share.created_at)),
            ("share_state", share.state.as_str().to_owned()),
            ("attempt", mark.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value))),
    );
    row
}

fn read(tenant: TenantId, row: &Row) -> Result<Share, DocumentError> {
    let text = |name: &str| {
        row.get(name).and_then(|v| v.as_s().ok()).map(String::as_str).ok_or(DocumentError::Malformed)
    };
    if text("tenant_id")? != tenant.to_string() {
        tracing::error!(incident = "foreign_row", %tenant, "a row of another tenant was read");
        return Err(DocumentError::ForeignRow);
    }
    let malformed = |_| DocumentError::Malformed;
    Ok(Share {
        document: text("document_id")?.parse().map_err(malformed)?,
        receiver: text("user_id")?.parse().map_err(malformed)?,
        shared_by: text("shared_by")?.parse().map_err(malformed)?,
        created_at: parse_rfc3339(text("created_at")?).ok_or(DocumentError::Malformed)?,
        state: State::parse(text("share_state")?).ok_or(DocumentError::Malformed)?,
    })
}

fn is_available(value: &AttributeValue) -> bool {
    value.as_s().is_ok_and(|state| state == "available")
}
