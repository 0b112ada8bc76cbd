//! Requests that a session signs for somebody else to send: signature version 4 in the query of a URL.
//!
//! The S3 client could sign them. It makes a whole request for it, interceptors and endpoint rules and all, which costs
//! as much as a call: a third of the instructions of a request that asks for a URL. So the endpoint is had from the
//! SDK's rules once for a session, and the signature from the SDKs' own crate; a test holds the outcome against the client's.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sigv4::{
    http_request::{
        self, PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode,
    },
    sign::v4,
};
use aws_smithy_http::query::fmt_string;
use aws_smithy_runtime_api::{box_error::BoxError, client::identity::Identity};
use aws_types::SdkConfig;

use crate::aws;

/// The longest that a URL may last, by S3's rule: seven days.
const LASTS_MAX: Duration = Duration::from_secs(604_800);

/// Why nothing could be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The session has no region or no credentials.
    #[error("the session has no region or no credentials")]
    Incomplete,
    /// The session's credentials could not be had.
    #[error("the session's credentials could not be had")]
    Credentials(#[source] CredentialsError),
    /// There is no endpoint for the bucket.
    #[error("there is no endpoint for the bucket")]
    Endpoint(#[source] BoxError),
    /// It could not be signed.
    #[error("the request could not be signed")]
    Signature(#[source] BoxError),
}

/// What a session signs with: its credentials, and where its bucket is.
pub(crate) struct Signer {
    /// Without a slash at its end.
    bucket_url: String,
    region: String,
    identity: Identity,
}

/// A request that is to be signed.
pub(crate) struct Unsigned<'a> {
    /// The method.
    pub(crate) method: &'static str,
    /// The object's key: of characters only that a path needs no encoding for.
    pub(crate) key: &'a str,
    /// The query, not encoded.
    pub(crate) query: &'a [(&'static str, &'a str)],
    /// The headers that are to be sent as they are, their names in lower case.
    pub(crate) headers: &'a [(&'static str, &'a str)],
}

impl Signer {
    /// `config` carries the session's credentials.
    pub(super) async fn of(config: &SdkConfig, bucket: &str) -> Result<Self, SigningError> {
        let (Some(region), Some(provider)) = (config.region(), config.credentials_provider()) else {
            return Err(SigningError::Incomplete);
        };
        let params = Params::builder()
            .bucket(bucket)
            .region(region.as_ref())
            .force_path_style(has_path_style(config))
            .set_endpoint(aws::endpoint_of(config, "S3"))
            .build()
            .map_err(|e| SigningError::Endpoint(e.into()))?;
        let endpoint =
            DefaultResolver::new().resolve_endpoint(&params).await.map_err(SigningError::Endpoint)?;
        let credentials = provider.provide_credentials().await.map_err(SigningError::Credentials)?;
        Ok(Self {
            bucket_url: endpoint.url().trim_end_matches('/').to_owned(),
            region: region.as_ref().to_owned(),
            identity: credentials.into(),
        })
    }

    /// The URL of a request that is signed `at` a time, and lasts so long, but not longer than S3 allows.
    pub(crate) fn sign(
        &self,
        request: &Unsigned<'_>,
        at: SystemTime,
        lasts: Duration,
    ) -> Result<String, SigningError> {
        let failed = |e: BoxError| SigningError::Signature(e);
        let mut url = Url::of(format!("{}/{}", self.bucket_url, request.key));
        for (name, value) in request.query {
            url.push(name, value);
        }
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lasts.min(LASTS_MAX));
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("s3")
            .time(at)
            .settings(settings)
            .build()
            .map_err(|e| failed(e.into()))?
            .into();
        let headers = request.headers.iter().copied();
        // Whoever sends it has the content, and S3 the checksum in the headers.
        let signable =
            SignableRequest::new(request.method, url.text.as_str(), headers, SignableBody::UnsignedPayload)
                .map_err(|e| failed(e.into()))?;
        let (signed, _) = http_request::sign(signable, &params).map_err(|e| failed(e.into()))?.into_parts();
        let (_, query) = signed.into_parts();
        for (name, value) in query {
            url.push(name, &value);
        }
        Ok(url.text)
    }
}

/// An endpoint of one's own has no host name per bucket.
pub(super) fn has_path_style(config: &SdkConfig) -> bool {
    config.endpoint_url().is_some()
}

/// A URL whose query grows.
struct Url {
    text: String,
    next: char,
}

impl Url {
    const fn of(text: String) -> Self {
        Self { text, next: '?' }
    }

    fn push(&mut self, name: &str, value: &str) {
        self.text.push(self.next);
        self.next = '&';
        self.text.push_str(name);
        self.text.push('=');
        self.text.push_str(&fmt_string(value));
    }
}

impl fmt::Debug for Signer {
    /// Where; never with what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.bucket_url)
    }
}

#[cfg(test)]
mod tests;
