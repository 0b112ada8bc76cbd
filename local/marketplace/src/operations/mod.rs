//! The operations by name, and what all of them are held to before any is performed.

mod agreements;
mod meter;
mod resolve;
mod search;
mod usage;
mod window;

use serde_json::Value;
use time::OffsetDateTime;

use crate::fault::{Exception, Fault};
use crate::market::Market;
use crate::orders::{Answer, ExceptionName, Order};
use crate::service::Service;
use crate::wire::Members;

/// A call that is about to be performed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'a str,
    pub(crate) caller: &'a str,
    pub(crate) region: &'a str,
}

const METERING: [&str; 2] = ["BatchMeterUsage", "ResolveCustomer"];
const AGREEMENTS: [&str; 4] =
    ["DescribeAgreement", "GetAgreementEntitlements", "GetAgreementTerms", "SearchAgreements"];

/// Whether the Marketplace here has an operation of this name.
pub(crate) fn is_known(operation: &str) -> bool {
    METERING.contains(&operation) || AGREEMENTS.contains(&operation)
}

/// Performs one operation.
pub(crate) fn perform(
    market: &mut Market,
    asked: Asked<'_>,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let offered: &[&str] = match asked.service {
        Service::Metering => &METERING,
        Service::Agreements => &AGREEMENTS,
    };
    if !offered.contains(&asked.operation) {
        let message = format!("the local Marketplace has no operation `{}`", asked.operation);
        return Err(Fault::new(Exception::UnknownOperation, message));
    }
    // "The API must be called from the account that was used to publish the SaaS application" (ResolveCustomer);
    // with what error it is refused otherwise is not documented.
    if asked.caller != market.seller {
        let message = "the caller's account is not the one that published the product";
        return Err(Fault::new(Exception::AccessDenied, message).with("reason", "INVALID_ACCESS"));
    }
    if asked.region != market.region {
        let exception = match asked.service {
            Service::Metering => Exception::DisabledApi,
            Service::Agreements => Exception::UnknownOperation,
        };
        return Err(Fault::new(exception, format!("the API is disabled in {}", asked.region)));
    }
    match asked.operation {
        "ResolveCustomer" => resolve::resolve_customer(market, input, now),
        "BatchMeterUsage" => meter::batch_meter_usage(market, input, now),
        "SearchAgreements" => search::search(market, input),
        "DescribeAgreement" => agreements::describe(market, input),
        "GetAgreementEntitlements" => agreements::entitlements(market, input),
        _ => agreements::terms(market, input),
    }
}

/// Answers with an exception if the next order for a call about these licences is for one. Asked before the request
/// is judged, as a throttled service would.
fn ordered_to_fail(market: &mut Market, operation: &str, licenses: &[&str]) -> Result<(), Fault> {
    let order = market.orders.take(operation, licenses, |answer| matches!(answer, Answer::Exception(_)));
    match order.map(|order| order.answer) {
        Some(Answer::Exception(ExceptionName(exception))) => {
            Err(Fault::new(exception, format!("{} (an answer that a test ordered)", exception.name())))
        }
        _ => Ok(()),
    }
}

/// The order for an odd answer to a call about these licences. Asked when the request has been found good: one that
/// fails uses up no order.
fn ordered(market: &mut Market, operation: &str, licenses: &[&str]) -> Option<Order> {
    market.orders.take(operation, licenses, |answer| !matches!(answer, Answer::Exception(_)))
}
