//! Requests that no SDK would make: signed by hand, or not at all.

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;

use crate::account::{Account, Keys};

/// Signs by the gateway's clock and sends; answers status and body.
pub(crate) async fn signed(
    account: &Account,
    keys: &Keys,
    service: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> (u16, String) {
    signed_in("us-east-1", account, keys, service, path, headers, body).await
}

/// As [`signed`], for a region.
pub(crate) async fn signed_in(
    region: &str,
    account: &Account,
    keys: &Keys,
    service: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> (u16, String) {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = keys.0.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(account.clock.now().into())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = format!("{}{path}", account.gateway.aws_url);
    let signable = SignableRequest::new(
        "POST",
        uri.as_str(),
        headers.iter().copied(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    let mut request = http::Request::builder().method("POST").uri(&uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body.to_owned()).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    let response = reqwest::Client::new().execute(request.try_into().unwrap()).await.unwrap();
    let status = response.status().as_u16();
    // CBOR answers are read for the words in them.
    (status, String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned())
}

/// A call in AWS's JSON form; answers status and body.
pub(crate) async fn json(
    account: &Account,
    keys: &Keys,
    service: &str,
    target: &str,
    body: &serde_json::Value,
) -> (u16, String) {
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
    signed(account, keys, service, "/", &headers, &body.to_string()).await
}

/// A request of the query protocol, by the root; answers the status.
pub(crate) async fn root_form(account: &Account, service: &str, form: String) -> u16 {
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    signed(account, &account.root(), service, "/", &headers, &form).await.0
}

/// PUTs `sent` under a signature over `signed`.
pub(crate) async fn put(
    account: &Account,
    keys: &Keys,
    path: &str,
    headers: &[(&'static str, String)],
    signed: SignableBody<'_>,
    sent: Vec<u8>,
) -> (u16, String) {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let identity = keys.0.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(account.clock.now().into())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = format!("{}{path}", account.gateway.aws_url);
    let named = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let signable = SignableRequest::new("PUT", uri.as_str(), named.clone(), signed);
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    let mut request = http::Request::builder().method("PUT").uri(&uri);
    for (name, value) in named {
        request = request.header(name, value);
    }
    let mut request = request.body(sent).unwrap();
    instructions.apply_to_request_http1x(&mut request);
    let response = reqwest::Client::new().execute(request.try_into().unwrap()).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}
