//! One policy store: its settings, its schema, its templates, its policies, and what Cedar says of
//! a new one. Knows no JSON of the service; aliases and tags of other stores are the account's.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{
    EntityUid, PolicyId, PolicySet, Schema, Template, TemplatePrincipalConstraint,
    TemplateResourceConstraint, ValidationMode, Validator,
};
use time::OffsetDateTime;

use crate::entity_wire::chain;
use crate::fault::{Fault, Kind};
use crate::limits::Limits;
use crate::policies::{Body, Policies, Record};
use crate::throttle::Buckets;

/// Whether policies are held against the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Off,
    Strict,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) id: String,
    /// The order of creation, for lists.
    pub(crate) number: u64,
    pub(crate) mode: Mode,
    pub(crate) protected: bool,
    pub(crate) description: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
    /// Shared by copies of the store: a parsed schema is most of what one weighs.
    pub(crate) schema: Option<Arc<StoredSchema>>,
    pub(crate) templates: Vec<StoredTemplate>,
    pub(crate) last_template: u64,
    pub(crate) policies: Policies,
    pub(crate) buckets: Buckets,
}

#[derive(Debug)]
pub(crate) struct StoredSchema {
    pub(crate) text: String,
    pub(crate) validator: Validator,
    pub(crate) namespaces: Vec<String>,
    pub(crate) created: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
}

#[derive(Debug, Clone)]
pub(crate) struct StoredTemplate {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) statement: String,
    pub(crate) template: Template,
    pub(crate) created: OffsetDateTime,
    pub(crate) updated: OffsetDateTime,
}

