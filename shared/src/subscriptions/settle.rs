//! Derives the state of a subscription and carries it out: item, mapping row, last metering.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    FinalMeteringOrder, Subscription, SubscriptionError,
    facts::{Cause, Kind, State},
    rows::{self, attributes as a},
    store::{Subscriptions, condition, one, state_of, subscription, text, versioned},
};
use crate::{
    clock::rfc3339, ids::TenantId, marketplace::ids::LicenseArn, tenancy::mapping_attributes as mapping,
};

/// No licence is written so often.
const VERSIONS: u64 = 1_000_000_000_000;

/// The version in the tenant's row. It grows with every licence of the tenant's line: whatever is shown of a licence
/// is newer than all that was shown of those before it.
fn shown_version(turn: u32, version: u64) -> u64 {
    u64::from(turn).saturating_mul(VERSIONS).saturating_add(version)
}

/// Each further round means that somebody else wrote in between; one who is disturbed this often comes again.
pub(super) const ROUNDS: usize = 10;

impl Subscriptions {
    /// Derives the state from the facts, writes it, shows it in the tenant's mapping row, and asks for the last
    /// metering of what has ended. Repeating it changes nothing, and finishes what was interrupted.
    ///
    /// # Errors
    /// [`SubscriptionError::NotFound`], [`SubscriptionError::Contended`], or when table or queue fail.
    pub async fn settle(
        &self,
        license: &LicenseArn,
        now: SystemTime,
    ) -> Result<Subscription, SubscriptionError> {
        for _ in 0..ROUNDS {
            let (row, end) = self.read(license).await?.ok_or(SubscriptionError::NotFound)?;
            let state = state_of(&row, end.as_ref())?;
            let written = rows::written(&state);
            let version = if row.written.as_ref() == Some(&written) {
                row.version
            } else if self.write_state(license, row.version, &written).await? {
                if matches!(state.cause, Cause::DeprovisionedGoingOn(_)) {
                    // A renewal may bring another licence. Which tenant goes on with it, nobody has said.
                    tracing::error!(
                        %license,
                        incident = "renewed_license_deprovisioned",
                        "the licence of an agreement that goes on was taken away"
                    );
                }
                row.version.saturating_add(1)
            } else {
                continue;
            };
            let tenant = row.facts.registered.map(|(_, tenant)| tenant);
            // Whoever has moved on is shown the state of the licence that they are on.
            if let (Some(tenant), None) = (tenant, &row.facts.moved) {
                self.project(tenant, &state, shown_version(row.turn, version)).await?;
            }
            match (state.kind, tenant, &self.final_metering) {
                (Kind::Ending, Some(tenant), Some(queue)) => {
                    queue.order(&FinalMeteringOrder::new(license, tenant, &state)).await?;
                    self.record_order(license, &state, now).await?;
                }
                _ => return Ok(Subscription { is_settled: true, ..subscription(row, end.as_ref())? }),
            }
        }
        Err(SubscriptionError::Contended)
    }

    /// Writes a state while the item still has the version that it was derived from.
    async fn write_state(
        &self,
        license: &LicenseArn,
        version: u64,
        [state, since, cause]: &[String; 3],
    ) -> Result<bool, SubscriptionError> {
        let set =
            format!("SET {} = :state, {} = :since, {} = :cause", a::STATE, a::STATE_SINCE, a::STATE_CAUSE);
        let written = self
            .update(rows::license_key(license))
            .update_expression(versioned(&set))
            .condition_expression(format!("{} = :version", a::VERSION))
            .expression_attribute_values(":state", text(state))
            .expression_attribute_values(":since", text(since))
            .expression_attribute_values(":cause", text(cause))
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .expression_attribute_values(":one", one())
            .send()
            .await;
        Ok(condition(written)?.is_ok())
    }

    /// Shows the state in the tenant's mapping row, if there is one and it does not show a later version.
    async fn project(&self, tenant: TenantId, state: &State, version: u64) -> Result<(), SubscriptionError> {
        let Some(table) = &self.tenants_table else { return Ok(()) };
        let projected = self
            .dynamodb
            .update_item()
            .table_name(table)
            .key(mapping::TENANT_ID, text(&tenant.to_string()))
            .update_expression("SET #state = :state, #version = :version")
            .condition_expression(
                "attribute_exists(#tenant) AND (attribute_not_exists(#version) OR #version < :version)",
            )
            .expression_attribute_names("#tenant", mapping::TENANT_ID)
            .expression_attribute_names("#state", mapping::SUBSCRIPTION_STATE)
            .expression_attribute_names("#version", mapping::SUBSCRIPTION_VERSION)
            .expression_attribute_values(":state", text(state.kind.as_str()))
            .expression_attribute_values(":version", AttributeValue::N(version.to_string()))
            .send()
            .await;
        condition(projected).map(drop)
    }

    /// Records that the last metering was asked for, unless a later end's was.
    async fn record_order(
        &self,
        license: &LicenseArn,
        state: &State,
        now: SystemTime,
    ) -> Result<(), SubscriptionError> {
        let recorded = self
            .update(rows::license_key(license))
            .update_expression(versioned(&format!(
                "SET {flush} = :ended_at, {metering} = :requested, {at} = :now",
                flush = a::FLUSH_REQUESTED,
                metering = a::FINAL_METERING,
                at = a::FLUSH_REQUESTED_AT,
            )))
            .condition_expression(format!("attribute_not_exists({0}) OR {0} < :ended_at", a::FLUSH_REQUESTED))
            .expression_attribute_values(":ended_at", text(&rfc3339(state.since)))
            .expression_attribute_values(":requested", text(rows::REQUESTED))
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .expression_attribute_values(":one", one())
            .send()
            .await;
        condition(recorded).map(drop)
    }
}
