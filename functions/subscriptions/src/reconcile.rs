//! The daily comparison of our subscriptions with the agreements that the Marketplace has.
//!
//! Events may be lost. What the Marketplace reports is kept as an observation, a fact like any other, which
//! decides against events that are older than the reports may lag behind, and never against newer ones. What
//! an observation cannot mend is told in the log and in the answer.
//!
//! A run is bounded by its own deadline. It reads every agreement's summary first and then asks for the
//! entitlements of those that hold: first where summary and state differ, then by latest change. So a run
//! that ends early has seen what can have gone wrong since the run before; it says `complete: false`.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use lambda_runtime::Context;
use serde::Serialize;
use shared::{
    marketplace::{
        agreements::{Agreement, AgreementsError, Entitled, Standing},
        ids::{AgreementId, LicenseArn},
        origin::Origin,
    },
    problem::chain,
    subscriptions::{Kind, Listed, Observation, Observed, SubscriptionError},
};

use crate::{
    App,
    compare::{self, Finding, Reports, Says, Told, compare, of_entitlement, says},
};

/// Time kept for the answer.
const KEPT_FOR_ANSWER: Duration = Duration::from_secs(15);
/// The most agreements that are held in memory at once: some hundred bytes each.
const AGREEMENTS_MAX: usize = 200_000;
/// So many agreements may fail to be read in a run; after that the Marketplace is not asked any more.
const FAILURES_MAX: usize = 5;

/// What the comparison came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Licences that were compared.
    pub checked: usize,
    /// Subscriptions whose state was wrong and is right now.
    pub repaired: usize,
    /// Differences that are younger than the Marketplace's reports may lag; the next run looks again.
    pub recent: usize,
    /// What only a person can judge; each is an incident in the log.
    pub reported: usize,
    /// Whether everything was compared.
    pub complete: bool,
}

/// Why there was no comparison.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error("our subscriptions could not be read")]
    Ours(#[from] SubscriptionError),
    #[error("the Marketplace's agreements could not be read")]
    Theirs(#[from] AgreementsError),
}

/// Our subscriptions, by licence and by agreement.
struct Ours {
    by_license: HashMap<LicenseArn, Listed>,
    by_agreement: HashMap<AgreementId, Vec<LicenseArn>>,
}

impl Ours {
    fn have(&self, license: &LicenseArn) -> Option<compare::Ours> {
        self.by_license.get(license).map(|listed| match listed.moved {
            true => compare::Ours::Left,
            false => compare::Ours::Settled(listed.settled),
        })
    }

    /// Whether nobody is on a licence, though it may be the one that somebody waits for.
    fn is_vacant(&self, license: &LicenseArn) -> bool {
        self.by_license.get(license).is_none_or(|listed| !listed.has_tenant)
    }

    /// The licences of an agreement, as it says itself or, if it says nothing, as we know.
    fn licenses_of<'a>(&'a self, agreement: &'a Agreement) -> &'a [LicenseArn] {
        if agreement.licenses.is_empty() {
            self.by_agreement.get(&agreement.id).map_or(&[], Vec::as_slice)
        } else {
            &agreement.licenses
        }
    }

    /// Whether an agreement that holds is not simply one more in use.
    fn differs(&self, agreement: &Agreement) -> bool {
        let licenses = self.licenses_of(agreement);
        licenses.is_empty()
            || licenses
                .iter()
                .any(|license| self.have(license) != Some(compare::Ours::Settled(Some(Kind::Active))))
    }
}

/// One run of the comparison.
struct Run<'a> {
    app: &'a App,
    until: SystemTime,
    begun: SystemTime,
    outcome: Outcome,
}

impl App {
    /// Compares, mends, and reports.
    pub(crate) async fn reconcile(&self, context: &Context) -> Result<Outcome, ReconcileError> {
        let mut run = Run {
            app: self,
            until: context.deadline() - KEPT_FOR_ANSWER,
            // Before anything is asked: an answer may be older than the moment it comes.
            begun: self.clock.now(),
            outcome: Outcome { complete: true, ..Outcome::default() },
        };
        let ours = run.ours().await?;
        run.settle_interrupted(&ours).await;
        let mut agreements = run.agreements().await?;
        let seen_all = run.outcome.complete;
        agreements.sort_by_key(|agreement| !ours.differs(agreement));
        let mut reports = run.reports(&ours, agreements).await;
        if seen_all {
            run.ask_about_unlisted(&ours, &mut reports).await;
        }
        // What is in use first: it may be what a tenant goes on to whose licence comes after it.
        let (in_use, others): (Vec<_>, Vec<_>) =
            reports.0.iter().partition(|(_, told)| told.says == Says::Active);
        for (license, told) in in_use.into_iter().chain(others) {
            // An agreement that holds may stand on a page that was not read: half a list ends nothing.
            if seen_all || told.says != Says::Ended {
                run.act(&ours, license, told).await;
            }
        }
        Ok(run.outcome)
    }
}

