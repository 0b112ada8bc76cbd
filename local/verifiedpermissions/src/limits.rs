//! The service's quotas, as data. Knows numbers; enforces nothing.

/// What one account, one store and one request may hold. The defaults are the documented ones
/// (Verified Permissions User Guide, "Quotas").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Policy stores of the account.
    pub stores_max: usize,
    /// Templates of one store.
    pub templates_per_store_max: usize,
    /// Aliases of one store.
    pub aliases_per_store_max: usize,
    /// The size of one static policy or template.
    pub policy_bytes_max: usize,
    /// The size of a schema.
    pub schema_bytes_max: usize,
    /// The size of all the policies that name one resource, and of all that name none.
    pub policies_per_resource_bytes_max: usize,
    /// What a linked policy counts beside its principal and resource. The page "Policy size per
    /// resource" says "up to a few hundred bytes" and no figure: this one is ours, on the strict side.
    pub linked_policy_overhead_bytes: usize,
    /// What a static policy counts beside its text. The same page says that it is less than a linked
    /// policy's, and that a template pays off from a statement of about 200 bytes: the difference.
    pub static_policy_overhead_bytes: usize,
    /// Policies of one store. AWS documents no such quota: this one bounds our memory.
    pub policies_per_store_max: usize,
    /// One request's body; documented for authorization requests, held for all.
    pub request_bytes_max: usize,
    /// Request rates; `None` is no throttling at all.
    pub rates: Option<Rates>,
}

/// Requests a second. The burst is one second's worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    /// `CreatePolicyStore` and `DeletePolicyStore`, each, in the account.
    pub store_lifecycle_per_second: u32,
    /// Each policy, template and schema operation, in one store.
    pub management_per_second: u32,
    /// `IsAuthorized` in one store.
    pub is_authorized_per_second: u32,
    /// `BatchIsAuthorized` in one store.
    pub batch_is_authorized_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stores_max: 30_000,
            templates_per_store_max: 40,
            aliases_per_store_max: 10,
            policy_bytes_max: 10_000,
            schema_bytes_max: 100_000,
            policies_per_resource_bytes_max: 200_000,
            linked_policy_overhead_bytes: 300,
            static_policy_overhead_bytes: 100,
            policies_per_store_max: 100_000,
            request_bytes_max: 1_000_000,
            rates: Some(Rates::default()),
        }
    }
}

impl Limits {
    /// The documented limits without the request rates: for tests, and for loading a store fast.
    #[must_use]
    pub fn without_rates() -> Self {
        Self { rates: None, ..Self::default() }
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            store_lifecycle_per_second: 1,
            management_per_second: 10,
            is_authorized_per_second: 200,
            batch_is_authorized_per_second: 30,
        }
    }
}
