//! A quarantined record, sent once more at an operator's word.
//!
//! What the Marketplace refuses in whatever request it is in is given up, so that it costs the others nothing. When
//! somebody has mended what it objected to (a dimension that was not listed yet, say), and the hour may still be billed,
//! the record becomes what it was: sealed, and sent at once.

use lambda_runtime::Context;
use shared::{
    ledger::{self, LedgerError},
    metering::{Report, Second, Write},
    subscriptions::SubscriptionError,
};

use crate::{
    App,
    input::Release,
    world::{Source, Tables},
};

/// How many hours back the run looks that sends it: more than any hour may be billed for.
const BACK: u32 = 26;

/// Why a record was not released.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Subscriptions(#[from] SubscriptionError),
    #[error("there is no such entry")]
    NoEntry,
    #[error("no such record is quarantined, or it is too late to bill it")]
    NotReleasable,
    #[error("somebody else has just changed the entry")]
    Contended,
    #[error("no licence that can have been used")]
    NoLicence,
}

impl App {
    /// Releases a record, and runs over its licence.
    pub(crate) async fn release(&self, release: &Release, context: &Context) -> Result<Report, ReleaseError> {
        let Release { tenant_id: tenant, slot, dimension } = release;
        let Tables { dynamodb, ledger: table, .. } = &self.tables;
        let now = Second::from(self.clock.now());
        let entry = ledger::get(dynamodb, table, *tenant, *slot).await?.ok_or(ReleaseError::NoEntry)?;
        let after = entry.released(dimension, now).ok_or(ReleaseError::NotReleasable)?;
        let licence = self.subscriptions.licence(&entry.license).await?.ok_or(ReleaseError::NoLicence)?;
        if ledger::replace(dynamodb, table, &after).await? != Write::Done {
            return Err(ReleaseError::Contended);
        }
        tracing::info!(request_id = context.request_id, %tenant, %slot, %dimension, "released");
        let job = self.job(now, BACK, context);
        Ok(self.run("released", Source::These(vec![licence]), job, context).await)
    }
}
