//! The AWS endpoint: one request from the wire to its answer, in the order in which it has to earn it.
//!
//! Signature, owner of the key, policies, and only then the service: our STS, our Verified Permissions, our
//! Marketplace, or the engine. Every step that fails ends the request; there is no step that lets through what an
//! earlier one refused.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::access_log::{AccessLog, Entry, Line};
use crate::accounts::{Account, Accounts};
use crate::authorize::{authorize, circumstances, circumstances_unsigned, instant_text};
use crate::body::{is_streamed, stated_length, whole};
use crate::call::{Asked, Place, ToMarket, asked, call, decoded_pairs, is_object_content};
use crate::calls::{Calls, root};
use crate::chunked;
use crate::clock::Clock;
use crate::credentials::Caller;
use crate::engine::EngineError;
use crate::events;
use crate::faults::{Faults, When};
use crate::holds::Holds;
use crate::kept::Epoch;
use crate::mail::Mail;
use crate::marketplace::Market;
use crate::refusal::{Refusal, Wire};
use crate::signature::{Payload, Secret, Signature, sha256_hex, without_presigning};
use crate::sts::{BY_TOKEN, Sts};
use crate::unsigned;

/// Everything that the endpoint works with.
pub(crate) struct Aws {
    pub(crate) accounts: Accounts,
    pub(crate) market: Market,
    /// The account whose products the Marketplace sells.
    pub(crate) seller: String,
    pub(crate) tenant_tag: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) clock: Clock,
    pub(crate) epoch: Epoch,
    pub(crate) mail: Mail,
    pub(crate) faults: Faults,
    pub(crate) holds: Holds,
    pub(crate) calls: Arc<Calls>,
    pub(crate) log: AccessLog,
}

/// The connection is to be closed without an answer: a fault that a test has ordered.
#[derive(Debug, thiserror::Error)]
#[error("cut, as a test has ordered")]
pub(crate) struct Cut;

