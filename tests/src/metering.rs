//! Metering, from the buyers' usage to the Marketplace's bill: the real aggregator in a process of its own, under a
//! clock of its own, while the Marketplace's goes right.
//!
//! Licences are bought in hours that are over, so that no test waits for one to end. What a test does with its own
//! licences disturbs nobody: a run is for those that it names.

use std::collections::BTreeMap;

use local::{
    doors::Doors,
    marketplace::Marketplace,
    metering::{Aggregator, Books, Buyers, Licensed, Setting, Trace, comparison::Row},
};
use serde_json::{Value, json};
use shared::metering::{
    Hour, Measure, Second, UsageEvent,
    hour::{WRITE_LASTS_S, grace_s},
};

use crate::{World, now};

/// The least that holds a GiB-hour.
pub const A_BYTE: i64 = 1;

/// Whoever meters.
pub struct Metering {
    /// The account.
    pub world: World,
    /// Those who buy and use.
    pub buyers: Buyers,
    /// Used, sealed, billed.
    pub books: Books,
    /// The gateway's doors.
    pub doors: Doors,
    /// The Marketplace.
    pub market: Marketplace,
    /// How far the time of this is from the machine's, in seconds.
    offset_s: i64,
}

/// How long after its end an hour is closed.
#[must_use]
pub const fn grace() -> u64 {
    grace_s(WRITE_LASTS_S)
}

/// The first instant at which an hour is closed.
#[must_use]
pub fn closing(hour: Hour) -> Second {
    hour.end().plus(grace())
}

/// One effect's usage.
#[must_use]
pub fn used(id: &str, measure: Measure, amount: i64, hour: Hour) -> UsageEvent {
    let id = id.parse().expect("it is an id");
    UsageEvent::new(id, measure, amount, hour).expect("something is used")
}

/// So many documents, in one event.
#[must_use]
pub fn documents(id: &str, number: i64, hour: Hour) -> UsageEvent {
    used(&format!("document/{id}"), Measure::DocumentsAdded, number, hour)
}

impl Metering {
    /// In this world, by the machine's time.
    pub async fn of(world: World) -> Self {
        let details = world.details;
        let doors = Doors::of(details).expect("a client without options builds");
        Self {
            buyers: Buyers::of(details).expect("the account has what buyers need"),
            books: Books::of(details).await.expect("the account has books"),
            market: Marketplace::behind(doors.clone()),
            doors,
            world,
            offset_s: 0,
        }
    }

    /// The time of this: the machine's, unless it was moved.
    #[must_use]
    pub fn now(&self) -> Second {
        let now = i64::try_from(Second::from(now()).get()).expect("it is not so late");
        Second::new(u64::try_from(now + self.offset_s).expect("it is after 1970"))
    }

    /// Moves the Marketplace's clock, and that of this, until this is dropped. Whoever does it has the world to itself.
    pub async fn let_be(&mut self, at: &str) {
        let to: Second = at.parse().expect("it is a time");
        self.market.order("clock", &json!({ "now": at })).await.expect("the Marketplace's clock moves");
        let seconds = |second: Second| i64::try_from(second.get()).expect("it is not so late");
        self.offset_s = seconds(to) - seconds(Second::from(now()));
    }

    /// A closed hour: the newest for 0, and so on back. The five newest can be billed at any time of any month.
    #[must_use]
    pub fn closed(&self, back: u32) -> Hour {
        assert!(back < 5, "at six on the first of a month there are no more");
        Hour::closed_at(self.now(), grace()).back(back)
    }

    /// A licence in use since the beginning of this hour.
    pub async fn buyer(&self, since: Hour) -> Licensed {
        self.buyers.buy(since.start()).await.expect("somebody buys")
    }

    /// Records usage of a licence's tenant.
    pub async fn use_up(&self, licensed: &Licensed, events: &[UsageEvent]) {
        self.buyers.use_up(licensed.tenant, events).await.expect("usage is recorded");
    }

    /// A process whose clock shows `at`.
    pub async fn aggregator(&self, at: Second) -> Aggregator {
        self.aggregator_with(at, &[]).await
    }

