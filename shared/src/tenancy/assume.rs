//! Narrowed credentials from STS: where sessions come from. Nothing is kept here.

use std::time::{Duration, SystemTime};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::types::Tag;
use aws_types::SdkConfig;

use super::{SessionError, Tenancy, VerifiedTenant};
use crate::ids::ServiceId;

/// The shortest life that STS gives a session. Short, because a session outlives whatever it was opened for.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_LASTS: Duration = Duration::from_secs(900);

impl Tenancy {
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
        self.narrowed(reply.credentials)
    }

    /// The configuration of clients with these credentials, and when they cease to work.
    fn narrowed(
        &self,
        credentials: Option<aws_sdk_sts::types::Credentials>,
    ) -> Result<(SdkConfig, SystemTime), SessionError> {
        let credentials = credentials.ok_or(SessionError::NoCredentials)?;
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