/// How a request ends other than with its answer.
pub(crate) enum End {
    Refused(Refusal),
    Cut,
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<EngineError> for End {
    fn from(error: EngineError) -> Self {
        Self::Refused(Refusal::Engine(error.to_string()))
    }
}

/// What has been read of a body when the signature is checked.
pub(crate) enum Content {
    Whole(Bytes),
    /// Still to come; only ever an S3 object's.
    Passing(Body),
}

impl Aws {
    /// Answers one request, and writes its line into the log.
    pub(crate) async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, Cut> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let (parts, body) = request.into_parts();
        if parts.uri.path().starts_with("/_gateway/") {
            return Ok(self.own(&parts, body).await);
        }
        let trace = parts.headers.get("x-amzn-trace-id").and_then(|trace| root(trace.to_str().ok()?));
        let entry = Entry {
            time: instant_text(self.clock.now()),
            request_id: request_id.clone(),
            trace: trace.map(str::to_owned),
            ..Entry::default()
        };
        let mut line = Line::begin(&self.log, entry);
        let mut wire = Wire::of(&parts, None);
        let ended = self.serve(&parts, body, &mut line.entry, &mut wire).await;
        let answer = match ended {
            Ok(response) => Ok(response),
            Err(End::Refused(refusal)) => {
                line.entry.decision = refusal.decision();
                line.entry.reason = Some(refusal.to_string());
                Ok(refusal.answer(wire, &request_id))
            }
            Err(End::Cut) => {
                line.entry.decision = "fault";
                line.entry.reason = Some(Cut.to_string());
                Err(Cut)
            }
        };
        line.end(answer.as_ref().map_or(0, |response| response.status().as_u16()));
        let mut response = answer?;
        // Ours in place of the engine's, so that what a client quotes is found in the log.
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amzn-requestid", id.clone());
            response.headers_mut().insert("x-amz-request-id", id);
        }
        Ok(response)
    }

    async fn serve(
        &self,
        parts: &Parts,
        body: Body,
        entry: &mut Entry,
        wire: &mut Wire,
    ) -> Result<Response<Body>, End> {
        let Some(signature) = Signature::of(parts).map_err(Refusal::from)? else {
            return self.unsigned(parts, body, entry, wire).await;
        };
        *wire = Wire::of(parts, Some(&signature.service));
        let claimed = asked(parts, Some(&signature.service), &[]);
        (entry.service, entry.operation) = (claimed.service, claimed.operation);
        let found = self.accounts.holder(&signature.access_key).await?;
        let credential = found.ok_or(Refusal::UnknownKey)?;
        let caller = &*credential.caller;
        entry.account = Some(caller.principal.account().to_owned());
        entry.principal = Some(caller.label().to_owned());
        entry.function.clone_from(&caller.function);
        entry.tenant = caller.principal.tags().get(&self.tenant_tag).map(str::to_owned);

        let content = read(parts, body, &signature).await?;
        let hash = match &content {
            Content::Whole(bytes) => Some(sha256_hex(bytes)),
            Content::Passing(_) => None,
        };
        let now = self.clock.now();
        let secret = Secret { key: &credential.secret, token: credential.token.as_deref() };
        signature.check(parts, hash.as_deref(), &secret, now).map_err(Refusal::from)?;
        if credential.expires.is_some_and(|expires| now >= expires) {
            return Err(Refusal::SessionExpired.into());
        }

        let form = form(parts, &signature, &content)?;
        let asked = asked(parts, Some(&signature.service), &form);
        entry.operation.clone_from(&asked.operation);
        entry.actions = vec![format!("{}:{}", asked.service, asked.operation)];
        if asked.service == "s3" {
            entry.resources = vec![parts.uri.path().to_owned()];
        }
        // A presigned URL was made by the function and is used by somebody else.
        if caller.function.is_some() && !signature.presigned() {
            self.calls.made(entry.trace.as_deref(), caller.function.as_deref(), &asked);
        }
        let held = self.holds.take(entry.trace.as_deref());
        let held = match held {
            Some(met) if met.when == When::Before => {
                self.holds.wait(met, &asked).await;
                return Err(End::Cut);
            }
            held => held,
        };
        let fault = self.faults.take(&asked, caller.function.as_deref(), entry.trace.as_deref());
        if let Some((When::Before, failure)) = fault {
            return Err(failure.end(&asked));
        }
        let request = Authentic { parts, signature: &signature, caller, asked: &asked, form: &form };
        let response = self.carry_out(&request, content, entry).await?;
        if let Some(met) = held {
            self.holds.wait(met, &asked).await;
            return Err(End::Cut);
        }
        match fault {
            Some((_, failure)) => Err(failure.end(&asked)),
            None => Ok(response),
        }
    }

    /// Decides, and does it.
    async fn carry_out(
        &self,
        request: &Authentic<'_>,
        content: Content,
        entry: &mut Entry,
    ) -> Result<Response<Body>, End> {
        let Authentic { parts, signature, caller, asked, form } = *request;
        let home = self.accounts.of(caller).ok_or(Refusal::UnknownKey)?;
        let circumstances = circumstances(parts, signature, caller, self.clock.now());
        if asked.service == "sts" {
            let request_id = entry.request_id.clone();
            let sts = Sts { accounts: &self.accounts, home, now: self.clock.now(), request_id: &request_id };
            let xml = sts.answer(caller, form, &circumstances, entry).await?;
            entry.decision = "allowed";
            return Ok(answer(StatusCode::OK, "text/xml", xml.into()));
        }
        let mut owner = home;
        if !caller.is_root() {
            let whole: &[u8] = match &content {
                Content::Whole(_) if is_object_content(parts) && asked.service == "s3" => &[],
                Content::Whole(bytes) => bytes,
                Content::Passing(_) => &[],
            };
            let place = Place { account: &home.id, region: &signature.region, hosts: &self.hosts };
            let call = call(parts, asked, form, whole, &place)?;
            owner = authorize(&self.accounts, home, caller, &call, &circumstances, entry).await?;
        }
        entry.decision = "allowed";
        match (asked.service.as_str(), content) {
            ("verifiedpermissions", content) => verified_permissions(home, parts, asked, content).await,
            ("aws-marketplace", content) => self.marketplace(request, content).await,
            ("cognito-idp", Content::Whole(bytes)) => {
                self.mail.note(&asked.operation, &bytes);
                self.forward(owner, parts, signature, Content::Whole(bytes)).await
            }
            (_, Content::Whole(bytes)) => {
                let content = Content::Whole(events::of_the_callers_own(parts, bytes)?);
                self.forward(owner, parts, signature, content).await
            }
            (_, content) => self.forward(owner, parts, signature, content).await,
        }
    }

    /// The Marketplace answers the account that has published the product, and nobody else.
    async fn marketplace(&self, request: &Authentic<'_>, content: Content) -> Result<Response<Body>, End> {
        let called = ToMarket::of(request.parts, &request.signature.region);
        let (Some(called), Content::Whole(body)) = (called, content) else {
            let what = "`aws-marketplace` without a service and operation that are known";
            return Err(Refusal::Undecidable(what.to_owned()).into());
        };
        let principal = &request.caller.principal;
        if principal.account() != self.seller {
            return Err(Refusal::Denied(format!(
                "User: {} is not authorized to perform: aws-marketplace:{} because account {} has published no product",
                principal.arn(),
                called.operation,
                principal.account()
            ))
            .into());
        }
        Ok(self.market.call(&called, &body).await)
    }

    async fn unsigned(
        &self,
        parts: &Parts,
        body: Body,
        entry: &mut Entry,
        wire: &mut Wire,
    ) -> Result<Response<Body>, End> {
        if unsigned::is_query(parts) {
            not_secretly_chunked(parts, &Payload::Unstated)?;
            let bytes = whole(body, stated_length(parts)?).await?;
            let form = std::str::from_utf8(&bytes).map_err(|_| Refusal::Unsigned)?;
            return self.by_token(parts, &decoded_pairs(form)?, entry, wire).await;
        }
        let asked = asked(parts, None, &[]);
        (entry.service, entry.operation) = (asked.service, asked.operation);
        let (service, operation) = unsigned::served(parts).ok_or(Refusal::Unsigned)?;
        entry.actions = vec![format!("{service}:{operation}")];
        (entry.service, entry.operation) = (service.to_owned(), operation);
        entry.decision = "allowed";
        not_secretly_chunked(parts, &Payload::Unstated)?;
        let bytes = whole(body, stated_length(parts)?).await?;
        Ok(self.accounts.product().engine.forward_unsigned(parts, bytes.into()).await?)
    }
}

