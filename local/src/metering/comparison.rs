//! Used, sealed and billed, side by side: for every licence, dimension and hour the same, or a difference with a name.
//! Pure.
//!
//! It adds up usage by itself, from the events alone, so that a fault in how hours are sealed shows here. What it
//! takes from the ledger is only which hours there are, and which of them was a subscription's last.

use shared::{
    marketplace::ids::LicenseArn,
    metering::{Dimensions, Entry, Hour, Measure, Record, State, UsageEvent},
};

/// Bytes of a GiB.
const GIB: i64 = 1 << 30;
/// The state of an hour that is not sealed.
const OPEN: &str = "open";

/// What is known of one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The licence that is asked about: its tenant's newest, or only one.
    pub license: LicenseArn,
    /// What was used, in any order.
    pub events: Vec<UsageEvent>,
    /// What was sealed, oldest first.
    pub entries: Vec<Entry>,
    /// What is billed, for any licence of the tenant.
    pub billed: Vec<Billed>,
}

/// A line of the Marketplace's bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    /// The licence that is billed.
    pub license: LicenseArn,
    /// The dimension.
    pub dimension: String,
    /// The hour.
    pub hour: Hour,
    /// The units.
    pub quantity: i64,
    /// The id that the seller was given.
    pub id: String,
}

/// One dimension of one hour of a licence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The licence.
    pub license: String,
    /// The hour: `2026-11-22T10`.
    pub hour: Hour,
    /// As listed.
    pub dimension: String,
    /// How much was used, as the events have it now; of a level: held at the hour's end.
    pub used: i64,
    /// What was sealed; none while the hour is open.
    pub sealed: Option<i64>,
    /// What was sent of it, as far as that is known.
    pub sent: Option<i64>,
    /// What became of it, as the ledger calls it; `open` while the hour is, `not ours` of what only the bill has.
    pub state: &'static str,
    /// What is on the bill.
    pub billed: Option<i64>,
    /// The Marketplace's id of it, as the ledger has it.
    pub id: Option<String>,
    /// Whether used, sealed and billed are the same.
    pub agrees: bool,
}

impl Account {
    /// The rows, by hour; the open hours, in which something was used, at the end.
    #[must_use]
    pub fn rows(&self, dimensions: &Dimensions) -> Vec<Row> {
        let mut rows = Vec::new();
        for (nth, entry) in self.entries.iter().enumerate() {
            for record in &entry.records {
                rows.push(self.row(nth, entry, record));
            }
        }
        let newest = self.entries.last();
        let is_over = newest.is_some_and(|entry| entry.ended.is_some());
        let is_open = |hour: Hour| newest.is_none_or(|entry| entry.slot.hour < hour && !is_over);
        let mut open: Vec<Hour> =
            self.events.iter().map(UsageEvent::hour).filter(|hour| is_open(*hour)).collect();
        open.sort_unstable();
        open.dedup();
        for hour in open {
            for (measure, dimension) in dimensions.iter() {
                let used = self.sum(measure, (!measure.is_level()).then_some(hour), hour);
                rows.push(self.finished(Row {
                    license: self.license.to_string(),
                    hour,
                    dimension: dimension.to_string(),
                    used: if measure.is_level() { gib(used) } else { used },
                    sealed: None,
                    sent: None,
                    state: OPEN,
                    billed: None,
                    id: None,
                    agrees: false,
                }));
            }
        }
        let of_none = |billed: &&Billed| {
            !rows.iter().any(|row| {
                row.hour == billed.hour
                    && row.dimension == billed.dimension
                    && row.license == billed.license.as_str()
            })
        };
        let foreign: Vec<Row> = self
            .billed
            .iter()
            .filter(of_none)
            .map(|billed| Row {
                license: billed.license.to_string(),
                hour: billed.hour,
                dimension: billed.dimension.clone(),
                used: 0,
                sealed: None,
                sent: None,
                state: "not ours",
                billed: Some(billed.quantity),
                id: None,
                agrees: false,
            })
            .collect();
        rows.extend(foreign);
        rows
    }

