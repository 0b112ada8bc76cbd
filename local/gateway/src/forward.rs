//! Sending on what was decided: the content as it came, and nothing kept that it may have changed.

use axum::body::Body;
use http::request::Parts;
use http::{Method, Response};

use crate::accounts::Account;
use crate::aws::{Aws, Content, End};
use crate::body::{Rule, Verdict, held_to};
use crate::engine::Signed;
use crate::signature::{Payload, Signature, without_presigning};

impl Aws {
    /// Sends a request that was decided on to the engine, in the name of the account `to`.
    pub(crate) async fn forward(
        &self,
        to: &Account,
        parts: &Parts,
        signature: &Signature,
        content: Content,
    ) -> Result<Response<Body>, End> {
        let path = match (parts.uri.query(), signature.presigned()) {
            (Some(query), true) => match without_presigning(query) {
                kept if kept.is_empty() => parts.uri.path().to_owned(),
                kept => format!("{}?{kept}", parts.uri.path()),
            },
            _ => parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        };
        let scope = (signature.service.as_str(), signature.region.as_str());
        let writes = changes_what_is_kept(parts, &signature.service);
        if writes {
            self.epoch.begin();
        }
        let mut verdict = Verdict::default();
        let sent = match (content, &signature.payload) {
            (Content::Whole(bytes), Payload::UnsignedTrailer) => {
                Rule::framed().check(&bytes)?;
                to.engine.forward_signed(parts, &path, scope, Signed::UnsignedTrailer, bytes.into()).await
            }
            (Content::Whole(bytes), _) => {
                let body = Body::from(bytes.clone());
                to.engine.forward_signed(parts, &path, scope, Signed::Bytes(&bytes), body).await
            }
            (Content::Passing(body), Payload::Hash(stated)) => {
                let (body, passing) = held_to(Rule::hash(stated), body);
                verdict = passing;
                to.engine.forward_signed(parts, &path, scope, Signed::Hash(stated.clone()), body).await
            }
            (Content::Passing(body), Payload::UnsignedTrailer) => {
                let (body, passing) = held_to(Rule::framed(), body);
                verdict = passing;
                to.engine.forward_signed(parts, &path, scope, Signed::UnsignedTrailer, body).await
            }
            (Content::Passing(body), _) => {
                to.engine.forward_signed(parts, &path, scope, Signed::Unsigned, body).await
            }
        };
        if writes {
            // Again, for what was asked while the write was under way.
            self.epoch.begin();
        }
        match verdict.refusal() {
            Some(refusal) => Err(refusal.into()),
            None => Ok(sent?),
        }
    }
}

/// Whether a request may change what the gateway keeps of policies, functions, tables, buckets and queues.
fn changes_what_is_kept(parts: &Parts, service: &str) -> bool {
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    match service {
        "iam" | "cloudformation" => true,
        "lambda" => !reads && !parts.uri.path().ends_with("/invocations"),
        "s3" => !reads && parts.uri.path().trim_matches('/').split('/').count() == 1,
        "dynamodb" => target.ends_with("Table"),
        "events" => target.ends_with("Permission") || target.ends_with("EventBus"),
        "kms" => !matches!(
            target.rsplit('.').next().unwrap_or_default(),
            "GenerateMac" | "VerifyMac" | "DescribeKey"
        ),
        "sqs" => !matches!(
            target.rsplit('.').next().unwrap_or_default(),
            "SendMessage"
                | "SendMessageBatch"
                | "ReceiveMessage"
                | "DeleteMessage"
                | "ChangeMessageVisibility"
        ),
        _ => false,
    }
}
