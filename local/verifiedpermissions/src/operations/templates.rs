//! Policy templates: create, get, update, delete, list. A change reaches every linked policy at once;
//! a deletion takes them along.

use cedar_policy::{PolicyId, PolicySet, Template, TemplatePrincipalConstraint, TemplateResourceConstraint};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::account::{Account, Created};
use crate::entity_wire::chain;
use crate::fault::{Fault, Kind};
use crate::limits::Limits;
use crate::operations::policies::fits;
use crate::operations::{Naming, first_name, listed, naming};
use crate::paging::Page;
use crate::stamp;
use crate::store::StoredTemplate;
use crate::wire::{DESCRIPTION, Members, POLICY_ID, STATEMENT, STORE_ID};

const PAGE: usize = 10;

pub(super) fn create(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let description = input.text("description", &DESCRIPTION)?.map(ToOwned::to_owned);
    let name = first_name(input)?;
    input.required_text("policyStoreId", &STORE_ID)?;
    input.required_text("statement", &STATEMENT)?;
    account.once("CreatePolicyTemplate", input, now, |account| {
        let (store, limits) = account.store(input, "CreatePolicyTemplate", now)?;
        let id = stamp::id();
        let (statement, template) = read(input, &id, limits)?;
        store.validate("statement", &set_of(&template)?)?;
        if let Some(name) = &name {
            store.template_name_is_free(name, None)?;
        }
        if store.templates.len() >= limits.templates_per_store_max {
            let message = format!("a policy store has at most {} templates", limits.templates_per_store_max);
            return Err(Fault::Quota { message, kind: Kind::Template, id: None });
        }
        store.last_template += 1;
        let stored = StoredTemplate {
            id: id.clone(),
            number: store.last_template,
            name,
            description,
            statement,
            template,
            created: now,
            updated: now,
        };
        let answer = Value::Object(outline(&store.id, &stored));
        store.templates.push(stored);
        Ok(Created { kind: Kind::Template, id, answer })
    })
}

pub(super) fn get(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let id = input.required_text("policyTemplateId", &POLICY_ID)?;
    let (store, _) = account.store(input, "GetPolicyTemplate", now)?;
    let stored = store.template(id)?;
    let mut answer = outline(&store.id, stored);
    answer.insert("statement".into(), stored.statement.clone().into());
    describe(&mut answer, stored);
    Ok(Value::Object(answer))
}

pub(super) fn update(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let id = input.required_text("policyTemplateId", &POLICY_ID)?;
    let description = input.text("description", &DESCRIPTION)?.map(ToOwned::to_owned);
    let naming = naming(input)?;
    let (store, limits) = account.store(input, "UpdatePolicyTemplate", now)?;
    let mut new = store.template(id)?.clone();
    let (statement, template) = read(input, &new.id, limits).map_err(|fault| match fault {
        // The model declares no quota error for this operation.
        Fault::Quota { message, .. } => input.invalid("statement", message),
        other => other,
    })?;
    keeps_its_scope(input, &new.template, &template)?;
    store.validate("statement", &set_of(&template)?)?;
    match naming {
        Naming::Absent => {}
        Naming::Empty => new.name = None,
        Naming::Given(name) => {
            store.template_name_is_free(name, Some(&new.id))?;
            new.name = Some(name.to_owned());
        }
    }
    (new.statement, new.template, new.updated) = (statement, template, now);
    new.description = description.or(new.description);
    let answer = Value::Object(outline(&store.id, &new));
    if let Some(old) = store.templates.iter_mut().find(|template| template.id == new.id) {
        *old = new;
    }
    Ok(answer)
}

pub(super) fn delete(
    account: &mut Account,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let id = input.required_text("policyTemplateId", &POLICY_ID)?;
    let (store, _) = account.store(input, "DeletePolicyTemplate", now)?;
    let id = store.template(id)?.id.clone();
    store.policies.remove_linked_to(&id);
    store.templates.retain(|template| template.id != id);
    Ok(json!({}))
}

pub(super) fn list(account: &mut Account, input: &Members<'_>, now: OffsetDateTime) -> Result<Value, Fault> {
    let id = account.store_id(input)?;
    let page = Page::of_request(input, PAGE, &("ListPolicyTemplates", &id))?;
    let (store, _) = account.store(input, "ListPolicyTemplates", now)?;
    let items = store.templates.iter().map(|stored| {
        let mut item = outline(&store.id, stored);
        describe(&mut item, stored);
        (stored.number, Value::Object(item))
    });
    Ok(listed("policyTemplates", page.cut(items)))
}

fn read(input: &Members<'_>, id: &str, limits: &Limits) -> Result<(String, Template), Fault> {
    let statement = input.required_text("statement", &STATEMENT)?;
    fits(statement, Kind::Template, limits)?;
    let template = Template::parse(Some(PolicyId::new(id)), statement)
        .map_err(|error| input.invalid("statement", chain(&error)))?;
    // Cedar would take `principal` or `resource` bare; the service does not.
    if template.principal_constraint() == TemplatePrincipalConstraint::Any {
        return Err(input.invalid("statement", "the principal of a template must be constrained"));
    }
    if template.resource_constraint() == TemplateResourceConstraint::Any {
        return Err(input.invalid("statement", "the resource of a template must be constrained"));
    }
    Ok((statement.to_owned(), template))
}

/// API reference, `UpdatePolicyTemplate`: neither effect, principal nor resource can be changed.
fn keeps_its_scope(input: &Members<'_>, before: &Template, after: &Template) -> Result<(), Fault> {
    let changed = if before.effect() != after.effect() {
        "effect"
    } else if before.principal_constraint() != after.principal_constraint() {
        "principal"
    } else if before.resource_constraint() != after.resource_constraint() {
        "resource"
    } else {
        return Ok(());
    };
    Err(input.invalid("statement", format!("the {changed} of a template cannot be changed")))
}

fn set_of(template: &Template) -> Result<PolicySet, Fault> {
    let mut set = PolicySet::new();
    set.add_template(template.clone()).map_err(|error| Fault::Internal(chain(&error)))?;
    Ok(set)
}

fn outline(store: &str, stored: &StoredTemplate) -> Map<String, Value> {
    [
        ("policyStoreId", store.to_owned()),
        ("policyTemplateId", stored.id.clone()),
        ("createdDate", stamp::time(stored.created)),
        ("lastUpdatedDate", stamp::time(stored.updated)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::String(value)))
    .collect()
}

fn describe(answer: &mut Map<String, Value>, stored: &StoredTemplate) {
    for (name, value) in [("description", &stored.description), ("name", &stored.name)] {
        if let Some(value) = value {
            answer.insert(name.into(), value.clone().into());
        }
    }
}
