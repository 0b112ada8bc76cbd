//! A small account: a function, a tenant role it may assume, and clients for whoever has keys.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::region::Region;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::engine::{Engine, Holds, Role};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const SELLER: &str = "444455556666";
/// What the seller's roles demand of whoever assumes them.
pub(crate) const EXTERNAL_ID: &str = "3f1c2b6a9d8e7f60";
/// Two tenants.
pub(crate) const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(crate) fn role_arn(name: &str) -> String {
    role_arn_in(ACCOUNT, name)
}

pub(crate) fn role_arn_in(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
}

/// A gateway in front of its engine.
pub(crate) struct Account {
    pub(crate) engine: Engine,
    pub(crate) gateway: gateway::Running,
    pub(crate) clock: gateway::Clock,
    pub(crate) log: Scratch,
}

/// A file that goes when the test does.
pub(crate) struct Scratch(pub(crate) std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The tenant role's policy: rows, objects and store of the tenant in the tag.
pub(crate) fn tenant_policy() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
         "Resource": format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/documents"),
         "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant_id}"]},
                       "Null": {"dynamodb:LeadingKeys": "false"}}},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
         "Resource": "arn:aws:s3:::content/${aws:PrincipalTag/tenant_id}/*"},
        {"Effect": "Allow", "Action": "verifiedpermissions:IsAuthorized",
         "Resource": format!("arn:aws:verifiedpermissions::{ACCOUNT}:policy-store/${{aws:PrincipalTag/policy_store_id}}"),
         "Condition": {"StringEquals": {"aws:ResourceTag/tenant_id": "${aws:PrincipalTag/tenant_id}"}}}]})
}

/// The seller's roles: one that may resolve customers, and one that may do everything in its own account.
fn seller_roles() -> [(String, Role); 2] {
    let role = |statement: Value| Role {
        trust: json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": role_arn("signup-role")}, "Action": "sts:AssumeRole",
             "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}]}),
        policies: [("own".to_owned(), json!({"Version": "2012-10-17", "Statement": [statement]}))].into(),
    };
    let resolve = json!({"Effect": "Allow", "Action": "aws-marketplace:ResolveCustomer", "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}});
    [
        ("registration".to_owned(), role(resolve)),
        ("everything".to_owned(), role(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}))),
    ]
}

fn roles() -> [(String, Role); 4] {
    let may_assume = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": role_arn("tenant-data")}]});
    let execution = |policies: Value| Role {
        trust: json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}),
        policies: [("own".to_owned(), policies)].into(),
    };
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [role_arn("documents-role")]},
         "Action": ["sts:AssumeRole", "sts:TagSession"],
         "Condition": {"StringLike": {"aws:RequestTag/tenant_id": "????????????????????????????????"},
                       "ForAllValues:StringEquals": {"aws:TagKeys": ["tenant_id", "policy_store_id"]},
                       "Null": {"aws:TagKeys": "false"}}}]});
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    [
        ("signup-role".to_owned(), execution(everything)),
        ("documents-role".to_owned(), execution(may_assume.clone())),
        ("shares-role".to_owned(), execution(may_assume)),
        ("tenant-data".to_owned(), Role { trust, policies: [("tenant".to_owned(), tenant_policy())].into() }),
    ]
}

impl Account {
    pub(crate) async fn start() -> Self {
        let functions = ["documents", "shares", "signup"];
        let engine = Engine::start(Holds {
            roles: roles().into(),
            seller_roles: seller_roles().into(),
            functions: functions.map(|name| (name.to_owned(), role_arn(&format!("{name}-role")))).into(),
            ..Holds::default()
        })
        .await;
        let clock = gateway::Clock::system();
        let log = Scratch(std::env::temp_dir().join(format!("gateway-{}.jsonl", uuid::Uuid::new_v4())));
        let mut config = gateway::Config::new(engine.url.clone());
        config.clock = clock.clone();
        config.access_log = Some(log.0.clone());
        let gateway = gateway::Gateway::start(config).await.unwrap();
        Self { engine, gateway, clock, log }
    }

