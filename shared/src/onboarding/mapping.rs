//! The tenant's mapping row, from the side that writes it: made last of what a session needs, so that a tenant
//! is either not there or has a whole store behind it.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};

use super::error::{OnboardingError, table};
use crate::{
    conditional::held,
    cursor::CursorKey,
    ids::{ServiceId, TenantId},
    tenancy::{ACTIVE, Erasure, TenantSession, mapping_attributes as attributes, tenant_state},
};

/// A policy store that is ready for its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStore {
    /// Its id.
    pub id: ServiceId,
    /// The id of its share template.
    pub share_template_id: ServiceId,
}

/// How a mapping row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// Closed to its users, until everything is checked.
    Opening,
    /// About to be erased: it was never open.
    Closing,
    /// Usable at once: opened by hand, without a subscription of the Marketplace's.
    Usable,
}

/// The tenant's row, in the table of that name.
pub(super) struct MappingRow<'a> {
    pub(super) dynamodb: &'a Client,
    pub(super) table: &'a str,
    pub(super) tenant: TenantId,
}

impl MappingRow<'_> {
    fn key(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([(attributes::TENANT_ID.to_owned(), AttributeValue::S(self.tenant.to_string()))])
    }

    /// The store that the tenant is mapped to.
    pub(super) async fn store(&self) -> Result<Option<PolicyStore>, OnboardingError> {
        let row = self
            .dynamodb
            .get_item()
            .table_name(self.table)
            .set_key(Some(self.key()))
            .consistent_read(true)
            .send()
            .await
            .map_err(table)?
            .item;
        let Some(row) = row else { return Ok(None) };
        let id = |name: &str| {
            row.get(name).and_then(|id| id.as_s().ok()).map_or("", String::as_str).parse::<ServiceId>()
        };
        Ok(Some(PolicyStore {
            id: id(attributes::POLICY_STORE_ID)?,
            share_template_id: id(attributes::SHARE_TEMPLATE_ID)?,
        }))
    }

    /// Writes the row, unless there is one: then it must lead to the same store.
    pub(super) async fn write(&self, store: &PolicyStore, begins: Begins) -> Result<(), OnboardingError> {
        let cursor_key = CursorKey::random().ok_or(OnboardingError::Randomness)?;
        let state = match begins {
            Begins::Opening => tenant_state::OPENING,
            Begins::Closing => tenant_state::CLOSING,
            Begins::Usable => tenant_state::OPEN,
        };
        let mut put = self
            .dynamodb
            .put_item()
            .table_name(self.table)
            .set_item(Some(self.key()))
            .item(attributes::POLICY_STORE_ID, AttributeValue::S(store.id.as_str().to_owned()))
            .item(
                attributes::SHARE_TEMPLATE_ID,
                AttributeValue::S(store.share_template_id.as_str().to_owned()),
            )
            .item(attributes::CURSOR_KEY, AttributeValue::B(Blob::new(cursor_key.to_bytes())))
            .item(attributes::TENANT_STATE, AttributeValue::S(state.to_owned()))
            .condition_expression("attribute_not_exists(tenant_id)");
        if begins == Begins::Usable {
            put = put.item(attributes::SUBSCRIPTION_STATE, AttributeValue::S(ACTIVE.to_owned()));
        }
        if held(put.send().await).map_err(table)? {
            return Ok(());
        }
        match self.store().await? {
            Some(there) if there == *store => Ok(()),
            _ => Err(OnboardingError::Mapping),
        }
    }

    /// Lets the tenant's users in, as far as its subscription does; `false` when the tenant is not being opened.
    pub(super) async fn open(&self) -> Result<bool, OnboardingError> {
        let opened = self
            .dynamodb
            .update_item()
            .table_name(self.table)
            .set_key(Some(self.key()))
            .update_expression("SET #state = :open")
            .condition_expression("#state IN (:opening, :open)")
            .expression_attribute_names("#state", attributes::TENANT_STATE)
            .expression_attribute_values(":open", AttributeValue::S(tenant_state::OPEN.to_owned()))
            .expression_attribute_values(":opening", AttributeValue::S(tenant_state::OPENING.to_owned()))
            .send()
            .await;
        held(opened).map_err(table)
    }

    /// Removes the row, with the tenant's own session.
    pub(super) async fn remove(&self, session: &TenantSession<Erasure>) -> Result<(), OnboardingError> {
        session
            .dynamodb()
            .delete_item()
            .table_name(self.table)
            .set_key(Some(self.key()))
            .send()
            .await
            .map_err(table)?;
        Ok(())
    }

    /// Locks the tenant's users out for good; `false` when there is no row.
    pub(super) async fn lock_out(&self) -> Result<bool, OnboardingError> {
        let locked = self
            .dynamodb
            .update_item()
            .table_name(self.table)
            .set_key(Some(self.key()))
            .update_expression("SET #state = :closing")
            .condition_expression("attribute_exists(tenant_id)")
            .expression_attribute_names("#state", attributes::TENANT_STATE)
            .expression_attribute_values(":closing", AttributeValue::S(tenant_state::CLOSING.to_owned()))
            .send()
            .await;
        held(locked).map_err(table)
    }
}
