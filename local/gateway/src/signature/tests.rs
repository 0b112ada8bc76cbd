//! The official signer as oracle: what it signs is good; with any signed part changed it is not.

use std::time::Duration as StdDuration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::request::Parts;
use http::{HeaderValue, Request, Uri};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00:00 UTC);
const KEY: &str = "ASIAEXAMPLE";
const SECRET: &str = "a secret/with+signs";
const TOKEN: &str = "a token/with+signs==";

#[derive(Clone, Copy)]
struct Oracle<'a> {
    service: &'a str,
    expires: Option<u64>,
    token: Option<&'a str>,
    body: &'a [u8],
}

const DYNAMODB: Oracle<'_> = Oracle { service: "dynamodb", expires: None, token: Some(TOKEN), body: b"{}" };
const S3: Oracle<'_> = Oracle { service: "s3", expires: None, token: Some(TOKEN), body: b"content" };
const PRESIGNED: Oracle<'_> = Oracle { service: "s3", expires: Some(300), token: Some(TOKEN), body: b"" };

impl Oracle<'_> {
    fn sign(self, method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if let Some(seconds) = self.expires {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(StdDuration::from_secs(seconds));
        }
        let identity = Credentials::new(KEY, SECRET, self.token.map(str::to_owned), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(self.service)
            .time(NOW.into())
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("http://127.0.0.1:4566{path}");
        let body = match self.expires {
            Some(_) => SignableBody::UnsignedPayload,
            None => SignableBody::Bytes(self.body),
        };
        let signable = SignableRequest::new(method, uri.as_str(), headers.iter().copied(), body).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request =
            Request::builder().method(method).uri(uri.as_str()).header("host", "127.0.0.1:4566");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        // As it comes over the wire: no scheme, no host in the target.
        let target = request.uri().path_and_query().unwrap().as_str().parse::<Uri>().unwrap();
        *request.uri_mut() = target;
        request.into_parts().0
    }

    fn check(self, parts: &Parts) -> Result<(), SignatureError> {
        self.check_at(parts, NOW)
    }

    fn check_at(self, parts: &Parts, now: OffsetDateTime) -> Result<(), SignatureError> {
        let signature = Signature::of(parts)?.expect("a signature");
        let secret = Secret { key: SECRET, token: self.token };
        signature.check(parts, Some(&sha256_hex(self.body)), &secret, now)
    }
}

fn with_path(parts: &Parts, change: impl Fn(&str) -> String) -> Parts {
    let mut parts = parts.clone();
    parts.uri = change(&parts.uri.to_string()).parse().unwrap();
    parts
}

fn with_header(parts: &Parts, name: &'static str, value: &str) -> Parts {
    let mut parts = parts.clone();
    parts.headers.insert(name, HeaderValue::from_str(value).unwrap());
    parts
}

#[test]
fn what_the_official_signer_signs_is_good() {
    let awkward = [
        "/",
        "/bucket/key",
        "/bucket/a%20b/c%2Bd",
        "/bucket/%E2%82%AC/~x_y-z.",
        "/bucket/a//b/../c/./d",
        "/bucket?list-type=2&prefix=a%2Fb&delimiter=%2F",
        "/bucket?uploads",
        "/bucket?b=2&a=1&a=0&empty=&plus=a+b&space=a%20b",
        "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations",
    ];
    for path in awkward {
        for oracle in [DYNAMODB, S3, PRESIGNED, Oracle { token: None, ..S3 }] {
            for method in ["GET", "PUT", "POST"] {
                let headers = [("x-amz-meta-x", "  two   words "), ("content-type", "text/plain")];
                let parts = oracle.sign(method, path, &headers);
                assert_eq!(oracle.check(&parts), Ok(()), "{} {method} {path}", oracle.service);
            }
        }
    }
}

