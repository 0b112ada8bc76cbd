//! Amazon Resource Names, cut into their six parts once so that nobody searches for colons twice.
//!
//! Deliberately ignorant of services: whether a resource exists, or an account is right, is not known here.
//! Source: IAM User Guide, "Identify AWS resources with Amazon Resource Names (ARNs)".

use std::fmt;
use std::str::FromStr;

/// `arn:partition:service:region:account:resource`; region and account may be empty, the resource may hold colons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    partition: String,
    service: String,
    region: String,
    account: String,
    resource: String,
}

/// Why a text is not an ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ARN of the form arn:partition:service:region:account:resource")]
pub struct ArnError(String);

impl Arn {
    /// `aws`, `aws-cn`, …
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The service's namespace, such as `dynamodb`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The region, empty for global resources, S3 buckets and policy stores.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The 12-digit account, empty for S3 buckets and objects.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Everything after the fifth colon.
    pub fn resource(&self) -> &str {
        &self.resource
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let refused = || ArnError(text.to_owned());
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().map(str::to_owned).ok_or_else(refused);
        if part()? != "arn" {
            return Err(refused());
        }
        let arn = Self {
            partition: part()?,
            service: part()?,
            region: part()?,
            account: part()?,
            resource: part()?,
        };
        if arn.partition.is_empty() || arn.service.is_empty() || arn.resource.is_empty() {
            return Err(refused());
        }
        Ok(arn)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}