    pub(crate) fn root(&self) -> Keys {
        Keys(Credentials::new("test", "test", None, None, "test"))
    }

    pub(crate) fn seller_root(&self) -> Keys {
        Keys(Credentials::new("seller", "seller", None, None, "test"))
    }

    /// The keys of a session of one of the seller's roles, assumed by the signup function.
    pub(crate) async fn seller(&self, role: &str) -> Keys {
        let sts = self.sts(&self.function("signup"));
        let call = sts.assume_role().role_arn(role_arn_in(SELLER, role)).role_session_name("signup");
        Keys::of(call.external_id(EXTERNAL_ID).send().await.unwrap().credentials().unwrap())
    }

    /// The keys that the engine hands to a function.
    pub(crate) fn function(&self, name: &str) -> Keys {
        let hash = |text: String| hex::encode(digest(&SHA256, text.as_bytes()));
        let seed = hash(format!("{}:{}", function_arn(name), role_arn(&format!("{name}-role"))));
        let key = format!("ASIA{}", seed.get(..16).unwrap().to_uppercase());
        let token = Some(hash(format!("token:{seed}")));
        Keys(Credentials::new(key, hash(format!("secret:{seed}")), token, None, "test"))
    }

    /// The keys of a session for a tenant, assumed by the documents function.
    pub(crate) async fn tenant(&self, tenant: &str, store: &str) -> Keys {
        let sts = self.sts(&self.function("documents"));
        let answer =
            self.assume(&sts, &[("tenant_id", tenant), ("policy_store_id", store)]).send().await.unwrap();
        Keys::of(answer.credentials().unwrap())
    }

    pub(crate) fn assume(
        &self,
        sts: &aws_sdk_sts::Client,
        tags: &[(&str, &str)],
    ) -> aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder {
        let mut call = sts.assume_role().role_arn(role_arn("tenant-data")).role_session_name("test");
        for (key, value) in tags {
            call = call.tags(aws_sdk_sts::types::Tag::builder().key(*key).value(*value).build().unwrap());
        }
        call
    }

    fn config(&self, keys: &Keys) -> aws_types::SdkConfig {
        aws_types::SdkConfig::builder()
            .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(keys.0.clone()))
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.gateway.aws_url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .build()
    }
}

macro_rules! client {
    ($name:ident, $client:ty) => {
        impl Account {
            #[expect(
                clippy::disallowed_methods,
                reason = "the gateway is what is tested: any client, any keys"
            )]
            pub(crate) fn $name(&self, keys: &Keys) -> $client {
                <$client>::new(&self.config(keys))
            }
        }
    };
}

client!(sts, aws_sdk_sts::Client);
client!(dynamodb, aws_sdk_dynamodb::Client);
client!(s3, aws_sdk_s3::Client);
client!(verified_permissions, aws_sdk_verifiedpermissions::Client);
client!(metering, aws_sdk_marketplacemetering::Client);
client!(agreements, aws_sdk_marketplaceagreement::Client);

/// Somebody's credentials.
#[derive(Clone)]
pub(crate) struct Keys(pub(crate) Credentials);

impl Keys {
    pub(crate) fn of(answer: &aws_sdk_sts::types::Credentials) -> Self {
        let token = Some(answer.session_token().to_owned());
        Self(Credentials::new(answer.access_key_id(), answer.secret_access_key(), token, None, "test"))
    }
}

/// The code of a failed call; `ok` if it did not fail.
pub(crate) fn code<T, E: aws_smithy_types::error::metadata::ProvideErrorMetadata>(
    answer: &Result<T, E>,
) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

/// The message of a failed call.
pub(crate) fn message<T, E: aws_smithy_types::error::metadata::ProvideErrorMetadata>(
    answer: &Result<T, E>,
) -> String {
    answer.as_ref().err().and_then(|error| error.message()).unwrap_or_default().to_owned()
}
