//! Metering: what tenants used becomes records of `BatchMeterUsage`, each billed once whatever fails.
//!
//! Pure: no table, no client, no clock. The function that runs it gives it a [`World`]; so does the simulation,
//! which drives the very same code through crashes, overlaps and faults.
//!
//! ```text
//! usage events ──sum──▶ entry, sealed once ──plan──▶ requests ──answer──▶ what became of it
//!  (append-only)         (conditional write)  (seals only, verbatim)      (conditional write)
//! ```
//!
//! ## Why nothing is billed twice, and nothing is lost
//!
//! - An event is written with its effect, once; it lies in the span of exactly one entry ([`chain`]).
//! - An entry is written once. What is sent is what the ledger has, at HH:00:00, each time the same; the
//!   Marketplace takes a repetition as the same record. So a crash, a timeout, an overlapping run, an answer
//!   that says nothing of a record all have one remedy: send it again.
//! - What became of a record is written after the answer, never before.
//! - What cannot be billed has a name and an amount in the ledger: [`State`], and a record's `late` amount.
//! - Everything is found again from the ledger alone. No run relies on another one having ended, or begun.

pub mod chain;
pub mod dimensions;
pub mod hour;
pub mod ledger;
mod outbox;
pub mod outcome;
pub mod plan;
pub mod quantity;
mod report;
mod run;
mod settle;
pub mod statement;
pub mod usage;

pub use chain::{Came, LateUsage, Licence, Rules};
pub use dimensions::{Dimension, Dimensions};
pub use hour::{Hour, Second};
pub use ledger::{Entry, Record, Slot, State};
pub use quantity::Quantity;
pub use report::Report;
pub use run::{Job, Limits, Page, Settings, Unavailable, World, Write, run};
pub use usage::{EventId, Measure, UsageEvent};
