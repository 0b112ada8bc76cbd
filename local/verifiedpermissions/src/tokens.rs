//! Client tokens: what makes a create call safe to repeat. Knows requests as JSON only.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::fault::{Fault, Kind};

/// "Verified Permissions recognizes a ClientToken for eight hours."
const REMEMBERED: Duration = Duration::hours(8);

/// Ours: so that tokens cannot fill the memory. The oldest is forgotten first.
const TOKENS_MAX: usize = 100_000;

/// What was answered to which token. A token is an operation's own.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    answered: HashMap<Key, Answered>,
    oldest_first: VecDeque<(OffsetDateTime, Key)>,
}

type Key = (&'static str, String);

#[derive(Debug)]
struct Answered {
    at: OffsetDateTime,
    request: Value,
    answer: Value,
    kind: Kind,
    id: String,
}

impl Tokens {
    /// The answer to give again, if this very request was answered under this token.
    pub(crate) fn answer(
        &mut self,
        operation: &'static str,
        token: &str,
        request: &Value,
        now: OffsetDateTime,
    ) -> Result<Option<Value>, Fault> {
        self.forget(now);
        match self.answered.get(&(operation, token.to_owned())) {
            None => Ok(None),
            Some(known) if known.request == *request => Ok(Some(known.answer.clone())),
            Some(known) => Err(Fault::Conflict {
                message: "clientToken: was used with other parameters in the last eight hours".into(),
                kind: known.kind,
                id: known.id.clone(),
            }),
        }
    }

    pub(crate) fn remember(
        &mut self,
        operation: &'static str,
        token: &str,
        request: Value,
        answer: &Value,
        (kind, id): (Kind, String),
        now: OffsetDateTime,
    ) {
        let key = (operation, token.to_owned());
        self.oldest_first.push_back((now, key.clone()));
        self.answered.insert(key, Answered { at: now, request, answer: answer.clone(), kind, id });
        while self.oldest_first.len() > TOKENS_MAX {
            self.forget_oldest();
        }
    }

    fn forget(&mut self, now: OffsetDateTime) {
        while self.oldest_first.front().is_some_and(|(at, _)| *at + REMEMBERED <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, key)) = self.oldest_first.pop_front() else { return };
        if self.answered.get(&key).is_some_and(|known| known.at == at) {
            self.answered.remove(&key);
        }
    }
}
