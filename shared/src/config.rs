//! The only reader of the environment: one struct per function, complete or refused at init.

use std::{fmt, num::NonZeroU32, str::FromStr};

use crate::marketplace::ids::{AccountId, ProductCode, ProductId};

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

/// Settings of the sign-up function.
#[derive(Debug, Clone)]
pub struct Signup {
    /// How ResolveCustomer is signed.
    pub seller: Seller,
    /// Table of subscriptions.
    pub subscriptions_table: String,
    /// Table of onboardings.
    pub onboarding_table: String,
    /// Where a registration asks for its tenant.
    pub onboarding_queue_url: String,
    /// The HMAC key that signs what a buyer's browser carries.
    pub registration_key_arn: String,
    /// What the pages call the product.
    pub product_name: String,
    /// Where a buyer finds help: an e-mail address or an https URL.
    pub support_contact: String,
    /// Where users sign in; none when only the vendor's own words say it.
    pub sign_in_url: Option<String>,
}

impl Signup {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            seller: Seller::from_env()?,
            subscriptions_table: required("SUBSCRIPTIONS_TABLE")?,
            onboarding_table: required("ONBOARDING_TABLE")?,
            onboarding_queue_url: required("ONBOARDING_QUEUE_URL")?,
            registration_key_arn: required("REGISTRATION_KEY_ARN")?,
            product_name: required("PRODUCT_NAME")?,
            support_contact: required("SUPPORT_CONTACT")?,
            sign_in_url: optional("SIGN_IN_URL"),
        })
    }
}

/// Settings of the onboarding function.
#[derive(Debug, Clone)]
pub struct Onboarding {
    /// What it works on.
    pub resources: Resources,
    /// Roles it may assume.
    pub roles: Roles,
    /// Table of subscriptions.
    pub subscriptions_table: String,
    /// Table of onboardings.
    pub onboarding_table: String,
    /// The queue that feeds it, for what it asks of itself.
    pub onboarding_queue_url: String,
    /// Where the last metering of a subscription that ends is asked for.
    pub final_metering_queue_url: String,
    /// The user pool in which administrators are made.
    pub user_pool_id: String,
    /// Days between a subscription's end and the moment its tenant may be erased.
    pub grace_period_days: u32,
    /// Whether policy stores are protected from deletion.
    pub deletion_protection: bool,
}

impl Onboarding {
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
                content_bucket: required("CONTENT_BUCKET")?,
                ..Resources::default()
            },
            roles: Roles {
                mapping: required("MAPPING_ROLE_ARN")?,
                data: required("DATA_ROLE_ARN")?,
                erasure: required("ERASURE_ROLE_ARN")?,
                ..Roles::default()
            },
            subscriptions_table: required("SUBSCRIPTIONS_TABLE")?,
            onboarding_table: required("ONBOARDING_TABLE")?,
            onboarding_queue_url: required("ONBOARDING_QUEUE_URL")?,
            final_metering_queue_url: required("FINAL_METERING_QUEUE_URL")?,
            user_pool_id: required("USER_POOL_ID")?,
            grace_period_days: parsed("GRACE_PERIOD_DAYS", "a number of days")?,
            deletion_protection: parsed("DELETION_PROTECTION", "true or false")?,
        })
    }
}

/// Settings of the subscriptions function.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    /// How the Marketplace is asked which agreements it has.
    pub seller: Seller,
    /// The account whose events are believed.
    pub seller_account: AccountId,
    /// The id of the product that this stack sells: agreements name products by it, and not by their code.
    pub product_id: ProductId,
    /// The queue that feeds it, for putting back what failed.
    pub events_queue_url: String,
    /// Table of subscriptions.
    pub subscriptions_table: String,
    /// Table: tenant → policy store, where the state of the subscription is shown to tenants' sessions.
    pub tenants_table: String,
    /// Where the last metering of a subscription that ends is asked for.
    pub final_metering_queue_url: String,
}

impl Subscriptions {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            seller: Seller::from_env()?,
            seller_account: parsed("SELLER_ACCOUNT_ID", "an account id of 12 digits")?,
            product_id: parsed("PRODUCT_ID", "a product id")?,
            events_queue_url: required("SUBSCRIPTION_EVENTS_QUEUE_URL")?,
            subscriptions_table: required("SUBSCRIPTIONS_TABLE")?,
            tenants_table: required("TENANTS_TABLE")?,
            final_metering_queue_url: required("FINAL_METERING_QUEUE_URL")?,
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
    /// The app client whose ID tokens are accepted.
    pub user_pool_client_id: String,
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
            user_pool_client_id: required("USER_POOL_CLIENT_ID")?,
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
