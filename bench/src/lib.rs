//! What the functions cost, shown by the project about itself.
//!
//! The built functions are measured as Lambda would run them: as processes that ask a Runtime API for events and
//! call AWS. Both are played on this machine, so nothing here needs an account. How the product behaves as it grows
//! ([`scale`]) is asked of the local account.

pub mod scale;
