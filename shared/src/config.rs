//! The only reader of the environment: one struct per function, complete or refused at init.

use std::num::NonZeroU32;

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

fn required(name: &'static str) -> Result<String, ConfigError> {
    optional(name).ok_or(ConfigError::Missing(name))
}

/// What the Lambda service itself sets: where we are and who the function is.
#[derive(Clone)]
pub struct Runtime {
    /// The Region that the function runs in; every AWS call stays in it.
    pub region: String,
    /// Credentials of the function's own role: they last as long as the execution environment does.
    pub credentials: aws_credential_types::Credentials,
    /// Another endpoint for every AWS service: set only where AWS is a local account.
    pub endpoint_url: Option<String>,
    /// The least severe level that is logged.
    pub log_level: tracing::Level,
}

impl Runtime {
    /// Reads `AWS_REGION`, the credentials, `AWS_ENDPOINT_URL` and `LOG_LEVEL`.
    ///
    /// # Errors
    /// When one is missing, or the level is not a level.
    pub fn from_env() -> Result<Self, ConfigError> {
        let level = optional("LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned());
        Ok(Self {
            region: required("AWS_REGION")?,
            credentials: aws_credential_types::Credentials::new(
                required("AWS_ACCESS_KEY_ID")?,
                required("AWS_SECRET_ACCESS_KEY")?,
                optional("AWS_SESSION_TOKEN"),
                None,
                "lambda",
            ),
            endpoint_url: optional("AWS_ENDPOINT_URL"),
            log_level: level
                .parse()
                .map_err(|_| ConfigError::Malformed("LOG_LEVEL", "ERROR, WARN, INFO, DEBUG or TRACE"))?,
        })
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
    /// The bucket that holds the content.
    pub content_bucket: String,
    /// The queue of deletions.
    pub deletions_queue_url: String,
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
}

/// Settings of the documents function.
#[derive(Debug, Clone)]
pub struct Documents {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
    /// The app client whose ID tokens are accepted.
    pub user_pool_client_id: String,
}

impl Documents {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            resources: Resources {
                content_bucket: required("CONTENT_BUCKET")?,
                deletions_queue_url: required("DELETIONS_QUEUE_URL")?,
                tenants_table: required("TENANTS_TABLE")?,
                documents_table: required("DOCUMENTS_TABLE")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                data: required("DATA_ROLE_ARN")?,
                ..Roles::default()
            },
            user_pool_client_id: required("USER_POOL_CLIENT_ID")?,
        })
    }
}

/// Settings of the shares function.
#[derive(Debug, Clone)]
pub struct Shares {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
    /// The app client whose ID tokens are accepted.
    pub user_pool_client_id: String,
    /// The most shares that one document may have, 1 to 400.
    pub shares_per_document_max: NonZeroU32,
}

/// Verified Permissions keeps 200,000 bytes of policies per resource. A share takes between 120 and about
/// 420 of them, so 400 shares fit whatever the service adds.
/// <https://docs.aws.amazon.com/verifiedpermissions/latest/userguide/quotas.html>
pub const SHARES_PER_DOCUMENT_CEILING: u32 = 400;

impl Shares {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        const MAX: &str = "MAX_SHARES_PER_DOCUMENT";
        let shares_per_document_max = required(MAX)?
            .parse::<NonZeroU32>()
            .ok()
            .filter(|max| max.get() <= SHARES_PER_DOCUMENT_CEILING)
            .ok_or(ConfigError::Malformed(MAX, "a number from 1 to 400"))?;
        Ok(Self {
            resources: Resources {
                content_bucket: required("CONTENT_BUCKET")?,
                tenants_table: required("TENANTS_TABLE")?,
                users_table: required("USERS_TABLE")?,
                documents_table: required("DOCUMENTS_TABLE")?,
                shares_table: required("SHARES_TABLE")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                data: required("DATA_ROLE_ARN")?,
                sharing: required("SHARING_ROLE_ARN")?,
                ..Roles::default()
            },
            user_pool_client_id: required("USER_POOL_CLIENT_ID")?,
            shares_per_document_max,
        })
    }
}

/// Settings of the uploads function.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
}

impl Uploads {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            resources: Resources {
                content_bucket: required("CONTENT_BUCKET")?,
                tenants_table: required("TENANTS_TABLE")?,
                documents_table: required("DOCUMENTS_TABLE")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                settlement: required("SETTLEMENT_ROLE_ARN")?,
                ..Roles::default()
            },
        })
    }
}

/// Settings of the deletions function.
#[derive(Debug, Clone)]
pub struct Deletions {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
}

impl Deletions {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            resources: Resources {
                content_bucket: required("CONTENT_BUCKET")?,
                deletions_queue_url: required("DELETIONS_QUEUE_URL")?,
                tenants_table: required("TENANTS_TABLE")?,
                documents_table: required("DOCUMENTS_TABLE")?,
                shares_table: required("SHARES_TABLE")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                deletion: required("DELETION_ROLE_ARN")?,
                ..Roles::default()
            },
        })
    }
}
