//! From one AWS call to the authorization requests that AWS makes of it.
//!
//! Deliberately ignorant of policies and of who calls. An operation, parameter or expression that is not known is
//! [`Underivable`], which the gateway must refuse: a request derived wrongly would be judged wrongly.
//!
//! Sources: the Service Authorization Reference (actions, resource types and condition keys of each service) and the
//! services' own developer guides, named in each module.

mod body;
mod cognito;
mod dynamodb;
mod kms;
mod marketplace;
mod others;
mod s3;
mod sqs;
mod verified_permissions;

pub use cognito::is_public as is_public_cognito;

use crate::context::Context;
use crate::tags::Tags;

/// One AWS call, as it arrived. The gateway has verified the signature and read the bucket and key from the host
/// or path.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// The signing name: `dynamodb`, `s3`, `sqs`, `sts`, `verifiedpermissions`, `cognito-idp`, `logs`, `lambda`, `events`,
    /// `kms`, `aws-marketplace`.
    pub service: String,
    /// For JSON and query protocols the operation (`GetItem`: the part of `X-Amz-Target` after the dot, or `Action`);
    /// empty for S3 and Lambda, whose operation follows from method, path and query.
    pub operation: String,
    /// The account of the endpoint's caller.
    pub account: String,
    /// The region that the call was signed for.
    pub region: String,
    /// `GET`, `PUT`, …
    pub method: String,
    /// The decoded path, without bucket for S3 (used by REST services other than S3).
    pub path: String,
    /// S3: the bucket's name, if one is addressed.
    pub bucket: Option<String>,
    /// S3: the decoded object key, if one is addressed.
    pub key: Option<String>,
    /// Decoded query parameters, in order; a parameter without `=` has an empty value. Presigning parameters
    /// (`X-Amz-…`) included.
    pub query: Vec<(String, String)>,
    /// Header names (any case) and values.
    pub headers: Vec<(String, String)>,
    /// The raw body (JSON, XML or nothing); object content may be left out.
    pub body: Vec<u8>,
}

/// One authorization request to make of the evaluator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// `service:Action`.
    pub action: String,
    /// An ARN, or `*` for an action without a resource.
    pub resource: String,
    /// The account that owns the resource.
    pub resource_account: String,
    /// The condition keys that follow from the call itself.
    pub context: Context,
}

/// What derivation has to look up, because the call does not say it.
pub trait Directory {
    /// The partition key attribute of a table of the call's account and region, or of one of its indexes; `None` if
    /// not known, which makes the keys that depend on it undecidable.
    fn partition_key(&self, table: &str, index: Option<&str>) -> Option<String>;

    /// The tags of a policy store; `None` if there is no such store (or it cannot be known).
    fn policy_store_tags(&self, policy_store_id: &str) -> Option<Tags>;

    /// The store behind `policy-store-alias/NAME` (given without the prefix).
    fn policy_store_of_alias(&self, alias: &str) -> Option<String>;

    /// The account that owns a bucket; `None` only if there is no such bucket.
    fn bucket_account(&self, bucket: &str) -> Option<String>;

    /// The id of the KMS key behind `alias/NAME` (given without the prefix) of the call's account and region.
    fn kms_key_of_alias(&self, alias: &str) -> Option<String>;
}

/// Why no authorization request could be derived. Must be answered by refusing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Underivable {
    /// The service is not known here.
    #[error("the service `{0}` is not known to the gateway's IAM")]
    Service(String),
    /// The operation is not known here.
    #[error("the operation `{service}:{operation}` is not known to the gateway's IAM")]
    Operation {
        /// The signing name.
        service: String,
        /// What was asked.
        operation: String,
    },
    /// Something in the call cannot be read as the service would.
    #[error("`{operation}`: {what}")]
    Call {
        /// What was asked.
        operation: String,
        /// What is wrong or unknown, in words.
        what: String,
    },
}

/// The authorization requests of a call; all of them must be allowed. Empty only for calls that AWS authorizes for
/// everyone (`sts:GetCallerIdentity`, Cognito's public operations). `sts:AssumeRole` is not derived: it is judged whole
/// by [`crate::assume_role`].
///
/// The contexts hold what follows from the call, and `aws:RequestedRegion`. The caller adds what follows from how it
/// arrived: `aws:CurrentTime`, `aws:EpochTime`, `aws:SecureTransport`, `aws:SourceIp`, `aws:UserAgent`,
/// `aws:ViaAWSService`, for sessions `aws:TokenIssueTime` and `aws:MultiFactorAuthPresent`, and for S3
/// `s3:signatureAge`. A policy that needs one which is not there is undecidable.
///
/// # Errors
/// [`Underivable`] names what is not known.
pub fn derive(call: &Call, directory: &dyn Directory) -> Result<Vec<Needed>, Underivable> {
    match call.service.as_str() {
        "aws-marketplace" => marketplace::derive(call),
        "cognito-idp" => cognito::derive(call),
        "dynamodb" => dynamodb::derive(call, directory),
        "events" => others::events(call),
        "kms" => kms::derive(call, directory),
        "lambda" => others::lambda(call),
        "logs" => others::logs(call),
        "s3" => s3::derive(call, directory),
        "sqs" => sqs::derive(call),
        "sts" => others::sts(call),
        "verifiedpermissions" => verified_permissions::derive(call, directory),
        "xray" => others::xray(call),
        _ => Err(Underivable::Service(call.service.clone())),
    }
}

impl Call {
    /// A request for an action of this call's account.
    fn needs(&self, action: &str, resource: impl Into<String>) -> Needed {
        Needed {
            action: format!("{}:{action}", self.service),
            resource: resource.into(),
            resource_account: self.account.clone(),
            context: Context::new().with("aws:RequestedRegion", self.region.clone()),
        }
    }

    /// The operation is not known.
    fn unknown_operation(&self) -> Underivable {
        let operation = if self.operation.is_empty() {
            format!("{} {}", self.method, self.path)
        } else {
            self.operation.clone()
        };
        Underivable::Operation { service: self.service.clone(), operation }
    }

    /// Something in the call cannot be read.
    fn unreadable(&self, what: impl Into<String>) -> Underivable {
        let operation = if self.operation.is_empty() { self.method.clone() } else { self.operation.clone() };
        Underivable::Call { operation: format!("{}:{operation}", self.service), what: what.into() }
    }

    /// An ARN in this call's region and account.
    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:{}:{}:{}:{resource}", self.service, self.region, self.account)
    }
}

impl Needed {
    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context = self.context.with(key, value);
        self
    }

    fn with_many<V: Into<String>>(mut self, key: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.context = self.context.with_many(key, values);
        self
    }

    fn with_unknown(mut self, key: &str, why: &str) -> Self {
        self.context = self.context.with_unknown(key, why);
        self
    }

    /// `aws:RequestTag/…` and `aws:TagKeys` of tags in the call; nothing when there are none.
    fn with_request_tags(mut self, tags: &[(String, String)]) -> Self {
        for (key, value) in tags {
            self = self.with(&format!("aws:RequestTag/{key}"), value.clone());
        }
        let keys: Vec<String> = tags.iter().map(|(key, _)| key.clone()).collect();
        self.with_tag_keys(&keys)
    }

    fn with_tag_keys(self, keys: &[String]) -> Self {
        if keys.is_empty() { self } else { self.with_many("aws:TagKeys", keys.iter().cloned()) }
    }
}
