//! Entries as items. What stands beside the entry says the same as the entry, or the item is malformed.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::LedgerError;
use crate::{
    ids::TenantId,
    metering::{Entry, Slot},
};

/// An item, as DynamoDB gives it.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const TENANT: &str = "tenant_id";
pub(super) const SLOT: &str = "slot";
pub(super) const VERSION: &str = "version";
pub(super) const FIRST: &str = "first";
const ENTRY: &str = "entry";

/// The sort key of the item that names a tenant's first slot. No slot's text: those begin with a digit.
const ORIGIN: &str = "origin";

/// What sorts after every slot and before [`ORIGIN`]: no digit is greater.
pub(super) const AFTER_SLOTS: &str = ":";

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// The key of an entry's item.
pub(super) fn key(tenant: TenantId, slot: Slot) -> Item {
    HashMap::from([
        (TENANT.to_owned(), text(&tenant.to_string())),
        (SLOT.to_owned(), text(&slot.to_string())),
    ])
}

/// An entry's item.
pub(super) fn item(entry: &Entry) -> Result<Item, LedgerError> {
    let json = serde_json::to_string(entry).map_err(|_| LedgerError::Malformed(ENTRY))?;
    let mut item = key(entry.tenant, entry.slot);
    item.extend([
        (ENTRY.to_owned(), AttributeValue::S(json)),
        (VERSION.to_owned(), AttributeValue::N(entry.version.to_string())),
    ]);
    Ok(item)
}

/// The item that names the first slot of a tenant's ledger.
pub(super) fn origin(tenant: TenantId, first: Slot) -> Item {
    HashMap::from([
        (TENANT.to_owned(), text(&tenant.to_string())),
        (SLOT.to_owned(), text(ORIGIN)),
        (FIRST.to_owned(), text(&first.to_string())),
    ])
}

/// The entry in an item of `tenant`'s.
pub(super) fn read(tenant: TenantId, item: &Item) -> Result<Entry, LedgerError> {
    let of = |name: &'static str| {
        item.get(name)
            .and_then(|value| value.as_s().ok())
            .map(String::as_str)
            .ok_or(LedgerError::Malformed(name))
    };
    let entry: Entry = serde_json::from_str(of(ENTRY)?).map_err(|_| LedgerError::Malformed(ENTRY))?;
    let version = item.get(VERSION).and_then(|value| value.as_n().ok()).map(String::as_str);
    if of(TENANT)? != tenant.to_string() || entry.tenant != tenant {
        return Err(LedgerError::Malformed(TENANT));
    }
    if of(SLOT)? != entry.slot.to_string() {
        return Err(LedgerError::Malformed(SLOT));
    }
    if version != Some(entry.version.to_string().as_str()) {
        return Err(LedgerError::Malformed(VERSION));
    }
    Ok(entry)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metering::{Measure, Quantity, Record, State};

    pub(in super::super) fn entry(slot: &str, open_since: &str) -> Entry {
        let slot: Slot = slot.parse().unwrap();
        let record = |measure: Measure| Record {
            dimension: measure.as_str().parse().unwrap(),
            measure,
            quantity: Quantity::try_from(7_u32).unwrap(),
            brought: Vec::new(),
            state: State::Sealed,
            late: 0,
            carried: 0,
        };
        Entry {
            tenant: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            slot,
            license: "arn:aws:license-manager::294406891311:license:l-0f".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
            from: Some(slot.hour),
            opening: 0,
            held: 0,
            drift: 0,
            ended: None,
            open_since: open_since.parse().unwrap(),
            records: Measure::ALL.map(record).into(),
            version: 1,
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let entry = entry("2026-11-22T10#0", "2026-11-22T10");
        let item = item(&entry).unwrap();
        assert_eq!(item["slot"], text("2026-11-22T10#0"));
        assert_eq!(read(entry.tenant, &item).unwrap(), entry);
    }

    #[test]
    fn an_item_that_contradicts_itself_is_nobodys_entry() {
        let entry = entry("2026-11-22T10#0", "2026-11-22T10");
        let other: TenantId = "ffffffffffffffffffffffffffffffff".parse().unwrap();
        let whole = item(&entry).unwrap();
        assert!(read(other, &whole).is_err(), "another tenant asks");
        for (name, value) in [
            (TENANT, text(&other.to_string())),
            (SLOT, text("2026-11-22T11#0")),
            (VERSION, AttributeValue::N("2".to_owned())),
            (ENTRY, text("{}")),
        ] {
            let mut item = whole.clone();
            item.insert(name.to_owned(), value);
            assert!(read(entry.tenant, &item).is_err(), "{name}");
            item.remove(name);
            assert!(read(entry.tenant, &item).is_err(), "no {name}");
        }
    }

    #[test]
    fn an_item_costs_one_unit_to_write() {
        let mut entry = entry("2026-11-22T10#0", "2026-11-22T10");
        entry.license = "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
            .parse()
            .unwrap();
        (entry.opening, entry.held) = (1 << 40, 1 << 40);
        for record in &mut entry.records {
            record.state = State::Accepted { id: "35155d37-56cb-423f-8554-5c4f3e3ff56d".parse().ok() };
        }
        let bytes: usize = item(&entry)
            .unwrap()
            .iter()
            .map(|(name, value)| name.len() + value.as_s().or_else(|_| value.as_n()).unwrap().len())
            .sum();
        assert!(bytes <= 1024, "{bytes}");
    }

    #[test]
    fn slots_sort_before_the_origin() {
        assert!("9999-12-31T23#9" < AFTER_SLOTS && AFTER_SLOTS < ORIGIN);
    }
}
