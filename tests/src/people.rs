//! People: they sign in, send requests, and look at answers.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use local::account::{Details, Tenant, User};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

/// Somebody with a token, or without one.
#[derive(Clone)]
pub struct Person {
    /// The tenant's id; empty for somebody without an account.
    pub tenant_id: String,
    /// The user's id; empty for somebody without an account.
    pub user_id: String,
    /// The ID token.
    pub token: Option<String>,
    /// The access token.
    pub access_token: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<String>,
    api_url: String,
    http: reqwest::Client,
}

/// A document that was added, and where its content goes.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// The signed upload.
    pub upload: Value,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON, null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header as text, empty if there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Status and problem in one: `404 not-found`; a problem must be one in every member.
    #[must_use]
    pub fn refusal(&self) -> String {
        let body = self.json();
        let kind = body["type"].as_str().and_then(|uri| uri.strip_prefix("urn:strongroom:problem:"));
        let whole = self.header("content-type").starts_with("application/problem+json")
            && body["status"] == self.status
            && body["title"].is_string();
        match kind {
            Some(kind) if whole => format!("{} {kind}", self.status),
            _ => format!("{} without a problem: {}", self.status, self.body),
        }
    }

    /// Fails unless the status is `status`.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

impl Person {
    pub(crate) fn with_token(details: &Details, token: Option<&str>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client without options builds");
        Self {
            tenant_id: String::new(),
            user_id: String::new(),
            token: token.map(str::to_owned),
            access_token: None,
            refresh_token: None,
            api_url: details.api_url.clone(),
            http,
        }
    }

    pub(crate) async fn sign_in(details: &Details, tenant: &Tenant, user: &User) -> Self {
        let tokens = Self::password(details, &user.email, &user.password).await.expect(200).json();
        let person = Self::with_tokens(details, &tokens);
        assert_eq!((&person.tenant_id, &person.user_id), (&tenant.tenant_id, &user.user_id));
        person
    }

    /// What Cognito says to an address and a password.
    pub async fn password(details: &Details, email: &str, password: &str) -> Answer {
        let body = json!({
            "ClientId": details.user_pool_client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": email, "PASSWORD": password },
        });
        cognito(details, "InitiateAuth", &body).await
    }

    /// Somebody who was invited: signs in with the password that was mailed, and chooses their own.
    pub(crate) async fn accept(details: &Details, email: &str, mailed: &str) -> Self {
        let asked = Self::password(details, email, mailed).await.expect(200).json();
        assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED", "{asked}");
        let body = json!({
            "ClientId": details.user_pool_client_id,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": asked["Session"],
            "ChallengeResponses": {
                "USERNAME": asked["ChallengeParameters"]["USER_ID_FOR_SRP"].as_str().unwrap_or(email),
                "NEW_PASSWORD": format!("aA1-{}", uuid::Uuid::new_v4()),
            },
        });
        let tokens = cognito(details, "RespondToAuthChallenge", &body).await.expect(200).json();
        Self::with_tokens(details, &tokens)
    }

    /// Who the ID token says they are.
    fn with_tokens(details: &Details, tokens: &Value) -> Self {
        let token = |name: &str| tokens["AuthenticationResult"][name].as_str().map(str::to_owned);
        let id_token = token("IdToken").unwrap_or_else(|| panic!("signing in gives an ID token: {tokens}"));
        let payload = id_token.split('.').nth(1).expect("a token has a payload");
        let claims = URL_SAFE_NO_PAD.decode(payload).expect("a payload is base64");
        let claims: Value = serde_json::from_slice(&claims).expect("claims are JSON");
        let claim = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        Self {
            tenant_id: claim("custom:tenant_id"),
            user_id: claim("sub"),
            access_token: token("AccessToken"),
            refresh_token: token("RefreshToken"),
            ..Self::with_token(details, Some(&id_token))
        }
    }

    /// What Cognito says to the refresh token.
    pub async fn refresh(&self, details: &Details) -> Answer {
        let body = json!({
            "ClientId": details.user_pool_client_id,
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": { "REFRESH_TOKEN": self.refresh_token },
        });
        cognito(details, "InitiateAuth", &body).await
    }

    /// Sends a request to the API.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.api_url));
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        sent(request).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// `GET` of where an answer's `Location` leads.
    pub async fn follow(&self, answer: &Answer) -> Answer {
        let base = reqwest::Url::parse(&self.api_url).expect("the API has a URL");
        let there = base.join(answer.header("location")).expect("a location is a reference");
        let request = self.http.get(there).header("authorization", self.token.as_deref().unwrap_or_default());
        sent(request).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Adds a document that is to hold `content`; it stays pending.
    pub async fn add_pending(&self, name: &str, content: &[u8]) -> Document {
        let answer = self.post("/documents", &wish(name, content)).await.expect(201);
        let body = answer.json();
        let id = body["document"]["document_id"].as_str().expect("a document has an id").to_owned();
        Document { id, upload: body["upload"].clone() }
    }

    /// Adds a document and its content.
    pub async fn add(&self, name: &str, content: &[u8]) -> String {
        let document = self.add_pending(name, content).await;
        let _ = self.upload(&document.upload, content).await.expect(200);
        document.id
    }

    /// Sends content to where a signed upload says, with the headers that it says.
    pub async fn upload(&self, upload: &Value, content: &[u8]) -> Answer {
        self.upload_with(upload, content, |_, value| value.to_owned()).await
    }

    /// The same, each signed header as `change` will have it.
    pub async fn upload_with(
        &self,
        upload: &Value,
        content: &[u8],
        change: impl Fn(&str, &str) -> String,
    ) -> Answer {
        let mut request = self.http.put(upload["url"].as_str().unwrap_or_default());
        for (name, value) in upload["headers"].as_object().into_iter().flatten() {
            // The length comes from the content.
            if !name.eq_ignore_ascii_case("content-length") {
                request = request.header(name, change(name, value.as_str().unwrap_or_default()));
            }
        }
        sent(request.body(content.to_vec())).await
    }

    /// Uses a signed URL as anybody can who has it.
    pub async fn use_url(&self, method: Method, url: &str, body: &'static [u8]) -> Answer {
        sent(self.http.request(method, url).body(body)).await
    }

    /// The same with a text to send.
    pub async fn use_url_with(&self, method: Method, url: &str, body: String) -> Answer {
        sent(self.http.request(method, url).body(body)).await
    }

    /// Shares a document.
    pub async fn share(&self, document_id: &str, receiver: &Self) -> Answer {
        self.post("/shares", &json!({ "document_id": document_id, "user_id": receiver.user_id })).await
    }
}

/// An unsigned call of Cognito, as a client makes it.
async fn cognito(details: &Details, operation: &str, body: &Value) -> Answer {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client without options builds");
    let request = http
        .post(&details.aws_endpoint_url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(body.to_string());
    sent(request).await
}

/// The body of `POST /documents` for this content.
#[must_use]
pub fn wish(name: &str, content: &[u8]) -> Value {
    json!({
        "document_name": name,
        "content_type": "text/plain",
        "size_bytes": content.len(),
        "checksum_sha256": checksum(content),
    })
}

/// The SHA-256 of `content`, as S3 writes it.
#[must_use]
pub fn checksum(content: &[u8]) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, content))
}

/// Sends any request.
pub async fn sent(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("the local account answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await.expect("the answer is complete");
    Answer { status, headers, body }
}