    /// The same, some of its variables being others.
    pub async fn aggregator_with(&self, at: Second, variables: &[(&str, &str)]) -> Aggregator {
        let seconds = |second: Second| i64::try_from(second.get()).expect("it is not so late");
        let environment: BTreeMap<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let clock_offset_s = seconds(at) - seconds(Second::from(now()));
        let setting = Setting { clock_offset_s, environment, ..Setting::default() };
        Aggregator::start(self.world.details, &setting).await.expect("the function starts")
    }

    /// What asks for a run over these licences, by a schedule of then.
    #[must_use]
    pub fn order(at: Second, of: &[&Licensed]) -> Value {
        let licenses: Vec<_> = of.iter().map(|one| one.license.as_str()).collect();
        json!({ "meter": { "scheduled": at.to_string(), "back": 2, "licenses": licenses } })
    }

    /// One run at `at`, in a process of its own: its report.
    pub async fn run(&self, at: Second, of: &[&Licensed]) -> Value {
        self.run_as(&Trace::new(), at, of).await
    }

    /// The same, of which the gateway knows by this trace.
    pub async fn run_as(&self, trace: &Trace, at: Second, of: &[&Licensed]) -> Value {
        let mut aggregator = self.aggregator(at).await;
        match aggregator.invoke(&Self::order(at, of), trace).await {
            Ok(report) => report,
            Err(error) => panic!("{}: {:#?}", shared::problem::chain(&error), aggregator.said()),
        }
    }

    /// Runs until one is done, at most `most`: the reports.
    pub async fn run_until_done(&self, at: Second, of: &[&Licensed], most: usize) -> Vec<Value> {
        let mut reports = Vec::new();
        while reports.len() < most {
            let report = self.run(at, of).await;
            let is_done = is_done(&report);
            reports.push(report);
            if is_done {
                return reports;
            }
        }
        panic!("not done after {most} runs: {reports:#?}")
    }

    /// The rows of a licence's tenant.
    pub async fn rows(&self, licensed: &Licensed) -> Vec<Row> {
        let account = self.books.account(licensed.tenant, &licensed.license).await;
        account.expect("the books are read").rows(self.books.dimensions())
    }

    /// Fails unless what was used up to this hour is sealed and billed, no more and no less, and no hour twice.
    pub async fn is_billed_as_used(&self, licensed: &Licensed, up_to: Hour) {
        let rows = self.rows(licensed).await;
        let wrong: Vec<_> = rows.iter().filter(|row| !row.agrees).map(Row::as_line).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        let newest = rows.iter().map(|row| row.hour).max();
        assert_eq!(newest, Some(up_to), "the last hour that was sealed");
    }

    /// What is billed of a dimension, by hour, nothing for nothing.
    pub async fn billed(&self, licensed: &Licensed, dimension: &str) -> Vec<(Hour, i64)> {
        let lines = self.books.bill(&licensed.license).await.expect("the Marketplace has a bill");
        let of = lines.iter().filter(|line| line.dimension == dimension && line.quantity > 0);
        of.map(|line| (line.hour, line.quantity)).collect()
    }
}

impl Drop for Metering {
    /// Puts the Marketplace's clock right, also when a test fails: before anybody else has the world.
    fn drop(&mut self) {
        if self.offset_s == 0 {
            return;
        }
        // A client of its own: this one's connections are served by the runtime that waits here.
        let doors = Doors::of(self.world.details);
        let put_right = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let order = json!({ "offset_seconds": 0 });
            match (runtime, doors) {
                (Ok(runtime), Ok(doors)) => {
                    runtime.block_on(Marketplace::behind(doors).order("clock", &order)).is_ok()
                }
                _ => false,
            }
        });
        assert!(
            put_right.join().unwrap_or(false) || std::thread::panicking(),
            "the Marketplace's clock is wrong"
        );
    }
}

/// Whether a report says that everything was done.
#[must_use]
pub fn is_done(report: &Value) -> bool {
    let none = |name: &str| report[name] == 0;
    ["unavailable", "contended", "behind", "unrecorded", "unsent"].into_iter().all(none)
        && report["halted"].is_null()
        && report["is_unfinished"] == false
}
