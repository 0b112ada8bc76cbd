//! Opening a tenant: every step in its order, each found done if it was done before.

use std::time::{Duration, SystemTime};

use super::{
    ControlPlane, OnboardingError, Onboardings, PolicyStore, Progress, Record, Registrant, Step, Why,
    mapping::Begins, policies, probes, store,
};
use crate::{
    clock::Clock,
    ids::{ServiceId, TenantId, UserId},
    subscriptions::{SubscriptionError, Subscriptions},
    tenancy::{Erasure, Tenancy},
    users::{
        self, NewUser, UserRole,
        pool::{Invited, Pool, Repeat},
    },
};

/// A service that takes no more is asked again after this long, and then after ever longer.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// An account makes one policy store a second, and two runs ask for one at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What setting tenants up and taking them apart works with.
pub struct Onboarding {
    /// The control plane's own clients.
    pub plane: ControlPlane,
    /// The records, and the queue.
    pub records: Onboardings,
    /// The subscriptions, projected to the mapping rows.
    pub subscriptions: Subscriptions,
    /// The user pool.
    pub pool: Pool,
    /// Sessions of tenants.
    pub tenancy: Tenancy,
    /// The hour.
    pub clock: Clock,
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The tenant is open, by this run or an earlier one.
    Ready,
    /// Its administrator's address was refused, and no other has been given: another try would be refused too.
    WaitsForAddress,
    /// The tenant is being erased, or has been: it stays as it is.
    Over,
    /// Nobody registered such a tenant.
    Unknown,
}

/// Why a run stopped; what it did stays done.
#[derive(Debug, thiserror::Error)]
#[error("the step `{}` did not get done", .step.as_str())]
pub struct OpenError {
    /// The step.
    pub step: Step,
    /// The word that stands in the record.
    pub why: Why,
    /// What went wrong.
    #[source]
    pub source: OnboardingError,
}

/// What one run has found or made so far.
struct Run<'a> {
    at: &'a Onboarding,
    tenant: TenantId,
    record: Record,
    deadline: SystemTime,
    step: Step,
}

/// Why a run goes no further.
enum Stop {
    Over,
    Failed(OnboardingError),
}

impl<E: Into<OnboardingError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Onboarding {
    /// Opens a tenant, or goes on with it, until `deadline`. Repeating it does no harm at any time.
    ///
    /// # Errors
    /// With the step that did not get done; the tenant's record says so too. Run it again.
    pub async fn open(&self, tenant: TenantId, deadline: SystemTime) -> Result<Opened, OpenError> {
        let failed = |step, source: OnboardingError| OpenError { step, why: source.why(), source };
        let record = match self.records.get(tenant).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Opened::Unknown),
            Err(error) => return Err(failed(Step::Store, error.into())),
        };
        match record.progress {
            Progress::Ready => return Ok(Opened::Ready),
            // Another address makes it `waiting`, and orders again.
            Progress::Failed { why, .. } if why.needs_another_address() => {
                return Ok(Opened::WaitsForAddress);
            }
            progress if !progress.is_opening() => return Ok(Opened::Over),
            _ => {}
        }
        let mut run = Run { at: self, tenant, record, deadline, step: Step::Store };
        match run.through().await {
            Ok(()) => Ok(Opened::Ready),
            Err(Stop::Over) => Ok(Opened::Over),
            Err(Stop::Failed(source)) => {
                let error = failed(run.step, source);
                let tried = run.record.registrant.as_ref().map(|registrant| &registrant.details.admin_email);
                let failed = (error.step, error.why);
                // The cause matters more than that it could not be written down as well.
                if let Err(unwritten) = self.records.fail(tenant, failed, tried, self.clock.now()).await {
                    tracing::warn!(%tenant, error = crate::problem::chain(&unwritten), "a failure is not in the record");
                }
                Err(error)
            }
        }
    }

    /// Makes what a session of the tenant's needs, for a tenant that is to be erased and never came so far.
    pub(super) async fn make_erasable(
        &self,
        record: &Record,
        deadline: SystemTime,
    ) -> Result<(), OnboardingError> {
        let mut run =
            Run { at: self, tenant: record.tenant, record: record.clone(), deadline, step: Step::Store };
        let id = run.store().await?;
        let id = run.alias(id).await?;
        policies::put_schema(&self.plane.verified_permissions, &id).await?;
        let share_template_id = policies::put_policies(&self.plane.verified_permissions, &id).await?;
        let store = PolicyStore { id, share_template_id };
        self.plane.mapping_of(record.tenant).write(&store, Begins::Closing).await
    }
}