#[test]
fn nothing_that_was_signed_can_be_changed() {
    let headers =
        [("x-amz-target", "DynamoDB_20120810.GetItem"), ("content-type", "application/x-amz-json-1.0")];
    let parts = DYNAMODB.sign("POST", "/?a=1", &headers);
    assert_eq!(DYNAMODB.check(&parts), Ok(()), "as it was signed");
    let mut method = parts.clone();
    method.method = http::Method::PUT;
    let later = with_header(&parts, "x-amz-date", "20261122T120001Z");
    for (changed, what) in [
        (method, "method"),
        (with_path(&parts, |path| path.replace("/?", "/x?")), "path"),
        (with_path(&parts, |path| path.replace("a=1", "a=2")), "query value"),
        (with_path(&parts, |path| format!("{path}&b=1")), "query parameter added"),
        (with_header(&parts, "x-amz-target", "DynamoDB_20120810.DeleteItem"), "target"),
        (with_header(&parts, "content-type", "text/plain"), "content type"),
        (with_header(&parts, "host", "127.0.0.1:4567"), "port"),
        (later, "date"),
    ] {
        assert_eq!(DYNAMODB.check(&changed), Err(SignatureError::Mismatch), "{what}");
    }
    let body = Oracle { body: b"{ }", ..DYNAMODB };
    assert_eq!(body.check(&parts), Err(SignatureError::Mismatch), "body");
    let authorization = parts.headers["authorization"].to_str().unwrap().to_owned();
    let (rest, signature) = authorization.rsplit_once('=').unwrap();
    let flipped = if signature.starts_with('0') { "1" } else { "0" };
    for (changed, what) in [
        (format!("{rest}={flipped}{}", signature.get(1..).unwrap()), "signature"),
        (authorization.replace("us-east-1", "eu-west-1"), "region"),
        (authorization.replace("/dynamodb/", "/sqs/"), "service"),
    ] {
        assert_eq!(
            DYNAMODB.check(&with_header(&parts, "authorization", &changed)),
            Err(SignatureError::Mismatch),
            "{what}"
        );
    }
}

#[test]
fn a_body_is_held_to_the_hash_that_was_stated() {
    let parts = S3.sign("PUT", "/bucket/key", &[]);
    assert_eq!(S3.check(&parts), Ok(()));
    assert_eq!(Oracle { body: b"contenT", ..S3 }.check(&parts), Err(SignatureError::Body));
}

#[test]
fn a_presigned_url_lends_its_own_request_and_no_other() {
    let headers =
        [("content-length", "7"), ("content-type", "text/plain"), ("x-amz-checksum-sha256", "abc=")];
    let parts = PRESIGNED.sign("PUT", "/bucket/key?x-id=PutObject", &headers);
    assert_eq!(PRESIGNED.check(&parts), Ok(()), "as it was signed");
    let mut get = parts.clone();
    get.method = http::Method::GET;
    let mut bare = parts.clone();
    bare.headers.remove("x-amz-checksum-sha256");
    for (changed, what) in [
        (get, "method"),
        (bare, "a signed header is missing"),
        (with_path(&parts, |path| path.replace("/key", "/kex")), "key"),
        (with_path(&parts, |path| path.replace("X-Amz-Expires=300", "X-Amz-Expires=301")), "a longer life"),
        (with_header(&parts, "content-length", "8"), "length"),
        (with_header(&parts, "content-type", "text/html"), "type"),
        (with_header(&parts, "x-amz-checksum-sha256", "abd="), "checksum"),
    ] {
        assert_eq!(PRESIGNED.check(&changed), Err(SignatureError::Mismatch), "{what}");
    }
    let unsigned = with_header(&parts, "x-amz-acl", "public-read");
    assert_eq!(PRESIGNED.check(&unsigned), Err(SignatureError::HeaderNotSigned("x-amz-acl".to_owned())));
}

#[test]
fn signatures_age() {
    let header = S3.sign("GET", "/bucket/key", &[]);
    let minutes = |minutes| NOW + Duration::minutes(minutes);
    for (at, expected) in [(minutes(15), Ok(())), (minutes(-15), Ok(()))] {
        assert_eq!(S3.check_at(&header, at), expected, "within 15 minutes");
    }
    for at in [minutes(16), minutes(-16)] {
        assert_eq!(S3.check_at(&header, at), Err(SignatureError::Skewed), "{at}");
    }
    let presigned = PRESIGNED.sign("GET", "/bucket/key", &[]);
    assert_eq!(PRESIGNED.check_at(&presigned, minutes(5)), Ok(()), "its last second");
    let late = minutes(5) + Duration::seconds(1);
    assert_eq!(PRESIGNED.check_at(&presigned, late), Err(SignatureError::Expired));
    assert_eq!(PRESIGNED.check_at(&presigned, minutes(-6)), Err(SignatureError::Skewed), "of the future");
}

