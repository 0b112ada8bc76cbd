//! What a tenant used, as the usage table has it: read as the account's root.

use shared::metering::{Hour, Measure, UsageEvent};

use crate::World;

/// A tenant's usage, summed over every hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Documents added.
    pub documents: i64,
    /// Shares created.
    pub shares: i64,
    /// Bytes held.
    pub bytes: i64,
    /// Events that say so.
    pub events: usize,
}

impl World {
    /// The tenant's usage events, in the order of the hours.
    pub async fn usage(&self, tenant: &str) -> Vec<UsageEvent> {
        let (client, table) = (self.root().dynamodb(), self.details.output("UsageTableName"));
        let tenant = tenant.parse().expect("a tenant has an id");
        let (mut events, mut after) = (Vec::new(), None);
        loop {
            let page = shared::usage::page(&client, table, tenant, None, Hour::MAX, after.as_deref()).await;
            let page = page.expect("the usage is read");
            events.extend(page.items);
            after = page.next;
            if after.is_none() {
                return events;
            }
        }
    }

    /// The same, summed.
    pub async fn used(&self, tenant: &str) -> Used {
        let events = self.usage(tenant).await;
        let mut used = Used { events: events.len(), ..Used::default() };
        for event in events {
            match event.measure() {
                Measure::DocumentsAdded => used.documents += event.amount(),
                Measure::SharesCreated => used.shares += event.amount(),
                Measure::StorageGibHours => used.bytes += event.amount(),
            }
        }
        used
    }
}
