//! [`Tenancy`] opens tenant sessions and keeps them: the same way for every power.

use std::{num::NonZeroUsize, sync::Arc};

use aws_types::SdkConfig;

use super::{
    Mapping, Power, SessionError, TenantSession, VerifiedTenant, mapping, perishable::Perishables,
    session::Opened,
};
use crate::{
    clock::Clock,
    config::{Resources, Roles, Sessions},
    ids::{ServiceId, TenantId},
};

/// How many mapping rows one environment keeps; the least recently used tenant makes room.
const TENANTS_KEPT: NonZeroUsize = NonZeroUsize::new(500).unwrap();

/// How many sessions one environment keeps, of all powers together: a function has two at most, beside that which
/// reads mapping rows. A tenant weighs about 63 KiB with its row, its sessions and their clients (`bench/SCALE.md`): 47 MiB
/// are the most.
const SESSIONS_KEPT: NonZeroUsize = NonZeroUsize::new(1_500).unwrap();

/// What a session is kept under, beside its power.
#[derive(PartialEq, Eq, Hash)]
enum SessionKey {
    /// The tenant and, but for reading the mapping row, the store: a mapping row that changed opens a new one.
    Tenant(&'static str, TenantId, Option<ServiceId>),
    /// The hash of the caller's token: nobody is served with a session that another's token opened.
    Token(&'static str, [u8; 32]),
}

/// The power to read which store is a tenant's. There is no [`TenantSession`] with it: it is never handed out.
const MAPPING: &str = "mapping";

/// Opens tenant sessions and keeps them for the life of the execution environment.
pub struct Tenancy {
    pub(super) base: SdkConfig,
    pub(super) sts: aws_sdk_sts::Client,
    clock: Clock,
    pub(super) roles: Roles,
    resources: Arc<Resources>,
    by: Sessions,
    mappings: Perishables<TenantId, Mapping>,
    sessions: Perishables<SessionKey, Opened>,
}

impl Tenancy {
    /// `base` carries the function's own credentials, which can do nothing but assume `roles`.
    #[must_use]
    pub fn new(base: SdkConfig, clock: Clock, roles: Roles, resources: Resources) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one client of STS: it opens tenant sessions")]
        let sts = aws_sdk_sts::Client::new(&base);
        Self {
            base,
            sts,
            clock,
            roles,
            resources: Arc::new(resources),
            by: Sessions::Role,
            mappings: Perishables::new(TENANTS_KEPT),
            sessions: Perishables::new(SESSIONS_KEPT),
        }
    }

    /// The same, with sessions that are had in the given way.
    #[must_use]
    pub const fn with_sessions_by(mut self, by: Sessions) -> Self {
        self.by = by;
        self
    }

    /// A session with the power `P`, such as [`Data`](super::Data).
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, knows no such tenant, or says that its users may not work.
    pub async fn open<P: Power>(&self, tenant: VerifiedTenant) -> Result<TenantSession<P>, SessionError> {
        let (role, tenant) = (P::role(&self.roles), &tenant);
        match self.by {
            Sessions::Role => {
                let mapping = self.mapping(tenant).await?;
                allowed(tenant, &mapping)?;
                let store = Some(mapping.policy_store_id.clone());
                let opened = self.assumed(P::NAME, role, tenant, store).await?;
                Ok(TenantSession::with(opened, mapping))
            }
            Sessions::Token => {
                let opened = self.shown(P::NAME, role, tenant).await?;
                // In the session itself: a token of another tenant opens one that does not reach this row.
                let mapping = self.row(tenant, async || Ok(Arc::clone(&opened))).await?;
                allowed(tenant, &mapping)?;
                Ok(TenantSession::with(opened, mapping))
            }
        }
    }

    /// The row that says which store is the tenant's, read in a session that can do nothing else.
    async fn mapping(&self, tenant: &VerifiedTenant) -> Result<Arc<Mapping>, SessionError> {
        self.row(tenant, async || self.assumed(MAPPING, &self.roles.mapping, tenant, None).await).await
    }

    /// The tenant's row, kept or read anew in the session that `open` answers.
    async fn row(
        &self,
        tenant: &VerifiedTenant,
        open: impl AsyncFnOnce() -> Result<Arc<Opened>, SessionError>,
    ) -> Result<Arc<Mapping>, SessionError> {
        self.mappings
            .get(tenant.id(), self.clock.now(), async || {
                let session = open().await?;
                self.read_mapping(tenant, &session).await
            })
            .await
    }

    /// A session that the caller's own token opens: the tags are the token's.
    async fn shown(
        &self,
        power: &'static str,
        role: &str,
        tenant: &VerifiedTenant,
    ) -> Result<Arc<Opened>, SessionError> {
        let token = tenant.token().ok_or(SessionError::NoToken)?;
        let now = self.clock.now();
        self.sessions
            .get(SessionKey::Token(power, token.hash()), now, async || {
                let narrowed = self.assume_with(power, role, token, now).await?;
                let opened = Opened::new(tenant.id(), narrowed, Arc::clone(&self.resources));
                Ok(opened.until(token.expires_at()))
            })
            .await
    }

    /// A session of a role that this function may assume: the tags are what it says.
    async fn assumed(
        &self,
        power: &'static str,
        role: &str,
        tenant: &VerifiedTenant,
        store: Option<ServiceId>,
    ) -> Result<Arc<Opened>, SessionError> {
        let key = SessionKey::Tenant(power, tenant.id(), store.clone());
        self.sessions
            .get(key, self.clock.now(), async || {
                let narrowed = self.assume(power, role, tenant, store.as_ref()).await?;
                Ok(Opened::new(tenant.id(), narrowed, Arc::clone(&self.resources)))
            })
            .await
    }

    async fn read_mapping(&self, tenant: &VerifiedTenant, session: &Opened) -> Result<Mapping, SessionError> {
        let row = session
            .dynamodb()
            .get_item()
            .table_name(&self.resources.tenants_table)
            .key(
                mapping::attributes::TENANT_ID,
                aws_sdk_dynamodb::types::AttributeValue::S(tenant.to_string()),
            )
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| SessionError::Mapping(Box::new(e.into())))?
            .item
            .ok_or(SessionError::NoTenant)?;
        mapping::parse(tenant.id(), &row, self.clock.now()).ok_or(SessionError::Malformed)
    }
}

/// Whether the tenant's users may work, where a user is asking.
const fn allowed(tenant: &VerifiedTenant, mapping: &Mapping) -> Result<(), SessionError> {
    if tenant.is_gated() && !mapping.usable { Err(SessionError::NotUsable) } else { Ok(()) }
}
