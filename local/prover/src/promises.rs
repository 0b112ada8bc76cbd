//! What the templates are declared to allow: a small file that is reviewed, and that the proof holds them to.
//!
//! It is written beside the templates and not inside them, so that whoever widens a permission has to say so twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The declared list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promises {
    /// How a tenant is named.
    #[serde(default)]
    pub tenant: Naming,
    /// Where each template is put, by its file's name.
    #[serde(default)]
    pub stack: Vec<Put>,
    /// What each role may do, by its logical id.
    #[serde(default)]
    pub role: BTreeMap<String, Declared>,
}

/// How a tenant is named in tags and keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    /// The session tag that names the tenant; also the tag of a tenant's policy store.
    pub tag: String,
    /// The session tag that names the tenant's policy store.
    #[serde(default)]
    pub store_tag: Option<String>,
    /// The partition key attribute of tenants' tables and of their indexes.
    pub key: String,
    /// How many letters and digits a tenant's id has; `None` if the templates do not say.
    #[serde(default)]
    pub length: Option<usize>,
}

/// A template and where it is put.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The file's name, without folders.
    pub template: String,
    /// The stack's name.
    pub name: String,
    /// 12 digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// Values for parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// What one role is for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// The tags without which, and besides which, no session of it can be made; not given if it is not a tenant's.
    #[serde(default)]
    pub tenant: Option<BTreeSet<String>>,
    /// The roles, by logical id, that may make a session of it.
    #[serde(default)]
    pub lent_to: BTreeSet<String>,
    /// The identity providers, by logical id, whose tokens open a session of it.
    #[serde(default)]
    pub vouched_by: BTreeSet<String>,
    /// What a caller has to say to be lent it.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The services that may make a session of it.
    #[serde(default)]
    pub services: BTreeSet<String>,
    /// The resources that hand it to a service.
    #[serde(default)]
    pub runs: BTreeSet<String>,
    /// AWS's own managed policies that it has, whatever they say.
    #[serde(default)]
    pub managed: BTreeSet<String>,
    /// `service:Action[,Action…] THING`: for a tenant's role, what is not the tenant's own; otherwise everything.
    #[serde(default)]
    pub may: Vec<String>,
}

/// Why a declared list cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromisesError {
    /// Not TOML, or not of the shape above.
    #[error("the declared list cannot be read: {0}")]
    Malformed(String),
    /// A line of `may`.
    #[error("`{line}`, declared of {role}, is not of the form service:Action[,Action…] THING")]
    Line {
        /// The role.
        role: String,
        /// The line.
        line: String,
    },
}

impl Default for Naming {
    fn default() -> Self {
        let text = |text: &str| text.to_owned();
        Self { tag: text("tenant_id"), store_tag: None, key: text("tenant_id"), length: None }
    }
}

impl Promises {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`PromisesError`].
    pub fn parse(toml: &str) -> Result<Self, PromisesError> {
        let promises: Self =
            toml::from_str(toml).map_err(|error| PromisesError::Malformed(error.to_string()))?;
        for (role, declared) in &promises.role {
            declared.rights(role)?;
        }
        Ok(promises)
    }

    /// The same with what `toml` declares instead: its roles in place of those of the same name, its stacks' parameters
    /// beside those that are there.
    ///
    /// # Errors
    /// [`PromisesError`], also for a stack that is not there.
    pub fn overlaid_by(mut self, toml: &str) -> Result<Self, PromisesError> {
        let other = Self::parse(toml)?;
        for put in other.stack {
            let one = self.stack.iter_mut().find(|one| one.template == put.template);
            let one = one.ok_or_else(|| PromisesError::Malformed(format!("there is no {}", put.template)))?;
            one.parameters.extend(put.parameters);
        }
        self.role.extend(other.role);
        Ok(self)
    }

    /// Nothing declared: whatever reaches anything but a tenant's own is a counterexample.
    pub fn none(tenant: Naming) -> Self {
        Self { tenant, stack: Vec::new(), role: BTreeMap::new() }
    }
}

impl Declared {
    /// The lines of `may`, one `(service:Action, THING)` each.
    pub(crate) fn rights(&self, role: &str) -> Result<BTreeSet<(String, String)>, PromisesError> {
        let mut rights = BTreeSet::new();
        for line in &self.may {
            let refused = || PromisesError::Line { role: role.to_owned(), line: line.clone() };
            let (actions, thing) = line.split_once(' ').ok_or_else(refused)?;
            let (service, names) = actions.split_once(':').ok_or_else(refused)?;
            for name in names.split(',') {
                rights.insert((format!("{service}:{name}"), thing.trim().to_owned()));
            }
        }
        Ok(rights)
    }
}
