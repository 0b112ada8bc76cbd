//! One `UsageRecord`, read and held to the rules that need no more than itself.
//!
//! Records are those of products listed since June 2026: account and licence, no `CustomerIdentifier`, not even an
//! empty one. `QuantityAsDecimal` (November 2026) is refused rather than overlooked.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::clock;
use crate::fault::{Exception, Fault};
use crate::wire::Members;

/// "UsageAllocations: minimum 1, maximum 2500" per record.
const ALLOCATIONS_MAX: usize = 2_500;
/// At most five tags per allocation, and five keys across a record (vendor-metered tagging).
const TAGS_MAX: usize = 5;
const TAG_KEY_CHARACTERS_MAX: usize = 100;
const TAG_VALUE_CHARACTERS_MAX: usize = 256;
const DIMENSION_CHARACTERS_MAX: usize = 255;

/// What a record says.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    pub(super) account: String,
    pub(super) license: String,
    pub(super) dimension: String,
    /// Seconds since 1970.
    pub(super) stamp: i64,
    /// The beginning of its clock hour.
    pub(super) hour: i64,
    pub(super) quantity: u32,
    /// The record as it came, for the answer.
    pub(super) record: Value,
}

pub(super) fn read(record: &Members<'_>) -> Result<Usage, Fault> {
    if record.has("CustomerIdentifier") {
        let message = "CustomerIdentifier is not supported for this product; leave it out, the empty one too";
        return Err(Fault::new(Exception::InvalidCustomerIdentifier, message));
    }
    let stamp = record.epoch_seconds("Timestamp")?.ok_or_else(|| record.missing("Timestamp"))?;
    let dimension = record.required_text("Dimension")?;
    if dimension.chars().count() > DIMENSION_CHARACTERS_MAX {
        return Err(Fault::invalid(&record.path("Dimension"), "must have at most 255 characters"));
    }
    if record.has("QuantityAsDecimal") {
        let why = "is not provided by the local Marketplace";
        return Err(Fault::invalid(&record.path("QuantityAsDecimal"), why));
    }
    let quantity = quantity(record, "Quantity")?.unwrap_or(0);
    let account = record.text("CustomerAWSAccountId")?.unwrap_or_default();
    if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("{} must be an account", record.path("CustomerAWSAccountId"));
        return Err(Fault::new(Exception::InvalidCustomerIdentifier, message));
    }
    let license = record.text("LicenseArn")?.unwrap_or_default();
    if license.is_empty() {
        let message = format!("{} must name a licence", record.path("LicenseArn"));
        return Err(Fault::new(Exception::InvalidLicense, message));
    }
    allocations(record, quantity)?;
    Ok(Usage {
        account: account.to_owned(),
        license: license.to_owned(),
        dimension: dimension.to_owned(),
        stamp,
        hour: clock::hour_of(stamp),
        quantity,
        record: record.value(),
    })
}

/// A `UsageQuantity`: 0 to 2 147 483 647.
fn quantity(members: &Members<'_>, name: &str) -> Result<Option<u32>, Fault> {
    let within = |number: i64| i32::try_from(number).ok().and_then(|number| u32::try_from(number).ok());
    members
        .integer(name)?
        .map(|number| {
            within(number).ok_or_else(|| Fault::invalid(&members.path(name), "must be from 0 to 2147483647"))
        })
        .transpose()
}

/// The split of a quantity into tagged buckets, if there is one: it has to add up, and no two buckets be one.
fn allocations(record: &Members<'_>, quantity_of_all: u32) -> Result<(), Fault> {
    let Some(allocations) = record.objects("UsageAllocations")? else { return Ok(()) };
    let wrong = |message: &str| Fault::new(Exception::InvalidUsageAllocations, message);
    if allocations.is_empty() || allocations.len() > ALLOCATIONS_MAX {
        return Err(wrong("a record has 1 to 2500 usage allocations"));
    }
    let (mut sum, mut buckets, mut keys) = (0_u64, BTreeSet::new(), BTreeSet::new());
    for allocation in &allocations {
        if allocation.has("AllocatedUsageQuantityAsDecimal") {
            return Err(wrong("decimal quantities are not provided by the local Marketplace"));
        }
        let part = quantity(allocation, "AllocatedUsageQuantity")?;
        sum += u64::from(part.ok_or_else(|| allocation.missing("AllocatedUsageQuantity"))?);
        let tags = tags(allocation)?;
        keys.extend(tags.iter().map(|(key, _)| key.clone()));
        if !buckets.insert(tags) {
            return Err(wrong("two usage allocations have the same tags"));
        }
    }
    if keys.len() > TAGS_MAX {
        return Err(Fault::new(Exception::InvalidTag, "a record has at most 5 tag keys"));
    }
    if sum != u64::from(quantity_of_all) {
        return Err(wrong("the allocated quantities do not add up to the record's"));
    }
    Ok(())
}

/// The tags of one bucket; none for the bucket of what has no tags.
fn tags(allocation: &Members<'_>) -> Result<BTreeSet<(String, String)>, Fault> {
    let Some(list) = allocation.objects("Tags")? else { return Ok(BTreeSet::new()) };
    let wrong = |message: &str| Fault::new(Exception::InvalidTag, message);
    if list.is_empty() || list.len() > TAGS_MAX {
        return Err(wrong("an allocation has 1 to 5 tags, or leaves `Tags` out"));
    }
    let fits = |text: &str, characters_max: usize| {
        let known = |c: char| c.is_ascii_alphanumeric() || "+ -=._:/@".contains(c);
        (1..=characters_max).contains(&text.chars().count()) && text.chars().all(known)
    };
    let (mut tags, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for tag in &list {
        let (key, value) = (tag.text("Key")?.unwrap_or_default(), tag.text("Value")?.unwrap_or_default());
        if !fits(key, TAG_KEY_CHARACTERS_MAX) || !fits(value, TAG_VALUE_CHARACTERS_MAX) {
            return Err(wrong(
                "a tag has a key of 1 to 100 and a value of 1 to 256 of letters, digits and + -=._:/@",
            ));
        }
        if !keys.insert(key.to_owned()) {
            return Err(wrong("an allocation names a tag key twice"));
        }
        tags.insert((key.to_owned(), value.to_owned()));
    }
    Ok(tags)
}
