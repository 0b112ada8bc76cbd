//! The names and ARNs that resources get in the made-up account.
//!
//! Sources: CloudFormation Template Reference Guide, "Return values" of each resource type; Service Authorization
//! Reference, "Resource types defined by" each service.

use super::{Resource, Stack, TemplateError};

/// `(type, the property that may name it)`.
const NAMED: &[(&str, &str)] = &[
    ("AWS::Cognito::UserPool", "UserPoolName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Elasticsearch::Domain", "DomainName"),
    ("AWS::Events::EventBus", "Name"),
    ("AWS::Events::Rule", "Name"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::OpenSearchService::Domain", "DomainName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::Scheduler::Schedule", "Name"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
];

impl Stack {
    /// What `Ref` answers.
    pub(super) fn physical_id(&self, logical: &str, path: &str) -> Result<String, TemplateError> {
        let resource = self.there(logical, path)?;
        let place = self.place();
        let name = self.name(resource)?;
        Ok(match resource.kind {
            "AWS::Cognito::UserPool" => format!("{}_{}", place.region, plain(logical)),
            "AWS::KMS::Key" => format!("key-{}", plain(logical)),
            "AWS::IAM::ManagedPolicy" | "AWS::IAM::OIDCProvider" | "AWS::SNS::Topic" => {
                self.arn(resource, path)?
            }
            "AWS::SQS::Queue" => {
                format!("https://sqs.{}.amazonaws.com/{}/{name}", place.region, place.account)
            }
            _ => name,
        })
    }

    /// What `Fn::GetAtt` answers.
    pub(super) fn attribute(
        &self,
        logical: &str,
        attribute: &str,
        path: &str,
    ) -> Result<String, TemplateError> {
        let resource = self.there(logical, path)?;
        match (resource.kind, attribute) {
            (_, "Arn" | "DomainArn" | "TopicArn") => self.arn(resource, path),
            ("AWS::SQS::Queue", "QueueName") | ("AWS::Events::EventBus", "Name") => self.name(resource),
            ("AWS::SQS::Queue", "QueueUrl")
            | ("AWS::KMS::Key", "KeyId")
            | ("AWS::Cognito::UserPool", "UserPoolId") => self.physical_id(logical, path),
            ("AWS::Cognito::UserPool", "ProviderName") => {
                let pool = self.physical_id(logical, path)?;
                Ok(format!("cognito-idp.{}.amazonaws.com/{pool}", self.place().region))
            }
            ("AWS::DynamoDB::Table", "StreamArn") => Ok(format!("{}/stream/one", self.arn(resource, path)?)),
            (kind, _) => Err(self.unresolved(
                path,
                format!("what `{attribute}` of `{logical}` ({kind}) would be is not known"),
            )),
        }
    }

    /// A resource's ARN.
    pub(crate) fn arn(&self, resource: Resource<'_>, path: &str) -> Result<String, TemplateError> {
        let place = self.place();
        let name = self.name(resource)?;
        let here = |service: &str, rest: String| {
            format!("arn:aws:{service}:{}:{}:{rest}", place.region, place.account)
        };
        let global = |service: &str, rest: String| format!("arn:aws:{service}::{}:{rest}", place.account);
        Ok(match resource.kind {
            "AWS::Cognito::UserPool" => {
                here("cognito-idp", format!("userpool/{}", self.physical_id(resource.logical, path)?))
            }
            "AWS::DynamoDB::Table" => here("dynamodb", format!("table/{name}")),
            "AWS::Elasticsearch::Domain" | "AWS::OpenSearchService::Domain" => {
                here("es", format!("domain/{name}"))
            }
            "AWS::Events::EventBus" => here("events", format!("event-bus/{name}")),
            "AWS::Events::Rule" => match self.text(resource, "EventBusName")? {
                Some(bus) if bus != "default" => here("events", format!("rule/{bus}/{name}")),
                _ => here("events", format!("rule/{name}")),
            },
            "AWS::IAM::ManagedPolicy" => global("iam", format!("policy{}{name}", self.path_of(resource)?)),
            "AWS::IAM::OIDCProvider" => {
                let url = self.text(resource, "Url")?.ok_or_else(|| self.missing(&resource.path("Url")))?;
                let issuer = url.strip_prefix("https://").unwrap_or(&url).trim_end_matches('/');
                global("iam", format!("oidc-provider/{issuer}"))
            }
            "AWS::IAM::Role" => global("iam", format!("role{}{name}", self.path_of(resource)?)),
            "AWS::KMS::Key" => here("kms", format!("key/{}", self.physical_id(resource.logical, path)?)),
            "AWS::Lambda::Function" => here("lambda", format!("function:{name}")),
            "AWS::Logs::LogGroup" => here("logs", format!("log-group:{name}:*")),
            "AWS::S3::Bucket" => format!("arn:aws:s3:::{name}"),
            "AWS::SNS::Topic" => here("sns", name),
            "AWS::SQS::Queue" => here("sqs", name),
            "AWS::Scheduler::Schedule" => here("scheduler", format!("schedule/default/{name}")),
            kind => {
                let why = format!("the ARN of `{}` ({kind}) is not known", resource.logical);
                return Err(self.unresolved(path, why));
            }
        })
    }

    /// The name that a resource is given, or that is made up for it.
    pub(crate) fn name(&self, resource: Resource<'_>) -> Result<String, TemplateError> {
        let property = NAMED.iter().find(|(kind, _)| *kind == resource.kind).map(|(_, property)| *property);
        let given = match property {
            None => None,
            Some(property) => self.text(resource, property)?,
        };
        if let Some(name) = given {
            return Ok(name);
        }
        let made_up = format!("{}-{}", self.place().name, resource.logical);
        Ok(match resource.kind {
            "AWS::S3::Bucket" | "AWS::Elasticsearch::Domain" | "AWS::OpenSearchService::Domain" => {
                made_up.to_lowercase()
            }
            "AWS::SQS::Queue" if self.text(resource, "FifoQueue")?.as_deref() == Some("true") => {
                format!("{made_up}.fifo")
            }
            _ => made_up,
        })
    }

    fn path_of(&self, resource: Resource<'_>) -> Result<String, TemplateError> {
        Ok(self.text(resource, "Path")?.unwrap_or_else(|| "/".to_owned()))
    }

    fn there(&self, logical: &str, path: &str) -> Result<Resource<'_>, TemplateError> {
        self.resource(logical)?.ok_or_else(|| {
            self.unresolved(path, format!("there is no parameter and no resource `{logical}`"))
        })
    }
}

/// Letters and digits only.
fn plain(logical: &str) -> String {
    logical.chars().filter(char::is_ascii_alphanumeric).collect()
}