    fn row(&self, nth: usize, entry: &Entry, record: &Record) -> Row {
        let hour = entry.slot.hour;
        let measure = record.measure;
        // Its span: from the hour after the entry before it; of a subscription's last entry up to the next one's.
        let earlier = self.entries.iter().take(nth).rev();
        let from = earlier.clone().find(|one| one.slot.hour < hour).map(|one| self.end_of_span(one).next());
        let to = self.end_of_span(entry);
        let used =
            if measure.is_level() { gib(self.sum(measure, None, hour)) } else { self.sum(measure, from, to) };
        // What the licences before it in the same hour were sealed with is theirs.
        let same = earlier.take_while(|one| one.slot.hour == hour);
        let taken: i64 = same.filter_map(|one| one.record(measure)).map(Record::own).sum();
        let rest = (used - taken).max(0);
        // And what the hour has more than it was sealed with is those after it.
        let shares = self.entries.get(nth + 1).is_some_and(|next| next.slot.hour == hour);
        let used = if shares { rest.min(record.own()) } else { rest };
        let brought: i64 = record.brought.iter().map(|one| one.units).sum();
        self.finished(Row {
            license: entry.license.to_string(),
            hour,
            dimension: record.dimension.to_string(),
            // What was carried into this hour was used earlier, and is billed here; and the other way round.
            used: used + brought - record.carried,
            sealed: Some(i64::from(record.quantity)),
            sent: was_sent(&record.state).then_some(i64::from(record.quantity)),
            state: record.state.as_str(),
            billed: None,
            id: id(&record.state),
            agrees: false,
        })
    }

    /// The last hour whose events are an entry's.
    fn end_of_span(&self, entry: &Entry) -> Hour {
        if entry.ended.is_none() {
            return entry.slot.hour;
        }
        let next = self.entries.iter().find(|one| one.slot.hour > entry.slot.hour);
        next.and_then(|next| next.from).map_or(Hour::MAX, Hour::prev).max(entry.slot.hour)
    }

    fn finished(&self, row: Row) -> Row {
        let billed = self.billed.iter().find(|billed| {
            billed.hour == row.hour
                && billed.dimension == row.dimension
                && billed.license.as_str() == row.license
        });
        let quantity = billed.map(|billed| billed.quantity);
        let same_id = row.id.is_none() || row.id.as_deref() == billed.map(|billed| billed.id.as_str());
        let is_settled = matches!(row.state, "accepted" | "accepted_as_duplicate")
            && row.sealed.is_some()
            && quantity == row.sealed
            && same_id;
        let is_idle = row.state == "idle" && quantity.is_none() && row.sealed == Some(0);
        let agrees = row.sealed == Some(row.used) && (is_settled || is_idle);
        Row { billed: quantity, agrees, ..row }
    }

    fn sum(&self, measure: Measure, from: Option<Hour>, to: Hour) -> i64 {
        self.events
            .iter()
            .filter(|event| event.measure() == measure)
            .filter(|event| from.is_none_or(|from| event.hour() >= from) && event.hour() <= to)
            .map(UsageEvent::amount)
            .sum()
    }
}

/// Whole GiB that hold so many bytes.
fn gib(bytes: i64) -> i64 {
    bytes.max(0) / GIB + i64::from(bytes > 0 && bytes % GIB != 0)
}

fn was_sent(state: &State) -> bool {
    !matches!(state, State::Idle | State::Sealed | State::Expired { .. })
}

fn id(state: &State) -> Option<String> {
    match state {
        State::Accepted { id } => id.as_ref().map(ToString::to_string),
        _ => None,
    }
}

