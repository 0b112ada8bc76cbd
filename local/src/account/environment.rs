//! The environment file that `sam local` wants: per function, the variables that the template names, with the
//! values of the deployed stack, and the account's address where AWS's would be. And the credentials of a
//! function, which `sam local` takes from its own environment.

use std::{collections::BTreeMap, time::Duration};

use gateway::ExecutionKey;
use http::Method;
use serde_json::{Map, Value, json};

use super::{AccountError, details::Details, functions::deployed};

/// The JSON of `sam local --env-vars`.
///
/// # Errors
/// When the account does not tell how its functions are configured.
pub async fn sam_environment(details: &Details) -> Result<String, AccountError> {
    let mut functions = Map::new();
    for name in deployed(details) {
        let mut variables = function_configuration(details, name).await?.variables;
        variables.insert("AWS_ENDPOINT_URL".to_owned(), details.aws_endpoint_url.clone());
        functions.insert(format!("{name}Function"), json!(variables));
    }
    Ok(format!("{:#}", Value::Object(functions)))
}

/// How a function is deployed.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// Its deployed name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// Its variables.
    pub(crate) variables: BTreeMap<String, String>,
}

/// How the function is deployed that the template's outputs call `function`: `Documents`, `Shares`.
pub(crate) async fn function_configuration(
    details: &Details,
    function: &str,
) -> Result<Configuration, AccountError> {
    let failed = |source| AccountError::Call { step: "read a function's configuration", source };
    let unknown = || AccountError::NoFunction(function.to_owned());
    let name = details.outputs.get(&format!("{function}FunctionName")).ok_or_else(unknown)?;
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let found = details.root()?.rest("lambda", Method::GET, &path, &Value::Null).await.map_err(failed)?;
    let variables = found.pointer("/Environment/Variables").and_then(Value::as_object).into_iter().flatten();
    Ok(Configuration {
        name: name.clone(),
        arn: found.get("FunctionArn").and_then(Value::as_str).unwrap_or_default().to_owned(),
        timeout: Duration::from_secs(found.get("Timeout").and_then(Value::as_u64).unwrap_or_default()),
        variables: variables
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
    })
}

/// A deployed function's own credentials; `None` when the stack has no such function. `function` is its name in
/// the template's outputs: `Documents`, `Shares`.
#[must_use]
pub fn function_key(details: &Details, function: &str) -> Option<ExecutionKey> {
    let role = details.outputs.get(&format!("{function}RoleArn"))?;
    let name = details.outputs.get(&format!("{function}FunctionName"))?;
    let account = role.split(':').nth(4)?;
    let arn = format!("arn:aws:lambda:{}:{account}:function:{name}", details.region);
    Some(ExecutionKey::of(&arn, role))
}

/// The same as lines for a shell to evaluate.
///
/// # Errors
/// [`AccountError::NoFunction`] when the stack has no such function.
pub fn exports(details: &Details, function: &str) -> Result<String, AccountError> {
    let key = function_key(details, function).ok_or_else(|| AccountError::NoFunction(function.to_owned()))?;
    Ok(format!(
        "export AWS_REGION={} AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={} AWS_SESSION_TOKEN={}",
        details.region, key.access_key_id, key.secret_access_key, key.session_token
    ))
}
