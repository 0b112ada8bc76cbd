//! Policies: create, get, update, delete, list. A policy is held against the schema when it is made
//! or changed, and never again.

use cedar_policy::{EntityUid, Policy, PolicyId};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::account::{Account, Created};
use crate::entity_wire::{action_json, chain, identifier, identifier_json};
use crate::fault::{Fault, Kind};
use crate::limits::Limits;
use crate::operations::{Naming, first_name, listed, naming};
use crate::paging::Page;
use crate::policies::{Body, Record, Slots, actions_of, effect_name, principal_of, resource_of};
use crate::stamp;
use crate::store::Store;
use crate::wire::{DESCRIPTION, Members, POLICY_ID, STATEMENT, STORE_ID};

const PAGE: usize = 10;

pub(super) fn create(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let definition = input.required_object("definition")?;
    let (kind, _) = definition.union(&["static", "templateLinked"])?;
    let members = definition.required_object(kind)?;
    let text = match kind {
        "static" => Text::Static(StaticText::read(&members)?),
        _ => Text::Linked(LinkedText::read(&members)?),
    };
    let name = first_name(input)?;
    input.required_text("policyStoreId", &STORE_ID)?;
    account.once("CreatePolicy", input, now, |account| {
        let (store, limits) = account.store(input, "CreatePolicy", now)?;
        let id = stamp::id();
        let mut record = match text {
            Text::Static(text) => text.record(id, &members, limits, now)?,
            Text::Linked(text) => text.record(id, store, limits, now)?,
        };
        record.name = name;
        store.validate(&definition.path(kind), &store.set_of([&record].into_iter())?)?;
        if let Some(name) = &record.name {
            store.policy_name_is_free(name, None)?;
        }
        store.has_room_for(&record, None, limits)?;
        let answer = Value::Object(outline(store, &record)?);
        let id = record.id.clone();
        store.policies.add(record);
        Ok(Created { kind: Kind::Policy, id, answer })
    })
}

pub(super) fn get(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let id = input.required_text("policyId", &POLICY_ID)?;
    let (store, _) = account.store(input, "GetPolicy", now)?;
    let record = store.policy(id)?;
    let mut answer = outline(store, record)?;
    answer.insert("definition".into(), definition(record, Detail::Full));
    insert_name(&mut answer, record);
    Ok(Value::Object(answer))
}

pub(super) fn update(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let id = input.required_text("policyId", &POLICY_ID)?;
    let definition = input.object("definition")?;
    let changed = match &definition {
        None => None,
        Some(definition) => {
            definition.union(&["static"])?;
            let members = definition.required_object("static")?;
            Some((StaticText::read(&members)?, members))
        }
    };
    let naming = naming(input)?;
    let (store, limits) = account.store(input, "UpdatePolicy", now)?;
    let old = store.policy(id)?.clone();
    let Body::Static { description, policy: before, .. } = &old.body else {
        return Err(input.invalid("policyId", "a template-linked policy changes with its template only"));
    };
    let mut new = match &changed {
        None => old.clone(),
        Some((text, members)) => text.record(old.id.clone(), members, limits, old.created)?,
    };
    if let (Body::Static { description: new, policy: after, .. }, Some((_, members))) =
        (&mut new.body, &changed)
    {
        keeps_its_scope(members, before, after)?;
        // A description that is not given stays, as a name does.
        *new = new.take().or_else(|| description.clone());
    }
    new.created = old.created;
    new.updated = now;
    new.name = match naming {
        Naming::Absent => old.name.clone(),
        Naming::Empty => None,
        Naming::Given(name) => {
            store.policy_name_is_free(name, Some(&old.id))?;
            Some(name.to_owned())
        }
    };
    if changed.is_some() {
        store.validate("definition.static", &store.set_of([&new].into_iter())?)?;
        store.has_room_for(&new, Some(&old), limits)?;
    }
    let answer = Value::Object(outline(store, &new)?);
    store.policies.replace(new);
    Ok(answer)
}

/// API reference, `UpdatePolicy`: neither effect, principal nor resource can be changed.
fn keeps_its_scope(members: &Members<'_>, before: &Policy, after: &Policy) -> Result<(), Fault> {
    let changed = if before.effect() != after.effect() {
        "effect"
    } else if before.principal_constraint() != after.principal_constraint() {
        "principal"
    } else if before.resource_constraint() != after.resource_constraint() {
        "resource"
    } else {
        return Ok(());
    };
    Err(members.invalid("statement", format!("the {changed} of a policy cannot be changed")))
}

