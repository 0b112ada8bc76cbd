//! Web identity tokens: read, verified against their issuer's keys, and made into what IAM judges.
//!
//! The issuer has to be an identity provider of the role's account, and a user pool of ours: nobody here speaks to
//! another. Signature, audience and times are checked as STS documents it; its errors are STS's, and hold nothing of
//! the token. What STS refuses as too large when packed is not documented well enough to be played.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use iam::WebIdentity;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use roxmltree::Document;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::engine::{Engine, EngineError};
use crate::kept::{Epoch, Kept};
use crate::refusal::Refusal;
use crate::xml::{Local, find};

/// What STS takes of a token, in characters.
const TOKEN_CHARS_MAX: usize = 20_000;
const KEPT_MAX: usize = 64;
/// The claim of the session tags.
const TAGS: &str = "https://aws.amazon.com/tags";
/// Claims of AWS's that would change the session and are not played.
const NOT_PLAYED: [&str; 2] = ["https://aws.amazon.com/source_identity", "https://aws.amazon.com/roles"];
/// How far the issuer's clock may be ahead.
const SKEW_S: i64 = 300;

/// The identity providers of one account, and their keys.
pub(crate) struct Providers {
    engine: Arc<Engine>,
    clients: Kept<String, Option<Arc<Vec<String>>>>,
    keys: Kept<String, Arc<Vec<Key>>>,
}

