//! `SearchAgreements`: the seller's agreements, filtered and page by page.
//!
//! "A proposer can use any combination of the preceding filters along with AgreementType, which is required";
//! `PartyType` is asked for as well (`MISSING_PARTY_TYPE`). A page ends at its last item's place in the order that
//! was asked for, and its token is good for the same filters and order only.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use crate::agreement::Agreement;
use crate::clock;
use crate::fault::Fault;
use crate::market::Market;
use crate::operations::agreements::{common, instant, max_results};
use crate::operations::ordered_to_fail;
use crate::wire::Members;

const FILTERS_MAX: usize = 10;

/// Every filter of the model.
const FILTERS: [&str; 18] = [
    "AcceptorAccountId",
    "AfterEndTime",
    "AfterLastUpdateTime",
    "AfterStartTime",
    "AgreementType",
    "BeforeEndTime",
    "BeforeLastUpdateTime",
    "BeforeStartTime",
    "EndTimeBehaviorReasonCode",
    "EndTimeBehaviorType",
    "InitialAgreementId",
    "LicenseArn",
    "OfferId",
    "OfferSetId",
    "PartyType",
    "ResourceIdentifier",
    "ResourceType",
    "Status",
];

const STATUSES: [&str; 9] = [
    "ACTIVE",
    "ARCHIVED",
    "CANCELLED",
    "EXPIRED",
    "RENEWED",
    "REPLACED",
    "ROLLED_BACK",
    "SUPERSEDED",
    "TERMINATED",
];

/// By what the list is ordered; agreements of equal rank by their age.
#[derive(Debug, Clone, Copy, Hash)]
enum SortBy {
    /// No agreement here has an end, so this is their age alone.
    End,
    Start,
    Update,
}

pub(super) fn search(market: &mut Market, input: &Members<'_>) -> Result<Value, Fault> {
    if input.text("catalog")?.is_some_and(|catalog| catalog != "AWSMarketplace") {
        return Err(Fault::reasoned("INVALID_CATALOG", "catalog", "must be `AWSMarketplace`"));
    }
    let limit = max_results(input)?;
    let filters = filters(input)?;
    let (sort_by, descending) = sort(input)?;
    let asked = of(&(&filters, sort_by, descending));
    let after = match input.text("nextToken")? {
        None => None,
        Some(token) => Some(read_token(token, asked).ok_or_else(|| {
            Fault::reasoned("INVALID_NEXT_TOKEN", "nextToken", "is not a token of this list")
        })?),
    };
    let license = filters.iter().find(|(name, _)| name == "LicenseArn").map(|(_, value)| value.as_str());
    ordered_to_fail(market, "SearchAgreements", license.as_slice())?;

    let candidates: Vec<&Agreement> = match license {
        Some(license) => market.licensed(license).into_iter().collect(),
        None => market.in_order.iter().filter_map(|id| market.agreements.get(id)).collect(),
    };
    let mut found: Vec<(Place, &Agreement)> =
        candidates.into_iter().map(|agreement| (place(agreement, sort_by), agreement)).collect();
    // By age they are in order as they come, which is every reconciliation's case.
    found.sort_by_key(|(place, _)| *place);
    if descending {
        found.reverse();
    }
    let beyond =
        |place: Place| after.is_none_or(|after| if descending { place < after } else { place > after });
    let mut rest = found.into_iter().filter(|(place, agreement)| {
        beyond(*place) && filters.iter().all(|(name, value)| keeps(market, agreement, name, value))
    });
    let page: Vec<(Place, &Agreement)> = rest.by_ref().take(limit).collect();
    let summaries: Vec<Value> = page.iter().map(|(_, agreement)| summary(market, agreement)).collect();
    let mut answer = json!({ "agreementViewSummaries": summaries });
    if let (Some((last, _)), true, Value::Object(members)) = (page.last(), rest.next().is_some(), &mut answer)
    {
        members.insert("nextToken".into(), token(*last, asked).into());
    }
    Ok(answer)
}

fn summary(market: &Market, agreement: &Agreement) -> Value {
    let mut members = common(market, agreement);
    members.insert("lastUpdateTime".into(), instant(agreement.updated).into());
    members.insert("entitlements".into(), json!([{ "licenseArn": agreement.license }]));
    Value::Object(members)
}