impl Run<'_> {
    async fn through(&mut self) -> Result<(), Stop> {
        let at = self.at;
        self.begin(Step::Store).await?;
        let id = self.store().await?;
        self.begin(Step::Alias).await?;
        let id = self.alias(id).await?;
        self.begin(Step::Schema).await?;
        let client = &at.plane.verified_permissions;
        self.patiently(async || policies::put_schema(client, &id).await).await?;
        self.begin(Step::Policies).await?;
        let share_template_id = self.patiently(async || policies::put_policies(client, &id).await).await?;
        self.begin(Step::Mapping).await?;
        let store = PolicyStore { id, share_template_id };
        at.plane.mapping_of(self.tenant).write(&store, Begins::Opening).await?;
        self.begin(Step::Subscription).await?;
        let home = at.subscriptions.home(&self.record.license).await?.ok_or(SubscriptionError::NotFound)?;
        at.subscriptions.settle(&home.license, at.clock.now()).await?;
        self.begin(Step::Administrator).await?;
        let administrator = self.administrator().await?;
        self.begin(Step::Probes).await?;
        probes::probe(&at.tenancy, self.tenant, administrator, &at.clock).await?;
        self.begin(Step::Open).await?;
        if !at.plane.mapping_of(self.tenant).open().await? {
            return Err(Stop::Over);
        }
        if at.records.ready(self.tenant, at.clock.now()).await? { Ok(()) } else { Err(Stop::Over) }
    }

    /// Writes down which step is under way, unless the tenant is not being opened any more: another run has opened
    /// it, or it is to be erased.
    async fn begin(&mut self, step: Step) -> Result<(), Stop> {
        self.step = step;
        if self.at.records.advance(self.tenant, step, self.at.clock.now()).await? {
            Ok(())
        } else {
            Err(Stop::Over)
        }
    }

    /// The tenant's store, made if there is none.
    async fn store(&mut self) -> Result<ServiceId, OnboardingError> {
        let client = &self.at.plane.verified_permissions;
        if let Some(id) = store::behind_alias(client, self.tenant).await? {
            return Ok(id);
        }
        if let Some(id) = &self.record.policy_store {
            return Ok(id.clone());
        }
        let now = self.at.clock.now();
        let begun_at = self.at.records.begin_store(&self.record, now).await?;
        let found = if store::token_holds(begun_at, now) {
            let protection = self.at.plane.deletion_protection;
            match self.patiently(async || store::make(client, self.tenant, protection).await).await? {
                Some(id) => Some(id),
                None => self.only_one().await?,
            }
        } else {
            self.only_one().await?
        };
        let id = match found {
            Some(id) => id,
            None => {
                let protection = self.at.plane.deletion_protection;
                self.patiently(async || store::make(client, self.tenant, protection).await)
                    .await?
                    .ok_or(OnboardingError::ForeignStore)?
            }
        };
        self.at.records.keep_store(&self.record, &id).await?;
        self.record.policy_store = Some(id.clone());
        Ok(id)
    }

    /// The tenant's store, by a look through all stores; of several the oldest, and the others are removed.
    async fn only_one(&self) -> Result<Option<ServiceId>, OnboardingError> {
        let found = self
            .patiently(async || store::search(&self.at.plane.verified_permissions, self.tenant).await)
            .await?;
        let Some((oldest, others)) = found.split_first() else { return Ok(None) };
        for other in others {
            self.remove_stray(other).await?;
        }
        Ok(Some(oldest.clone()))
    }

    /// Makes the store the tenant's one: by its alias, whoever else may be at it.
    async fn alias(&self, own: ServiceId) -> Result<ServiceId, OnboardingError> {
        let client = &self.at.plane.verified_permissions;
        let named = self.patiently(async || store::give_alias(client, self.tenant, &own).await).await?;
        let kept = self.record.policy_store.as_ref();
        if named != own || kept.is_some_and(|kept| *kept != named) {
            for other in store::search(client, self.tenant).await? {
                if other != named {
                    self.remove_stray(&other).await?;
                }
            }
        }
        if kept != Some(&named) {
            self.at.records.keep_store(&self.record, &named).await?;
        }
        Ok(named)
    }

    /// Removes a store of the tenant's that is not the tenant's one, with power over no other tenant's.
    async fn remove_stray(&self, stray: &ServiceId) -> Result<(), OnboardingError> {
        tracing::warn!(tenant = %self.tenant, store = stray.as_str(), "a second policy store is removed");
        let client = self.at.tenancy.at_store::<Erasure>(self.tenant, stray).await?;
        store::unprotect(&client, stray).await?;
        self.patiently(async || store::remove(&client, stray).await).await
    }

    /// The administrator: an account in the user pool, and then a row in the directory.
    async fn administrator(&self) -> Result<UserId, OnboardingError> {
        let Some(Registrant { details, .. }) = &self.record.registrant else {
            return Err(OnboardingError::Definition);
        };
        let email = &details.admin_email;
        // An account may be there already because an earlier run's mail is all that failed.
        let now = self.at.clock.now();
        let is_first = self.at.records.begin_invitation(self.tenant, now).await?;
        let repeat = if is_first { Repeat::Mail } else { Repeat::Quiet };
        let invited = self
            .patiently(async || Ok(self.at.pool.invite(self.tenant, email, UserRole::Admin, repeat).await?))
            .await;
        if is_first && matches!(invited, Err(_) | Ok(Invited::Taken)) {
            self.at.records.give_invitation_back(self.tenant, now, None).await;
        }
        let user_id = match invited? {
            Invited::New(id) | Invited::Again(id) | Invited::OfThisTenant(id) => id,
            Invited::Taken => return Err(OnboardingError::AddressTaken),
        };
        let new = NewUser { user_id, email: email.clone(), role: UserRole::Admin };
        let plane = &self.at.plane;
        users::enrol(&plane.dynamodb, &plane.users_table, self.tenant, &new, self.at.clock.now()).await?;
        Ok(user_id)
    }

    async fn patiently<T>(
        &self,
        work: impl AsyncFnMut() -> Result<T, OnboardingError>,
    ) -> Result<T, OnboardingError> {
        patiently(&self.at.clock, self.deadline, work).await
    }
}

/// Does it again while the service takes no more, as long as there is time.
pub(super) async fn patiently<T>(
    clock: &Clock,
    deadline: SystemTime,
    mut work: impl AsyncFnMut() -> Result<T, OnboardingError>,
) -> Result<T, OnboardingError> {
    let mut wait = FIRST_WAIT;
    loop {
        match work().await {
            Err(error) if error.why() == Why::Busy && clock.now() + wait < deadline => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            done => return done,
        }
    }
}
