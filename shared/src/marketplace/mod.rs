//! AWS Marketplace, as the seller account is allowed to call it.
//!
//! Every call is signed with a session of the seller account: the product's own account has no listing, and
//! AWS refuses its credentials. Knows nothing of tenants, tables or pages.

pub mod agreements;
pub mod billing;
pub mod ids;
pub mod meter;
pub mod origin;
pub mod resolve;
#[cfg(test)]
pub(crate) mod script;
pub mod seller;
