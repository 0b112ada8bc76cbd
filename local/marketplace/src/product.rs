//! What is listed: a product, its code and its dimensions.

use serde::{Deserialize, Serialize};

/// The code of the product that every Marketplace begins with.
pub const DEFAULT_PRODUCT_CODE: &str = "4f9w2k7d1s8m5x3q6b0r8tzna";
/// Its id, by which agreements name it.
pub const DEFAULT_PRODUCT_ID: &str = "prod-7h3vq2kd8wm5x";

/// A SaaS product with usage-based prices, of the kind that is listed since 1 June 2026: known by licence, without
/// customer identifiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// What `ResolveCustomer` answers and licence events carry as `product.code`.
    pub code: String,
    /// What agreements name as their resource, `prod-…`.
    pub id: String,
    /// The listing's title.
    pub name: String,
    /// The dimensions that may be metered; exact case, 1 to 255 characters each.
    pub dimensions: Vec<String>,
}

impl Product {
    pub(crate) fn default_one() -> Self {
        let dimensions = ["documents_added", "shares_created", "storage_gib_hours"];
        Self {
            code: DEFAULT_PRODUCT_CODE.to_owned(),
            id: DEFAULT_PRODUCT_ID.to_owned(),
            name: "Documents".to_owned(),
            dimensions: dimensions.map(ToOwned::to_owned).into(),
        }
    }
}

/// A listing to be made, or changed if there is one with this code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The product's code; made up if absent.
    #[serde(default)]
    pub code: Option<String>,
    /// Its name; unchanged, or the code, if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Its dimensions; unchanged, or the default product's, if absent.
    #[serde(default)]
    pub dimensions: Option<Vec<String>>,
}
