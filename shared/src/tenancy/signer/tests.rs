//! Held against the S3 client, which signs the same requests.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_types::region::Region;

use super::*;
use crate::{marketplace::script::Script, tenancy::session::s3_client};

const BUCKET: &str = "strongroom-content-111122223333";
const KEY: &str = "0123456789abcdef0123456789abcdef/3b1f8c52-7d1e-4c1b-9a55-2f9b8f2d7a33";
const CHECKSUM: &str = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";
/// Everything that a query has to encode, and what it must not.
const DISPOSITION: &str =
    "attachment; filename=\"a_b-1.2 (3)~.pdf\"; filename*=UTF-8''a%22b%3B%20%C3%A9*'!.pdf";
const LASTS: Duration = Duration::from_secs(299);

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_801_000)
}

/// With credentials of a session, as STS words them.
fn config(region: &str) -> SdkConfig {
    let token = Some("IQoJb3JpZ2luX2VjE+/==".to_owned());
    let credentials = Credentials::new("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG", token, None, "tests");
    let provider = SharedCredentialsProvider::new(credentials);
    Script::of([]).config(region).into_builder().credentials_provider(provider).build()
}

fn configs() -> Vec<SdkConfig> {
    let mut configs: Vec<_> = ["eu-central-1", "us-east-1", "us-gov-west-1", "cn-north-1"].map(config).into();
    for url in ["http://127.0.0.1:4566", "https://aws.example/", "https://aws.example/below"] {
        configs.push(config("eu-central-1").into_builder().endpoint_url(url).build());
    }
    configs
}

fn presigning(at: SystemTime) -> PresigningConfig {
    PresigningConfig::builder().start_time(at).expires_in(LASTS).build().unwrap()
}

/// The pairs of the query in the order of their names: in which they stand means nothing.
fn parts(url: &str) -> (String, Vec<&str>) {
    let (path, query) = url.split_once('?').unwrap();
    let mut pairs: Vec<_> = query.split('&').collect();
    pairs.sort_unstable();
    (path.to_owned(), pairs)
}

#[tokio::test]
async fn a_download_is_signed_as_the_client_signs_it() {
    let at = at();
    for config in configs() {
        let theirs = s3_client(&config)
            .get_object()
            .bucket(BUCKET)
            .key(KEY)
            .response_content_disposition(DISPOSITION)
            .response_content_type("application/octet-stream")
            .presigned(presigning(at))
            .await
            .unwrap();
        let query = [
            ("x-id", "GetObject"),
            ("response-content-disposition", DISPOSITION),
            ("response-content-type", "application/octet-stream"),
        ];
        let request = Unsigned { method: "GET", key: KEY, query: &query, headers: &[] };
        let ours = Signer::of(&config, BUCKET).await.unwrap().sign(&request, at, LASTS).unwrap();
        assert_eq!(parts(&ours), parts(theirs.uri()));
    }
}

#[tokio::test]
async fn an_upload_is_signed_as_the_client_signs_it() {
    let at = at();
    for config in configs() {
        let theirs = s3_client(&config)
            .put_object()
            .bucket(BUCKET)
            .key(KEY)
            .content_length(4)
            .content_type("text/plain; charset=utf-8")
            .checksum_sha256(CHECKSUM)
            .presigned(presigning(at))
            .await
            .unwrap();
        let headers = [
            ("content-length", "4"),
            ("content-type", "text/plain; charset=utf-8"),
            ("x-amz-checksum-sha256", CHECKSUM),
        ];
        let request =
            Unsigned { method: "PUT", key: KEY, query: &[("x-id", "PutObject")], headers: &headers };
        let ours = Signer::of(&config, BUCKET).await.unwrap().sign(&request, at, LASTS).unwrap();
        assert_eq!(parts(&ours), parts(theirs.uri()));
        for (name, value) in headers {
            let sent = theirs.headers().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
            assert_eq!(sent, Some((name, value)), "to be sent by theirs too");
        }
    }
}

#[tokio::test]
async fn every_part_of_a_request_is_in_its_signature() {
    let at = at();
    let signer = Signer::of(&config("eu-central-1"), BUCKET).await.unwrap();
    let signature = |method, key, query: &[_], headers: &[_], at, lasts| {
        let url = signer.sign(&Unsigned { method, key, query, headers }, at, lasts).unwrap();
        parts(&url).1.iter().find(|pair| pair.starts_with("X-Amz-Signature=")).unwrap().to_string()
    };
    let (query, headers) = ([("a", "1")], [("content-length", "4")]);
    let second = Duration::from_secs(1);
    let all = [
        signature("PUT", "a/b", &query, &headers, at, LASTS),
        signature("GET", "a/b", &query, &headers, at, LASTS),
        signature("PUT", "a/c", &query, &headers, at, LASTS),
        signature("PUT", "a/b", &[("a", "2")], &headers, at, LASTS),
        signature("PUT", "a/b", &[], &headers, at, LASTS),
        signature("PUT", "a/b", &query, &[("content-length", "5")], at, LASTS),
        signature("PUT", "a/b", &query, &[], at, LASTS),
        signature("PUT", "a/b", &query, &headers, at + second, LASTS),
        signature("PUT", "a/b", &query, &headers, at, LASTS + second),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len(), "{all:?}");
    let again = signature("PUT", "a/b", &query, &headers, at, LASTS);
    assert_eq!(again, all[0], "and nothing else is");
    let long = signature("PUT", "a/b", &query, &headers, at, LASTS_MAX);
    assert_eq!(
        signature("PUT", "a/b", &query, &headers, at, LASTS_MAX + second),
        long,
        "no longer than S3 allows"
    );
}

#[tokio::test]
async fn a_session_without_region_or_credentials_signs_nothing() {
    let whole = config("eu-central-1");
    assert!(Signer::of(&whole, BUCKET).await.is_ok());
    let mut nobody = whole.clone().into_builder();
    nobody.set_credentials_provider(None);
    assert!(matches!(Signer::of(&nobody.build(), BUCKET).await, Err(SigningError::Incomplete)));
    let nowhere = whole.into_builder().region(None::<Region>).build();
    assert!(matches!(Signer::of(&nowhere, BUCKET).await, Err(SigningError::Incomplete)));
}
