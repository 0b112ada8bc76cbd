//! The API endpoint: the deployed REST API under a short address, with a trace id on every request.
//!
//! What API Gateway would be on AWS. It decides nothing: the authorizer and the function do.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use crate::aws::{Cut, answer};
use crate::body::{stated_length, whole};
use crate::calls::{Calls, root};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::server::Answers;

/// API Gateway's own limit of a request's payload.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The API endpoint.
pub(crate) struct Api {
    /// Where this listener is, as the function sees it.
    pub(crate) host: HeaderValue,
    pub(crate) engine: Arc<Engine>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) clock: Clock,
    pub(crate) deployed: RwLock<Option<Arc<Deployed>>>,
}

/// The API that is served.
pub(crate) struct Deployed {
    api_id: String,
    stage: String,
    /// Method and path template of each route to its function; asked for once, when first needed.
    routes: tokio::sync::OnceCell<HashMap<(String, String), String>>,
}

impl Api {
    pub(crate) fn deploy(&self, api_id: &str, stage: &str) {
        let deployed = Deployed {
            api_id: api_id.to_owned(),
            stage: stage.to_owned(),
            routes: tokio::sync::OnceCell::new(),
        };
        *self.deployed.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(deployed));
    }

    async fn pass(&self, mut parts: Parts, body: Body) -> Response<Body> {
        let deployed = self.deployed.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(deployed) = deployed else {
            return said(StatusCode::SERVICE_UNAVAILABLE, "no API is deployed yet");
        };
        let trace = self.trace(&parts);
        let Ok(header) = HeaderValue::from_str(&format!("Root={trace}")) else {
            return said(StatusCode::INTERNAL_SERVER_ERROR, "no trace id");
        };
        parts.headers.insert(TRACE, header.clone());
        // The engine routes by Host, and which API this is has been decided.
        parts.headers.insert("host", self.host.clone());
        let mut response = match self.sent(&deployed, &parts, body, &trace).await {
            Ok(response) => response,
            Err((status, message)) => said(status, &message),
        };
        response.headers_mut().insert(TRACE, header);
        response
    }

    async fn sent(
        &self,
        deployed: &Deployed,
        parts: &Parts,
        body: Body,
        trace: &str,
    ) -> Result<Response<Body>, (StatusCode, String)> {
        let too_long = || (StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long".to_owned());
        let length = stated_length(parts).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let bytes = whole(body, length).await.map_err(|_| too_long())?;
        if bytes.len() > BODY_BYTES_MAX {
            return Err(too_long());
        }
        let function = deployed.function(&self.engine, parts).await;
        let _under_way = self.calls.begin(trace, function);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = deployed.without_stage(path);
        let path = format!("/restapis/{}/{}/_user_request_{path}", deployed.api_id, deployed.stage);
        let response = self.engine.forward_to(parts, &path, bytes.into()).await;
        let response = response.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
        // Read whole while the request counts as under way: calls made after the head would be lost otherwise.
        let (head, body) = response.into_parts();
        let body = whole(body, None).await;
        let body = body.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
        Ok(Response::from_parts(head, body.into()))
    }

    /// The client's trace id if it sent a proper one, as API Gateway does; a new one otherwise.
    fn trace(&self, parts: &Parts) -> String {
        let sent = parts.headers.get(TRACE).and_then(|trace| root(trace.to_str().ok()?));
        if let Some(sent) = sent {
            return sent.to_owned();
        }
        let mut random = [0_u8; 12];
        // Without randomness ids repeat and counts run together; nothing else depends on them.
        let _ = SystemRandom::new().fill(&mut random);
        format!("1-{:08x}-{}", self.clock.now().unix_timestamp(), hex::encode(random))
    }
}

impl Deployed {
    /// On AWS the stage stands in front of every path; here it may.
    fn without_stage<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(&*self.stage))
            .filter(|rest| rest.starts_with('/'))
            .unwrap_or(path)
    }

    /// The function that a request goes to; none where that cannot be told.
    async fn function(&self, engine: &Engine, parts: &Parts) -> Option<String> {
        let routes = self.routes.get_or_try_init(|| self.ask(engine)).await.ok()?;
        let method = parts.method.as_str();
        let path = self.without_stage(parts.uri.path());
        let path: Vec<&str> = path.trim_matches('/').split('/').collect();
        let matching = routes.iter().filter(|((route_method, template), _)| {
            let template: Vec<&str> = template.trim_matches('/').split('/').collect();
            (route_method == method || route_method == "ANY")
                && template.len() == path.len()
                && template.iter().zip(&path).all(|(want, got)| want.starts_with('{') || want == got)
        });
        // A literal segment is nearer than a parameter.
        matching
            .min_by_key(|((_, template), _)| template.matches('{').count())
            .map(|(_, function)| function.clone())
    }

    async fn ask(&self, engine: &Engine) -> Result<HashMap<(String, String), String>, ()> {
        let path = format!("/restapis/{}/resources?embed=methods&limit=500", self.api_id);
        let body = engine.ask("apigateway", Method::GET, &path, &[], String::new()).await.map_err(|_| ())?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| ())?;
        let items = answer.get("item").or_else(|| answer.pointer("/_embedded/item"));
        let mut routes = HashMap::new();
        for resource in items.and_then(Value::as_array).into_iter().flatten() {
            let path = resource.get("path").and_then(Value::as_str).unwrap_or_default();
            for (method, of) in
                resource.get("resourceMethods").and_then(Value::as_object).into_iter().flatten()
            {
                let uri = of.pointer("/methodIntegration/uri").and_then(Value::as_str).unwrap_or_default();
                if let Some(function) = function_of(uri) {
                    routes.insert((method.clone(), path.to_owned()), function.to_owned());
                }
            }
        }
        Ok(routes)
    }
}

/// `…:function:NAME/invocations` or `…:function:NAME:ALIAS/invocations`.
fn function_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.rsplit_once(":function:")?;
    rest.split(['/', ':']).next().filter(|name| !name.is_empty())
}

impl Answers for Api {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Cut> {
        let (parts, body) = request.into_parts();
        Ok(self.pass(parts, body).await)
    }
}

fn said(status: StatusCode, message: &str) -> Response<Body> {
    answer(status, "application/json", json!({ "message": message }).to_string().into())
}
