//! The policies of one store, and which of them can matter to a question.
//! Knows scopes and sizes; does not validate and does not decide.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{
    ActionConstraint, Effect, Entities, EntityUid, Policy, PrincipalConstraint, ResourceConstraint, SlotId,
};
use time::OffsetDateTime;

/// One policy as the store keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) body: Body,
    /// The entity that the scope asks the principal to be, or to be in.
    pub(crate) principal: Option<EntityUid>,
    /// The entity that the scope asks the resource to be, or to be in.
    pub(crate) resource: Option<EntityUid>,
    /// What it counts of its resource's quota.
    pub(crate) size_bytes: usize,
    pub(crate) created: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Static { description: Option<String>, statement: String, policy: Box<Policy> },
    Linked { template: String, slots: Box<Slots> },
}

/// What was put into the places of a template.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    pub(crate) principal: Option<EntityUid>,
    pub(crate) resource: Option<EntityUid>,
}

impl Slots {
    pub(crate) fn values(&self) -> HashMap<SlotId, EntityUid> {
        let principal = self.principal.clone().map(|uid| (SlotId::principal(), uid));
        let resource = self.resource.clone().map(|uid| (SlotId::resource(), uid));
        principal.into_iter().chain(resource).collect()
    }
}

impl Record {
    pub(crate) fn template(&self) -> Option<&str> {
        match &self.body {
            Body::Static { .. } => None,
            Body::Linked { template, .. } => Some(template),
        }
    }
}

/// The policies, by everything that the service finds them by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies {
    last_number: u64,
    // INVARIANT: the other maps hold exactly the numbers that are in here, and no empty set.
    by_number: BTreeMap<u64, Record>,
    by_id: HashMap<String, u64>,
    by_name: HashMap<String, u64>,
    by_template: HashMap<String, BTreeSet<u64>>,
    by_scope: HashMap<(Option<EntityUid>, Option<EntityUid>), BTreeSet<u64>>,
    bytes_by_resource: HashMap<Option<EntityUid>, usize>,
}

impl Policies {
    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Finds by id, or by `name/NAME`.
    pub(crate) fn find(&self, id_or_name: &str) -> Option<&Record> {
        self.number_of(id_or_name).and_then(|number| self.by_number.get(&number))
    }

    fn number_of(&self, id_or_name: &str) -> Option<u64> {
        // A name keeps its prefix, and no id has a slash: the two cannot be taken for each other.
        self.by_id.get(id_or_name).or_else(|| self.by_name.get(id_or_name)).copied()
    }

