//! Narrowed credentials from STS: where sessions come from. Nothing is kept here.

use std::time::{Duration, SystemTime};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::types::Tag;
use aws_types::SdkConfig;

use super::{IdToken, SessionError, Tenancy, VerifiedTenant};
use crate::ids::ServiceId;

/// The shortest life that STS gives a session. Short, because a session outlives whatever it was opened for.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_LASTS: Duration = Duration::from_secs(900);

/// The longest that a session of a token is asked for: `MaxSessionDuration` of the tenant roles.
const TOKEN_SESSION_LASTS_MAX: Duration = Duration::from_secs(3_600);

impl Tenancy {
    /// One AssumeRole: the tags are what IAM confines the session by, the session's name is what
    /// CloudTrail shows.
    pub(super) async fn assume(
        &self,
        power: &'static str,
        role: &str,
        tenant: &VerifiedTenant,
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

    /// One AssumeRoleWithWebIdentity, which is not signed: the function's own credentials have no part in it. STS
    /// verifies the token, and makes the tags of what its issuer wrote. The session's name says whose token it was.
    pub(super) async fn assume_with(
        &self,
        power: &'static str,
        role: &str,
        token: &IdToken,
        now: SystemTime,
    ) -> Result<(SdkConfig, SystemTime), SessionError> {
        let reply = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name(token.user().to_string())
            .duration_seconds(lasts(token.expires_at(), now))
            .web_identity_token(token.reveal())
            .send()
            .await
            .map_err(|e| refused(power, e.into()))?;
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

/// As long as the token, so that one call serves until there is another token; but neither shorter than STS lets it
/// be nor longer than the roles do.
fn lasts(token_expires_at: SystemTime, now: SystemTime) -> i32 {
    let left = token_expires_at.duration_since(now).unwrap_or_default();
    i32::try_from(left.clamp(SESSION_LASTS, TOKEN_SESSION_LASTS_MAX).as_secs()).unwrap_or(900)
}

/// A token that ran out meanwhile is the caller's to renew; anything else that STS says is ours to mend, because API
/// Gateway has verified the token.
fn refused(power: &'static str, error: aws_sdk_sts::Error) -> SessionError {
    match error {
        aws_sdk_sts::Error::ExpiredTokenException(_) | aws_sdk_sts::Error::IdpRejectedClaimException(_) => {
            SessionError::TokenRefused(Box::new(error))
        }
        _ => SessionError::Assume { power, source: Box::new(error) },
    }
}

fn tag(key: &str, value: &str) -> Result<Tag, SessionError> {
    Tag::builder().key(key).value(value).build().map_err(|_| SessionError::Untaggable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_a_token_lasts_as_long_as_the_token_within_what_sts_gives() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (left, lasts_s) in
            [(3_600, 3_600), (86_400, 3_600), (1_800, 1_800), (900, 900), (60, 900), (0, 900)]
        {
            assert_eq!(lasts(now + Duration::from_secs(left), now), lasts_s, "{left} s left");
        }
        assert_eq!(lasts(now - Duration::from_secs(60), now), 900, "over: STS refuses it");
    }
}
