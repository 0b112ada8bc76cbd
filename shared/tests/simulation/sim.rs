//! One schedule, from its seed: the world, what happens in it, and the runs, one call at a time.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use shared::{
    marketplace::ids::LicenseArn,
    metering::{
        Hour, Job, Licence, Limits, Report, Rules, Second, Settings,
        hour::{WRITE_LASTS_S, grace_s},
        run,
    },
};

use crate::{
    acts::{Subscription, Tenant},
    chance::Chance,
    market::Market,
    schedule::{Action, Character, Defect, Effect},
    store::Store,
    world::{Fate, SimWorld},
};

/// One line of the bill: licence, dimension, beginning of the hour.
pub(crate) type BillKey = (String, String, i64);

/// A run that has ended well.
#[derive(Debug)]
pub(crate) struct Completed {
    pub(crate) began: Second,
    pub(crate) ended: Second,
    pub(crate) closed: Hour,
}

pub(crate) struct Sim {
    pub(crate) time: Second,
    pub(crate) chance: Chance,
    pub(crate) character: Character,
    pub(crate) defect: Option<Defect>,
    pub(crate) store: Store,
    pub(crate) market: Market,
    pub(crate) tenants: Vec<Tenant>,
    /// Effects that are done, and the usage that was written with each: kept apart from the store.
    pub(crate) effects: BTreeMap<String, Effect>,
    /// Keys that somebody else metered first.
    pub(crate) foreign: BTreeSet<BillKey>,
    /// What our table of subscriptions said from when on.
    pub(crate) views: Vec<(Second, Vec<Licence>)>,
    /// Licences whose requests were refused, for whatever reason.
    pub(crate) poisoned: BTreeSet<LicenseArn>,
    /// The listing has missed a dimension.
    pub(crate) was_unlisted: bool,
    pub(crate) dead: BTreeSet<usize>,
    pub(crate) completed: Vec<Completed>,
    pub(crate) is_calm: bool,
    /// What runs reported, as far as they lived.
    pub(crate) reports: Vec<Report>,
    /// The first of them after everything had become calm.
    pub(crate) first_calm: usize,
    actions: BTreeMap<(Second, u64), Action>,
    pub(crate) numbers: u64,
    trace: Option<Vec<String>>,
}

struct Running<'a> {
    number: usize,
    wakes: Second,
    began: Second,
    closed: Hour,
    future: Pin<Box<dyn Future<Output = Report> + 'a>>,
}

/// What came of a schedule.
pub(crate) struct Simulated {
    pub(crate) violation: Option<String>,
    pub(crate) trace: Vec<String>,
    /// How often what was met.
    pub(crate) met: Met,
}

/// How often something was met.
pub(crate) type Met = BTreeMap<&'static str, usize>;

pub(crate) fn grace() -> u64 {
    grace_s(WRITE_LASTS_S)
}

pub(crate) fn simulate(seed: u64, defect: Option<Defect>, traced: bool) -> Simulated {
    let sim = RefCell::new(Sim::new(seed, defect, traced));
    let settings = {
        let sim = sim.borrow();
        Settings {
            rules: Rules {
                dimensions: "documents_added=documents_added,shares_created=shares_created,\
                    storage_gib_hours=storage_gib_hours"
                    .parse()
                    .unwrap(),
                zero_records: sim.character.zero_records,
                late_usage: sim.character.late_usage,
            },
            grace_s: grace(),
            limits: Limits { waiting_records: 40, hours: 9, ..Limits::default() },
        }
    };
    let mut runs = Vec::new();
    let mut numbers = 0;
    loop {
        while go(&sim, &settings, &mut runs, &mut numbers) {}
        if sim.borrow().is_calm {
            break;
        }
        sim.borrow_mut().calm_down();
    }
    let violation = crate::oracle::violation(&sim.borrow());
    let mut sim = sim.borrow_mut();
    Simulated { violation, trace: sim.trace.take().unwrap_or_default(), met: crate::met::met(&sim, numbers) }
}

/// The next thing that happens: an action, or one call of a run. False: nothing more happens.
fn go<'a>(
    sim: &'a RefCell<Sim>,
    settings: &'a Settings,
    runs: &mut Vec<Running<'a>>,
    numbers: &mut usize,
) -> bool {
    let action = sim.borrow().actions.first_key_value().map(|(key, _)| key.0);
    let run = runs.iter().enumerate().min_by_key(|(_, run)| run.wakes).map(|(place, run)| (run.wakes, place));
    match (action, run) {
        (None, None) => false,
        (Some(at), run) if run.is_none_or(|(wakes, _)| at <= wakes) => {
            let action = sim.borrow_mut().pop();
            if let Action::Run { scheduled, only, back } = action {
                runs.push(begin(sim, settings, *numbers, scheduled, only, back));
                *numbers += 1;
            } else {
                sim.borrow_mut().act(action);
            }
            true
        }
        (_, Some((wakes, place))) => {
            sim.borrow_mut().move_to(wakes);
            let run = &mut runs[place];
            let polled = run.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let mut sim = sim.borrow_mut();
            if let Poll::Ready(report) = polled {
                sim.note(|| format!("run {} ends: {report:?}", run.number));
                if report.is_complete() {
                    let (began, ended, closed) = (run.began, sim.time, run.closed);
                    sim.completed.push(Completed { began, ended, closed });
                }
                sim.reports.push(report);
                drop(runs.swap_remove(place));
            } else if sim.dead.contains(&run.number) {
                sim.note(|| format!("run {} is dead", run.number));
                drop(runs.swap_remove(place));
            } else {
                // Nearly always at once; now and then a run stands still for minutes.
                let pause = if !sim.is_calm && sim.chance.permille(25) {
                    sim.chance.below(900)
                } else {
                    sim.chance.below(2)
                };
                run.wakes = sim.time.plus(pause);
            }
            true
        }
        (Some(_), None) => unreachable!("an action without a run goes first"),
    }
}