/// Names and values, each name once.
fn filters(input: &Members<'_>) -> Result<Vec<(String, String)>, Fault> {
    let list = input.objects("filters")?.unwrap_or_default();
    if list.len() > FILTERS_MAX {
        return Err(Fault::reasoned("INVALID_FILTERS", "filters", "must have at most 10 items"));
    }
    let mut filters: Vec<(String, String)> = Vec::new();
    for filter in &list {
        let path = filter.path("name");
        let name = filter.text("name")?.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Fault::reasoned("MISSING_FILTER_NAME", &path, "must not be null"))?;
        if !FILTERS.contains(&name) {
            return Err(Fault::reasoned("INVALID_FILTER_NAME", &path, "is not a filter of the service"));
        }
        if filters.iter().any(|(known, _)| known == name) {
            return Err(Fault::reasoned("INVALID_FILTERS", &path, "occurs twice"));
        }
        let path = filter.path("values");
        let values = filter.list("values")?.unwrap_or_default();
        let [Value::String(value)] = values else {
            return Err(Fault::reasoned("INVALID_FILTER_VALUES", &path, "must be exactly one text"));
        };
        let known = match name {
            "PartyType" => ["Proposer", "Acceptor"].contains(&value.as_str()),
            "AgreementType" => value == "PurchaseAgreement",
            "Status" => STATUSES.contains(&value.as_str()),
            _ if name.starts_with("After") || name.starts_with("Before") => clock::read(value).is_some(),
            _ => !value.is_empty(),
        };
        if !known {
            return Err(Fault::reasoned("INVALID_FILTER_VALUES", &path, "is no value of this filter"));
        }
        filters.push((name.to_owned(), value.clone()));
    }
    let has = |name: &str| filters.iter().any(|(known, _)| known == name);
    if !has("AgreementType") {
        return Err(Fault::reasoned("UNSUPPORTED_FILTERS", "filters", "must have an `AgreementType`"));
    }
    if !has("PartyType") {
        return Err(Fault::reasoned("MISSING_PARTY_TYPE", "filters", "must have a `PartyType`"));
    }
    Ok(filters)
}

/// Whether an agreement passes one filter. The seller has bought nothing, so as acceptor it has no agreements; none
/// here ends, is part of an offer set, or has an end's behaviour.
fn keeps(market: &Market, agreement: &Agreement, name: &str, value: &str) -> bool {
    let time = || clock::read(value);
    match name {
        "PartyType" => value == "Proposer",
        "AgreementType" => true,
        "AcceptorAccountId" => agreement.account == value,
        "InitialAgreementId" => agreement.initial == value,
        "LicenseArn" => agreement.license == value,
        "OfferId" => agreement.offer == value,
        "ResourceIdentifier" => {
            market.products.get(&agreement.product).is_some_and(|product| product.id == value)
        }
        "ResourceType" => value == "SaaSProduct",
        "Status" => agreement.status.name() == value,
        "AfterStartTime" => time().is_some_and(|time| agreement.accepted > time),
        "BeforeStartTime" => time().is_some_and(|time| agreement.accepted < time),
        "AfterLastUpdateTime" => time().is_some_and(|time| agreement.updated > time),
        "BeforeLastUpdateTime" => time().is_some_and(|time| agreement.updated < time),
        _ => false,
    }
}

fn sort(input: &Members<'_>) -> Result<(SortBy, bool), Fault> {
    let Some(sort) = input.object("sort")? else { return Ok((SortBy::End, false)) };
    let by = match sort.text("sortBy")? {
        None | Some("EndTime") => SortBy::End,
        Some("StartTime") => SortBy::Start,
        Some("LastUpdateTime") => SortBy::Update,
        Some(_) => {
            let why = "must be EndTime, StartTime or LastUpdateTime";
            return Err(Fault::reasoned("INVALID_SORT_BY", "sort.sortBy", why));
        }
    };
    let descending = match sort.text("sortOrder")? {
        None | Some("ASCENDING") => false,
        Some("DESCENDING") => true,
        Some(_) => {
            let why = "must be ASCENDING or DESCENDING";
            return Err(Fault::reasoned("INVALID_SORT_ORDER", "sort.sortOrder", why));
        }
    };
    Ok((by, descending))
}

/// An agreement's place in the list: what it is sorted by, and its age.
type Place = (i128, u64);

fn place(agreement: &Agreement, by: SortBy) -> Place {
    let rank = match by {
        SortBy::End => 0,
        SortBy::Start => agreement.accepted.unix_timestamp_nanos(),
        SortBy::Update => agreement.updated.unix_timestamp_nanos(),
    };
    (rank, agreement.number)
}

fn of(asked: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    asked.hash(&mut hasher);
    hasher.finish()
}

/// In the letters that the model allows a token.
fn token((rank, number): Place, asked: u64) -> String {
    format!("{rank}_{number}_{asked:016x}")
}

fn read_token(token: &str, asked: u64) -> Option<Place> {
    let mut parts = token.split('_');
    let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let of = u64::from_str_radix(parts.next()?, 16).ok()?;
    (of == asked && parts.next().is_none()).then_some(place)
}
