//! What users, the Marketplace and its events do to the simulated world.

use marketplace::Change;
use shared::{
    ids::TenantId,
    marketplace::ids::{AccountId, LicenseArn},
    metering::{Came, Hour, Measure, Second, UsageEvent, hour::WRITE_LASTS_S, outcome::Echo, quantity::GIB},
};

use crate::{
    schedule::{Action, Effect},
    sim::Sim,
};

/// A subscription: the truth at the Marketplace, and what our table knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) license: LicenseArn,
    pub(crate) account: AccountId,
    pub(crate) is_live: bool,
    /// When it really ended, each time.
    pub(crate) ends: Vec<Second>,
    /// The newest permission and the newest end that our table was told of.
    pub(crate) since: Option<Second>,
    pub(crate) until: Option<Second>,
    /// When the tenant came to it from the one before.
    pub(crate) came: Option<Came>,
    /// The tenant has still to come to it from the one before; until then it is nobody's.
    pub(crate) is_vacant: bool,
    /// The tenant has left it: nothing that is told of it later undoes its end.
    pub(crate) is_left: bool,
}

impl Subscription {
    pub(crate) fn new((license, account): (LicenseArn, AccountId)) -> Self {
        Self {
            license,
            account,
            is_live: true,
            ends: Vec::new(),
            since: None,
            until: None,
            came: None,
            is_vacant: false,
            is_left: false,
        }
    }

    /// The newest permission against the newest end, whatever was told first.
    pub(crate) fn known(&self) -> Option<(Second, Option<Second>)> {
        if self.is_vacant {
            return None;
        }
        // Nobody has permitted it before it was left: it has its end all the same.
        let since = self.since.or(self.until.filter(|_| self.is_left))?;
        // As `subscriptions` has it: a beginning is never after its end.
        let until = self.until.filter(|until| self.is_left || *until >= since);
        Some((until.map_or(since, |until| since.min(until)), until))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) subscriptions: Vec<Subscription>,
    /// Until when the product's own caches let its users work.
    pub(crate) usable_until: Second,
    /// The bytes of each document that is there.
    pub(crate) documents: Vec<i64>,
}

impl Sim {
    pub(crate) fn act(&mut self, action: Action) {
        self.note(|| format!("{action:?}"));
        match action {
            Action::Use(tenant) => self.use_something(tenant),
            Action::Commit(effect) => self.commit(effect),
            Action::End(tenant) => {
                self.end(tenant);
            }
            Action::Return(tenant) => self.come_back(tenant),
            Action::Renew(tenant) => self.renew(tenant),
            Action::Succeed(tenant) => self.succeed(tenant),
            Action::TakeAway(license) => self.market.change(&license, Change::Deprovision),
            Action::Move { tenant, to, ended, good } => self.move_on(tenant, to, ended, good),
            Action::Learn { tenant, subscription, since, until } => {
                self.learn(tenant, subscription, since, until);
            }
            Action::Foreign(tenant) => self.meter_as_another(tenant),
            Action::Poison(tenant) => {
                let exceptions = [
                    "InvalidLicenseException",
                    "InvalidUsageDimensionException",
                    "TimestampOutOfBoundsException",
                    "InvalidCustomerIdentifierException",
                    "InvalidTagException",
                ];
                let exception = *self.chance.pick(&exceptions);
                let license = self.tenants[tenant].subscriptions.last().unwrap().license.clone();
                self.market.poison(&license, exception);
                self.poisoned.insert(license);
            }
            Action::Listing { whole } => {
                self.was_unlisted |= !whole;
                self.market.list(whole);
            }
            Action::Run { .. } => unreachable!("runs are begun elsewhere"),
        }
    }