impl Aws {
    /// The one operation of the query protocol that AWS serves unsigned and that is played here.
    async fn by_token(
        &self,
        parts: &Parts,
        form: &[(String, String)],
        entry: &mut Entry,
        wire: &mut Wire,
    ) -> Result<Response<Body>, End> {
        *wire = Wire::Query;
        let asked = asked(parts, Some("sts"), form);
        (entry.service, entry.operation) = (asked.service.clone(), asked.operation.clone());
        if asked.operation != BY_TOKEN {
            return Err(Refusal::Unsigned.into());
        }
        let function = self.calls.function_of(entry.trace.as_deref());
        entry.function.clone_from(&function);
        if function.is_some() {
            self.calls.made(entry.trace.as_deref(), function.as_deref(), &asked);
        }
        let fault = self.faults.take(&asked, function.as_deref(), entry.trace.as_deref());
        if let Some((When::Before, failure)) = fault {
            return Err(failure.end(&asked));
        }
        let (now, request_id) = (self.clock.now(), entry.request_id.clone());
        let home = self.accounts.product();
        let sts = Sts { accounts: &self.accounts, home, now, request_id: &request_id };
        let circumstances = circumstances_unsigned(parts, now);
        let xml = sts.answer_unsigned(function, form, &circumstances, entry).await?;
        entry.decision = "allowed";
        match fault {
            Some((_, failure)) => Err(failure.end(&asked)),
            None => Ok(answer(StatusCode::OK, "text/xml", xml.into())),
        }
    }
}

/// A request whose signature is good, and what it asks.
struct Authentic<'a> {
    parts: &'a Parts,
    signature: &'a Signature,
    caller: &'a Caller,
    asked: &'a Asked,
    form: &'a [(String, String)],
}

/// Reads what has to be known before a decision, and leaves large S3 content where it is.
async fn read(parts: &Parts, body: Body, signature: &Signature) -> Result<Content, Refusal> {
    let length = stated_length(parts)?;
    not_secretly_chunked(parts, &signature.payload)?;
    if signature.service == "s3" && is_object_content(parts) && is_streamed(parts, length)? {
        return Ok(Content::Passing(body));
    }
    Ok(Content::Whole(whole(body, length).await?))
}

/// A body that the engine would unpack has to have been signed as such: otherwise IAM would judge the wrapping.
fn not_secretly_chunked(parts: &Parts, payload: &Payload) -> Result<(), Refusal> {
    if chunked::is_announced(&parts.headers) && *payload != Payload::UnsignedTrailer {
        let message = "aws-chunked content needs x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER";
        return Err(Refusal::Invalid { code: "InvalidRequest", message: message.to_owned() });
    }
    Ok(())
}

/// The parameters of the query protocol, from the query of a GET or the body of a POST.
fn form(parts: &Parts, signature: &Signature, content: &Content) -> Result<Vec<(String, String)>, Refusal> {
    if signature.service == "s3" || parts.headers.contains_key("x-amz-target") {
        return Ok(Vec::new());
    }
    let in_query = || {
        let pairs = decoded_pairs(&without_presigning(parts.uri.query().unwrap_or_default()))?;
        Ok(pairs)
    };
    let is_form = parts
        .headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    match content {
        Content::Whole(bytes) if parts.method == Method::POST && is_form => {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| Refusal::Undecidable("a form that is not UTF-8".to_owned()))?;
            let mut pairs: Vec<(String, String)> = in_query()?;
            pairs.extend(decoded_pairs(text)?);
            Ok(pairs)
        }
        _ => in_query(),
    }
}

async fn verified_permissions(
    account: &Account,
    parts: &Parts,
    asked: &Asked,
    content: Content,
) -> Result<Response<Body>, End> {
    let prefix = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()?.rsplit_once('.'));
    let (Some(("VerifiedPermissions", _)), Content::Whole(body)) = (prefix, content) else {
        return Err(Refusal::Undecidable("`verifiedpermissions` without its X-Amz-Target".to_owned()).into());
    };
    let (service, operation) = (account.verified_permissions.clone(), asked.operation.clone());
    // Validating a schema takes milliseconds of pure computing, which would hold up every other request.
    let reply = tokio::task::spawn_blocking(move || service.call(&operation, &body)).await;
    let reply = reply.map_err(|error| Refusal::Engine(format!("Verified Permissions: {error}")))?;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer(status, "application/x-amz-json-1.0", reply.body.into());
    if let Some(kind) = reply.error_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        response.headers_mut().insert("x-amzn-errortype", kind);
    }
    Ok(response)
}

/// An answer of our own.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    response
}
