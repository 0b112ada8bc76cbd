//! The Marketplace from the outside: calls in, answers out, orders of those who play the buyers, and the bill.

// All of it is test, so panics are how it speaks; clippy knows that by this attribute.
#[cfg(test)]
mod market;

#[cfg(test)]
mod agreements;
#[cfg(test)]
mod allocations;
#[cfg(test)]
mod billing;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod events;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod windows;
