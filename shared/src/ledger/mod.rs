//! The ledger as items of a table: what was sealed for whom, and what became of it.
//!
//! What an entry means, and which one may follow which, is [`crate::metering`]'s; this room only keeps them, each
//! write conditional on what its writer has read. It knows no usage and no Marketplace.
//!
//! ## The items
//!
//! | `tenant_id` | `slot` | beside them |
//! |---|---|---|
//! | the tenant | `2026-11-22T10#0` | `entry`: the whole [`Entry`](crate::metering::Entry) as JSON; `version`: what conditions look for |
//! | the tenant | `origin` | `first`: the first slot of all |
//!
//! They are the vendor's accounts: no name, no address, no content, ids and numbers only. So they are not erased
//! with their tenant, and have no end.

mod around;
mod read;
mod rows;
mod write;

use crate::{ids::TenantId, problem::chain};

pub use around::{after, before};
pub use read::{get, newest, page};
pub use write::{replace, seal};

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The table did not do its part. Of a write: whether it had its effect is not known.
    #[error("the ledger's table failed")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// An item is not what this product writes. An incident: somebody else wrote into the ledger.
    #[error("the ledger's {0} is malformed")]
    Malformed(&'static str),
    /// There is more than may be read or written at once.
    #[error("the ledger has too many entries for one {0}")]
    TooMany(&'static str),
    /// A page was asked for from a place that is none.
    #[error("a page of the ledger begins nowhere")]
    Position,
}

impl LedgerError {
    /// Logs it as an incident, if it is one: what this product did not write does not pass, and is not billed. A
    /// table that failed is none; whoever reads tells of it.
    pub fn report(&self, tenant: TenantId) {
        match self {
            Self::Store(_) => {}
            Self::Malformed(_) | Self::TooMany(_) | Self::Position => {
                tracing::error!(incident = "malformed_ledger", %tenant, error = chain(self), "the ledger is not as this product writes it");
            }
        }
    }
}

#[cfg(test)]
mod tests;
