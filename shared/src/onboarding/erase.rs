//! Erasing a tenant: ordered once everything that comes first has happened, carried out in slices.
//!
//! The order of things is what makes every crash resumable. Whatever a session is needed for comes before the
//! mapping row goes, since without that row no session opens; that it was about to go is written down first,
//! so that its absence means one thing only. What is counted is counted before anything is erased.
//!
//! Until the first thing is removed the subscription may come back, and everything with it: what allowed the order
//! is asked again at every slice, and once more at the very point from which there is no way back.

use std::time::{Duration, SystemTime};

use super::{
    Onboarding, OnboardingError, Order, Progress, Record, RecordError, Registrant,
    closing::{Closing, NotYet, Waived, may_close},
    contents::Contents,
    mark::Marked,
    open::patiently,
    store,
};
use crate::{
    ids::TenantId,
    subscriptions::{Kind, SubscriptionError},
    tenancy::{Erasure, SessionError, TenantSession, VerifiedTenant},
};

/// Time kept at the end of a slice for what it has begun.
const KEPT_FOR_CALL: Duration = Duration::from_secs(10);

/// A slice is short: sign-ups stand in the same queue.
const SLICE: Duration = Duration::from_secs(20);

/// A slice that met another one lets it go ahead.
const BETWEEN_SLICES: Duration = Duration::from_secs(1);

