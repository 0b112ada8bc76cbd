//! Mailing an invitation again to somebody who never signed in: the first mail got lost, or its password has
//! run out.
//!
//! The row says when the last mail was asked for, and is written before Cognito is asked, so that of two who
//! ask at once one gets through. A row without an account is written just the same, and has nobody mailed:
//! its user looks like one who does not answer.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Account, INVITED_AGAIN_AFTER, User, UserError, UserState,
    error::store,
    pool::{Invited, Pool},
    row,
};
use crate::{
    clock::rfc3339,
    problem::chain,
    tenancy::{Directory, TenantSession},
};

/// Mails the invitation of a user of the session's tenant again.
///
/// # Errors
/// [`UserError::InvitedJustNow`] within [`INVITED_AGAIN_AFTER`] of the last time; [`UserError::Exists`] when
/// they have signed in; or when directory or user pool fail: then nothing counts as asked for.
pub(super) async fn again(
    session: &TenantSession<Directory>,
    pool: &Pool,
    user: User,
    now: SystemTime,
) -> Result<User, UserError> {
    if !claim(session, &user, now).await? {
        return Err(UserError::InvitedJustNow);
    }
    match pool.invite_again(session.tenant(), &user.email).await {
        Ok(Invited::OfThisTenant(_)) => Err(UserError::Exists),
        Ok(Invited::Again(_) | Invited::New(_) | Invited::Taken) => {
            Ok(User { invited_at: Some(now), ..user })
        }
        Err(error) => {
            give_back(session, &user, now).await;
            Err(error.into())
        }
    }
}

/// Writes down that a mail is asked for; `false` when one was within [`INVITED_AGAIN_AFTER`], or the user is not
/// waiting for one any more.
async fn claim(session: &TenantSession<Directory>, user: &User, now: SystemTime) -> Result<bool, UserError> {
    let account = match user.account {
        Account::Pending { .. } => return Ok(false),
        Account::There => row::THERE,
        Account::Absent => row::ABSENT,
    };
    let update = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().users_table)
        .set_key(Some(row::key(session.tenant(), user.id)))
        .update_expression("SET invited_at = :now")
        .condition_expression(
            "user_state = :invited AND account = :account \
             AND (attribute_not_exists(invited_at) OR invited_at <= :before)",
        )
        .expression_attribute_values(":now", text(&rfc3339(now)))
        .expression_attribute_values(":before", text(&rfc3339(now - INVITED_AGAIN_AFTER)))
        .expression_attribute_values(":invited", text(UserState::Invited.as_str()))
        .expression_attribute_values(":account", text(account))
        .send()
        .await;
    match update {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
            Ok(false)
        }
        Err(error) => Err(store(error)),
    }
}

/// The mail did not go, as far as is known: the next try need not wait. Best effort.
async fn give_back(session: &TenantSession<Directory>, user: &User, claimed: SystemTime) {
    let before = user.invited_at.unwrap_or(SystemTime::UNIX_EPOCH);
    let given_back = session
        .dynamodb()
        .update_item()
        .table_name(&session.resources().users_table)
        .set_key(Some(row::key(session.tenant(), user.id)))
        .update_expression("SET invited_at = :before")
        .condition_expression("invited_at = :claimed")
        .expression_attribute_values(":before", text(&rfc3339(before)))
        .expression_attribute_values(":claimed", text(&rfc3339(claimed)))
        .send()
        .await;
    if let Err(error) = given_back {
        let error = chain(&store(error));
        tracing::warn!(tenant = %session.tenant(), error, "another invitation has to wait");
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