impl Store {
    /// Another store with the same schema, templates and policies, under the same ids. Neither protected nor described:
    /// a description may name what the store is of.
    pub(crate) fn copy(
        &self,
        id: String,
        number: u64,
        tags: BTreeMap<String, String>,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            id,
            number,
            mode: self.mode,
            protected: false,
            description: None,
            tags,
            created: now,
            updated: now,
            schema: self.schema.clone(),
            templates: self.templates.clone(),
            last_template: self.last_template,
            policies: self.policies.clone(),
            buckets: Buckets::default(),
        }
    }

    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref().map(|stored| stored.validator.schema())
    }

    /// Finds a template by id, or by `name/NAME`.
    pub(crate) fn template(&self, id_or_name: &str) -> Result<&StoredTemplate, Fault> {
        self.templates
            .iter()
            .find(|template| template.id == id_or_name || template.name.as_deref() == Some(id_or_name))
            .ok_or_else(|| Fault::NotFound { kind: Kind::Template, id: id_or_name.to_owned() })
    }

    pub(crate) fn policy(&self, id_or_name: &str) -> Result<&Record, Fault> {
        self.policies
            .find(id_or_name)
            .ok_or_else(|| Fault::NotFound { kind: Kind::Policy, id: id_or_name.to_owned() })
    }

    /// A set of these policies, with the templates that they are linked to.
    pub(crate) fn set_of<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Result<PolicySet, Fault> {
        let mut set = PolicySet::new();
        for record in records {
            self.add_to(&mut set, record)?;
        }
        Ok(set)
    }

    fn add_to(&self, set: &mut PolicySet, record: &Record) -> Result<(), Fault> {
        let internal = |error: &dyn std::error::Error| Fault::Internal(chain(error));
        match &record.body {
            Body::Static { policy, .. } => set.add(policy.as_ref().clone()).map_err(|error| internal(&error)),
            Body::Linked { template, slots } => {
                let template = &self.template(template)?.template;
                if set.template(template.id()).is_none() {
                    set.add_template(template.clone()).map_err(|error| internal(&error))?;
                }
                set.link(template.id().clone(), PolicyId::new(&record.id), slots.values())
                    .map_err(|error| Fault::invalid("definition.templateLinked", chain(&error)))
            }
        }
    }

    /// Holds a new policy or template against the schema, if the store is STRICT. A warning does not
    /// refuse it (API reference, `ValidationSettings`: what fails validation is rejected).
    pub(crate) fn validate(&self, path: &str, set: &PolicySet) -> Result<(), Fault> {
        if self.mode == Mode::Off {
            return Ok(());
        }
        let Some(stored) = &self.schema else {
            return Err(Fault::invalid(
                path,
                "the policy store is STRICT and has no schema to validate against",
            ));
        };
        let result = stored.validator.validate(set, ValidationMode::Strict);
        let fields: Vec<(String, String)> =
            result.validation_errors().map(|error| (path.to_owned(), chain(error))).collect();
        match fields.first() {
            None => Ok(()),
            Some((_, first)) => {
                let message = format!("{path}: does not validate against the schema: {first}");
                Err(Fault::Invalid { message, fields })
            }
        }
    }

    /// Refuses a policy that would take its resource's policies over the quota ("Policy size per
    /// resource", `CreatePolicy` and `UpdatePolicy`). `instead_of` is the policy that it replaces.
    pub(crate) fn has_room_for(
        &self,
        record: &Record,
        instead_of: Option<&Record>,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let freed = instead_of.filter(|old| old.resource == record.resource).map_or(0, |old| old.size_bytes);
        let total =
            self.policies.bytes_of(record.resource.as_ref()).saturating_sub(freed) + record.size_bytes;
        let max = limits.policies_per_resource_bytes_max;
        if total > max {
            let resource = record.resource.as_ref().map_or("\"unspecified\"".to_owned(), ToString::to_string);
            let message = format!(
                "the policies of the resource {resource} would take {total} bytes; the quota is {max}"
            );
            return Err(Fault::Quota { message, kind: Kind::Policy, id: None });
        }
        if instead_of.is_none() && self.policies.len() >= limits.policies_per_store_max {
            let message =
                format!("a policy store holds at most {} policies here", limits.policies_per_store_max);
            return Err(Fault::Quota { message, kind: Kind::Policy, id: None });
        }
        Ok(())
    }

    /// Refuses a policy name that another policy has.
    pub(crate) fn policy_name_is_free(&self, name: &str, except: Option<&str>) -> Result<(), Fault> {
        match self.policies.find(name) {
            Some(other) if Some(other.id.as_str()) != except => Err(Fault::Conflict {
                message: format!("the name `{name}` belongs to another policy of the store"),
                kind: Kind::Policy,
                id: other.id.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Refuses a template name that another template has.
    pub(crate) fn template_name_is_free(&self, name: &str, except: Option<&str>) -> Result<(), Fault> {
        match self.template(name) {
            Ok(other) if Some(other.id.as_str()) != except => Err(Fault::Conflict {
                message: format!("the name `{name}` belongs to another template of the store"),
                kind: Kind::Template,
                id: other.id.clone(),
            }),
            _ => Ok(()),
        }
    }
}

impl StoredTemplate {
    /// The entity that the template's own text names for the principal, if it has no place there.
    pub(crate) fn own_principal(&self) -> Option<EntityUid> {
        match self.template.principal_constraint() {
            TemplatePrincipalConstraint::Any | TemplatePrincipalConstraint::Is(_) => None,
            TemplatePrincipalConstraint::In(uid)
            | TemplatePrincipalConstraint::Eq(uid)
            | TemplatePrincipalConstraint::IsIn(_, uid) => uid,
        }
    }

    /// The entity that the template's own text names for the resource, if it has no place there.
    pub(crate) fn own_resource(&self) -> Option<EntityUid> {
        match self.template.resource_constraint() {
            TemplateResourceConstraint::Any | TemplateResourceConstraint::Is(_) => None,
            TemplateResourceConstraint::In(uid)
            | TemplateResourceConstraint::Eq(uid)
            | TemplateResourceConstraint::IsIn(_, uid) => uid,
        }
    }
}
