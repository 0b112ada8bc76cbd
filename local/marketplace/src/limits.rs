//! How much the Marketplace keeps, and how often it may be asked.

/// "BatchMeterUsage: 10 requests per second", per account and Region ("Metering service quotas").
const BATCH_METER_USAGE_PER_SECOND: u32 = 10;

/// Limits of one Marketplace. Beyond what AWS documents they bound the memory of a local run.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `BatchMeterUsage` calls a second; none means no rate is held.
    pub batch_meter_usage_per_second: Option<u32>,
    /// Products.
    pub products_max: usize,
    /// Agreements, ended ones included.
    pub agreements_max: usize,
    /// Tokens; the oldest are forgotten, which makes them invalid.
    pub tokens_max: usize,
    /// Lines of the bill; a call that would add more is answered with an internal error.
    pub bill_lines_max: usize,
    /// Events that can be sent again; the oldest are forgotten.
    pub events_max: usize,
    /// Open orders.
    pub orders_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_meter_usage_per_second: Some(BATCH_METER_USAGE_PER_SECOND),
            products_max: 100,
            agreements_max: 250_000,
            tokens_max: 250_000,
            bill_lines_max: 5_000_000,
            events_max: 10_000,
            orders_max: 256,
        }
    }
}

impl Limits {
    /// The same without a rate: for a simulation whose clock stands still between calls.
    pub fn without_rates() -> Self {
        Self { batch_meter_usage_per_second: None, ..Self::default() }
    }
}
