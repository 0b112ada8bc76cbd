//! The directory: who is a user of the tenant. This file reads it; sign-up and user management write it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::ids::{TenantId, UserId};

/// The primary key of a user's row.
pub(crate) fn key(tenant: TenantId, user: UserId) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
        ("user_id".to_owned(), AttributeValue::S(user.to_string())),
    ])
}

/// Whether a row that was read is that of a user who may be given something.
pub(crate) fn is_member(tenant: TenantId, user: UserId, row: &HashMap<String, AttributeValue>) -> bool {
    let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    text("tenant_id") == Some(&tenant.to_string())
        && text("user_id") == Some(&user.to_string())
        && text("user_state") == Some(ACTIVE)
}

/// The state of a user who may sign in and receive shares.
pub(crate) const ACTIVE: &str = "active";
