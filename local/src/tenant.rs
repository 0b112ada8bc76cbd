//! What an operator does with tenants: lists them, looks at one, and has a closed one erased.
//!
//! Erasing is the onboarding function's work. It is invoked directly, as `aws lambda invoke` would; this only
//! follows what it writes down, and says at the end what was erased.

mod row;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::{
    account::{self, AccountError, Details},
    aws::{CallError, Root},
};

/// How long an erasure is followed. Without `--waive-settling` it waits for minutes before it begins.
const FOLLOWED_FOR: Duration = Duration::from_secs(15 * 60);
/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The most pages of a table that are read: a megabyte each.
const PAGES_MAX: usize = 100;

/// What is wanted.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List all tenants, those that were erased too.
    List,
    /// Show one tenant's record.
    Show {
        /// Its id: 32 hexadecimal digits.
        tenant_id: String,
    },
    /// Have a tenant whose subscription is over erased, follow that to its end, and say what was erased.
    Close {
        /// Its id: 32 hexadecimal digits.
        tenant_id: String,
        /// Do not wait for the end of the grace period.
        #[arg(long)]
        waive_grace: bool,
        /// Do not wait for the last metering.
        #[arg(long)]
        waive_final_metering: bool,
        /// Do not wait for the minutes in which a promised upload may still arrive.
        #[arg(long)]
        waive_settling: bool,
    },
    /// Bring all tenants' policy stores to this release: after a deployment that knows new actions.
    Upgrade,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// The account did not answer a call.
    #[error("{step}")]
    Call {
        /// What was being done.
        step: &'static str,
        /// The refusal.
        #[source]
        source: CallError,
    },
    /// The account cannot be spoken to.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    Unknown(String),
    /// The function did not take the order.
    #[error("the onboarding function refused: {0}")]
    Refused(String),
    /// It took longer than anybody waits.
    #[error("the tenant is still being erased; `tenant show` tells how far that is")]
    StillClosing,
    /// Some tenants' stores know the new actions, and these do not.
    #[error(
        "{0} policy stores were not upgraded; the log of the onboarding function says why, and it can be done again"
    )]
    NotUpgraded(usize),
}

/// Does it, telling `tell` what a person, or with `json` a program, wants to read.
///
/// # Errors
/// When it could not be done.
pub async fn run(
    details: &Details,
    command: &Command,
    json: bool,
    tell: &mut dyn FnMut(&str),
) -> Result<(), TenantError> {
    let office = Office { details, root: details.root()? };
    let shown = |record: &Map<String, Value>| if json { row::as_json(record) } else { row::as_text(record) };
    match command {
        Command::List => {
            for record in office.records().await?.values() {
                tell(&if json { row::as_json(record) } else { row::as_line(record) });
            }
        }
        Command::Show { tenant_id } => tell(&shown(&office.record(tenant_id).await?)),
        Command::Close { tenant_id, waive_grace, waive_final_metering, waive_settling } => {
            office.record(tenant_id).await?;
            let order = json!({ "close": {
                "tenant_id": tenant_id,
                "waive_grace": waive_grace,
                "waive_final_metering": waive_final_metering,
                "waive_settling": waive_settling,
            } });
            let begins_at = office.order(&order).await?;
            if !json && !begins_at.is_empty() {
                tell(&format!(
                    "  ordered; nothing can arrive any more, and the work begins, at {begins_at}\n"
                ));
            }
            tell(&shown(&office.closed(tenant_id).await?));
        }
        Command::Upgrade => {
            let (upgraded, failed) = office.upgraded().await?;
            tell(&if json {
                json!({ "upgraded": upgraded, "failed": failed }).to_string()
            } else {
                format!("  {upgraded} upgraded, {} failed {}", failed.len(), failed.join(" "))
                    .trim_end()
                    .to_owned()
            });
            if !failed.is_empty() {
                return Err(TenantError::NotUpgraded(failed.len()));
            }
        }
    }
    Ok(())
}

