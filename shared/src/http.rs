//! API Gateway's events and replies, as functions know them whose callers have signed in. (Buyers have not; what
//! a browser may say to the sign-up function is that function's own.)
//!
//! The event type holds just what may be read. Headers are absent from it, but for the token that the verified
//! claims are of, and so is anything else in which a client could name a tenant; claims come with their own reader,
//! which notices a claim given twice.
//! (`aws_lambda_events` has a type for these events; its map of claims keeps the last of two equal names.)

use std::{collections::HashMap, fmt, time::Instant};

use lambda_runtime::LambdaEvent;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};

use crate::{
    body::{self, InvalidBody},
    config::{Callers, Sessions},
    page::{PageRequest, PageSize},
    problem::{Kind, Problem},
    routes::{NoRoute, Operation},
    tenancy::{
        IdToken,
        caller::{Caller, Claims, ClaimsRefused},
    },
};

/// A REST API's proxy event (payload format 1.0), as far as it may be read.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiRequest {
    resource: String,
    http_method: String,
    #[serde(default)]
    path_parameters: Option<HashMap<String, String>>,
    #[serde(default)]
    multi_value_query_string_parameters: Option<HashMap<String, Vec<String>>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(default, rename = "multiValueHeaders")]
    authorization: Authorization,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    #[serde(default)]
    claims: Option<Claims>,
}

/// What the header `Authorization` held, out of all headers; the others are not kept.
#[derive(Default)]
struct Authorization(Vec<String>);

impl Authorization {
    /// # Errors
    /// When there is none, or more than one: which one would be the one that was verified?
    fn only(&self) -> Result<&str, ClaimsRefused> {
        match self.0.as_slice() {
            [one] => Ok(one),
            _ => Err(ClaimsRefused::NoToken),
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorization({})", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Authorization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(OutOfHeaders)
    }
}

/// Takes [`Authorization`] out of all headers, and skips what the others hold.
struct OutOfHeaders;

impl<'de> Visitor<'de> for OutOfHeaders {
    type Value = Authorization;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers with lists of values")
    }

