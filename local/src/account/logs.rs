//! What the deployed functions logged, read as an operator would: from CloudWatch Logs.

use serde_json::{Value, json};

use super::{AccountError, details::Details};
use crate::aws::CallError;

/// The most pages that are read: 10,000 lines each.
const PAGES_MAX: usize = 100;

/// The lines of a function's log group, oldest first. `function` is its name in the template's outputs:
/// `Documents`, `Shares`.
///
/// # Errors
/// When the account does not answer, or the log is longer than a million lines.
pub async fn function_log(details: &Details, function: &str) -> Result<Vec<String>, AccountError> {
    let failed = |source| AccountError::Call { step: "read a function's log", source };
    let root = details.root()?;
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
