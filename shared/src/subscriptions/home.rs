//! Where a licence's tenant is at home: registration, and the way along a line to the licence that counts.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    Entered, Lead, Metering, Registration, Subscription, SubscriptionError,
    facts::{Cause, Kind, State},
    line::LICENSES_MAX,
    rows::{self, LicenseRow, attributes as a},
    settle::ROUNDS,
    store::{OF_ACCOUNT, Subscriptions, condition, one, state_of, subscription, text, versioned},
    succession::Line,
};
use crate::{
    clock::rfc3339,
    ids::TenantId,
    marketplace::{ids::LicenseArn, resolve::Resolved},
};

impl Subscriptions {
    /// The subscription that decides over a licence's tenant: that of the licence which the tenant is on now. Its last
    /// metering is done when that of every licence which the tenant was on is done.
    ///
    /// # Errors
    /// When the table fails, or an item of it is malformed.
    pub async fn home(&self, license: &LicenseArn) -> Result<Option<Subscription>, SubscriptionError> {
        let (mut at, mut all_done) = (license.clone(), true);
        for _ in 0..LICENSES_MAX {
            let Some(mut found) = self.get(&at).await? else { return Ok(None) };
            match &found.moved_to {
                Some(next) => {
                    all_done &= found.final_metering == Metering::Done;
                    at = next.clone();
                }
                None => {
                    if found.final_metering == Metering::Done && !all_done {
                        found.final_metering = Metering::Requested;
                    }
                    return Ok(Some(found));
                }
            }
        }
        Err(SubscriptionError::Malformed(a::MOVED_TO))
    }

    /// Where a buyer's licence leads: to its tenant, or to the tenant of the line that it is of, who has not come to it
    /// yet, or to nobody, and registering makes a new one. While the licence of the tenant of the line is not in use any
    /// more the state is `registered`: the Marketplace has still to say that this one is.
    ///
    /// # Errors
    /// [`SubscriptionError::ForeignAccount`] when the licence or its line is another account's, or when the table fails.
    pub async fn lead(&self, resolved: &Resolved, now: SystemTime) -> Result<Lead, SubscriptionError> {
        let agreement_item = async {
            match &resolved.agreement {
                Some(agreement) => self.item(rows::agreement_key(agreement)).await,
                None => Ok(None),
            }
        };
        let (found, agreement_item) = tokio::join!(self.read(&resolved.license), agreement_item);
        let (found, agreement_item) = (found?, agreement_item?);
        if found.as_ref().is_some_and(|(row, _)| row.account != resolved.account) {
            return Err(SubscriptionError::ForeignAccount);
        }
        if let Some((LicenseRow { license, came_from, facts, .. }, _)) = &found
            && let Some((_, tenant)) = facts.registered
        {
            let home = self.home(license).await?.ok_or(SubscriptionError::NotFound)?;
            let license = self.head(license, came_from.clone()).await?;
            return Ok(Lead::Home(Registration { tenant, license, state: home.state }));
        }
        let state = match &found {
            Some((row, end)) => Some(state_of(row, end.as_ref())?.kind),
            None => None,
        };
        let line = match (&resolved.agreement, &agreement_item, &found) {
            (Some(agreement), Some(item), _) => self.entered(&resolved.license, agreement, item).await?,
            (None, _, Some((row, _))) => match row.facts.agreement() {
                Some(agreement) => match self.item(rows::agreement_key(agreement)).await? {
                    Some(item) => self.entered(&resolved.license, agreement, &item).await?,
                    None => None,
                },
                None => None,
            },
            _ => None,
        };
        match line {
            Some(entered) => self.lead_along(entered, state, resolved, now).await,
            None => Ok(Lead::Nobody { state, line: None }),
        }
    }

    /// The same for a licence that has no tenant, and was found in its line or just written into it; `state` is what has
    /// been said of it.
    ///
    /// # Errors
    /// As [`Self::lead`].
    pub async fn lead_along(
        &self,
        entered: Entered,
        state: Option<Kind>,
        resolved: &Resolved,
        now: SystemTime,
    ) -> Result<Lead, SubscriptionError> {
        let Entered { first, row } = &entered;
        if row.account.as_ref().is_some_and(|account| *account != resolved.account) {
            return Err(SubscriptionError::ForeignAccount);
        }
        // Alone in its line, as nearly every licence that somebody comes with.
        if row.licenses.len() == 1 && row.current.is_none() {
            return Ok(Lead::Nobody { state, line: Some(entered) });
        }
        let line = self.line(first).await?;
        match self.home_in(&line, resolved, now).await? {
            Some(home) => Ok(Lead::Home(home)),
            None => Ok(Lead::Nobody { state, line: Some(Entered { row: line.row, ..entered }) }),
        }
    }

