//! The gateway's own few paths, `/_gateway/…`: counting calls, ordering faults and holds, copying policy stores,
//! reading mails, playing the Marketplace. Unsigned; loopback only.
//!
//! No bucket can be called `_gateway`, so they hide nothing of AWS's. A browser that was lured here by another
//! name for 127.0.0.1 is turned away by its Host.

use std::collections::BTreeMap;

use axum::body::Body;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{Aws, answer};
use crate::body::whole;
use crate::call::decoded_pairs;
use crate::calls::root;
use crate::faults::Fault;
use crate::holds::Hold;

/// Which policy store to copy, and the tags of each copy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Copies {
    of: String,
    tags: Vec<BTreeMap<String, String>>,
}

impl Aws {
    pub(crate) async fn own(&self, parts: &Parts, body: Body) -> Response<Body> {
        let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        if !self.hosts.iter().any(|own| own == host) || parts.headers.contains_key("origin") {
            return said(
                StatusCode::FORBIDDEN,
                &json!({ "message": "only from this machine, by its own name" }),
            );
        }
        if parts.uri.path().starts_with("/_gateway/marketplace/") {
            return self.market.own(parts, body).await;
        }
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/_gateway/health") => said(StatusCode::OK, &json!({ "ok": true })),
            (&Method::GET, "/_gateway/calls") => self.calls_of(parts),
            (&Method::GET, "/_gateway/faults") => {
                said(StatusCode::OK, &json!({ "faults": self.faults.open() }))
            }
            (&Method::POST, "/_gateway/faults") => self.order(body).await,
            (&Method::DELETE, "/_gateway/faults") => {
                self.faults.clear();
                said(StatusCode::OK, &json!({ "faults": [] }))
            }
            (&Method::POST, "/_gateway/policy-stores") => self.copies(body).await,
            (&Method::GET, "/_gateway/holds") => said(StatusCode::OK, &json!({ "holds": self.holds.open() })),
            (&Method::POST, "/_gateway/holds") => self.hold(body).await,
            (&Method::DELETE, "/_gateway/holds") => {
                self.holds.clear(queried(parts, "trace").as_deref());
                said(StatusCode::OK, &json!({ "holds": self.holds.open() }))
            }
            (&Method::GET, "/_gateway/mail") => self.mails(parts).await,
            (&Method::DELETE, "/_gateway/mail") => {
                match self.mail.forget(&self.accounts.product().engine).await {
                    Ok(()) => said(StatusCode::OK, &json!({ "mails": [] })),
                    Err(error) => said(StatusCode::BAD_GATEWAY, &json!({ "message": error.to_string() })),
                }
            }
            _ => said(StatusCode::NOT_FOUND, &json!({ "message": "the gateway has no such path" })),
        }
    }

    fn calls_of(&self, parts: &Parts) -> Response<Body> {
        let given = queried(parts, "trace");
        let Some(trace) = given.as_deref().and_then(root) else {
            return bad(
                "give ?trace= and the root of an x-amzn-trace-id, such as 1-67891233-abcdef012345678912345678",
            );
        };
        let in_order = self.calls.in_order(trace);
        said(StatusCode::OK, &json!({ "trace": trace, "calls": self.calls.of(trace), "in_order": in_order }))
    }

    async fn mails(&self, parts: &Parts) -> Response<Body> {
        match self.mail.to(&self.accounts.product().engine, queried(parts, "to").as_deref()).await {
            Ok(mails) => said(StatusCode::OK, &json!({ "mails": mails })),
            Err(error) => said(StatusCode::BAD_GATEWAY, &json!({ "message": error.to_string() })),
        }
    }

    async fn hold(&self, body: Body) -> Response<Body> {
        let Ok(bytes) = whole(body, None).await else { return bad("the body is too large or was cut") };
        let held = serde_json::from_slice::<Hold>(&bytes).map_err(|error| error.to_string());
        match held.and_then(|hold| self.holds.order(hold)) {
            Err(message) => bad(&message),
            Ok(()) => said(StatusCode::CREATED, &json!({ "holds": self.holds.open() })),
        }
    }

    async fn copies(&self, body: Body) -> Response<Body> {
        let Ok(bytes) = whole(body, None).await else { return bad("the body is too large or was cut") };
        let Copies { of, tags } = match serde_json::from_slice(&bytes) {
            Ok(copies) => copies,
            Err(error) => return bad(&error.to_string()),
        };
        let service = self.accounts.product().verified_permissions.clone();
        match tokio::task::spawn_blocking(move || service.copy_store(&of, tags)).await {
            Ok(Ok(ids)) => said(StatusCode::CREATED, &json!({ "policy_store_ids": ids })),
            Ok(Err(error)) => bad(&error.to_string()),
            Err(error) => said(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": error.to_string() })),
        }
    }

    async fn order(&self, body: Body) -> Response<Body> {
        let Ok(bytes) = whole(body, None).await else { return bad("the body is too large or was cut") };
        match serde_json::from_slice::<Fault>(&bytes) {
            Err(error) => bad(&error.to_string()),
            Ok(fault) => match self.faults.order(fault) {
                Err(message) => bad(&message),
                Ok(()) => said(StatusCode::CREATED, &json!({ "faults": self.faults.open() })),
            },
        }
    }
}

/// The first value of a name in the query, decoded.
fn queried(parts: &Parts, wanted: &str) -> Option<String> {
    let pairs = decoded_pairs(parts.uri.query().unwrap_or_default()).unwrap_or_default();
    pairs.into_iter().find_map(|(name, value)| (name == wanted).then_some(value))
}

fn bad(message: &str) -> Response<Body> {
    said(StatusCode::BAD_REQUEST, &json!({ "message": message }))
}

fn said(status: StatusCode, body: &Value) -> Response<Body> {
    answer(status, "application/json", body.to_string().into())
}
