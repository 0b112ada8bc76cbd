//! The stacks together, as IAM sees them: roles with their policies, and what there is to reach.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use iam::{Policy, Tags};
use serde_json::Value;

use self::text::{allows, mention, services, trusted};
use crate::template::{Resource, Stack, TemplateError, scalar};

/// Every role and every thing of some stacks.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub(crate) roles: Vec<Role>,
    pub(crate) things: Vec<Thing>,
    pub(crate) providers: Vec<Provider>,
    /// In the order of the stacks.
    pub(crate) accounts: Vec<String>,
    pub(crate) region: String,
}

/// How long a session may last: AWS's default, and more than is asked for here.
const SESSION_SECONDS_MAX: u32 = 3_600;

/// One role.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Its logical id, by which people know it.
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) trust: Policy,
    pub(crate) identity: Vec<Policy>,
    /// `None` also for one whose text is not in the stacks: a boundary only takes away.
    pub(crate) boundary: Option<Policy>,
    boundary_arn: Option<String>,
    /// Policies of AWS's own, of which only the ARN is known.
    pub(crate) managed: BTreeSet<String>,
    pub(crate) tags: Tags,
    /// Whom the trust policy names: ARNs, accounts, services, `*`.
    pub(crate) trusted: Trusted,
    /// Whether its trust policy speaks of an external id.
    pub(crate) asks_for_external_id: bool,
    /// The resources that hand it to a service.
    pub(crate) runs: BTreeSet<String>,
    /// Condition keys that its policies speak of, in lower case, with the values that stand there.
    pub(crate) mentions: Mentions,
    /// The services, in lower case, whose actions its policies name; `None` if it could be any.
    pub(crate) services: Option<BTreeSet<String>>,
}

/// Condition keys in lower case, each with the literal values that policies compare it with.
pub(crate) type Mentions = BTreeMap<String, BTreeSet<String>>;

/// Whom a trust policy names in statements that allow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trusted {
    pub(crate) aws: BTreeSet<String>,
    pub(crate) services: BTreeSet<String>,
    pub(crate) federated: BTreeSet<String>,
    /// A form whose reach is not plain, so that everybody has to be asked.
    pub(crate) unclear: bool,
}

/// An OpenID Connect provider whose word STS takes.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    /// Its logical id, or its ARN where no stack makes it.
    pub(crate) name: String,
    pub(crate) arn: String,
    /// Without `https://`.
    pub(crate) issuer: String,
    /// The clients whose tokens are taken.
    pub(crate) clients: Vec<String>,
}

impl Provider {
    /// One that a trust policy names and that no stack makes.
    pub(crate) fn foreign(arn: &str) -> Option<Self> {
        let (_, issuer) = arn.split_once(":oidc-provider/")?;
        let text = |text: &str| text.to_owned();
        Some(Self { name: text(arn), arn: text(arn), issuer: text(issuer), clients: vec![text("a-client")] })
    }
}

/// Something that a permission can be on.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) arn: String,
    pub(crate) account: String,
    /// Its own policy, and whether it does more than deny.
    pub(crate) policy: Option<Policy>,
    pub(crate) grants: bool,
    pub(crate) mentions: Mentions,
    pub(crate) tags: Vec<(String, String)>,
}

/// What it is, as far as that decides whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Partition key attributes: of the table, and of each index by name.
    Table {
        key: String,
        indexes: BTreeMap<String, String>,
    },
    Bucket,
    /// An Elasticsearch or OpenSearch domain, whose indexes are the tenants'.
    Domain,
    /// `(service, resource type)` of the Service Authorization Reference.
    Other(&'static str, &'static str),
}

/// `(CloudFormation's type, service, resource type)` of things that are one to all tenants.
const OTHERS: &[(&str, &str, &str)] = &[
    ("AWS::Cognito::UserPool", "cognito-idp", "userpool"),
    ("AWS::Events::EventBus", "events", "event-bus"),
    ("AWS::Events::Rule", "events", "rule"),
    ("AWS::KMS::Key", "kms", "key"),
    ("AWS::Lambda::Function", "lambda", "function"),
    ("AWS::Logs::LogGroup", "logs", "log-group"),
    ("AWS::SNS::Topic", "sns", "topic"),
    ("AWS::SQS::Queue", "sqs", "queue"),
    ("AWS::Scheduler::Schedule", "scheduler", "schedule"),
];