    /// All policies by rising number, which is the order of creation.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Record)> {
        self.by_number.iter().map(|(number, record)| (*number, record))
    }

    /// The bytes of all policies that name this resource, or none.
    pub(crate) fn bytes_of(&self, resource: Option<&EntityUid>) -> usize {
        self.bytes_by_resource.get(&resource.cloned()).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, record: Record) {
        self.last_number += 1;
        self.put(self.last_number, record);
    }

    /// Replaces the policy with the record's id; it keeps its place in lists.
    pub(crate) fn replace(&mut self, record: Record) {
        if let Some(number) = self.by_id.get(&record.id).copied() {
            self.take(number);
            self.put(number, record);
        }
    }

    pub(crate) fn remove(&mut self, id_or_name: &str) -> Option<Record> {
        self.number_of(id_or_name).and_then(|number| self.take(number))
    }

    pub(crate) fn remove_linked_to(&mut self, template: &str) {
        for number in self.by_template.get(template).cloned().unwrap_or_default() {
            self.take(number);
        }
    }

    /// Whether nothing is left of policies that are gone.
    #[cfg(test)]
    pub(crate) fn holds_nothing(&self) -> bool {
        self.by_number.is_empty()
            && self.by_id.is_empty()
            && self.by_name.is_empty()
            && self.by_template.is_empty()
            && self.by_scope.is_empty()
            && self.bytes_by_resource.is_empty()
    }

    fn put(&mut self, number: u64, record: Record) {
        self.by_id.insert(record.id.clone(), number);
        if let Some(name) = &record.name {
            self.by_name.insert(name.clone(), number);
        }
        if let Some(template) = record.template() {
            self.by_template.entry(template.to_owned()).or_default().insert(number);
        }
        self.by_scope.entry(scope_of(&record)).or_default().insert(number);
        *self.bytes_by_resource.entry(record.resource.clone()).or_default() += record.size_bytes;
        self.by_number.insert(number, record);
    }

    fn take(&mut self, number: u64) -> Option<Record> {
        let record = self.by_number.remove(&number)?;
        self.by_id.remove(&record.id);
        if let Some(name) = &record.name {
            self.by_name.remove(name);
        }
        if let Some(template) = record.template() {
            remove_from(&mut self.by_template, &template.to_owned(), number);
        }
        remove_from(&mut self.by_scope, &scope_of(&record), number);
        let bytes = self.bytes_of(record.resource.as_ref()).saturating_sub(record.size_bytes);
        if bytes == 0 {
            self.bytes_by_resource.remove(&record.resource);
        } else {
            self.bytes_by_resource.insert(record.resource.clone(), bytes);
        }
        Some(record)
    }

    /// The policies whose scope these two can fulfil: a superset of those that decide.
    ///
    /// A scope that names an entity holds only for that entity and for what is in it, whether it says
    /// `==`, `in` or `is … in`; when the scope does not hold, Cedar does not look at the conditions, so
    /// a policy left out here could have neither matched nor failed.
    pub(crate) fn slice<'a>(
        &'a self,
        principal: &EntityUid,
        resource: &EntityUid,
        entities: &Entities,
    ) -> impl Iterator<Item = &'a Record> {
        let (principals, resources) = (named_by(principal, entities), named_by(resource, entities));
        let mut numbers = BTreeSet::new();
        for resource in &resources {
            for principal in &principals {
                let found = self.by_scope.get(&(principal.clone(), resource.clone()));
                numbers.extend(found.into_iter().flatten().copied());
            }
        }
        numbers.into_iter().filter_map(|number| self.by_number.get(&number))
    }
}

/// What a scope may name for this entity to fulfil it: nothing, itself, or what it is in.
fn named_by(uid: &EntityUid, entities: &Entities) -> Vec<Option<EntityUid>> {
    let above = entities.ancestors(uid).into_iter().flatten().filter(|above| *above != uid).cloned();
    [None, Some(uid.clone())].into_iter().chain(above.map(Some)).collect()
}

fn scope_of(record: &Record) -> (Option<EntityUid>, Option<EntityUid>) {
    (record.principal.clone(), record.resource.clone())
}

fn remove_from<K: std::hash::Hash + Eq>(map: &mut HashMap<K, BTreeSet<u64>>, key: &K, number: u64) {
    if let Some(numbers) = map.get_mut(key) {
        numbers.remove(&number);
        if numbers.is_empty() {
            map.remove(key);
        }
    }
}

/// The entity that a static policy's scope names for the principal.
pub(crate) fn principal_of(policy: &Policy) -> Option<EntityUid> {
    match policy.principal_constraint() {
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
        PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) | PrincipalConstraint::IsIn(_, uid) => {
            Some(uid)
        }
    }
}

/// The entity that a static policy's scope names for the resource.
pub(crate) fn resource_of(policy: &Policy) -> Option<EntityUid> {
    match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
        ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
            Some(uid)
        }
    }
}

/// The actions that a scope names; none if it names none.
pub(crate) fn actions_of(constraint: ActionConstraint) -> Vec<EntityUid> {
    match constraint {
        ActionConstraint::Any => Vec::new(),
        ActionConstraint::Eq(uid) => vec![uid],
        ActionConstraint::In(uids) => uids,
    }
}

/// The service's word for an effect.
pub(crate) fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "Permit",
        Effect::Forbid => "Forbid",
    }
}
