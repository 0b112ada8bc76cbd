//! A measured run: what many licences cost in time, calls, units of DynamoDB and memory.
//!
//! Two hours in a row are metered by the real function. The first begins a ledger for each licence, which costs a
//! transaction; the second is what every later hour is. Calls are the gateway's count; units follow from them and from
//! the items' sizes, by DynamoDB's rules: a strongly consistent read has 4 KiB a unit, a write 1 KiB, and twice as
//! much in a transaction.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use shared::{
    clock::Clock,
    metering::{
        Entry, Hour, Second,
        hour::{WRITE_LASTS_S, grace_s},
    },
};
use tokio::task::JoinSet;

use super::{
    Aggregator, Books, Buyers, Licensed, MeteringError, Setting, Trace,
    play::{is_complete, some_usage},
};
use crate::{account::Details, doors::Doors};

/// Tasks at once that make licences, or read accounts.
const AT_ONCE: usize = 8;
/// As many licences as the function takes by name in one invocation.
const LICENSES_AT_ONCE: usize = 1_000;
/// Longer than any function may run, so that what is measured is one run.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Bytes of a usage event's item, and of a licence's and its agreement's, rounded up.
const EVENT_BYTES: u64 = 220;
const SUBSCRIPTION_BYTES: u64 = 900;
/// Bytes of an item's keys and names beside an entry's JSON.
const ENTRY_OVERHEAD: u64 = 90;

/// What one hour cost.
#[derive(Debug, Clone, Default)]
struct Cost {
    records: u64,
    seconds: f64,
    calls: BTreeMap<String, u64>,
    read_units: u64,
    write_units: u64,
    memory: Option<u64>,
}

/// What came of it.
pub(super) struct Measured {
    licenses: u32,
    first: Cost,
    later: Cost,
    differences: usize,
}

/// Measures it.
pub(super) async fn measure(
    details: &Details,
    licenses: u32,
    tell: &mut dyn FnMut(&str),
) -> Result<Measured, MeteringError> {
    let books = Books::of(details).await?;
    let buyers = Buyers::of(details)?;
    let last = Hour::closed_at(Second::from(Clock::system().now()), grace_s(WRITE_LASTS_S));
    let first = last.prev();
    let begun = Instant::now();
    let bought = in_parallel(0..licenses, move |_| {
        let buyers = buyers.clone();
        async move {
            let licensed = buyers.buy(first.start()).await?;
            for (nth, hour) in [first, last].into_iter().enumerate() {
                buyers.use_up(licensed.tenant, &some_usage(nth, hour)?).await?;
            }
            Ok(licensed)
        }
    })
    .await?;
    tell(&format!("  {licenses} licences bought and used, in {:.0} s", begun.elapsed().as_secs_f64()));
    let mut costs = Vec::new();
    for hour in [first, last] {
        let cost = metered(details, &books, &bought, hour).await?;
        tell(&format!("  {hour} metered, in {:.1} s", cost.seconds));
        costs.push(cost);
    }
    let checked = books.clone();
    let differences = in_parallel(bought, move |licensed| {
        let books = checked.clone();
        async move {
            let account = books.account(licensed.tenant, &licensed.license).await?;
            let rows = account.rows(books.dimensions());
            let is_whole = rows.len() == 2 * books.dimensions().iter().count();
            Ok(rows.iter().filter(|row| !row.agrees).count() + usize::from(!is_whole))
        }
    })
    .await?;
    let [first, later] = costs.try_into().unwrap_or_default();
    Ok(Measured { licenses, first, later, differences: differences.into_iter().sum() })
}

/// Meters an hour of these licences.
async fn metered(
    details: &Details,
    books: &Books,
    bought: &[Licensed],
    hour: Hour,
) -> Result<Cost, MeteringError> {
    let doors = Doors::of(details)?;
    let at = hour.end().plus(grace_s(WRITE_LASTS_S));
    let now = Second::from(Clock::system().now());
    let behind = i64::try_from(now.get().saturating_sub(at.get())).unwrap_or(i64::MAX);
    let setting = Setting { clock_offset_s: -behind, timeout: Some(TIMEOUT), ..Setting::default() };
    let mut aggregator = Aggregator::start(details, &setting).await?;
    let mut cost = Cost::default();
    for bought in bought.chunks(LICENSES_AT_ONCE) {
        let names: Vec<_> = bought.iter().map(|one| one.license.as_str()).collect();
        let order = json!({ "meter": { "scheduled": at.to_string(), "back": 2, "licenses": names } });
        let trace = Trace::new();
        let begun = Instant::now();
        let report = aggregator.invoke(&order, &trace).await?;
        cost.seconds += begun.elapsed().as_secs_f64();
        if !is_complete(&report) {
            return Err(MeteringError::Failed(report.to_string()));
        }
        for call in trace.calls(&doors).await? {
            *cost.calls.entry(call).or_default() += 1;
        }
        let sample = bought.first().ok_or(MeteringError::Malformed("a number of licences"))?;
        let entries = books.ledger(sample.tenant).await?;
        cost.count(&report, &entries);
    }
    cost.memory = aggregator.peak_memory();
    Ok(cost)
}

