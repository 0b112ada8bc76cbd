//! AWS Marketplace, as a seller calls it: metering, agreements and entitlements, none of which has a resource.
//!
//! Action and operation have one name, so the body is not looked at; it may be CBOR, which the agreement service
//! speaks. The keys `aws-marketplace:PartyType` and `…:AgreementType` of the agreement actions are left out on purpose:
//! AWS does not say how it finds them, so a policy that uses one is not judged.
//!
//! Source: Service Authorization Reference, "AWS Marketplace" and "AWS Marketplace Metering Service".

use super::{Call, Needed, Underivable};

/// Operations that are known to have an action of their name and nothing else to them.
const OPERATIONS: &[&str] = &[
    // Metering.
    "BatchMeterUsage",
    "MeterUsage",
    "RegisterUsage",
    "ResolveCustomer",
    // Entitlements.
    "GetEntitlements",
    // Agreements, as far as they are read.
    "DescribeAgreement",
    "GetAgreementEntitlements",
    "GetAgreementTerms",
    "ListAgreementCharges",
    "SearchAgreements",
];

pub(super) fn derive(call: &Call) -> Result<Vec<Needed>, Underivable> {
    let operation = call.operation.as_str();
    if OPERATIONS.contains(&operation) {
        Ok(vec![call.needs(operation, "*")])
    } else {
        Err(call.unknown_operation())
    }
}
