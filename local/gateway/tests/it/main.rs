//! The gateway from outside: the official SDK on one side of it, an engine of a few lines on the other.
//!
//! The engine here says only what ministack says about roles, functions and tables, and remembers what reached it;
//! the tests against the real one are the workspace's. Every refusal stands beside the same call allowed.

// All of it is test, so panics are how it speaks; clippy knows that by this attribute.
#[cfg(test)]
mod account;
#[cfg(test)]
mod engine;

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod api;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod iam;
#[cfg(test)]
mod log;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod marketplace;
#[cfg(test)]
mod marketplace_played;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod sts;
#[cfg(test)]
mod verified_permissions;
#[cfg(test)]
mod wire;
