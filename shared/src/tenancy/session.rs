//! [`Tenancy`] opens sessions and keeps them; [`TenantSession`] is the one place a tenant's client is made.

use std::{
    fmt,
    marker::PhantomData,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::types::Tag;
use aws_types::SdkConfig;

use super::{
    Mapping, VerifiedTenant, mapping,
    perishable::{Perishable, Perishables},
};
use crate::{
    clock::Clock,
    config::{Resources, Roles},
    ids::{ServiceId, TenantId},
};

/// The shortest life that STS gives a session. Short, because a session outlives whatever it was opened for.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_LASTS: Duration = Duration::from_secs(900);

/// A session is renewed when this much of its life is left, so that every session handed out can sign a
/// URL that lasts as long as promised: a presigned URL dies with the session that signed it.
const RENEWED_AHEAD: Duration = Duration::from_secs(360);

/// Not used at all in its last moments: a request begun with it must not end without it.
const NOT_USED_LAST: Duration = Duration::from_secs(15);

/// How many sessions and mapping rows one environment keeps; the least recently used tenant makes room.
/// A tenant weighs about 63 KiB with its row, its two sessions and their clients (`bench/SCALE.md`): 31 MiB are the most.
const TENANTS_KEPT: NonZeroUsize = NonZeroUsize::new(500).unwrap();

mod sealed {
    pub trait Sealed {}
}

/// What a session may do: each power is a tenant role of its own in the template.
pub trait Power: sealed::Sealed + Send + Sync + 'static {
    #[doc(hidden)]
    fn role(roles: &Roles) -> &str;
    #[doc(hidden)]
    const NAME: &'static str;
}

macro_rules! power {
    ($(#[$doc:meta])* $name:ident, $field:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Power for $name {
            fn role(roles: &Roles) -> &str {
                &roles.$field
            }
            const NAME: &'static str = stringify!($field);
        }
    };
}

power!(
    /// May read and write the tenant's documents, read its shares and users, and ask its policy store.
    Data, data
);
power!(
    /// May look at content that arrived and settle its document, or remove it.
    Settlement, settlement
);
power!(
    /// May write shares: their rows, and their policies in the tenant's store.
    Sharing, sharing
);
power!(
    /// May remove what a deleted document leaves: policies, share rows, content, the row.
    Deletion, deletion
);
power!(
    /// May write the tenant's directory of users, and forbid a removed user everything.
    Directory, directory
);
power!(
    /// May settle what a removed user leaves: end shares, hand documents over, forget the user.
    Departure, departure
);
power!(
    /// May erase everything of the tenant.
    Erasure, erasure
);
power!(
    /// May read what the tenant used and what of it is billed, and ask its policy store.
    Usage, usage
);

/// A power with which the tenant's policy store can be asked.
pub trait MayAsk: Power {}
impl MayAsk for Data {}
impl MayAsk for Usage {}

/// A power with which a document's content can be looked at and its arrival recorded.
pub trait MaySettle: Power {}
impl MaySettle for Data {}
impl MaySettle for Settlement {}

/// A power with which a document's content can be removed.
pub trait MayDiscard: Power {}
impl MayDiscard for Settlement {}
impl MayDiscard for Deletion {}

/// A power with which policies can be taken out of the tenant's store.
pub trait MayRemovePolicies: Power {}
impl MayRemovePolicies for Sharing {}
impl MayRemovePolicies for Deletion {}
impl MayRemovePolicies for Departure {}

/// A power with which shares can be ended.
pub trait MayEndShares: MayRemovePolicies {}
impl MayEndShares for Sharing {}
impl MayEndShares for Departure {}

/// A power with which a removed user can be forbidden everything.
pub trait MayForbid: Power {}
impl MayForbid for Directory {}
impl MayForbid for Departure {}

/// Why no session could be had. Whoever gets this denies.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// STS did not give a session.
    #[error("no {power} session could be opened")]
    Assume {
        /// Which power was asked for.
        power: &'static str,
        /// What STS or the network said.
        #[source]
        source: Box<aws_sdk_sts::Error>,
    },
    /// A session tag could not be made; an untagged session is never asked for.
    #[error("a session tag could not be made")]
    Untaggable,
    /// STS answered without credentials, or with an expiry that is no time.
    #[error("the reply to AssumeRole lacks its credentials")]
    NoCredentials,
    /// The mapping row could not be read.
    #[error("the tenant's mapping row could not be read")]
    Mapping(#[source] Box<aws_sdk_dynamodb::Error>),
    /// The mapping row is not this tenant's, or not complete.
    #[error("the tenant's mapping row is malformed")]
    Malformed,
    /// There is no mapping row: the tenant is not set up yet, or has been erased.
    #[error("there is no such tenant")]
    NoTenant,
    /// The tenant is not set up yet, or its subscription is not active: its users have to wait.
    #[error("the tenant's users may not work now")]
    NotUsable,
}

