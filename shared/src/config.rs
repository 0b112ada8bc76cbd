//! The only reader of the environment: one struct per function, complete or refused at init.

mod api;
mod control;
mod queues;

use std::{fmt, str::FromStr};

pub use api::{Documents, SHARES_PER_DOCUMENT_CEILING, Shares, TokenTags, Usage, Users};
pub use control::{Metering, Onboarding, Signup, Subscriptions};
pub use queues::{Deletions, Departures, Uploads};

use crate::{marketplace::ids::ProductCode, metering::Dimensions};

/// A setting that is missing or malformed; the function must not start with it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set, or is empty.
    #[error("environment variable {0} is missing")]
    Missing(&'static str),
    /// The variable is set to something that it cannot mean.
    #[error("environment variable {0} should be {1}")]
    Malformed(&'static str, &'static str),
}

fn optional(name: &'static str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn parsed<T: FromStr>(name: &'static str, what: &'static str) -> Result<T, ConfigError> {
    required(name)?.parse().map_err(|_| ConfigError::Malformed(name, what))
}

fn dimensions() -> Result<Dimensions, ConfigError> {
    parsed("DIMENSIONS", "MEASURE=DIMENSION, separated by commas")
}

fn required(name: &'static str) -> Result<String, ConfigError> {
    optional(name).ok_or(ConfigError::Missing(name))
}

/// The SDKs' own variables for the endpoint of one service, by its id: those of the services that the measured
/// functions call, each of which is another host on AWS.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
const SERVICE_ENDPOINTS: [(&str, &str); 8] = [
    ("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB"),
    ("KMS", "AWS_ENDPOINT_URL_KMS"),
    ("Marketplace Agreement", "AWS_ENDPOINT_URL_MARKETPLACE_AGREEMENT"),
    ("Marketplace Metering", "AWS_ENDPOINT_URL_MARKETPLACE_METERING"),
    ("S3", "AWS_ENDPOINT_URL_S3"),
    ("SQS", "AWS_ENDPOINT_URL_SQS"),
    ("STS", "AWS_ENDPOINT_URL_STS"),
    ("VerifiedPermissions", "AWS_ENDPOINT_URL_VERIFIEDPERMISSIONS"),
];

