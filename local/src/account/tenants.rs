//! Two demo tenants, opened by hand where others sign up: users by an administrator's calls to the user pool,
//! everything else by the product's own onboarding. No subscription stands behind them, so none ends them.

use std::{collections::BTreeMap, time::Duration};

use aws_credential_types::Credentials;
use aws_smithy_types::retry::RetryConfig;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::{
    aws::HttpClientError,
    clock::Clock,
    ids::TenantId,
    onboarding::{self, ControlPlane},
    users::{NewUser, UserRole},
};
use uuid::Uuid;

use super::{
    AccountError,
    details::{Details, Role, Tenant, User},
};
use crate::{
    aws::{CallError, Root, sdk_config},
    progress::Progress,
};

/// Who is in the account: two tenants, each with an administrator and two users.
const CAST: [(&str, [(&str, Role); 3]); 2] = [
    ("amber", [("ada", Role::Admin), ("ben", Role::User), ("cleo", Role::User)]),
    ("cobalt", [("dora", Role::Admin), ("emil", Role::User), ("faye", Role::User)]),
];

/// The stack's outputs, by name.
type Outputs = BTreeMap<String, String>;

/// The group of administrators; the template makes it.
const ADMINS: &str = "TENANT_ADMINS";

/// Puts the demo tenants into the account.
pub(super) async fn provision(
    root: &Root,
    outputs: &Outputs,
    progress: Progress,
) -> Result<Vec<Tenant>, AccountError> {
    let step = progress.step("tenants");
    let pool = outputs.get("UserPoolId").map_or("", String::as_str);
    let plane = control_plane(root, outputs)
        .map_err(|e| AccountError::Machine { what: "make the control plane's clients", source: e.into() })?;
    let mut tenants = Vec::new();
    for (name, cast) in CAST {
        tenants.push(open(root, pool, &plane, name, &cast).await?);
    }
    let people: usize = tenants.iter().map(|tenant| tenant.users.len()).sum();
    step.done(&format!("{} with {people} users", tenants.len()));
    Ok(tenants)
}

/// Puts one more tenant into a running account: an administrator and two users.
///
/// # Errors
/// When the account refuses a step of it.
pub async fn open_tenant(details: &Details, name: &str) -> Result<Tenant, AccountError> {
    let cast = [("ada", Role::Admin), ("ben", Role::User), ("cleo", Role::User)];
    open_tenant_with(details, name, &cast).await
}

/// The same with these people, the administrator first.
pub(crate) async fn open_tenant_with(
    details: &Details,
    name: &str,
    cast: &[(&str, Role)],
) -> Result<Tenant, AccountError> {
    let machine = |e: Box<dyn std::error::Error + Send + Sync>| AccountError::Machine {
        what: "make the control plane's clients",
        source: e,
    };
    let root = details.root()?;
    let plane = control_plane(&root, &details.outputs).map_err(|e| machine(e.into()))?;
    open(&root, &details.user_pool_id, &plane, name, cast).await
}

async fn open(
    root: &Root,
    pool: &str,
    plane: &ControlPlane,
    name: &str,
    cast: &[(&str, Role)],
) -> Result<Tenant, AccountError> {
    let tenant = TenantId::random();
    let tenant_id = tenant.to_string();
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| AccountError::Tenant {
        tenant: name.to_owned(),
        source,
    };
    let mut users = Vec::new();
    for (person, role) in cast {
        let email = format!("{person}@{name}.example");
        users.push(add_user(root, pool, &tenant_id, email, *role).await.map_err(|e| failed(e.into()))?);
    }
    let store = onboarding::open_tenant(plane, tenant).await.map_err(|e| failed(e.into()))?;
    for user in &users {
        let new = enrolled(user).map_err(failed)?;
        onboarding::enrol(plane, tenant, &new, Clock::system().now()).await.map_err(|e| failed(e.into()))?;
    }
    let policy_store_id = store.id.as_str().to_owned();
    Ok(Tenant { name: name.to_owned(), tenant_id, policy_store_id, users })
}

/// A user as the directory takes them.
fn enrolled(user: &User) -> Result<NewUser, Box<dyn std::error::Error + Send + Sync>> {
    let role = match user.role {
        Role::Admin => UserRole::Admin,
        Role::User => UserRole::Member,
    };
    Ok(NewUser { user_id: user.user_id.parse()?, email: user.email.parse()?, role })
}

async fn add_user(
    root: &Root,
    pool: &str,
    tenant_id: &str,
    email: String,
    role: Role,
) -> Result<User, CallError> {
    let password = password();
    let attributes = json!([
        { "Name": "email", "Value": email },
        { "Name": "email_verified", "Value": "true" },
        { "Name": "custom:tenant_id", "Value": tenant_id },
    ]);
    let made = cognito(
        root,
        "AdminCreateUser",
        json!({
            "UserPoolId": pool,
            "Username": email,
            "UserAttributes": attributes,
            "MessageAction": "SUPPRESS",
            // Given, because the engine makes one up that its own password policy refuses.
            "TemporaryPassword": self::password(),
        }),
    )
    .await?;
    let user_id = attribute(&made, "sub")
        .ok_or(CallError::Answer { operation: "AdminCreateUser".to_owned(), missing: "sub" })?;
    cognito(
        root,
        "AdminSetUserPassword",
        json!({
            "UserPoolId": pool, "Username": email, "Password": password, "Permanent": true,
        }),
    )
    .await?;
    if role == Role::Admin {
        let member = json!({ "UserPoolId": pool, "Username": email, "GroupName": ADMINS });
        cognito(root, "AdminAddUserToGroup", member).await?;
    }
    Ok(User { email, user_id, password, role })
}

/// The product's control plane, with the root's powers.
#[expect(
    clippy::disallowed_methods,
    reason = "the fence is for functions; this is the control plane's side, which works across tenants"
)]
fn control_plane(root: &Root, outputs: &Outputs) -> Result<ControlPlane, HttpClientError> {
    let credentials = Credentials::new(&root.access_key_id, &root.secret_access_key, None, None, "local");
    let config = sdk_config(&root.region, &root.endpoint, credentials)?
        .into_builder()
        // An account makes one policy store a second: two tenants in a row have to wait for each other.
        .retry_config(
            RetryConfig::standard().with_max_attempts(10).with_initial_backoff(Duration::from_millis(250)),
        )
        .build();
    let table = |name: &str| outputs.get(name).cloned().unwrap_or_default();
    Ok(ControlPlane {
        verified_permissions: aws_sdk_verifiedpermissions::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        tenants_table: table("TenantsTableName"),
        users_table: table("UsersTableName"),
        deletion_protection: false,
    })
}

async fn cognito(root: &Root, operation: &str, body: Value) -> Result<Value, CallError> {
    root.json("cognito-idp", &format!("AWSCognitoIdentityProviderService.{operation}"), &body).await
}

fn attribute(made: &Value, name: &str) -> Option<String> {
    let attributes = made.pointer("/User/Attributes")?.as_array()?;
    let found = attributes.iter().find(|attribute| attribute.get("Name").is_some_and(|n| n == name))?;
    Some(found.get("Value")?.as_str()?.to_owned())
}

/// A random password that the pool's policy accepts: 122 random bits, and one character of each kind it asks
/// for. Nothing in it means anything to a shell.
#[must_use]
pub fn password() -> String {
    format!("aA1-{}", URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes()))
}
