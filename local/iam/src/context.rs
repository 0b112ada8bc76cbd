//! The request context: condition keys and their values.
//!
//! Four things are kept apart because IAM's operators treat them differently: a key that is absent, a key with one
//! value, a key with a list of values (which may be empty), and a key of which nobody here can say what AWS would
//! have put there. The last one makes every condition that needs it undecidable.

use std::collections::{BTreeMap, BTreeSet};

/// What a condition key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A single-valued key.
    One(String),
    /// A multi-valued key, in no meaningful order; may be empty.
    Many(Vec<String>),
    /// AWS may or may not set it, and to what is not known; the text says why.
    Unknown(String),
}

/// Condition keys of one request. Names are compared without case; a key set again is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<String, Value>,
    complete: BTreeSet<String>,
}

impl Context {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a single-valued key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, Value::One(value.into()));
        self
    }

    /// Sets a multi-valued key.
    #[must_use]
    pub fn with_many<V: Into<String>>(mut self, key: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.set(key, Value::Many(values.into_iter().map(Into::into).collect()));
        self
    }

    /// Marks a key as not knowable, and says why.
    #[must_use]
    pub fn with_unknown(mut self, key: &str, why: impl Into<String>) -> Self {
        self.set(key, Value::Unknown(why.into()));
        self
    }

    /// Declares that every existing key that begins with `prefix` (such as `aws:ResourceTag/`) has been set, so that
    /// one which is absent does not exist.
    #[must_use]
    pub fn with_all_of(mut self, prefix: &str) -> Self {
        self.complete.insert(prefix.to_lowercase());
        self
    }

    /// Sets a key in place.
    pub fn set(&mut self, key: &str, value: Value) {
        self.values.insert(key.to_lowercase(), value);
    }

    /// The value of a key, whatever its case; `None` when the key is absent.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(&key.to_lowercase())
    }

    /// Whether an absent key is declared not to exist.
    pub(crate) fn is_complete_for(&self, key: &str) -> bool {
        self.complete.iter().any(|prefix| key.starts_with(prefix.as_str()))
    }

    /// `(lower-cased key, value)`, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Adds every key of `other`, which wins where both have one.
    pub fn extend(&mut self, other: &Self) {
        for (key, value) in &other.values {
            self.values.insert(key.clone(), value.clone());
        }
        self.complete.extend(other.complete.iter().cloned());
    }

    /// Takes out every key that begins with one of these, so that nobody but the owner of the name sets them.
    pub(crate) fn without(mut self, prefixes: &[&str]) -> Self {
        self.values.retain(|key, _| !prefixes.iter().any(|prefix| key.starts_with(prefix)));
        self
    }
}