    /// The tenant of a line, as a buyer with another licence of it finds them.
    async fn home_in(
        &self,
        line: &Line,
        resolved: &Resolved,
        now: SystemTime,
    ) -> Result<Option<Registration>, SubscriptionError> {
        let Some(home) = line.home() else { return Ok(None) };
        if home.row.account != resolved.account {
            return Err(SubscriptionError::ForeignAccount);
        }
        let (_, tenant) = home.row.facts.registered.ok_or(SubscriptionError::Malformed(a::TENANT_ID))?;
        let license = self.head(&home.row.license, home.row.came_from.clone()).await?;
        let state = subscription(home.row.clone(), home.end.as_ref())?.state;
        let state = match state.kind {
            Kind::Ending | Kind::Suspended => {
                State { kind: Kind::Registered, since: now, cause: Cause::Registration }
            }
            Kind::Registered | Kind::Active | Kind::Closed => state,
        };
        Ok(Some(Registration { tenant, license, state }))
    }

    /// The licence with which a line's tenant was registered.
    async fn head(
        &self,
        license: &LicenseArn,
        mut before: Option<LicenseArn>,
    ) -> Result<LicenseArn, SubscriptionError> {
        let mut head = license.clone();
        for _ in 0..LICENSES_MAX {
            let Some(from) = before else { return Ok(head) };
            let (row, _) = self.read(&from).await?.ok_or(SubscriptionError::NotFound)?;
            (head, before) = (from, row.came_from);
        }
        Err(SubscriptionError::Malformed(a::CAME_FROM))
    }

    /// Registers a licence: the first registration makes `new` its tenant, and every other, at any time and at
    /// the same time, is told that one. A licence of a line that has a tenant leads to that tenant. What events have
    /// said is not touched.
    ///
    /// # Errors
    /// [`SubscriptionError::ForeignAccount`] when the licence or its line is another account's, or when the table fails.
    pub async fn register(
        &self,
        resolved: &Resolved,
        new: TenantId,
        now: SystemTime,
    ) -> Result<Registration, SubscriptionError> {
        let lead = self.lead(resolved, now).await?;
        self.register_by(lead, resolved, new, now).await
    }

    /// The same by what [`Self::lead`] said a moment ago; where that is not so any more, it is asked anew.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn register_by(
        &self,
        mut lead: Lead,
        resolved: &Resolved,
        new: TenantId,
        now: SystemTime,
    ) -> Result<Registration, SubscriptionError> {
        let (license, account) = (&resolved.license, &resolved.account);
        for _ in 0..ROUNDS {
            match (lead, &resolved.agreement) {
                (Lead::Nobody { line: Some(line), .. }, Some(agreement)) => {
                    if self.open_line(&line, (license, account), agreement, (new, now)).await? {
                        let state = self.settle(license, now).await?.state;
                        return Ok(Registration { tenant: new, license: license.clone(), state });
                    }
                }
                // That of another licence of the line.
                (Lead::Home(home), agreement) if home.license != *license => {
                    if let Some(agreement) = agreement {
                        self.link(agreement, license).await?;
                    }
                    return Ok(home);
                }
                // Also one that is registered: whoever did that may have come no further.
                _ => return self.register_alone(resolved, new, now).await,
            }
            lead = self.lead(resolved, now).await?;
        }
        Err(SubscriptionError::Contended)
    }

    /// A licence of which no line is known.
    async fn register_alone(
        &self,
        resolved: &Resolved,
        new: TenantId,
        now: SystemTime,
    ) -> Result<Registration, SubscriptionError> {
        let mut set = format!(
            "SET {account} = if_not_exists({account}, :account), {tenant} = if_not_exists({tenant}, :tenant), \
             {at} = if_not_exists({at}, :now)",
            account = a::CUSTOMER_ACCOUNT,
            tenant = a::TENANT_ID,
            at = a::REGISTERED_AT,
        );
        let mut update = self.update(rows::license_key(&resolved.license));
        if let Some(agreement) = &resolved.agreement {
            set.push_str(&format!(", {0} = if_not_exists({0}, :agreement)", a::REGISTERED_AGREEMENT));
            update = update.expression_attribute_values(":agreement", text(agreement.as_str()));
        }
        let written = update
            .update_expression(versioned(&set))
            .condition_expression(OF_ACCOUNT)
            .expression_attribute_values(":account", text(resolved.account.as_str()))
            .expression_attribute_values(":tenant", text(&new.to_string()))
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .expression_attribute_values(":one", one())
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let item = match condition(written)? {
            Ok(reply) => reply.attributes.unwrap_or_default(),
            Err(_) => return Err(SubscriptionError::ForeignAccount),
        };
        let row = LicenseRow::read(&item)?;
        let (_, tenant) = row.facts.registered.ok_or(SubscriptionError::Malformed(a::TENANT_ID))?;
        if let Some(agreement) = &resolved.agreement {
            self.link(agreement, &resolved.license).await?;
        }
        self.settle(&resolved.license, now).await?;
        let home = self.home(&resolved.license).await?.ok_or(SubscriptionError::NotFound)?;
        let license = self.head(&resolved.license, row.came_from).await?;
        Ok(Registration { tenant, license, state: home.state })
    }
}
