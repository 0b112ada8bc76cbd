//! What the deployed functions logged, read as an operator would: from CloudWatch Logs.

use serde_json::{Value, json};

use super::{AccountError, details::Details};
use crate::aws::{CallError, Root, http_client};

/// The most pages that are read: 10,000 lines each.
const PAGES_MAX: usize = 100;

/// The lines of a function's log group, oldest first. `function` is its name in the template's outputs:
/// `Documents`, `Shares`.
///
/// # Errors
/// When the account does not answer, or the log is longer than a million lines.
pub async fn function_log(details: &Details, function: &str) -> Result<Vec<String>, AccountError> {
    let failed = |source| AccountError::Call { step: "read a function's log", source };
    let root = root_of(details)?;
    let group = details.output(&format!("{function}LogGroupName"));
    let mut lines = Vec::new();
    let mut token = Value::Null;
    for _ in 0..PAGES_MAX {
        let mut asked = json!({ "logGroupName": group });
        if let Some(asked) = asked.as_object_mut().filter(|_| !token.is_null()) {
            asked.insert("nextToken".to_owned(), token);
        }
        let page = root.json("logs", "Logs_20140328.FilterLogEvents", &asked).await.map_err(failed)?;
        let events = page.get("events").and_then(Value::as_array).into_iter().flatten();
        lines.extend(events.filter_map(|event| Some(event.get("message")?.as_str()?.trim_end().to_owned())));
        token = page.get("nextToken").cloned().unwrap_or_default();
        if token.is_null() {
            return Ok(lines);
        }
    }
    Err(failed(CallError::Answer { operation: "FilterLogEvents".to_owned(), missing: "end" }))
}

/// The account's root, as the details tell it.
pub(super) fn root_of(details: &Details) -> Result<Root, AccountError> {
    Ok(Root {
        endpoint: details.aws_endpoint_url.clone(),
        region: details.region.clone(),
        access_key_id: details.admin.access_key_id.clone(),
        secret_access_key: details.admin.secret_access_key.clone(),
        http: http_client()
            .map_err(|e| AccountError::Machine { what: "make an HTTP client", source: e.into() })?,
    })
}
