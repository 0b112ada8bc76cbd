//! One binary, one account: every test meets the product through its public doors.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says where and stops"
)]

mod attack;
mod browser;
mod commands;
mod deletion;
mod departures;
mod documents;
mod events;
mod failures;
mod input;
mod isolation;
mod logs;
mod metering;
mod offboarding;
mod onboarding;
mod scale;
mod seller;
mod shares;
mod signup;
mod story;
mod subscriptions;
mod tidy;
mod usage;
mod usage_statement;
mod users;
