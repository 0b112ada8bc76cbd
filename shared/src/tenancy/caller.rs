//! Claims that API Gateway's Cognito authorizer verified → [`Caller`]. Refuses, never guesses.
//!
//! A claim that is missing, malformed or given twice is refused. JSON readers keep the last of two equal
//! keys without a word; here the second one is noticed. Nothing but these claims names a tenant: not a
//! path, a query, a header or a body.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{IdToken, VerifiedTenant};
use crate::ids::{TenantId, UserId};

/// The Cognito group whose members administer their tenant. The Cedar policy `tenant-admin` names it too.
pub const TENANT_ADMINS: &str = "TENANT_ADMINS";

/// Verified Permissions takes at most 100 transitive parents per entity.
/// <https://docs.aws.amazon.com/verifiedpermissions/latest/userguide/quotas.html>
const GROUPS_MAX: usize = 100;

/// Who is asking: a user of a tenant, as the token says.
#[derive(Debug, Clone)]
pub struct Caller {
    tenant: VerifiedTenant,
    user: UserId,
    groups: Vec<String>,
}

impl Caller {
    /// Checks the claims of an ID token that was issued to `client_id`.
    ///
    /// # Errors
    /// When a claim is missing, malformed or given twice; when it is not an ID token, or another client's.
    pub fn from_claims(claims: &Claims, client_id: &str) -> Result<Self, ClaimsRefused> {
        // An access token has no `aud`, and its groups are meant for scopes.
        if claims.token_use.text("token_use")? != "id" {
            return Err(ClaimsRefused::Malformed("token_use"));
        }
        if claims.aud.text("aud")? != client_id {
            return Err(ClaimsRefused::Malformed("aud"));
        }
        let tenant: TenantId = claims
            .tenant_id
            .text("custom:tenant_id")?
            .parse()
            .map_err(|_| ClaimsRefused::Malformed("custom:tenant_id"))?;
        let user = claims.sub.text("sub")?.parse().map_err(|_| ClaimsRefused::Malformed("sub"))?;
        let groups = match &claims.groups {
            Claim::Absent => Vec::new(),
            given => groups(given.text("cognito:groups")?)?,
        };
        Ok(Self { tenant: VerifiedTenant::calling(tenant), user, groups })
    }

    /// The same caller, with the token that the claims are of.
    ///
    /// # Errors
    /// When it is another's: then these are not its claims.
    pub fn with_token(self, token: IdToken) -> Result<Self, ClaimsRefused> {
        if token.tenant() != self.tenant.id() || token.user() != self.user {
            return Err(ClaimsRefused::OtherToken);
        }
        Ok(Self { tenant: VerifiedTenant::calling_with(token), ..self })
    }

    /// The caller's tenant.
    #[must_use]
    pub fn tenant(&self) -> VerifiedTenant {
        self.tenant.clone()
    }

