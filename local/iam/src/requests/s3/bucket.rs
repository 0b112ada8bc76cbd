//! Requests on a bucket: listing, deleting many objects, and its configurations.

use super::{Http, Needed, Place, Underivable, Xml, only_child};

/// `(sub-resource, GET, PUT, DELETE)`: the action of each method; empty where there is none.
const CONFIGURATIONS: &[(&str, &str, &str, &str)] = &[
    ("accelerate", "GetAccelerateConfiguration", "PutAccelerateConfiguration", ""),
    ("acl", "GetBucketAcl", "PutBucketAcl", ""),
    ("cors", "GetBucketCORS", "PutBucketCORS", "PutBucketCORS"),
    ("encryption", "GetEncryptionConfiguration", "PutEncryptionConfiguration", "PutEncryptionConfiguration"),
    ("lifecycle", "GetLifecycleConfiguration", "PutLifecycleConfiguration", "PutLifecycleConfiguration"),
    ("location", "GetBucketLocation", "", ""),
    ("logging", "GetBucketLogging", "PutBucketLogging", ""),
    ("notification", "GetBucketNotification", "PutBucketNotification", ""),
    ("object-lock", "GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration", ""),
    (
        "ownershipControls",
        "GetBucketOwnershipControls",
        "PutBucketOwnershipControls",
        "PutBucketOwnershipControls",
    ),
    ("policy", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"),
    ("policyStatus", "GetBucketPolicyStatus", "", ""),
    (
        "publicAccessBlock",
        "GetBucketPublicAccessBlock",
        "PutBucketPublicAccessBlock",
        "PutBucketPublicAccessBlock",
    ),
    (
        "replication",
        "GetReplicationConfiguration",
        "PutReplicationConfiguration",
        "PutReplicationConfiguration",
    ),
    ("requestPayment", "GetBucketRequestPayment", "PutBucketRequestPayment", ""),
    ("tagging", "GetBucketTagging", "PutBucketTagging", "PutBucketTagging"),
    ("versioning", "GetBucketVersioning", "PutBucketVersioning", ""),
    ("website", "GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"),
];

/// The most objects of one DeleteObjects.
const DELETES_MAX: usize = 1_000;

pub(super) fn derive(http: &Http<'_>, place: &Place) -> Result<Vec<Needed>, Underivable> {
    let method = http.call.method.as_str();
    let listing = match (method, http.subresource) {
        ("GET", None | Some("list-type")) | ("HEAD", None) => Some("ListBucket"),
        ("GET", Some("versions")) => Some("ListBucketVersions"),
        ("GET", Some("uploads")) => Some("ListBucketMultipartUploads"),
        _ => None,
    };
    if let Some(action) = listing {
        return Ok(vec![list(http, place.needs(http, action))]);
    }
    match (method, http.subresource) {
        ("PUT", None) => Ok(vec![create(http, place)?]),
        ("DELETE", None) => Ok(vec![place.needs(http, "DeleteBucket")]),
        ("POST", Some("delete")) => delete_objects(http, place),
        (_, Some(name)) => {
            let found = CONFIGURATIONS.iter().find(|(subresource, ..)| *subresource == name);
            let action = match (found, method) {
                (Some((_, get, _, _)), "GET") => get,
                (Some((_, _, put, _)), "PUT") => put,
                (Some((_, _, _, delete)), "DELETE") => delete,
                _ => "",
            };
            if action.is_empty() {
                return Err(http.unknown());
            }
            let needed = place.needs(http, action);
            Ok(vec![if name == "acl" { http.with_headers(needed)? } else { needed }])
        }
        _ => Err(http.unknown()),
    }
}

/// `s3:prefix` and its like: absent when the request has none.
fn list(http: &Http<'_>, mut needed: Needed) -> Needed {
    for (parameter, key) in [("prefix", "s3:prefix"), ("delimiter", "s3:delimiter")] {
        if let Some(value) = http.parameter(parameter) {
            needed = needed.with(key, value);
        }
    }
    let most = http.parameter("max-keys").or_else(|| http.parameter("max-uploads"));
    match most {
        Some(value) => needed.with("s3:max-keys", value),
        None => needed.with_unknown(
            "s3:max-keys",
            "AWS sets it even when the request does not; to what is not documented",
        ),
    }
}

fn create(http: &Http<'_>, place: &Place) -> Result<Needed, Underivable> {
    let mut needed = http.with_headers(place.needs(http, "CreateBucket"))?;
    if http.header("x-amz-bucket-object-lock-enabled")?.is_some() {
        return Err(http
            .call
            .unreadable("`x-amz-bucket-object-lock-enabled` needs permissions that are not derived"));
    }
    if http.call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(needed);
    }
    let xml = Xml::of(http.call)?;
    for element in xml.beneath("CreateBucketConfiguration")? {
        match element.tag_name().name() {
            "LocationConstraint" => {
                needed = needed.with("s3:locationconstraint", element.text().unwrap_or_default());
            }
            other => {
                return Err(http
                    .call
                    .unreadable(format!("`{other}` at the creation of a bucket is not derived")));
            }
        }
    }
    Ok(needed)
}

/// One authorization an object: `DeleteObject`, or `DeleteObjectVersion` where a version is named.
fn delete_objects(http: &Http<'_>, place: &Place) -> Result<Vec<Needed>, Underivable> {
    let call = http.call;
    let malformed = || call.unreadable("the body is not a list of objects to delete that can be read");
    let xml = Xml::of(call)?;
    let mut needed = Vec::new();
    for object in xml.beneath("Delete")? {
        match object.tag_name().name() {
            "Object" => {}
            "Quiet" => continue,
            _ => return Err(malformed()),
        }
        let key = only_child(object, "Key").ok_or_else(malformed)?;
        let has_version = object.children().any(|child| child.tag_name().name() == "VersionId");
        let version =
            if has_version { Some(only_child(object, "VersionId").ok_or_else(malformed)?) } else { None };
        let version = version.filter(|version| !version.is_empty());
        let one = place.object(call, key)?;
        let one = one.needs(http, if version.is_some() { "DeleteObjectVersion" } else { "DeleteObject" });
        needed.push(match version {
            Some(version) => one.with("s3:versionid", version),
            None => one,
        });
    }
    if http.header("x-amz-bypass-governance-retention")?.is_some() {
        return Err(call.unreadable("`x-amz-bypass-governance-retention` of many objects is not derived"));
    }
    if (1..=DELETES_MAX).contains(&needed.len()) { Ok(needed) } else { Err(malformed()) }
}
