//! From headers and query to a [`Signature`], or to the reason why there is none.

use http::HeaderMap;
use http::request::Parts;
use time::{Date, Duration, Month, OffsetDateTime, Time};

use super::canonical::pairs;
use super::{EXPIRES_SECONDS_MAX, Payload, SIGNED_HEADERS_MAX, Signature, SignatureError};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The query parameters that make a URL presigned; none of them is sent on.
const PRESIGNING: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

/// Headers of which a second copy would let one reader see what another did not.
const SINGLE: [&str; 9] = [
    "host",
    "authorization",
    "x-amz-date",
    "x-amz-target",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "content-length",
    "content-type",
    "transfer-encoding",
];

/// Whether a query carries a signature.
fn is_presigned(query: &str) -> bool {
    pairs(query).any(|(name, _)| {
        name.eq_ignore_ascii_case(b"X-Amz-Signature") || name.eq_ignore_ascii_case(b"X-Amz-Credential")
    })
}

/// The query without what made it presigned; every other pair as it was sent.
pub(crate) fn without_presigning(query: &str) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            !pairs(pair)
                .any(|(name, _)| PRESIGNING.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())))
        })
        .collect();
    kept.join("&")
}

pub(super) fn signature(parts: &Parts) -> Result<Option<Signature>, SignatureError> {
    for name in SINGLE {
        if parts.headers.get_all(name).iter().count() > 1 {
            return Err(incomplete(format!("The header `{name}` was sent more than once.")));
        }
    }
    let query = parts.uri.query().unwrap_or_default();
    if pairs(query).any(|(name, _)| name == b"AWSAccessKeyId") {
        return Err(SignatureError::Unsupported(
            "signature version 2 is not checked here; sign with version 4".to_owned(),
        ));
    }
    match (header(&parts.headers, "authorization")?, is_presigned(query)) {
        (None, false) => Ok(None),
        (Some(_), true) => Err(incomplete("Only one auth mechanism allowed.".to_owned())),
        (Some(authorization), false) => from_header(parts, authorization).map(Some),
        (None, true) => from_query(parts, query).map(Some),
    }
}

fn from_header(parts: &Parts, authorization: &str) -> Result<Signature, SignatureError> {
    let Some(fields) = authorization.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')) else {
        return Err(SignatureError::Unsupported("only the algorithm AWS4-HMAC-SHA256 is checked".to_owned()));
    };
    let (mut credential, mut signed, mut signature) = (None, None, None);
    for field in fields.split(',').map(str::trim) {
        let slot = match field.split_once('=') {
            Some(("Credential", value)) => (&mut credential, value),
            Some(("SignedHeaders", value)) => (&mut signed, value),
            Some(("Signature", value)) => (&mut signature, value),
            _ => return Err(incomplete("The Authorization header has an unknown parameter.".to_owned())),
        };
        if slot.0.replace(slot.1).is_some() {
            return Err(incomplete("The Authorization header names a parameter twice.".to_owned()));
        }
    }
    let required = |name: &str| incomplete(format!("Authorization header requires '{name}' parameter."));
    build(Claims {
        credential: credential.ok_or_else(|| required("Credential"))?,
        signed_headers: signed.ok_or_else(|| required("SignedHeaders"))?,
        signature: signature.ok_or_else(|| required("Signature"))?,
        amz_date: header(&parts.headers, "x-amz-date")?.ok_or_else(|| {
            incomplete("Authorization header requires existence of 'X-Amz-Date'.".to_owned())
        })?,
        expires: None,
        token: header(&parts.headers, "x-amz-security-token")?,
        payload: header(&parts.headers, "x-amz-content-sha256")?,
    })
}