/// Credentials that STS narrowed to one tenant, with the clients that use them.
///
/// `P` is what they may do. The clients are private to this crate: a function can only do what the modules
/// of this crate offer for its session.
///
/// It is opened for a caller, which verified claims made:
///
/// ```
/// use shared::tenancy::{Data, SessionError, Tenancy, TenantSession, caller::Caller};
/// async fn serve(tenancy: &Tenancy, caller: &Caller) -> Result<shared::ids::TenantId, SessionError> {
///     Ok(tenancy.data(caller.tenant()).await?.tenant())
/// }
/// ```
///
/// A tenant's id is not enough, wherever it comes from:
///
/// ```compile_fail,E0308
/// use shared::tenancy::{Data, SessionError, Tenancy, TenantSession, caller::Caller};
/// async fn serve(tenancy: &Tenancy, id: shared::ids::TenantId) -> Result<shared::ids::TenantId, SessionError> {
///     Ok(tenancy.data(id).await?.tenant())
/// }
/// ```
///
/// Nobody else can vouch for one:
///
/// ```compile_fail,E0624
/// fn forge(id: shared::ids::TenantId) -> shared::tenancy::VerifiedTenant {
///     shared::tenancy::VerifiedTenant::calling(id)
/// }
/// ```
///
/// And the clients stay inside:
///
/// ```compile_fail,E0624
/// fn reach(session: &shared::tenancy::TenantSession<shared::tenancy::Data>) {
///     let _ = session.dynamodb();
/// }
/// ```
pub struct TenantSession<P> {
    tenant: VerifiedTenant,
    mapping: Arc<Mapping>,
    config: SdkConfig,
    resources: Arc<Resources>,
    expires_at: SystemTime,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    verified_permissions: OnceLock<aws_sdk_verifiedpermissions::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    power: PhantomData<P>,
}

impl<P> TenantSession<P> {
    /// The tenant that every call of this session is confined to.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant.id()
    }

    /// When the credentials, and every URL that they signed, cease to work.
    #[must_use]
    pub const fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(crate) fn resources(&self) -> &Resources {
        &self.resources
    }

    #[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.config))
    }

    #[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.config)
                // An endpoint of one's own has no host name per bucket.
                .force_path_style(self.config.endpoint_url().is_some())
                // Uploads carry the SHA-256 that the caller promised, and no second checksum.
                .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
                .build();
            aws_sdk_s3::Client::from_conf(config)
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
    pub(crate) fn verified_permissions(&self) -> &aws_sdk_verifiedpermissions::Client {
        self.verified_permissions.get_or_init(|| aws_sdk_verifiedpermissions::Client::new(&self.config))
    }

    #[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.config))
    }
}

impl<P: Power> fmt::Debug for TenantSession<P> {
    /// Whose and what it is; never the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantSession({}, {})", P::NAME, self.tenant)
    }
}

impl<P> Perishable for TenantSession<P> {
    fn fresh_until(&self) -> SystemTime {
        self.expires_at - RENEWED_AHEAD
    }
    fn usable_until(&self) -> SystemTime {
        self.expires_at - NOT_USED_LAST
    }
}

/// The credentials that may read one mapping row; never handed out.
struct MappingSession {
    config: SdkConfig,
    expires_at: SystemTime,
}

impl Perishable for MappingSession {
    fn fresh_until(&self) -> SystemTime {
        self.expires_at - RENEWED_AHEAD
    }
    fn usable_until(&self) -> SystemTime {
        self.expires_at - NOT_USED_LAST
    }
}

/// A kept session belongs to one tenant *and* one store: a mapping row that changed opens a new one.
type SessionKey = (TenantId, ServiceId);

