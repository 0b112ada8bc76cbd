//! A policy set that a store would take, and the sets that it can become: without shares, with one, with any number.

use std::{collections::HashMap, fmt};

use cedar_policy::{
    EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, Schema, SlotId, Template,
    ValidationMode, Validator,
};

use crate::{case, files::Files};

/// Names that nothing else knows: what is proved of them is proved of every name.
const RECEIVER: &str = "RECEIVER";
const SHARED: &str = "SHARED";
pub(crate) const REMOVED: &str = "USER_ID";
/// How far policies may look: at a request's own entities, which are all that our code sends.
const LEVEL: u32 = 1;

/// Policies, valid together: STRICT, at level 1, with nothing to remark.
#[derive(Clone, Debug)]
pub struct Policies {
    pub(crate) schema: Schema,
    /// The schema's text, for [`crate::extend`].
    pub(crate) schema_text: String,
    alone: PolicySet,
    share: Template,
    removed: Policy,
}

/// Why no store would, or should, take these policies.
#[derive(Debug, thiserror::Error)]
pub enum PoliciesError {
    /// The schema cannot be read.
    #[error("the schema cannot be read: {0}")]
    Schema(String),
    /// A file is no policy.
    #[error("`{name}` cannot be read: {said}")]
    Policy {
        /// The file, without its ending.
        name: String,
        /// What Cedar said.
        said: String,
    },
    /// The validator's errors and warnings; a warning here has always been a policy that never applies.
    #[error("the policies are not valid: {0}")]
    Invalid(String),
    /// A policy speaks of a name that the proofs need for everybody.
    #[error("a policy names {0:?}, and the proofs need a name that no policy knows")]
    Named(&'static str),
}

/// One share: for whom, and of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    receiver: EntityUid,
    shared: EntityUid,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} was shared with {}", case::name(&self.shared), case::name(&self.receiver))
    }
}

impl Policies {
    /// Reads policies and validates them.
    ///
    /// # Errors
    /// Says what is not valid: a warning is an error.
    pub fn parse(files: &Files) -> Result<Self, PoliciesError> {
        let schema =
            Schema::from_json_str(&files.schema).map_err(|e| PoliciesError::Schema(e.to_string()))?;
        let mut alone = PolicySet::new();
        for (name, text) in &files.policies {
            let said = |said: String| PoliciesError::Policy { name: name.clone(), said };
            let policy = Policy::parse(None, text).map_err(|e| said(e.to_string()))?;
            let id = PolicyId::new(policy.annotation("id").unwrap_or(name));
            alone.add(policy.new_id(id)).map_err(|e| said(e.to_string()))?;
        }
        if let Some(name) = [RECEIVER, SHARED, REMOVED].into_iter().find(|name| {
            let quoted = format!("\"{name}\"");
            files.policies.values().chain([&files.share]).any(|text| text.contains(&quoted))
        }) {
            return Err(PoliciesError::Named(name));
        }
        let share = Template::parse(Some(PolicyId::new("share")), &files.share)
            .map_err(|e| PoliciesError::Policy { name: "share-template".to_owned(), said: e.to_string() })?;
        let removed = Policy::parse(Some(PolicyId::new("removed-user")), &files.removed)
            .map_err(|e| PoliciesError::Policy { name: "removed-user".to_owned(), said: e.to_string() })?;
        let policies = Self { schema, schema_text: files.schema.clone(), alone, share, removed };
        policies.validate()?;
        Ok(policies)
    }

    /// The static policies.
    pub(crate) fn alone(&self) -> PolicySet {
        self.alone.clone()
    }

    /// With one share.
    pub(crate) fn with(&self, link: &Link) -> Result<PolicySet, PoliciesError> {
        linked(self.alone(), &self.share, link)
    }

    /// With every share that there could be, all at once.
    pub(crate) fn with_any_shares(&self) -> Result<PolicySet, PoliciesError> {
        both(self.alone(), [widened(&self.share)?])
    }

    /// With every share, and a user removed.
    pub(crate) fn with_removed(&self) -> Result<PolicySet, PoliciesError> {
        both(self.with_any_shares()?, [self.removed.clone()])
    }

    /// Every policy that is evaluated: the static ones, a share of each kind, and the one against a removed user.
    pub(crate) fn each(&self) -> Result<Vec<Policy>, PoliciesError> {
        let mut each: Vec<Policy> = self.with_removed()?.policies().cloned().collect();
        each.sort_by(|one, other| one.id().cmp(other.id()));
        Ok(each)
    }

