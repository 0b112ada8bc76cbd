//! What happens when, as far as it does not follow from something else.

use shared::metering::{Hour, Second};

use crate::{
    acts::{Subscription, Tenant},
    schedule::Action,
    sim::{Sim, grace},
};

impl Sim {
    pub(crate) fn open_tenant(&mut self, number: u64) {
        let subscription = Subscription::new(self.market.subscribe(None));
        let id = format!("{:032x}", u128::from(number + 1) << 96 | u128::from(self.chance.next()));
        self.tenants.push(Tenant {
            id: id.parse().unwrap(),
            subscriptions: vec![subscription],
            usable_until: Second::new(0),
            documents: Vec::new(),
        });
        let (tenant, since) = (self.tenants.len() - 1, Some(self.time));
        let at = self.time.plus(self.chance.below(120));
        self.at(at, Action::Learn { tenant, subscription: 0, since, until: None });
    }

    /// Everything that does not follow from something else.
    pub(crate) fn plan(&mut self) {
        let character = self.character.clone();
        let begin = self.time;
        let first = Hour::of(begin);
        let length = u64::try_from(character.hours).unwrap() * 3600;
        for tenant in 0..self.tenants.len() {
            let uses = self.chance.below(u64::try_from(character.hours).unwrap() * 5);
            for _ in 0..uses {
                // Every second one near an hour's end, where clocks matter.
                let at = if self.chance.permille(500) {
                    let hour = first.forward(u32::try_from(self.chance.below(length / 3600)).unwrap() + 1);
                    hour.start().minus(360).plus(self.chance.below(720))
                } else {
                    begin.plus(self.chance.below(length))
                };
                self.at(at, Action::Use(tenant));
            }
            if character.ends {
                for _ in 0..self.chance.below(7) {
                    // Half of them early, when there is little in the ledger yet.
                    let within = if self.chance.permille(500) { 9000 } else { length };
                    let at = begin.plus(600 + self.chance.below(within));
                    let action = match self.chance.below(4) {
                        0 => Action::End(tenant),
                        1 => Action::Return(tenant),
                        2 => Action::Succeed(tenant),
                        _ => Action::Renew(tenant),
                    };
                    self.at(at, action);
                }
            }
            if character.foreign {
                let at = begin.plus(self.chance.below(length));
                self.at(at, Action::Foreign(tenant));
            }
            if character.poison && self.chance.permille(400) {
                let at = begin.plus(self.chance.below(length));
                self.at(at, Action::Poison(tenant));
            }
        }
        if character.poison && self.chance.permille(400) {
            let at = begin.plus(self.chance.below(length));
            let back = at.plus(self.chance.below(length));
            self.at(at, Action::Listing { whole: false });
            self.at(back, Action::Listing { whole: true });
        }
        let outage = if character.outage {
            let from = begin.plus(self.chance.below(length));
            Some((from, from.plus(3600 * self.chance.below(36))))
        } else {
            None
        };
        for hours in 1..=u32::try_from(character.hours).unwrap() + 1 {
            let scheduled = first.forward(hours).start().plus(grace() + self.chance.below(60));
            let mut times = 1 - u64::from(self.chance.permille(character.missed_ticks));
            while self.chance.permille(character.repeated_ticks) && times < 4 {
                times += 1;
            }
            for _ in 0..times {
                // Mostly all at once.
                let much = self.chance.below(9000);
                let late = *self.chance.pick(&[0, 0, 2, 45, much]);
                let at = scheduled.plus(late);
                if outage.is_none_or(|(from, to)| at < from || at > to) {
                    let back = *self.chance.pick(&[1, 2, 3]);
                    self.at(at, Action::Run { scheduled, only: None, back });
                }
            }
            // By hand, at any time; and once with a time that has not come.
            if self.chance.permille(100) {
                let at = first.forward(hours).start().plus(self.chance.below(3600));
                let scheduled = if self.chance.permille(200) { at.plus(7200) } else { at };
                self.at(at, Action::Run { scheduled, only: None, back: 4 });
            }
        }
    }

    /// From here on nothing goes wrong any more: the runs do what is left, until every window is over.
    pub(crate) fn calm_down(&mut self) {
        self.note(|| "calm".to_owned());
        self.is_calm = true;
        self.first_calm = self.reports.len();
        self.market.clear_orders();
        self.market.list(true);
        let last = Hour::of(self.time);
        // A run seals a few hours only, so that it is seen how the next one goes on; now and then until every window is
        // over. The daily reconciliation comes; then one that looks back little, and must find the levels right; and
        // one that looks back far, and must find nothing to do.
        let is_long = self.character.outage || self.chance.permille(150);
        // Without late writers nothing may hang on the reconciliation.
        let far = if self.character.late_writers == 0 && self.chance.permille(500) { 2 } else { 200 };
        let (day, times) = if is_long { (27, 4) } else { (4, 1) };
        for (hours, runs, back) in
            [(1, 2, 3), (2, 1, 1), (3, 1, 2), (day, times, far), (day + 1, 1, 1), (day + 2, 2, far)]
        {
            let scheduled = last.forward(hours).start().plus(grace());
            for run in 0..runs {
                self.at(scheduled.plus(run * 600), Action::Run { scheduled, only: None, back });
            }
        }
    }
}