    fn visit_none<E: de::Error>(self) -> Result<Authorization, E> {
        Ok(Authorization::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Authorization, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut headers: A) -> Result<Authorization, A::Error> {
        let mut found = Authorization::default();
        while let Some(name) = headers.next_key::<String>()? {
            if name.eq_ignore_ascii_case("authorization") {
                found.0.extend(headers.next_value::<Vec<String>>()?);
            } else {
                headers.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

impl ApiRequest {
    /// What is asked for.
    ///
    /// # Errors
    /// When it is nothing of the API's.
    pub fn operation(&self) -> Result<Operation, NoRoute> {
        Operation::of(&self.http_method, &self.resource)
    }

    /// The path of something under the requested collection, for `Location`: with the stage or the base path
    /// that the client used in front of it.
    #[must_use]
    pub fn location_of(&self, ids: &str) -> String {
        format!("{}/{ids}", self.request_context.path.trim_end_matches('/'))
    }

    /// Who is asking: the claims of the ID token that API Gateway verified.
    ///
    /// # Errors
    /// When there are no claims, or they are refused; where tokens open sessions, when theirs is not at hand.
    pub fn caller(&self, callers: &Callers) -> Result<Caller, ClaimsRefused> {
        let claims =
            self.request_context.authorizer.as_ref().and_then(|authorizer| authorizer.claims.as_ref());
        let caller = Caller::from_claims(claims.ok_or(ClaimsRefused::Missing("sub"))?, &callers.client_id)?;
        match callers.sessions {
            Sessions::Role => Ok(caller),
            Sessions::Token => caller.with_token(IdToken::parse(self.authorization.only()?)?),
        }
    }

    /// A part of the path, parsed.
    ///
    /// # Errors
    /// When it is not of its form.
    pub fn path<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem>
    where
        Problem: From<T::Err>,
    {
        let text = self.path_parameters.as_ref().and_then(|parts| parts.get(name)).map_or("", String::as_str);
        Ok(text.parse()?)
    }

    /// A query parameter.
    ///
    /// # Errors
    /// When it is given more than once: which one would count?
    pub fn query(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self
            .multi_value_query_string_parameters
            .as_ref()
            .and_then(|all| all.get(name))
            .map(Vec::as_slice)
        {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(value)),
            Some(_) => Err(Problem::invalid(format!("`{name}` is given more than once"))),
        }
    }

    /// The page that `limit` and `cursor` ask for.
    ///
    /// # Errors
    /// When one is given more than once, or `limit` is not 1 to 100. Whether the cursor opens is the list's to say.
    pub fn page(&self) -> Result<PageRequest<'_>, Problem> {
        let size = match self.query("limit")? {
            None => PageSize::default(),
            Some(text) => PageSize::parse(text)
                .ok_or_else(|| Problem::invalid("`limit` is not a number from 1 to 100"))?,
        };
        Ok(PageRequest { size, cursor: self.query("cursor")? })
    }

    /// The body, which must be the JSON of a `T`.
    ///
    /// # Errors
    /// When it is too large, not JSON, or not a `T`.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let text = self.body.as_deref().unwrap_or_default();
        let bytes = body::decode(text, self.is_base64_encoded).map_err(|invalid| match invalid {
            InvalidBody::TooLarge => Problem::of(Kind::PayloadTooLarge),
            InvalidBody::NotBase64 => Problem::invalid("the body is not JSON"),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Problem::invalid(format!("the body does not fit: {error}")),
            _ => Problem::invalid("the body is not JSON"),
        })
    }
}

/// What API Gateway is told to answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiResponse {
    status_code: u16,
    headers: HashMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
}

impl ApiResponse {
    fn with(status_code: u16, content_type: Option<&'static str>, body: String) -> Self {
        let mut headers = HashMap::from([
            // Answers hold metadata and signed URLs: nobody else's to keep, and nothing to guess at.
            ("Cache-Control", "no-store".to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
        ]);
        if let Some(content_type) = content_type {
            headers.insert("Content-Type", content_type.to_owned());
        }
        Self { status_code, headers, body, is_base64_encoded: false }
    }

    /// An answer with a JSON body.
    #[must_use]
    pub fn json(status_code: u16, body: &impl Serialize) -> Self {
        serde_json::to_string(body).map_or_else(
            |_| Self::problem(&Problem::of(Kind::Internal)),
            |body| Self::with(status_code, Some("application/json"), body),
        )
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self::with(204, None, String::new())
    }

    /// A refusal.
    #[must_use]
    pub fn problem(problem: &Problem) -> Self {
        let response = Self::with(problem.kind.status(), Some("application/problem+json"), problem.to_json());
        if problem.kind == Kind::Unavailable {
            response.header("Retry-After", "1".to_owned())
        } else {
            response
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status_code
    }
}

/// Serves one event: finds the caller, lets `handler` answer, and logs the request, once, here.
///
/// # Errors
/// Never: a failure is an answer.
pub async fn serve(
    event: LambdaEvent<ApiRequest>,
    callers: &Callers,
    handler: impl AsyncFnOnce(&ApiRequest, &Caller) -> Result<ApiResponse, Problem>,
) -> Result<ApiResponse, lambda_runtime::Error> {
    let begun = Instant::now();
    let request = event.payload;
    let (mut tenant, mut user) = (None, None);
    let outcome = match request.caller(callers) {
        Err(refused) => Err(refused.into()),
        Ok(caller) => {
            tenant = Some(caller.tenant());
            user = Some(caller.user());
            // Boxed: the SDK's futures nest deeper than the compiler likes to lay out in one piece.
            Box::pin(handler(&request, &caller)).await
        }
    };
    let error = outcome.as_ref().err().and_then(Problem::chain);
    let response = outcome.unwrap_or_else(|problem| ApiResponse::problem(&problem));
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                request_id = %event.context.request_id,
                api_request_id = %request.request_context.request_id,
                trace = event.context.xray_trace_id.as_deref(),
                route = %format_args!("{} {}", request.http_method, request.resource),
                tenant = tenant.map(tracing::field::display),
                user = user.map(tracing::field::display),
                outcome = response.status(),
                duration_ms,
                error,
                "request"
            )
        };
    }
    match response.status() {
        500.. => line!(error),
        _ => line!(info),
    }
    Ok(response)
}
