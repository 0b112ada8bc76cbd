//! Inviting a user, step by step, so that an interruption anywhere leaves a row that can be seen, finished or
//! removed, and never an account without one.
//!
//! | step | if it ends here |
//! |---|---|
//! | row with an id of its own, address, count (one transaction) | a repeat takes it over; so does a removal |
//! | account in the user pool, which mails the invitation | the repeat finds the account and goes on |
//! | row with the account's id in its place (one transaction) | done |

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};

use super::{
    Account, Email, User, UserError, UserRole, UserState, again,
    error::store,
    pool::{Invited, Pool, PoolError, Repeat},
    row,
};
use crate::{
    access::{Collection, ManageUsers, Permit},
    clock::{Clock, rfc3339},
    ids::{TenantId, UserId},
    tenancy::{Directory, TenantSession},
};

/// The functions may run for 10 seconds (`Timeout` in the template); the rest is for clocks that differ. An
/// invitation that was pending this long is nobody's work any more.
const HELD_FOR: Duration = Duration::from_secs(15);

/// How often the directory is looked at again while it changes.
const LOOKS: u32 = 4;

/// What an invitation came to.
#[derive(Debug, Clone)]
pub enum Invitation {
    /// There is a new user.
    New(User),
    /// The user had been invited before, and has not signed in yet: they get another mail.
    Again(User),
}

/// What an invitation begins with.
enum Begun {
    /// A row that is pending: the account has to be made, or found.
    Pending(User),
    /// A user who was invited before.
    Before(User),
}

/// Invites the owner of an address into the session's tenant.
///
/// Whoever was invited before with the same role, and is not known to have signed in, is mailed another
/// invitation, once in [`INVITED_AGAIN_AFTER`](super::INVITED_AGAIN_AFTER).
///
/// For an address that has an account of another tenant the answer is the same as for a new one: a user who
/// was invited. Cognito's part takes a moment longer or shorter in the two cases; nothing else differs.
///
/// # Errors
/// [`UserError::Exists`] when the address is one of this tenant's users who has signed in, has another role or
/// is being removed; [`UserError::InvitedJustNow`]; [`UserError::AddressRefused`] when the user pool does not take it; or when directory or user pool fail, after which a repeat finishes what
/// was begun.
pub async fn invite(
    session: &TenantSession<Directory>,
    _permit: &Permit<Collection, ManageUsers>,
    pool: &Pool,
    email: Email,
    role: UserRole,
    by: UserId,
    clock: &Clock,
) -> Result<Invitation, UserError> {
    let invitation = match begin(session, email, role, by, clock).await? {
        Begun::Pending(user) => user,
        Begun::Before(user) => {
            return again::again(session, pool, user, clock.now()).await.map(Invitation::Again);
        }
    };
    // An account that is there already is an earlier try's, whose mail may never have gone.
    match pool.invite(session.tenant(), &invitation.email, role, Repeat::Mail).await {
        Ok(Invited::New(account) | Invited::Again(account) | Invited::OfThisTenant(account)) => {
            finish(session, invitation, account).await.map(Invitation::New)
        }
        Ok(Invited::Taken) => without_account(session, invitation).await.map(Invitation::New),
        Err(PoolError::AddressRefused) => {
            undo(session, &invitation).await?;
            Err(UserError::AddressRefused)
        }
        Err(error) => {
            // A call that got no answer may still make an account: then the hold has to run out.
            if error.was_answered() {
                release(session, &invitation).await;
            }
            Err(error.into())
        }
    }
}

/// Finishes an invitation that was left in the middle, whichever way it went.
///
/// # Errors
/// [`UserError::Contended`] while somebody may be at work on it; or when directory or user pool fail.
pub(super) async fn resume(
    session: &TenantSession<Directory>,
    pool: &Pool,
    user: User,
    clock: &Clock,
) -> Result<User, UserError> {
    let invitation = take_over(session, user, clock.now()).await?.ok_or(UserError::Contended)?;
    match pool.find(session.tenant(), &invitation.email).await? {
        Some(account) => finish(session, invitation, account).await,
        None => without_account(session, invitation).await,
    }
}

