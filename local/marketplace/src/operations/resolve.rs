//! `ResolveCustomer`: whose browser has just arrived.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::fault::{Exception, Fault};
use crate::market::Market;
use crate::operations::{ordered, ordered_to_fail};
use crate::orders::Answer;
use crate::wire::Members;

/// Any product code but the one asked about.
const ANOTHER_PRODUCT: &str = "0another0product0of0somebo";

/// For products listed since June 2026: "the CustomerIdentifier field is not populated". The same token gives the
/// same answer until it expires.
pub(super) fn resolve_customer(
    market: &mut Market,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let text = input.required_text("RegistrationToken")?;
    let token = market.tokens.get(text).cloned();
    let agreement = token.as_ref().and_then(|token| market.agreements.get(&token.agreement)).cloned();
    let license = agreement.as_ref().map(|agreement| agreement.license.as_str());
    ordered_to_fail(market, "ResolveCustomer", license.as_slice())?;
    let (Some(token), Some(agreement)) = (token, agreement) else {
        return Err(Fault::new(Exception::InvalidToken, "Registration token is invalid."));
    };
    if now >= token.expires {
        return Err(Fault::new(Exception::ExpiredToken, "The submitted registration token has expired."));
    }
    let odd = ordered(market, "ResolveCustomer", &[&agreement.license]).map(|order| order.answer);
    let mut answer = Map::new();
    if odd != Some(Answer::WithoutAccount) {
        answer.insert("CustomerAWSAccountId".into(), agreement.account.into());
    }
    if odd != Some(Answer::WithoutLicense) {
        answer.insert("LicenseArn".into(), agreement.license.into());
    }
    match odd {
        Some(Answer::WithoutProduct) => None,
        Some(Answer::OtherProduct) => answer.insert("ProductCode".into(), ANOTHER_PRODUCT.into()),
        _ => answer.insert("ProductCode".into(), agreement.product.into()),
    };
    if odd != Some(Answer::WithoutMetadata) {
        answer.insert("Metadata".into(), json!({ "AgreementId": agreement.id }));
    }
    Ok(Value::Object(answer))
}
