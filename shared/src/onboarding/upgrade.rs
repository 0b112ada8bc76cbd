//! Stores of tenants that were opened by an earlier release get what this one has: its schema, in place of theirs,
//! and the policies and the template that they lack. A policy that is there stays as it is.
//!
//! Changes nothing of a tenant's but its store, and can be repeated at any time. New actions are refused until it is
//! done: a store that does not know an action cannot decide about it, and an error denies.

use std::time::SystemTime;

use super::{Onboarding, OnboardingError, open::patiently, policies, store};
use crate::ids::{ServiceId, TenantId};

/// How far an upgrade of all stores has come.
#[derive(Debug, Default)]
pub struct Upgraded {
    /// Stores that have what this release has.
    pub stores: u64,
    /// Tenants whose stores could not be upgraded; one that is being erased may be among them.
    pub failed: Vec<TenantId>,
    /// Where to go on; none when all stores have been seen.
    pub next: Option<String>,
}

impl Onboarding {
    /// Upgrades the stores of all tenants, until `deadline`; `after` is where an earlier call ended. Call it until it
    /// says that there is nothing left.
    ///
    /// # Errors
    /// When the stores cannot be listed. What fails for one store is in the answer.
    pub async fn upgrade(
        &self,
        after: Option<String>,
        deadline: SystemTime,
    ) -> Result<Upgraded, OnboardingError> {
        let client = &self.plane.verified_permissions;
        let mut upgraded = Upgraded { next: after, ..Upgraded::default() };
        loop {
            let from = upgraded.next.take();
            let (stores, next) =
                patiently(&self.clock, deadline, async || store::page(client, from.clone()).await).await?;
            for (tenant, id) in stores {
                match self.upgrade_one(tenant, &id, deadline).await {
                    Ok(()) => upgraded.stores += 1,
                    Err(error) => {
                        let error = crate::problem::chain(&error);
                        tracing::warn!(%tenant, store = id.as_str(), error, "a store was not upgraded");
                        upgraded.failed.push(tenant);
                    }
                }
            }
            upgraded.next = next;
            if upgraded.next.is_none() || self.clock.now() >= deadline {
                return Ok(upgraded);
            }
        }
    }

    async fn upgrade_one(
        &self,
        tenant: TenantId,
        id: &ServiceId,
        deadline: SystemTime,
    ) -> Result<(), OnboardingError> {
        let client = &self.plane.verified_permissions;
        store::is_of(client, tenant, id).await?;
        patiently(&self.clock, deadline, async || policies::put_schema(client, id).await).await?;
        patiently(&self.clock, deadline, async || policies::put_policies(client, id).await).await?;
        Ok(())
    }
}
