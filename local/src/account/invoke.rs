//! Invoking a deployed function past whatever feeds it, as an operator would with `aws lambda invoke`.

use serde_json::Value;

use super::{AccountError, details::Details};

/// Gives a function an event and waits for its answer: `Ok` with it, or `Err` with the message of the error that
/// the function ended with. `function` is its name in the template's outputs: `Onboarding`, `Subscriptions`.
///
/// # Errors
/// When the account does not answer, or has no such function.
pub async fn invoke(
    details: &Details,
    function: &str,
    event: &Value,
) -> Result<Result<Value, String>, AccountError> {
    let unknown = || AccountError::NoFunction(function.to_owned());
    let deployed = details.outputs.get(&format!("{function}FunctionName")).ok_or_else(unknown)?;
    let answer = details.root()?.invoke(deployed, event).await;
    answer.map_err(|source| AccountError::Call { step: "could not invoke the function", source })
}
