//! The last metering of a licence that ended: at once, the open hour included, while the Marketplace still takes it,
//! which is for about an hour.

use lambda_runtime::Context;
use shared::{
    metering::{Second, chain::Chain},
    subscriptions::{FinalMeteringOrder, Kind, Metering, Subscription, SubscriptionError},
};

use crate::{App, world::Source};

/// How many hours back usage is compared with what was sealed: what the last day had too little of shows here, while
/// somebody may still do something about it.
const BACK: u32 = 26;

/// How far a last metering came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// Everything is on the bill, or has a name in the ledger; it is recorded as done.
    Done,
    /// A newer permission has undone the end: the licence is metered by the hour, as before.
    GoesOn,
    /// A later end was asked for after this one, which covers it.
    Superseded,
}

impl Last {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::GoesOn => "goes_on",
            Self::Superseded => "superseded",
        }
    }
}

/// Why a last metering has to come again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LastError {
    #[error(transparent)]
    Subscriptions(#[from] SubscriptionError),
    /// An incident: orders are made from the subscription that they name.
    #[error("the order is not of the licence's tenant")]
    ForeignTenant,
    #[error("the order names no time")]
    Malformed,
    #[error("the ledger could not be read")]
    Unavailable(#[from] shared::metering::Unavailable),
    #[error(transparent)]
    Broken(#[from] shared::metering::chain::BrokenChain),
    /// Something of it is still to be sent, or is held.
    #[error("the last hour is not on the bill yet")]
    NotOver,
    /// Whoever asked has not recorded yet that they did.
    #[error("the end is not settled yet")]
    NotSettled,
}

impl App {
    /// Carries out an order.
    pub(crate) async fn meter_last(
        &self,
        order: &FinalMeteringOrder,
        context: &Context,
    ) -> Result<Last, LastError> {
        let license = &order.license_arn;
        let ended_at = order.ended_at().ok_or(LastError::Malformed)?;
        let subscription = self.subscription(order).await?;
        if !is_over(&subscription) {
            return Ok(Last::GoesOn);
        }
        // None: nobody can have used it, so there is nothing to meter.
        if let Some(licence) = self.subscriptions.licence(license).await? {
            if licence.tenant != order.tenant_id {
                return Err(foreign(order));
            }
            if licence.until.is_none() {
                return Ok(Last::GoesOn);
            }
            let job = self.job(Second::from(self.clock.now()), BACK, context);
            let source = Source::These(vec![licence.clone()]);
            self.run("last", source, job, context).await;
            let world = crate::World { app: self, source: Source::These(Vec::new()) };
            let entries = shared::metering::World::entries(&world, licence.tenant, BACK).await?;
            if !Chain::new(entries)?.is_over(&licence) {
                return Err(LastError::NotOver);
            }
        }
        if self.subscriptions.metering_done(license, ended_at).await? {
            return Ok(Last::Done);
        }
        // What was asked for last is another end, or none yet: the message came before its own record.
        let subscription = self.subscription(order).await?;
        match (is_over(&subscription), subscription.final_metering) {
            (true, Metering::None) => Err(LastError::NotSettled),
            (true, Metering::Requested | Metering::Done) => Ok(Last::Superseded),
            (false, _) => Ok(Last::GoesOn),
        }
    }

    async fn subscription(&self, order: &FinalMeteringOrder) -> Result<Subscription, LastError> {
        let subscription = self.subscriptions.get(&order.license_arn).await?;
        let subscription = subscription.ok_or(SubscriptionError::NotFound)?;
        if subscription.tenant == Some(order.tenant_id) { Ok(subscription) } else { Err(foreign(order)) }
    }
}

const fn is_over(subscription: &Subscription) -> bool {
    matches!(subscription.state.kind, Kind::Ending | Kind::Suspended | Kind::Closed)
}

fn foreign(order: &FinalMeteringOrder) -> LastError {
    tracing::error!(incident = "foreign_order", tenant = %order.tenant_id, license = %order.license_arn, "not metered");
    LastError::ForeignTenant
}
