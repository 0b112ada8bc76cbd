//! Removing a user: out at once, and what they leave is settled in its own time.
//!
//! | step | if it ends here |
//! |---|---|
//! | order to the departures queue | nothing happened; the order finds no mark and is dropped |
//! | row `removing`, the remover's row checked, count (one transaction) | the departure does all that follows |
//! | `forbid` in the tenant's store | likewise |
//! | account disabled and signed out | likewise |
//!
//! A repeat does whatever is not done, and is answered like the first; once the departure is complete, the
//! user is as absent as one who never was.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use super::{
    Account, User, UserError, UserRole, UserState, departure, error::store, forbid, invite, pool::Pool, row,
};
use crate::{
    access::{Collection, ManageUsers, Permit},
    clock::{Clock, rfc3339},
    ids::UserId,
    tenancy::{Directory, TenantSession},
};

/// Removes a user from the session's tenant; their documents will be `by`'s.
///
/// # Errors
/// [`UserError::NotFound`]; [`UserError::LastAdministrator`] and [`UserError::Oneself`], because whoever
/// removes has to remain; [`UserError::NotAdministrator`] when `by` was removed at the same time; or when
/// something fails: from the mark on, the departure finishes what was begun, and so does a repeat.
pub async fn remove(
    session: &TenantSession<Directory>,
    _permit: &Permit<Collection, ManageUsers>,
    pool: &Pool,
    user: UserId,
    by: UserId,
    clock: &Clock,
) -> Result<(), UserError> {
    if user == by {
        let alone = admins(session).await? <= 1;
        return Err(if alone { UserError::LastAdministrator } else { UserError::Oneself });
    }
    let mut user = find(session, user).await?.ok_or(UserError::NotFound)?;
    if matches!(user.account, Account::Pending { .. }) {
        user = invite::resume(session, pool, user, clock).await?;
    }
    if user.state != UserState::Removing {
        departure::order(session, user.id, clock.now()).await?;
        mark(session, &user, by, clock.now()).await?;
    }
    forbid::put(session, user.id).await?;
    pool.sign_out_and_disable(session.tenant(), user.id).await?;
    Ok(())
}

/// Marks the row, and takes care that whoever removes remains.
async fn mark(
    session: &TenantSession<Directory>,
    user: &User,
    by: UserId,
    now: SystemTime,
) -> Result<(), UserError> {
    let (table, tenant) = (&session.resources().users_table, session.tenant());
    let malformed = |_| UserError::Malformed;
    let leaver = Update::builder()
        .table_name(table)
        .set_key(Some(row::key(tenant, user.id)))
        .update_expression("SET user_state = :removing, removed_by = :by, removed_at = :now")
        .condition_expression("user_state IN (:invited, :active) AND user_role = :role")
        .expression_attribute_values(":removing", text(UserState::Removing.as_str()))
        .expression_attribute_values(":invited", text(UserState::Invited.as_str()))
        .expression_attribute_values(":active", text(UserState::Active.as_str()))
        .expression_attribute_values(":role", text(user.role.as_str()))
        .expression_attribute_values(":by", text(&by.to_string()))
        .expression_attribute_values(":now", text(&rfc3339(now)))
        .build()
        .map_err(malformed)?;
    // A token says who was an administrator when it was issued; the row says who is.
    let remover = Update::builder()
        .table_name(table)
        .set_key(Some(row::key(tenant, by)))
        .update_expression("SET user_state = :active")
        .condition_expression("user_state IN (:invited, :active) AND user_role = :admin")
        .expression_attribute_values(":invited", text(UserState::Invited.as_str()))
        .expression_attribute_values(":active", text(UserState::Active.as_str()))
        .expression_attribute_values(":admin", text(UserRole::Admin.as_str()))
        .build()
        .map_err(malformed)?;
    let mut items = vec![
        TransactWriteItem::builder().update(leaver).build(),
        TransactWriteItem::builder().update(remover).build(),
    ];
    if user.role == UserRole::Admin {
        items.push(row::count(table, tenant, "-1", Some("1"))?);
    }
    let Err(unmet) = row::transact(session.dynamodb(), items).await? else { return Ok(()) };
    if unmet.at(1) {
        return Err(UserError::NotAdministrator);
    }
    if unmet.at(0) {
        return match find(session, user.id).await? {
            // By this very call, whose reply was lost, or by another administrator: either way it is done.
            Some(there) if there.state == UserState::Removing => Ok(()),
            Some(_) => Err(UserError::Contended),
            None => Err(UserError::NotFound),
        };
    }
    Err(UserError::LastAdministrator)
}

async fn find(session: &TenantSession<Directory>, user: UserId) -> Result<Option<User>, UserError> {
    row::find(session.dynamodb(), &session.resources().users_table, session.tenant(), user).await
}

/// How many administrators the tenant has that were not removed.
async fn admins(session: &TenantSession<Directory>) -> Result<u64, UserError> {
    let reply = session
        .dynamodb()
        .get_item()
        .table_name(&session.resources().users_table)
        .set_key(Some(row::admins_key(session.tenant())))
        .consistent_read(true)
        .send()
        .await
        .map_err(store)?;
    let admins = reply.item.as_ref().and_then(|row| row.get("admins")?.as_n().ok()?.parse().ok());
    admins.ok_or(UserError::Malformed)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
