//! An operator's order to erase a tenant, and the answer to it.

use std::time::SystemTime;

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};
use shared::{
    clock::rfc3339,
    ids::TenantId,
    onboarding::{CloseError, Counts, NotYet, Record, Waived},
    problem::chain,
};

use crate::App;

/// `{"close":{"tenant_id":"…"}}`: which tenant, and what not to wait for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    tenant_id: TenantId,
    #[serde(default)]
    waive_grace: bool,
    #[serde(default)]
    waive_final_metering: bool,
    #[serde(default)]
    waive_settling: bool,
}

/// What became of the order.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It stands; the work begins when nothing can arrive any more.
    Closing { tenant_id: TenantId, license_arn: String, ordered_at: String, begins_at: String },
    /// Nothing is left of the tenant but this.
    Closed { tenant_id: TenantId, license_arn: String, ordered_at: String, erased_at: String, erased: Counts },
    /// It was not taken.
    Refused {
        tenant_id: TenantId,
        why: &'static str,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
}

impl Answer {
    fn of(record: &Record) -> Self {
        let (tenant_id, license_arn) = (record.tenant, record.license.to_string());
        let time = |time: Option<SystemTime>| time.map(rfc3339).unwrap_or_default();
        let closing = record.closing.as_ref();
        let ordered_at = time(closing.map(|closing| closing.ordered_at));
        match closing.and_then(|closing| closing.erased_at.map(|at| (at, closing.counts))) {
            Some((at, erased)) => {
                Self::Closed { tenant_id, license_arn, ordered_at, erased_at: rfc3339(at), erased }
            }
            None => {
                let begins_at = time(closing.map(|closing| closing.settled_at));
                Self::Closing { tenant_id, license_arn, ordered_at, begins_at }
            }
        }
    }

    fn refused(tenant_id: TenantId, not_yet: &NotYet) -> Self {
        let (why, until) = match not_yet {
            NotYet::NotOver(_) => ("not_over", None),
            NotYet::Renewed => ("renewed", None),
            NotYet::Grace { until } => ("grace", Some(rfc3339(*until))),
            NotYet::Metering => ("final_metering", None),
        };
        Self::Refused { tenant_id, why, detail: not_yet.to_string(), until }
    }
}

impl App {
    /// Orders a tenant to be erased. Asked again, it tells how far that is.
    ///
    /// # Errors
    /// When something did not do its part; ask again.
    pub(crate) async fn close(&self, close: &Close, request_id: &str) -> Result<Answer, Error> {
        let tenant = close.tenant_id;
        let waived = Waived {
            grace: close.waive_grace,
            final_metering: close.waive_final_metering,
            settling: close.waive_settling,
        };
        let answer = match self.onboarding.order_close(tenant, waived, self.grace).await {
            Ok(record) => Answer::of(&record),
            Err(CloseError::NotYet(not_yet)) => Answer::refused(tenant, &not_yet),
            Err(error @ CloseError::Unknown) => {
                Answer::Refused { tenant_id: tenant, why: "unknown", detail: error.to_string(), until: None }
            }
            Err(error) => {
                tracing::error!(request_id, %tenant, outcome = "failed", error = chain(&error), "closing");
                return Err("the tenant could not be marked as closing; ask again".into());
            }
        };
        let outcome = match &answer {
            Answer::Closing { .. } => "closing",
            Answer::Closed { .. } => "closed",
            Answer::Refused { why, .. } => why,
        };
        tracing::info!(
            request_id,
            %tenant,
            outcome,
            waived_grace = waived.grace,
            waived_final_metering = waived.final_metering,
            waived_settling = waived.settling,
            "closing"
        );
        Ok(answer)
    }
}