/// The first step: a row, pending.
async fn begin(
    session: &TenantSession<Directory>,
    email: Email,
    role: UserRole,
    by: UserId,
    clock: &Clock,
) -> Result<Begun, UserError> {
    let (dynamodb, table, tenant) = parts(session);
    let now = clock.now();
    let new = User {
        id: UserId::random(),
        email,
        role,
        state: UserState::Invited,
        created_at: now,
        invited_by: Some(by),
        account: Account::Pending { since: now },
        invited_at: Some(now),
        removed: None,
    };
    for _ in 0..LOOKS {
        if row::transact(dynamodb, row::additions(table, tenant, &new)?).await?.is_ok() {
            return Ok(Begun::Pending(new));
        }
        // The address is somebody's. When it no longer is, it was freed just now.
        let Some(owner) = row::owner_of(dynamodb, table, tenant, &new.email).await? else { continue };
        if owner == new.id {
            // Our own: the reply was lost, and the SDK asked again.
            return Ok(Begun::Pending(new));
        }
        let Some(there) = row::find(dynamodb, table, tenant, owner).await? else { continue };
        if there.role != role {
            return Err(UserError::Exists);
        }
        return match (there.account, there.state) {
            (Account::Pending { .. }, _) => {
                let taken = take_over(session, there, clock.now()).await?;
                taken.map(Begun::Pending).ok_or(UserError::Contended)
            }
            (Account::There | Account::Absent, UserState::Invited) => Ok(Begun::Before(there)),
            (_, UserState::Active | UserState::Removing) => Err(UserError::Exists),
        };
    }
    Err(UserError::Contended)
}

/// Takes a pending invitation that is nobody's work any more; `None` when it is, or has changed.
async fn take_over(
    session: &TenantSession<Directory>,
    user: User,
    now: SystemTime,
) -> Result<Option<User>, UserError> {
    let Account::Pending { since } = user.account else { return Ok(None) };
    if now < since + HELD_FOR {
        return Ok(None);
    }
    let taken = User { account: Account::Pending { since: now }, invited_at: Some(now), ..user };
    let (dynamodb, table, tenant) = parts(session);
    let update = dynamodb
        .update_item()
        .table_name(table)
        .set_key(Some(row::key(tenant, taken.id)))
        .update_expression("SET pending_since = :now, invited_at = :now")
        .condition_expression("account = :pending AND pending_since = :since AND user_state = :invited")
        .expression_attribute_values(":now", text(&rfc3339(now)))
        .expression_attribute_values(":pending", text(row::PENDING))
        .expression_attribute_values(":since", text(&rfc3339(since)))
        .expression_attribute_values(":invited", text(UserState::Invited.as_str()))
        .send()
        .await;
    match update {
        Ok(_) => Ok(Some(taken)),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
            Ok(None)
        }
        Err(error) => Err(store(error)),
    }
}

/// The last step: the row gets the account's id.
async fn finish(
    session: &TenantSession<Directory>,
    invitation: User,
    account: UserId,
) -> Result<User, UserError> {
    let (dynamodb, table, tenant) = parts(session);
    let user = User { id: account, account: Account::There, ..invitation.clone() };
    let malformed = |_| UserError::Malformed;
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(row::write(tenant, &user)))
        .condition_expression("attribute_not_exists(user_id)")
        .build()
        .map_err(malformed)?;
    let address = Update::builder()
        .table_name(table)
        .set_key(Some(row::address_key(tenant, &user.email)))
        .update_expression("SET address_of = :account")
        .condition_expression("address_of = :own")
        .expression_attribute_values(":account", text(&account.to_string()))
        .expression_attribute_values(":own", text(&invitation.id.to_string()))
        .build()
        .map_err(malformed)?;
    let items = vec![
        TransactWriteItem::builder().delete(held(table, tenant, &invitation)?).build(),
        TransactWriteItem::builder().put(put).build(),
        TransactWriteItem::builder().update(address).build(),
    ];
    if row::transact(dynamodb, items).await?.is_ok() {
        return Ok(user);
    }
    match row::find(dynamodb, table, tenant, account).await? {
        // Ours, or that of whoever took the invitation over.
        Some(there) if there.email == user.email => Ok(there),
        // The account's owner has given it another address, under which they were invited before.
        Some(_) => {
            undo(session, &invitation).await?;
            Err(UserError::Exists)
        }
        None => Err(UserError::Contended),
    }
}