#[test]
fn the_session_token_has_to_be_the_keys_own() {
    let parts = S3.sign("GET", "/bucket/key", &[]);
    assert_eq!(S3.check(&parts), Ok(()));
    let other = Oracle { token: Some("another"), ..S3 };
    assert_eq!(other.check(&parts), Err(SignatureError::Token), "another session's");
    let none = Oracle { token: None, ..S3 };
    assert_eq!(none.check(&parts), Err(SignatureError::Token), "a key that has none");
    assert_eq!(S3.check(&none.sign("GET", "/bucket/key", &[])), Err(SignatureError::Token), "left out");
}

#[test]
fn what_is_ambiguous_or_unknown_is_no_signature() {
    let good = S3.sign("GET", "/bucket/key", &[]);
    let authorization = good.headers["authorization"].to_str().unwrap().to_owned();
    let query = PRESIGNED.sign("GET", "/bucket/key", &[]);
    let mut both = query.clone();
    both.headers.insert("authorization", HeaderValue::from_str(&authorization).unwrap());
    let mut twice = good.clone();
    twice.headers.append("x-amz-date", HeaderValue::from_static("20261122T120000Z"));
    let literal = |value| with_header(&good, "x-amz-content-sha256", value);
    for (parts, why) in [
        (both, "header and query"),
        (twice, "a header twice"),
        (
            with_header(&good, "authorization", "AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d"),
            "another algorithm",
        ),
        (with_header(&good, "authorization", "Bearer token"), "no AWS signature at all"),
        (
            with_header(&good, "authorization", &authorization.replace("SignedHeaders=", "signedheaders=")),
            "misspelt",
        ),
        (
            with_header(&good, "authorization", &authorization.replace("host;", "host;host;")),
            "a header signed twice",
        ),
        (with_header(&good, "x-amz-date", "2026-11-22T12:00:00Z"), "another form of date"),
        (literal("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "chunk signatures"),
        (literal("E3B0"), "not a hash"),
        (
            with_path(&query, |path| path.replace("X-Amz-Expires=300", "X-Amz-Expires=604801")),
            "more than a week",
        ),
        (with_path(&query, |path| format!("{path}&X-Amz-Expires=10")), "a parameter twice"),
        (with_path(&query, |path| path.replace("X-Amz-Date", "x-amz-date")), "a parameter misspelt"),
        (
            with_path(&good, |path| format!("{path}?AWSAccessKeyId=k&Signature=s&Expires=1")),
            "signature version 2",
        ),
    ] {
        assert!(Signature::of(&parts).is_err(), "{why}");
    }
    assert!(Signature::of(&good).is_ok() && Signature::of(&query).is_ok(), "unchanged, both are read");
}

#[test]
fn only_s3_takes_a_payload_that_was_not_signed() {
    for literal in ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
        for (oracle, good) in [(S3, true), (DYNAMODB, false)] {
            let parts = oracle.sign("POST", "/", &[]);
            let parts = with_header(&parts, "x-amz-content-sha256", literal);
            let answer = oracle.check(&parts);
            // The oracle has signed another payload line; what matters is how far the request gets.
            let expected = |error: &SignatureError| matches!(error, SignatureError::Mismatch) == good;
            assert!(answer.as_ref().is_err_and(expected), "{} {literal}: {answer:?}", oracle.service);
        }
    }
}

#[test]
fn presigning_leaves_no_trace_in_what_is_sent_on() {
    let parts =
        PRESIGNED.sign("GET", "/bucket/key?response-content-disposition=attachment&x-id=GetObject", &[]);
    let kept = without_presigning(parts.uri.query().unwrap());
    let mut kept: Vec<&str> = kept.split('&').collect();
    kept.sort_unstable();
    assert_eq!(kept, ["response-content-disposition=attachment", "x-id=GetObject"]);
}
