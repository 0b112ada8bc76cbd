//! Why a session is the only way in.
//!
//! A function's own role can do nothing with data: it may only assume the tenant roles. A [`TenantSession`]
//! is such an assumed role, tagged by STS with one tenant (and that tenant's policy store), and it owns the
//! only clients with which this crate reads or writes anything. It opens for a [`VerifiedTenant`], which
//! exists only where something trustworthy named the tenant: the claims that API Gateway verified, the key
//! of an object that IAM let a tenant's own session write, or an order from our own queue. There is no
//! constructor from a string, and no function that faces a tenant takes a tenant id beside a client.
//!
//! The flow is the one of the AWS post that the product implements: a session for the tenant reads the
//! tenant's mapping row, and only a session for tenant *and* store touches data. A wrong mapping row fails
//! closed, because IAM demands that the store named in the session is tagged with the tenant.

mod assume;
pub mod caller;
mod mapping;
mod open;
pub(crate) mod perishable;
mod power;
mod probe;
mod session;

use std::fmt;

pub(crate) use mapping::{ACTIVE, attributes as mapping_attributes, tenant_state};
pub use mapping::{KEPT_FOR as STATE_KEPT_FOR, Mapping};
pub use open::Tenancy;
pub use power::{
    Data, Deletion, Departure, Directory, Erasure, MayAsk, MayDiscard, MayEndShares, MayForbid,
    MayRemovePolicies, MaySettle, Power, Settlement, Sharing, Usage,
};
pub use session::{SessionError, TenantSession};

use crate::ids::TenantId;

/// A tenant that something trustworthy has named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifiedTenant {
    id: TenantId,
    /// Whether a session opens only while the tenant's subscription lets its users work.
    gated: bool,
}

impl VerifiedTenant {
    /// A tenant whose user is asking: verified claims named it. Sessions open only while the tenant is usable.
    ///
    /// Crate-private on purpose, like the next: whoever calls it vouches for `tenant`.
    pub(crate) const fn calling(tenant: TenantId) -> Self {
        Self { id: tenant, gated: true }
    }

    /// A tenant for whom something is finished that was begun: an object's key, or an order of our own queue,
    /// named it. Sessions open whatever has become of the subscription, so that nothing is left half done.
    pub(crate) const fn ours(tenant: TenantId) -> Self {
        Self { id: tenant, gated: false }
    }

    /// Which tenant it is.
    #[must_use]
    pub const fn id(&self) -> TenantId {
        self.id
    }

    /// Whether the tenant has to be usable for a session to open.
    const fn is_gated(&self) -> bool {
        self.gated
    }
}

impl fmt::Display for VerifiedTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}
