//! The product with its sessions had by callers' tokens (`TenantSessions=token`), met through its public doors. A program
//! of its own, because an account is of one kind: it starts one, and ends it.
//!
//! What does not depend on whose word a session is had for is shown by the program `it`, which takes an account of either
//! kind that runs already.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says where and stops"
)]

mod attack;
mod calls;
mod sign_in;
mod story;

use shared::config::Sessions;
use tests::World;

/// The world, with other tests at work in it.
async fn world() -> World {
    tests::sessions_by(Sessions::Token);
    tests::world().await
}

/// The world, with nobody else in it.
async fn world_alone() -> World {
    tests::sessions_by(Sessions::Token);
    tests::world_alone().await
}
