//! Shares as rows: `tenant_id` + `DOCUMENT#USER`. Every write of a state is conditional on what was read.

use std::{collections::HashMap, num::NonZeroU32, time::SystemTime};

use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use uuid::Uuid;

use super::{Holder, Share, ShareError, State};
use crate::{
    clock::{parse_rfc3339, rfc3339},
    conditional::{self, TransactionError, held},
    documents::{self, DocumentError},
    ids::{DocumentId, TenantId, UserId},
    tenancy::{MayEndShares, Sharing, TenantSession},
    usage,
};

pub(super) type Row = HashMap<String, AttributeValue>;

/// The index that finds the shares a user received: `tenant_id` + `user_id`, keys only.
pub(crate) const BY_RECEIVER: &str = "by-receiver";

impl Holder {
    pub(super) fn new(now: SystemTime) -> Self {
        Self { mark: Uuid::new_v4().simple().to_string(), since: now }
    }
}

/// The primary key of a share's row.
pub(super) fn key(tenant: TenantId, document: DocumentId, receiver: UserId) -> Row {
    HashMap::from([
        ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
        ("share_id".to_owned(), AttributeValue::S(format!("{document}#{receiver}"))),
    ])
}

fn row(tenant: TenantId, share: &Share) -> Row {
    let mut row = key(tenant, share.document, share.receiver);
    row.extend(
        [
            ("document_id", share.document.to_string()),
            ("user_id", share.receiver.to_string()),
            ("shared_by", share.shared_by.to_string()),
            ("created_at", rfc3339(share.created_at)),
            ("share_state", share.state.as_str().to_owned()),
            ("held_by", share.holder.mark.clone()),
            ("held_since", rfc3339(share.holder.since)),
        ]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value))),
    );
    row
}

/// Reads a row of `tenant`'s.
pub(super) fn read(tenant: TenantId, row: &Row) -> Result<Share, DocumentError> {
    let text = |name: &str| {
        row.get(name).and_then(|v| v.as_s().ok()).map(String::as_str).ok_or(DocumentError::Malformed)
    };
    let time = |name: &str| parse_rfc3339(text(name)?).ok_or(DocumentError::Malformed);
    if text("tenant_id")? != tenant.to_string() {
        tracing::error!(incident = "foreign_row", %tenant, "a row of another tenant was read");
        return Err(DocumentError::ForeignRow);
    }
    let malformed = |_| DocumentError::Malformed;
    Ok(Share {
        document: text("document_id")?.parse().map_err(malformed)?,
        receiver: text("user_id")?.parse().map_err(malformed)?,
        shared_by: text("shared_by")?.parse().map_err(malformed)?,
        created_at: time("created_at")?,
        state: State::parse(text("share_state")?).ok_or(DocumentError::Malformed)?,
        holder: Holder { mark: text("held_by")?.to_owned(), since: time("held_since")? },
    })
}

/// Whether somebody may be at work on the share in `row`; a row that cannot be read is nobody's.
pub(crate) fn is_held(tenant: TenantId, row: &Row, now: SystemTime) -> bool {
    read(tenant, row).is_ok_and(|share| share.is_held(now))
}

/// The name of the policy that belongs to `row`; `None` when the row is none of ours.
pub(crate) fn policy_of(row: &Row) -> Option<String> {
    let (document, receiver) = row.get("share_id")?.as_s().ok()?.split_once('#')?;
    Some(super::policy::name(document.parse().ok()?, receiver.parse().ok()?))
}

/// The document that `row` is about; `None` when the row is none of ours.
pub(crate) fn document_of(row: &Row) -> Option<DocumentId> {
    row.get("share_id")?.as_s().ok()?.split_once('#')?.0.parse().ok()
}