fn begin<'a>(
    sim: &'a RefCell<Sim>,
    settings: &'a Settings,
    number: usize,
    scheduled: Second,
    only: Option<LicenseArn>,
    back: u32,
) -> Running<'a> {
    let mut state = sim.borrow_mut();
    let skew = if state.is_calm { 0 } else { state.chance.between(-300, 300) };
    state.note(|| {
        format!("run {number} begins: scheduled {scheduled:?} skew {skew} only {only:?} back {back}")
    });
    let now = state.time;
    let lasts = if state.is_calm || !state.chance.permille(100) { 1800 } else { state.chance.below(60) };
    let clock = Second::new(u64::try_from(i64::try_from(now.get()).unwrap() + skew).unwrap());
    let closed = Hour::closed_at(scheduled.min(clock), settings.grace_s);
    let scope = only.is_some();
    let world = SimWorld { sim, run: number, skew, only, unwritten: RefCell::default() };
    let job = Job { scheduled, through: Hour::MAX, back, stop_at: clock.plus(lasts) };
    let future = Box::pin(async move { run(&world, job, settings).await });
    let closed = if scope { Hour::MAX.back(u32::MAX) } else { closed };
    Running { number, wakes: now, began: now, closed, future }
}

impl Sim {
    fn new(seed: u64, defect: Option<Defect>, traced: bool) -> Self {
        let mut chance = Chance::of_seed(seed);
        let character = Character::of(&mut chance);
        let mut sim = Self {
            time: character.start,
            chance,
            market: Market::new(seed),
            defect,
            store: Store::default(),
            tenants: Vec::new(),
            effects: BTreeMap::new(),
            foreign: BTreeSet::new(),
            views: Vec::new(),
            poisoned: BTreeSet::new(),
            was_unlisted: false,
            dead: BTreeSet::new(),
            completed: Vec::new(),
            is_calm: false,
            reports: Vec::new(),
            first_calm: 0,
            actions: BTreeMap::new(),
            numbers: 0,
            trace: traced.then(Vec::new),
            character,
        };
        let character = sim.character.clone();
        sim.note(|| format!("{character:?}"));
        sim.market.at(sim.time);
        for number in 0..character.tenants {
            sim.open_tenant(number);
        }
        sim.plan();
        sim
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at =
                time::OffsetDateTime::from_unix_timestamp(i64::try_from(self.time.get()).unwrap()).unwrap();
            trace.push(format!("{} {}", at, line()));
        }
    }

    pub(crate) fn at(&mut self, time: Second, action: Action) {
        self.numbers += 1;
        self.actions.insert((time, self.numbers), action);
    }

    fn pop(&mut self) -> Action {
        let ((at, _), action) = self.actions.pop_first().unwrap();
        self.move_to(at);
        action
    }

    fn move_to(&mut self, time: Second) {
        self.time = self.time.max(time);
        self.market.at(self.time);
    }

    /// Our table of subscriptions, as a run reads it: what is in use, or ended not long ago.
    pub(crate) fn licences(&self) -> Vec<Licence> {
        let of_tenant = |tenant: &Tenant| {
            let id = tenant.id;
            tenant.subscriptions.clone().into_iter().filter_map(move |one| {
                let (since, until) = one.known()?;
                let Subscription { license, account, came, .. } = one;
                Some(Licence { license, account, tenant: id, since, came, until })
            })
        };
        let recent = |one: &Licence| one.until.is_none_or(|until| until.plus(3 * 86_400) > self.time);
        self.tenants.iter().flat_map(of_tenant).filter(recent).collect()
    }

    /// The same as it was up to an hour ago: a run may have read it then, and stood still since.
    pub(crate) fn licences_as_read(&mut self) -> Vec<Licence> {
        let recent = self.views.iter().filter(|(at, _)| at.plus(3600) > self.time).count();
        if self.is_calm || recent < 2 || !self.chance.permille(150) {
            return self.licences();
        }
        let back = usize::try_from(self.chance.below(recent as u64)).unwrap();
        self.views[self.views.len() - 1 - back].1.clone()
    }

    pub(crate) fn billed(&self) -> BTreeMap<BillKey, i64> {
        let lines = self.market.bill().into_iter();
        lines
            .map(|line| {
                ((line.license_arn, line.dimension, line.hour.unix_timestamp()), i64::from(line.quantity))
            })
            .collect()
    }

    pub(crate) fn fate(&mut self, run: usize, what: &str) -> Fate {
        if self.is_calm {
            return Fate::Done;
        }
        let after = self.chance.permille(500);
        let fate = if self.chance.permille(self.character.deaths) {
            Fate::Dies { after }
        } else if self.chance.permille(self.character.failures) {
            Fate::Fails { after }
        } else {
            Fate::Done
        };
        self.note(|| format!("  run {run} {what} {fate:?}"));
        fate
    }

    pub(crate) fn is_throttled(&mut self) -> bool {
        !self.is_calm && self.chance.permille(self.character.throttles)
    }

    pub(crate) fn is_pedantic(&self) -> bool {
        self.character.pedantic
    }

    /// Orders an odd answer to the request that comes now.
    pub(crate) fn odd_answers(&mut self, records: usize) {
        if self.is_calm || !self.chance.permille(self.character.odd_answers) {
            return;
        }
        let places: Vec<usize> = (0..records).filter(|_| self.chance.permille(400)).collect();
        let answer = *self.chance.pick(&["unprocessed", "missing"]);
        let billed = self.chance.permille(300);
        self.market.odd(answer, &places, billed);
    }
}
