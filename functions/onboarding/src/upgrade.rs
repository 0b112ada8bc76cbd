//! An operator's order to bring all tenants' stores to this release, and the answer to it.

use std::time::Duration;

use lambda_runtime::{Context, Error};
use serde::{Deserialize, Serialize};
use shared::{ids::TenantId, problem::chain};

use crate::App;

/// Time kept at the end of an invocation for the page of stores that is under way.
const KEPT_FOR_PAGE: Duration = Duration::from_secs(60);

/// `{"upgrade":{}}`, and as long as the answer has a `next`, `{"upgrade":{"next":"…"}}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upgrade {
    next: Option<String>,
}

/// How far it has come.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    upgraded: u64,
    failed: Vec<TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl App {
    /// Upgrades as many stores as an invocation has time for.
    ///
    /// # Errors
    /// When the stores could not be listed; ask again.
    pub(crate) async fn upgrade(&self, upgrade: Upgrade, context: &Context) -> Result<Answer, Error> {
        let request_id = context.request_id.as_str();
        match self.onboarding.upgrade(upgrade.next, context.deadline() - KEPT_FOR_PAGE).await {
            Ok(done) => {
                let failed = done.failed.len();
                tracing::info!(request_id, upgraded = done.stores, failed, "upgrade");
                Ok(Answer { upgraded: done.stores, failed: done.failed, next: done.next })
            }
            Err(error) => {
                tracing::error!(request_id, outcome = "failed", error = chain(&error), "upgrade");
                Err("the stores could not be listed; ask again".into())
            }
        }
    }
}
