//! Tokens that are none: made as an attacker would, and some as only the pool's own key could.
//!
//! The last kind takes the pool's key out of the local account. Nobody has it on AWS; here it shows that expiry, issuer,
//! audience, use and tenant are each looked at by somebody, and not only the signature.

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Map, Value, json};

use super::{AttackError, with};

/// The first bytes of a SubjectPublicKeyInfo with an RSA key of 2048 bits (RFC 8017 appendix A.1, RFC 5280 4.1).
const SPKI_OF_RSA_2048: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];

/// Signs tokens as a user pool does: RS256.
pub(super) struct Pool {
    key: RsaKeyPair,
    /// The header of the tokens that it issues.
    header: Value,
}

impl Pool {
    /// With the key in `pem` (PKCS #8), under the name that is in the header of `token`.
    pub(super) fn of(pem: &str, token: &str) -> Result<Self, AttackError> {
        let header = token.split('.').next().unwrap_or_default();
        let header = URL_SAFE_NO_PAD.decode(header).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self::named(pem, header.ok_or(AttackError::Token("its header"))?)
    }

    /// The same under any header.
    pub(super) fn named(pem: &str, header: Value) -> Result<Self, AttackError> {
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(base64).map_err(|_| AttackError::Token("a key in PEM"))?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| AttackError::Token("an RSA key"))?;
        Ok(Self { key, header })
    }

    /// A token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_under(&self.header, &claims.to_string())
    }

    fn token_under(&self, header: &Value, claims: &str) -> String {
        let signed = unsigned(header, claims);
        let mut signature = vec![0; self.key.public().modulus_len()];
        // Signing fails for a buffer of another length only; the token is refused then, as it must be.
        let _ = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key as whoever confuses algorithms has it for a secret: PEM and DER.
    fn public(&self) -> [Vec<u8>; 2] {
        let mut der = SPKI_OF_RSA_2048.to_vec();
        der.extend_from_slice(self.key.public_key().as_ref());
        let base64 = STANDARD.encode(&der);
        let lines: Vec<&str> =
            base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        [pem.into_bytes(), der]
    }
}

/// The claims of a token.
pub(super) fn claims_of(token: &str) -> Result<Value, AttackError> {
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    claims.ok_or(AttackError::Token("its claims"))
}

fn unsigned(header: &Value, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims))
}

/// What the forgeries are made from.
pub(super) struct Forge<'a> {
    /// The pool that the API trusts.
    pub(super) pool: &'a Pool,
    /// Another pool of the same account.
    pub(super) other: &'a Pool,
    /// The other pool's id.
    pub(super) other_pool_id: &'a str,
    /// The rightful user's ID token.
    pub(super) id_token: &'a str,
    /// The rightful user's access token.
    pub(super) access_token: &'a str,
    /// Seconds since 1970.
    pub(super) now_s: u64,
}

impl Forge<'_> {
    /// Each with what is wrong with it; `None` is no token at all.
    pub(super) fn all(&self) -> Result<Vec<(&'static str, Option<String>)>, AttackError> {
        let claims = claims_of(self.id_token)?;
        let with = |name: &str, value: Value| with(claims.clone(), name, value);
        let without = |name: &str| {
            let mut changed = claims.as_object().cloned().unwrap_or_default();
            changed.remove(name);
            Value::Object(changed)
        };
        let tenant = claims.get("custom:tenant_id").and_then(Value::as_str).unwrap_or_default();
        let theirs = format!("https://cognito-idp.us-east-1.amazonaws.com/{}", self.other_pool_id);
        let sound = claims.to_string();
        let (before, _) = self.id_token.rsplit_once('.').unwrap_or_default();
        let mut signature = self.id_token.rsplit('.').next().unwrap_or_default().to_owned();
        // Another first letter is another signature.
        let first = if signature.starts_with('A') { "B" } else { "A" };
        signature.replace_range(..signature.chars().next().map_or(0, char::len_utf8), first);
        let [pem, der] = self.pool.public();
        let pool = |claims: Value| Some(self.pool.token(&claims));
        Ok(vec![
            ("no token", None),
            ("a word", Some("x.y.z".to_owned())),
            ("an expired token", pool(self.aged(&claims))),
            ("another issuer under the pool's key", pool(with("iss", json!(theirs)))),
            ("another pool's token", Some(self.other.token(&with("iss", json!(theirs))))),
            ("another pool's key", Some(self.other.token_under(&self.pool.header, &sound))),
            ("another pool's key under its own name", Some(self.other.token(&claims))),
            ("another client's token", pool(with("aud", json!("1h2j3k4l5m6n7o8p9q0r1s2t3u")))),
            ("a token for nobody's ears", pool(without("aud"))),
            ("alg none", Some(format!("{}.", unsigned(&json!({ "alg": "none", "typ": "JWT" }), &sound)))),
            (
                "alg none with the key's name",
                Some(format!("{}.", unsigned(&self.header_with("none"), &sound))),
            ),
            (
                "alg none with a signature",
                Some(format!("{}.{signature}", unsigned(&self.header_with("none"), &sound))),
            ),
            ("an HMAC with the public key (PEM)", Some(self.hmac(&pem, &sound))),
            ("an HMAC with the public key (DER)", Some(self.hmac(&der, &sound))),
            ("another signature", Some(format!("{before}.{signature}"))),
            ("no signature", Some(format!("{before}."))),
            ("claims that the signature does not cover", Some(self.swapped(&with("sub", json!(tenant))))),
            ("the access token", Some(self.access_token.to_owned())),
            ("an access token with the ID token's claims", pool(with("token_use", json!("access")))),
            ("no tenant", pool(without("custom:tenant_id"))),
            ("an empty tenant", pool(with("custom:tenant_id", json!("")))),
            ("a list of tenants", pool(with("custom:tenant_id", json!([tenant, tenant])))),
            ("a tenant with a star", pool(with("custom:tenant_id", json!("*")))),
            (
                "a tenant in capitals",
                pool(with("custom:tenant_id", json!(format!("{}A", tenant.to_uppercase())))),
            ),
            ("a tenant and a slash", pool(with("custom:tenant_id", json!(format!("{tenant}/"))))),
            ("nobody", pool(without("sub"))),
        ])
    }

    fn aged(&self, claims: &Value) -> Value {
        let times = [("exp", 60), ("iat", 3660), ("auth_time", 3660)];
        times
            .into_iter()
            .fold(claims.clone(), |claims, (name, ago)| with(claims, name, self.now_s.saturating_sub(ago)))
    }

    fn header_with(&self, algorithm: &str) -> Value {
        let mut header: Map<String, Value> = self.pool.header.as_object().cloned().unwrap_or_default();
        header.insert("alg".to_owned(), json!(algorithm));
        Value::Object(header)
    }

    fn hmac(&self, secret: &[u8], claims: &str) -> String {
        let signed = unsigned(&self.header_with("HS256"), claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Other claims between the header and the signature of the rightful token.
    fn swapped(&self, claims: &Value) -> String {
        let mut parts = self.id_token.split('.');
        let (header, signature) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }
}
