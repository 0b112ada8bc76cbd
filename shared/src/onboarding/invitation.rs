//! Mailing the first administrator's invitation again: the mail got lost, or its password has run out, and there
//! is nobody else in the tenant who could invite them.
//!
//! Whoever has the registration's page asks for it, and the mail goes to the address in the record and nowhere
//! else. The page's function may not use the user pool, so it writes down that a mail is asked for, and queues an
//! order. That write lets one through in [`INVITED_AGAIN_AFTER`]: neither mailbox nor queue can be flooded. Whether
//! somebody has signed in already, only the user pool knows; then the order comes to nothing.

use std::time::SystemTime;

use super::{
    Onboarding, OnboardingError, Onboardings, Order, Progress, Record, RecordError,
    record::{key, names},
    table::{store, text},
};
use crate::{
    clock::rfc3339,
    conditional::held,
    ids::TenantId,
    problem::chain,
    users::{INVITED_AGAIN_AFTER, pool::Invited},
};

/// What became of an order to invite the administrator again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitedAgain {
    /// Another mail is on its way.
    Mailed,
    /// They have signed in, or there is no such account any more: nothing was mailed.
    NotNeeded,
    /// The tenant is not open, or there is none.
    NotOpen,
}

impl Record {
    /// Whether another invitation may be asked for.
    #[must_use]
    pub fn may_invite_again(&self, now: SystemTime) -> bool {
        self.progress == Progress::Ready && self.invited_at.is_none_or(|at| at + INVITED_AGAIN_AFTER <= now)
    }
}

impl Onboardings {
    /// Asks for another invitation of the administrator of a tenant that is open; `false` when one was mailed or
    /// asked for within [`INVITED_AGAIN_AFTER`].
    ///
    /// # Errors
    /// When table or queue fail; ask again.
    pub async fn invite_again(&self, record: &Record, now: SystemTime) -> Result<bool, RecordError> {
        if !self.claim_invitation(record.tenant, now).await? {
            return Ok(false);
        }
        let queued = self.enqueue(&Order::Invite { tenant_id: record.tenant }).await;
        if queued.is_err() {
            self.give_invitation_back(record.tenant, now, record.invited_at).await;
        }
        queued.map(|()| true)
    }

    async fn claim_invitation(&self, tenant: TenantId, now: SystemTime) -> Result<bool, RecordError> {
        let claimed = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .update_expression("SET invited_at = :now")
            .condition_expression(
                "#progress = :ready AND (attribute_not_exists(invited_at) OR invited_at <= :before)",
            )
            .expression_attribute_names("#progress", names::PROGRESS)
            .expression_attribute_values(":ready", text(Progress::Ready.words().0))
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .expression_attribute_values(":before", text(&rfc3339(now - INVITED_AGAIN_AFTER)))
            .send()
            .await;
        held(claimed).map_err(store)
    }

    /// Writes down that a tenant's first invitation is about to be mailed; `false` when another run has done so.
    /// Of runs that come twice or late, one mails.
    pub(super) async fn begin_invitation(
        &self,
        tenant: TenantId,
        now: SystemTime,
    ) -> Result<bool, RecordError> {
        let begun = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .update_expression("SET invited_at = :now")
            .condition_expression("attribute_exists(progress_key) AND attribute_not_exists(invited_at)")
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .send()
            .await;
        held(begun).map_err(store)
    }

    /// Takes back that an invitation was mailed: as far as is known it was not, so the next try need not wait. Best
    /// effort.
    pub(super) async fn give_invitation_back(
        &self,
        tenant: TenantId,
        claimed: SystemTime,
        before: Option<SystemTime>,
    ) {
        let update = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tenant)))
            .condition_expression("invited_at = :claimed")
            .expression_attribute_values(":claimed", text(&rfc3339(claimed)));
        let update = match before {
            Some(before) => update
                .update_expression("SET invited_at = :before")
                .expression_attribute_values(":before", text(&rfc3339(before))),
            None => update.update_expression("REMOVE invited_at"),
        };
        if let Err(error) = held(update.send().await).map_err(store) {
            tracing::warn!(%tenant, error = chain(&error), "another invitation has to wait");
        }
    }
}

impl Onboarding {
    /// Has the invitation of the tenant's first administrator mailed again. It was asked for, and that was written
    /// down; when the order comes twice, so may the mail.
    ///
    /// # Errors
    /// When record or user pool fail; run it again.
    pub async fn invite_again(&self, tenant: TenantId) -> Result<InvitedAgain, OnboardingError> {
        let Some(record) = self.records.get(tenant).await? else { return Ok(InvitedAgain::NotOpen) };
        let (Progress::Ready, Some(registrant)) = (record.progress, &record.registrant) else {
            return Ok(InvitedAgain::NotOpen);
        };
        let email = &registrant.details.admin_email;
        Ok(match self.pool.invite_again(tenant, email).await? {
            Invited::Again(_) | Invited::New(_) => InvitedAgain::Mailed,
            Invited::OfThisTenant(_) | Invited::Taken => InvitedAgain::NotNeeded,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::onboarding::{Details, ProgressKey, Step};

    #[test]
    fn another_invitation_may_be_asked_for_when_the_tenant_is_open_and_the_last_one_is_ten_minutes_old() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let new = Record::new(
            TenantId::random(),
            "arn:aws:license-manager::294406891311:license:l-0f1e2d3c".parse().unwrap(),
            Details::parse("Example", "ada@example.com").unwrap(),
            ProgressKey::random().unwrap(),
            now,
        );
        let at = |progress, ago: u64| {
            let invited_at = Some(now - Duration::from_secs(ago));
            Record { progress, invited_at, ..new.clone() }.may_invite_again(now)
        };
        assert!(at(Progress::Ready, 600) && !at(Progress::Ready, 599) && !at(Progress::Ready, 0));
        assert!(Record { progress: Progress::Ready, ..new.clone() }.may_invite_again(now));
        for other in [Progress::Waiting, Progress::Working(Step::Open), Progress::Closing, Progress::Closed] {
            assert!(!at(other, 6000), "{other:?}");
        }
        let mut row = new.row();
        row.insert(names::INVITED_AT.to_owned(), text(&rfc3339(now)));
        assert_eq!(Record::read(&row).unwrap().invited_at, Some(now));
    }
}
