//! [`TenantSession`]: the one place where a tenant's client is made. How one is opened is not known here.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use aws_types::SdkConfig;
use tokio::sync::OnceCell;

use super::{
    Mapping, Power,
    perishable::Perishable,
    signer::{self, Signer, SigningError},
};
use crate::{config::Resources, ids::TenantId};

/// A session is renewed when this much of its life is left, so that every session handed out can sign a
/// URL that lasts as long as promised: a presigned URL dies with the session that signed it.
const RENEWED_AHEAD: Duration = Duration::from_secs(360);

/// Not used at all in its last moments: a request begun with it must not end without it.
const NOT_USED_LAST: Duration = Duration::from_secs(15);

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
    /// STS does not take the caller's token any more.
    #[error("the caller's token is refused")]
    TokenRefused(#[source] Box<aws_sdk_sts::Error>),
    /// Sessions are had for tokens here, and there is none.
    #[error("there is no token to open a session with")]
    NoToken,
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
///     Ok(tenancy.open::<Data>(caller.tenant()).await?.tenant())
/// }
/// ```
///
/// A tenant's id is not enough, wherever it comes from:
///
/// ```compile_fail,E0308
/// use shared::tenancy::{Data, SessionError, Tenancy, TenantSession, caller::Caller};
/// async fn serve(tenancy: &Tenancy, id: shared::ids::TenantId) -> Result<shared::ids::TenantId, SessionError> {
///     Ok(tenancy.open::<Data>(id).await?.tenant())
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
    opened: Arc<Opened>,
    mapping: Arc<Mapping>,
    power: PhantomData<P>,
}

/// What of a session is kept, and shared by those who work with it at the same time: whose power it is stands in
/// the type of the [`TenantSession`] around it, and in the key that it is kept under.
pub(super) struct Opened {
    tenant: TenantId,
    config: SdkConfig,
    resources: Arc<Resources>,
    expires_at: SystemTime,
    usable_until: SystemTime,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    signer: OnceCell<Signer>,
    verified_permissions: OnceLock<aws_sdk_verifiedpermissions::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

impl Opened {
    /// `config` carries the narrowed credentials.
    pub(super) fn new(
        tenant: TenantId,
        (config, expires_at): (SdkConfig, SystemTime),
        resources: Arc<Resources>,
    ) -> Self {
        Self {
            tenant,
            config,
            resources,
            expires_at,
            usable_until: expires_at - NOT_USED_LAST,
            dynamodb: OnceLock::new(),
            s3: OnceLock::new(),
            signer: OnceCell::new(),
            verified_permissions: OnceLock::new(),
            sqs: OnceLock::new(),
        }
    }

    /// Not to be used from `end` on, though STS may have given it longer.
    pub(super) fn until(mut self, end: SystemTime) -> Self {
        self.usable_until = self.usable_until.min(end);
        self
    }

    /// The client of tables that these credentials make.
    #[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
    pub(super) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.config))
    }
}

impl<P: Power> TenantSession<P> {
    /// `opened` has been opened with the power `P`, for the tenant of `mapping`.
    pub(super) const fn with(opened: Arc<Opened>, mapping: Arc<Mapping>) -> Self {
        Self { opened, mapping, power: PhantomData }
    }
}

impl<P> TenantSession<P> {
    /// The tenant that every call of this session is confined to.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.opened.tenant
    }

    /// When the credentials, and every URL that they signed, cease to work.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.opened.expires_at
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(crate) fn resources(&self) -> &Resources {
        &self.opened.resources
    }

    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.opened.dynamodb()
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.opened.s3.get_or_init(|| s3_client(&self.opened.config))
    }

    /// What signs URLs to the content bucket.
    ///
    /// # Errors
    /// When the session's credentials or the bucket's endpoint cannot be had.
    pub(crate) async fn signer(&self) -> Result<&Signer, SigningError> {
        let opened = &self.opened;
        opened.signer.get_or_try_init(|| Signer::of(&opened.config, &opened.resources.content_bucket)).await
    }

    #[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
    pub(crate) fn verified_permissions(&self) -> &aws_sdk_verifiedpermissions::Client {
        self.opened
            .verified_permissions
            .get_or_init(|| aws_sdk_verifiedpermissions::Client::new(&self.opened.config))
    }

    #[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.opened.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.opened.config))
    }
}

/// The client of buckets; what [`Signer`] signs is held against it.
#[expect(clippy::disallowed_methods, reason = "the door itself: narrowed credentials")]
pub(super) fn s3_client(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config)
        .force_path_style(signer::has_path_style(config))
        // Uploads carry the SHA-256 that the caller promised, and no second checksum.
        .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

impl<P: Power> fmt::Debug for TenantSession<P> {
    /// Whose and what it is; never the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantSession({}, {})", P::NAME, self.tenant())
    }
}

impl Perishable for Opened {
    fn fresh_until(&self) -> SystemTime {
        self.expires_at - RENEWED_AHEAD
    }
    fn usable_until(&self) -> SystemTime {
        self.usable_until
    }
}
