//! Carrying out a departure: what a removed user had ends or goes to the heir, and last the user is forgotten.
//!
//! | step | why here |
//! |---|---|
//! | forbid, account closed | the removal's own last steps, in case it was interrupted |
//! | shares ended, documents handed over | at once, so that nobody misses a document |
//! | *wait* until the last token has run out | until then the forbid must stand |
//! | shares and documents once more | what was under way when the user was removed, and the indexes' delay |
//! | account deleted, forbid taken away, address freed, row deleted | the row last: it is what a repeat begins from |
//!
//! Shares that the user *gave* stay: they are the documents', and the documents are the heir's now.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;

use super::DepartureOrder;
use crate::{
    access::policies::{self, Linked},
    clock::Clock,
    documents::{self, DocumentError},
    ids::{DocumentId, UserId},
    shares::{self, ShareError},
    tenancy::{Departure, TenantSession},
    users::{
        Account, Removed, User, UserError, UserRole, UserState,
        error::store,
        forbid,
        pool::Pool,
        row::{self, Row},
    },
};

/// For clocks that differ, and for requests that were under way when the last token ran out.
const AFTER_TOKENS: Duration = Duration::from_secs(300);

const ROWS_PER_PAGE: i32 = 100;

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing is left of the user.
    Complete,
    /// Everything is settled that can be until the user's last token has run out.
    Waiting {
        /// How long that takes.
        left: Duration,
    },
    /// The user was not removed, and will not be by this order: whoever ordered it failed.
    Void,
    /// There is more to do; what was done stays done.
    Unfinished,
}