/// `(CloudFormation's type, the property that names what the policy is of, the policy)`.
const RESOURCE_POLICIES: &[(&str, &str, &str)] = &[
    ("AWS::S3::BucketPolicy", "Bucket", "PolicyDocument"),
    ("AWS::SNS::TopicPolicy", "Topics", "PolicyDocument"),
    ("AWS::SQS::QueuePolicy", "Queues", "PolicyDocument"),
];

/// Properties by which a resource hands a role to a service.
const HANDS_OVER: &[&str] =
    &["CloudWatchRoleArn", "Credentials", "ExecutionRoleArn", "Role", "RoleARN", "RoleArn", "credentials"];

impl World {
    /// Reads the stacks.
    ///
    /// # Errors
    /// Names what a permission depends on and cannot be resolved.
    pub fn of(stacks: &[Stack]) -> Result<Self, TemplateError> {
        let mut world = Self::default();
        for stack in stacks {
            let account = &stack.place().account;
            if !world.accounts.contains(account) {
                world.accounts.push(account.clone());
            }
            if world.region.is_empty() {
                world.region.clone_from(&stack.place().region);
            }
            for resource in stack.resources()? {
                if resource.kind == "AWS::IAM::Role" {
                    world.roles.push(role(stack, resource)?);
                }
                if resource.kind == "AWS::IAM::OIDCProvider" {
                    let arn = stack.arn(resource, resource.logical)?;
                    let clients = strings(stack, resource, "ClientIdList")?;
                    let made = Provider::foreign(&arn).map(|one| Provider {
                        name: resource.logical.to_owned(),
                        clients,
                        ..one
                    });
                    world.providers.extend(made);
                }
                world.things.extend(thing(stack, resource)?);
            }
        }
        for stack in stacks {
            for resource in stack.resources()? {
                world.attach(stack, resource)?;
            }
        }
        for role in &mut world.roles {
            for policy in role.identity.iter().chain(&role.boundary) {
                let document = policy.document.to_string();
                mention(&document, &mut role.mentions);
                role.services = role.services.take().and_then(|known| services(&document, known));
            }
        }
        Ok(world)
    }

    /// The account of the first stack.
    pub(crate) fn account(&self) -> &str {
        self.accounts.first().map_or("", String::as_str)
    }

