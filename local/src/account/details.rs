//! `target/local/account.json`: all that a client, a test or a person's script needs.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::AccountError;
use crate::{aws, aws::Root, paths::Paths};

/// A running account, as `account.json` tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Details {
    /// Base URL of the API, without a slash at its end.
    pub api_url: String,
    /// What `AWS_ENDPOINT_URL` is to be.
    pub aws_endpoint_url: String,
    /// The Region that everything is in.
    pub region: String,
    /// The user pool.
    pub user_pool_id: String,
    /// The client to sign in with.
    pub user_pool_client_id: String,
    /// The account's root.
    pub admin: Credentials,
    /// The deployed stack's outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// The account that sells the product in AWS Marketplace.
    pub seller: Seller,
    /// Who is in it.
    pub tenants: Vec<Tenant>,
    /// The folder of what the account keeps.
    pub folder: PathBuf,
    /// The gateway's access log, one JSON line a request.
    pub access_log: PathBuf,
    /// What the engine and the functions said.
    pub engine_log: PathBuf,
    /// The built functions, one folder each with its `bootstrap`.
    pub functions: PathBuf,
    /// The tools' folder of programs (`sam` and the like).
    pub tools: PathBuf,
    /// The process that holds the account.
    pub pid: u32,
    /// What was deployed: SHA-256 over template and functions.
    pub fingerprint: String,
}

/// A long-lived key.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// The key's id.
    pub access_key_id: String,
    /// The key's secret.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The account that published the listing, beside the one that the product runs in.
#[derive(Clone, Serialize, Deserialize)]
pub struct Seller {
    /// Its twelve digits.
    pub account_id: String,
    /// Its root.
    pub admin: Credentials,
    /// What its roles ask to hear; made anew at every start.
    pub external_id: String,
    /// The listed product's id.
    pub product_id: String,
    /// The listed product's code.
    pub product_code: String,
    /// The outputs of its stack, by name.
    pub outputs: BTreeMap<String, String>,
}

impl std::fmt::Debug for Seller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seller")
            .field("account_id", &self.account_id)
            .field("product_code", &self.product_code)
            .finish_non_exhaustive()
    }
}

/// A customer of the product.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tenant {
    /// What people call it.
    pub name: String,
    /// 32 lower-case hexadecimal digits.
    pub tenant_id: String,
    /// Its policy store.
    pub policy_store_id: String,
    /// Its users, the administrator first.
    pub users: Vec<User>,
}

/// Somebody who can sign in.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    /// The name to sign in with.
    pub email: String,
    /// The `sub` of their tokens.
    pub user_id: String,
    /// The password to sign in with.
    pub password: String,
    /// What they are in their tenant.
    pub role: Role,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("email", &self.email).field("role", &self.role).finish_non_exhaustive()
    }
}

/// What a user is in their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything to every document of the tenant.
    Admin,
    /// May do what is theirs, or shared with them.
    User,
}

impl Details {
    /// One of the stack's outputs; empty when the template has no such output.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }

    /// The product account's root.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn root(&self) -> Result<Root, AccountError> {
        let http = aws::http_client()
            .map_err(|e| AccountError::Machine { what: "make an HTTP client", source: e.into() })?;
        Ok(Root {
            endpoint: self.aws_endpoint_url.clone(),
            region: self.region.clone(),
            access_key_id: self.admin.access_key_id.clone(),
            secret_access_key: self.admin.secret_access_key.clone(),
            session_token: None,
            http,
        })
    }

    /// The tenant of that name.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.name == name)
    }
}

/// The file while its account runs; removed when dropped.
#[derive(Debug)]
pub(super) struct Published {
    path: PathBuf,
}

/// Writes `account.json`.
pub(super) fn publish(paths: &Paths, details: &Details) -> Result<Published, AccountError> {
    let path = paths.own("account.json");
    let text = serde_json::to_vec_pretty(details)
        .map_err(|e| AccountError::Machine { what: "write account.json", source: e.into() })?;
    Paths::write_private(&path, &text).map_err(AccountError::file(&path))?;
    Ok(Published { path })
}

impl Drop for Published {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The account that runs in this checkout, if one does and answers.
pub(super) async fn of_running(paths: &Paths) -> Option<Details> {
    let text = tokio::fs::read(paths.own("account.json")).await.ok()?;
    let details: Details = serde_json::from_slice(&text).ok()?;
    let root = details.root().ok()?;
    // Something else may listen on the port by now; only the same account has that pool.
    let asked = json!({ "UserPoolId": details.user_pool_id });
    root.json("cognito-idp", "AWSCognitoIdentityProviderService.DescribeUserPool", &asked).await.ok()?;
    Some(details)
}
