//! The ID token that a caller came with: what STS is shown where tokens, and not code, decide whose a session is.
//!
//! Nothing here is verified: API Gateway has done that, and STS does it again before it gives a session. What is
//! read serves to refuse early, and to notice a token that is not the one whose claims were verified.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{caller::ClaimsRefused, tags};
use crate::ids::{TenantId, UserId};

/// What STS takes.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
const CHARS_MAX: usize = 20_000;

/// A token as it came, and what it says of itself.
///
/// Whoever holds it is its bearer until it expires, so it is shown to STS and to nobody else: it prints nothing, and
/// what is kept because of it is kept under its hash.
pub struct IdToken {
    raw: String,
    hash: [u8; 32],
    tenant: TenantId,
    user: UserId,
    expires_at: SystemTime,
}

/// The claims that are read. A claim that is given twice is refused.
#[derive(Deserialize)]
struct Payload {
    sub: String,
    #[serde(rename = "custom:tenant_id")]
    tenant_id: String,
    exp: u64,
    #[serde(rename = "https://aws.amazon.com/tags")]
    tags: Option<tags::Claim>,
}

impl IdToken {
    /// Reads the value of an `Authorization` header, with or without `Bearer` before the token.
    ///
    /// # Errors
    /// When it is no token, or one of whose bearer STS would be told no tenant: it was issued before the pool told.
    pub(crate) fn parse(header: &str) -> Result<Self, ClaimsRefused> {
        const REFUSED: ClaimsRefused = ClaimsRefused::NoToken;
        let raw = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => header.trim(),
        };
        let mut parts = raw.split('.');
        let (Some(_), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(REFUSED);
        };
        if raw.len() > CHARS_MAX {
            return Err(REFUSED);
        }
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| REFUSED)?;
        let payload: Payload = serde_json::from_slice(&payload).map_err(|_| REFUSED)?;
        let tenant = payload.tenant_id.parse().map_err(|_| REFUSED)?;
        let tags = payload.tags.ok_or(ClaimsRefused::Missing(tags::CLAIM))?;
        if tags.tenant() != Some(tenant) {
            return Err(ClaimsRefused::Malformed(tags::CLAIM));
        }
        let hash = ring::digest::digest(&ring::digest::SHA256, raw.as_bytes());
        Ok(Self {
            hash: hash.as_ref().try_into().map_err(|_| REFUSED)?,
            raw: raw.to_owned(),
            tenant,
            user: payload.sub.parse().map_err(|_| REFUSED)?,
            expires_at: SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_secs(payload.exp))
                .ok_or(REFUSED)?,
        })
    }

    /// The token itself, for STS.
    pub(super) fn reveal(&self) -> &str {
        &self.raw
    }

    /// Stands for the token where something is kept because of it.
    pub(super) const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Whose tenant it names.
    pub(super) const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Whose it is.
    pub(super) const fn user(&self) -> UserId {
        self.user
    }

    /// From here on nobody takes it.
    pub(super) const fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdToken({})", self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "0123456789abcdef0123456789abcdef";
    const USER: &str = "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11";

    fn token(payload: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    }

    fn payload(tags: &str) -> String {
        format!(r#"{{"sub":"{USER}","custom:tenant_id":"{TENANT}","exp":1700000000,"aud":"x"{tags}}}"#)
    }

    fn tags(tenant: &str) -> String {
        format!(
            r#","https://aws.amazon.com/tags":{{"principal_tags":{{"tenant_id":{tenant},"policy_store_id":["PSEXAMPLEabc"]}},"transitive_tag_keys":["tenant_id","policy_store_id"]}}"#
        )
    }

    #[test]
    fn a_token_is_read_with_and_without_its_scheme_and_says_nothing_of_itself() {
        let good = token(&payload(&tags(&format!(r#"["{TENANT}"]"#))));
        for header in [good.clone(), format!("Bearer {good}"), format!("bearer  {good}")] {
            let read = IdToken::parse(&header).unwrap();
            assert_eq!(read.reveal(), good);
            assert_eq!(
                (read.tenant().to_string().as_str(), read.user().to_string().as_str()),
                (TENANT, USER)
            );
            assert_eq!(read.expires_at(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
            let printed = format!("{read:?}");
            assert!(good.split('.').all(|part| !printed.contains(part)), "{printed}");
        }
    }

    #[test]
    fn what_would_not_say_one_tenant_to_sts_is_refused() {
        use ClaimsRefused::{Malformed, Missing, NoToken};
        let other = "f".repeat(32);
        let good = payload(&tags(&format!(r#"["{TENANT}"]"#)));
        for (token, refused) in [
            (String::new(), NoToken),
            ("REDACTED".to_owned(), NoToken),
            ("a.b".to_owned(), NoToken),
            (format!("{}.more", token(&good)), NoToken),
            (token("no json"), NoToken),
            (token(&good.replace("\"exp\":1700000000,", "")), NoToken),
            (token(&good.replace("\"aud\"", &format!("\"custom:tenant_id\":\"{TENANT}\",\"aud\""))), NoToken),
            (format!("{}{}", token(&good), "a".repeat(CHARS_MAX)), NoToken),
            (token(&payload("")), Missing(tags::CLAIM)),
            (token(&payload(&tags(&format!(r#"["{other}"]"#)))), Malformed(tags::CLAIM)),
            (token(&payload(&tags(&format!(r#"["{TENANT}","{TENANT}"]"#)))), Malformed(tags::CLAIM)),
            (token(&payload(&tags("[]"))), Malformed(tags::CLAIM)),
        ] {
            assert_eq!(IdToken::parse(&token).unwrap_err(), refused, "{token:.60}");
        }
    }
}
