//! Signature Version 4, on the side of the one who checks it.
//!
//! The rules are of "Signature Version 4 signing process" (IAM User Guide) and, for S3, of "Authenticating
//! Requests (AWS Signature Version 4)" (S3 API Reference). Knows requests and secrets; not who a key belongs to,
//! nor what its owner may do.

mod canonical;
mod parse;
#[cfg(test)]
mod tests;

use http::request::Parts;
use ring::{digest, hmac};
use time::{Duration, OffsetDateTime};

pub(crate) use parse::without_presigning;

/// How far a signer's clock may be from ours.
const SKEW: Duration = Duration::minutes(15);
/// How far ahead of our clock a presigned URL may begin.
const PRESIGN_AHEAD: Duration = Duration::minutes(5);
/// The longest that a presigned URL may live: seven days.
const EXPIRES_SECONDS_MAX: i64 = 604_800;
/// More signed headers than any SDK sends.
const SIGNED_HEADERS_MAX: usize = 100;

/// What the signer said of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Nothing: the hash is that of the body as received.
    Unstated,
    /// The SHA-256 of the body, in lower-case hex.
    Hash(String),
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`: aws-chunked, with a checksum at the end and no chunk signatures.
    UnsignedTrailer,
}

/// A signature as sent, with its claims parsed and none of them believed.
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) access_key: String,
    date: String,
    pub(crate) region: String,
    pub(crate) service: String,
    signed_headers: Vec<String>,
    signature: Vec<u8>,
    amz_date: String,
    time: OffsetDateTime,
    /// Present if and only if the signature came in the query.
    expires: Option<Duration>,
    pub(crate) token: Option<String>,
    pub(crate) payload: Payload,
}

/// Why a signature is not good. What it says is safe to send back: it holds no secret and no expected signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// Something of it is missing or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// It is of a kind that this gateway does not check, so it cannot be good.
    #[error("the local gateway cannot decide: {0}")]
    Unsupported(String),
    /// It is not what this secret makes of this request.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
         Access Key and signing method."
    )]
    Mismatch,
    /// The signer's clock and ours are too far apart.
    #[error("The difference between the request time and the current time is too large.")]
    Skewed,
    /// A presigned URL has outlived `X-Amz-Expires`.
    #[error("Request has expired")]
    Expired,
    /// A header that has to be signed is not.
    #[error("There were headers present in the request which were not signed: {0}")]
    HeaderNotSigned(String),
    /// The body is not the one that was signed.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Body,
    /// The session token is missing, or is not this key's.
    #[error("The security token included in the request is invalid")]
    Token,
}

/// The secret half of a credential, as the check needs it.
pub(crate) struct Secret<'a> {
    pub(crate) key: &'a str,
    pub(crate) token: Option<&'a str>,
}

impl Signature {
    /// Parses the signature of a request, from `Authorization` or from the query.
    ///
    /// # Errors
    /// [`SignatureError`] when there is one and it is malformed, or there are two.
    pub(crate) fn of(parts: &Parts) -> Result<Option<Self>, SignatureError> {
        parse::signature(parts)
    }

    /// Whether it came in the query: a presigned URL.
    pub(crate) fn presigned(&self) -> bool {
        self.expires.is_some()
    }

    /// When it was made, by its own word.
    pub(crate) fn time(&self) -> OffsetDateTime {
        self.time
    }

    /// Holds the request to this signature. `body_hash` is the hex SHA-256 of the body, or none when the body is
    /// still to come (S3 only; then a stated hash is compared by the one who reads it).
    ///
    /// # Errors
    /// [`SignatureError`]; the first rule that is broken.
    pub(crate) fn check(
        &self,
        parts: &Parts,
        body_hash: Option<&str>,
        secret: &Secret<'_>,
        now: OffsetDateTime,
    ) -> Result<(), SignatureError> {
        self.check_time(now)?;
        self.check_coverage(parts)?;
        let payload = self.payload_line(body_hash)?;
        let request = canonical::Request {
            parts,
            s3: self.service == "s3",
            presigned: self.presigned(),
            signed_headers: &self.signed_headers,
            payload: &payload,
        };
        let canonical = request.text()?;
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let hash = sha256_hex(canonical.as_bytes());
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", self.amz_date);
        let key = signing_key(secret.key, &self.date, &self.region, &self.service);
        // `hmac::verify` compares in constant time.
        hmac::verify(&key, to_sign.as_bytes(), &self.signature).map_err(|_| SignatureError::Mismatch)?;
        match (secret.token, self.token.as_deref()) {
            (None, None) => Ok(()),
            (Some(ours), Some(theirs)) if same(ours, theirs) => Ok(()),
            _ => Err(SignatureError::Token),
        }
    }

    fn check_time(&self, now: OffsetDateTime) -> Result<(), SignatureError> {
        if !self.amz_date.starts_with(&self.date) {
            return Err(SignatureError::Incomplete(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
                    .to_owned(),
            ));
        }
        match self.expires {
            None if (now - self.time).abs() > SKEW => Err(SignatureError::Skewed),
            Some(_) if self.time > now + PRESIGN_AHEAD => Err(SignatureError::Skewed),
            Some(expires) if now > self.time + expires => Err(SignatureError::Expired),
            _ => Ok(()),
        }
    }

    /// What is not signed, a stranger may have added: the host and every `x-amz-*` header must be.
    fn check_coverage(&self, parts: &Parts) -> Result<(), SignatureError> {
        let signed = |name: &str| self.signed_headers.iter().any(|header| header == name);
        if !signed("host") {
            return Err(SignatureError::HeaderNotSigned("host".to_owned()));
        }
        for name in parts.headers.keys() {
            // The SDKs leave these two out of a presigned URL; neither changes what is stored or answered.
            let harmless =
                self.presigned() && matches!(name.as_str(), "x-amz-user-agent" | "x-amz-checksum-mode");
            if name.as_str().starts_with("x-amz-") && !harmless && !signed(name.as_str()) {
                return Err(SignatureError::HeaderNotSigned(name.as_str().to_owned()));
            }
        }
        Ok(())
    }

    fn payload_line(&self, body_hash: Option<&str>) -> Result<String, SignatureError> {
        let s3 = self.service == "s3";
        match (&self.payload, body_hash) {
            (Payload::Hash(stated), Some(real)) if stated != real => Err(SignatureError::Body),
            (Payload::Hash(stated), _) => Ok(stated.clone()),
            (Payload::Unsigned, _) if s3 => Ok("UNSIGNED-PAYLOAD".to_owned()),
            (Payload::UnsignedTrailer, _) if s3 => Ok("STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned()),
            (Payload::Unsigned | Payload::UnsignedTrailer, _) => Err(SignatureError::Unsupported(format!(
                "`{}` requests with an unsigned payload",
                self.service
            ))),
            (Payload::Unstated, _) if s3 && self.presigned() => Ok("UNSIGNED-PAYLOAD".to_owned()),
            (Payload::Unstated, _) if s3 => Err(SignatureError::Incomplete(
                "Missing required header for this request: x-amz-content-sha256".to_owned(),
            )),
            (Payload::Unstated, Some(real)) => Ok(real.to_owned()),
            (Payload::Unstated, None) => Err(SignatureError::Body),
        }
    }
}

/// The lower-case hex SHA-256 of `bytes`.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in [date, region, service, "aws4_request"] {
        let tag = hmac::sign(&key, part.as_bytes());
        key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
    }
    key
}

/// Compares digests, so that where two tokens differ cannot be learned from the time it takes.
fn same(one: &str, other: &str) -> bool {
    digest::digest(&digest::SHA256, one.as_bytes()).as_ref()
        == digest::digest(&digest::SHA256, other.as_bytes()).as_ref()
}