impl Row {
    /// Whether its hour can still change: what differs then is no difference.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == OPEN
    }

    /// One line of JSON.
    #[must_use]
    pub fn as_json(&self) -> String {
        // Plain fields always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// One line of a table; [`HEAD`] stands above it.
    #[must_use]
    pub fn as_line(&self) -> String {
        let mark = match (self.agrees, self.is_open()) {
            (true, _) => "✔",
            (false, true) => "…",
            (false, false) => "✘",
        };
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let license = self.license.rsplit_once(':').map_or(self.license.as_str(), |(_, id)| id);
        let short: String = license.chars().take(10).collect();
        format!(
            "  {mark} {short:<10}  {}  {:<20} {:>8} {:>8} {:>8} {:>8}   {}",
            self.hour,
            self.dimension,
            self.used,
            number(self.sealed),
            number(self.sent),
            number(self.billed),
            self.state,
        )
    }
}

/// What stands above the lines of a table.
pub const HEAD: &str =
    "    licence     hour           dimension                used   sealed     sent   billed   state";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LICENSE: &str = "arn:aws:license-manager::294406891311:license:l-0f";

    fn dimensions() -> Dimensions {
        "documents_added=docs,storage_gib_hours=gib".parse().unwrap()
    }

    fn event(id: &str, measure: Measure, amount: i64, hour: &str) -> UsageEvent {
        UsageEvent::new(id.parse().unwrap(), measure, amount, hour.parse().unwrap()).unwrap()
    }

    fn entry(hour: &str, docs: u32, gib: u32) -> Entry {
        let record = |measure: &str, dimension: &str, quantity: u32| {
            json!({
                "dimension": dimension, "measure": measure, "quantity": quantity,
                "state": { "is": "accepted", "id": format!("{dimension}-{hour}") }, "late": 0, "carried": 0,
            })
        };
        serde_json::from_value(json!({
            "tenant": "0123456789abcdef0123456789abcdef", "slot": format!("{hour}#0"), "license": LICENSE,
            "account": "111122223333", "from": hour, "opening": 0, "held": 0, "drift": 0, "open_since": hour,
            "records": [record("documents_added", "docs", docs), record("storage_gib_hours", "gib", gib)],
            "version": 1,
        }))
        .unwrap()
    }

    fn billed(hour: &str, dimension: &str, quantity: i64) -> Billed {
        Billed {
            license: LICENSE.parse().unwrap(),
            dimension: dimension.to_owned(),
            hour: hour.parse().unwrap(),
            quantity,
            id: format!("{dimension}-{hour}"),
        }
    }

    fn account() -> Account {
        let (ten, eleven) = ("2026-11-22T10", "2026-11-22T11");
        Account {
            license: LICENSE.parse().unwrap(),
            events: vec![
                event("a", Measure::DocumentsAdded, 2, ten),
                event("b", Measure::StorageGibHours, GIB + 1, ten),
                event("c", Measure::StorageGibHours, -GIB, eleven),
            ],
            entries: vec![entry(ten, 2, 2), entry(eleven, 0, 1)],
            billed: vec![
                billed(ten, "docs", 2),
                billed(ten, "gib", 2),
                billed(eleven, "docs", 0),
                billed(eleven, "gib", 1),
            ],
        }
    }

    fn wrong(account: &Account) -> Vec<(String, i64, Option<i64>, Option<i64>)> {
        let rows = account.rows(&dimensions()).into_iter().filter(|row| !row.agrees);
        rows.map(|row| (format!("{} {}", row.hour, row.dimension), row.used, row.sealed, row.billed))
            .collect()
    }

    #[test]
    fn what_was_used_sealed_and_billed_alike_agrees() {
        assert_eq!(wrong(&account()), []);
        assert_eq!(account().rows(&dimensions()).len(), 4);
    }

    #[test]
    fn whatever_differs_is_told_with_its_numbers() {
        let ten_docs = || "2026-11-22T10 docs".to_owned();
        let mut lost = account();
        lost.billed.remove(0);
        assert_eq!(wrong(&lost), [(ten_docs(), 2, Some(2), None)]);
        let mut other = account();
        other.billed[0].quantity = 3;
        assert_eq!(wrong(&other), [(ten_docs(), 2, Some(2), Some(3))]);
        let mut late = account();
        late.events.push(event("d", Measure::DocumentsAdded, 1, "2026-11-22T10"));
        assert_eq!(wrong(&late), [(ten_docs(), 3, Some(2), Some(2))]);
        let mut another_id = account();
        another_id.billed[0].id = "not-ours".to_owned();
        assert_eq!(wrong(&another_id), [(ten_docs(), 2, Some(2), Some(2))]);
        let mut nobodys = account();
        nobodys.billed.push(billed("2026-11-22T09", "docs", 5));
        assert_eq!(wrong(&nobodys), [("2026-11-22T09 docs".to_owned(), 0, None, Some(5))]);
    }

    #[test]
    fn usage_before_the_first_hour_is_in_it_and_after_the_end_in_the_last() {
        let mut account = account();
        account.events.push(event("early", Measure::DocumentsAdded, 4, "2026-11-22T09"));
        account.events.push(event("after", Measure::DocumentsAdded, 1, "2026-11-22T15"));
        let open = ("2026-11-22T15 docs".to_owned(), 1, None, None);
        assert_eq!(wrong(&account)[0], ("2026-11-22T10 docs".to_owned(), 6, Some(2), Some(2)));
        assert_eq!(wrong(&account)[1], open, "an open hour");
        account.entries[1].ended = Some(Hour::of("2026-11-22T11".parse::<Hour>().unwrap().start()).start());
        let late = ("2026-11-22T11 docs".to_owned(), 1, Some(0), Some(0));
        assert_eq!(wrong(&account)[1..], [late]);
    }

    #[test]
    fn licences_that_share_an_hour_have_it_between_them() {
        let mut account = account();
        let ten = "2026-11-22T10";
        account.entries.truncate(1);
        account.entries[0].ended = Some(ten.parse::<Hour>().unwrap().start().plus(1800));
        let mut second = entry(ten, 3, 0);
        second.slot = format!("{ten}#1").parse().unwrap();
        second.license = format!("{LICENSE}-2").parse().unwrap();
        account.billed.truncate(2);
        for (dimension, quantity) in [("docs", 3), ("gib", 0)] {
            account
                .billed
                .push(Billed { license: second.license.clone(), ..billed(ten, dimension, quantity) });
        }
        account.entries.push(second);
        account.events = vec![
            event("a", Measure::DocumentsAdded, 5, ten),
            event("b", Measure::StorageGibHours, GIB + 1, ten),
        ];
        assert_eq!(wrong(&account), [], "two on one bill, three on the other");
        account.events.push(event("c", Measure::DocumentsAdded, 1, ten));
        assert_eq!(wrong(&account), [(format!("{ten} docs"), 4, Some(3), Some(3))], "late for the second");
        account.events.truncate(2);
        account.events[0] = event("a", Measure::DocumentsAdded, 1, ten);
        let too_much =
            [(format!("{ten} docs"), 1, Some(2), Some(2)), (format!("{ten} docs"), 0, Some(3), Some(3))];
        assert_eq!(wrong(&account), too_much);
    }

    #[test]
    fn a_level_is_in_whole_gib_and_none_for_none() {
        assert_eq!([i64::MIN, -1, 0, 1, GIB, GIB + 1].map(gib), [0, 0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_line_says_whether_it_agrees() {
        let mut lost = account();
        lost.billed.remove(0);
        let rows = lost.rows(&dimensions());
        assert!(rows[0].as_line().starts_with("  ✘ l-0f") && rows[1].as_line().starts_with("  ✔ l-0f"));
        assert!(rows[0].as_json().contains(r#""billed":null"#), "{}", rows[0].as_json());
    }
}
