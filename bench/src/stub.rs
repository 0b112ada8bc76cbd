//! AWS, as far as a measurement needs it: every service a host of its own, that answers at once, or after a delay.
//!
//! It decides nothing and keeps nothing, so a thousand requests find what the first one found. What it does keep is
//! who asked what and when, from which the round trips of a request follow.

mod replies;
pub(crate) mod rows;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::certificate::{Certificate, CertificateError};
pub(crate) use replies::World;
pub(crate) use rows::LICENSE;

/// A service of AWS that some function calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon DynamoDB.
    DynamoDb,
    /// AWS Key Management Service.
    Kms,
    /// AWS Marketplace Agreement.
    MarketplaceAgreement,
    /// AWS Marketplace Metering.
    MarketplaceMetering,
    /// Amazon S3.
    S3,
    /// Amazon SQS.
    Sqs,
    /// AWS Security Token Service.
    Sts,
    /// Amazon Verified Permissions.
    VerifiedPermissions,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::DynamoDb,
        Self::Kms,
        Self::MarketplaceAgreement,
        Self::MarketplaceMetering,
        Self::S3,
        Self::Sqs,
        Self::Sts,
        Self::VerifiedPermissions,
    ];

    /// As the SDKs' variables and the command line call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Kms => "kms",
            Self::MarketplaceAgreement => "marketplace_agreement",
            Self::MarketplaceMetering => "marketplace_metering",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
            Self::VerifiedPermissions => "verifiedpermissions",
        }
    }
}

/// How long each service takes to answer.
#[derive(Debug, Clone, Default)]
pub struct Delays(Vec<(Service, Duration)>);

impl Delays {
    /// The same for all.
    #[must_use]
    pub fn all(delay: Duration) -> Self {
        Self(Service::ALL.map(|service| (service, delay)).to_vec())
    }

    /// With another one for `service`.
    #[must_use]
    pub fn with(mut self, service: Service, delay: Duration) -> Self {
        self.0.retain(|(known, _)| *known != service);
        self.0.push((service, delay));
        self
    }

    fn of(&self, service: Service) -> Duration {
        self.0.iter().find(|(known, _)| *known == service).map_or(Duration::ZERO, |(_, delay)| *delay)
    }
}

/// One call that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `dynamodb GetItem documents`.
    pub(crate) name: String,
    /// When it was there.
    pub(crate) from: Instant,
    /// When its answer was.
    pub(crate) to: Instant,
}

#[derive(Default)]
struct Kept {
    calls: Vec<Call>,
    handshakes: u32,
    unknown: Vec<String>,
}

/// What came since it was asked last.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The calls, in the order of their answers.
    pub(crate) calls: Vec<Call>,
    /// How many connections were opened.
    pub(crate) handshakes: u32,
    /// Calls that it has no answer for.
    pub(crate) unknown: Vec<String>,
}

impl Heard {
    /// How many calls had to wait for one another: the longest row of calls of which each began after the one before
    /// it had been answered.
    pub(crate) fn depth(&self) -> u32 {
        // The classic choice of intervals that do not meet: always the one that ends first.
        let mut calls: Vec<_> = self.calls.iter().collect();
        calls.sort_by_key(|call| call.to);
        let mut depth = 0;
        let mut free_from = None;
        for call in calls {
            if free_from.is_none_or(|free| call.from >= free) {
                depth += 1;
                free_from = Some(call.to);
            }
        }
        depth
    }
}

/// The stub; it ends with this.
pub(crate) struct Stub {
    ports: Vec<(Service, u16)>,
    root: String,
    kept: Arc<Mutex<Kept>>,
    servers: Vec<JoinHandle<()>>,
}

/// The stub could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StubError {
    /// It has no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It has no port.
    #[error("no port could be had")]
    Port(#[from] std::io::Error),
}

