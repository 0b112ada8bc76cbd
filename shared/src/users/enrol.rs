//! Writing a user whose account is there into the directory.

use std::time::SystemTime;

use aws_sdk_dynamodb::Client;

use super::{Account, NewUser, User, UserError, UserState, row};
use crate::ids::TenantId;

/// Writes a user into the directory of a tenant that is being set up. Repeating it changes nothing.
///
/// Control plane: it takes a client that may write any tenant's rows, which no function that faces tenants
/// has. Those invite ([`invite`](super::invite)).
///
/// # Errors
/// [`UserError::Exists`] when the address is another user's, or when the user is being removed; or when the
/// table fails.
pub async fn enrol(
    dynamodb: &Client,
    users_table: &str,
    tenant: TenantId,
    new: &NewUser,
    now: SystemTime,
) -> Result<(), UserError> {
    let user = User {
        id: new.user_id,
        email: new.email.clone(),
        role: new.role,
        state: UserState::Active,
        created_at: now,
        invited_by: None,
        account: Account::There,
        invited_at: None,
        removed: None,
    };
    let items = row::additions(users_table, tenant, &user)?;
    if row::transact(dynamodb, items).await?.is_ok() {
        return Ok(());
    }
    // The rows are written together, so a user who is there has been written by an earlier run, whole.
    match row::find(dynamodb, users_table, tenant, new.user_id).await? {
        Some(there) if there.state != UserState::Removing && there.email == new.email => Ok(()),
        _ => Err(UserError::Exists),
    }
}
