//! AWS Marketplace, played by a person or a test: buyers, tokens, what happens to subscriptions, odd answers.
//!
//! The Marketplace itself is the gateway's; this orders at its doors and says what came of it. Which orders make
//! sense, it knows.

mod arrival;
mod command;

use serde::Deserialize;
use serde_json::{Value, json};

pub use arrival::Arrival;
pub use command::{Command, MarketplaceError, run};

use crate::doors::{DoorError, Doors};

/// The Marketplace of a running account.
#[derive(Debug, Clone)]
pub struct Marketplace {
    doors: Doors,
}

/// A product that is listed.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// Its id: `prod-…`.
    pub id: String,
    /// Its code.
    pub code: String,
}

/// What somebody has bought.
#[derive(Clone, Deserialize)]
pub struct Bought {
    /// The buyer's account.
    pub account: String,
    /// The licence.
    pub license_arn: String,
    /// The agreement.
    pub agreement_id: String,
    /// What the buyer's browser brings along.
    pub token: String,
    /// Whether it is a free trial.
    pub trial: bool,
}

impl std::fmt::Debug for Bought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bought").field("license_arn", &self.license_arn).finish_non_exhaustive()
    }
}

impl Marketplace {
    /// The one behind these doors.
    #[must_use]
    pub fn behind(doors: Doors) -> Self {
        Self { doors }
    }

    /// The product that is listed from the start.
    ///
    /// # Errors
    /// When the account does not tell.
    pub async fn listed(&self) -> Result<Listed, DoorError> {
        let state = self.show("state", None).await?;
        let first = state.pointer("/products/0").cloned().unwrap_or_default();
        read("state", "product", first)
    }

    /// Somebody buys the product; the Marketplace tells the seller so.
    ///
    /// # Errors
    /// When nothing is sold.
    pub async fn subscribe(&self) -> Result<Bought, DoorError> {
        let bought = self.order("subscriptions", &json!({})).await?;
        read("subscriptions", "purchase", bought)
    }

    /// Orders something at one of the Marketplace's doors, and answers what it answers.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn order(&self, door: &str, order: &Value) -> Result<Value, DoorError> {
        self.doors.post(&format!("/marketplace/{door}"), order).await
    }

    /// What one of its doors shows, of one licence if one is given.
    ///
    /// # Errors
    /// When it does not show it.
    pub async fn show(&self, door: &str, license: Option<&str>) -> Result<Value, DoorError> {
        let query: Vec<_> = license.iter().map(|license| ("license_arn", *license)).collect();
        self.doors.get(&format!("/marketplace/{door}"), &query).await
    }

    /// Has the odd answers that were ordered forgotten.
    ///
    /// # Errors
    /// When they are not.
    pub async fn forget_orders(&self) -> Result<Value, DoorError> {
        self.doors.delete("/marketplace/orders").await
    }
}

fn read<T: serde::de::DeserializeOwned>(
    door: &str,
    missing: &'static str,
    value: Value,
) -> Result<T, DoorError> {
    let path = format!("/_gateway/marketplace/{door}");
    serde_json::from_value(value).map_err(|_| DoorError::Answer { path, missing })
}