impl Run<'_> {
    fn is_over(&mut self) -> bool {
        let over = self.app.clock.now() >= self.until;
        self.outcome.complete &= !over;
        over
    }

    fn report(&mut self, license: &LicenseArn, incident: &'static str) {
        self.outcome.reported += 1;
        tracing::error!(%license, incident, "a subscription and the Marketplace do not agree");
    }

    async fn ours(&mut self) -> Result<Ours, ReconcileError> {
        let (mut by_license, mut by_agreement) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        let mut from = None;
        loop {
            let page = self.app.subscriptions.page(from).await?;
            if page.malformed > 0 {
                self.outcome.reported += page.malformed;
                tracing::error!(
                    incident = "malformed_subscription",
                    count = page.malformed,
                    "subscriptions that are not understood"
                );
            }
            for listed in page.subscriptions {
                if let Some(agreement) = &listed.agreement {
                    by_agreement.entry(agreement.clone()).or_default().push(listed.license.clone());
                }
                by_license.insert(listed.license.clone(), listed);
            }
            // The table itself is the bound: nothing in it is read twice.
            from = page.next;
            if from.is_none() {
                return Ok(Ours { by_license, by_agreement });
            }
        }
    }

    /// Finishes what an interruption left: nobody may come by again otherwise.
    async fn settle_interrupted(&mut self, ours: &Ours) {
        for listed in ours.by_license.values() {
            let is_left = listed.moved && listed.settled != Some(Kind::Suspended);
            if (is_left || matches!(listed.settled, None | Some(Kind::Ending))) && !self.is_over() {
                let settled = self.app.subscriptions.settle(&listed.license, self.begun).await;
                if let Some(settled) = self.done(&listed.license, settled) {
                    self.outcome.repaired += usize::from(Some(settled.state.kind) != listed.settled);
                }
            }
        }
    }

    /// What was done, or `None` when it could not be, which is reported: one subscription must not keep the
    /// others from being compared.
    fn done<T>(&mut self, license: &LicenseArn, done: Result<T, SubscriptionError>) -> Option<T> {
        match done {
            Ok(done) => return Some(done),
            Err(SubscriptionError::ForeignAccount) => self.report(license, "foreign_account"),
            Err(error) => {
                self.outcome.complete = false;
                tracing::error!(%license, error = chain(&error), "a subscription could not be brought in step");
            }
        }
        None
    }

    async fn agreements(&mut self) -> Result<Vec<Agreement>, ReconcileError> {
        let (mut agreements, mut from) = (Vec::new(), None);
        loop {
            let page = self.app.agreements.page(from).await?;
            if page.unreadable > 0 {
                self.outcome.reported += page.unreadable;
                tracing::error!(
                    incident = "unreadable_agreement",
                    count = page.unreadable,
                    "agreements that are not understood"
                );
            }
            agreements.extend(page.agreements);
            from = page.next;
            if from.is_none() {
                return Ok(agreements);
            }
            if agreements.len() >= AGREEMENTS_MAX || self.is_over() {
                self.outcome.complete = false;
                return Ok(agreements);
            }
        }
    }

    /// What the agreements say, those that hold being asked one by one.
    async fn reports(&mut self, ours: &Ours, agreements: Vec<Agreement>) -> Reports {
        let (mut reports, mut failures) = (Reports::default(), 0);
        for agreement in &agreements {
            let entitlements = match agreement.standing {
                Standing::Active if failures < FAILURES_MAX && !self.is_over() => {
                    let asked = self.app.agreements.entitlements(&agreement.id).await;
                    failures += usize::from(asked.is_err());
                    self.asked(asked)
                }
                _ => None,
            };
            self.outcome.complete &= failures == 0;
            for license in ours.licenses_of(agreement) {
                // Replaced below by what the entitlement says, if it could be asked and names the licence.
                let unnamed = entitlements.is_some().then_some(Says::Nothing);
                reports.add(license, unnamed.unwrap_or_else(|| says(agreement.standing)), agreement);
            }
            for (license, entitled) in entitlements.into_iter().flatten() {
                reports.add(&license, of_entitlement(entitled), agreement);
            }
        }
        reports
    }

    fn asked(
        &self,
        answer: Result<Vec<(LicenseArn, Entitled)>, AgreementsError>,
    ) -> Option<Vec<(LicenseArn, Entitled)>> {
        answer
            .inspect_err(|error| tracing::warn!(error = chain(error), "an agreement could not be asked"))
            .ok()
    }

    /// Of ours in use that no agreement listed: a reseller's sale is listed for the reseller, but its
    /// agreement may answer all the same.
    async fn ask_about_unlisted(&mut self, ours: &Ours, reports: &mut Reports) {
        for listed in ours.by_license.values() {
            let live = matches!(listed.settled, Some(Kind::Active));
            if !live || reports.0.contains_key(&listed.license) || self.is_over() {
                continue;
            }
            let answer = match &listed.agreement {
                Some(agreement) => self.asked(self.app.agreements.entitlements(agreement).await),
                None => None,
            };
            let named = answer.and_then(|entitlements| {
                entitlements.into_iter().find(|(license, _)| *license == listed.license)
            });
            self.outcome.checked += 1;
            match named {
                Some((_, Entitled::Provisioned)) => {}
                Some((_, Entitled::Deprovisioned | Entitled::Neither)) => {
                    self.report(&listed.license, "unlisted_and_not_entitled");
                }
                None => self.report(&listed.license, "unlisted"),
            }
        }
    }

    async fn act(&mut self, ours: &Ours, license: &LicenseArn, told: &Told) {
        if told.says == Says::Unasked || self.is_over() {
            return;
        }
        self.outcome.checked += 1;
        match compare(ours.have(license), told.says) {
            // Whoever was to come here may have been missed.
            Finding::Agreed if told.is_derived() && told.says == Says::Active && ours.is_vacant(license) => {
                self.outcome.repaired += usize::from(self.follow(license, told).await);
            }
            Finding::Agreed => {}
            Finding::GoneOn => self.go_on(license, told).await,
            Finding::Report(incident) => self.report(license, incident),
            Finding::Unknown => {
                self.report(license, "unknown_license");
                self.observe(license, told, Observed::Active).await;
                self.follow(license, told).await;
            }
            Finding::Mend(says) => match self.observe(license, told, says).await {
                Some(true) => {
                    tracing::warn!(%license, says = ?says, "a subscription was brought in step");
                    self.outcome.repaired += 1;
                    self.follow(license, told).await;
                }
                Some(false) => self.outcome.recent += 1,
                None => {}
            },
        }
    }

    /// An agreement goes on as another one, and no event told: its tenant moves, or nobody knows where to.
    async fn go_on(&mut self, license: &LicenseArn, told: &Told) {
        if let Some(status) = told.ended {
            let kept = self.app.subscriptions.observe_end(&told.agreement, status, self.begun).await;
            self.done(license, kept);
        }
        match self.follow(license, told).await {
            true => self.outcome.repaired += 1,
            false => self.report(license, "renewed_elsewhere"),
        }
    }

    /// Follows a licence along its line; whether a tenant has moved.
    async fn follow(&mut self, license: &LicenseArn, told: &Told) -> bool {
        let Some(first) = &told.first else { return false };
        let found = self.app.subscriptions.get(license).await;
        let Some(Some(subscription)) = self.done(license, found) else { return false };
        let origin = Origin { first: first.clone(), account: told.account.clone() };
        match self.app.enter(&subscription, &told.agreement, &origin, self.begun).await {
            Ok(moved) => moved.is_some(),
            Err(error) => {
                self.outcome.complete = false;
                tracing::error!(%license, error = chain(&error), "a licence could not be followed");
                false
            }
        }
    }

    /// Keeps an observation; whether the state is now what it says. `None` when it could not be kept.
    async fn observe(&mut self, license: &LicenseArn, told: &Told, says: Observed) -> Option<bool> {
        let observation = Observation {
            license: license.clone(),
            account: told.account.clone(),
            agreement: told.agreement.clone(),
            says,
            asked_at: self.begun,
        };
        let kept = self.app.subscriptions.observe(&observation).await;
        self.done(license, kept)?;
        let settled = self.app.subscriptions.settle(license, self.begun).await;
        let kind = self.done(license, settled)?.state.kind;
        Some(match says {
            Observed::Active => kind == Kind::Active,
            Observed::Ended => matches!(kind, Kind::Ending | Kind::Suspended),
        })
    }
}
