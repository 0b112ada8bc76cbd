//! Events that claim to come from AWS: nobody may put such, and only the Marketplace that this gateway plays does.
//!
//! Sources that begin with `aws.` are AWS's own (EventBridge API Reference, "PutEventsRequestEntry"). The engine
//! refuses them too, entry by entry and in AWS's words, but for the one source that the Marketplace's events have and
//! that it has to take from us. So an entry of a caller's with that source is sent on with another that it refuses.

use axum::body::Bytes;
use http::request::Parts;
use serde_json::Value;

use crate::refusal::Refusal;

/// A source of AWS's that no service has.
const NOBODYS: &str = "aws.nobody";

/// The body of a caller's request as it may be sent on: that of a `PutEvents` with AWS's sources taken out, any other
/// as it is.
///
/// # Errors
/// [`Refusal::BadBody`] for a `PutEvents` that is not JSON: what the engine would read in it is not known.
pub(crate) fn of_the_callers_own(parts: &Parts, body: Bytes) -> Result<Bytes, Refusal> {
    // By the target alone, as the engine reads it, whatever the scope is called.
    let target = parts.headers.get("x-amz-target").map(http::HeaderValue::as_bytes).unwrap_or_default();
    if !target.ends_with(b".PutEvents") {
        return Ok(body);
    }
    let mut value: Value = serde_json::from_slice(&body)
        .map_err(|_| Refusal::BadBody("the body of PutEvents is not JSON".to_owned()))?;
    for entry in value.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(source) = entry.get_mut("Source")
            && source.as_str().is_some_and(|source| source.starts_with("aws."))
        {
            *source = NOBODYS.into();
        }
    }
    // Written again from what was read, so that the engine reads nothing else.
    Ok(value.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &str) -> Parts {
        http::Request::post("/").header("x-amz-target", target).body(()).unwrap().into_parts().0
    }

    fn sent_on(target: &str, body: &'static str) -> String {
        let bytes = of_the_callers_own(&parts(target), Bytes::from_static(body.as_bytes())).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn no_caller_speaks_for_aws() {
        let put = "AWSEvents.PutEvents";
        let own = sent_on(put, r#"{"Entries":[{"Source":"strongroom"}]}"#);
        assert_eq!(own, r#"{"Entries":[{"Source":"strongroom"}]}"#);
        for body in [
            r#"{"Entries":[{"Source":"aws.agreement-marketplace"}]}"#,
            r#"{"Entries":[{"Source":"own","Source":"aws.agreement-marketplace"}]}"#,
            r#"{"Entries":[{"Source":"aws.\u0061greement-marketplace"}]}"#,
        ] {
            assert_eq!(sent_on(put, body), r#"{"Entries":[{"Source":"aws.nobody"}]}"#, "{body}");
        }
    }

    #[test]
    fn what_is_no_event_is_left_alone_and_what_cannot_be_read_is_not_sent_on() {
        let body = r#"{"Source": "aws.agreement-marketplace"}"#;
        assert_eq!(sent_on("AmazonSQS.SendMessage", body), body);
        assert!(of_the_callers_own(&parts("AWSEvents.PutEvents"), Bytes::from_static(b"{")).is_err());
    }
}
