//! The Lambda service for one environment at a time: a built function as a process of its own, under a runtime of this
//! crate's, with its deployed variables and its role's credentials.
//!
//! The engine runs the deployed functions too, and feeds them. This is for whoever has to hold one: to ask it one event
//! after the other, to see what each costs, to stop it in the middle. What the events say it does not know.

mod environment;
mod runtime;
mod trace;

pub use environment::{Environment, Memory, Setting};
pub use trace::{Trace, When};

use crate::account::AccountError;

/// Why a function could not be run, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LambdaError {
    /// The account does not tell how it is deployed.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The function could not be run.
    #[error("{what}")]
    Process {
        /// What was attempted.
        what: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The function ended before it answered.
    #[error("the function ended without an answer; it said: {0}")]
    Died(String),
    /// The function's answer was an error.
    #[error("the function failed: {0}")]
    Failed(String),
    /// It did not answer in time.
    #[error("the function did not answer in {0} s")]
    Silent(u64),
}