/// Where tenants are looked up.
struct Office<'a> {
    details: &'a Details,
    root: Root,
}

impl Office<'_> {
    /// Every tenant's record, by its id: what registration and onboarding wrote of it, its mapping row, and the licences
    /// that it is and was on.
    async fn records(&self) -> Result<BTreeMap<String, Map<String, Value>>, TenantError> {
        let mut records: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for table in ["TenantsTableName", "OnboardingTableName"] {
            for item in self.scan(self.details.output(table)).await? {
                let found = row::plain(&item);
                let id = found.get("tenant_id").and_then(Value::as_str).unwrap_or_default().to_owned();
                records.entry(id).or_default().extend(found);
            }
        }
        let subscriptions = self.scan(self.details.output("SubscriptionsTableName")).await?;
        for (tenant, licenses) in row::lines(subscriptions.iter().map(row::plain)) {
            if let Some(record) = records.get_mut(&tenant) {
                record.insert("licenses".to_owned(), licenses);
            }
        }
        Ok(records)
    }

    async fn record(&self, tenant: &str) -> Result<Map<String, Value>, TenantError> {
        let found = self.records().await?.remove(tenant);
        found.ok_or_else(|| TenantError::Unknown(tenant.to_owned()))
    }

    async fn scan(&self, table: &str) -> Result<Vec<Value>, TenantError> {
        let failed = |source| TenantError::Call { step: "read the tenants", source };
        let mut items = Vec::new();
        let mut asked = json!({ "TableName": table, "ConsistentRead": true });
        for _ in 0..PAGES_MAX {
            let page = self.root.json("dynamodb", "DynamoDB_20120810.Scan", &asked).await.map_err(failed)?;
            items.extend(page.get("Items").and_then(Value::as_array).into_iter().flatten().cloned());
            match (page.get("LastEvaluatedKey"), asked.as_object_mut()) {
                (Some(key), Some(asked)) => asked.insert("ExclusiveStartKey".to_owned(), key.clone()),
                _ => return Ok(items),
            };
        }
        Err(failed(CallError::Answer { operation: "Scan".to_owned(), missing: "end" }))
    }

    /// Gives the onboarding function an order; answers from when on it is carried out, if it says so.
    async fn order(&self, order: &Value) -> Result<String, TenantError> {
        let answer = account::invoke(self.details, "Onboarding", order).await?;
        let answer = answer.map_err(TenantError::Refused)?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (text("state").as_str(), text("until").as_str()) {
            ("refused", "") => Err(TenantError::Refused(text("detail"))),
            ("refused", until) => Err(TenantError::Refused(format!("{}, until {until}", text("detail")))),
            _ => Ok(text("begins_at")),
        }
    }

    /// Has all stores upgraded; answers with how many were, and the tenants whose were not.
    async fn upgraded(&self) -> Result<(u64, Vec<String>), TenantError> {
        let (mut upgraded, mut failed) = (0, Vec::new());
        let mut order = json!({});
        for _ in 0..PAGES_MAX {
            let answer = account::invoke(self.details, "Onboarding", &json!({ "upgrade": order })).await?;
            let answer = answer.map_err(TenantError::Refused)?;
            upgraded += answer.get("upgraded").and_then(Value::as_u64).unwrap_or_default();
            let of_these = answer.get("failed").and_then(Value::as_array).into_iter().flatten();
            failed.extend(of_these.filter_map(Value::as_str).map(str::to_owned));
            match answer.get("next") {
                Some(next) => order = json!({ "next": next }),
                None => return Ok((upgraded, failed)),
            }
        }
        Err(TenantError::Refused("the stores do not come to an end".to_owned()))
    }

    /// The tenant's record once it is closed.
    async fn closed(&self, tenant: &str) -> Result<Map<String, Value>, TenantError> {
        let begun = Instant::now();
        while begun.elapsed() < FOLLOWED_FOR {
            let record = self.record(tenant).await?;
            if record.get("progress").is_some_and(|progress| progress == "closed") {
                return Ok(record);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(TenantError::StillClosing)
    }
}
