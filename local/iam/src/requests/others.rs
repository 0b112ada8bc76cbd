//! The services of which only a few operations are known: CloudWatch Logs, Lambda, EventBridge, STS and X-Ray.
//!
//! Source: Service Authorization Reference, the page of each service.

use super::body::Body;
use super::{Call, Needed, Underivable};

/// STS: `GetCallerIdentity` needs no permission (STS API Reference); `AssumeRole` is judged by [`crate::assume_role`].
pub(super) fn sts(call: &Call) -> Result<Vec<Needed>, Underivable> {
    match call.operation.as_str() {
        "GetCallerIdentity" => Ok(Vec::new()),
        _ => Err(call.unknown_operation()),
    }
}

/// CloudWatch Logs: writing, and describing what was written. Operations on a group are authorized on
/// `log-group:NAME:log-stream:`, the resource that AWS names in its refusals of them; the `:*` that policies put after
/// a group's name matches it.
pub(super) fn logs(call: &Call) -> Result<Vec<Needed>, Underivable> {
    let body = Body::of(call)?;
    let operation = call.operation.as_str();
    let stream = match operation {
        "CreateLogStream" | "DeleteLogStream" | "PutLogEvents" | "GetLogEvents" => {
            body.string("logStreamName")?
        }
        "CreateLogGroup" | "DeleteLogGroup" | "DescribeLogStreams" | "PutRetentionPolicy" => "",
        "DescribeLogGroups" => return Ok(vec![call.needs(operation, call.arn("log-group::log-stream:"))]),
        _ => return Err(call.unknown_operation()),
    };
    let group = body.string("logGroupName")?;
    let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '/' | '.' | '#');
    if !group.chars().all(plain) {
        return Err(body.not("logGroupName", "the name of a log group"));
    }
    if stream.contains([':', '*']) {
        return Err(body.not("logStreamName", "the name of a log stream"));
    }
    let resource = call.arn(&format!("log-group:{group}:log-stream:{stream}"));
    Ok(vec![call.needs(operation, resource).with_request_tags(&body.tags("tags")?)])
}

/// Lambda: `POST /2015-03-31/functions/FUNCTION/invocations`, and reading a function.
pub(super) fn lambda(call: &Call) -> Result<Vec<Needed>, Underivable> {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let (action, function) = match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["2015-03-31", "functions", function, "invocations"]) => ("InvokeFunction", function),
        ("GET", ["2015-03-31", "functions", function]) => ("GetFunction", function),
        _ => return Err(call.unknown_operation()),
    };
    let here = call.arn("function:");
    let name = function
        .strip_prefix(here.as_str())
        .or_else(|| function.strip_prefix(&format!("{}:function:", call.account)))
        .unwrap_or(function);
    let mut names = name.splitn(2, ':');
    let (name, in_name) = (names.next().unwrap_or_default(), names.next());
    let in_query = call.query.iter().find(|(key, _)| key == "Qualifier").map(|(_, value)| value.as_str());
    let plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '$'))
    };
    let qualifier = match (in_name, in_query) {
        (Some(one), Some(other)) if one != other => {
            return Err(call.unreadable("the function's name and the query qualify it differently"));
        }
        (one, other) => one.or(other),
    };
    if !plain(name) || !qualifier.is_none_or(plain) {
        return Err(
            call.unreadable(format!("`{function}` does not name a function of this account and region"))
        );
    }
    let resource = qualifier.map_or(format!("{here}{name}"), |qualifier| format!("{here}{name}:{qualifier}"));
    Ok(vec![call.needs(action, resource)])
}

/// EventBridge: `PutEvents`, authorized for each entry. A bus of another account is named by its ARN.
pub(super) fn events(call: &Call) -> Result<Vec<Needed>, Underivable> {
    if call.operation != "PutEvents" {
        return Err(call.unknown_operation());
    }
    let body = Body::of(call)?;
    if body.has("EndpointId") {
        return Err(call.unreadable("`EndpointId`, a global endpoint, is not known"));
    }
    let entries = body.objects("Entries")?;
    if entries.is_empty() {
        return Err(body.not("Entries", "a list of at least one"));
    }
    let entry = |entry: &Body<'_>| {
        let named = entry.optional("EventBusName")?.unwrap_or("default");
        let elsewhere = named
            .strip_prefix(&format!("arn:aws:events:{}:", call.region))
            .and_then(|rest| rest.split_once(":event-bus/"));
        let (account, bus) = elsewhere.unwrap_or((&call.account, named));
        let is_account = account.len() == 12 && account.bytes().all(|one| one.is_ascii_digit());
        let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '.' | '/');
        if !is_account || bus.is_empty() || !bus.chars().all(plain) {
            return Err(entry.not("EventBusName", "an event bus of this region"));
        }
        let arn = format!("arn:aws:events:{}:{account}:event-bus/{bus}", call.region);
        let mut needed = call.needs("PutEvents", arn);
        account.clone_into(&mut needed.resource_account);
        for (member, key) in [("Source", "events:source"), ("DetailType", "events:detail-type")] {
            if let Some(value) = entry.optional(member)? {
                needed = needed.with_many(key, [value]);
            }
        }
        Ok(needed)
    };
    entries.iter().map(entry).collect()
}

/// X-Ray: what the tracing of a function sends. None of it has a resource.
pub(super) fn xray(call: &Call) -> Result<Vec<Needed>, Underivable> {
    let action = match (call.method.as_str(), call.path.as_str()) {
        ("POST", "/TraceSegments") => "PutTraceSegments",
        ("POST", "/TelemetryRecords") => "PutTelemetryRecords",
        ("POST", "/GetSamplingRules") => "GetSamplingRules",
        ("POST", "/SamplingTargets") => "GetSamplingTargets",
        _ => return Err(call.unknown_operation()),
    };
    Ok(vec![call.needs(action, "*")])
}
