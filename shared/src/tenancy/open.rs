//! [`Tenancy`] opens tenant sessions and keeps them: the same way for every power.

use std::{num::NonZeroUsize, sync::Arc};

use aws_types::SdkConfig;

use super::{
    Mapping, Power, SessionError, TenantSession, VerifiedTenant, mapping, perishable::Perishables,
    session::Opened,
};
use crate::{
    clock::Clock,
    config::{Resources, Roles},
    ids::{ServiceId, TenantId},
};

/// How many mapping rows one environment keeps; the least recently used tenant makes room.
const TENANTS_KEPT: NonZeroUsize = NonZeroUsize::new(500).unwrap();

/// How many sessions one environment keeps, of all powers together: a function has two at most, beside that which
/// reads mapping rows. A session weighs about 10 kB with its clients.
const SESSIONS_KEPT: NonZeroUsize = NonZeroUsize::new(1_500).unwrap();

/// What a session is kept under: power, tenant and, but for reading the mapping row, store. A mapping row that
/// changed opens a new one.
type SessionKey = (&'static str, TenantId, Option<ServiceId>);

/// The power to read which store is a tenant's. There is no [`TenantSession`] with it: it is never handed out.
const MAPPING: &str = "mapping";

/// Opens tenant sessions and keeps them for the life of the execution environment.
pub struct Tenancy {
    pub(super) base: SdkConfig,
    pub(super) sts: aws_sdk_sts::Client,
    clock: Clock,
    pub(super) roles: Roles,
    resources: Arc<Resources>,
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
            mappings: Perishables::new(TENANTS_KEPT),
            sessions: Perishables::new(SESSIONS_KEPT),
        }
    }

    /// A session with the power `P`, such as [`Data`](super::Data).
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, knows no such tenant, or says that its users may not work.
    pub async fn open<P: Power>(&self, tenant: VerifiedTenant) -> Result<TenantSession<P>, SessionError> {
        let mapping = self.mapping(tenant).await?;
        if tenant.is_gated() && !mapping.usable {
            return Err(SessionError::NotUsable);
        }
        let store = Some(mapping.policy_store_id.clone());
        let opened = self.kept(P::NAME, P::role(&self.roles), tenant, store).await?;
        Ok(TenantSession::with(opened, mapping))
    }

    /// The row that says which store is the tenant's, read in a session that can do nothing else.
    async fn mapping(&self, tenant: VerifiedTenant) -> Result<Arc<Mapping>, SessionError> {
        self.mappings
            .get(tenant.id(), self.clock.now(), async || {
                let session = self.kept(MAPPING, &self.roles.mapping, tenant, None).await?;
                self.read_mapping(tenant, &session).await
            })
            .await
    }

    async fn kept(
        &self,
        power: &'static str,
        role: &str,
        tenant: VerifiedTenant,
        store: Option<ServiceId>,
    ) -> Result<Arc<Opened>, SessionError> {
        self.sessions
            .get((power, tenant.id(), store.clone()), self.clock.now(), async || {
                let narrowed = self.assume(power, role, tenant, store.as_ref()).await?;
                Ok(Opened::new(tenant.id(), narrowed, Arc::clone(&self.resources)))
            })
            .await
    }

    async fn read_mapping(&self, tenant: VerifiedTenant, session: &Opened) -> Result<Mapping, SessionError> {
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
        mapping::parse(tenant, &row, self.clock.now()).ok_or(SessionError::Malformed)
    }
}
