//! The gateway's own doors, `/_gateway/…`: the side of the account that no product ever sees.
//!
//! Behind them are the things that on AWS happen outside of anybody's account: what a buyer does in AWS
//! Marketplace, and the mail that Cognito sends.

use reqwest::Method;
use serde_json::Value;

use crate::{account::Details, aws};

/// Why a door did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The HTTP client could not be made, or no answer came.
    #[error("no answer from the gateway at {path}")]
    Unanswered {
        /// The door.
        path: String,
        /// What went wrong underneath.
        #[source]
        source: reqwest::Error,
    },
    /// It refused, and says why.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The sentence that came with it.
        message: String,
    },
    /// The answer lacks what such an answer holds.
    #[error("the gateway's answer at {path} has no {missing}")]
    Answer {
        /// The door.
        path: String,
        /// What it should have held.
        missing: &'static str,
    },
}

/// The doors of a running account.
#[derive(Debug, Clone)]
pub struct Doors {
    http: reqwest::Client,
    base: String,
}

impl Doors {
    /// Those of the account that `details` tells of.
    ///
    /// # Errors
    /// [`DoorError::Unanswered`] when no client can be made.
    pub fn of(details: &Details) -> Result<Self, DoorError> {
        Self::at(&details.aws_endpoint_url)
    }

    /// Those of the gateway whose AWS endpoint is at `url`.
    pub(crate) fn at(url: &str) -> Result<Self, DoorError> {
        let http = aws::http_client()
            .map_err(|source| DoorError::Unanswered { path: "/_gateway".to_owned(), source })?;
        Ok(Self { http, base: format!("{url}/_gateway") })
    }

    /// What a door shows; `path` without `/_gateway`, `query` in pairs.
    ///
    /// # Errors
    /// When it does not show it.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, DoorError> {
        self.ask(path, self.http.request(Method::GET, self.url(path)).query(query)).await
    }

    /// Orders something at a door.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn post(&self, path: &str, order: &Value) -> Result<Value, DoorError> {
        self.ask(path, self.http.request(Method::POST, self.url(path)).json(order)).await
    }

    /// Has what a door keeps forgotten.
    ///
    /// # Errors
    /// When it is not.
    pub async fn delete(&self, path: &str) -> Result<Value, DoorError> {
        self.ask(path, self.http.request(Method::DELETE, self.url(path))).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn ask(&self, path: &str, request: reqwest::RequestBuilder) -> Result<Value, DoorError> {
        let unanswered = |source| DoorError::Unanswered { path: format!("/_gateway{path}"), source };
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        let body = answer.text().await.map_err(unanswered)?;
        let value: Value = serde_json::from_str(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let message = value.get("message").and_then(Value::as_str);
        let message = message.map_or_else(|| format!("the gateway answered {status}"), str::to_owned);
        Err(DoorError::Refused { status: status.as_u16(), message })
    }
}
