//! The Lambda Runtime API for one process, with the moment of every poll and answer.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant, SystemTime},
};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// How far ahead of an invocation its deadline is: more than any function's timeout, and than any callgrind run.
const DEADLINE: Duration = Duration::from_secs(600);

/// The process asks for an event.
pub(crate) struct Poll {
    /// When.
    pub(crate) at: Instant,
    /// Where the event goes.
    pub(crate) event: oneshot::Sender<Bytes>,
}

/// What the process said of an event, or of its own start.
pub(crate) struct Answer {
    /// When.
    pub(crate) at: Instant,
    /// Whether it is an error of the function, and no answer.
    pub(crate) is_error: bool,
    /// What it said.
    pub(crate) body: Bytes,
}

/// The API; it ends with this.
pub(crate) struct RuntimeApi {
    /// `127.0.0.1:PORT`: `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: SocketAddr,
    /// Each time that the process asks for an event.
    pub(crate) polls: mpsc::UnboundedReceiver<Poll>,
    /// Each answer of the process.
    pub(crate) answers: mpsc::UnboundedReceiver<Answer>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Ears {
    polls: mpsc::UnboundedSender<Poll>,
    answers: mpsc::UnboundedSender<Answer>,
}

impl RuntimeApi {
    /// Opens it on the loopback.
    pub(crate) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr()?;
        let (polls, polled) = mpsc::unbounded_channel();
        let (answers, answered) = mpsc::unbounded_channel();
        let ears = Ears { polls, answers };
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, ears.clone()));
            }
        });
        Ok(Self { address, polls: polled, answers: answered, server })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(stream: TcpStream, ears: Ears) {
    // Else a small answer waits for the acknowledgement of the one before it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let ears = ears.clone();
        async move { Ok::<_, Infallible>(hear(request, &ears).await) }
    });
    // A process that is stopped leaves its connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn hear(request: Request<Incoming>, ears: &Ears) -> Response<Full<Bytes>> {
    let at = Instant::now();
    if request.method() == Method::GET {
        let (event, wanted) = oneshot::channel();
        let _ = ears.polls.send(Poll { at, event });
        return match wanted.await {
            Ok(event) => handed_out(event),
            Err(_) => plain(StatusCode::GONE),
        };
    }
    let is_error = request.uri().path().ends_with("/error");
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let _ = ears.answers.send(Answer { at: Instant::now(), is_error, body });
    plain(StatusCode::ACCEPTED)
}

#[expect(clippy::disallowed_methods, reason = "the Lambda service says when an invocation is over")]
fn handed_out(event: Bytes) -> Response<Full<Bytes>> {
    let deadline = SystemTime::now() + DEADLINE;
    let deadline_ms = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("lambda-runtime-deadline-ms", deadline_ms.to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:111122223333:function:measured",
        )
        .header("lambda-runtime-trace-id", "Root=1-6921b0a0-0123456789abcdef01234567;Sampled=0")
        .body(Full::new(event))
        .unwrap_or_default()
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