    /// A provider by its ARN.
    pub(crate) fn provider(&self, arn: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.arn == arn)
    }

    /// A role by its logical id.
    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// What a resource adds to roles and things that other resources make.
    fn attach(&mut self, stack: &Stack, resource: Resource<'_>) -> Result<(), TemplateError> {
        match resource.kind {
            "AWS::IAM::Policy" | "AWS::IAM::ManagedPolicy" | "AWS::IAM::RolePolicy" => {
                let document = policy(stack, resource, "PolicyDocument")?;
                let mut names = strings(stack, resource, "Roles")?;
                names.extend(stack.text(resource, "RoleName")?);
                let arn = match resource.kind {
                    "AWS::IAM::ManagedPolicy" => Some(stack.arn(resource, resource.logical)?),
                    _ => None,
                };
                for role in &mut self.roles {
                    let of_stack = role.account == stack.place().account;
                    let by_name = of_stack && names.iter().any(|name| last(&role.arn) == name);
                    let by_arn = arn.as_ref().is_some_and(|arn| role.managed.remove(arn));
                    if by_name || by_arn {
                        role.identity.push(document.clone());
                    }
                    if arn.is_some() && role.boundary_arn == arn {
                        role.boundary = Some(document.clone());
                    }
                }
            }
            "AWS::Events::EventBusPolicy" => {
                let name = stack.text(resource, "EventBusName")?.unwrap_or_else(|| "default".to_owned());
                let Some(statement) = stack.property(resource, "Statement")? else { return Ok(()) };
                let document = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
                let document = parsed(stack, resource.logical, resource.logical, &document)?;
                self.give(&[format!("event-bus/{name}")], &document);
            }
            kind => {
                let policies = RESOURCE_POLICIES.iter().filter(|(of, ..)| *of == kind);
                for (_, on, property) in policies {
                    let document = policy(stack, resource, property)?;
                    let on: Vec<String> =
                        strings(stack, resource, on)?.iter().map(|one| last(one).to_owned()).collect();
                    self.give(&on, &document);
                }
                if !kind.starts_with("AWS::IAM::") {
                    self.hand_over(stack, resource)?;
                }
            }
        }
        Ok(())
    }

    /// Puts a policy on the things whose ARN ends so.
    fn give(&mut self, on: &[String], policy: &Policy) {
        for thing in &mut self.things {
            if on.iter().any(|name| thing.arn.ends_with(&format!(":{name}"))) {
                mention(&policy.document.to_string(), &mut thing.mentions);
                thing.policy = Some(policy.clone());
                thing.grants |= allows(policy);
            }
        }
    }

    /// Notes which roles a resource hands to a service.
    fn hand_over(&mut self, stack: &Stack, resource: Resource<'_>) -> Result<(), TemplateError> {
        let mut handed = Vec::new();
        for (name, value) in resource.properties {
            collect(name, value, &mut handed);
        }
        for value in handed {
            let Some(value) = stack.resolve(value, resource.logical, 0)? else { continue };
            for role in &mut self.roles {
                if value.as_str() == Some(role.arn.as_str()) {
                    role.runs.insert(resource.logical.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// The values of properties that hand over a role, however deep.
fn collect<'a>(name: &str, value: &'a Value, found: &mut Vec<&'a Value>) {
    if HANDS_OVER.contains(&name) {
        found.push(value);
        return;
    }
    match value {
        Value::Object(entries) => entries.iter().for_each(|(name, value)| collect(name, value, found)),
        Value::Array(items) => items.iter().for_each(|item| collect("", item, found)),
        _ => {}
    }
}

fn role(stack: &Stack, resource: Resource<'_>) -> Result<Role, TemplateError> {
    let path = |property: &str| resource.path(property);
    let document = stack.property(resource, "AssumeRolePolicyDocument")?;
    let mut document = document.ok_or_else(|| stack.missing(&path("AssumeRolePolicyDocument")))?;
    // IAM takes the document as a text, too, which is how the name of a condition key can be put together.
    if let Value::String(text) = &document {
        document = serde_json::from_str(text)
            .map_err(|error| stack.refused(&path("AssumeRolePolicyDocument"), &error.to_string()))?;
    }
    let mut identity = Vec::new();
    if let Some(Value::Array(policies)) = stack.property(resource, "Policies")? {
        for one in &policies {
            let name = one.get("PolicyName").and_then(scalar).unwrap_or_default();
            let document = one.get("PolicyDocument").cloned().unwrap_or_default();
            identity.push(parsed(stack, &path("Policies"), &name, &document)?);
        }
    }
    let tags = Tags::of_resource(tags(stack, resource)?);
    let tags = tags.map_err(|error| stack.refused(&path("Tags"), &error.to_string()))?;
    Ok(Role {
        name: resource.logical.to_owned(),
        arn: stack.arn(resource, resource.logical)?,
        account: stack.place().account.clone(),
        trusted: trusted(&document),
        trust: parsed(stack, &path("AssumeRolePolicyDocument"), "trust", &document)?,
        identity,
        boundary: None,
        boundary_arn: stack.text(resource, "PermissionsBoundary")?,
        managed: strings(stack, resource, "ManagedPolicyArns")?.into_iter().collect(),
        tags,
        asks_for_external_id: document.to_string().to_lowercase().contains("sts:externalid"),
        runs: BTreeSet::new(),
        mentions: Mentions::new(),
        services: Some(BTreeSet::new()),
    })
}

fn thing(stack: &Stack, resource: Resource<'_>) -> Result<Option<Thing>, TemplateError> {
    let kind = match resource.kind {
        "AWS::DynamoDB::Table" => {
            let key = partition_key(resource.properties.get("KeySchema"));
            let mut indexes = BTreeMap::new();
            for list in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
                let Some(Value::Array(found)) = stack.property(resource, list)? else { continue };
                for index in &found {
                    let name = index.get("IndexName").and_then(scalar).unwrap_or_default();
                    indexes.insert(name, partition_key(index.get("KeySchema")));
                }
            }
            Kind::Table { key, indexes }
        }
        "AWS::S3::Bucket" => Kind::Bucket,
        "AWS::Elasticsearch::Domain" | "AWS::OpenSearchService::Domain" => Kind::Domain,
        other => match OTHERS.iter().find(|(kind, ..)| *kind == other) {
            Some((_, service, kind)) => Kind::Other(service, kind),
            None => return Ok(None),
        },
    };
    let document = match resource.kind {
        "AWS::KMS::Key" => Some(policy(stack, resource, "KeyPolicy")?),
        "AWS::DynamoDB::Table" if resource.properties.contains_key("ResourcePolicy") => {
            let property = stack.property(resource, "ResourcePolicy")?.unwrap_or_default();
            let document = property.get("PolicyDocument").cloned().unwrap_or_default();
            Some(parsed(stack, &resource.path("ResourcePolicy"), resource.logical, &document)?)
        }
        _ => None,
    };
    let mut mentions = Mentions::new();
    if let Some(policy) = &document {
        mention(&policy.document.to_string(), &mut mentions);
    }
    let arn = stack.arn(resource, resource.logical)?;
    Ok(Some(Thing {
        name: resource.logical.to_owned(),
        kind,
        arn: arn.strip_suffix(":*").unwrap_or(&arn).to_owned(),
        account: stack.place().account.clone(),
        grants: document.as_ref().is_some_and(allows),
        policy: document,
        mentions,
        tags: tags(stack, resource)?,
    }))
}

/// The attribute of type HASH.
fn partition_key(schema: Option<&Value>) -> String {
    let parts = schema.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let hash = parts.iter().find(|part| part.get("KeyType").is_some_and(|kind| kind == "HASH"));
    hash.and_then(|part| part.get("AttributeName")).and_then(scalar).unwrap_or_default()
}

fn policy(stack: &Stack, resource: Resource<'_>, property: &str) -> Result<Policy, TemplateError> {
    let path = resource.path(property);
    let document = stack.property(resource, property)?.ok_or_else(|| stack.missing(&path))?;
    let name = match resource.kind {
        "AWS::IAM::Policy" => stack.text(resource, "PolicyName")?,
        _ => None,
    };
    parsed(stack, &path, name.as_deref().unwrap_or(resource.logical), &document)
}

fn parsed(stack: &Stack, path: &str, name: &str, document: &Value) -> Result<Policy, TemplateError> {
    Policy::parse(name, &document.to_string()).map_err(|source| TemplateError::Policy {
        stack: stack.place().name.clone(),
        path: path.to_owned(),
        source,
    })
}

/// A property that is a text or a list of texts.
fn strings(stack: &Stack, resource: Resource<'_>, property: &str) -> Result<Vec<String>, TemplateError> {
    Ok(match stack.property(resource, property)? {
        Some(Value::Array(items)) => items.iter().filter_map(scalar).collect(),
        Some(one) => scalar(&one).into_iter().collect(),
        None => Vec::new(),
    })
}

/// CloudFormation's list of `Key` and `Value`.
fn tags(stack: &Stack, resource: Resource<'_>) -> Result<Vec<(String, String)>, TemplateError> {
    let Some(Value::Array(tags)) = stack.property(resource, "Tags")? else { return Ok(Vec::new()) };
    let pair = |tag: &Value| Some((tag.get("Key").and_then(scalar)?, tag.get("Value").and_then(scalar)?));
    Ok(tags.iter().filter_map(pair).collect())
}

/// The part after the last slash or colon.
fn last(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}

impl Role {
    /// As whoever assumes it meets it.
    pub(crate) fn as_iam(&self) -> iam::Role {
        iam::Role {
            arn: self.arn.clone(),
            id: None,
            trust: self.trust.clone(),
            tags: self.tags.clone(),
            session_seconds_max: SESSION_SECONDS_MAX,
        }
    }

    /// Whether a policy of the role's own says something of this action.
    pub(crate) fn speaks_of(&self, action: &str) -> bool {
        let service = action.split_once(':').map_or(action, |(service, _)| service);
        self.services.as_ref().is_none_or(|known| known.contains(service))
            && self.identity.iter().any(|policy| policy.document.names_action(action))
    }
}

impl Trusted {
    /// Whether the policy could mean this role, or everyone.
    pub(crate) fn may_mean(&self, role: &str, account: &str) -> bool {
        let means = |name: &String| {
            let of_account = name == account || *name == format!("arn:aws:iam::{account}:root");
            let session = name.contains(":assumed-role/") && name.contains(last(role));
            name == role || name == "*" || of_account || session || !name.starts_with("arn:")
        };
        self.unclear || self.aws.iter().any(means)
    }
}
