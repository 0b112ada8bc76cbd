//! The AWS endpoint, as somebody: the root, a function, or a session that a function opened.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::{error::ProvideErrorMetadata, operation::assume_role::AssumeRoleOutput, types::Tag};
use local::account::Details;
use shared::aws::SdkConfig;

/// Somebody's credentials at the AWS endpoint.
#[derive(Clone)]
pub struct Aws {
    config: SdkConfig,
    environment: Vec<(&'static str, String)>,
}

/// What AWS refused with: its error code, and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Such as `AccessDenied`.
    pub code: String,
    /// The sentence beside it.
    pub message: String,
}

impl Refused {
    /// Reads the code of a failed call; panics when the call did not even get an answer.
    #[must_use]
    pub fn of<E: ProvideErrorMetadata + std::fmt::Debug>(error: &E) -> Self {
        let code = error.code().unwrap_or_else(|| panic!("an answer with a code: {error:?}"));
        Self { code: code.to_owned(), message: error.message().unwrap_or_default().to_owned() }
    }

    /// Whether it is IAM's own no (`AccessDenied`, `AccessDeniedException`), and not a failure to decide.
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        self.code.starts_with("AccessDenied") && !self.message.contains("cannot decide")
    }
}

#[expect(clippy::disallowed_methods, reason = "tests meet the endpoint from outside, as an attacker would")]
impl Aws {
    pub(crate) fn root(details: &Details) -> Self {
        Self::with(details, &details.admin.access_key_id, &details.admin.secret_access_key, None)
    }

    pub(crate) fn seller(details: &Details) -> Self {
        let key = &details.seller.admin;
        Self::with(details, &key.access_key_id, &key.secret_access_key, None)
    }

    /// With the credentials that are in the function's environment, where an attacker inside it finds them too.
    pub(crate) fn function(details: &Details, name: &str) -> Self {
        let key = local::account::function_key(details, name).expect("the stack has this function");
        Self::with(details, &key.access_key_id, &key.secret_access_key, Some(key.session_token))
    }

    fn with(details: &Details, key: &str, secret: &str, token: Option<String>) -> Self {
        let mut environment =
            vec![("AWS_ACCESS_KEY_ID", key.to_owned()), ("AWS_SECRET_ACCESS_KEY", secret.to_owned())];
        environment.extend(token.clone().map(|token| ("AWS_SESSION_TOKEN", token)));
        let credentials = Credentials::new(key, secret, token, None, "tests");
        let config = local::sdk_config(&details.region, &details.aws_endpoint_url, credentials);
        Self { config: config.expect("the embedded roots parse"), environment }
    }

    /// Assumes a role with these session tags.
    ///
    /// # Errors
    /// When STS refuses.
    pub async fn assume(&self, role: &str, tags: &[(&str, &str)]) -> Result<Self, Refused> {
        let tags = tags.iter().map(|(key, value)| {
            Tag::builder().key(*key).value(*value).build().expect("key and value are set")
        });
        let reply = aws_sdk_sts::Client::new(&self.config)
            .assume_role()
            .role_arn(role)
            .role_session_name("tests")
            .duration_seconds(900)
            .set_tags(Some(tags.collect()))
            .send()
            .await
            .map_err(|e| Refused::of(&e))?;
        Ok(self.with_session(reply))
    }

    /// Assumes a role of another account, with this ExternalId.
    ///
    /// # Errors
    /// When STS refuses.
    pub async fn borrow(&self, role: &str, external_id: Option<&str>) -> Result<Self, Refused> {
        let reply = aws_sdk_sts::Client::new(&self.config)
            .assume_role()
            .role_arn(role)
            .role_session_name("tests")
            .set_external_id(external_id.map(str::to_owned))
            .send()
            .await
            .map_err(|e| Refused::of(&e))?;
        Ok(self.with_session(reply))
    }

    /// The same place with the credentials of a session.
    fn with_session(&self, reply: AssumeRoleOutput) -> Self {
        let credentials = reply.credentials.expect("an assumed role has credentials");
        let provider = SharedCredentialsProvider::new(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            None,
            "tests",
        ));
        let config = self.config.clone().into_builder().credentials_provider(provider).build();
        Self { config, environment: Vec::new() }
    }

    /// The same credentials in another Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let region = aws_sdk_sts::config::Region::new(region.to_owned());
        Self { config: self.config.clone().into_builder().region(region).build(), environment: Vec::new() }
    }

    /// AWS Marketplace's metering service.
    #[must_use]
    pub fn metering(&self) -> aws_sdk_marketplacemetering::Client {
        aws_sdk_marketplacemetering::Client::new(&self.config)
    }

    /// The credentials as the Lambda service puts them into a function's environment; none for a session.
    #[must_use]
    pub fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// What clients of this crate's readers are made from.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// S3.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// Verified Permissions.
    #[must_use]
    pub fn verified_permissions(&self) -> aws_sdk_verifiedpermissions::Client {
        aws_sdk_verifiedpermissions::Client::new(&self.config)
    }

    /// Cognito.
    #[must_use]
    pub fn cognito(&self) -> aws_sdk_cognitoidentityprovider::Client {
        aws_sdk_cognitoidentityprovider::Client::new(&self.config)
    }
}
