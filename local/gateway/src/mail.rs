//! The mails that the account's services would have sent, for whoever has no mailbox: invitations above all.
//!
//! The engine renders them (the pool's template, its placeholders) and delivers none. Here they are read from it, with
//! the temporary password beside the text that holds it, so that no reader has to know how a template is worded.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::authorize::instant_text;
use crate::engine::{Engine, EngineError};

/// The most mails of one answer; the newest.
const MAILS_MAX: usize = 200;
/// The most passwords that are looked for in a mail; the latest.
const PASSWORDS_MAX: usize = 2_000;

/// What is remembered beside the mails themselves.
#[derive(Default)]
pub(crate) struct Mail(Mutex<State>);

#[derive(Default)]
struct State {
    /// Temporary passwords that callers gave, in order.
    passwords: VecDeque<String>,
    /// Mails up to this instant were thrown away; seconds since 1970.
    forgotten: f64,
}

/// One mail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Letter {
    to: String,
    subject: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    temporary_password: Option<String>,
    time: String,
    #[serde(skip)]
    at: f64,
}

/// As the engine keeps them, by account.
#[derive(Deserialize)]
struct Kept {
    messages: std::collections::BTreeMap<String, Vec<Message>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    to: Vec<String>,
    subject: String,
    body_text: String,
    #[serde(default)]
    body_html: Option<String>,
    timestamp: f64,
}

impl Mail {
    /// Notes the temporary password of a user who is being made or invited again.
    pub(crate) fn note(&self, operation: &str, body: &[u8]) {
        if operation != "AdminCreateUser" {
            return;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let password = body.get("TemporaryPassword").and_then(Value::as_str);
        let Some(password) = password.filter(|password| !password.is_empty()) else { return };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.passwords.len() >= PASSWORDS_MAX {
            state.passwords.pop_front();
        }
        state.passwords.push_back(password.to_owned());
    }

    /// The mails to this address, or all; newest first.
    pub(crate) async fn to(
        &self,
        engine: &Engine,
        address: Option<&str>,
    ) -> Result<Vec<Letter>, EngineError> {
        let mut letters = self.all(engine).await?;
        letters.retain(|letter| address.is_none_or(|address| letter.to.eq_ignore_ascii_case(address)));
        letters.reverse();
        letters.sort_by(|one, other| other.at.total_cmp(&one.at));
        letters.truncate(MAILS_MAX);
        Ok(letters)
    }

    /// From now on as if none of those that are there had been sent.
    pub(crate) async fn forget(&self, engine: &Engine) -> Result<(), EngineError> {
        let latest = self.all(engine).await?.iter().map(|letter| letter.at).fold(0.0, f64::max);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.forgotten = state.forgotten.max(latest);
        Ok(())
    }

    /// In the order in which they were sent, as far as that is known.
    async fn all(&self, engine: &Engine) -> Result<Vec<Letter>, EngineError> {
        let body = engine.ask("ses", Method::GET, "/_ministack/ses/messages", &[], String::new()).await?;
        let kept: Kept =
            serde_json::from_slice(&body).map_err(|_| EngineError::Unreadable("sent mails".to_owned()))?;
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = kept.messages.into_values().flatten();
        let messages = messages.filter(|message| message.timestamp > state.forgotten);
        Ok(messages.flat_map(|message| letters(&message, &state.passwords)).collect())
    }
}

/// A message, once for each of those whom it is to.
fn letters(message: &Message, passwords: &VecDeque<String>) -> Vec<Letter> {
    let html = message.body_html.as_deref().unwrap_or_default();
    let text = if message.body_text.is_empty() { html } else { &message.body_text };
    let password = passwords.iter().rev().find(|password| text.contains(password.as_str()));
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this century; the fraction is not shown")]
    let seconds = message.timestamp as i64;
    let time = OffsetDateTime::from_unix_timestamp(seconds).map(instant_text).unwrap_or_default();
    let letter = |to: &String| Letter {
        to: to.clone(),
        subject: message.subject.clone(),
        text: text.to_owned(),
        temporary_password: password.cloned(),
        time: time.clone(),
        at: message.timestamp,
    };
    message.to.iter().map(letter).collect()
}