    /// A user does something; it lands some time later, under the hour that the writer's clock showed.
    fn use_something(&mut self, tenant: usize) {
        if self.tenants[tenant].usable_until < self.time {
            return;
        }
        let clock = i64::try_from(self.time.get()).unwrap() + self.chance.between(-300, 300);
        let hour = Hour::of(Second::new(u64::try_from(clock).unwrap()));
        let number = self.numbers;
        let documents = &mut self.tenants[tenant].documents;
        let (name, usage) = match self.chance.below(4) {
            0 => ("share", vec![(Measure::SharesCreated, 1)]),
            1 if !documents.is_empty() => {
                let place = usize::try_from(self.chance.below(documents.len() as u64)).unwrap();
                let bytes = documents.swap_remove(place);
                ("removed", vec![(Measure::StorageGibHours, -bytes)])
            }
            _ => {
                let most = *self.chance.pick(&[1000, GIB, 3 * GIB]);
                let bytes = self.chance.between(1, most);
                ("added", vec![(Measure::DocumentsAdded, 1), (Measure::StorageGibHours, bytes)])
            }
        };
        let effect = Effect { tenant: self.tenants[tenant].id, id: format!("{name}/{number}"), hour, usage };
        let lasts = if self.chance.permille(self.character.late_writers) {
            1200 + self.chance.below(20_000)
        } else {
            self.chance.below(WRITE_LASTS_S)
        };
        if self.chance.permille(150) {
            // The client had no answer and does it again, perhaps in the next hour.
            let again = Effect { hour: Hour::of(self.time.plus(lasts)), ..effect.clone() };
            let at = self.time.plus(lasts + self.chance.below(WRITE_LASTS_S - lasts.min(WRITE_LASTS_S - 1)));
            self.at(at.max(self.time), Action::Commit(again));
        }
        if !self.chance.permille(30) {
            let at = self.time.plus(lasts);
            self.at(at, Action::Commit(effect));
        }
    }

    /// The effect and its usage, in one transaction, once.
    fn commit(&mut self, effect: Effect) {
        if self.effects.contains_key(&effect.id) {
            return;
        }
        for (measure, amount) in &effect.usage {
            let id = format!("{}/{measure}", effect.id).parse().unwrap();
            let event = UsageEvent::new(id, *measure, *amount, effect.hour).unwrap();
            self.store.put_usage(effect.tenant, event);
        }
        if let Some((_, bytes)) =
            effect.usage.iter().find(|(measure, bytes)| measure.is_level() && *bytes > 0)
        {
            let tenant = self.tenants.iter_mut().find(|tenant| tenant.id == effect.tenant).unwrap();
            tenant.documents.push(*bytes);
        }
        self.effects.insert(effect.id.clone(), effect);
    }

    fn end(&mut self, tenant: usize) -> bool {
        let subscription = self.tenants[tenant].subscriptions.len() - 1;
        let live = &mut self.tenants[tenant].subscriptions[subscription];
        if !live.is_live {
            return false;
        }
        live.is_live = false;
        live.ends.push(self.time);
        let license = live.license.clone();
        self.market.change(&license, Change::Cancel);
        self.tell(Action::Learn { tenant, subscription, since: None, until: Some(self.time) });
        true
    }

    fn come_back(&mut self, tenant: usize) {
        let subscription = self.tenants[tenant].subscriptions.len() - 1;
        let ended = &mut self.tenants[tenant].subscriptions[subscription];
        if ended.is_live {
            return;
        }
        ended.is_live = true;
        let license = ended.license.clone();
        self.market.change(&license, Change::Update);
        // Events of an agreement lie seconds apart.
        self.tell(Action::Learn { tenant, subscription, since: Some(self.time.plus(1)), until: None });
    }

    fn renew(&mut self, tenant: usize) {
        let account = self.tenants[tenant].subscriptions[0].account.clone();
        self.end(tenant);
        let subscription = Subscription::new(self.market.subscribe(Some(&account)));
        self.tenants[tenant].subscriptions.push(subscription);
        let subscription = self.tenants[tenant].subscriptions.len() - 1;
        self.tell(Action::Learn { tenant, subscription, since: Some(self.time), until: None });
    }

