//! What is asked of onboarding: an order in its queue.
//!
//! An order names a tenant and nothing else, so whoever can write to the queue can at most ask for what the
//! tenant's own record says anyway: a tenant is opened if it registered, and erased if it was marked for that;
//! an invitation goes to the address in the record, while nobody has used the one before.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;

/// An order, as it stands in the queue: `{"open":{"tenant_id":"…"}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Set the tenant up, or go on with it.
    Open {
        /// Which.
        tenant_id: TenantId,
    },
    /// Erase the tenant, or go on with it.
    Close {
        /// Which.
        tenant_id: TenantId,
    },
    /// Invite the tenant's first administrator again, unless they have signed in.
    Invite {
        /// Whose.
        tenant_id: TenantId,
    },
}

/// A message that is no order.
#[derive(Debug, thiserror::Error)]
#[error("not an onboarding order")]
pub struct InvalidOrder(#[source] serde_json::Error);

impl Order {
    /// Reads a message of the queue.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn of_message(body: &str) -> Result<Self, InvalidOrder> {
        serde_json::from_str(body).map_err(InvalidOrder)
    }

    /// Whom it is about.
    #[must_use]
    pub const fn tenant(self) -> TenantId {
        match self {
            Self::Open { tenant_id } | Self::Close { tenant_id } | Self::Invite { tenant_id } => tenant_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_is_written_and_nothing_else_is_one() {
        let tenant_id = TenantId::random();
        let text = format!(r#"{{"open":{{"tenant_id":"{tenant_id}"}}}}"#);
        assert_eq!(Order::of_message(&text).unwrap(), Order::Open { tenant_id });
        assert_eq!(serde_json::to_string(&Order::Open { tenant_id }).unwrap(), text);
        let close = text.replace("open", "close");
        assert_eq!(Order::of_message(&close).unwrap(), Order::Close { tenant_id });
        let invite = text.replace("open", "invite");
        assert_eq!(Order::of_message(&invite).unwrap(), Order::Invite { tenant_id });
        for (bad, why) in [
            ("{}", "nothing"),
            (&*text.replace("open", "erase"), "another word"),
            (&*text.replace("\"}}", "\",\"force\":true}}"), "more than it may say"),
            (&*text.replace(&tenant_id.to_string(), "*"), "no tenant"),
        ] {
            assert!(Order::of_message(bad).is_err(), "{why}: {bad}");
        }
    }
}