/// Why a tenant was not ordered to be erased.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// Nobody registered such a tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// Something has to happen first.
    #[error(transparent)]
    NotYet(#[from] NotYet),
    /// Something did not do its part.
    #[error("the tenant could not be marked")]
    Failed(#[from] OnboardingError),
}

impl From<RecordError> for CloseError {
    fn from(error: RecordError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<SubscriptionError> for CloseError {
    fn from(error: SubscriptionError) -> Self {
        Self::Failed(error.into())
    }
}

/// How a slice of an erasure ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erased {
    /// Nothing is left of the tenant but its tombstone.
    Complete(Box<Record>),
    /// There is more to do, and an order for it stands in the queue.
    Unfinished,
    /// It must not be erased any more, since its subscription came back: the order was taken back, nothing was
    /// removed, and the tenant is as it was.
    Reactivated,
    /// Nobody ordered it.
    NotOrdered,
}

/// Why a slice goes no further.
enum Halt {
    CalledOff,
    Failed(OnboardingError),
}

impl<E: Into<OnboardingError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Onboarding {
    /// Orders a tenant to be erased: its users are locked out from now on, and the work begins when nothing of
    /// theirs can arrive any more. Asked again, it orders again, which does no harm, and tells how far it is.
    ///
    /// # Errors
    /// When something has to happen first, or something did not do its part.
    pub async fn order_close(
        &self,
        tenant: TenantId,
        waived: Waived,
        grace: Duration,
    ) -> Result<Record, CloseError> {
        let now = self.clock.now();
        let record = self.records.get(tenant).await?.ok_or(CloseError::Unknown)?;
        let record = match record.progress {
            Progress::Closed => return Ok(record),
            Progress::Closing => record,
            _ => {
                let subscription =
                    self.subscriptions.home(&record.license).await?.ok_or(SubscriptionError::NotFound)?;
                may_close(&subscription.state, subscription.final_metering, waived, grace, now)?;
                match self.records.mark_closing(&self.plane.tenants_table, tenant, waived, now).await? {
                    Marked::Closing(record) => *record,
                    Marked::Active => return Err(NotYet::NotOver(Kind::Active).into()),
                }
            }
        };
        if let (Progress::Closing, Some(closing)) = (record.progress, &record.closing) {
            self.records.enqueue_for(&Order::Close { tenant_id: tenant }, closing.settled_at, now).await?;
        }
        Ok(record)
    }

    /// Erases a tenant that was ordered to be, or goes on with it, until `deadline` and for no longer than a slice.
    /// `grace` is as for the order.
    ///
    /// # Errors
    /// When a step fails; run it again.
    pub async fn erase(
        &self,
        tenant: TenantId,
        grace: Duration,
        deadline: SystemTime,
    ) -> Result<Erased, OnboardingError> {
        let Some(record) = self.records.get(tenant).await? else { return Ok(Erased::NotOrdered) };
        let closing = match (record.progress, &record.closing) {
            (Progress::Closed, _) => return Ok(Erased::Complete(Box::new(record))),
            (Progress::Closing, Some(closing)) => closing.clone(),
            (progress, _) => {
                if progress.is_opening() {
                    // The order was taken back, perhaps by a try that came no further than that.
                    self.records.enqueue(&Order::Open { tenant_id: tenant }).await?;
                }
                return Ok(Erased::NotOrdered);
            }
        };
        let now = self.clock.now();
        if now < closing.settled_at {
            self.records.enqueue_for(&Order::Close { tenant_id: tenant }, closing.settled_at, now).await?;
            return Ok(Erased::Unfinished);
        }
        match self.slice(&record, &closing, grace, deadline).await {
            Ok(true) => {
                let tombstone = self.records.get(tenant).await?.ok_or(RecordError::Malformed)?;
                Ok(Erased::Complete(Box::new(tombstone)))
            }
            Ok(false) => {
                let now = self.clock.now();
                self.records
                    .enqueue_for(&Order::Close { tenant_id: tenant }, now + BETWEEN_SLICES, now)
                    .await?;
                Ok(Erased::Unfinished)
            }
            Err(Halt::CalledOff) => {
                self.records.enqueue(&Order::Open { tenant_id: tenant }).await?;
                Ok(Erased::Reactivated)
            }
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    /// One slice; `false` when there is more to do.
    async fn slice(
        &self,
        record: &Record,
        closing: &Closing,
        grace: Duration,
        deadline: SystemTime,
    ) -> Result<bool, Halt> {
        let tenant = record.tenant;
        let ends_at = (self.clock.now() + SLICE).min(deadline - KEPT_FOR_CALL);
        self.still_over(record, closing, grace).await?;
        let session = self.session(record, closing, grace, deadline).await?;
        let contents = session.as_ref().map(|session| Contents {
            session,
            pool: &self.pool,
            clock: &self.clock,
            deadline: ends_at,
        });
        if let Some(contents) = &contents
            && !self.count(contents, closing.clone()).await?
        {
            return Ok(false);
        }
        self.begin_removing(record, closing, grace).await?;
        // A run that was opening the tenant may have mapped it after the mark.
        self.plane.mapping_of(tenant).lock_out().await?;
        if let Some(contents) = &contents {
            if !self.empty(contents, record).await? {
                return Ok(false);
            }
            self.remove_store(contents.session, deadline).await?;
            self.records.unmapping(tenant).await?;
            self.plane.mapping_of(tenant).remove(contents.session).await?;
        }
        let home = self.subscriptions.home(&record.license).await?.ok_or(SubscriptionError::NotFound)?;
        self.subscriptions.close(&home.license, self.clock.now()).await?;
        self.records.erased(tenant, self.clock.now()).await?;
        Ok(true)
    }

    /// Asks again what allowed the order: what is paid for is not erased. The order is taken back then, unless
    /// removing has begun, which only a person can still do anything about.
    async fn still_over(&self, record: &Record, closing: &Closing, grace: Duration) -> Result<(), Halt> {
        let (tenant, now) = (record.tenant, self.clock.now());
        let found = self.subscriptions.home(&record.license).await?.ok_or(SubscriptionError::NotFound)?;
        let Err(not_yet) = may_close(&found.state, found.final_metering, closing.waived, grace, now) else {
            return Ok(());
        };
        let why = not_yet.to_string();
        if !closing.removing && self.records.unmark(&self.plane.tenants_table, tenant, closing, now).await? {
            tracing::warn!(%tenant, why, "an erasure is called off");
            return Err(Halt::CalledOff);
        }
        tracing::error!(
            incident = "reactivated_while_erased",
            %tenant,
            why,
            "a tenant that is half erased came back"
        );
        Ok(())
    }

    /// Goes past the point from which there is no way back, unless it was passed before.
    async fn begin_removing(&self, record: &Record, closing: &Closing, grace: Duration) -> Result<(), Halt> {
        if closing.removing {
            return Ok(());
        }
        self.still_over(record, closing, grace).await?;
        if self.records.removing(record.tenant).await? {
            Ok(())
        } else {
            // Another slice has finished, or taken the order back: the next try finds out.
            Err(RecordError::Contended.into())
        }
    }

    /// The session that everything is erased with; `None` when there is nothing that needs one.
    async fn session(
        &self,
        record: &Record,
        closing: &Closing,
        grace: Duration,
        deadline: SystemTime,
    ) -> Result<Option<TenantSession<Erasure>>, Halt> {
        let tenant = VerifiedTenant::ours(record.tenant);
        match self.tenancy.open::<Erasure>(tenant.clone()).await {
            Ok(session) => Ok(Some(session)),
            // The mapping row went last; or there never was anything.
            Err(SessionError::NoTenant) if closing.unmapping || record.store_begun_at.is_none() => Ok(None),
            Err(SessionError::NoTenant) => {
                // It is mapped as one that is over, which is not taken back.
                self.begin_removing(record, closing, grace).await?;
                self.make_erasable(record, deadline).await?;
                Ok(Some(self.tenancy.open::<Erasure>(tenant).await?))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes everything but the store and the mapping row; `false` when there is more to do.
    async fn empty(&self, contents: &Contents<'_>, record: &Record) -> Result<bool, OnboardingError> {
        // Again, until a whole pass finds nothing: what other functions had under way may have come in between.
        loop {
            let Some(removed) = contents.remove().await? else { return Ok(false) };
            if removed == 0 {
                break;
            }
        }
        if let Some(Registrant { details, .. }) = &record.registrant {
            // Invited, perhaps, and never written into the directory.
            contents.remove_account(&details.admin_email).await?;
        }
        Ok(true)
    }

    /// Counts what there is, from where an earlier slice came to; `false` when there is more to count.
    async fn count(&self, contents: &Contents<'_>, closing: Closing) -> Result<bool, OnboardingError> {
        let tenant = contents.session.tenant();
        let (mut counting, mut counts) = (closing.counting, closing.counts);
        while let Some((next, so_far)) = contents.count(&counting, counts).await? {
            if !self.records.count(tenant, &counting, &next, &so_far).await? {
                // Another slice counts as well, and was faster: let it.
                return Ok(false);
            }
            (counting, counts) = (next, so_far);
            if contents.is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the store. Its alias goes with it, and is how to tell whether it is still there: IAM tells no
    /// tag of a store that is gone, and so refuses everything to do with it.
    async fn remove_store(
        &self,
        session: &TenantSession<Erasure>,
        deadline: SystemTime,
    ) -> Result<(), OnboardingError> {
        let id = match store::behind_alias(&self.plane.verified_permissions, session.tenant()).await {
            Ok(Some(id)) => id,
            // For a day the name of a store that was deleted may be "pending deletion".
            Ok(None) | Err(OnboardingError::AliasPending) => return Ok(()),
            Err(error) => return Err(error),
        };
        if id != session.mapping().policy_store_id {
            return Err(OnboardingError::ForeignStore);
        }
        let client = session.verified_permissions();
        store::unprotect(client, &id).await?;
        patiently(&self.clock, deadline, async || store::remove(client, &id).await).await
    }
}