impl Stub {
    /// Opens every service on the loopback.
    pub(crate) async fn start(world: World, delays: &Delays) -> Result<Self, StubError> {
        let certificate = Certificate::make()?;
        let acceptor = TlsAcceptor::from(Arc::new(certificate.server));
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (mut ports, mut servers) = (Vec::new(), Vec::new());
        for service in Service::ALL {
            let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
            ports.push((service, listener.local_addr()?.port()));
            let host = Host { service, world, delay: delays.of(service), kept: kept.clone() };
            let acceptor = acceptor.clone();
            servers.push(tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, acceptor.clone(), host.clone()));
                }
            }));
        }
        Ok(Self { ports, root: certificate.root, kept, servers })
    }

    /// The root that callers are to trust, in PEM.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The variables that lead an SDK here.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let url = |port: &u16| format!("https://127.0.0.1:{port}");
        let services = self.ports.iter().map(|(service, port)| {
            (format!("AWS_ENDPOINT_URL_{}", service.name().to_ascii_uppercase()), url(port))
        });
        let all = self.ports.iter().take(1).map(|(_, port)| ("AWS_ENDPOINT_URL".to_owned(), url(port)));
        all.chain(services).collect()
    }

    /// What came since this was asked last.
    pub(crate) fn heard(&self) -> Heard {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        Heard { calls: kept.calls, handshakes: kept.handshakes, unknown: kept.unknown }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

#[derive(Clone)]
struct Host {
    service: Service,
    world: World,
    delay: Duration,
    kept: Arc<Mutex<Kept>>,
}

impl Host {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, host: Host) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    host.kept().handshakes += 1;
    let service = service_fn(move |request| {
        let host = host.clone();
        async move { Ok::<_, Infallible>(answer(request, &host).await) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, host: &Host) -> Response<Full<Bytes>> {
    let from = Instant::now();
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let Some(operation) = replies::operation(host.service, &head, &body) else {
        // Whoever only opens a connection: see `shared::aws`.
        return Response::new(Full::default());
    };
    let reply = replies::to(host.service, &operation, &body, host.world);
    if !host.delay.is_zero() {
        tokio::time::sleep(host.delay).await;
    }
    let about = replies::about(host.service, &body);
    let name = format!("{} {operation} {about}", host.service.name()).trim_end().to_owned();
    let mut kept = host.kept();
    if reply.is_none() {
        kept.unknown.push(name.clone());
    }
    kept.calls.push(Call { name, from, to: Instant::now() });
    drop(kept);
    let (content_type, body) = match reply {
        Some(reply) => reply,
        None => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
            return response;
        }
    };
    let mut response = Response::builder();
    if content_type == replies::CBOR {
        response = response.header("smithy-protocol", "rpc-v2-cbor");
    }
    response
        .header("content-type", content_type)
        .header("x-amzn-requestid", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
        .body(Full::new(body))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(times: &[(u64, u64)]) -> Heard {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let calls = times.iter().map(|&(from, to)| Call { name: String::new(), from: at(from), to: at(to) });
        Heard { calls: calls.collect(), ..Heard::default() }
    }

    #[test]
    fn calls_at_the_same_time_are_one_round_trip() {
        for (times, depth, why) in [
            (&[][..], 0, "none"),
            (&[(0, 10)], 1, "one"),
            (&[(0, 10), (10, 20), (20, 30)], 3, "each waits for the one before"),
            (&[(0, 10), (1, 11)], 1, "together"),
            (&[(0, 10), (1, 11), (12, 22)], 2, "two together, and one after them"),
            (&[(0, 10), (0, 30), (10, 20), (20, 30)], 3, "a long one beside three"),
        ] {
            assert_eq!(calls(times).depth(), depth, "{why}");
        }
    }

    #[test]
    fn a_service_has_its_own_delay() {
        let (all, own) = (Duration::from_millis(5), Duration::from_millis(30));
        let delays = Delays::all(all).with(Service::Sts, own);
        assert_eq!((delays.of(Service::Sts), delays.of(Service::Kms)), (own, all));
        assert_eq!(Delays::default().of(Service::Sts), Duration::ZERO);
    }
}
