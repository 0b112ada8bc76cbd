//! One binary, one account: every test meets the product through its public doors.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where and stops")]

mod deletion;
mod documents;
mod events;
mod failures;
mod input;
mod isolation;
mod logs;
mod shares;
mod story;
mod tidy;
