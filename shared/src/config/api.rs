//! Settings of the functions that face tenants.

use std::num::NonZeroU32;

use super::{Callers, ConfigError, Resources, Roles, dimensions, required};
use crate::metering::Dimensions;

/// Settings of the documents function.
#[derive(Debug, Clone)]
pub struct Documents {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
    /// Whose requests are served, and with which sessions.
    pub callers: Callers,
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
                usage_table: required("USAGE_TABLE")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                data: required("DATA_ROLE_ARN")?,
                ..Roles::default()
            },
            callers: Callers::from_env()?,
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
    /// Whose requests are served, and with which sessions.
    pub callers: Callers,
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
                usage_table: required("USAGE_TABLE")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                data: required("DATA_ROLE_ARN")?,
                sharing: required("SHARING_ROLE_ARN")?,
                ..Roles::default()
            },
            callers: Callers::from_env()?,
            shares_per_document_max,
        })
    }
}

/// Settings of the users function.
#[derive(Debug, Clone)]
pub struct Users {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
    /// The user pool of every tenant's users.
    pub user_pool_id: String,
    /// Whose requests are served, and with which sessions.
    pub callers: Callers,
}

impl Users {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            resources: Resources {
                tenants_table: required("TENANTS_TABLE")?,
                users_table: required("USERS_TABLE")?,
                departures_queue_url: required("DEPARTURES_QUEUE_URL")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                data: required("DATA_ROLE_ARN")?,
                directory: required("DIRECTORY_ROLE_ARN")?,
                ..Roles::default()
            },
            user_pool_id: required("USER_POOL_ID")?,
            callers: Callers::from_env()?,
        })
    }
}

/// Settings of the usage function.
#[derive(Debug, Clone)]
pub struct Usage {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
    /// What is billed as what: hours that are not sealed yet are shown under these names.
    pub dimensions: Dimensions,
    /// Whose requests are served, and with which sessions.
    pub callers: Callers,
}

impl Usage {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            resources: Resources {
                tenants_table: required("TENANTS_TABLE")?,
                usage_table: required("USAGE_TABLE")?,
                ledger_table: required("LEDGER_TABLE")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                usage: required("USAGE_ROLE_ARN")?,
                ..Roles::default()
            },
            dimensions: dimensions()?,
            callers: Callers::from_env()?,
        })
    }
}

/// Settings of the function that tells the user pool what tokens say.
#[derive(Debug, Clone)]
pub struct TokenTags {
    /// Table: tenant → policy store.
    pub tenants_table: String,
    /// Table: who is a user of which tenant.
    pub users_table: String,
}

impl TokenTags {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { tenants_table: required("TENANTS_TABLE")?, users_table: required("USERS_TABLE")? })
    }
}