fn from_query(parts: &Parts, query: &str) -> Result<Signature, SignatureError> {
    let take = |wanted: &str| -> Result<Option<String>, SignatureError> {
        let mut found = None;
        for (name, value) in pairs(query) {
            if !name.eq_ignore_ascii_case(wanted.as_bytes()) {
                continue;
            }
            // One spelling and one copy: the signature is over the query as sent, so nothing may be ambiguous.
            if name != wanted.as_bytes() || found.is_some() {
                return Err(incomplete(format!("The query parameter '{wanted}' is misspelt or repeated.")));
            }
            let value = String::from_utf8(value)
                .map_err(|_| incomplete(format!("The query parameter '{wanted}' is not UTF-8.")))?;
            found = Some(value);
        }
        Ok(found)
    };
    let must = |name: &str| {
        take(name)?.ok_or_else(|| incomplete(format!("AWS query-string parameters must include '{name}'.")))
    };
    if must("X-Amz-Algorithm")? != ALGORITHM {
        return Err(SignatureError::Unsupported("only the algorithm AWS4-HMAC-SHA256 is checked".to_owned()));
    }
    let seconds: i64 = must("X-Amz-Expires")?
        .parse()
        .ok()
        .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds))
        .ok_or_else(|| {
            incomplete("X-Amz-Expires must be between 1 second and a week (604800).".to_owned())
        })?;
    let payload = match take("X-Amz-Content-Sha256")? {
        Some(stated) => Some(stated),
        None => header(&parts.headers, "x-amz-content-sha256")?.map(str::to_owned),
    };
    build(Claims {
        credential: &must("X-Amz-Credential")?,
        signed_headers: &must("X-Amz-SignedHeaders")?,
        signature: &must("X-Amz-Signature")?,
        amz_date: &must("X-Amz-Date")?,
        expires: Some(Duration::seconds(seconds)),
        token: take("X-Amz-Security-Token")?.as_deref(),
        payload: payload.as_deref(),
    })
}

/// The same claims, from either place.
struct Claims<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    amz_date: &'a str,
    expires: Option<Duration>,
    token: Option<&'a str>,
    payload: Option<&'a str>,
}

fn build(claims: Claims<'_>) -> Result<Signature, SignatureError> {
    let scope: Vec<&str> = claims.credential.split('/').collect();
    let [access_key, date, region, service, "aws4_request"] = scope.as_slice() else {
        return Err(incomplete(
            "Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/aws4_request."
                .to_owned(),
        ));
    };
    if [access_key, date, region, service].iter().any(|part| part.is_empty()) {
        return Err(incomplete("Credential has an empty element.".to_owned()));
    }
    let signed_headers: Vec<String> = claims.signed_headers.split(';').map(str::to_owned).collect();
    if signed_headers.len() > SIGNED_HEADERS_MAX
        || !signed_headers.is_sorted_by(|one, next| one < next)
        || signed_headers.iter().any(|name| name.is_empty() || name.chars().any(|c| c.is_ascii_uppercase()))
    {
        return Err(incomplete(
            "SignedHeaders must be lower-case names, sorted, each named once.".to_owned(),
        ));
    }
    let signature = hex::decode(claims.signature).ok().filter(|bytes| bytes.len() == 32);
    Ok(Signature {
        access_key: (*access_key).to_owned(),
        date: (*date).to_owned(),
        region: (*region).to_owned(),
        service: (*service).to_owned(),
        signed_headers,
        signature: signature.ok_or(SignatureError::Mismatch)?,
        amz_date: claims.amz_date.to_owned(),
        time: instant(claims.amz_date)
            .ok_or_else(|| incomplete("X-Amz-Date must be of the form 20260102T030405Z.".to_owned()))?,
        expires: claims.expires,
        token: claims.token.map(str::to_owned),
        payload: payload(claims.payload)?,
    })
}

fn payload(stated: Option<&str>) -> Result<Payload, SignatureError> {
    match stated {
        None => Ok(Payload::Unstated),
        Some("UNSIGNED-PAYLOAD") => Ok(Payload::Unsigned),
        Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER") => Ok(Payload::UnsignedTrailer),
        // Each chunk is signed with the client's key; sent on under another key they would be refused further on.
        Some(literal) if literal.starts_with("STREAMING-") => {
            Err(SignatureError::Unsupported(format!("`{literal}`: chunk signatures are not checked here")))
        }
        Some(hash) if hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
            Ok(Payload::Hash(hash.to_owned()))
        }
        Some(_) => Err(incomplete(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER or a SHA-256 in hex."
                .to_owned(),
        )),
    }
}

/// `20260102T030405Z`, and no other spelling of an instant.
fn instant(text: &str) -> Option<OffsetDateTime> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes.get(8) != Some(&b'T') || bytes.get(15) != Some(&b'Z') {
        return None;
    }
    let digits = |from: usize, to: usize| -> Option<u16> {
        let part = text.get(from..to)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let two = |from: usize| digits(from, from + 2).and_then(|value| u8::try_from(value).ok());
    let month = Month::try_from(two(4)?).ok()?;
    let date = Date::from_calendar_date(i32::from(digits(0, 4)?), month, two(6)?).ok()?;
    let time = Time::from_hms(two(9)?, two(11)?, two(13)?).ok()?;
    Some(date.with_time(time).assume_utc())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, SignatureError> {
    headers
        .get(name)
        .map(|value| value.to_str().map_err(|_| incomplete(format!("Header `{name}` is not ASCII."))))
        .transpose()
}

fn incomplete(message: String) -> SignatureError {
    SignatureError::Incomplete(message)
}