    /// A share between every two types between which a store would take one.
    pub(crate) fn links(&self) -> Vec<Link> {
        let mut types: Vec<(EntityTypeName, EntityTypeName)> =
            self.schema.request_envs().map(|env| (env.principal().clone(), env.resource().clone())).collect();
        types.sort();
        types.dedup();
        let id = |of: EntityTypeName, name: &str| EntityUid::from_type_name_and_id(of, EntityId::new(name));
        let link = |(receiver, shared)| Link { receiver: id(receiver, RECEIVER), shared: id(shared, SHARED) };
        types.into_iter().map(link).filter(|link| self.would_be_taken(link)).collect()
    }

    /// Why policies cannot be evaluated under this schema.
    pub(crate) fn misfit(&self, others: &PolicySet) -> Option<String> {
        let result = Validator::new(self.schema.clone()).validate(others, ValidationMode::Strict);
        let errors: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
        (!errors.is_empty()).then(|| errors.join("; "))
    }

    fn would_be_taken(&self, link: &Link) -> bool {
        let set = linked(PolicySet::new(), &self.share, link);
        set.is_ok_and(|set| remarks(&self.schema, &set).is_empty())
    }

    fn validate(&self) -> Result<(), PoliciesError> {
        let said = remarks(&self.schema, &self.with_removed()?);
        if !said.is_empty() {
            return Err(PoliciesError::Invalid(said.join("; ")));
        }
        if self.links().is_empty() {
            let nobody = "no user could be sent anything with the share template".to_owned();
            return Err(PoliciesError::Invalid(nobody));
        }
        Ok(())
    }
}

/// What the validator has to say of a set, errors and warnings alike.
pub(crate) fn remarks(schema: &Schema, set: &PolicySet) -> Vec<String> {
    let result = Validator::new(schema.clone()).validate_with_level(set, ValidationMode::Strict, LEVEL);
    let errors = result.validation_errors().map(ToString::to_string);
    errors.chain(result.validation_warnings().map(ToString::to_string)).collect()
}

/// A set with a template linked in it, and the link written out as a policy of its own: the translation to logic knows
/// no links.
pub(crate) fn linked(set: PolicySet, template: &Template, link: &Link) -> Result<PolicySet, PoliciesError> {
    let said = |said: String| PoliciesError::Policy { name: template.id().to_string(), said };
    let id = PolicyId::new(format!("{} of {SHARED} with {RECEIVER}", template.id()));
    let places = [(SlotId::principal(), link.receiver.clone()), (SlotId::resource(), link.shared.clone())];
    let wanted = |slot: &SlotId| template.slots().any(|of_template| of_template == slot);
    let places: HashMap<_, _> = places.into_iter().filter(|(slot, _)| wanted(slot)).collect();
    let mut links = PolicySet::new();
    links.add_template(template.clone()).map_err(|e| said(e.to_string()))?;
    links.link(template.id().clone(), id.clone(), places).map_err(|e| said(e.to_string()))?;
    let link = links.policy(&id).ok_or_else(|| said("it was not linked".to_owned()))?;
    let json = link.to_json().map_err(|e| said(e.to_string()))?;
    let written = Policy::from_json(Some(id), json).map_err(|e| said(e.to_string()))?;
    both(set, [written])
}

/// A set with more policies in it.
pub(crate) fn both(
    mut set: PolicySet,
    more: impl IntoIterator<Item = Policy>,
) -> Result<PolicySet, PoliciesError> {
    for policy in more {
        set.add(policy).map_err(|e| PoliciesError::Invalid(e.to_string()))?;
    }
    Ok(set)
}

/// The union of all links of a template: the same policy, without what its places demand.
pub(crate) fn widened(template: &Template) -> Result<Policy, PoliciesError> {
    let said = |said: String| PoliciesError::Policy { name: template.id().to_string(), said };
    let mut json = template.to_json().map_err(|e| said(e.to_string()))?;
    for scope in ["principal", "resource"] {
        let Some(constraint) = json.get_mut(scope) else { continue };
        if constraint.get("slot").is_some() {
            *constraint = serde_json::json!({"op": "All"});
        } else if constraint.pointer("/in/slot").is_some()
            && let Some(members) = constraint.as_object_mut()
        {
            members.remove("in");
        }
    }
    Policy::from_json(Some(template.id().clone()), json).map_err(|e| said(e.to_string()))
}