/// A public key of an issuer's.
#[derive(Debug, Deserialize)]
struct Key {
    kid: String,
    kty: String,
    n: String,
    e: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// A verified token's words on itself.
pub(crate) struct Verified {
    pub(crate) identity: WebIdentity,
    /// `iss`, whole.
    pub(crate) issuer: String,
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::Invalid { code: "InvalidIdentityToken", message: message.into() }
}

fn unreadable() -> Refusal {
    invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

impl Providers {
    pub(crate) fn new(engine: Arc<Engine>, epoch: Epoch) -> Self {
        let (clients, keys) = (Kept::new(epoch.clone(), KEPT_MAX), Kept::new(epoch, KEPT_MAX));
        Self { engine, clients, keys }
    }

    /// Verifies `token` for a role of `account`.
    ///
    /// # Errors
    /// As STS: `InvalidIdentityToken`, `ExpiredTokenException`, `IDPCommunicationError`; or [`Refusal::Undecidable`].
    pub(crate) async fn verified(
        &self,
        account: &str,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Verified, Refusal> {
        let mut parts = token.split('.');
        let (Some(head), Some(body), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unreadable());
        };
        if token.len() > TOKEN_CHARS_MAX {
            return Err(unreadable());
        }
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| unreadable());
        let header: Header = serde_json::from_slice(&decoded(head)?).map_err(|_| unreadable())?;
        let claims: Map<String, Value> = serde_json::from_slice(&decoded(body)?).map_err(|_| unreadable())?;
        let issuer = text(&claims, "iss")?.to_owned();
        let host = issuer.strip_prefix("https://").ok_or_else(unreadable)?.trim_end_matches('/').to_owned();
        let provider = format!("arn:aws:iam::{account}:oidc-provider/{host}");
        let unknown =
            || invalid(format!("No OpenIDConnect provider found in your account for https://{host}"));
        let clients =
            self.clients.get_or(provider.clone(), self.ask_clients(&provider)).await?.ok_or_else(unknown)?;

        let keys = self.keys.get_or(host.clone(), self.ask_keys(&host)).await?;
        let key = keys.iter().find(|key| key.kid == header.kid && key.kty == "RSA");
        // Never the token's own word on how it is to be verified: an RSA key verifies RS256 and nothing else.
        let key = key.filter(|_| header.alg == "RS256").ok_or_else(|| {
            invalid(
                "Couldn't retrieve verification key from your identity provider, please reference \
                 AssumeRoleWithWebIdentity documentation for requirements",
            )
        })?;
        let (n, e) = (decoded(&key.n)?, decoded(&key.e)?);
        RsaPublicKeyComponents { n: &n, e: &e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, format!("{head}.{body}").as_bytes(), &decoded(signature)?)
            .map_err(|_| invalid("The web identity token's signature could not be verified"))?;

        let audience = audience(&claims, &clients)?;
        times(&claims, now)?;
        if let Some(claim) = NOT_PLAYED.into_iter().find(|claim| claims.contains_key(*claim)) {
            return Err(Refusal::Undecidable(format!("the claim `{claim}` of a token")));
        }
        let (tags, transitive_tag_keys) = tags(&claims)?;
        let subject = text(&claims, "sub")?.to_owned();
        Ok(Verified {
            identity: WebIdentity { provider, issuer: host, audience, subject, tags, transitive_tag_keys },
            issuer,
        })
    }

    /// The client ids of a provider; none when the account has no such provider.
    async fn ask_clients(&self, provider: &str) -> Result<Option<Arc<Vec<String>>>, Refusal> {
        let arn = utf8_percent_encode(provider, NON_ALPHANUMERIC);
        let form =
            format!("Action=GetOpenIDConnectProvider&Version=2010-05-08&OpenIDConnectProviderArn={arn}");
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let answer = match self.engine.ask("iam", Method::POST, "/", &headers, form).await {
            Err(EngineError::Status { status: 404, .. }) => return Ok(None),
            other => other.map_err(|error| Refusal::Engine(error.to_string()))?,
        };
        let unreadable = || Refusal::Undecidable("the answer to GetOpenIDConnectProvider".to_owned());
        let text = std::str::from_utf8(&answer).map_err(|_| unreadable())?;
        let document = Document::parse(text).map_err(|_| unreadable())?;
        let result = find(&document, "GetOpenIDConnectProviderResult").ok_or_else(unreadable)?;
        let clients = result.members("ClientIDList").into_iter();
        Ok(Some(Arc::new(clients.filter_map(|node| Some(node.text()?.trim().to_owned())).collect())))
    }

    /// The public keys of an issuer, which can only be a user pool of ours.
    async fn ask_keys(&self, host: &str) -> Result<Arc<Vec<Key>>, Refusal> {
        let unreachable = || Refusal::Invalid {
            code: "IDPCommunicationError",
            message: "The identity provider could not be reached: here only user pools of this account can"
                .to_owned(),
        };
        let (server, pool) = host.split_once('/').ok_or_else(unreachable)?;
        let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_');
        if !server.starts_with("cognito-idp.") || pool.is_empty() || !pool.chars().all(plain) {
            return Err(unreachable());
        }
        let path = format!("/{pool}/.well-known/jwks.json");
        let answer = self.engine.ask("cognito-idp", Method::GET, &path, &[], String::new()).await;
        let answer = answer.map_err(|_| unreachable())?;
        let set: KeySet = serde_json::from_slice(&answer).map_err(|_| unreachable())?;
        Ok(Arc::new(set.keys))
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    let value = claims.get(name).ok_or_else(|| invalid(format!("Missing a required claim: {name}")))?;
    value.as_str().filter(|text| !text.is_empty()).ok_or_else(unreadable)
}

/// The audience, which has to be a client of the provider's.
fn audience(claims: &Map<String, Value>, clients: &[String]) -> Result<String, Refusal> {
    let audience = match claims.get("aud") {
        Some(Value::Array(several)) => match several.as_slice() {
            [Value::String(one)] => one.as_str(),
            _ => return Err(Refusal::Undecidable("a token for several audiences".to_owned())),
        },
        _ => text(claims, "aud")?,
    };
    if clients.iter().any(|client| client == audience) {
        Ok(audience.to_owned())
    } else {
        Err(invalid("Incorrect token audience"))
    }
}

fn times(claims: &Map<String, Value>, now: OffsetDateTime) -> Result<(), Refusal> {
    let now = now.unix_timestamp();
    let time = |name: &str| claims.get(name).map(|value| value.as_i64().ok_or_else(unreadable)).transpose();
    let expires = time("exp")?.ok_or_else(|| invalid("Missing a required claim: exp"))?;
    if now >= expires {
        return Err(Refusal::Invalid {
            code: "ExpiredTokenException",
            message: format!(
                "Token expired: current date/time {now} must be before the expiration date/time {expires}"
            ),
        });
    }
    let issued = time("iat")?.ok_or_else(|| invalid("Missing a required claim: iat"))?;
    let from = time("nbf")?.unwrap_or(issued).max(issued);
    if from > now + SKEW_S { Err(invalid("The token is not yet valid")) } else { Ok(()) }
}

/// Session tags: `{"principal_tags": {KEY: [VALUE]}, "transitive_tag_keys": [KEY]}`.
#[expect(clippy::type_complexity, reason = "tags as IAM takes them")]
fn tags(claims: &Map<String, Value>) -> Result<(Vec<(String, String)>, Vec<String>), Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Claim {
        principal_tags: Map<String, Value>,
        #[serde(default)]
        transitive_tag_keys: Vec<String>,
    }
    // A flattened form of the claim is said to be taken as well; it is not played.
    if let Some(name) = claims.keys().find(|name| name.starts_with(TAGS) && *name != TAGS) {
        return Err(Refusal::Undecidable(format!("the claim `{name}` of a token")));
    }
    let Some(claim) = claims.get(TAGS) else { return Ok((Vec::new(), Vec::new())) };
    let wrong = || invalid("Session tags passed in claim are not in correct format");
    let claim: Claim = serde_json::from_value(claim.clone()).map_err(|_| wrong())?;
    let tags =
        claim.principal_tags.into_iter().map(|(key, value)| match value.as_array().map(Vec::as_slice) {
            Some([Value::String(one)]) => Ok((key, one.clone())),
            _ => Err(wrong()),
        });
    Ok((tags.collect::<Result<_, _>>()?, claim.transitive_tag_keys))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn code<T>(result: Result<T, Refusal>) -> &'static str {
        match result {
            Ok(_) => "taken",
            Err(Refusal::Invalid { code, .. }) => code,
            Err(Refusal::Undecidable(_)) => "undecidable",
            Err(_) => "otherwise",
        }
    }

