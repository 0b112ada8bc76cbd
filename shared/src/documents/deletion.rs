//! The order to remove a deleted document: how it is queued, and how it is read back.
//!
//! The queue is FIFO with the tenant as message group: one tenant's removals run one after the other (its
//! policy store takes 10 deletions a second), and no tenant waits for another's.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::store::DocumentError;
use crate::{
    ids::{DocumentId, TenantId},
    ordered::OrderedAt,
    tenancy::{Data, TenantSession, VerifiedTenant},
};

/// An order as it stands in the queue.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    tenant_id: TenantId,
    document_id: DocumentId,
    ordered_at_s: OrderedAt,
}

/// An order to remove everything of a deleted document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionOrder {
    tenant_id: TenantId,
    document_id: DocumentId,
    ordered_at: OrderedAt,
}

/// A message that is no order.
#[derive(Debug, thiserror::Error)]
#[error("not a deletion order")]
pub struct InvalidOrder(#[source] serde_json::Error);

impl DeletionOrder {
    /// Reads a message of the queue. Fenced: only the deletions function, which the queue feeds, may.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn of_message(body: &str) -> Result<Self, InvalidOrder> {
        let Message { tenant_id, document_id, ordered_at_s: ordered_at } =
            serde_json::from_str(body).map_err(InvalidOrder)?;
        Ok(Self { tenant_id, document_id, ordered_at })
    }

    /// Whose document it is.
    ///
    /// Anyone who may write to the queue can name any tenant here. That is harmless: an order is carried
    /// out in a session of that tenant, and only on a document that its own row says is deleted.
    #[must_use]
    pub const fn tenant(&self) -> VerifiedTenant {
        VerifiedTenant::ours(self.tenant_id)
    }

    /// Which document.
    #[must_use]
    pub const fn document(&self) -> DocumentId {
        self.document_id
    }

    /// Whether a document that is still not marked as deleted at `now` never will be.
    #[must_use]
    pub fn is_void(&self, now: SystemTime) -> bool {
        self.ordered_at.is_void(now)
    }
}

/// Queues an order.
pub(super) async fn order(
    session: &TenantSession<Data>,
    document: DocumentId,
    now: SystemTime,
) -> Result<(), DocumentError> {
    let order =
        Message { tenant_id: session.tenant(), document_id: document, ordered_at_s: OrderedAt::new(now) };
    session
        .sqs()
        .send_message()
        .queue_url(&session.resources().deletions_queue_url)
        .message_body(serde_json::to_string(&order).map_err(|_| DocumentError::Malformed)?)
        .message_group_id(session.tenant().to_string())
        // Every attempt is an order of its own: an order swallowed as the repeat of one that was already
        // dropped would never be carried out.
        .message_deduplication_id(Uuid::new_v4().simple().to_string())
        .send()
        .await
        .map_err(|e| DocumentError::Queue(Box::new(e.into())))?;
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
        let order =
            DeletionOrder { tenant_id: TenantId::random(), document_id: DocumentId::random(), ordered_at };
        let text = format!(
            r#"{{"tenant_id":"{}","document_id":"{}","ordered_at_s":1000}}"#,
            order.tenant_id, order.document_id
        );
        assert_eq!(DeletionOrder::of_message(&text).unwrap(), order);
        assert!(DeletionOrder::of_message("{}").is_err());
    }
}
