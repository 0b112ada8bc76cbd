//! S3: which action a request is, and the keys that follow from its query and headers.

use iam::Value::{Many, One, Unknown};
use iam::requests::{Call, Needed, Underivable, derive};

use super::ACCOUNT;
use super::derived_dynamodb::Known;

/// `METHOD BUCKET/KEY?a=b&c`, with headers and a body.
fn ask(line: &str, headers: &[(&str, &str)], body: &str) -> Result<Vec<Needed>, Underivable> {
    let (method, url) = line.split_once(' ').unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (bucket, key) = path.split_once('/').map_or((path, None), |(bucket, key)| (bucket, Some(key)));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    let call = Call {
        service: "s3".to_owned(),
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        method: method.to_owned(),
        bucket: Some(bucket.to_owned()).filter(|bucket| !bucket.is_empty()),
        key: key.map(str::to_owned),
        query: query.split('&').filter(|text| !text.is_empty()).map(pair).collect(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.as_bytes().to_vec(),
        ..Call::default()
    };
    derive(&call, &Known)
}

/// `action resource` of each request, without their prefixes.
fn actions(line: &str, headers: &[(&str, &str)], body: &str) -> Vec<String> {
    ask(line, headers, body)
        .unwrap_or_else(|error| panic!("{line}: {error}"))
        .iter()
        .map(|one| {
            let resource = one.resource.strip_prefix("arn:aws:s3:::").unwrap_or(&one.resource);
            format!("{} {resource}", one.action.strip_prefix("s3:").unwrap())
        })
        .collect()
}

#[test]
fn requests_on_objects_are_told_apart_by_method_and_query() {
    for (line, expected) in [
        ("GET content/a/1", vec!["GetObject content/a/1"]),
        ("HEAD content/a/1", vec!["GetObject content/a/1"]),
        ("GET content/a/1?versionId=v", vec!["GetObjectVersion content/a/1"]),
        (
            "GET content/a/1?partNumber=2&response-content-disposition=attachment&x-id=GetObject",
            vec!["GetObject content/a/1"],
        ),
        ("GET content/a/1?acl", vec!["GetObjectAcl content/a/1"]),
        ("GET content/a/1?acl&versionId=v", vec!["GetObjectVersionAcl content/a/1"]),
        ("GET content/a/1?tagging", vec!["GetObjectTagging content/a/1"]),
        ("GET content/a/1?attributes", vec!["GetObject content/a/1", "GetObjectAttributes content/a/1"]),
        ("GET content/a/1?uploadId=u", vec!["ListMultipartUploadParts content/a/1"]),
        ("PUT content/a/1", vec!["PutObject content/a/1"]),
        ("PUT content/a/1?acl", vec!["PutObjectAcl content/a/1"]),
        ("PUT content/a/1?partNumber=1&uploadId=u", vec!["PutObject content/a/1"]),
        ("POST content/a/1?uploads", vec!["PutObject content/a/1"]),
        ("POST content/a/1?uploadId=u", vec!["PutObject content/a/1"]),
        ("DELETE content/a/1", vec!["DeleteObject content/a/1"]),
        ("DELETE content/a/1?versionId=v", vec!["DeleteObjectVersion content/a/1"]),
        ("DELETE content/a/1?tagging", vec!["DeleteObjectTagging content/a/1"]),
        ("DELETE content/a/1?uploadId=u", vec!["AbortMultipartUpload content/a/1"]),
        ("GET content/a//1/", vec!["GetObject content/a//1/"]),
        ("GET content/a:1*?versions", vec![]),
        ("GET content/a/1?torrent", vec![]),
        ("POST content/a/1?select&select-type=2", vec![]),
        ("PUT content/a/1?renameObject", vec![]),
        ("PUT content/a/1?annotation", vec![]),
        ("PUT content/a/1?acl&tagging", vec![]),
        ("PUT content/a/1?partNumber=1", vec![]),
        ("PUT content/a/1?uploadId=u", vec![]),
        ("GET content/a/1?versionId=v&versionId=w", vec![]),
        ("PATCH content/a/1", vec![]),
        ("GET content/a/../b/1", vec![]),
        ("GET content/./1", vec![]),
        ("GET content/", vec![]),
        ("GET co*tent/a", vec![]),
    ] {
        if expected.is_empty() {
            assert!(ask(line, &[], "").is_err(), "{line}");
        } else {
            assert_eq!(actions(line, &[], ""), expected, "{line}");
        }
    }
}

#[test]
fn requests_on_buckets_are_told_apart_by_method_and_query() {
    for (line, expected) in [
        ("GET content", "ListBucket"),
        ("GET content?list-type=2&prefix=a/", "ListBucket"),
        ("HEAD content", "ListBucket"),
        ("GET content?versions", "ListBucketVersions"),
        ("GET content?uploads", "ListBucketMultipartUploads"),
        ("PUT content", "CreateBucket"),
        ("DELETE content", "DeleteBucket"),
        ("GET content?location", "GetBucketLocation"),
        ("PUT content?policy", "PutBucketPolicy"),
        ("DELETE content?policy", "DeleteBucketPolicy"),
        ("PUT content?encryption", "PutEncryptionConfiguration"),
        ("DELETE content?lifecycle", "PutLifecycleConfiguration"),
        ("GET content?publicAccessBlock", "GetBucketPublicAccessBlock"),
        ("PUT content?versioning", "PutBucketVersioning"),
        ("DELETE content?versioning", ""),
        ("GET content?analytics", ""),
        ("GET content?session", ""),
        ("GET content?nosuch", ""),
        ("POST content", ""),
    ] {
        if expected.is_empty() {
            assert!(ask(line, &[], "").is_err(), "{line}");
        } else {
            assert_eq!(actions(line, &[], ""), [format!("{expected} content")], "{line}");
        }
    }
    assert_eq!(actions("GET ", &[], ""), ["ListAllMyBuckets *"]);
}

#[test]
fn a_listing_carries_its_prefix_if_it_has_one() {
    let key = |line: &str, name: &str| ask(line, &[], "").unwrap()[0].context.get(name).cloned();
    assert_eq!(key("GET content?list-type=2&prefix=a/", "s3:prefix"), Some(One("a/".to_owned())));
    assert_eq!(key("GET content?list-type=2&prefix=", "s3:prefix"), Some(One(String::new())));
    assert_eq!(key("GET content?list-type=2", "s3:prefix"), None);
    assert_eq!(key("GET content?delimiter=/&max-keys=5", "s3:delimiter"), Some(One("/".to_owned())));
    assert_eq!(key("GET content?delimiter=/&max-keys=5", "s3:max-keys"), Some(One("5".to_owned())));
    assert!(matches!(key("GET content", "s3:max-keys"), Some(Unknown(_))));
    assert!(ask("GET content?prefix=a/&prefix=b/", &[], "").is_err(), "two prefixes");
}

#[test]
fn headers_need_more_permissions_and_set_keys() {
    for (headers, expected) in [
        (vec![("x-amz-tagging", "a=1&b=2")], vec!["PutObject", "PutObjectTagging"]),
        (vec![("X-Amz-Acl", "public-read")], vec!["PutObject", "PutObjectAcl"]),
        (vec![("x-amz-grant-read", "id=x"), ("x-amz-acl", "private")], vec!["PutObject", "PutObjectAcl"]),
        (vec![("x-amz-object-lock-mode", "GOVERNANCE")], vec!["PutObject", "PutObjectRetention"]),
        (vec![("x-amz-object-lock-legal-hold", "ON")], vec!["PutObject", "PutObjectLegalHold"]),
        (
            vec![("x-amz-server-side-encryption", "aws:kms"), ("content-type", "text/plain")],
            vec!["PutObject"],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|action| format!("{action} content/a/1")).collect();
        assert_eq!(actions("PUT content/a/1", &headers, ""), expected, "{headers:?}");
    }
    let put =
        ask("PUT content/a/1", &[("x-amz-tagging", "a=1&b%20c=2"), ("X-AMZ-Storage-Class", "GLACIER")], "")
            .unwrap();
    let key = |name: &str| put[0].context.get(name).cloned();
    assert_eq!(key("s3:RequestObjectTag/a"), Some(One("1".to_owned())));
    assert_eq!(key("s3:RequestObjectTagKeys"), Some(Many(vec!["a".to_owned(), "b c".to_owned()])));
    assert_eq!(key("s3:x-amz-storage-class"), Some(One("GLACIER".to_owned())));
    assert_eq!(key("s3:authType"), Some(One("REST-HEADER".to_owned())));
    assert_eq!(key("s3:signatureAge"), None, "it depends on the time of arrival");
    let delete =
        actions("DELETE content/a/1?versionId=v", &[("x-amz-bypass-governance-retention", "true")], "");
    assert_eq!(delete, ["DeleteObjectVersion content/a/1", "BypassGovernanceRetention content/a/1"]);
}

#[test]
fn a_presigned_url_is_the_same_request() {
    let signing = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=d&X-Amz-Expires=300&X-Amz-Security-Token=t&X-Amz-SignedHeaders=host&X-Amz-Signature=s";
    let get = ask(&format!("GET content/a/1?{signing}&response-content-type=x"), &[], "").unwrap();
    assert_eq!(
        (get[0].action.as_str(), get[0].context.get("s3:authType")),
        ("s3:GetObject", Some(&One("REST-QUERY-STRING".to_owned())))
    );
    // Headers that were moved into the query still count.
    let copy = actions(&format!("PUT content/a/2?{signing}&x-amz-copy-source=content%2Fb%2F1"), &[], "");
    assert_eq!(copy, ["PutObject content/a/2", "GetObject content/b/1"]);
    let twice =
        ask(&format!("PUT content/a/2?{signing}&x-amz-acl=private"), &[("x-amz-acl", "public-read")], "");
    assert!(twice.is_err(), "the two places disagree");
}

#[test]
fn a_copy_reads_its_source() {
    let copy = |source: &str| ask("PUT content/a/2", &[("x-amz-copy-source", source)], "");
    for (source, expected) in [
        ("content/b/1", "GetObject content/b/1"),
        ("/content/b%2F1%2B", "GetObject content/b/1+"),
        ("content/b/1?versionId=v", "GetObjectVersion content/b/1"),
        ("theirs/b/1", "GetObject theirs/b/1"),
    ] {
        assert_eq!(actions("PUT content/a/2", &[("x-amz-copy-source", source)], "")[1], expected);
    }
    assert_eq!(copy("theirs/b/1").unwrap()[1].resource_account, "999999999999");
    let part =
        actions("PUT content/a/2?partNumber=1&uploadId=u", &[("x-amz-copy-source", "content/b/1")], "");
    assert_eq!(part, ["PutObject content/a/2", "GetObject content/b/1"]);
    for bad in [
        "content",
        "content/b/1?x=y",
        "content/",
        "content/%ff",
        "arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/b",
        "content/../b",
    ] {
        assert!(copy(bad).is_err(), "{bad}");
    }
}

#[test]
fn many_deletes_are_authorized_one_by_one() {
    let body = r#"<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a/1</Key></Object><Object><Key>b/&lt;1</Key><VersionId>v</VersionId></Object><Quiet>true</Quiet></Delete>"#;
    assert_eq!(
        actions("POST content?delete", &[], body),
        ["DeleteObject content/a/1", "DeleteObjectVersion content/b/<1"]
    );
    for bad in [
        "",
        "<Delete></Delete>",
        "<Other><Object><Key>a</Key></Object></Other>",
        "<Delete><Object></Object></Delete>",
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key></Key></Object></Delete>",
        "<Delete><Object><Key>a/../b</Key></Object></Delete>",
        "<Delete><Prefix>a</Prefix></Delete>",
        "<Delete><Object><Key>a</Key></Object>",
    ] {
        assert!(ask("POST content?delete", &[], bad).is_err(), "{bad}");
    }
    let body = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
    let tagging = ask("PUT content/a/1?tagging", &[], body).unwrap();
    assert_eq!(tagging[0].context.get("s3:RequestObjectTag/k"), Some(&One("v".to_owned())));
    assert!(
        ask("PUT content/a/1?tagging", &[], "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>")
            .is_err()
    );
}

#[test]
fn a_bucket_belongs_to_the_account_that_the_directory_names() {
    let account = |line: &str| ask(line, &[], "").unwrap()[0].resource_account.clone();
    assert_eq!(account("GET theirs/k"), "999999999999");
    assert_eq!(account("GET content/k"), ACCOUNT);
    assert_eq!(account("PUT new-bucket"), ACCOUNT);
    let region = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    let create = ask("PUT new-bucket", &[], region).unwrap();
    assert_eq!(create[0].context.get("s3:locationconstraint"), Some(&One("eu-west-1".to_owned())));
    assert!(
        ask("PUT new-bucket", &[], "<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>").is_err()
    );
}
