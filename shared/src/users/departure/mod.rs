//! The order to settle what a removed user leaves: how it is queued, and how it is read back.
//!
//! The queue is no FIFO queue: a departure waits more than an hour for the user's tokens to run out, and in
//! such a queue the tenant's other departures would wait behind it. So two runs may meet, on the same user
//! too; every step can be repeated, and none undoes another.

mod settlement;

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
pub use settlement::{DepartureError, Settlement, settle};

use super::UserError;
use crate::{
    ids::{TenantId, UserId},
    ordered::OrderedAt,
    tenancy::{Directory, TenantSession, VerifiedTenant},
};

/// An order as it stands in the queue. Who inherits, and when the user was removed, stands in their row: a
/// message could be old, a row is not.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    tenant_id: TenantId,
    user_id: UserId,
    ordered_at_s: OrderedAt,
}

/// An order to settle what a removed user leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepartureOrder {
    tenant_id: TenantId,
    user_id: UserId,
    ordered_at: OrderedAt,
}

/// A message that is no order.
#[derive(Debug, thiserror::Error)]
#[error("not a departure order")]
pub struct InvalidOrder(#[source] serde_json::Error);

impl DepartureOrder {
    /// Reads a message of the queue. Fenced: only the departures function, which the queue feeds, may.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn of_message(body: &str) -> Result<Self, InvalidOrder> {
        let Message { tenant_id, user_id, ordered_at_s: ordered_at } =
            serde_json::from_str(body).map_err(InvalidOrder)?;
        Ok(Self { tenant_id, user_id, ordered_at })
    }

    /// Whose user it is.
    ///
    /// Anyone who may write to the queue can name any tenant here. That is harmless: an order is carried
    /// out in a session of that tenant, and only on a user whose own row says that they were removed.
    #[must_use]
    pub const fn tenant(&self) -> VerifiedTenant {
        VerifiedTenant::ours(self.tenant_id)
    }

    /// Which user.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user_id
    }

    /// Whether a user who is still not marked as removed at `now` never will be.
    #[must_use]
    pub fn is_void(&self, now: SystemTime) -> bool {
        self.ordered_at.is_void(now)
    }
}

/// Queues an order.
pub(super) async fn order(
    session: &TenantSession<Directory>,
    user: UserId,
    now: SystemTime,
) -> Result<(), UserError> {
    let order = Message { tenant_id: session.tenant(), user_id: user, ordered_at_s: OrderedAt::new(now) };
    session
        .sqs()
        .send_message()
        .queue_url(&session.resources().departures_queue_url)
        .message_body(serde_json::to_string(&order).map_err(|_| UserError::Malformed)?)
        .send()
        .await
        .map_err(|e| UserError::Queue(Box::new(e.into())))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "its own test")]
    fn only_an_order_of_ours_is_read() {
        let ordered_at = OrderedAt::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
        let order = DepartureOrder { tenant_id: TenantId::random(), user_id: UserId::random(), ordered_at };
        let text = format!(
            r#"{{"tenant_id":"{}","user_id":"{}","ordered_at_s":1000}}"#,
            order.tenant_id, order.user_id
        );
        assert_eq!(DepartureOrder::of_message(&text).unwrap(), order);
        for text in ["{}".to_owned(), text.replace('}', r#","heir":"me"}"#), text.replace('-', "")] {
            assert!(DepartureOrder::of_message(&text).is_err(), "{text}");
        }
    }
}
