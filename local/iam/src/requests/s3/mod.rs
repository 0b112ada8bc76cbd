//! Amazon S3: which action a request is, from its method, its sub-resource and its headers.
//!
//! S3 has no operation name on the wire. A sub-resource or query parameter that is not listed here makes the request
//! underivable, because an unread one could turn it into another operation. A presigned URL may carry `x-amz-…` headers
//! as query parameters; both places are read, and must not disagree.
//!
//! Not derived: the permissions that `CopyObject` needs on the tags of its source, since whether the source has tags
//! is not in the call.
//!
//! Sources: Service Authorization Reference, "Amazon S3"; S3 User Guide, "Required permissions for Amazon S3 API
//! operations" and "Bucket policy examples using condition keys"; S3 API Reference.

mod bucket;
mod object;

use super::{Call, Directory, Needed, Underivable};

/// Query parameters that say nothing of which operation it is.
const PARAMETERS: &[&str] = &[
    "allow-unordered",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "partNumber",
    "prefix",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "versionId",
    "x-id",
];

/// Query parameters of a presigned URL.
const PRESIGNING: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Headers that are condition keys `s3:NAME`.
const HEADER_KEYS: &[&str] = &[
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];

/// Headers whose condition key has another name.
const RENAMED_HEADER_KEYS: &[(&str, &str)] = &[
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
    ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
    ("x-amz-object-lock-mode", "s3:object-lock-mode"),
    ("x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"),
];

pub(super) fn derive(call: &Call, directory: &dyn Directory) -> Result<Vec<Needed>, Underivable> {
    let http = Http::of(call)?;
    match (&call.bucket, &call.key) {
        (None, None) => match (call.method.as_str(), http.subresource) {
            ("GET", None) => Ok(vec![http.dress(call.needs("ListAllMyBuckets", "*"))]),
            _ => Err(http.unknown()),
        },
        (Some(bucket), None) => {
            let place = Place::of(call, directory, bucket, None)?;
            bucket::derive(&http, &place)
        }
        (Some(bucket), Some(key)) => {
            let place = Place::of(call, directory, bucket, Some(key))?;
            object::derive(&http, &place, directory)
        }
        (None, Some(_)) => Err(call.unreadable("a key without a bucket")),
    }
}

/// The parts of a request that decide what it is.
struct Http<'a> {
    call: &'a Call,
    /// The one query parameter that names an operation.
    subresource: Option<&'a str>,
    presigned: bool,
}

impl<'a> Http<'a> {
    fn of(call: &'a Call) -> Result<Self, Underivable> {
        let mut subresource = None;
        let mut presigned = false;
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in &call.query {
            let lowered = name.to_ascii_lowercase();
            if seen.contains(&name.as_str()) {
                return Err(call.unreadable(format!("the query parameter `{name}` is given twice")));
            }
            seen.push(name);
            if PRESIGNING.contains(&lowered.as_str()) {
                presigned |= lowered == "x-amz-signature";
            } else if lowered.starts_with("x-amz-") || PARAMETERS.contains(&name.as_str()) {
            } else if subresource.replace(name.as_str()).is_some() {
                return Err(call.unreadable(format!("`{name}` is a second sub-resource")));
            }
        }
        let http = Self { call, subresource, presigned };
        for name in call.query.iter().map(|(name, _)| name.to_ascii_lowercase()) {
            if name.starts_with("x-amz-") && !PRESIGNING.contains(&name.as_str()) {
                http.header(&name)?;
            }
        }
        Ok(http)
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.call.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header, or the query parameter that a presigned URL has in its place.
    fn header(&self, name: &str) -> Result<Option<&'a str>, Underivable> {
        let of_headers = self.call.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let of_query = self
            .call
            .query
            .iter()
            .filter(|(key, _)| name.starts_with("x-amz-") && key.eq_ignore_ascii_case(name));
        let mut values = of_headers.chain(of_query).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.any(|other| Some(other) != first) {
            return Err(self.call.unreadable(format!("the header `{name}` is given twice, differently")));
        }
        Ok(first)
    }

    fn unknown(&self) -> Underivable {
        let subresource = self.subresource.map(|name| format!("?{name}")).unwrap_or_default();
        let on = match (&self.call.bucket, &self.call.key) {
            (_, Some(_)) => "an object",
            (Some(_), None) => "a bucket",
            (None, None) => "no bucket",
        };
        Underivable::Operation {
            service: "s3".to_owned(),
            operation: format!("{}{subresource} on {on}", self.call.method),
        }
    }

