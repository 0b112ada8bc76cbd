//! What a million requests cost by AWS's price lists: calls times price, and the function's own time.
//!
//! Prices are those of us-east-1 without free tiers, from AWS's pages of 2025: Verified Permissions charges $5 for a
//! million single authorizations since June of that year, DynamoDB's on-demand prices are those since November 2024.
//! They are a yardstick for comparing routes; look them up again before promising anybody an amount.

use serde::Serialize;

/// One line of a price list.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Price {
    /// What is paid for.
    pub(crate) what: &'static str,
    /// How much for a million of it, in dollars.
    pub(crate) per_million: f64,
    /// Where that stands.
    pub(crate) source: &'static str,
}

pub(crate) const API_REQUEST: Price = Price {
    what: "API Gateway, REST request",
    per_million: 3.50,
    source: "aws.amazon.com/api-gateway/pricing",
};
pub(crate) const INVOCATION: Price =
    Price { what: "Lambda, request", per_million: 0.20, source: "aws.amazon.com/lambda/pricing" };
/// Half a GB for a second, arm64: $0.0000133334 a GB-second.
pub(crate) const SECOND: Price = Price {
    what: "Lambda, a second of 512 MB (arm64)",
    per_million: 6.6667,
    source: "aws.amazon.com/lambda/pricing",
};
pub(crate) const READ: Price = Price {
    what: "DynamoDB, read request unit (strong, 4 KB)",
    per_million: 0.125,
    source: "aws.amazon.com/dynamodb/pricing/on-demand",
};
pub(crate) const WRITE: Price = Price {
    what: "DynamoDB, write request unit (1 KB; two of them in a transaction)",
    per_million: 0.625,
    source: "aws.amazon.com/dynamodb/pricing/on-demand",
};
pub(crate) const DECISION: Price = Price {
    what: "Verified Permissions, single authorization",
    per_million: 5.0,
    source: "aws.amazon.com/verified-permissions/pricing",
};
pub(crate) const POLICY: Price = Price {
    what: "Verified Permissions, policy management request",
    per_million: 40.0,
    source: "aws.amazon.com/verified-permissions/pricing",
};
pub(crate) const KEY: Price =
    Price { what: "KMS, symmetric request", per_million: 3.0, source: "aws.amazon.com/kms/pricing" };
pub(crate) const MESSAGE: Price =
    Price { what: "SQS, FIFO request", per_million: 0.50, source: "aws.amazon.com/sqs/pricing" };

/// The whole list.
pub(crate) const ALL: [Price; 9] =
    [API_REQUEST, INVOCATION, SECOND, READ, WRITE, DECISION, POLICY, KEY, MESSAGE];

/// How long a call of AWS is taken to last for the function's own time: see performance.
pub(crate) const CALL_LASTS_S: f64 = 0.005;

/// Dollars for a million requests that make these calls, one after the other in `depth` round trips, and take
/// `cpu_s` of the processor.
pub(crate) fn per_million(calls: &[String], depth: u32, cpu_s: f64, through_api: bool) -> f64 {
    let seconds = f64::from(depth).mul_add(CALL_LASTS_S, cpu_s);
    let api = if through_api { API_REQUEST.per_million } else { 0.0 };
    let own = api + INVOCATION.per_million + seconds * SECOND.per_million;
    own + calls.iter().map(|call| price_of(call)).sum::<f64>()
}

/// For a million of this call, in dollars.
fn price_of(call: &str) -> f64 {
    let mut words = call.split(' ');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("dynamodb", "GetItem" | "Query") => READ.per_million,
        // Three tables.
        ("dynamodb", "BatchGetItem") => 3.0 * READ.per_million,
        ("dynamodb", "PutItem" | "UpdateItem") => WRITE.per_million,
        // Two items or more, each at twice the price.
        ("dynamodb", "TransactWriteItems") => 4.0 * WRITE.per_million,
        ("verifiedpermissions", "IsAuthorized") => DECISION.per_million,
        ("verifiedpermissions", _) => POLICY.per_million,
        ("kms", _) => KEY.per_million,
        ("sqs", _) => MESSAGE.per_million,
        // STS and the Marketplace cost nothing.
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_costs_what_its_calls_cost_and_its_own_time() {
        let calls = ["dynamodb GetItem documents", "verifiedpermissions IsAuthorized"].map(str::to_owned);
        let dollars = per_million(&calls, 2, 0.0, true);
        let expected = 3.50 + 0.20 + 0.010 * 6.6667 + 0.125 + 5.0;
        assert!((dollars - expected).abs() < 1e-9, "{dollars}");
        assert!(per_million(&calls, 2, 0.0, false) < dollars);
        assert!((price_of("sts AssumeRole")).abs() < 1e-9);
    }
}