pub(super) fn delete(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let id = input.required_text("policyId", &POLICY_ID)?;
    let (store, _) = account.store(input, "DeletePolicy", now)?;
    // Idempotent (API reference): a policy that is not there is answered like one that was.
    store.policies.remove(id);
    Ok(json!({}))
}

/// Which policies a list holds.
#[derive(Hash)]
struct Filter<'a> {
    principal: Option<Option<EntityUid>>,
    resource: Option<Option<EntityUid>>,
    linked: Option<bool>,
    template: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn of_request(input: &Members<'a>) -> Result<Self, Fault> {
        let Some(filter) = input.object("filter")? else {
            return Ok(Self { principal: None, resource: None, linked: None, template: None });
        };
        let template = filter.text("policyTemplateId", &POLICY_ID)?;
        Ok(Self {
            principal: reference(&filter, "principal")?,
            resource: reference(&filter, "resource")?,
            linked: filter.one_of("policyType", &[("STATIC", false), ("TEMPLATE_LINKED", true)])?,
            template: template.map(|id| no_template_name(&filter, id)).transpose()?,
        })
    }

    fn takes(&self, record: &Record) -> bool {
        self.principal.as_ref().is_none_or(|wanted| *wanted == record.principal)
            && self.resource.as_ref().is_none_or(|wanted| *wanted == record.resource)
            && self.linked.is_none_or(|wanted| wanted == record.template().is_some())
            && self.template.is_none_or(|wanted| record.template() == Some(wanted))
    }
}

/// An `EntityReference`: an entity, or `{"unspecified": true}` for policies that name none.
fn reference(filter: &Members<'_>, name: &str) -> Result<Option<Option<EntityUid>>, Fault> {
    let Some(members) = filter.object(name)? else { return Ok(None) };
    match members.union(&["unspecified", "identifier"])? {
        ("identifier", _) => Ok(Some(Some(identifier(&members.required_object("identifier")?)?))),
        _ if members.boolean("unspecified")? == Some(true) => Ok(Some(None)),
        _ => Err(members.invalid("unspecified", "must be true, or left out")),
    }
}

pub(super) fn list(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let filter = Filter::of_request(input)?;
    let id = account.store_id(input)?;
    let page = Page::of_request(input, PAGE, &("ListPolicies", &id, &filter))?;
    let (store, _) = account.store(input, "ListPolicies", now)?;
    let (records, next) = page.cut(store.policies.iter().filter(|(_, record)| filter.takes(record)));
    let mut items = Vec::new();
    for record in records {
        let mut item = outline(store, record)?;
        item.insert("definition".into(), definition(record, Detail::Item));
        insert_name(&mut item, record);
        items.push(Value::Object(item));
    }
    Ok(listed("policies", (items, next)))
}

/// A definition as it was sent: right by the model, not yet held against Cedar or a store.
enum Text<'a> {
    Static(StaticText<'a>),
    Linked(LinkedText<'a>),
}

struct StaticText<'a> {
    statement: &'a str,
    description: Option<&'a str>,
}

impl<'a> StaticText<'a> {
    fn read(members: &Members<'a>) -> Result<Self, Fault> {
        let statement = members.required_text("statement", &STATEMENT)?;
        let description = members.text("description", &DESCRIPTION)?;
        Ok(Self { statement, description })
    }

    fn record(
        &self,
        id: String,
        members: &Members<'_>,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<Record, Fault> {
        fits(self.statement, Kind::Policy, limits)?;
        let policy = Policy::parse(Some(PolicyId::new(&id)), self.statement)
            .map_err(|error| members.invalid("statement", chain(&error)))?;
        Ok(Record {
            id,
            name: None,
            principal: principal_of(&policy),
            resource: resource_of(&policy),
            size_bytes: self.statement.len() + limits.static_policy_overhead_bytes,
            body: Body::Static {
                description: self.description.map(ToOwned::to_owned),
                statement: self.statement.to_owned(),
                policy: Box::new(policy),
            },
            created: now,
            updated: now,
        })
    }
}

struct LinkedText<'a> {
    template: &'a str,
    slots: Box<Slots>,
}

