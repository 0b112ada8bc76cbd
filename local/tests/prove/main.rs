//! The prover, held against our templates, against faults put into them, and against policies that others published.
//!
//! The templates are expanded once, by the programs that `cargo run -p local -- prove` uses.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed; clippy.toml allows it in test functions, and these are their parts"
)]

mod mutations;
mod ours;
mod peers;
mod tokens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use local::{account, prove};
use prover::{Facts, Place, Promises, Proof, Stack, World};
use serde_json::Value;

/// Our templates, expanded, and what IAM knows.
static OURS: LazyLock<prover::Input> = LazyLock::new(|| {
    let options = account::Options::default();
    let templates = ["template.yaml", "template-seller.yaml"].map(|name| root().join(name)).to_vec();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(prove::read(&options, &templates)).unwrap()
});

/// What tenants' data is in, and what guards it: asking about every service is left to the test of ours.
static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let services = [
        "aws-marketplace",
        "cognito-idp",
        "dynamodb",
        "es",
        "events",
        "kms",
        "lambda",
        "logs",
        "s3",
        "sqs",
        "sts",
        "verifiedpermissions",
        "xray",
    ];
    OURS.services.clone().only(&services)
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn declared() -> Promises {
    let path = root().join("local/prover/promises.toml");
    Promises::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What is declared where callers' tokens decide.
fn by_token() -> Promises {
    let path = root().join("local/prover/promises-token.toml");
    declared().overlaid_by(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Proves our templates, as they are or as changed.
fn prove_ours(templates: &[Value], facts: &Facts) -> Proof {
    prove_with(&declared(), templates, facts)
}

/// The same, held to this.
fn prove_with(promises: &Promises, templates: &[Value], facts: &Facts) -> Proof {
    let stacks: Vec<Stack> = promises
        .stack
        .iter()
        .zip(templates)
        .map(|(put, template)| {
            let place = Place {
                name: put.name.clone(),
                account: put.account.clone(),
                region: put.region.clone(),
                parameters: put.parameters.clone(),
            };
            Stack::new(place, template.clone()).unwrap()
        })
        .collect();
    prover::prove(&World::of(&stacks).unwrap(), promises, facts).unwrap()
}

/// Proves a template of somebody else's, of which nothing but the names of the tags is declared.
fn prove_theirs(template: Value, naming: prover::Naming) -> Proof {
    let place = Place {
        name: "stack".to_owned(),
        account: "111111111111".to_owned(),
        region: "us-east-1".to_owned(),
        parameters: BTreeMap::new(),
    };
    let world = World::of(&[Stack::new(place, template).unwrap()]).unwrap();
    prover::prove(&world, &Promises::none(naming), &FACTS).unwrap()
}

/// The sentences of the counterexamples.
fn sentences(proof: &Proof) -> Vec<String> {
    proof.counterexamples.iter().map(prover::Counterexample::sentence).collect()
}
