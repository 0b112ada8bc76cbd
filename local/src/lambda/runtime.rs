//! The Lambda Runtime API for one process, one invocation after the other.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// What a process is asked to do.
#[derive(Debug)]
pub(super) struct Invocation {
    /// Its id, made up by whoever invokes.
    pub(super) id: String,
    /// `Root=1-…;Sampled=0`.
    pub(super) trace: String,
    /// When its time is over, in milliseconds since 1970.
    pub(super) deadline_ms: u128,
    /// The function's ARN.
    pub(super) arn: String,
    /// The event.
    pub(super) event: Value,
}

/// What it answered: its result, or its error's message.
pub(super) type Answer = Result<Value, String>;

/// An invocation that was put to the process.
type Asked = Option<(String, oneshot::Sender<Answer>)>;

struct Shared {
    next: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    asked: Mutex<Asked>,
}

/// The API; it ends with this.
pub(super) struct Runtime {
    /// `127.0.0.1:PORT`: `AWS_LAMBDA_RUNTIME_API`.
    pub(super) address: String,
    next: mpsc::Sender<Invocation>,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Runtime {
    /// Opens it on the loopback.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr()?.to_string();
        let (next, taken) = mpsc::channel(1);
        let shared = Arc::new(Shared { next: tokio::sync::Mutex::new(taken), asked: Mutex::new(None) });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(hand_out))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(not_started))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            // It ends when it is aborted.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, next, shared, server })
    }

    /// Puts an invocation to the process; what it answers comes later, or never when it dies.
    pub(super) async fn invoke(&self, invocation: Invocation) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        *self.shared.asked() = Some((invocation.id.clone(), answer));
        // Nobody to take it: the answer never comes.
        let _ = self.next.send(invocation).await;
        answered
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, id: Option<&str>, answer: Answer) -> StatusCode {
        let mut asked = self.asked();
        match asked.take() {
            Some((known, to)) if id.is_none_or(|id| id == known) => {
                // Whoever asked may have gone.
                let _ = to.send(answer);
                StatusCode::ACCEPTED
            }
            other => {
                *asked = other;
                StatusCode::BAD_REQUEST
            }
        }
    }
}

async fn hand_out(State(shared): State<Arc<Shared>>) -> Response {
    let Some(invocation) = shared.next.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", &invocation.id),
        ("lambda-runtime-deadline-ms", &invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", &invocation.arn),
        ("lambda-runtime-trace-id", &invocation.trace),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    (headers, invocation.event.to_string()).into_response()
}

async fn answered(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.answer(Some(&id), Ok(serde_json::from_slice(&body).unwrap_or_default()))
}

async fn failed(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.answer(Some(&id), Err(message(&body)))
}

async fn not_started(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    shared.answer(None, Err(message(&body)))
}

fn message(body: &[u8]) -> String {
    let error: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    let said = error.get("errorMessage").and_then(Value::as_str);
    said.map_or_else(|| error.to_string(), str::to_owned)
}
