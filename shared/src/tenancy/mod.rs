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

pub mod caller;
mod mapping;
mod perishable;
mod session;

use std::fmt;

pub use mapping::Mapping;
pub(crate) use mapping::attributes as mapping_attributes;
pub use session::{
    Data, Deletion, MayDiscard, MaySettle, Power, SessionError, Settlement, Sharing, Tenancy, TenantSession,
};

use crate::ids::TenantId;

/// A tenant that something trustworthy has named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifiedTenant(TenantId);

impl VerifiedTenant {
    /// Crate-private on purpose: whoever calls it vouches for `tenant`. The callers are `caller` (claims),
    /// `documents::content` (object keys) and `documents::deletion` (orders).
    pub(crate) const fn vouched(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// Which tenant it is.
    #[must_use]
    pub const fn id(&self) -> TenantId {
        self.0
    }
}

impl fmt::Display for VerifiedTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
