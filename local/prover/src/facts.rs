//! IAM's list of actions: what there is to ask.
//!
//! Read from a data package and not written here, because an action that somebody forgot is exactly what a wildcard
//! grants.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Every service that IAM knows, by the prefix of its actions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Facts {
    services: BTreeMap<String, Service>,
}

/// One service's page of the Service Authorization Reference.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Service {
    /// ARN patterns with `${…}` by the type's name.
    pub(crate) resources: BTreeMap<String, String>,
    pub(crate) actions: BTreeMap<String, Action>,
}

/// One action.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Action {
    /// The types of resources that it can be on; empty if it has none.
    pub(crate) resources: Vec<String>,
    /// The condition keys that AWS sets for it, beside the global ones.
    pub(crate) keys: Vec<String>,
}

impl Facts {
    /// `(prefix, service)`, in the order of the prefixes.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Service)> {
        self.services.iter().map(|(prefix, service)| (prefix.as_str(), service))
    }

    /// These services only, by their prefixes: for whoever has no time to ask about all.
    #[must_use]
    pub fn only(mut self, services: &[&str]) -> Self {
        self.services.retain(|prefix, _| services.contains(&prefix.as_str()));
        self
    }

    /// How many actions there are.
    pub fn actions(&self) -> usize {
        self.services.values().map(|service| service.actions.len()).sum()
    }
}

impl Action {
    /// Whether AWS sets this condition key for it.
    pub(crate) fn carries(&self, key: &str) -> bool {
        self.keys.iter().any(|one| one.eq_ignore_ascii_case(key))
    }
}
