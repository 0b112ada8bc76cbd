//! The tables, as far as metering uses DynamoDB: conditional puts, transactions of them, strongly consistent
//! queries. Nothing else, so that the real shell can do no less.

use std::collections::BTreeMap;

use shared::{
    ids::TenantId,
    metering::{Entry, Hour, Measure, Slot, UsageEvent, Write},
};

/// The key of a usage event: its partition and its sort key.
type UsageKey = (TenantId, String);

#[derive(Debug, Default)]
pub(crate) struct Store {
    entries: BTreeMap<(TenantId, Slot), Entry>,
    origins: BTreeMap<TenantId, Slot>,
    usage: BTreeMap<UsageKey, UsageEvent>,
}

impl Store {
    /// In the transaction of its effect; the effect's own condition is the caller's.
    pub(crate) fn put_usage(&mut self, tenant: TenantId, event: UsageEvent) {
        self.usage.insert((tenant, event.sort_key()), event);
    }

    /// Query on `tenant_id` and `usage#FROM#` to `usage#TO#…`, a page at a time.
    pub(crate) fn usage(
        &self,
        tenant: TenantId,
        from: Option<Hour>,
        to: Hour,
        after: Option<&str>,
        page: usize,
    ) -> (Vec<UsageEvent>, Option<String>) {
        let low = from.map_or_else(|| "usage#".to_owned(), |from| format!("usage#{from}#"));
        let low = after.map_or(low, |after| format!("{after}\0"));
        let high = format!("usage#{}#", to.next());
        if low >= high {
            return (Vec::new(), None);
        }
        let mut found = self.usage.range((tenant, low)..(tenant, high)).peekable();
        let part: Vec<UsageEvent> = found.by_ref().take(page).map(|(_, event)| event.clone()).collect();
        let next = found.peek().and(part.last()).map(UsageEvent::sort_key);
        (part, next)
    }

    /// All of an hour or of the hours up to it, as they are now.
    pub(crate) fn used(&self, tenant: TenantId, measure: Measure, hours: impl Fn(Hour) -> bool) -> i64 {
        let of_tenant = (tenant, String::new())..=(tenant, "~".to_owned());
        let events = self.usage.range(of_tenant).map(|(_, event)| event);
        events.filter(|event| event.measure() == measure && hours(event.hour())).map(UsageEvent::amount).sum()
    }

    pub(crate) fn of_tenant(&self, tenant: TenantId) -> impl DoubleEndedIterator<Item = &Entry> {
        let all = (tenant, Slot::first(Hour::MAX.back(u32::MAX)))
            ..=(tenant, Slot { hour: Hour::MAX, turn: u8::MAX });
        self.entries.range(all).map(|(_, entry)| entry)
    }

    pub(crate) fn newest(&self, tenant: TenantId, back: u32) -> Vec<Entry> {
        let Some(newest) = self.of_tenant(tenant).next_back() else { return Vec::new() };
        let from = newest.open_since.min(newest.slot.hour.back(back));
        let mut found: Vec<Entry> = Vec::new();
        for entry in self.of_tenant(tenant).rev() {
            found.push(entry.clone());
            if entry.slot.hour < from {
                break;
            }
        }
        found.reverse();
        found
    }

    /// The condition of every put: version 1 where there is nothing, or the version after the one that is there.
    fn takes(&self, entry: &Entry) -> bool {
        let there = self.entries.get(&(entry.tenant, entry.slot)).map_or(0, |there| there.version);
        there + 1 == entry.version
    }

    pub(crate) fn seal(&mut self, entry: &Entry, changed: &[Entry]) -> Write {
        let origin = self.origins.get(&entry.tenant).is_none_or(|slot| *slot == entry.slot);
        let fits = self.takes(entry) && changed.iter().all(|one| self.takes(one));
        if !fits || (entry.is_first() && !origin) {
            return Write::Lost(None);
        }
        if entry.is_first() {
            self.origins.insert(entry.tenant, entry.slot);
        }
        for one in changed.iter().chain([entry]) {
            self.overwrite(one.clone());
        }
        Write::Done
    }

    pub(crate) fn replace(&mut self, entry: &Entry) -> Write {
        if !self.takes(entry) {
            return Write::Lost(self.entries.get(&(entry.tenant, entry.slot)).cloned().map(Box::new));
        }
        self.overwrite(entry.clone());
        Write::Done
    }

    /// Without a condition: only a planted defect does that.
    pub(crate) fn overwrite(&mut self, entry: Entry) {
        self.entries.insert((entry.tenant, entry.slot), entry);
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}