/// Why a departure stopped. It can be run again.
#[derive(Debug, thiserror::Error)]
pub enum DepartureError {
    /// Directory, user pool or policy store did not do their part.
    #[error(transparent)]
    User(#[from] UserError),
    /// A share could not be ended.
    #[error("a share could not be ended")]
    Share(#[from] ShareError),
    /// A document could not be handed over.
    #[error("a document could not be handed over")]
    Document(#[from] DocumentError),
    /// The tenant has no administrator to hand documents to. An incident: the last one cannot be removed.
    #[error("the tenant has no administrator")]
    NoHeir,
}

/// Carries out an order, until `deadline`.
///
/// # Errors
/// When a step fails; the same order can be given again.
pub async fn settle(
    session: &TenantSession<Departure>,
    pool: &Pool,
    order: &DepartureOrder,
    token_lifetime: Duration,
    deadline: SystemTime,
    clock: &Clock,
) -> Result<Settlement, DepartureError> {
    let (tenant, user) = (session.tenant(), order.user());
    let table = &session.resources().users_table;
    let (user, removed) = match row::find(session.dynamodb(), table, tenant, user).await? {
        // The row went last: everything is done, but for the forbid of another run that was under way then.
        None => {
            forbid::delete(session, user).await?;
            return Ok(Settlement::Complete);
        }
        Some(User { state: UserState::Removing, removed: Some(removed), id, email, .. }) => {
            ((id, email), removed)
        }
        Some(_) if order.is_void(clock.now()) => return Ok(Settlement::Void),
        Some(_) => return Ok(Settlement::Unfinished),
    };
    let (user, email) = user;
    forbid::put(session, user).await?;
    pool.sign_out_and_disable(tenant, user).await.map_err(UserError::from)?;

    // Looked at before the work: what the tokens allowed until then, the work finds.
    let left = until_tokens_ran_out(&removed, token_lifetime, clock.now());
    let work = Work { session, user, deadline, clock };
    let Some(heir) = work.heir(&removed).await? else { return Ok(Settlement::Unfinished) };
    if !(work.end_shares().await? && work.sweep_policies().await? && work.hand_over(heir).await?) {
        return Ok(Settlement::Unfinished);
    }
    if !left.is_zero() {
        return Ok(Settlement::Waiting { left });
    }
    pool.delete(tenant, user).await.map_err(UserError::from)?;
    forbid::delete(session, user).await?;
    work.delete_row(row::address_key(tenant, &email), "attribute_not_exists(user_id) OR address_of = :id")
        .await?;
    work.delete_row(row::key(tenant, user), "attribute_not_exists(user_id) OR user_id = :id").await?;
    Ok(Settlement::Complete)
}

fn until_tokens_ran_out(removed: &Removed, token_lifetime: Duration, now: SystemTime) -> Duration {
    (removed.at + token_lifetime + AFTER_TOKENS).duration_since(now).unwrap_or_default()
}

/// What one run works on. Its steps answer `false` when there is more to do and no time.
struct Work<'a> {
    session: &'a TenantSession<Departure>,
    user: UserId,
    deadline: SystemTime,
    clock: &'a Clock,
}

impl Work<'_> {
    fn is_over(&self) -> bool {
        self.clock.now() >= self.deadline
    }

    /// Who gets the documents: whoever removed the user, or, when they have been removed themselves, another
    /// administrator, best one who is known to have signed in. `None` when the time was too short to look.
    async fn heir(&self, removed: &Removed) -> Result<Option<UserId>, DepartureError> {
        let (dynamodb, tenant) = (self.session.dynamodb(), self.session.tenant());
        let table = &self.session.resources().users_table;
        let may_inherit = |user: &User| {
            user.role == UserRole::Admin
                && user.state != UserState::Removing
                && user.account == Account::There
        };
        if row::find(dynamodb, table, tenant, removed.by).await?.as_ref().is_some_and(may_inherit) {
            return Ok(Some(removed.by));
        }
        let mut pages = dynamodb
            .query()
            .table_name(table)
            .key_condition_expression("tenant_id = :tenant AND user_id BETWEEN :first AND :last")
            .filter_expression("user_role = :admin")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
            .expression_attribute_values(":first", AttributeValue::S("0".to_owned()))
            .expression_attribute_values(":last", AttributeValue::S("g".to_owned()))
            .expression_attribute_values(":admin", AttributeValue::S(UserRole::Admin.as_str().to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut invited = None;
        while let Some(row) = pages.next().await {
            if self.is_over() {
                return Ok(None);
            }
            let user = row::read(tenant, &row.map_err(store)?)?;
            match user.state {
                _ if !may_inherit(&user) => {}
                UserState::Active => return Ok(Some(user.id)),
                _ => invited = invited.or(Some(user.id)),
            }
        }
        if invited.is_none() {
            tracing::error!(incident = "no_administrator", %tenant, "a tenant has no administrator");
            return Err(DepartureError::NoHeir);
        }
        Ok(invited)
    }

    /// The rows lead, because they are counted and a new policy may take seconds to show in the store's lists.
    async fn end_shares(&self) -> Result<bool, DepartureError> {
        let mut pages = self
            .session
            .dynamodb()
            .query()
            .table_name(&self.session.resources().shares_table)
            .index_name(shares::BY_RECEIVER)
            .key_condition_expression("tenant_id = :tenant AND user_id = :user")
            .expression_attribute_values(":tenant", AttributeValue::S(self.session.tenant().to_string()))
            .expression_attribute_values(":user", AttributeValue::S(self.user.to_string()))
            .limit(ROWS_PER_PAGE)
            .into_paginator()
            .items()
            .send();
        while let Some(row) = pages.next().await {
            let row = row.map_err(store)?;
            let Some(document) = shares::document_of(&row) else { continue };
            if self.is_over() {
                return Ok(false);
            }
            if !self.end_share(document, self.user).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `false` when somebody else is at work on the share.
    async fn end_share(&self, document: DocumentId, receiver: UserId) -> Result<bool, DepartureError> {
        match shares::end_unneeded(self.session, document, receiver, self.clock).await {
            Ok(true) => tokio::time::sleep(policies::BETWEEN_REMOVALS).await,
            Ok(false) => {}
            Err(ShareError::Contended) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Policies that the store shows for the user and no row told of.
    async fn sweep_policies(&self) -> Result<bool, DepartureError> {
        let mut next = None;
        while !self.is_over() {
            let page = policies::list(self.session, Linked::For(self.user), next).await;
            let (page, after) = page.map_err(UserError::Policies)?;
            for policy in &page {
                if self.is_over() {
                    return Ok(false);
                }
                let document = policy.resource.as_ref().and_then(|it| it.entity_id.parse().ok());
                if let Some(document) = document
                    && !self.end_share(document, self.user).await?
                {
                    return Ok(false);
                }
                let removed = policies::remove(self.session, &policy.policy_id).await;
                let _was_there = removed.map_err(UserError::Policies)?;
                tokio::time::sleep(policies::BETWEEN_REMOVALS).await;
            }
            next = after;
            if next.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A document that was shared with the heir needs that share no longer: nobody shares with an owner.
    async fn hand_over(&self, heir: UserId) -> Result<bool, DepartureError> {
        let mut last = None;
        while !self.is_over() {
            let page = documents::of_owner(self.session, self.user, last).await?;
            for document in &page.documents {
                if self.is_over() || !self.end_share(document.id(), heir).await? {
                    return Ok(false);
                }
                documents::hand_over(self.session, document, self.user, heir).await?;
            }
            last = page.last;
            if last.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn delete_row(&self, key: Row, condition: &str) -> Result<(), DepartureError> {
        let deleted = self
            .session
            .dynamodb()
            .delete_item()
            .table_name(&self.session.resources().users_table)
            .set_key(Some(key))
            .condition_expression(condition)
            .expression_attribute_values(":id", AttributeValue::S(self.user.to_string()))
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            // The address is somebody else's: not this user's to free.
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(store(error).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbid_stands_until_the_last_token_has_run_out_and_five_minutes_more() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let removed = Removed { by: UserId::random(), at };
        let left = |after| {
            until_tokens_ran_out(&removed, Duration::from_secs(3_600), at + Duration::from_secs(after))
        };
        assert_eq!(left(0), Duration::from_secs(3_900));
        assert_eq!(left(3_600), Duration::from_secs(300));
        assert_eq!(
            (left(3_899), left(3_900), left(9_999)),
            (Duration::from_secs(1), Duration::ZERO, Duration::ZERO)
        );
    }
}
