//! Settings of the functions that finish in a tenant's session what was begun for it.

use super::{ConfigError, Resources, Roles, parsed, required};

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
                usage_table: required("USAGE_TABLE")?,
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

/// Settings of the departures function.
#[derive(Debug, Clone)]
pub struct Departures {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
    /// The user pool of every tenant's users.
    pub user_pool_id: String,
    /// How long a token that was issued goes on being accepted.
    pub token_lifetime_minutes: u32,
}

impl Departures {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            resources: Resources {
                tenants_table: required("TENANTS_TABLE")?,
                users_table: required("USERS_TABLE")?,
                documents_table: required("DOCUMENTS_TABLE")?,
                shares_table: required("SHARES_TABLE")?,
                departures_queue_url: required("DEPARTURES_QUEUE_URL")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                departure: required("DEPARTURE_ROLE_ARN")?,
                ..Roles::default()
            },
            user_pool_id: required("USER_POOL_ID")?,
            token_lifetime_minutes: parsed("TOKEN_LIFETIME_MINUTES", "a number of minutes")?,
        })
    }
}
