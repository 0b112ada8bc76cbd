//! `BatchMeterUsage`: what is taken, what fails the whole request, and what is put on the bill.
//!
//! Source of the rules: the operation's own page and its shapes' (metering model 2016-01-14, November 2026).
//! Nothing of a request is processed before all of it has been found good.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::agreement::{Agreement, Meterable};
use crate::bill::{BillLine, Billed};
use crate::clock;
use crate::fault::{Exception, Fault};
use crate::market::Market;
use crate::operations::usage::{self, Usage};
use crate::operations::{ordered, ordered_to_fail, window};
use crate::orders::{Answer, Order};
use crate::wire::Members;

/// "BatchMeterUsage can process up to 25 UsageRecords at a time".
const RECORDS_MAX: usize = 25;

pub(super) fn batch_meter_usage(
    market: &mut Market,
    input: &Members<'_>,
    now: OffsetDateTime,
) -> Result<Value, Fault> {
    let rate = market.limits.batch_meter_usage_per_second;
    if rate.is_some_and(|per_second| !market.meter_rate.take(per_second, now)) {
        return Err(Fault::new(Exception::Throttling, "Rate exceeded"));
    }
    // Beside a licence it would be a second key to the same hour, and bill it twice; so new products send none.
    if input.has("ProductCode") {
        let message = "the product is metered by LicenseArn: leave ProductCode out";
        return Err(Fault::new(Exception::InvalidProductCode, message));
    }
    let records = input.objects("UsageRecords")?.ok_or_else(|| input.missing("UsageRecords"))?;
    if records.len() > RECORDS_MAX {
        return Err(Fault::invalid("UsageRecords", "must have at most 25 items"));
    }
    let usages = records.iter().map(usage::read).collect::<Result<Vec<_>, _>>()?;
    let licenses: Vec<&str> = usages.iter().map(|usage| usage.license.as_str()).collect();
    ordered_to_fail(market, "BatchMeterUsage", &licenses)?;
    for usage in &usages {
        held_to_its_licence(market, usage, now)?;
    }
    one_product(market, &usages)?;
    if market.bill.len() + usages.len() > market.limits.bill_lines_max {
        return Err(Fault::new(Exception::InternalServiceError, "the local Marketplace's bill is full"));
    }

    let order = ordered(market, "BatchMeterUsage", &licenses);
    let (mut results, mut unprocessed) = (Vec::new(), Vec::new());
    for (place, usage) in usages.iter().enumerate() {
        let odd = order.as_ref().filter(|order| chosen(order, place, usages.len()));
        let result = match odd {
            Some(order) if !order.billed => None,
            _ => Some(processed(market, usage, now)),
        };
        match (odd.map(|order| order.answer), result) {
            (Some(Answer::Unprocessed), _) => unprocessed.push(usage.record.clone()),
            (None, Some(result)) => results.push(result),
            // In neither list.
            _ => {}
        }
    }
    Ok(json!({ "Results": results, "UnprocessedRecords": unprocessed }))
}

/// Whether an order is about the record at a place; about the last one if it names none.
fn chosen(order: &Order, place: usize, count: usize) -> bool {
    match &order.records {
        Some(places) => places.contains(&place),
        None => place + 1 == count,
    }
}

/// What fails the whole request: a licence that is not there, is another account's or was not in force at the time;
/// a dimension that is not the product's; a time out of bounds.
fn held_to_its_licence(market: &Market, usage: &Usage, now: OffsetDateTime) -> Result<(), Fault> {
    let wrong = |message: &str| Fault::new(Exception::InvalidLicense, message);
    let agreement = market.licensed(&usage.license).ok_or_else(|| wrong("there is no such licence"))?;
    if agreement.account != usage.account {
        return Err(wrong("the licence is another customer's"));
    }
    let product = market.products.get(&agreement.product);
    if !product.is_some_and(|product| product.dimensions.contains(&usage.dimension)) {
        let message = format!("the product has no dimension `{}`", usage.dimension);
        return Err(Fault::new(Exception::InvalidUsageDimension, message));
    }
    let out_of_bounds = |message: &str| Fault::new(Exception::TimestampOutOfBounds, message);
    let stamp = OffsetDateTime::from_unix_timestamp(usage.stamp)
        .map_err(|_| out_of_bounds("the timestamp cannot be placed"))?;
    if let Some(why) = window::refusal(stamp, now) {
        return Err(out_of_bounds(why));
    }
    if agreement.meterable(now) == Meterable::Yes && !in_force(agreement, usage.hour) {
        return Err(wrong("the usage is not within the licence's activation period"));
    }
    Ok(())
}

/// "Ensure … usage is within the license activation period" (`InvalidLicenseException`). Held by the clock hour,
/// since records are stamped with its beginning: the first and the last hour may be metered whole.
fn in_force(agreement: &Agreement, hour: i64) -> bool {
    let began = clock::hour_of(agreement.accepted.unix_timestamp());
    let ended = agreement.closed.map(|closed| clock::hour_of(closed.unix_timestamp()));
    hour >= began && ended.is_none_or(|ended| hour <= ended)
}

/// "Each BatchMeterUsage request is for only one product."
fn one_product(market: &Market, usages: &[Usage]) -> Result<(), Fault> {
    let product = |usage: &Usage| market.licensed(&usage.license).map(|agreement| agreement.product.as_str());
    let Some((first, rest)) = usages.split_first() else { return Ok(()) };
    if rest.iter().all(|usage| product(usage) == product(first)) {
        return Ok(());
    }
    Err(Fault::new(Exception::InvalidLicense, "the licences are of more than one product"))
}

/// Bills a record, or says why not; one of the `Results`.
fn processed(market: &mut Market, usage: &Usage, now: OffsetDateTime) -> Value {
    let mut result = json!({ "UsageRecord": usage.record });
    let subscribed = market.licensed(&usage.license).filter(|one| one.meterable(now) == Meterable::Yes);
    let (status, id) = match subscribed.map(|agreement| agreement.product.clone()) {
        None => ("CustomerNotSubscribed", None),
        Some(product_code) => {
            let line = BillLine {
                account: usage.account.clone(),
                license_arn: usage.license.clone(),
                product_code,
                dimension: usage.dimension.clone(),
                hour: OffsetDateTime::from_unix_timestamp(usage.hour).unwrap_or(now),
                quantity: usage.quantity,
                metering_record_id: market.ids.uuid(),
                received: now,
            };
            match market.bill.write(usage.hour, line) {
                Billed::Success(id) => ("Success", Some(id)),
                Billed::Duplicate => ("DuplicateRecord", None),
            }
        }
    };
    if let Value::Object(members) = &mut result {
        members.insert("Status".into(), status.into());
        if let Some(id) = id {
            members.insert("MeteringRecordId".into(), id.into());
        }
    }
    result
}
