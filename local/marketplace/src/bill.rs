//! What the buyers will be billed: one line for a licence, a dimension and an hour, and its quantity never changes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::Serializer;
use time::OffsetDateTime;

use crate::clock;

/// One line of the bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// The buyer's account.
    pub account: String,
    /// The licence that was metered.
    pub license_arn: String,
    /// Its product's code.
    pub product_code: String,
    /// The dimension.
    pub dimension: String,
    /// The beginning of the clock hour; RFC 3339 in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub hour: OffsetDateTime,
    /// The units billed for it, 0 included.
    pub quantity: u32,
    /// The id that the seller was given.
    pub metering_record_id: String,
    /// When the record came, by the Marketplace's clock; RFC 3339 in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub received: OffsetDateTime,
}

fn rfc3339<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::seconds(*at))
}

/// Licence, beginning of the hour in seconds since 1970, dimension. The licence stands for the account, whose it is.
type Key = (String, i64, String);

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Bill(BTreeMap<Key, BillLine>);

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Billed {
    /// It is on the bill under this id, now or since before.
    Success(String),
    /// Another quantity is on the bill for this hour. First write wins.
    Duplicate,
}

impl Bill {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts a line on the bill, if there is none for its licence, dimension and hour.
    ///
    /// "Multiple requests with the same UsageRecords as input will be de-duplicated to prevent double charges";
    /// `DuplicateRecord` is "the same customer, dimension, and time, but a different quantity" (metering model).
    pub(crate) fn write(&mut self, hour: i64, line: BillLine) -> Billed {
        let key = (line.license_arn.clone(), hour, line.dimension.clone());
        let kept = self.0.entry(key).or_insert_with(|| line.clone());
        if kept.quantity == line.quantity {
            Billed::Success(kept.metering_record_id.clone())
        } else {
            Billed::Duplicate
        }
    }

    /// The lines of one licence, or all, by licence, hour and dimension.
    pub(crate) fn lines(&self, license: Option<&str>) -> Vec<BillLine> {
        match license {
            None => self.0.values().cloned().collect(),
            Some(license) => self
                .0
                .range((license.to_owned(), i64::MIN, String::new())..)
                .take_while(|((of, ..), _)| of == license)
                .map(|(_, line)| line.clone())
                .collect(),
        }
    }
}
