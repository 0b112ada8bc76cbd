//! What there is to ask of one action: everything that it could be on, whose that is, and how a request could put it.
//!
//! An action is put to the things of the stacks, to things of the same types that are nobody's here, and, where rows,
//! objects, indexes or policy stores belong to tenants, to those of each tenant.

mod data;
mod variants;

use iam::{Context, Policy};

use crate::facts::{Action, Facts, Service};
use crate::tenants::Tenants;
use crate::world::{Kind, Mentions, Thing, World};
pub(crate) use variants::{Choice, variants};

/// Whose something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// One tenant's.
    Tenant(String),
    /// Every tenant's at once, such as a whole table.
    Everyone,
    /// No tenant's: one to all of them.
    Nobody,
    /// Not of these stacks.
    Outside,
}

/// One thing that an action could be on.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) resource: String,
    /// Whose account it is in; `None` is the caller's, and then `{account}` in the ARN.
    pub(crate) account: Option<String>,
    /// What people call it, and the declared list too.
    pub(crate) thing: String,
    /// As in "tenant B's …"; empty if it is no tenant's.
    pub(crate) noun: String,
    pub(crate) owner: Owner,
    /// The keys that follow from what it is on.
    pub(crate) context: Context,
    /// The thing's own policy, and what it mentions.
    pub(crate) policy: Option<&'a Policy>,
    pub(crate) mentions: Option<&'a Mentions>,
    /// Whether that policy does more than deny.
    pub(crate) grants: bool,
    /// The partition key that the request names, if it names one.
    pub(crate) key: Option<String>,
    /// The attribute that is a table's partition key: whoever names an item names it.
    pub(crate) key_attribute: Option<String>,
}

/// One action and everything that it could be on.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// `service:Action`.
    pub(crate) action: String,
    pub(crate) facts: &'a Action,
    pub(crate) targets: Vec<Target<'a>>,
    /// Whether some target's own policy grants it, so that a caller whose policies say nothing has to be asked too.
    pub(crate) resources_decide: bool,
}

/// All that there is to ask, of anybody.
pub(crate) fn all<'a>(world: &'a World, facts: &'a Facts, tenants: &Tenants) -> Vec<Asked<'a>> {
    let mut all = Vec::new();
    for (prefix, service) in facts.services() {
        for (name, action) in &service.actions {
            if prefix == "sts" && matches!(name.as_str(), "AssumeRole" | "TagSession" | "SetSourceIdentity") {
                // Asked as a whole, in `sessions`.
                continue;
            }
            let place = Place { world, tenants, prefix, service, name, action };
            let targets = place.targets();
            let action_name = format!("{prefix}:{name}");
            let decides = |target: &Target<'_>| {
                target.grants
                    && target.policy.is_some_and(|policy| policy.document.names_action(&action_name))
            };
            let resources_decide = targets.iter().any(decides);
            all.push(Asked { action: action_name, facts: action, targets, resources_decide });
        }
    }
    all
}

/// One action among everything.
struct Place<'a, 't> {
    world: &'a World,
    tenants: &'t Tenants,
    prefix: &'a str,
    service: &'a Service,
    name: &'a str,
    action: &'a Action,
}

impl<'a> Place<'a, '_> {
    fn targets(&self) -> Vec<Target<'a>> {
        let mut targets = Vec::new();
        for kind in &self.action.resources {
            match (self.prefix, kind.as_str()) {
                ("dynamodb", kind) => self.tables(kind, &mut targets),
                ("s3", kind) => self.buckets(kind, &mut targets),
                ("verifiedpermissions", "policy-store") => self.stores(&mut targets),
                ("verifiedpermissions", "policy-store-alias") => self.aliases(&mut targets),
                ("es", "domain") => self.domains(&mut targets),
                ("iam" | "sts", "role") => self.roles(&mut targets),
                (prefix, kind) => self.others(prefix, kind, &mut targets),
            }
            targets.extend(self.elsewhere(kind));
        }
        if self.action.resources.is_empty() {
            targets.push(self.target("*".to_owned(), "*", Owner::Nobody));
        }
        targets
    }

    fn target(&self, resource: String, thing: &str, owner: Owner) -> Target<'a> {
        Target {
            resource,
            account: None,
            thing: thing.to_owned(),
            noun: String::new(),
            owner,
            context: Context::new().with_all_of("aws:ResourceTag/"),
            policy: None,
            mentions: None,
            grants: false,
            key: None,
            key_attribute: None,
        }
    }

    /// Something of one of the stacks.
    fn of(&self, thing: &'a Thing, resource: String, called: &str, owner: Owner) -> Target<'a> {
        let mut context = Context::new().with_all_of("aws:ResourceTag/");
        for (key, value) in &thing.tags {
            context = context.with(&format!("aws:ResourceTag/{key}"), value.clone());
        }
        Target {
            account: Some(thing.account.clone()),
            context,
            policy: thing.policy.as_ref(),
            mentions: Some(&thing.mentions),
            grants: thing.grants,
            key_attribute: match &thing.kind {
                Kind::Table { key, .. } => Some(key.clone()),
                _ => None,
            },
            ..self.target(resource, called, owner)
        }
    }

    /// Something of this type that is not of the stacks; `None` if its ARN is not known.
    fn elsewhere(&self, kind: &str) -> Option<Target<'a>> {
        let pattern = self.service.resources.get(kind)?;
        let arn = self.filled(pattern, "elsewhere");
        Some(self.target(arn, &format!("another {kind}"), Owner::Outside))
    }

    /// An ARN pattern with this in its open places.
    fn filled(&self, pattern: &str, name: &str) -> String {
        let mut arn = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (place, after) = after.split_once('}').unwrap_or((after, ""));
            arn.push_str(before);
            arn.push_str(match place {
                "Partition" => "aws",
                "Region" => &self.world.region,
                "Account" => "{account}",
                _ => name,
            });
            rest = after;
        }
        arn.push_str(rest);
        arn
    }

    fn things(&self) -> impl Iterator<Item = &'a Thing> {
        self.world.things.iter()
    }

    fn roles(&self, targets: &mut Vec<Target<'a>>) {
        for role in &self.world.roles {
            let target = self.target(role.arn.clone(), &role.name, Owner::Nobody);
            targets.push(Target { account: Some(role.account.clone()), ..target });
        }
    }

    fn others(&self, prefix: &str, kind: &str, targets: &mut Vec<Target<'a>>) {
        for thing in self.things() {
            let Kind::Other(service, own) = &thing.kind else { continue };
            let own = match (*service, *own) {
                ("logs", "log-group") if kind == "log-stream" => "log-stream",
                (_, own) => own,
            };
            if *service != prefix || own != kind {
                continue;
            }
            // What IAM is asked of a log group has a stream in it, even if no stream is meant.
            let resource = match (prefix, kind) {
                ("logs", "log-group") => format!("{}:log-stream:", thing.arn),
                ("logs", _) => format!("{}:log-stream:one", thing.arn),
                _ => thing.arn.clone(),
            };
            targets.push(self.of(thing, resource, &thing.name, Owner::Nobody));
        }
    }
}
