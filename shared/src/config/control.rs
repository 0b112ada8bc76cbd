//! Settings of the control plane's functions.

use super::{ConfigError, Resources, Roles, Seller, dimensions, optional, parsed, required};
use crate::{
    marketplace::ids::{AccountId, ProductId},
    metering::{LateUsage, Rules},
};

/// Settings of the sign-up function.
#[derive(Debug, Clone)]
pub struct Signup {
    /// How ResolveCustomer is signed.
    pub seller: Seller,
    /// The id of the product that this stack sells: agreements name products by it, and not by their code.
    pub product_id: ProductId,
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
            product_id: parsed("PRODUCT_ID", "a product id")?,
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

/// Settings of the metering function.
#[derive(Debug, Clone)]
pub struct Metering {
    /// How BatchMeterUsage is signed.
    pub seller: Seller,
    /// Table of subscriptions: whose licences there are.
    pub subscriptions_table: String,
    /// Table: what tenants used.
    pub usage_table: String,
    /// Table: what was sealed, and what became of it.
    pub ledger_table: String,
    /// The queue that feeds it slices of a run.
    pub metering_queue_url: String,
    /// The queue that feeds it last meterings.
    pub final_metering_queue_url: String,
    /// How hours are sealed.
    pub rules: Rules,
    /// How often one worker may call BatchMeterUsage in a second.
    pub calls_per_second: f64,
}

/// The Marketplace takes ten calls a second of an account and Region; no worker may have more than all of them.
/// <https://docs.aws.amazon.com/marketplace/latest/userguide/metering-service-quotas.html>
const CALLS_PER_SECOND_MAX: f64 = 10.0;

impl Metering {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        const RATE: &str = "METERING_CALLS_PER_SECOND";
        const LATE: &str = "LATE_USAGE";
        let calls_per_second: f64 = parsed(RATE, "a number")?;
        // Not a number is in no range.
        if !(0.01..=CALLS_PER_SECOND_MAX).contains(&calls_per_second) {
            return Err(ConfigError::Malformed(RATE, "a number from 0.01 to 10"));
        }
        let late_usage = match required(LATE)?.as_str() {
            "report" => LateUsage::Report,
            "carry" => LateUsage::Carry,
            _ => return Err(ConfigError::Malformed(LATE, "report or carry")),
        };
        Ok(Self {
            seller: Seller::from_env()?,
            subscriptions_table: required("SUBSCRIPTIONS_TABLE")?,
            usage_table: required("USAGE_TABLE")?,
            ledger_table: required("LEDGER_TABLE")?,
            metering_queue_url: required("METERING_QUEUE_URL")?,
            final_metering_queue_url: required("FINAL_METERING_QUEUE_URL")?,
            rules: Rules {
                dimensions: dimensions()?,
                zero_records: parsed("ZERO_RECORDS", "true or false")?,
                late_usage,
            },
            calls_per_second,
        })
    }
}
