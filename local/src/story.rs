//! The product's story, played against the account as clients play it: HTTP, and tokens of the user pool.
//!
//! A document is added, filled, listed, opened, shared, refused to those whom it is not shared with, opened
//! by whom it is, taken back, and deleted until nothing of it is left. Each step says what it expected and
//! what it got. The story knows URLs and passwords, and nothing of what is behind them.

pub(crate) mod client;
mod plot;

pub use client::{Answer, Visitor};

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{account::Details, doors::DoorError};

/// How long something may take to show that is bound to happen: the arrival of content, or its removal.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// One step: what was expected, and what came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Who does what.
    pub step: String,
    /// What should come of it.
    pub expect: String,
    /// What came of it.
    pub got: String,
    /// Whether the two are the same.
    pub ok: bool,
}

/// Why the story could not be told; a step that fails is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The account lacks somebody whom the story is about.
    #[error("the account has no {0}")]
    Cast(&'static str),
    /// The account's own doors do not answer.
    #[error("the account's own doors do not answer")]
    Doors(#[from] DoorError),
}

/// Plays the story, telling `told` each step as it is done; answers whether every step was as expected.
///
/// A step without which the next make no sense ends the story early, as a failure.
///
/// # Errors
/// [`StoryError`] when there is nobody to play it.
pub async fn play(details: &Details, mut told: impl FnMut(&Step)) -> Result<bool, StoryError> {
    let mut all_ok = true;
    let mut teller = |step: &Step| {
        all_ok &= step.ok;
        told(step);
    };
    let whole = plot::play(details, &mut teller).await?;
    Ok(whole && all_ok)
}

/// Tells the steps.
pub(crate) struct Teller<'a> {
    told: &'a mut dyn FnMut(&Step),
}

impl<'a> Teller<'a> {
    pub(crate) fn new(told: &'a mut dyn FnMut(&Step)) -> Self {
        Self { told }
    }

    /// One step; whether it was as expected.
    pub(crate) fn step(&mut self, step: &str, expect: &str, got: impl Into<String>) -> bool {
        let got = got.into();
        let ok = got == expect;
        (self.told)(&Step { step: step.to_owned(), expect: expect.to_owned(), got, ok });
        ok
    }
}

/// Looks until what is seen is as wanted, or patience ends; what was seen last.
pub(crate) async fn patiently(look: impl AsyncFn() -> String, wanted: impl Fn(&str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let seen = look().await;
        if wanted(&seen) || begun.elapsed() > PATIENCE {
            return seen;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Step {
    /// The step as one line of JSON.
    #[must_use]
    pub fn as_json(&self) -> String {
        // Four plain fields always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The step as a line of the table.
    #[must_use]
    pub fn as_row(&self) -> String {
        let mut row = String::new();
        let mark = if self.ok { "✔" } else { "✘" };
        // Writing to a string cannot fail.
        let _ = write!(row, "  {mark} {:<58} {}", self.step, self.got);
        if !self.ok {
            let _ = write!(row, "   (expected {})", self.expect);
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(got: &str) -> Step {
        Step { step: "ben adds".to_owned(), expect: "201".to_owned(), got: got.to_owned(), ok: got == "201" }
    }

    #[test]
    fn a_line_of_json_has_the_four_fields_and_no_other() {
        assert_eq!(step("201").as_json(), r#"{"step":"ben adds","expect":"201","got":"201","ok":true}"#);
    }

    #[test]
    fn a_row_says_what_was_expected_only_when_something_else_came() {
        assert!(!step("201").as_row().contains("expected"));
        assert!(step("403").as_row().contains("✘") && step("403").as_row().contains("expected 201"));
    }
}
