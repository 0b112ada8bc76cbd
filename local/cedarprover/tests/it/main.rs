//! The policies that tenants' stores hold, proved; and the prover, shown to see what is wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy.toml allows it in test functions, and these are their parts"
)]

mod compare;
mod faults;
mod policies;
mod promises;
mod solver;

use std::path::{Path, PathBuf};

use cedarprover::{Files, Policies, Promises, Proof, Prover};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cedar")
}

fn files() -> Files {
    Files::read(&folder()).unwrap()
}

fn promises_of(policies: &Policies) -> Promises {
    Promises::read(&folder().join("promises.cedar"), policies).unwrap()
}

async fn prover() -> Prover {
    Prover::start().await.unwrap_or_else(|error| panic!("{error}"))
}

/// Proves policies against our promises.
async fn proved(files: &Files) -> Proof {
    let policies = Policies::parse(files).unwrap();
    cedarprover::prove(&mut prover().await, &policies, &promises_of(&policies)).await.unwrap()
}
