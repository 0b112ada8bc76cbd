//! Follows a licence along its line: whatever was said of it may be what its tenant, or the tenant of the licence before
//! it, waits for to go on.

use std::time::SystemTime;

use shared::{
    marketplace::{agreements::AgreementsError, ids::AgreementId, origin::Origin},
    subscriptions::{Subscription, SubscriptionError, Succession},
};

use crate::App;

/// Why a licence could not be followed. What was said of it is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    #[error("the Marketplace did not say where an agreement comes from")]
    Agreements(#[from] AgreementsError),
}

impl App {
    /// Moves the tenant of the licence's line, if that is due. The Marketplace is asked of which chain the agreement
    /// is, once; as long as it does not say, the licence is of no line.
    pub(crate) async fn follow(
        &self,
        subscription: &Subscription,
        now: SystemTime,
    ) -> Result<Option<Succession>, FollowError> {
        let Some(agreement) = &subscription.agreement else { return Ok(None) };
        let first = match self.subscriptions.line_of(&subscription.license, agreement).await? {
            Some(first) => first,
            None => match self.agreements.origin(agreement).await? {
                Some(origin) => return self.enter(subscription, agreement, &origin, now).await,
                None => return Ok(None),
            },
        };
        self.advance(subscription, &first, now).await
    }

    /// Writes a licence into its line, and moves the line's tenant, if that is due.
    pub(crate) async fn enter(
        &self,
        subscription: &Subscription,
        agreement: &AgreementId,
        origin: &Origin,
        now: SystemTime,
    ) -> Result<Option<Succession>, FollowError> {
        let Subscription { license, account, .. } = subscription;
        match self.subscriptions.enter(license, account, agreement, origin).await {
            Ok(_) => self.advance(subscription, &origin.first, now).await,
            // It is of no line then, and what was said of it is kept.
            Err(SubscriptionError::ForeignAccount) => {
                tracing::error!(%license, incident = "foreign_line", "no tenant is moved");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn advance(
        &self,
        subscription: &Subscription,
        first: &AgreementId,
        now: SystemTime,
    ) -> Result<Option<Succession>, FollowError> {
        match self.subscriptions.advance(first, now).await {
            Ok(moved) => {
                if let Some(Succession { tenant, from, to }) = &moved {
                    tracing::info!(%tenant, %from, %to, "a tenant has moved on to the licence that follows");
                }
                Ok(moved)
            }
            // It does not pass: nothing is moved, and each licence stays what its own events make of it.
            Err(SubscriptionError::TwoTenants) => {
                let license = &subscription.license;
                tracing::error!(%license, incident = "two_tenants_in_a_line", "no tenant is moved");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
