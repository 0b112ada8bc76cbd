//! The world that a run runs in: tables, the Marketplace, the clock. Nothing is decided here.

use shared::{
    ids::TenantId,
    ledger::{self, LedgerError},
    metering::{
        self, Entry, Hour, Licence, Page, Second, Unavailable, UsageEvent, Write,
        outcome::{Answer, Refusal},
        plan::UsageRecord,
    },
    problem::chain,
    subscriptions::{Slice, SubscriptionError},
    usage::{self, UsageError},
};

use crate::App;

/// How long a licence is looked at after its end: until nothing of it can be billed any more, and looking back has
/// seen what came late.
const LOOKED_AT_AFTER_END_S: u64 = 3 * 24 * 3600;

/// The tables of usage and of the ledger, and a client for both.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) usage: String,
    pub(crate) ledger: String,
}

/// Which licences a run is for.
#[derive(Debug)]
pub(crate) enum Source {
    /// A part of all.
    Slice(Slice),
    /// These.
    These(Vec<Licence>),
}

/// See the module.
pub(crate) struct World<'a> {
    pub(crate) app: &'a App,
    pub(crate) source: Source,
}

impl metering::World for World<'_> {
    fn now(&self) -> Second {
        Second::from(self.app.clock.now())
    }

    async fn licences(&self, after: Option<&str>) -> Result<Page<Licence>, Unavailable> {
        match &self.source {
            Source::These(licences) => Ok(Page { items: licences.clone(), next: None }),
            Source::Slice(slice) => {
                let now = self.now();
                let ended_after = now.minus(LOOKED_AT_AFTER_END_S);
                let page = self.app.subscriptions.licences(*slice, after, ended_after).await;
                let mut page = page.map_err(|error| no_licences(&error))?;
                // What was begun before the end may still be on its way. The last metering waits for it, and a run
                // that happens to come in between must not seal the last hour without it.
                let settled = |until: Second| until.plus(self.app.settings.grace_s) <= now;
                page.items.retain(|licence| licence.until.is_none_or(settled));
                Ok(page)
            }
        }
    }

    async fn entries(&self, tenant: TenantId, back: u32) -> Result<Vec<Entry>, Unavailable> {
        let Tables { dynamodb, ledger, .. } = &self.app.tables;
        ledger::newest(dynamodb, ledger, tenant, back).await.map_err(|error| no_ledger(tenant, &error))
    }

    async fn usage(
        &self,
        tenant: TenantId,
        from: Option<Hour>,
        to: Hour,
        after: Option<&str>,
    ) -> Result<Page<UsageEvent>, Unavailable> {
        let Tables { dynamodb, usage, .. } = &self.app.tables;
        usage::page(dynamodb, usage, tenant, from, to, after).await.map_err(|error| no_usage(tenant, &error))
    }

    async fn seal(&self, entry: &Entry, changed: &[Entry]) -> Result<Write, Unavailable> {
        let Tables { dynamodb, ledger, .. } = &self.app.tables;
        let sealed = ledger::seal(dynamodb, ledger, entry, changed).await;
        sealed.map_err(|error| no_ledger(entry.tenant, &error))
    }

    async fn replace(&self, entry: &Entry) -> Result<Write, Unavailable> {
        let Tables { dynamodb, ledger, .. } = &self.app.tables;
        let written = ledger::replace(dynamodb, ledger, entry).await;
        written.map_err(|error| no_ledger(entry.tenant, &error))
    }

    async fn send(&self, records: &[UsageRecord], attempt: u32) -> Result<Answer, Refusal> {
        self.app.pace.turn(attempt).await;
        self.app.billing.send(records).await
    }
}

fn no_licences(error: &SubscriptionError) -> Unavailable {
    tracing::warn!(error = chain(error), "licences could not be read");
    Unavailable
}

fn no_ledger(tenant: TenantId, error: &LedgerError) -> Unavailable {
    error.report(tenant);
    tracing::warn!(%tenant, error = chain(error), "not metered: the ledger could not be read or written");
    Unavailable
}

fn no_usage(tenant: TenantId, error: &UsageError) -> Unavailable {
    error.report(tenant);
    tracing::warn!(%tenant, error = chain(error), "not metered: usage could not be read");
    Unavailable
}