impl Cost {
    /// Adds what a run reports; `entries` are those of one of its tenants, all alike.
    fn count(&mut self, report: &Value, entries: &[Entry]) {
        let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or_default();
        self.records += number("accepted");
        let sizes = entries.iter().map(|entry| {
            let json = serde_json::to_string(entry).map_or(0, |json| json.len());
            u64::try_from(json).unwrap_or(u64::MAX).saturating_add(ENTRY_OVERHEAD)
        });
        let sizes: Vec<u64> = sizes.collect();
        let written = sizes.iter().max().map_or(1, |bytes| bytes.div_ceil(1024));
        // What was read was there before: all but the newest.
        let before: u64 = sizes.iter().rev().skip(1).sum();
        let events = number("events").checked_div(number("usage_reads")).unwrap_or_default();
        self.read_units += number("ledger_reads") * units(before)
            + number("usage_reads") * units(events * EVENT_BYTES)
            + units(number("licences") * SUBSCRIPTION_BYTES);
        let transactions = number("transactions");
        self.write_units += number("ledger_writes").saturating_sub(transactions) * written
            // The entry and the item that names the first.
            + transactions * 2 * (written + 1);
    }

    fn calls_of(&self, service: &str) -> u64 {
        let own = self.calls.iter().filter(|(call, _)| call.starts_with(service));
        own.map(|(_, number)| number).sum()
    }

    fn json(&self) -> Value {
        json!({
            "records": self.records, "seconds": self.seconds, "calls": self.calls,
            "read_units": self.read_units, "write_units": self.write_units, "peak_memory_bytes": self.memory,
        })
    }
}

/// Units of a strongly consistent read: one at least.
const fn units(bytes: u64) -> u64 {
    let units = bytes.div_ceil(4096);
    if units == 0 { 1 } else { units }
}

/// Does it for each, several at once.
async fn in_parallel<I, T, F>(
    all: impl IntoIterator<Item = I>,
    mut each: impl FnMut(I) -> F,
) -> Result<Vec<T>, MeteringError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, MeteringError>> + Send + 'static,
{
    let (mut tasks, mut done) = (JoinSet::new(), Vec::new());
    for one in all {
        if tasks.len() >= AT_ONCE
            && let Some(ended) = tasks.join_next().await
        {
            done.push(ended.map_err(|_| MeteringError::Malformed("a task"))??);
        }
        tasks.spawn(each(one));
    }
    while let Some(ended) = tasks.join_next().await {
        done.push(ended.map_err(|_| MeteringError::Malformed("a task"))??);
    }
    Ok(done)
}

impl Measured {
    /// Whether everything that was used is billed.
    pub(super) const fn agrees(&self) -> bool {
        self.differences == 0
    }

    /// One line.
    pub(super) fn as_json(&self) -> String {
        json!({
            "licenses": self.licenses, "first_hour": self.first.json(), "later_hour": self.later.json(),
            "differences": self.differences,
        })
        .to_string()
    }

    /// A table, as the documentation has it.
    pub(super) fn as_text(&self) -> String {
        let mut text =
            format!("\n| {} licences | first hour | each later hour |\n|---|---:|---:|\n", self.licenses);
        let memory = |cost: &Cost| cost.memory.map_or("?".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
        let seconds = |cost: &Cost| format!("{:.1}", cost.seconds);
        let rows: [(&str, String, String); 7] = [
            ("records billed", self.first.records.to_string(), self.later.records.to_string()),
            ("seconds", seconds(&self.first), seconds(&self.later)),
            (
                "calls of `BatchMeterUsage`",
                calls(&self.first, "aws-marketplace"),
                calls(&self.later, "aws-marketplace"),
            ),
            ("calls of DynamoDB", calls(&self.first, "dynamodb"), calls(&self.later, "dynamodb")),
            ("read units", self.first.read_units.to_string(), self.later.read_units.to_string()),
            ("write units", self.first.write_units.to_string(), self.later.write_units.to_string()),
            ("peak memory", memory(&self.first), memory(&self.later)),
        ];
        for (name, first, later) in rows {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {name} | {first} | {later} |");
        }
        let _ = write!(
            text,
            "\n{}",
            if self.agrees() {
                "Used, sealed and billed agree.".to_owned()
            } else {
                format!("{} differences between used, sealed and billed.", self.differences)
            }
        );
        text
    }
}

fn calls(cost: &Cost, service: &str) -> String {
    cost.calls_of(service).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_by_dynamodbs_rules() {
        assert_eq!([0, 1, 4096, 4097].map(units), [1, 1, 1, 2]);
        let report = json!({
            "licences": 10, "accepted": 30, "events": 30, "usage_reads": 10, "ledger_reads": 10,
            "ledger_writes": 20, "transactions": 10,
        });
        let mut cost = Cost::default();
        cost.count(&report, &[]);
        // Ten transactions of two items, ten writes; a read of each table for each, and three of the subscriptions'.
        assert_eq!((cost.write_units, cost.read_units, cost.records), (50, 23, 30));
    }

    #[test]
    fn the_table_has_a_column_for_each_hour() {
        let cost =
            Cost { seconds: 1.25, calls: [("dynamodb:Query".to_owned(), 7)].into(), ..Cost::default() };
        let measured = Measured { licenses: 3, first: cost, later: Cost::default(), differences: 0 };
        let text = measured.as_text();
        assert!(
            text.contains("| calls of DynamoDB | 7 | 0 |") && text.contains("| seconds | 1.2 | 0.0 |"),
            "{text}"
        );
        assert!(measured.agrees() && text.ends_with("agree."));
    }
}