impl<'a> LinkedText<'a> {
    fn read(members: &Members<'a>) -> Result<Self, Fault> {
        let template = no_template_name(members, members.required_text("policyTemplateId", &POLICY_ID)?)?;
        let entity = |name| members.object(name)?.map(|members| identifier(&members)).transpose();
        let slots = Slots { principal: entity("principal")?, resource: entity("resource")? };
        Ok(Self { template, slots: Box::new(slots) })
    }

    fn record(
        self,
        id: String,
        store: &Store,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<Record, Fault> {
        let template = store.template(self.template)?;
        let Slots { principal, resource } = self.slots.as_ref();
        let length = |uid: &Option<EntityUid>| uid.as_ref().map_or(0, |uid| uid.to_string().len());
        Ok(Record {
            id,
            name: None,
            size_bytes: length(principal) + length(resource) + limits.linked_policy_overhead_bytes,
            principal: principal.clone().or_else(|| template.own_principal()),
            resource: resource.clone().or_else(|| template.own_resource()),
            body: Body::Linked { template: template.id.clone(), slots: self.slots },
            created: now,
            updated: now,
        })
    }
}

/// The API reference offers `name/…` wherever an id goes but here ("the unique identifier"). Whether
/// the service takes one is not known, so it is refused: what works here shall work there.
fn no_template_name<'a>(members: &Members<'_>, id: &'a str) -> Result<&'a str, Fault> {
    if id.starts_with("name/") {
        return Err(members.invalid("policyTemplateId", "takes the id of a template, not a name"));
    }
    Ok(id)
}

/// The quota "Policy size".
pub(super) fn fits(statement: &str, kind: Kind, limits: &Limits) -> Result<(), Fault> {
    if statement.len() <= limits.policy_bytes_max {
        return Ok(());
    }
    let message = format!("a statement has at most {} bytes", limits.policy_bytes_max);
    Err(Fault::Quota { message, kind, id: None })
}

/// What every operation says of a policy.
fn outline(store: &Store, record: &Record) -> Result<Map<String, Value>, Fault> {
    let (effect, actions) = match &record.body {
        Body::Static { policy, .. } => (policy.effect(), policy.action_constraint()),
        Body::Linked { template, .. } => {
            let template = &store.template(template)?.template;
            (template.effect(), template.action_constraint())
        }
    };
    let mut answer = Map::new();
    answer.insert("policyStoreId".into(), store.id.clone().into());
    answer.insert("policyId".into(), record.id.clone().into());
    answer.insert("policyType".into(), policy_type(record).into());
    answer.insert("effect".into(), effect_name(effect).into());
    answer.insert("createdDate".into(), stamp::time(record.created).into());
    answer.insert("lastUpdatedDate".into(), stamp::time(record.updated).into());
    for (name, uid) in [("principal", &record.principal), ("resource", &record.resource)] {
        if let Some(uid) = uid {
            answer.insert(name.into(), identifier_json(uid));
        }
    }
    let actions: Vec<Value> = actions_of(actions).iter().map(action_json).collect();
    if !actions.is_empty() {
        answer.insert("actions".into(), actions.into());
    }
    Ok(answer)
}

pub(super) fn policy_type(record: &Record) -> &'static str {
    if record.template().is_some() { "TEMPLATE_LINKED" } else { "STATIC" }
}

pub(super) fn insert_name(answer: &mut Map<String, Value>, record: &Record) {
    if let Some(name) = &record.name {
        answer.insert("name".into(), name.clone().into());
    }
}

/// How much of a definition is shown: an item of a list leaves the statement out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Full,
    Item,
}

pub(super) fn definition(record: &Record, detail: Detail) -> Value {
    let mut inner = Map::new();
    let kind = match &record.body {
        Body::Static { description, statement, .. } => {
            if let Some(description) = description {
                inner.insert("description".into(), description.clone().into());
            }
            if detail == Detail::Full {
                inner.insert("statement".into(), statement.clone().into());
            }
            "static"
        }
        Body::Linked { template, slots } => {
            inner.insert("policyTemplateId".into(), template.clone().into());
            for (name, uid) in [("principal", &slots.principal), ("resource", &slots.resource)] {
                if let Some(uid) = uid {
                    inner.insert(name.into(), identifier_json(uid));
                }
            }
            "templateLinked"
        }
    };
    Value::Object([(kind.to_owned(), Value::Object(inner))].into_iter().collect())
}