/// What the Lambda service itself sets: where we are and who the function is.
#[derive(Clone)]
pub struct Runtime {
    /// The Region that the function runs in; every AWS call stays in it.
    pub region: String,
    /// Credentials of the function's own role: they last as long as the execution environment does.
    pub credentials: aws_credential_types::Credentials,
    /// Another endpoint for every AWS service: set only where AWS is a local account.
    pub endpoint_url: Option<String>,
    /// Endpoints of single services, by the id that the SDKs know a service by. Only beside an endpoint for all.
    pub service_endpoints: Vec<(&'static str, String)>,
    /// Path of a file of root certificates in PEM, which alone are trusted. Only of an endpoint of one's own: beside
    /// AWS itself nothing but Amazon's roots is.
    pub ca_bundle: Option<String>,
    /// The least severe level that is logged.
    pub log_level: tracing::Level,
    /// How many seconds a function's clock is ahead of the machine's (or behind). Only of a local account, where
    /// tests need other days: beside AWS itself it is always 0.
    pub clock_offset_s: i64,
    /// How many times longer than on AWS a call may take. Only of an endpoint of one's own, for whoever runs a function
    /// under a tool that slows it down: beside AWS itself it is always 1.
    pub patience: u32,
}

impl Runtime {
    /// Reads `AWS_REGION`, the credentials, `AWS_ENDPOINT_URL`, `LOG_LEVEL` and, with an endpoint only,
    /// `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_CA_BUNDLE`, `CLOCK_OFFSET_S` and `PATIENCE`.
    ///
    /// # Errors
    /// When one is missing, the level is not a level, or offset or patience no number.
    pub fn from_env() -> Result<Self, ConfigError> {
        const OFFSET: &str = "CLOCK_OFFSET_S";
        const PATIENCE: &str = "PATIENCE";
        let level = optional("LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned());
        let endpoint_url = optional("AWS_ENDPOINT_URL");
        let beside_an_endpoint = |name| optional(name).filter(|_| endpoint_url.is_some());
        let service_endpoints = SERVICE_ENDPOINTS
            .into_iter()
            .filter_map(|(service, name)| Some((service, beside_an_endpoint(name)?)))
            .collect();
        let ca_bundle = beside_an_endpoint("AWS_CA_BUNDLE");
        let clock_offset_s = match beside_an_endpoint(OFFSET) {
            Some(seconds) => {
                seconds.parse().map_err(|_| ConfigError::Malformed(OFFSET, "a number of seconds"))?
            }
            None => 0,
        };
        let patience = match beside_an_endpoint(PATIENCE) {
            Some(times) => {
                times.parse().map_err(|_| ConfigError::Malformed(PATIENCE, "a number of times"))?
            }
            None => 1,
        };
        Ok(Self {
            region: required("AWS_REGION")?,
            credentials: aws_credential_types::Credentials::new(
                required("AWS_ACCESS_KEY_ID")?,
                required("AWS_SECRET_ACCESS_KEY")?,
                optional("AWS_SESSION_TOKEN"),
                None,
                "lambda",
            ),
            endpoint_url,
            service_endpoints,
            ca_bundle,
            clock_offset_s,
            patience,
            log_level: level
                .parse()
                .map_err(|_| ConfigError::Malformed("LOG_LEVEL", "ERROR, WARN or INFO"))?,
        })
    }
}

impl Runtime {
    /// The clock of a function in which tests may set the hour.
    #[must_use]
    pub fn clock(&self) -> crate::clock::Clock {
        crate::clock::Clock::system().shifted(self.clock_offset_s)
    }
}

/// Names of what the stack made. A function reads only those that its job needs; the others stay empty.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// Table: tenant → policy store.
    pub tenants_table: String,
    /// Table: who is a user of which tenant.
    pub users_table: String,
    /// Table: metadata of documents.
    pub documents_table: String,
    /// Table: who may open which document, for listing; the policies decide.
    pub shares_table: String,
    /// Table: what tenants used, until it is billed and after.
    pub usage_table: String,
    /// Table: what was sealed of it, and what became of that.
    pub ledger_table: String,
    /// The bucket that holds the content.
    pub content_bucket: String,
    /// The queue of deletions.
    pub deletions_queue_url: String,
    /// The queue of users who were removed.
    pub departures_queue_url: String,
}

/// ARNs of the tenant roles that the function may assume; the others stay empty and cannot be assumed.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    /// Reads the tenant's mapping row.
    pub mapping: String,
    /// Works on the tenant's documents and asks its policy store.
    pub data: String,
    /// Settles arrivals in the bucket.
    pub settlement: String,
    /// Writes shares and their policies.
    pub sharing: String,
    /// Removes what a deleted document leaves.
    pub deletion: String,
    /// Writes the tenant's directory of users.
    pub directory: String,
    /// Settles what a removed user leaves.
    pub departure: String,
    /// Erases everything of a tenant that was closed.
    pub erasure: String,
    /// Reads what the tenant used.
    pub usage: String,
}

/// How the sessions of callers' tenants are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// The function assumes tenant roles, and says for which tenant.
    Role,
    /// STS is shown the caller's ID token, which says for which tenant. The function may assume nothing.
    Token,
}

/// A text that is neither of the two.
#[derive(Debug, thiserror::Error)]
#[error("it is neither `role` nor `token`")]
pub struct NoSuchSessions;

impl FromStr for Sessions {
    type Err = NoSuchSessions;

    fn from_str(text: &str) -> Result<Self, NoSuchSessions> {
        [Self::Role, Self::Token].into_iter().find(|one| one.as_str() == text).ok_or(NoSuchSessions)
    }
}

impl Sessions {
    /// As the template's parameter `TenantSessions` says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Token => "token",
        }
    }
}

/// Whose requests are served, and with which sessions.
#[derive(Debug, Clone)]
pub struct Callers {
    /// The app client whose ID tokens are accepted.
    pub client_id: String,
    /// How their tenants' sessions are had.
    pub sessions: Sessions,
}

impl Callers {
    fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            client_id: required("USER_POOL_CLIENT_ID")?,
            sessions: parsed("TENANT_SESSIONS", "`role` or `token`")?,
        })
    }
}

/// How the seller account is spoken for.
#[derive(Clone)]
pub struct Seller {
    /// The role of the seller account that this function may assume.
    pub role_arn: String,
    /// What that role's trust policy demands. Not a secret to AWS, and still never logged.
    pub external_id: String,
    /// The one Region in which AWS Marketplace is called.
    pub region: String,
    /// The code of the product that this stack sells.
    pub product_code: ProductCode,
}

impl fmt::Debug for Seller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seller({}, {}, {})", self.role_arn, self.region, self.product_code)
    }
}

impl Seller {
    fn from_env() -> Result<Self, ConfigError> {
        const CODE: &str = "PRODUCT_CODE";
        Ok(Self {
            role_arn: required("SELLER_ROLE_ARN")?,
            external_id: required("SELLER_EXTERNAL_ID")?,
            region: required("MARKETPLACE_REGION")?,
            product_code: parsed(CODE, "a product code")?,
        })
    }
}
