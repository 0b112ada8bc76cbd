//! The books: what was used, what was sealed of it, and what the Marketplace bills.

use aws_sdk_dynamodb::Client;
use serde::Deserialize;
use serde_json::Value;
use shared::{
    ids::TenantId,
    marketplace::ids::LicenseArn,
    metering::{Dimensions, Entry, Hour, Second, UsageEvent},
    subscriptions::{Kind, Position, Subscriptions},
};

use super::{
    MeteringError,
    buyers::{dynamodb, root},
    comparison::{Account, Billed},
};
use crate::{
    account::{Details, function_configuration},
    doors::Doors,
    marketplace::Marketplace,
};

/// The most pages of anything that are read for one tenant.
const PAGES_MAX: usize = 10_000;

/// Who reads them: the vendor, who may read everything.
#[derive(Debug, Clone)]
pub struct Books {
    dynamodb: Client,
    market: Marketplace,
    subscriptions: Subscriptions,
    usage_table: String,
    ledger_table: String,
    dimensions: Dimensions,
}

/// A line of the Marketplace's bill, as its door tells it.
#[derive(Deserialize)]
struct Line {
    license_arn: String,
    dimension: String,
    hour: String,
    quantity: i64,
    metering_record_id: String,
}

impl Books {
    /// Those of this account.
    ///
    /// # Errors
    /// When the account cannot be spoken to.
    pub async fn of(details: &Details) -> Result<Self, MeteringError> {
        let configured = function_configuration(details, "Metering").await?;
        let dimensions = configured.variables.get("DIMENSIONS").map_or("", String::as_str);
        let dynamodb = dynamodb(&root(details)?);
        let table = details.output("SubscriptionsTableName").to_owned();
        Ok(Self {
            market: Marketplace::behind(Doors::of(details)?),
            subscriptions: Subscriptions::new(dynamodb.clone(), table),
            dynamodb,
            usage_table: details.output("UsageTableName").to_owned(),
            ledger_table: details.output("LedgerTableName").to_owned(),
            dimensions: dimensions.parse().map_err(|_| MeteringError::Malformed("DIMENSIONS"))?,
        })
    }

    /// What is billed as what.
    #[must_use]
    pub fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// A tenant's account: everything of its usage and its ledger, and the bills of the licences that it has had,
    /// `license` among them.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn account(&self, tenant: TenantId, license: &LicenseArn) -> Result<Account, MeteringError> {
        let events = self.usage(tenant).await?;
        let entries = self.ledger(tenant).await?;
        let mut licenses: Vec<&LicenseArn> = entries.iter().map(|entry| &entry.license).collect();
        licenses.push(license);
        licenses.sort_by_key(|license| license.as_str());
        licenses.dedup();
        let mut billed = Vec::new();
        for license in licenses {
            billed.extend(self.bill(license).await?);
        }
        Ok(Account { license: license.clone(), events, entries, billed })
    }

    /// The tenants, each with the licence that it is on.
    ///
    /// # Errors
    /// When something cannot be read.
    pub async fn licenses(&self) -> Result<Vec<(LicenseArn, TenantId)>, MeteringError> {
        let mut found = Vec::new();
        let mut from: Option<Position> = None;
        for _ in 0..PAGES_MAX {
            let page = self.subscriptions.page(from).await?;
            for listed in page.subscriptions {
                // Those that their tenants have left are in those tenants' accounts.
                let subscription = self.subscriptions.get(&listed.license).await?;
                let current = subscription.filter(|subscription| subscription.moved_to.is_none());
                if let Some(tenant) = current.and_then(|subscription| subscription.tenant) {
                    found.push((listed.license, tenant));
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(found);
            }
        }
        Err(MeteringError::Malformed("the list of subscriptions"))
    }

    /// The tenant of a licence.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn tenant_of(&self, license: &LicenseArn) -> Result<TenantId, MeteringError> {
        let subscription = self.subscriptions.get(license).await?;
        subscription
            .and_then(|subscription| subscription.tenant)
            .ok_or_else(|| MeteringError::Unregistered(license.clone()))
    }

    /// A tenant's usage, oldest hour first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn usage(&self, tenant: TenantId) -> Result<Vec<UsageEvent>, MeteringError> {
        let (mut events, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let (table, from) = (&self.usage_table, after.as_deref());
            let page = shared::usage::page(&self.dynamodb, table, tenant, None, Hour::MAX, from).await?;
            events.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(events);
            }
        }
        Err(MeteringError::Malformed("the usage of a tenant"))
    }

    /// A tenant's ledger, oldest entry first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn ledger(&self, tenant: TenantId) -> Result<Vec<Entry>, MeteringError> {
        let (mut entries, mut after) = (Vec::new(), None);
        let first = Hour::of(Second::new(0));
        for _ in 0..PAGES_MAX {
            let (table, from) = (&self.ledger_table, after.as_deref());
            let page = shared::ledger::page(&self.dynamodb, table, tenant, first, Hour::MAX, from).await?;
            entries.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(entries);
            }
        }
        Err(MeteringError::Malformed("the ledger of a tenant"))
    }

    /// What the Marketplace bills for a licence.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn bill(&self, license: &LicenseArn) -> Result<Vec<Billed>, MeteringError> {
        // A licence that the Marketplace has never sold has no bill.
        let told = self.market.show("bill", Some(license.as_str())).await?;
        let lines = told.get("lines").cloned().unwrap_or(Value::Null);
        let lines: Vec<Line> =
            serde_json::from_value(lines).map_err(|_| MeteringError::Malformed("the bill"))?;
        lines
            .into_iter()
            .map(|line| {
                let hour = line.hour.get(..13).and_then(|hour| hour.parse().ok());
                Ok(Billed {
                    license: line.license_arn.parse().map_err(|_| MeteringError::Malformed("the bill"))?,
                    dimension: line.dimension,
                    hour: hour.ok_or(MeteringError::Malformed("the bill"))?,
                    quantity: line.quantity,
                    id: line.metering_record_id,
                })
            })
            .collect()
    }

    /// Whether the subscriptions' table says that a licence may be used.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn is_in_use(&self, license: &LicenseArn) -> Result<bool, MeteringError> {
        let subscription = self.subscriptions.get(license).await?;
        Ok(subscription.is_some_and(|one| one.state.kind == Kind::Active))
    }

    /// Whether the subscriptions' table says that the last metering of a licence is done.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn is_over(&self, license: &LicenseArn) -> Result<bool, MeteringError> {
        let subscription = self.subscriptions.get(license).await?;
        Ok(subscription.is_some_and(|one| one.final_metering == shared::subscriptions::Metering::Done))
    }
}