/// Opens tenant sessions and keeps them for the life of the execution environment.
pub struct Tenancy {
    base: SdkConfig,
    sts: aws_sdk_sts::Client,
    clock: Clock,
    pub(super) roles: Roles,
    resources: Arc<Resources>,
    mapping_sessions: Perishables<TenantId, MappingSession>,
    mappings: Perishables<TenantId, Mapping>,
    data: Perishables<SessionKey, TenantSession<Data>>,
    settlement: Perishables<SessionKey, TenantSession<Settlement>>,
    sharing: Perishables<SessionKey, TenantSession<Sharing>>,
    deletion: Perishables<SessionKey, TenantSession<Deletion>>,
    directory: Perishables<SessionKey, TenantSession<Directory>>,
    departure: Perishables<SessionKey, TenantSession<Departure>>,
    erasure: Perishables<SessionKey, TenantSession<Erasure>>,
    usage: Perishables<SessionKey, TenantSession<Usage>>,
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
            mapping_sessions: Perishables::new(TENANTS_KEPT),
            mappings: Perishables::new(TENANTS_KEPT),
            data: Perishables::new(TENANTS_KEPT),
            settlement: Perishables::new(TENANTS_KEPT),
            sharing: Perishables::new(TENANTS_KEPT),
            deletion: Perishables::new(TENANTS_KEPT),
            directory: Perishables::new(TENANTS_KEPT),
            departure: Perishables::new(TENANTS_KEPT),
            erasure: Perishables::new(TENANTS_KEPT),
            usage: Perishables::new(TENANTS_KEPT),
        }
    }

    /// A session that works on the tenant's documents.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn data(&self, tenant: VerifiedTenant) -> Result<Arc<TenantSession<Data>>, SessionError> {
        self.open(&self.data, tenant).await
    }

    /// A session that settles arrivals.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn settlement(
        &self,
        tenant: VerifiedTenant,
    ) -> Result<Arc<TenantSession<Settlement>>, SessionError> {
        self.open(&self.settlement, tenant).await
    }

    /// A session that writes shares.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn sharing(&self, tenant: VerifiedTenant) -> Result<Arc<TenantSession<Sharing>>, SessionError> {
        self.open(&self.sharing, tenant).await
    }

    /// A session that removes what a deleted document leaves.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn deletion(
        &self,
        tenant: VerifiedTenant,
    ) -> Result<Arc<TenantSession<Deletion>>, SessionError> {
        self.open(&self.deletion, tenant).await
    }

    /// A session that writes the tenant's directory.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn directory(
        &self,
        tenant: VerifiedTenant,
    ) -> Result<Arc<TenantSession<Directory>>, SessionError> {
        self.open(&self.directory, tenant).await
    }

    /// A session that settles what a removed user leaves.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn departure(
        &self,
        tenant: VerifiedTenant,
    ) -> Result<Arc<TenantSession<Departure>>, SessionError> {
        self.open(&self.departure, tenant).await
    }

    /// A session that erases the tenant.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn erasure(&self, tenant: VerifiedTenant) -> Result<Arc<TenantSession<Erasure>>, SessionError> {
        self.open(&self.erasure, tenant).await
    }

    /// A session that reads what the tenant used.
    ///
    /// # Errors
    /// When STS or the mapping table does not answer, or knows no such tenant.
    pub async fn usage(&self, tenant: VerifiedTenant) -> Result<Arc<TenantSession<Usage>>, SessionError> {
        self.open(&self.usage, tenant).await
    }

    async fn open<P: Power>(
        &self,
        kept: &Perishables<SessionKey, TenantSession<P>>,
        tenant: VerifiedTenant,
    ) -> Result<Arc<TenantSession<P>>, SessionError> {
        let mapping = self.mapping(tenant).await?;
        if tenant.is_gated() && !mapping.usable {
            return Err(SessionError::NotUsable);
        }
        let key = (tenant.id(), mapping.policy_store_id.clone());
        kept.get(key, self.clock.now(), async || {
            let (config, expires_at) =
                self.assume(P::NAME, P::role(&self.roles), tenant, Some(&mapping.policy_store_id)).await?;
            Ok(TenantSession {
                tenant,
                mapping: Arc::clone(&mapping),
                config,
                resources: Arc::clone(&self.resources),
                expires_at,
                dynamodb: OnceLock::new(),
                s3: OnceLock::new(),
                verified_permissions: OnceLock::new(),
                sqs: OnceLock::new(),
                power: PhantomData,
            })
        })
        .await
    }

    async fn mapping(&self, tenant: VerifiedTenant) -> Result<Arc<Mapping>, SessionError> {
        self.mappings
            .get(tenant.id(), self.clock.now(), async || {
                let session = self
                    .mapping_sessions
                    .get(tenant.id(), self.clock.now(), async || {
                        let (config, expires_at) =
                            self.assume("mapping", &self.roles.mapping, tenant, None).await?;
                        Ok::<_, SessionError>(MappingSession { config, expires_at })
                    })
                    .await?;
                self.read_mapping(tenant, &session.config).await
            })
            .await
    }

    async fn read_mapping(
        &self,
        tenant: VerifiedTenant,
        config: &SdkConfig,
    ) -> Result<Mapping, SessionError> {
        #[expect(clippy::disallowed_methods, reason = "the first of the two steps: the tenant's own row")]
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        let row = dynamodb
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

    /// One AssumeRole: the tags are what IAM confines the session by, the session's name is what
    /// CloudTrail shows.
    pub(super) async fn assume(
        &self,
        power: &'static str,
        role: &str,
        tenant: VerifiedTenant,
        store: Option<&ServiceId>,
    ) -> Result<(SdkConfig, SystemTime), SessionError> {
        let mut tags = vec![tag("tenant_id", &tenant.to_string())?];
        if let Some(store) = store {
            tags.push(tag("policy_store_id", store.as_str())?);
        }
        let reply = self
            .sts
            .assume_role()
            .role_arn(role)
            .role_session_name(tenant.to_string())
            .duration_seconds(i32::try_from(SESSION_LASTS.as_secs()).unwrap_or(900))
            .set_tags(Some(tags))
            .send()
            .await
            .map_err(|e| SessionError::Assume { power, source: Box::new(e.into()) })?;
        let credentials = reply.credentials.ok_or(SessionError::NoCredentials)?;
        let expires_at =
            SystemTime::try_from(credentials.expiration).map_err(|_| SessionError::NoCredentials)?;
        let provider = SharedCredentialsProvider::new(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            Some(expires_at),
            "tenant-session",
        ));
        Ok((self.base.clone().into_builder().credentials_provider(provider).build(), expires_at))
    }
}

fn tag(key: &str, value: &str) -> Result<Tag, SessionError> {
    Tag::builder().key(key).value(value).build().map_err(|_| SessionError::Untaggable)
}
