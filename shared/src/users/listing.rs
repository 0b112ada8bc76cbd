//! The tenant's users, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tokio::task::JoinSet;

use super::{Account, User, UserError, UserState, error::store, pool::Pool, row};
use crate::{
    access::{Collection, ManageUsers, Permit},
    clock::Clock,
    cursor::InvalidCursor,
    ids::UserId,
    page::PageRequest,
    problem::chain,
    tenancy::{Directory, TenantSession},
};

/// The name under which cursors of this list are sealed.
const LIST: &str = "users";

/// How many users of one page are looked up in the user pool, all at once. It answers 120 such questions a
/// second for all tenants together.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html>
const LOOKS_MAX: usize = 10;

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The users, by id.
    pub users: Vec<User>,
    /// Where the next page begins; absent on the last.
    pub next_cursor: Option<String>,
}

/// Lists the users of the session's tenant for `caller`.
///
/// Whoever was invited becomes active here, once the user pool says that they have signed in. The first ten
/// such users of a page are asked for; users whose address has an account elsewhere are asked for as well,
/// and never become active.
///
/// # Errors
/// When the cursor does not open, or the table fails.
pub async fn list(
    session: &TenantSession<Directory>,
    _permit: &Permit<Collection, ManageUsers>,
    pool: &Pool,
    caller: UserId,
    page: PageRequest<'_>,
    clock: &Clock,
) -> Result<Page, UserError> {
    let key = &session.mapping().cursor_key;
    let start = page
        .cursor
        .map(|text| key.open(LIST, caller, text, clock.now()))
        .transpose()?
        .map(|position| position.parse().map_err(|_| InvalidCursor))
        .transpose()?
        .map(|last| row::key(session.tenant(), last));
    let reply = session
        .dynamodb()
        .query()
        .table_name(&session.resources().users_table)
        // From the first hexadecimal digit to behind the last: users only.
        .key_condition_expression("tenant_id = :tenant AND user_id BETWEEN :first AND :last")
        .expression_attribute_values(":tenant", AttributeValue::S(session.tenant().to_string()))
        .expression_attribute_values(":first", AttributeValue::S("0".to_owned()))
        .expression_attribute_values(":last", AttributeValue::S("g".to_owned()))
        .consistent_read(true)
        .limit(page.size.limit())
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(store)?;
    let mut users: Vec<User> =
        reply.items().iter().map(|row| row::read(session.tenant(), row)).collect::<Result<_, _>>()?;
    let next_cursor = reply
        .last_evaluated_key
        .as_ref()
        .and_then(position)
        .map(|position| key.seal(LIST, caller, position, clock.now()).ok_or(UserError::Randomness));
    let next_cursor = next_cursor.transpose()?;
    settle(session, pool, &mut users).await;
    Ok(Page { users, next_cursor })
}

fn position(last: &HashMap<String, AttributeValue>) -> Option<&str> {
    last.get("user_id")?.as_s().ok().map(String::as_str)
}

/// Best effort: whoever cannot be looked up now stays invited until the next list.
async fn settle(session: &TenantSession<Directory>, pool: &Pool, users: &mut [User]) {
    let tenant = session.tenant();
    let invited = users
        .iter()
        .filter(|user| user.state == UserState::Invited && !matches!(user.account, Account::Pending { .. }));
    let mut looks = JoinSet::new();
    for user in invited.take(LOOKS_MAX) {
        let (pool, user) = (pool.clone(), user.id);
        looks.spawn(async move { (user, pool.has_signed_in(tenant, user).await) });
    }
    for (id, look) in looks.join_all().await {
        let seen = match look {
            Ok(false) => continue,
            Ok(true) => mark_active(session, id).await,
            Err(error) => Err(error.into()),
        };
        match seen {
            Ok(()) => {
                for user in users.iter_mut().filter(|user| user.id == id) {
                    user.state = UserState::Active;
                }
            }
            Err(error) => {
                tracing::warn!(%tenant, user = %id, error = chain(&error), "a user stays invited for now");
            }
        }
    }
}

async fn mark_active(session: &TenantSession<Directory>, user: UserId) -> Result<(), UserError> {
    let update = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().users_table)
        .set_key(Some(row::key(session.tenant(), user)))
        .update_expression("SET user_state = :active")
        .condition_expression("user_state = :invited OR user_state = :active")
        .expression_attribute_values(":active", AttributeValue::S(UserState::Active.as_str().to_owned()))
        .expression_attribute_values(":invited", AttributeValue::S(UserState::Invited.as_str().to_owned()))
        .send()
        .await;
    match update {
        Ok(_) => Ok(()),
        // Removed meanwhile.
        Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
            Err(UserError::Contended)
        }
        Err(error) => Err(store(error)),
    }
}
