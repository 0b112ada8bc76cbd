//! A client of the product: signs in, sends, and tells what came back.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::StoryError;
use crate::account::{Details, User};

/// No request of the story takes this long; one that does is told as having had no answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Somebody who has signed in.
#[derive(Clone)]
pub struct Visitor {
    http: reqwest::Client,
    api_url: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status; 0 when nothing came back.
    pub status: u16,
    /// The `type` of the problem, without the product's prefix; empty when it is none.
    pub problem: String,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Visitor {
    /// Whether they have a token; never which.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitor").field("has_token", &self.has_token()).finish_non_exhaustive()
    }
}

impl Answer {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The text at `pointer` in the body; empty when there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The status, with the problem's name if it is one.
    #[must_use]
    pub fn summary(&self) -> String {
        match (self.status, self.problem.as_str()) {
            (0, _) => "no answer".to_owned(),
            (status, "") => status.to_string(),
            (status, problem) => format!("{status} {problem}"),
        }
    }
}

impl Visitor {
    /// Somebody without a token.
    ///
    /// # Errors
    /// [`StoryError::Client`] when no client can be made.
    pub fn unknown(details: &Details) -> Result<Self, StoryError> {
        let http =
            reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(StoryError::Client)?;
        Ok(Self { http, api_url: details.api_url.clone(), token: None })
    }

    /// `user`, signed in with their password; without a token when that fails.
    pub async fn signed_in(&self, details: &Details, user: &User) -> Self {
        self.with_token_of(&self.sign_in(details, &user.email, &user.password).await)
    }

    /// What Cognito says to an address and a password: tokens, or a challenge.
    pub(crate) async fn sign_in(&self, details: &Details, email: &str, password: &str) -> Answer {
        let body = json!({
            "ClientId": details.user_pool_client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": email, "PASSWORD": password },
        });
        self.cognito(details, "InitiateAuth", &body).await
    }

    /// Answers Cognito's `challenge` to somebody who was invited with a password of their own; they are signed in
    /// then, or without a token when it is not taken.
    pub(crate) async fn chooses_password(
        &self,
        details: &Details,
        challenge: &Answer,
        email: &str,
        password: &str,
    ) -> Self {
        let body = json!({
            "ClientId": details.user_pool_client_id,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": challenge.text("/Session"),
            "ChallengeResponses": { "USERNAME": email, "NEW_PASSWORD": password },
        });
        self.with_token_of(&self.cognito(details, "RespondToAuthChallenge", &body).await)
    }

    async fn cognito(&self, details: &Details, operation: &str, body: &Value) -> Answer {
        let request = self
            .http
            .post(&details.aws_endpoint_url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(body.to_string());
        answer_to(request).await
    }

    fn with_token_of(&self, answer: &Answer) -> Self {
        let token = answer.text("/AuthenticationResult/IdToken");
        Self { token: (!token.is_empty()).then_some(token), ..self.clone() }
    }

    /// The same client with this token, or without one.
    pub(crate) fn bearing(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// Whether there is a token.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(reqwest::Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(reqwest::Method::DELETE, path, None).await
    }

    /// Sends a form, as a browser does.
    pub(crate) async fn post_form(&self, path: &str, form: &str) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.api_url));
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        answer_to(request.body(form.to_owned())).await
    }

    /// Sends any request to the API.
    pub(crate) async fn send(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.api_url));
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer_to(request).await
    }

    /// Sends `content` as the signed `upload` of a created document asks for it.
    pub async fn upload(&self, upload: &Value, content: Vec<u8>) -> Answer {
        let mut request = self.http.put(upload.get("url").and_then(Value::as_str).unwrap_or_default());
        for (name, value) in upload.get("headers").and_then(Value::as_object).into_iter().flatten() {
            // The length is the client's to write, from the content itself.
            if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
                request = request.header(name, value.as_str().unwrap_or_default());
            }
        }
        answer_to(request.body(content)).await
    }

    /// Fetches a signed URL, as anybody who has it can.
    pub(crate) async fn fetch(&self, url: &str) -> Answer {
        answer_to(self.http.get(url)).await
    }

    /// Uses a URL in any way.
    pub(crate) async fn use_url(
        &self,
        method: reqwest::Method,
        url: &str,
        headers: &[(String, String)],
        content: Vec<u8>,
    ) -> Answer {
        let mut request = self.http.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        answer_to(request.body(content)).await
    }
}

/// The body of `POST /documents` for `content`.
pub(crate) fn promise(name: &str, content: &str) -> Value {
    let checksum = ring::digest::digest(&ring::digest::SHA256, content.as_bytes());
    json!({
        "document_name": name,
        "content_type": "text/plain",
        "size_bytes": content.len(),
        "checksum_sha256": STANDARD.encode(checksum),
    })
}

async fn answer_to(request: reqwest::RequestBuilder) -> Answer {
    let nothing = Answer { status: 0, problem: String::new(), body: Vec::new() };
    let Ok(response) = request.send().await else { return nothing };
    let status = response.status().as_u16();
    let is_problem = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/problem+json"));
    let Ok(body) = response.bytes().await else { return nothing };
    let mut answer = Answer { status, problem: String::new(), body: body.to_vec() };
    if is_problem {
        let kind = answer.text("/type");
        kind.rsplit(':').next().unwrap_or_default().clone_into(&mut answer.problem);
    }
    answer
}
