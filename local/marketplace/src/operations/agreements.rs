//! One agreement, seen by the seller: `DescribeAgreement`, `GetAgreementEntitlements`, `GetAgreementTerms`.
//!
//! Pay-as-you-go agreements have no end: where the model says that a field is null for them it is left out.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::agreement::Agreement;
use crate::fault::{Exception, Fault};
use crate::market::Market;
use crate::operations::ordered_to_fail;
use crate::wire::Members;

const RESULTS_MAX: i64 = 50;

/// How long a free trial lasts, by ISO 8601.
const TRIAL: &str = "P30D";

pub(super) fn describe(market: &mut Market, input: &Members<'_>) -> Result<Value, Fault> {
    let agreement = named(market, "DescribeAgreement", input)?;
    let mut answer = common(market, &agreement);
    answer.insert("estimatedCharges".into(), json!({ "currencyCode": "USD", "agreementValue": "0.00" }));
    Ok(Value::Object(answer))
}

pub(super) fn entitlements(market: &mut Market, input: &Members<'_>) -> Result<Value, Fault> {
    page_of_one(input)?;
    let agreement = named(market, "GetAgreementEntitlements", input)?;
    let mut entitlement = json!({
        "resource": resource(market, &agreement),
        "status": agreement.entitlement.name(),
        "licenseArn": agreement.license,
    });
    if let (Some(reason), Value::Object(members)) = (agreement.reason(), &mut entitlement) {
        members.insert("statusReasonCode".into(), reason.into());
    }
    Ok(json!({ "agreementEntitlements": [entitlement] }))
}

pub(super) fn terms(market: &mut Market, input: &Members<'_>) -> Result<Value, Fault> {
    page_of_one(input)?;
    let agreement = named(market, "GetAgreementTerms", input)?;
    let [usage, trial] = &agreement.terms;
    let dimensions = market.products.get(&agreement.product).map(|product| product.dimensions.as_slice());
    let cards: Vec<Value> = dimensions
        .unwrap_or_default()
        .iter()
        .map(|dimension| json!({ "dimensionKey": dimension, "price": "0.01" }))
        .collect();
    let mut terms = vec![json!({ "usageBasedPricingTerm": {
        "type": "UsageBasedPricingTerm",
        "id": usage,
        "currencyCode": "USD",
        "rateCards": [{ "rateCard": cards }],
    } })];
    if agreement.trial {
        terms.push(json!({ "freeTrialPricingTerm": {
            "type": "FreeTrialPricingTerm", "id": trial, "duration": TRIAL, "grants": [],
        } }));
    }
    Ok(json!({ "acceptedTerms": terms }))
}

/// The members that `DescribeAgreement` and an `AgreementViewSummary` share.
pub(super) fn common(market: &Market, agreement: &Agreement) -> Map<String, Value> {
    let summary = json!({
        "agreementId": agreement.id,
        "initialAgreementId": agreement.initial,
        "agreementType": "PurchaseAgreement",
        "status": agreement.status.name(),
        "acceptor": { "accountId": agreement.account },
        "proposer": { "accountId": market.seller },
        "acceptanceTime": instant(agreement.accepted),
        "startTime": instant(agreement.accepted),
        "proposalSummary": { "offerId": agreement.offer, "resources": [resource(market, agreement)] },
    });
    match summary {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn resource(market: &Market, agreement: &Agreement) -> Value {
    let id = market.products.get(&agreement.product).map(|product| product.id.as_str());
    json!({ "id": id, "type": "SaaSProduct" })
}

/// Seconds since 1970, to the millisecond.
pub(super) fn instant(at: OffsetDateTime) -> f64 {
    (at.unix_timestamp_nanos() / 1_000_000) as f64 / 1_000.0
}

/// The agreement that a request names, unless an order says otherwise.
fn named(market: &mut Market, operation: &str, input: &Members<'_>) -> Result<Agreement, Fault> {
    let id = input.required_text("agreementId")?;
    // `ResourceId` of the model.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_/-".contains(&byte);
    if id.len() > 64 || !id.bytes().all(fits) {
        let why = "must be 1 to 64 of letters, digits and _/-";
        return Err(Fault::reasoned("INVALID_AGREEMENT_ID", "agreementId", why));
    }
    let found = market.agreements.get(id).cloned();
    let license = found.as_ref().map(|agreement| agreement.license.as_str());
    ordered_to_fail(market, operation, license.as_slice())?;
    found.ok_or_else(|| {
        Fault::new(Exception::ResourceNotFound, format!("there is no agreement `{id}`"))
            .with("resourceId", id)
            .with("resourceType", "Agreement")
    })
}

/// `maxResults` and `nextToken` of a list that never has a second page.
fn page_of_one(input: &Members<'_>) -> Result<(), Fault> {
    max_results(input)?;
    if input.has("nextToken") {
        return Err(Fault::reasoned("INVALID_NEXT_TOKEN", "nextToken", "is not a token of this list"));
    }
    Ok(())
}

/// `MaxResults` of the model: 1 to 50.
pub(super) fn max_results(input: &Members<'_>) -> Result<usize, Fault> {
    match input.integer("maxResults")? {
        None => Ok(usize::try_from(RESULTS_MAX).unwrap_or(1)),
        Some(number) if (1..=RESULTS_MAX).contains(&number) => Ok(usize::try_from(number).unwrap_or(1)),
        Some(_) => Err(Fault::reasoned("INVALID_MAX_RESULTS", "maxResults", "must be from 1 to 50")),
    }
}