    fn succeed(&mut self, tenant: usize) {
        let from = self.tenants[tenant].subscriptions.len() - 1;
        let left = &mut self.tenants[tenant].subscriptions[from];
        if !left.is_live {
            return;
        }
        left.is_live = false;
        left.ends.push(self.time);
        let license = left.license.clone();
        let successor = Subscription { is_vacant: true, ..Subscription::new(self.market.renew(&license)) };
        self.tenants[tenant].subscriptions.push(successor);
        let (ended, good) = (self.time, self.time.plus(1 + self.chance.below(120)));
        let taken_away = self.time.plus(30 + self.chance.below(7200));
        self.at(taken_away, Action::TakeAway(license));
        let late = if self.chance.permille(100) { self.chance.below(10_000) } else { self.chance.below(90) };
        self.at(good.plus(late), Action::Move { tenant, to: from + 1, ended, good });
    }

    /// The transaction of a move: from then on nothing that is told of the old licence matters.
    fn move_on(&mut self, tenant: usize, to: usize, ended: Second, good: Second) {
        let subscriptions = &mut self.tenants[tenant].subscriptions;
        let left = &mut subscriptions[to - 1];
        if left.is_vacant {
            self.at(self.time.plus(60), Action::Move { tenant, to, ended, good });
            return;
        }
        left.until = Some(ended);
        left.is_left = true;
        let license = left.license.clone();
        let next = &mut subscriptions[to];
        let at = good.min(Hour::of(ended).next().start());
        next.is_vacant = false;
        next.came = Some(Came { from: license.clone(), at });
        next.since = next.since.max(Some(good));
        self.has_learnt(tenant);
        let at = self.time.plus(self.chance.below(90));
        self.at(at, Action::Run { scheduled: at, only: Some(license), back: 2 });
    }

    /// An event: seconds later, or once in a while much later.
    fn tell(&mut self, learn: Action) {
        let late = if self.chance.permille(100) { self.chance.below(10_000) } else { self.chance.below(90) };
        self.at(self.time.plus(late), learn);
    }

    fn learn(&mut self, tenant: usize, subscription: usize, since: Option<Second>, until: Option<Second>) {
        let told = &mut self.tenants[tenant].subscriptions[subscription];
        told.since = told.since.max(since);
        if !told.is_left {
            told.until = told.until.max(until);
        }
        self.has_learnt(tenant);
        let state = &self.tenants[tenant].subscriptions[subscription];
        if state.known().is_some_and(|(_, until)| until.is_some()) && !self.chance.permille(150) {
            let (license, at) = (state.license.clone(), self.time.plus(self.chance.below(90)));
            self.at(at, Action::Run { scheduled: at, only: Some(license), back: 2 });
        }
    }

    /// Our table says something else now.
    fn has_learnt(&mut self, tenant: usize) {
        let view = self.licences();
        self.views.push((self.time, view));
        let is_usable =
            self.licences().iter().any(|one| one.tenant == self.tenants[tenant].id && one.until.is_none());
        let usable = if is_usable {
            Second::new(u64::MAX)
        } else {
            self.time.plus(60).min(self.tenants[tenant].usable_until)
        };
        self.tenants[tenant].usable_until = usable;
    }

    fn meter_as_another(&mut self, tenant: usize) {
        let hour = Hour::of(self.time);
        let subscription = self.tenants[tenant].subscriptions.last().unwrap();
        let dimension = ["documents_added", "shares_created", "storage_gib_hours"];
        let echo = Echo {
            account: subscription.account.to_string(),
            license: subscription.license.to_string(),
            dimension: (*self.chance.pick(&dimension)).to_owned(),
            timestamp: i64::try_from(hour.start().get()).unwrap(),
            quantity: 1 + i64::try_from(self.chance.below(3)).unwrap(),
        };
        let key = (echo.license.clone(), echo.dimension.clone(), echo.timestamp);
        if !self.billed().contains_key(&key) && self.market.meter(&[echo]).is_ok() {
            self.foreign.insert(key);
        }
    }
}
