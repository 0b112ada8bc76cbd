//! A template whose SAM has been expanded, and the made-up account that it is put into.
//!
//! Only what is asked for is resolved, so that a template may hold things that this crate knows nothing of, as long
//! as no permission depends on them. What a permission depends on and cannot be resolved is an error that names it.

mod names;
mod resolve;

use std::collections::BTreeMap;

pub(crate) use resolve::scalar;
use serde_json::{Map, Value};

/// Where a stack is put, and with what.
#[derive(Clone, Debug)]
pub struct Place {
    /// The stack's name, from which the names of its resources are made up.
    pub name: String,
    /// 12 digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// Values for the template's parameters; those with a default may be left out.
    pub parameters: BTreeMap<String, String>,
}

/// One template in its place.
#[derive(Clone, Debug)]
pub struct Stack {
    place: Place,
    template: Value,
}

/// Why a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not a template at all.
    #[error("the template of the stack `{0}` has no resources")]
    NoResources(String),
    /// Something that a permission depends on.
    #[error("`{path}` of the stack `{stack}` cannot be resolved: {why}")]
    Unresolved {
        /// The stack.
        stack: String,
        /// The resource and property, such as `Role.Policies`.
        path: String,
        /// What is missing, in words.
        why: String,
    },
    /// A policy that cannot be read.
    #[error("`{path}` of the stack `{stack}` is not a policy that can be read")]
    Policy {
        /// The stack.
        stack: String,
        /// The resource.
        path: String,
        /// What is wrong with it.
        #[source]
        source: iam::PolicyError,
    },
}

/// A resource of a stack: its logical id, type and raw properties.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource<'a> {
    pub(crate) logical: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) properties: &'a Map<String, Value>,
}

impl Stack {
    /// A template as expanded JSON.
    ///
    /// # Errors
    /// [`TemplateError::NoResources`].
    pub fn new(place: Place, template: Value) -> Result<Self, TemplateError> {
        if template.get("Resources").and_then(Value::as_object).is_none() {
            return Err(TemplateError::NoResources(place.name));
        }
        Ok(Self { place, template })
    }

    /// Where it is put.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The resources whose condition holds, in the order of their logical ids.
    pub(crate) fn resources(&self) -> Result<Vec<Resource<'_>>, TemplateError> {
        let mut found = Vec::new();
        for logical in self.section("Resources").keys() {
            found.extend(self.resource(logical)?);
        }
        found.sort_by_key(|resource| resource.logical);
        Ok(found)
    }

    /// The resource of this logical id; `None` if it is not there, or not under these parameters.
    pub(crate) fn resource(&self, logical: &str) -> Result<Option<Resource<'_>>, TemplateError> {
        let Some((logical, resource)) = self.section("Resources").get_key_value(logical) else {
            return Ok(None);
        };
        if let Some(condition) = resource.get("Condition").and_then(Value::as_str)
            && !self.condition(condition, logical)?
        {
            return Ok(None);
        }
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        let properties = resource.get("Properties").and_then(Value::as_object);
        Ok(Some(Resource { logical, kind, properties: properties.unwrap_or(&NOTHING) }))
    }

    fn section(&self, name: &str) -> &Map<String, Value> {
        self.template.get(name).and_then(Value::as_object).unwrap_or(&NOTHING)
    }

    /// A property that has to be there is not.
    pub(crate) fn missing(&self, path: &str) -> TemplateError {
        self.unresolved(path, "it is not there")
    }

    /// A property is there and cannot be used.
    pub(crate) fn refused(&self, path: &str, why: &str) -> TemplateError {
        self.unresolved(path, why)
    }

    fn unresolved(&self, path: &str, why: impl Into<String>) -> TemplateError {
        TemplateError::Unresolved { stack: self.place.name.clone(), path: path.to_owned(), why: why.into() }
    }
}

impl Resource<'_> {
    /// `LOGICAL.PROPERTY`, for errors.
    pub(crate) fn path(&self, property: &str) -> String {
        format!("{}.{property}", self.logical)
    }
}

static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
