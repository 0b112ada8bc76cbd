//! Making a share.

use std::{collections::HashMap, num::NonZeroU32};

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::{
    BETWEEN_LOOKS, Holder, LOOKS, Share, ShareError, State, policy,
    row::{self, Row},
};
use crate::{
    access::{Permit, ShareDocument},
    clock::Clock,
    documents::{self, Document, DocumentError},
    ids::{DocumentId, UserId},
    tenancy::{Data, Sharing, TenantSession},
    users,
};

/// What one read of the tables tells before a document is shared with somebody.
#[derive(Debug)]
pub struct Candidate {
    /// The document; nothing is known yet about whether the caller may share it.
    pub document: Document,
    /// The receiver, if it is a user of the tenant.
    pub receiver: Option<UserId>,
    /// The share, if there is one.
    pub share: Option<Share>,
}

/// Reads the document, the receiver's row in the directory and the share, in one round trip.
///
/// # Errors
/// When there is no such document, or the tables fail.
pub async fn look(
    session: &TenantSession<Data>,
    document: DocumentId,
    receiver: UserId,
    clock: &Clock,
) -> Result<Candidate, ShareError> {
    let names = session.resources();
    let tenant = session.tenant();
    let mut rows = read_together(
        session,
        [
            (&names.documents_table, documents::key(tenant, document)),
            (&names.users_table, users::key(tenant, receiver)),
            (&names.shares_table, row::key(tenant, document, receiver)),
        ],
    )
    .await?;
    let mut one = |table: &String| rows.remove(table).and_then(|mut rows| rows.pop());
    let user = one(&names.users_table);
    let share = one(&names.shares_table).map(|row| row::read(tenant, &row)).transpose()?;
    let document = documents::seen(tenant, one(&names.documents_table).as_ref(), clock)?;
    let member = user.is_some_and(|user| users::is_member(tenant, receiver, &user));
    Ok(Candidate { document, receiver: member.then_some(receiver), share })
}

/// Strongly consistent; anything left unprocessed is an error, not an absence.
async fn read_together(
    session: &TenantSession<Data>,
    keys: [(&String, Row); 3],
) -> Result<HashMap<String, Vec<Row>>, DocumentError> {
    const TRIES: u32 = 3;
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
        tokio::time::sleep(BETWEEN_LOOKS).await;
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

/// Shares the permitted document with the receiver that was looked up beside it.
///
/// # Errors
/// When receiver, document or limit forbid it, when others keep the same share busy, or when a table or the
/// policy store fails; a repeat finishes what was begun.
pub async fn create(
    session: &TenantSession<Sharing>,
    permit: &Permit<Document, ShareDocument>,
    receiver: Option<UserId>,
    known: Option<Share>,
    by: UserId,
    shares_max: NonZeroU32,
    clock: &Clock,
) -> Result<Created, ShareError> {
    let document = permit.subject();
    if !document.is_available() {
        return Err(ShareError::Pending);
    }
    let receiver = receiver.ok_or(ShareError::ReceiverOutside)?;
    if receiver == document.owner {
        return Err(ShareError::ReceiverOwns);
    }
    let mut known = known;
    for _ in 0..LOOKS {
        let now = clock.now();
        let held = match known {
            Some(share) if share.state == State::Active => return Ok(Created { share, is_new: false }),
            Some(share) if share.is_held(now) => {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                None
            }
            Some(share) => row::take(session, &share, State::Pending, now).await?.map(|share| (share, false)),
            None => {
                let share = Share {
                    document: document.id,
                    receiver,
                    shared_by: by,
                    created_at: now,
                    state: State::Pending,
                    holder: Holder::new(now),
                };
                match row::begin(session, &share, shares_max).await {
                    Ok(begun) => begun.then_some((share, true)),
                    Err(error @ ShareError::Document(DocumentError::Store(_))) => {
                        // The row may have been written all the same; we go no further with it.
                        row::release(session, &share).await;
                        return Err(error);
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let Some((share, is_new)) = held else {
            known = row::current(session, document.id, receiver).await?;
            continue;
        };
        return complete(session, share, clock).await.map(|share| Created { share, is_new });
    }
    Err(ShareError::Contended)
}

/// Writes the second half of a share that we hold.
async fn complete(
    session: &TenantSession<Sharing>,
    share: Share,
    clock: &Clock,
) -> Result<Share, ShareError> {
    let put = policy::put(session, &share).await;
    match put {
        Ok(()) => {}
        Err(error @ ShareError::LimitReached) => {
            // Nothing was made, so nothing may be left: neither a row nor its count.
            row::delete(session, &share).await?;
            return Err(error);
        }
        Err(error) => {
            // A call that got no answer may still be on its way: then the hold has to run out.
            if error.was_answered() {
                row::release(session, &share).await;
            }
            return Err(error);
        }
    }
    match row::finish(session, &share, clock.now()).await {
        Ok(true) => Ok(share),
        Ok(false) => {
            // The document was deleted meanwhile, and the share's row with it.
            policy::delete(session, &share).await?;
            Err(DocumentError::NotFound.into())
        }
        Err(error) => {
            row::release(session, &share).await;
            Err(error)
        }
    }
}
