//! Keeps what the Marketplace says: one conditional write a fact, and the link between agreement and licence.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    Observed, REPORTS_LAG, Recorded, SubscriptionError, UNLINKED_LASTS,
    event::{AgreementEvent, AgreementEventKind, LicenseEvent, LicenseEventKind},
    facts::{AgreementEnd, EndStatus, EventId, LicenseFact, Stamp},
    rows::{self, Item, attributes as a},
    store::{OF_ACCOUNT, Subscriptions, condition, one, text, versioned},
};
use crate::{
    clock::epoch_s,
    marketplace::ids::{AccountId, AgreementId, LicenseArn},
};

/// An observation, as the event that it stands in for.
const OBSERVATION: &str = "observation";

/// What a report of the Marketplace says of a licence.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Which licence.
    pub license: LicenseArn,
    /// The buyer's account.
    pub account: AccountId,
    /// The agreement that lists the licence.
    pub agreement: AgreementId,
    /// What it says.
    pub says: Observed,
    /// When the report was asked for, not when it came: it may be older than its answer.
    pub asked_at: SystemTime,
}

impl Subscriptions {
    /// Keeps what an event of a licence says. Settle what it returns, also when it is no news: an earlier
    /// delivery may have got only this far.
    ///
    /// # Errors
    /// [`SubscriptionError::ForeignAccount`] when the licence is another account's, or when the table fails.
    pub async fn record_license(&self, event: &LicenseEvent) -> Result<Recorded, SubscriptionError> {
        let name = match event.kind {
            LicenseEventKind::Updated => a::LICENSE_UPDATED,
            LicenseEventKind::Deprovisioned => a::LICENSE_DEPROVISIONED,
        };
        self.record_fact(&event.license, &event.account, name, &event.fact).await
    }

    /// Keeps what a report says: like an event, of [`REPORTS_LAG`] before the report was asked for.
    ///
    /// # Errors
    /// As [`Self::record_license`].
    pub async fn observe(&self, observation: &Observation) -> Result<Recorded, SubscriptionError> {
        let name = match observation.says {
            Observed::Active => a::OBSERVED_ACTIVE,
            Observed::Ended => a::OBSERVED_ENDED,
        };
        let stamp = observed(observation.asked_at)?;
        let fact = LicenseFact { stamp, agreement: Some(observation.agreement.clone()) };
        self.record_fact(&observation.license, &observation.account, name, &fact).await
    }

    /// Keeps that a report says how an agreement ended: like an event, of [`REPORTS_LAG`] before the report was asked
    /// for.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn observe_end(
        &self,
        agreement: &AgreementId,
        status: EndStatus,
        asked_at: SystemTime,
    ) -> Result<Recorded, SubscriptionError> {
        let stamp = observed(asked_at)?;
        let kind = AgreementEventKind::Ended(AgreementEnd { stamp, status });
        self.record_agreement(&AgreementEvent { agreement: agreement.clone(), kind }, asked_at).await
    }

    /// Keeps what an event of an agreement says. As long as no licence of ours is under the agreement it has
    /// an end, since it may be another product's.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn record_agreement(
        &self,
        event: &AgreementEvent,
        now: SystemTime,
    ) -> Result<Recorded, SubscriptionError> {
        let unlinked = self.write_agreement(event, Some(now + UNLINKED_LASTS)).await?;
        let (item, is_news) = match unlinked {
            Ok(item) => (item, true),
            // A link is never taken away, so the second form meets what the first one saw.
            Err(item) if item.contains_key(a::LICENSES) => match self.write_agreement(event, None).await? {
                Ok(item) => (item, true),
                Err(item) => (item, false),
            },
            Err(item) => (item, false),
        };
        Ok(Recorded { licenses: rows::linked(&item)?, is_news })
    }

    async fn record_fact(
        &self,
        license: &LicenseArn,
        account: &AccountId,
        name: &'static str,
        fact: &LicenseFact,
    ) -> Result<Recorded, SubscriptionError> {
        let mut update = self.update(rows::license_key(license));
        let mut set = format!("SET {} = :account, {name} = :stamp", a::CUSTOMER_ACCOUNT);
        match &fact.agreement {
            Some(agreement) => {
                set.push_str(&format!(", {} = :agreement", rows::agreement_of(name)));
                update = update.expression_attribute_values(":agreement", text(agreement.as_str()));
            }
            None => set.push_str(&format!(" REMOVE {}", rows::agreement_of(name))),
        }
        let written = update
            .update_expression(versioned(&set))
            .condition_expression(format!("{OF_ACCOUNT} AND {}", newer_than(name)))
            .expression_attribute_values(":account", text(account.as_str()))
            .expression_attribute_values(":stamp", text(&fact.stamp.to_string()))
            .expression_attribute_values(":one", one())
            .send()
            .await;
        let is_news = match condition(written)? {
            Ok(_) => true,
            Err(item) if item.get(a::CUSTOMER_ACCOUNT) == Some(&text(account.as_str())) => false,
            Err(_) => return Err(SubscriptionError::ForeignAccount),
        };
        if let Some(agreement) = &fact.agreement {
            self.link(agreement, license).await?;
        }
        Ok(Recorded { licenses: vec![license.clone()], is_news })
    }

    /// Writes an agreement's fact if it is newer, and if the agreement is linked exactly when `expires_at` is
    /// none; else the item as it was.
    async fn write_agreement(
        &self,
        event: &AgreementEvent,
        expires_at: Option<SystemTime>,
    ) -> Result<Result<Item, Item>, SubscriptionError> {
        let (name, stamp, status) = match &event.kind {
            AgreementEventKind::Created(stamp) => (a::AGREEMENT_CREATED, stamp, None),
            AgreementEventKind::Amended(stamp) => (a::AGREEMENT_AMENDED, stamp, None),
            AgreementEventKind::Ended(end) => (a::AGREEMENT_ENDED, &end.stamp, Some(end.status)),
        };
        let mut update = self.update(rows::agreement_key(&event.agreement));
        let mut set = format!("SET {name} = :stamp");
        if let Some(status) = status {
            set.push_str(&format!(", {} = :status", a::ENDED_STATUS));
            update = update.expression_attribute_values(":status", text(status.as_str()));
        }
        let link = match expires_at {
            Some(at) => {
                set.push_str(&format!(", {} = :expires_at", a::EXPIRES_AT));
                let at = AttributeValue::N(epoch_s(at).to_string());
                update = update.expression_attribute_values(":expires_at", at);
                "attribute_not_exists"
            }
            None => "attribute_exists",
        };
        let written = update
            .update_expression(set)
            .condition_expression(format!("{} AND {link}({})", newer_than(name), a::LICENSES))
            .expression_attribute_values(":stamp", text(&stamp.to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        Ok(condition(written)?.map(|reply| reply.attributes.unwrap_or_default()))
    }
}

/// The stamp of what a report says that was asked for then.
fn observed(asked_at: SystemTime) -> Result<Stamp, SubscriptionError> {
    let event: EventId = OBSERVATION.parse().map_err(|_| SubscriptionError::Malformed(OBSERVATION))?;
    Ok(Stamp::new(asked_at.checked_sub(REPORTS_LAG).unwrap_or(asked_at), event))
}

/// Holds when there is no such fact, or one that is older than `:stamp`.
fn newer_than(name: &str) -> String {
    format!("(attribute_not_exists({name}) OR {name} < :stamp)")
}
