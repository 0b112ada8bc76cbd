//! What is asked: service, operation, and the [`Call`] that IAM derives its questions from.
//!
//! A function holds real keys, so it can sign anything: a request that says one thing to us and another to the
//! engine is the attack to be ready for. Hence the engine routes by `X-Amz-Target`, host and credential scope, and
//! all three have to agree here before a role's request is sent on.

use http::Method;
use http::request::Parts;
use iam::requests::Call;
use percent_encoding::percent_decode_str;

use crate::refusal::Refusal;

/// The target prefix of each JSON service that a role may call, by credential scope.
const TARGETS: [(&str, &str); 11] = [
    ("dynamodb", "DynamoDB_20120810"),
    ("sqs", "AmazonSQS"),
    ("verifiedpermissions", "VerifiedPermissions"),
    ("cognito-idp", "AWSCognitoIdentityProviderService"),
    ("logs", "Logs_20140328"),
    ("events", "AWSEvents"),
    ("kms", "TrentService"),
    ("ssm", "AmazonSSM"),
    ("secretsmanager", "secretsmanager"),
    ("aws-marketplace", "AWSMPMeteringService"),
    ("aws-marketplace", "AWSMPCommerceService_v20200301"),
];

/// A call of AWS Marketplace's, which has two services under one scope and speaks two protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ToMarket<'a> {
    /// The service, as its target prefix and its path name it.
    pub(crate) service: &'a str,
    /// The operation.
    pub(crate) operation: &'a str,
    /// Whether it speaks rpc-v2-cbor rather than JSON.
    pub(crate) cbor: bool,
    /// The region that it was signed for.
    pub(crate) region: &'a str,
}

impl<'a> ToMarket<'a> {
    /// The Marketplace call that a request is; none if it is not one, or names two services.
    pub(crate) fn of(parts: &'a Parts, region: &'a str) -> Option<Self> {
        let (service, operation, cbor) = match (target(parts), rpc(parts)) {
            (Some(target), None) => {
                let (service, operation) = target.rsplit_once('.')?;
                (service, operation, false)
            }
            (None, Some((service, operation))) => (service, operation, true),
            _ => return None,
        };
        let known = TARGETS.iter().any(|(scope, known)| *scope == "aws-marketplace" && *known == service);
        known.then_some(Self { service, operation, cbor, region })
    }
}

/// What a request asks for, as far as it can be told without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The credential scope's service; `unsigned` without one.
    pub(crate) service: String,
    /// The operation's name; for REST services the method and the path's form.
    pub(crate) operation: String,
}

/// The decoded pairs of a query or form, in order.
///
/// # Errors
/// [`Refusal::Undecidable`] for what is not UTF-8.
pub(crate) fn decoded_pairs(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(&name.replace('+', " "))?, decoded(&value.replace('+', " "))?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, Refusal> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| Refusal::Undecidable("a path or query that is not UTF-8".to_owned()))
}

/// Bucket and key of a path-style S3 path.
fn object(path: &str) -> Result<(Option<String>, Option<String>), Refusal> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let some = |text: &str| if text.is_empty() { Ok(None) } else { decoded(text).map(Some) };
    Ok((some(bucket)?, some(key)?))
}

/// The service and operation of a request; `form` is its decoded body where the query protocol is spoken.
pub(crate) fn asked(parts: &Parts, service: Option<&str>, form: &[(String, String)]) -> Asked {
    let service = service.unwrap_or("unsigned").to_owned();
    let action = || form.iter().find(|(name, _)| name == "Action").map(|(_, value)| value.clone());
    let operation = if let Some(target) = target(parts) {
        target.rsplit('.').next().unwrap_or_default().to_owned()
    } else if let Some((_, operation)) = rpc(parts) {
        operation.to_owned()
    } else if service == "s3" {
        s3_operation(parts)
    } else if let Some(action) = action() {
        action
    } else {
        // Without the query, which may carry a signature, and without ids beyond the second segment.
        let path: Vec<&str> = parts.uri.path().split('/').take(4).collect();
        format!("{} {}", parts.method, path.join("/"))
    };
    Asked { service, operation }
}

fn target(parts: &Parts) -> Option<&str> {
    parts.headers.get("x-amz-target")?.to_str().ok()
}

/// Service and operation of a request in rpc-v2-cbor: `POST /service/SERVICE/operation/OPERATION`, and said so in a
/// header (smithy.io, "Smithy RPC v2 CBOR protocol").
fn rpc(parts: &Parts) -> Option<(&str, &str)> {
    if !speaks_cbor(parts) {
        return None;
    }
    let (service, operation) = parts.uri.path().strip_prefix("/service/")?.split_once("/operation/")?;
    let plain = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let named = |name: &str| !name.is_empty() && name.chars().all(plain);
    (named(service) && named(operation)).then_some((service, operation))
}

/// Whether a request says that it is one of rpc-v2-cbor.
pub(crate) fn speaks_cbor(parts: &Parts) -> bool {
    parts.headers.get("smithy-protocol").is_some_and(|protocol| protocol == "rpc-v2-cbor")
}