    #[test]
    fn tags_are_lists_of_one() {
        let read = |tags: Value| tags_of(&json!({ TAGS: tags }));
        fn tags_of(value: &Value) -> &'static str {
            code(tags(&claims(value)))
        }
        assert_eq!(read(json!({ "principal_tags": { "a": ["b"] }, "transitive_tag_keys": ["a"] })), "taken");
        for wrong in [
            json!("text"),
            json!({}),
            json!({ "principal_tags": { "a": "b" } }),
            json!({ "principal_tags": { "a": [] } }),
            json!({ "principal_tags": { "a": ["b", "c"] } }),
            json!({ "principal_tags": { "a": ["b"] }, "more": 1 }),
        ] {
            assert_eq!(read(wrong.clone()), "InvalidIdentityToken", "{wrong}");
        }
        assert_eq!(tags_of(&json!({})), "taken");
        assert_eq!(tags_of(&json!({ "https://aws.amazon.com/tags/principal_tags/a": "b" })), "undecidable");
    }

    #[test]
    fn a_token_is_for_a_client_of_the_provider_and_in_time() {
        let clients = ["client".to_owned()];
        for (aud, expected) in [
            (json!({ "aud": "client" }), "taken"),
            (json!({ "aud": ["client"] }), "taken"),
            (json!({ "aud": "other" }), "InvalidIdentityToken"),
            (json!({ "client_id": "client" }), "InvalidIdentityToken"),
            (json!({ "aud": ["client", "other"] }), "undecidable"),
        ] {
            assert_eq!(code(audience(&claims(&aud), &clients)), expected, "{aud}");
        }
        let now = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        for (at, expected) in [
            (json!({ "exp": 1_700_000_001, "iat": 1_699_999_000 }), "taken"),
            (json!({ "exp": 1_700_000_000, "iat": 1_699_999_000 }), "ExpiredTokenException"),
            (json!({ "iat": 1_699_999_000 }), "InvalidIdentityToken"),
            (json!({ "exp": 1_800_000_000 }), "InvalidIdentityToken"),
            (json!({ "exp": 1_800_000_000, "iat": 1_700_000_400 }), "InvalidIdentityToken"),
            (json!({ "exp": "never", "iat": 1_699_999_000 }), "InvalidIdentityToken"),
        ] {
            assert_eq!(code(times(&claims(&at), now)), expected, "{at}");
        }
    }
}
