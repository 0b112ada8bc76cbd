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
//!
//! There is a second way ([`Sessions::Token`](crate::config::Sessions)), in which no function that serves callers may
//! assume anything: STS is shown the caller's own token, and makes the tags of what the user pool signed ([`tags`]).

mod assume;
pub mod caller;
mod mapping;
mod open;
pub(crate) mod perishable;
mod power;
mod probe;
mod session;
pub(crate) mod signer;
pub mod tags;
mod token;

use std::{fmt, sync::Arc};

pub(crate) use mapping::{ACTIVE, attributes as mapping_attributes, tenant_state};
pub use mapping::{KEPT_FOR as STATE_KEPT_FOR, Mapping};
pub use open::Tenancy;
pub use power::{
    Data, Deletion, Departure, Directory, Erasure, MayAsk, MayDiscard, MayEndShares, MayForbid,
    MayRemovePolicies, MaySettle, Power, Settlement, Sharing, Usage,
};
pub use session::{SessionError, TenantSession};

pub use token::IdToken;

use crate::ids::TenantId;

/// A tenant that something trustworthy has named.
#[derive(Debug, Clone)]
pub struct VerifiedTenant {
    id: TenantId,
    by: Voucher,
}

/// What has named it.
#[derive(Debug, Clone)]
enum Voucher {
    /// Verified claims of a user's token.
    Claims,
    /// The same, and the token itself is at hand.
    Token(Arc<IdToken>),
    /// Something of our own that only a session of the tenant can have made.
    Ours,
}

impl VerifiedTenant {
    /// A tenant whose user is asking: verified claims named it. Sessions open only while the tenant is usable.
    ///
    /// Crate-private on purpose, like the next: whoever calls it vouches for `tenant`.
    pub(crate) const fn calling(tenant: TenantId) -> Self {
        Self { id: tenant, by: Voucher::Claims }
    }

    /// The same, where the token is at hand that the claims are of.
    pub(crate) fn calling_with(token: IdToken) -> Self {
        Self { id: token.tenant(), by: Voucher::Token(Arc::new(token)) }
    }

    /// A tenant for whom something is finished that was begun: an object's key, or an order of our own queue,
    /// named it. Sessions open whatever has become of the subscription, so that nothing is left half done.
    pub(crate) const fn ours(tenant: TenantId) -> Self {
        Self { id: tenant, by: Voucher::Ours }
    }

    /// Which tenant it is.
    #[must_use]
    pub const fn id(&self) -> TenantId {
        self.id
    }

    /// Whether the tenant has to be usable for a session to open.
    const fn is_gated(&self) -> bool {
        !matches!(self.by, Voucher::Ours)
    }

    /// The token that a session of the tenant can be had for.
    const fn token(&self) -> Option<&Arc<IdToken>> {
        match &self.by {
            Voucher::Token(token) => Some(token),
            Voucher::Claims | Voucher::Ours => None,
        }
    }
}

impl fmt::Display for VerifiedTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}