/// The other last step: there will be no account, and nothing tells.
async fn without_account(session: &TenantSession<Directory>, invitation: User) -> Result<User, UserError> {
    let (dynamodb, table, tenant) = parts(session);
    let Account::Pending { since } = invitation.account else { return Err(UserError::Contended) };
    let update = dynamodb
        .update_item()
        .table_name(table)
        .set_key(Some(row::key(tenant, invitation.id)))
        .update_expression("SET account = :absent REMOVE pending_since")
        // Done already: a reply that was lost, and the SDK asked again.
        .condition_expression("(account = :pending AND pending_since = :since) OR account = :absent")
        .expression_attribute_values(":absent", text(row::ABSENT))
        .expression_attribute_values(":pending", text(row::PENDING))
        .expression_attribute_values(":since", text(&rfc3339(since)))
        .send()
        .await;
    match update {
        Ok(_) => Ok(User { account: Account::Absent, ..invitation }),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
            Err(UserError::Contended)
        }
        Err(error) => Err(store(error)),
    }
}

/// Takes an invitation back that came to nothing: row, address and count.
async fn undo(session: &TenantSession<Directory>, invitation: &User) -> Result<(), UserError> {
    let (dynamodb, table, tenant) = parts(session);
    let address = Delete::builder()
        .table_name(table)
        .set_key(Some(row::address_key(tenant, &invitation.email)))
        .condition_expression("address_of = :own")
        .expression_attribute_values(":own", text(&invitation.id.to_string()))
        .build()
        .map_err(|_| UserError::Malformed)?;
    let mut items = vec![
        TransactWriteItem::builder().delete(held(table, tenant, invitation)?).build(),
        TransactWriteItem::builder().delete(address).build(),
    ];
    if invitation.role == UserRole::Admin {
        items.push(row::count(table, tenant, "-1", None)?);
    }
    // What is not there to take back is taken back.
    row::transact(dynamodb, items).await.map(drop)
}

/// Lets go of an invitation in the middle, so that a repeat need not wait. Best effort: when it fails, the
/// hold runs out by itself.
async fn release(session: &TenantSession<Directory>, invitation: &User) {
    let (dynamodb, table, tenant) = parts(session);
    let released = dynamodb
        .update_item()
        .table_name(table)
        .set_key(Some(row::key(tenant, invitation.id)))
        .update_expression("SET pending_since = :long_ago")
        .condition_expression("account = :pending")
        .expression_attribute_values(":long_ago", text(&rfc3339(SystemTime::UNIX_EPOCH)))
        .expression_attribute_values(":pending", text(row::PENDING))
        .send()
        .await;
    if let Err(error) = released {
        let error = crate::problem::chain(&store(error));
        tracing::warn!(%tenant, error, "an invitation stays held until its time");
    }
}

/// The deletion of a row that is pending, and ours.
fn held(table: &str, tenant: TenantId, invitation: &User) -> Result<Delete, UserError> {
    let Account::Pending { since } = invitation.account else { return Err(UserError::Contended) };
    Delete::builder()
        .table_name(table)
        .set_key(Some(row::key(tenant, invitation.id)))
        .condition_expression("account = :pending AND pending_since = :since")
        .expression_attribute_values(":pending", text(row::PENDING))
        .expression_attribute_values(":since", text(&rfc3339(since)))
        .build()
        .map_err(|_| UserError::Malformed)
}

fn parts(session: &TenantSession<Directory>) -> (&aws_sdk_dynamodb::Client, &str, TenantId) {
    (session.dynamodb(), &session.resources().users_table, session.tenant())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
