//! Ending a share, and listing shares.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{BETWEEN_LOOKS, LOOKS, Share, ShareError, State, policy, row};
use crate::{
    access::{ListShares, Permit, UnshareDocument},
    clock::Clock,
    documents::{self, Document},
    ids::{DocumentId, UserId},
    tenancy::{Data, Departure, MayEndShares, Sharing, TenantSession},
};

/// The most rows that one page of a listing reads: more than a document may have shares.
const ROWS_PER_PAGE: i32 = 500;

/// Ends the share of the permitted document with `receiver`.
///
/// # Errors
/// [`ShareError::NotFound`] when there is no such share; [`ShareError::Contended`] while somebody else is at
/// work on it; or when a table or the policy store fails, after which a repeat finishes what was begun.
pub async fn end(
    session: &TenantSession<Sharing>,
    permit: &Permit<Document, UnshareDocument>,
    receiver: UserId,
    known: Option<Share>,
    clock: &Clock,
) -> Result<(), ShareError> {
    end_known(session, permit.subject().id, receiver, known, clock).await
}

/// Ends a share that its receiver, who was removed, or the document's new owner has no use for any more.
///
/// # Errors
/// As [`end`]; that there is no such share is none, and `false`.
pub(crate) async fn end_unneeded(
    session: &TenantSession<Departure>,
    document: DocumentId,
    receiver: UserId,
    clock: &Clock,
) -> Result<bool, ShareError> {
    let known = row::current(session, document, receiver).await?;
    match end_known(session, document, receiver, known, clock).await {
        Err(ShareError::NotFound) => Ok(false),
        ended => ended.map(|()| true),
    }
}

async fn end_known<P: MayEndShares>(
    session: &TenantSession<P>,
    document: DocumentId,
    receiver: UserId,
    known: Option<Share>,
    clock: &Clock,
) -> Result<(), ShareError> {
    let mut known = known;
    for _ in 0..LOOKS {
        let now = clock.now();
        let held = match known {
            None => return Err(ShareError::NotFound),
            Some(share) if share.is_held(now) => {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                None
            }
            Some(share) => row::take(session, &share, State::Ending, now).await?,
        };
        let Some(share) = held else {
            known = row::current(session, document, receiver).await?;
            continue;
        };
        let deleted = match policy::delete(session, &share).await {
            Ok(()) => row::delete(session, &share).await.map(drop),
            Err(error) => Err(error),
        };
        if deleted.as_ref().is_err_and(ShareError::was_answered) {
            row::release(session, &share).await;
        }
        return deleted;
    }
    Err(ShareError::Contended)
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
        shares.push(row::read(session.tenant(), &row.map_err(documents::store_failed)?)?);
    }
    Ok(shares)
}
