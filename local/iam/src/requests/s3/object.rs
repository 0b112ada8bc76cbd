//! Requests on an object.

use super::{Directory, Http, Needed, Place, Underivable, Xml, only_child};

pub(super) fn derive(
    http: &Http<'_>,
    place: &Place,
    directory: &dyn Directory,
) -> Result<Vec<Needed>, Underivable> {
    let method = http.call.method.as_str();
    let version = http.parameter("versionId");
    // The action on the current object, and on a version that is named.
    let of = |current: &str, versioned: &str| {
        let action = if version.is_some() { versioned } else { current };
        let needed = place.needs(http, action);
        match version {
            Some(version) => needed.with("s3:versionid", version),
            None => needed,
        }
    };
    if http.parameter("partNumber").is_some()
        && !matches!(method, "GET" | "HEAD")
        && http.subresource != Some("uploadId")
    {
        return Err(http.call.unreadable("`partNumber` without `uploadId`"));
    }
    match (method, http.subresource) {
        ("GET" | "HEAD", None) => Ok(vec![of("GetObject", "GetObjectVersion")]),
        ("GET", Some("attributes")) => Ok(vec![
            of("GetObject", "GetObjectVersion"),
            of("GetObjectAttributes", "GetObjectVersionAttributes"),
        ]),
        ("GET", Some("acl")) => Ok(vec![of("GetObjectAcl", "GetObjectVersionAcl")]),
        ("GET", Some("tagging")) => Ok(vec![of("GetObjectTagging", "GetObjectVersionTagging")]),
        ("GET", Some("legal-hold")) => Ok(vec![of("GetObjectLegalHold", "GetObjectLegalHold")]),
        ("GET", Some("retention")) => Ok(vec![of("GetObjectRetention", "GetObjectRetention")]),
        ("GET", Some("uploadId")) => Ok(vec![place.needs(http, "ListMultipartUploadParts")]),
        ("PUT", None) | ("POST", Some("uploads")) => write(http, place, directory),
        ("PUT", Some("uploadId")) if http.parameter("partNumber").is_some() => part(http, place, directory),
        ("POST", Some("uploadId")) => Ok(vec![place.needs(http, "PutObject")]),
        ("PUT", Some("acl")) => Ok(vec![http.with_headers(of("PutObjectAcl", "PutObjectVersionAcl"))?]),
        ("PUT", Some("tagging")) => {
            let needed = of("PutObjectTagging", "PutObjectVersionTagging");
            Ok(vec![with_object_tags(needed, tag_set(http)?.into_iter())])
        }
        ("PUT", Some("legal-hold" | "retention")) => {
            Err(http.call.unreadable("what a new retention or legal hold asks for is not derived"))
        }
        ("DELETE", None) => {
            let mut needed = vec![http.with_headers(of("DeleteObject", "DeleteObjectVersion"))?];
            if http.header("x-amz-bypass-governance-retention")?.is_some() {
                needed.push(place.needs(http, "BypassGovernanceRetention"));
            }
            Ok(needed)
        }
        ("DELETE", Some("tagging")) => Ok(vec![of("DeleteObjectTagging", "DeleteObjectVersionTagging")]),
        ("DELETE", Some("uploadId")) => Ok(vec![place.needs(http, "AbortMultipartUpload")]),
        ("POST", Some("restore")) => Ok(vec![place.needs(http, "RestoreObject")]),
        _ => Err(http.unknown()),
    }
}

/// The tags of a `Tagging` body.
fn tag_set(http: &Http<'_>) -> Result<Vec<(String, String)>, Underivable> {
    let malformed = || http.call.unreadable("the body is not a set of tags that can be read");
    let xml = Xml::of(http.call)?;
    let mut tags = Vec::new();
    for set in xml.beneath("Tagging")? {
        for tag in set.children().filter(roxmltree::Node::is_element) {
            let (Some(key), Some(value)) = (only_child(tag, "Key"), only_child(tag, "Value")) else {
                return Err(malformed());
            };
            tags.push((key.to_owned(), value.to_owned()));
        }
    }
    crate::Tags::of_resource(tags.clone()).map_err(|_| malformed())?;
    Ok(tags)
}

