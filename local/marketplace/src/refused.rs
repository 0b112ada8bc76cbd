//! Why an order of a test or of a person who plays the Marketplace is not carried out.

use thiserror::Error;

/// The order makes no sense here, and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is no such thing.
    #[error("there is no {kind} `{id}`")]
    Unknown {
        /// `product`, `agreement or licence`, `event`, `token`.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Neither `license_arn` nor `agreement_id`, or the one does not belong to the other.
    #[error("name one `license_arn` or one `agreement_id`")]
    Which,
    /// Not twelve digits, or the seller's own.
    #[error("`{0}` is not an account that could buy")]
    Account(String),
    /// The agreement is not in a state for it.
    #[error("the agreement is {status}, which rules out `{change}`")]
    State {
        /// Its status.
        status: &'static str,
        /// What was ordered.
        change: &'static str,
    },
    /// A listing that AWS would not take.
    #[error("{0}")]
    Listing(&'static str),
    /// Not a time by RFC 3339, or one a hundred years off.
    #[error("`{0}` is not a time, such as 2026-11-22T10:00:00Z, within a hundred years")]
    Time(String),
    /// An order for an odd answer that could never be given.
    #[error("{0}")]
    Order(String),
    /// As much as is kept.
    #[error("there are {max} {what} already")]
    Full {
        /// What there is too much of.
        what: &'static str,
        /// How much is kept.
        max: usize,
    },
}
