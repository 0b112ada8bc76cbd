//! The tenant's row in the tenant-to-policy-store table: read with a session of that tenant, kept a while.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::types::AttributeValue;

use super::perishable::Perishable;
use crate::{
    cursor::CursorKey,
    ids::{ServiceId, TenantId},
};

/// A row is read again this long after it was read. It bounds how long a change of the row, such as the
/// suspension of a tenant, can go unnoticed by an environment that knows the tenant.
pub const KEPT_FOR: Duration = Duration::from_secs(60);

/// The same for a row that lets nobody work: what follows it is a tenant who may, and waits.
const REFUSAL_KEPT_FOR: Duration = Duration::from_secs(2);

/// What the mapping table says of one tenant.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(crate) policy_store_id: ServiceId,
    pub(crate) share_template_id: ServiceId,
    pub(crate) cursor_key: CursorKey,
    /// Whether the tenant's users may work: it was set up, and its subscription is active.
    pub(super) usable: bool,
    read_at: SystemTime,
}

impl Mapping {
    fn kept_until(&self) -> SystemTime {
        self.read_at + if self.usable { KEPT_FOR } else { REFUSAL_KEPT_FOR }
    }
}

impl Perishable for Mapping {
    fn fresh_until(&self) -> SystemTime {
        self.kept_until()
    }
    fn usable_until(&self) -> SystemTime {
        self.kept_until()
    }
}

/// Names of the row's attributes; onboarding writes them, this file reads them.
pub(crate) mod attributes {
    pub(crate) const TENANT_ID: &str = "tenant_id";
    pub(crate) const POLICY_STORE_ID: &str = "policy_store_id";
    pub(crate) const SHARE_TEMPLATE_ID: &str = "share_template_id";
    pub(crate) const CURSOR_KEY: &str = "cursor_key";
    /// Where the tenant stands between being set up and being erased; onboarding alone writes it.
    pub(crate) const TENANT_STATE: &str = "tenant_state";
    /// What the Marketplace's events have made of the subscription; `subscriptions` alone writes it.
    pub(crate) const SUBSCRIPTION_STATE: &str = "subscription_state";
    /// The version of the subscription's record that `SUBSCRIPTION_STATE` was derived from: it only grows.
    pub(crate) const SUBSCRIPTION_VERSION: &str = "subscription_version";
}

/// Values of [`attributes::TENANT_STATE`].
pub(crate) mod tenant_state {
    /// Being set up.
    pub(crate) const OPENING: &str = "opening";
    /// Set up.
    pub(crate) const OPEN: &str = "open";
    /// Being erased.
    pub(crate) const CLOSING: &str = "closing";
}

/// The value of [`attributes::SUBSCRIPTION_STATE`] that lets users work.
pub(crate) const ACTIVE: &str = "active";

/// What a token's tags are made of.
pub(super) const TAGGED: &str = "tenant_id, policy_store_id, tenant_state, subscription_state";

/// The store that `tenant`'s row names; `None` when it is not that tenant's row.
pub(super) fn store_of(tenant: TenantId, row: &HashMap<String, AttributeValue>) -> Option<ServiceId> {
    let text = |name: &str| row.get(name)?.as_s().ok().map(String::as_str);
    let named: TenantId = text(attributes::TENANT_ID)?.parse().ok()?;
    if named != tenant {
        return None;
    }
    text(attributes::POLICY_STORE_ID)?.parse().ok()
}

/// Both states are to say yes: whatever else they say, or do not say, is no.
pub(super) fn is_usable(row: &HashMap<String, AttributeValue>) -> bool {
    let says = |name: &str, value: &str| {
        row.get(name).and_then(|state| state.as_s().ok()).is_some_and(|s| s == value)
    };
    says(attributes::TENANT_STATE, tenant_state::OPEN) && says(attributes::SUBSCRIPTION_STATE, ACTIVE)
}

/// Reads a row; `None` when it is not this tenant's or anything in it is not what it should be.
pub(super) fn parse(
    tenant: TenantId,
    row: &HashMap<String, AttributeValue>,
    read_at: SystemTime,
) -> Option<Mapping> {
    let text = |name: &str| row.get(name)?.as_s().ok().map(String::as_str);
    Some(Mapping {
        policy_store_id: store_of(tenant, row)?,
        share_template_id: text(attributes::SHARE_TEMPLATE_ID)?.parse().ok()?,
        cursor_key: CursorKey::from_bytes(row.get(attributes::CURSOR_KEY)?.as_b().ok()?.as_ref())?,
        usable: is_usable(row),
        read_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_is_kept_for_a_minute_and_a_no_for_a_moment() {
        let tenant: TenantId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let kept_for = |state: &str| {
            let row = HashMap::from([
                (attributes::TENANT_ID.to_owned(), text(&tenant.to_string())),
                (attributes::POLICY_STORE_ID.to_owned(), text("PS0123")),
                (attributes::SHARE_TEMPLATE_ID.to_owned(), text("PT0123")),
                (attributes::CURSOR_KEY.to_owned(), AttributeValue::B(vec![7; 32].into())),
                (attributes::TENANT_STATE.to_owned(), text(tenant_state::OPEN)),
                (attributes::SUBSCRIPTION_STATE.to_owned(), text(state)),
            ]);
            let mapping = parse(tenant, &row, SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(mapping.fresh_until(), mapping.usable_until());
            mapping.usable_until().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
        };
        assert_eq!(kept_for(ACTIVE), 60, "how long a suspension can go unnoticed");
        for no in ["registered", "suspended", "Active", ""] {
            assert_eq!(kept_for(no), 2, "{no}");
        }
    }
}
