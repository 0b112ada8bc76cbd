//! Sessions of the seller account: the only way to sign a call to AWS Marketplace.
//!
//! The listing belongs to another account, and the Marketplace refuses the credentials of this one. So a
//! function assumes a role there, which names this function's role as its only principal and asks for an
//! ExternalId. One session serves the whole environment until shortly before its end. Knows no tenant.

use std::{
    fmt,
    num::NonZeroUsize,
    time::{Duration, SystemTime},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::{SdkConfig, region::Region};
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::Seller,
    tenancy::perishable::{Perishable, Perishables},
};

/// The shortest life that STS gives a session.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_LASTS_S: i32 = 900;

/// Renewed when this much of its life is left, by one caller while the others go on with it.
const RENEWED_AHEAD: Duration = Duration::from_secs(300);

/// Not used at all in its last moments: a call that is begun with it, retries included, must not outlive it.
const NOT_USED_LAST: Duration = Duration::from_secs(30);

/// The longest session name that STS takes.
const NAME_CHARS_MAX: usize = 64;

/// Why no session of the seller account could be had.
#[derive(Debug, thiserror::Error)]
pub enum SellerError {
    /// STS did not give one: the seller account does not trust this function's role or its ExternalId, or
    /// STS did not answer.
    #[error("no session of the seller account could be opened")]
    Assume(#[source] Box<aws_sdk_sts::Error>),
    /// STS answered without credentials, or with an expiry that is no time.
    #[error("the reply to AssumeRole lacks its credentials")]
    NoCredentials,
}

/// Opens the seller account's session, keeps it, and renews it ahead of its end.
pub struct SellerSession {
    base: SdkConfig,
    sts: aws_sdk_sts::Client,
    clock: Clock,
    seller: Seller,
    caller: &'static str,
    // One key: what is wanted is that concurrent misses open one session, and that renewal disturbs nobody.
    kept: Perishables<(), Session>,
}

struct Session {
    config: SdkConfig,
    expires_at: SystemTime,
}

impl Perishable for Session {
    fn fresh_until(&self) -> SystemTime {
        self.expires_at.checked_sub(RENEWED_AHEAD).unwrap_or(self.expires_at)
    }

    fn usable_until(&self) -> SystemTime {
        self.expires_at.checked_sub(NOT_USED_LAST).unwrap_or(self.expires_at)
    }
}

impl fmt::Debug for SellerSession {
    /// Its credentials and its ExternalId belong into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SellerSession({})", self.caller)
    }
}

impl SellerSession {
    /// `base` carries the function's own credentials and its Region, in which STS is asked; `caller` is how
    /// the names of its sessions begin, such as `strongroom-signup`.
    #[must_use]
    pub fn new(base: &SdkConfig, clock: Clock, seller: &Seller, caller: &'static str) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one client that borrows the seller account's roles"
        )]
        let sts = aws_sdk_sts::Client::new(base);
        Self {
            base: base.clone(),
            sts,
            clock,
            seller: seller.clone(),
            caller,
            kept: Perishables::new(NonZeroUsize::MIN),
        }
    }

    /// What a client of AWS Marketplace is made from: the session's credentials, in the one Region in which
    /// the Marketplace is called.
    ///
    /// # Errors
    /// When STS does not give a session.
    pub async fn config(&self) -> Result<SdkConfig, SellerError> {
        let session = self.kept.get((), self.clock.now(), async || self.assume().await).await?;
        Ok(session.config.clone())
    }

    async fn assume(&self) -> Result<Session, SellerError> {
        // The seller finds the name in CloudTrail beside every call that was made in the session, and we
        // find it in our log: that is how the two are held together.
        let name: String =
            format!("{}-{}", self.caller, Uuid::new_v4().simple()).chars().take(NAME_CHARS_MAX).collect();
        let reply = self
            .sts
            .assume_role()
            .role_arn(&self.seller.role_arn)
            .external_id(&self.seller.external_id)
            .role_session_name(&name)
            .duration_seconds(SESSION_LASTS_S)
            .send()
            .await
            .map_err(|e| SellerError::Assume(Box::new(e.into())))?;
        let credentials = reply.credentials.ok_or(SellerError::NoCredentials)?;
        let expires_at =
            SystemTime::try_from(credentials.expiration).map_err(|_| SellerError::NoCredentials)?;
        tracing::info!(session = name, "session of the seller account opened");
        let provider = SharedCredentialsProvider::new(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            Some(expires_at),
            "seller-session",
        ));
        let config = self
            .base
            .clone()
            .into_builder()
            .region(Region::new(self.seller.region.clone()))
            .credentials_provider(provider)
            .build();
        Ok(Session { config, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marketplace::script::{Script, seller};

    fn noon() -> Clock {
        Clock::set_to(crate::clock::parse_rfc3339("2026-11-22T12:00:00.000Z").unwrap())
    }

    fn lent(key: &str, expires: &str) -> (u16, String) {
        (
            200,
            format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
                 <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                 <SessionToken>t</SessionToken><Expiration>{expires}</Expiration></Credentials>\
                 </AssumeRoleResult></AssumeRoleResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn a_session_is_opened_once_kept_and_renewed_ahead_of_its_end() {
        let script =
            Script::of([lent("FIRST", "2026-11-22T12:15:00Z"), lent("SECOND", "2026-11-22T12:26:00Z")]);
        let clock = noon();
        let session =
            SellerSession::new(&script.config("eu-central-1"), clock.clone(), &seller(), "strongroom-signup");
        let (one, two) = tokio::join!(session.config(), session.config());
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(script.sent().len(), 1, "two at once open one");
        assert_eq!(
            one.region().unwrap().as_ref(),
            "us-east-1",
            "the Marketplace's Region, not the function's"
        );
        assert_eq!(two.region(), one.region());

        clock.advance(Duration::from_secs(599));
        session.config().await.unwrap();
        assert_eq!(script.sent().len(), 1, "kept");
        clock.advance(Duration::from_secs(61));
        session.config().await.unwrap();
        assert_eq!(script.sent().len(), 2, "renewed ahead");

        let sent = script.sent();
        assert_eq!(sent[0].host, "sts.eu-central-1.amazonaws.com", "STS of the function's own Region");
        let name = sent[0].body.split('&').find_map(|p| p.strip_prefix("RoleSessionName=")).unwrap();
        assert!(name.starts_with("strongroom-signup-") && name.len() <= NAME_CHARS_MAX, "{name}");
        assert!(sent[0].body.contains("DurationSeconds=900"));
        assert!(sent[0].body.contains("ExternalId=an-external-id-of-the-tests"));
    }

    #[tokio::test]
    async fn a_session_that_is_refused_tells_nothing_of_the_external_id() {
        let script = Script::of([(
            403,
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error>\
             </ErrorResponse>"
                .to_owned(),
        )]);
        let session = SellerSession::new(&script.config("us-east-1"), noon(), &seller(), "strongroom-signup");
        let error = session.config().await.unwrap_err();
        let told = format!("{} {error:?} {session:?} {:?}", crate::problem::chain(&error), seller());
        assert!(told.contains("AccessDenied"), "{told}");
        assert!(!told.contains("an-external-id-of-the-tests"), "{told}");
    }
}