    /// Adds the keys that every S3 request has; `s3:signatureAge` is left to whoever knows the time of arrival.
    fn dress(&self, needed: Needed) -> Needed {
        let needed = needed
            .with("s3:authType", if self.presigned { "REST-QUERY-STRING" } else { "REST-HEADER" })
            .with("s3:signatureversion", "AWS4-HMAC-SHA256");
        let hash = self.call.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case("x-amz-content-sha256"));
        match hash {
            Some((_, value)) => needed.with("s3:x-amz-content-sha256", value.clone()),
            None => needed.with_unknown("s3:x-amz-content-sha256", "the request has no such header"),
        }
    }

    /// Adds the keys that stand for headers.
    fn with_headers(&self, mut needed: Needed) -> Result<Needed, Underivable> {
        for name in HEADER_KEYS {
            if let Some(value) = self.header(name)? {
                needed = needed.with(&format!("s3:{name}"), value);
            }
        }
        for (name, key) in RENAMED_HEADER_KEYS {
            if let Some(value) = self.header(name)? {
                needed = needed.with(key, value);
            }
        }
        Ok(needed)
    }
}

/// A bucket or an object, and whose it is.
struct Place {
    arn: String,
    bucket_arn: String,
    account: String,
}

impl Place {
    /// An object of this bucket.
    fn object(&self, call: &Call, key: &str) -> Result<Self, Underivable> {
        let arn = object_arn(call, &self.bucket_arn, key)?;
        Ok(Self { arn, bucket_arn: self.bucket_arn.clone(), account: self.account.clone() })
    }

    fn of(
        call: &Call,
        directory: &dyn Directory,
        bucket: &str,
        key: Option<&str>,
    ) -> Result<Self, Underivable> {
        let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '-' | '_');
        if !(3..=255).contains(&bucket.len()) || !bucket.chars().all(plain) {
            return Err(call.unreadable(format!("`{bucket}` does not name a bucket")));
        }
        let bucket_arn = format!("arn:aws:s3:::{bucket}");
        let arn = match key {
            None => bucket_arn.clone(),
            Some(key) => object_arn(call, &bucket_arn, key)?,
        };
        // A bucket that does not exist yet is the caller's to make.
        let account = directory.bucket_account(bucket).unwrap_or_else(|| call.account.clone());
        Ok(Self { arn, bucket_arn, account })
    }

    /// A request for an action here.
    fn needs(&self, http: &Http<'_>, action: &str) -> Needed {
        let mut needed = http.dress(http.call.needs(action, self.arn.clone()));
        self.account.clone_into(&mut needed.resource_account);
        needed
    }
}

fn object_arn(call: &Call, bucket_arn: &str, key: &str) -> Result<String, Underivable> {
    if !(1..=1_024).contains(&key.len()) {
        return Err(call.unreadable("the key is not of 1 to 1,024 bytes"));
    }
    // S3 takes such keys as they are; HTTP clients and servers on the way there do not, and would change the object
    // after it was authorized.
    if key.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(call.unreadable(format!("the key `{key}` has a segment `.` or `..`")));
    }
    Ok(format!("{bucket_arn}/{key}"))
}

/// The XML body of a request.
struct Xml<'a> {
    call: &'a super::Call,
    document: roxmltree::Document<'a>,
}

impl<'a> Xml<'a> {
    fn of(call: &'a super::Call) -> Result<Self, Underivable> {
        let text = std::str::from_utf8(&call.body).ok();
        match text.map(roxmltree::Document::parse) {
            Some(Ok(document)) => Ok(Self { call, document }),
            _ => Err(call.unreadable("the body is not XML that can be read")),
        }
    }

    /// The elements beneath the root, which must have this name.
    fn beneath(&self, root: &str) -> Result<Vec<roxmltree::Node<'_, 'a>>, Underivable> {
        let element = self.document.root_element();
        if element.tag_name().name() == root {
            Ok(element.children().filter(roxmltree::Node::is_element).collect())
        } else {
            Err(self.call.unreadable(format!("the body is not `{root}`")))
        }
    }
}

/// The text of the one child with this name; `None` when there is none or more than one.
fn only_child<'a>(node: roxmltree::Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut children = node.children().filter(|child| child.tag_name().name() == name);
    match (children.next(), children.next()) {
        (Some(child), None) => Some(child.text().unwrap_or_default()),
        _ => None,
    }
}