/// The S3 API's name for a path-style request; the method and subresource where it has a rarer one.
fn s3_operation(parts: &Parts) -> String {
    let (bucket, key) = object(parts.uri.path()).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    let has = |name: &str| names.contains(&name);
    let copy = parts.headers.contains_key("x-amz-copy-source");
    let name = match (&parts.method, bucket.is_some(), key.is_some()) {
        (&Method::GET, false, _) => "ListBuckets",
        (&Method::GET, true, false) if has("list-type") => "ListObjectsV2",
        (&Method::GET, true, false) if has("policy") => "GetBucketPolicy",
        (&Method::PUT, true, false) if has("policy") => "PutBucketPolicy",
        (&Method::DELETE, true, false) if has("policy") => "DeleteBucketPolicy",
        (&Method::POST, true, false) if has("delete") => "DeleteObjects",
        (&Method::HEAD, true, false) => "HeadBucket",
        (&Method::PUT, true, true) if has("uploadId") => "UploadPart",
        (&Method::POST, true, true) if has("uploads") => "CreateMultipartUpload",
        (&Method::POST, true, true) if has("uploadId") => "CompleteMultipartUpload",
        (&Method::DELETE, true, true) if has("uploadId") => "AbortMultipartUpload",
        (&Method::PUT, true, true) if copy => "CopyObject",
        (&Method::GET, true, true) if has("tagging") || has("acl") || has("attributes") => "GetObjectDetail",
        (&Method::PUT, true, true) if has("tagging") || has("acl") => "PutObjectDetail",
        (&Method::GET, true, true) => "GetObject",
        (&Method::PUT, true, true) => "PutObject",
        (&Method::HEAD, true, true) => "HeadObject",
        (&Method::DELETE, true, true) => "DeleteObject",
        (method, ..) => return format!("{method} {}", if key.is_some() { "object" } else { "bucket" }),
    };
    name.to_owned()
}

/// Whether this is the content of an object: what S3 streams, and what IAM does not look into.
pub(crate) fn is_object_content(parts: &Parts) -> bool {
    let content = |name: &str| {
        matches!(name, "partNumber" | "uploadId" | "x-id" | "")
            || name.to_ascii_lowercase().starts_with("x-amz-")
    };
    let query = parts.uri.query().unwrap_or_default();
    parts.method == Method::PUT
        && object(parts.uri.path()).is_ok_and(|(_, key)| key.is_some())
        && query.split('&').all(|pair| content(pair.split('=').next().unwrap_or_default()))
}

/// Where a request came to, and under which scope.
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// The names under which this listener is addressed, each with its port.
    pub(crate) hosts: &'a [String],
}

/// The call of a role's request, for IAM.
///
/// # Errors
/// [`Refusal::Undecidable`] when the engine could read the request otherwise than IAM would.
pub(crate) fn call(
    parts: &Parts,
    asked: &Asked,
    form: &[(String, String)],
    body: &[u8],
    place: &Place<'_>,
) -> Result<Call, Refusal> {
    let undecidable = |what: String| Err(Refusal::Undecidable(what));
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !place.hosts.iter().any(|own| own == host) {
        return undecidable(format!(
            "the host `{host}`: address the gateway by path, as {}",
            place.hosts.join(" or ")
        ));
    }
    let (mut bucket, mut key) = (None, None);
    if asked.service != "s3" && parts.headers.contains_key("content-encoding") {
        return undecidable("a body under Content-Encoding".to_owned());
    }
    let prefix = target(parts).map(|target| target.rsplit_once('.').map_or("", |(prefix, _)| prefix));
    match (asked.service.as_str(), prefix) {
        ("aws-marketplace", None) if parts.method == Method::POST && parts.uri.query().is_none() => {
            if rpc(parts).is_none() {
                return undecidable("`aws-marketplace` in another protocol than JSON or CBOR".to_owned());
            }
        }
        ("s3", None) => {
            if parts.uri.path().starts_with("//") {
                return undecidable("a path that begins with two slashes".to_owned());
            }
            (bucket, key) = object(parts.uri.path())?;
            if let Some(name) = bucket.as_deref().filter(|name| !is_bucket_name(name)) {
                return undecidable(format!("the bucket name `{name}`"));
            }
        }
        (service, Some(prefix)) => {
            if !TARGETS.iter().any(|(scope, known)| *scope == service && *known == prefix) {
                return undecidable(format!("the target `{prefix}` in the scope of `{service}`"));
            }
            if parts.method != Method::POST || parts.uri.path_and_query().is_some_and(|path| path != "/") {
                return undecidable(format!("`{service}` other than as POST /"));
            }
        }
        (service, None) => {
            if TARGETS.iter().any(|(scope, _)| *scope == service) {
                return undecidable(format!("`{service}` without X-Amz-Target"));
            }
        }
    }
    let mut query = decoded_pairs(parts.uri.query().unwrap_or_default())?;
    if asked.service != "s3" {
        query.extend(form.iter().cloned());
    }
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Refusal::Undecidable(format!("the header `{name}`, which is not UTF-8")))?;
        Ok((name.as_str().to_owned(), value.to_owned()))
    });
    let rest = matches!(asked.service.as_str(), "s3" | "lambda");
    let path = match (&bucket, &key) {
        (Some(_), Some(key)) => format!("/{key}"),
        (Some(_), None) => "/".to_owned(),
        _ => decoded(parts.uri.path())?,
    };
    Ok(Call {
        service: asked.service.clone(),
        operation: if rest { String::new() } else { asked.operation.clone() },
        account: place.account.to_owned(),
        region: place.region.to_owned(),
        method: parts.method.as_str().to_owned(),
        path,
        bucket,
        key,
        query,
        headers: headers.collect::<Result<_, Refusal>>()?,
        body: body.to_vec(),
    })
}

/// 3 to 63 of lower-case letters, digits, dots and hyphens ("General purpose bucket naming rules").
fn is_bucket_name(name: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && ends(name.as_bytes().first())
        && ends(name.as_bytes().last())
}