/// A put, a copy, or the start of a multipart upload, with what its headers need besides.
fn write(http: &Http<'_>, place: &Place, directory: &dyn Directory) -> Result<Vec<Needed>, Underivable> {
    let mut dressed = http.with_headers(place.needs(http, "PutObject"))?;
    let tags = match http.header("x-amz-tagging")? {
        None => Vec::new(),
        Some(tags) => {
            form_encoded(tags).ok_or_else(|| http.call.unreadable("`x-amz-tagging` cannot be read"))?
        }
    };
    dressed = with_object_tags(dressed, tags.iter().cloned());
    let besides = |action: &str| -> Needed { Needed { action: format!("s3:{action}"), ..dressed.clone() } };
    let mut needed = vec![dressed.clone()];
    if !tags.is_empty() {
        needed.push(besides("PutObjectTagging"));
    }
    let grants = [
        "x-amz-acl",
        "x-amz-grant-full-control",
        "x-amz-grant-read",
        "x-amz-grant-read-acp",
        "x-amz-grant-write-acp",
    ];
    for name in grants {
        if http.header(name)?.is_some() {
            needed.push(besides("PutObjectAcl"));
            break;
        }
    }
    if http.header("x-amz-object-lock-mode")?.is_some()
        || http.header("x-amz-object-lock-retain-until-date")?.is_some()
    {
        needed.push(besides("PutObjectRetention"));
    }
    if http.header("x-amz-object-lock-legal-hold")?.is_some() {
        needed.push(besides("PutObjectLegalHold"));
    }
    needed.extend(source(http, directory)?);
    Ok(needed)
}

/// One part of a multipart upload, perhaps copied.
fn part(http: &Http<'_>, place: &Place, directory: &dyn Directory) -> Result<Vec<Needed>, Underivable> {
    let mut needed = vec![http.with_headers(place.needs(http, "PutObject"))?];
    needed.extend(source(http, directory)?);
    Ok(needed)
}

/// The object that a copy reads: `x-amz-copy-source`, `[/]BUCKET/KEY[?versionId=…]`, percent-encoded.
fn source(http: &Http<'_>, directory: &dyn Directory) -> Result<Option<Needed>, Underivable> {
    let Some(header) = http.header("x-amz-copy-source")? else { return Ok(None) };
    let unreadable = || http.call.unreadable(format!("the copy source `{header}` cannot be read"));
    let (path, version) = match header.split_once('?') {
        None => (header, None),
        Some((path, query)) => (path, Some(query.strip_prefix("versionId=").ok_or_else(unreadable)?)),
    };
    let path = percent_encoding::percent_decode_str(path).decode_utf8().map_err(|_| unreadable())?;
    let (bucket, key) = path.strip_prefix('/').unwrap_or(&path).split_once('/').ok_or_else(unreadable)?;
    let place = Place::of(http.call, directory, bucket, Some(key))?;
    let needed = place.needs(http, if version.is_some() { "GetObjectVersion" } else { "GetObject" });
    Ok(Some(match version {
        Some(version) => needed.with("s3:versionid", version),
        None => needed,
    }))
}

fn with_object_tags(mut needed: Needed, tags: impl Iterator<Item = (String, String)>) -> Needed {
    let mut keys = Vec::new();
    for (key, value) in tags {
        needed = needed.with(&format!("s3:RequestObjectTag/{key}"), value);
        keys.push(key);
    }
    if keys.is_empty() { needed } else { needed.with_many("s3:RequestObjectTagKeys", keys) }
}

/// `a=1&b=2`, percent-encoded.
fn form_encoded(text: &str) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key)?, decode(value)?))
        })
        .collect()
}
