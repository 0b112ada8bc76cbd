//! What is promised of the policies, itself in Cedar: of each action, who may do it.
//!
//! A promise is a policy with the sentence in its `@promise`. A `permit` that lists actions says of those who may do
//! them: nobody else may, and these may. One that lists none says it of every action left over, also of actions that do
//! not exist yet. A template says what a share adds, a `forbid` what removing a user takes away.

use std::{collections::BTreeSet, path::Path};

use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PolicySet, Template};

use crate::{
    files::{self, FilesError},
    policies::{Policies, remarks},
};

/// Promises that fit a schema.
#[derive(Clone, Debug)]
pub struct Promises {
    pub(crate) may: Vec<May>,
    pub(crate) rest: Policy,
    pub(crate) share: Template,
    pub(crate) removed: Policy,
    listed: BTreeSet<EntityUid>,
}

/// Who may do some actions.
#[derive(Clone, Debug)]
pub(crate) struct May {
    pub(crate) policy: Policy,
    pub(crate) actions: BTreeSet<EntityUid>,
}

/// Why promises cannot be held to anything.
#[derive(Debug, thiserror::Error)]
pub enum PromisesError {
    /// They are no policies.
    #[error("the promises cannot be read: {0}")]
    Text(String),
    /// They do not fit the schema.
    #[error("the promises do not fit the schema: {0}")]
    Invalid(String),
    /// A promise without a sentence.
    #[error("a promise has no sentence: give it an `@promise`")]
    Unsaid,
    /// Two promises about one action.
    #[error("{0} is promised twice")]
    Twice(EntityUid),
    /// One of a kind is needed.
    #[error("there must be one promise {0}")]
    One(&'static str),
    /// The file.
    #[error("the promises cannot be read")]
    File(#[from] FilesError),
}

impl Promises {
    /// Reads promises about these policies.
    ///
    /// # Errors
    /// Says what is missing, twice there, or does not fit.
    pub fn read(path: &Path, policies: &Policies) -> Result<Self, PromisesError> {
        Self::parse(&files::text(path)?, policies)
    }

    /// Reads promises about these policies from their text.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, policies: &Policies) -> Result<Self, PromisesError> {
        let set: PolicySet =
            text.parse().map_err(|e: cedar_policy::ParseErrors| PromisesError::Text(e.to_string()))?;
        let said = remarks(&policies.schema, &set);
        if !said.is_empty() {
            return Err(PromisesError::Invalid(said.join("; ")));
        }
        let mut promises: Vec<Policy> = set.policies().cloned().collect();
        // They are named `policy0`, `policy1` and so on, in the order of the file.
        promises.sort_by_key(|policy| (policy.id().to_string().len(), policy.id().clone()));
        let templates: Vec<Template> = set.templates().cloned().collect();
        let sentences = promises.iter().map(|promise| promise.annotation("promise"));
        if sentences
            .chain(templates.iter().map(|promise| promise.annotation("promise")))
            .any(|said| said.is_none())
        {
            return Err(PromisesError::Unsaid);
        }
        let (permits, forbids): (Vec<Policy>, Vec<Policy>) =
            promises.into_iter().partition(|promise| promise.effect() == Effect::Permit);
        let mut listed = BTreeSet::new();
        let (mut may, mut rest) = (Vec::new(), Vec::new());
        for policy in permits {
            let actions = match policy.action_constraint() {
                ActionConstraint::Any => {
                    rest.push(policy);
                    continue;
                }
                ActionConstraint::Eq(action) => vec![action],
                ActionConstraint::In(actions) => actions,
            };
            if let Some(twice) = actions.iter().find(|action| !listed.insert((*action).clone())) {
                return Err(PromisesError::Twice(twice.clone()));
            }
            may.push(May { policy, actions: actions.into_iter().collect() });
        }
        Ok(Self {
            may,
            rest: one(rest, "about the actions that no other one lists")?,
            share: one(templates, "about what a share adds, with ?principal and ?resource")?,
            removed: one(forbids, "about removed users")?,
            listed,
        })
    }

    /// Whether a promise lists an action.
    pub(crate) fn lists(&self, action: &EntityUid) -> bool {
        self.listed.contains(action)
    }
}

fn one<T>(many: Vec<T>, which: &'static str) -> Result<T, PromisesError> {
    <[T; 1]>::try_from(many).map(|[one]| one).map_err(|_| PromisesError::One(which))
}