    /// The caller.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// The Cognito groups that the token names.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}

/// Why claims were refused. Names the claim, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsRefused {
    /// The claim is not there.
    #[error("claim `{0}` is missing")]
    Missing(&'static str),
    /// The claim is there and cannot be what it should be.
    #[error("claim `{0}` is malformed")]
    Malformed(&'static str),
    /// The claim is there more than once.
    #[error("claim `{0}` is given more than once")]
    Duplicated(&'static str),
    /// There is no token beside the claims, or more than one, or none that can be read.
    #[error("the request does not carry one token that can be read")]
    NoToken,
    /// The token is not the one that the claims are of.
    #[error("the token that the request carries is another than the one that was verified")]
    OtherToken,
}

/// The claims of a token, as API Gateway puts them into `requestContext.authorizer.claims`.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    sub: Claim,
    tenant_id: Claim,
    groups: Claim,
    token_use: Claim,
    aud: Claim,
}

#[derive(Debug, Clone, Default)]
enum Claim {
    #[default]
    Absent,
    Text(String),
    NotText,
    Duplicated,
}

impl Claim {
    fn text(&self, name: &'static str) -> Result<&str, ClaimsRefused> {
        match self {
            Self::Absent => Err(ClaimsRefused::Missing(name)),
            Self::Text(text) => Ok(text),
            Self::NotText => Err(ClaimsRefused::Malformed(name)),
            Self::Duplicated => Err(ClaimsRefused::Duplicated(name)),
        }
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName(PhantomData<Claims>);

        impl<'de> Visitor<'de> for ByName {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
                let mut claims = Claims::default();
                while let Some(name) = map.next_key::<String>()? {
                    let claim = match name.as_str() {
                        "sub" => &mut claims.sub,
                        "custom:tenant_id" => &mut claims.tenant_id,
                        "cognito:groups" => &mut claims.groups,
                        "token_use" => &mut claims.token_use,
                        "aud" => &mut claims.aud,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let value = map.next_value::<TextOrElse>()?;
                    *claim = match (&claim, value) {
                        (Claim::Absent, TextOrElse::Text(text)) => Claim::Text(text),
                        (Claim::Absent, TextOrElse::Else(_)) => Claim::NotText,
                        _ => Claim::Duplicated,
                    };
                }
                Ok(claims)
            }
        }

        deserializer.deserialize_map(ByName(PhantomData))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrElse {
    Text(String),
    Else(IgnoredAny),
}

/// API Gateway flattens the list of groups into text: REST APIs join it with commas, and some forms put
/// brackets around a list joined with blanks. A group's name can hold no blank; the names that this
/// product gives hold no comma or bracket either, and a text that mixes the two forms is refused.
fn groups(text: &str) -> Result<Vec<String>, ClaimsRefused> {
    const REFUSED: ClaimsRefused = ClaimsRefused::Malformed("cognito:groups");
    let list: Vec<String> = match text.strip_prefix('[') {
        Some(rest) => {
            let inner = rest.strip_suffix(']').ok_or(REFUSED)?;
            inner.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        }
        None => text.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    let named = list.iter().all(|name| {
        !name.is_empty()
            && name.len() <= 128
            && !name.contains(['[', ']', ',', ' ', '"'])
            && !name.contains(char::is_control)
    });
    if named && list.len() <= GROUPS_MAX { Ok(list) } else { Err(REFUSED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "0123456789abcdef0123456789abcdef";
    const USER: &str = "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11";

    fn claims(json: &str) -> Result<Caller, ClaimsRefused> {
        Caller::from_claims(&serde_json::from_str(json).unwrap(), "client")
    }

    fn id_token(more: &str) -> String {
        format!(
            r#"{{"sub":"{USER}","custom:tenant_id":"{TENANT}","token_use":"id","aud":"client","iss":"x"{more}}}"#
        )
    }

    #[test]
    fn the_claims_of_an_id_token_make_a_caller() {
        let caller = claims(&id_token("")).unwrap();
        assert_eq!(
            (caller.tenant().to_string().as_str(), caller.user().to_string().as_str()),
            (TENANT, USER)
        );
        assert!(caller.groups().is_empty());
        for form in ["TENANT_ADMINS,readers", "[TENANT_ADMINS readers]"] {
            let caller = claims(&id_token(&format!(r#","cognito:groups":"{form}""#))).unwrap();
            assert_eq!(caller.groups(), ["TENANT_ADMINS", "readers"], "{form}");
        }
    }

    #[test]
    fn claims_that_are_missing_malformed_or_doubled_are_refused() {
        use ClaimsRefused::{Duplicated, Malformed, Missing};
        let good = id_token("");
        for (json, refused) in [
            (good.replace("custom:tenant_id", "tenant_id"), Missing("custom:tenant_id")),
            (good.replace("\"sub\"", "\"subject\""), Missing("sub")),
            (good.replace(TENANT, ""), Malformed("custom:tenant_id")),
            (good.replace(TENANT, "*"), Malformed("custom:tenant_id")),
            (good.replace(TENANT, &TENANT.to_uppercase()), Malformed("custom:tenant_id")),
            (
                good.replace(&format!("\"{TENANT}\""), &format!("[\"{TENANT}\"]")),
                Malformed("custom:tenant_id"),
            ),
            (good.replace(USER, "me"), Malformed("sub")),
            (good.replace("\"id\"", "\"access\""), Malformed("token_use")),
            (good.replace("\"client\"", "\"other\""), Malformed("aud")),
            (id_token(&format!(r#","custom:tenant_id":"{TENANT}""#)), Duplicated("custom:tenant_id")),
            (id_token(r#","custom:tenant_id":null"#), Duplicated("custom:tenant_id")),
            (id_token(&format!(r#","sub":"{USER}""#)), Duplicated("sub")),
            (
                id_token(r#","cognito:groups":"[open"#).replace("[open", "[open\""),
                Malformed("cognito:groups"),
            ),
            (id_token(r#","cognito:groups":"a,,b""#), Malformed("cognito:groups")),
            (id_token(r#","cognito:groups":["a"]"#), Malformed("cognito:groups")),
        ] {
            assert_eq!(claims(&json).unwrap_err(), refused, "{json}");
        }
    }
}
