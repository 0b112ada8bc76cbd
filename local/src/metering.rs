//! Metering, seen working: the real aggregator as a process of its own, and the books that it must balance.
//!
//! [`Aggregator`] is the built function under a runtime of this crate's, with its role's credentials, its own clock,
//! and faults that meet nobody else; it can be ended at any of its AWS calls. [`Buyers`] buy at AWS Marketplace and
//! use, [`Books`] reads what was used, sealed and billed, and [`comparison`] says whether that is the same.
//! [`command`] is what a person runs.
//!
//! It knows the tables' form and the function's input, as an operator does. How hours are sealed and sent it does not
//! know: what it compares with it sums up itself.

mod aggregator;
mod books;
mod buyers;
pub mod command;
pub mod comparison;
mod faults;
mod play;
mod scale;

pub use aggregator::{Aggregator, Ended, Setting};
pub use books::Books;
pub use buyers::{Buyers, Licensed};
pub use faults::{Fault, Faults, InvalidFault};

use shared::{marketplace::ids::LicenseArn, subscriptions::SubscriptionError, usage::UsageError};

pub use crate::lambda::{Trace, When};
use crate::{account::AccountError, aws::CallError, doors::DoorError, lambda::LambdaError};

/// Why metering could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum MeteringError {
    /// The account cannot be spoken to.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The gateway or the Marketplace did not do as it was asked.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The account did not answer a call.
    #[error("{step}")]
    Call {
        /// What was being done.
        step: &'static str,
        /// The refusal.
        #[source]
        source: CallError,
    },
    /// A call of a client failed.
    #[error("{step}")]
    Client {
        /// What was being done.
        step: &'static str,
        /// The refusal.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody has registered with it, so it has no books.
    #[error("no tenant has the licence `{0}`")]
    Unregistered(LicenseArn),
    /// Hours are asked for that are none.
    #[error("`--from` is later than `--to`")]
    NoHours,
    /// The subscriptions' table did not do its part.
    #[error("the subscription could not be read or made")]
    Subscription(#[from] SubscriptionError),
    /// The usage table did not do its part.
    #[error("usage could not be read")]
    Usage(#[from] UsageError),
    /// The ledger's table did not do its part.
    #[error("the ledger could not be read")]
    Ledger(#[from] shared::ledger::LedgerError),
    /// The function could not be run, or did not answer.
    #[error(transparent)]
    Function(#[from] LambdaError),
    /// What the function answered is not what it was asked for.
    #[error("the function failed: {0}")]
    Failed(String),
    /// Something that was read is not what it must be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
}