/// The share as it is now.
pub(super) async fn current<P: MayEndShares>(
    session: &TenantSession<P>,
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

/// Writes a new share and counts it, in one transaction; `false` when there is a row already, or when two
/// transactions met.
pub(super) async fn begin(
    session: &TenantSession<Sharing>,
    share: &Share,
    shares_max: NonZeroU32,
) -> Result<bool, ShareError> {
    let names = session.resources();
    let put = Put::builder()
        .table_name(&names.shares_table)
        .set_item(Some(row(session.tenant(), share)))
        .condition_expression("attribute_not_exists(share_id)")
        .build();
    let count = Update::builder()
        .table_name(&names.documents_table)
        .set_key(Some(documents::key(session.tenant(), share.document)))
        .update_expression("ADD share_count :one")
        .condition_expression("document_state = :available AND share_count < :max")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":max", AttributeValue::N(shares_max.to_string()))
        .expression_attribute_values(":available", AttributeValue::S(documents::AVAILABLE.to_owned()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    let (put, count) =
        (put.map_err(|_| DocumentError::Malformed)?, count.map_err(|_| DocumentError::Malformed)?);
    let parts = vec![
        TransactWriteItem::builder().put(put).build(),
        TransactWriteItem::builder().update(count).build(),
    ];
    let unmet = match conditional::transact(session.dynamodb(), parts, 1).await {
        Ok(Ok(())) => return Ok(true),
        Ok(Err(unmet)) => unmet,
        Err(TransactionError::Contended) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let is_available = |row: &Row| {
        row.get("document_state").and_then(|s| s.as_s().ok()).is_some_and(|s| s == documents::AVAILABLE)
    };
    match unmet.row(1) {
        _ if unmet.at(0) => Ok(false),
        Some(document) if is_available(document) => Err(ShareError::LimitReached),
        _ => Err(DocumentError::NotFound.into()),
    }
}

/// Takes a share that is nobody's, to make or to end it; `None` when it changed since it was read.
pub(super) async fn take<P: MayEndShares>(
    session: &TenantSession<P>,
    share: &Share,
    state: State,
    now: SystemTime,
) -> Result<Option<Share>, ShareError> {
    let taken = Share { state, holder: Holder::new(now), ..share.clone() };
    let update = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().shares_table)
        .set_key(Some(key(session.tenant(), share.document, share.receiver)))
        .update_expression("SET share_state = :state, held_by = :mark, held_since = :now")
        // Ours already: a reply that was lost, and the SDK asked again.
        .condition_expression("(held_by = :read AND share_state = :was) OR held_by = :mark")
        .expression_attribute_values(":state", text(state.as_str()))
        .expression_attribute_values(":was", text(share.state.as_str()))
        .expression_attribute_values(":read", text(&share.holder.mark))
        .expression_attribute_values(":mark", text(&taken.holder.mark))
        .expression_attribute_values(":now", text(&rfc3339(now)))
        .send()
        .await;
    match held(update) {
        Ok(done) => Ok(done.then_some(taken)),
        // Whoever holds it is just finishing or ending it.
        Err(error) if conditional::is_conflict(&error) => Ok(None),
        Err(error) => Err(documents::store_failed(error).into()),
    }
}

/// Marks a share that we hold as active, and counts it; `false` when it is not ours any more.
pub(super) async fn finish(
    session: &TenantSession<Sharing>,
    share: &Share,
    now: SystemTime,
) -> Result<bool, ShareError> {
    let names = session.resources();
    let mark = Update::builder()
        .table_name(&names.shares_table)
        .set_key(Some(key(session.tenant(), share.document, share.receiver)))
        .update_expression("SET share_state = :active")
        .condition_expression("held_by = :mark AND share_state = :pending")
        .expression_attribute_values(":active", text(State::Active.as_str()))
        .expression_attribute_values(":pending", text(State::Pending.as_str()))
        .expression_attribute_values(":mark", text(&share.holder.mark))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    let event = usage::shared(share.document, share.receiver, &share.holder.mark, now);
    let event = event.and_then(|event| usage::put(&names.usage_table, session.tenant(), &event, now));
    let parts = vec![TransactWriteItem::builder().update(mark).build(), event.map_err(DocumentError::Usage)?];
    let finished = conditional::transact(session.dynamodb(), parts, conditional::TRIES).await?;
    let Err(unmet) = finished else { return Ok(true) };
    let Some(row) = unmet.row(0) else { return Ok(false) };
    let found = read(session.tenant(), row)?;
    // Ours already: a reply that was lost, and the SDK asked again.
    Ok(found.state == State::Active && found.holder.mark == share.holder.mark)
}

/// Lets go of a share in the middle, so that whoever comes next need not wait. Best effort: when it fails,
/// the hold runs out by itself.
pub(super) async fn release<P: MayEndShares>(session: &TenantSession<P>, share: &Share) {
    let released = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().shares_table)
        .set_key(Some(key(session.tenant(), share.document, share.receiver)))
        .update_expression("SET held_since = :long_ago")
        .condition_expression("held_by = :mark")
        .expression_attribute_values(":long_ago", text(&rfc3339(SystemTime::UNIX_EPOCH)))
        .expression_attribute_values(":mark", text(&share.holder.mark))
        .send()
        .await;
    if let Err(error) = held(released).map_err(documents::store_failed) {
        tracing::warn!(tenant = %session.tenant(), error = crate::problem::chain(&error), "a share stays held until its time");
    }
}

/// Deletes the row of a share that we hold, and counts one less; `false` when it is not ours any more.
pub(super) async fn delete<P: MayEndShares>(
    session: &TenantSession<P>,
    share: &Share,
) -> Result<bool, ShareError> {
    let names = session.resources();
    let delete = Delete::builder()
        .table_name(&names.shares_table)
        .set_key(Some(key(session.tenant(), share.document, share.receiver)))
        .condition_expression("held_by = :mark")
        .expression_attribute_values(":mark", text(&share.holder.mark))
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    let count = Update::builder()
        .table_name(&names.documents_table)
        .set_key(Some(documents::key(session.tenant(), share.document)))
        .update_expression("ADD share_count :less")
        // A document that is gone needs no count, and must not come back as a row of a count.
        .condition_expression("attribute_exists(document_id)")
        .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()))
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    let parts = vec![
        TransactWriteItem::builder().delete(delete).build(),
        TransactWriteItem::builder().update(count).build(),
    ];
    Ok(conditional::transact(session.dynamodb(), parts, conditional::TRIES).await?.is_ok())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
