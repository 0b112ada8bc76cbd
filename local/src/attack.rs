//! Attacks the running account: tries, as whoever might want to, what must not be possible, and says what came of it.
//!
//! It is no simulation: requests go through HTTP with tokens, calls of AWS through the gateway with signatures, and
//! nothing is asked that an attacker could not ask who holds what they are said to hold. Every refusal has its
//! counterpart that succeeds, because an account that refuses everybody would pass a list of refusals.
//!
//! Two tenants are opened for it, one to attack and one to attack from, and one whose subscription ends. Traffic goes
//! to the loopback only, and every loop has an end.

mod bearers;
mod cast;
mod deputies;
pub mod fuzz;
mod holdings;
mod matrix;
mod powers;
pub mod routes;
mod secrets;
pub mod table;
mod tokens;
mod urls;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::{
    account::{AccountError, Details, Options},
    aws::CallError,
    doors::DoorError,
    story::{Step, StoryError},
};

/// Why the attack could not be made; one that succeeds is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum AttackError {
    /// There is nobody to attack, or to attack with.
    #[error("no cast")]
    Account(#[from] AccountError),
    /// No client.
    #[error("no client")]
    Client(#[from] StoryError),
    /// The account's own doors do not answer.
    #[error("the account's own doors do not answer")]
    Doors(#[from] DoorError),
    /// The root was refused what makes or looks at things.
    #[error("cannot {step}")]
    Call {
        /// What was being done.
        step: &'static str,
        /// The refusal.
        #[source]
        source: CallError,
    },
    /// Something that must succeed for the attack to mean anything did not.
    #[error("{0}")]
    Scene(String),
    /// A token is not what tokens are.
    #[error("a token cannot be taken apart: {0}")]
    Token(&'static str),
    /// The key of a pool cannot be read.
    #[error("the user pool's key cannot be read")]
    Key(#[source] std::io::Error),
    /// A log cannot be read.
    #[error("a log cannot be read")]
    Log(#[source] std::io::Error),
    /// A list does not end.
    #[error("{0} has more pages than anybody reads")]
    Endless(&'static str),
}

/// What is told as it happens.
#[derive(Debug, Clone)]
pub enum Told<'a> {
    /// One try, and what came of it.
    Try(&'a Step),
    /// A part of the attack is over.
    Part(&'a Part),
}

/// A part of the attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What was attacked.
    pub part: String,
    /// How many tries it took.
    pub tries: usize,
    /// How many of them came out otherwise than they should.
    pub wrong: usize,
}

impl Part {
    /// As one line of JSON.
    #[must_use]
    pub fn as_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a line of the table.
    #[must_use]
    pub fn as_row(&self) -> String {
        let mark = if self.wrong == 0 { "✔" } else { "✘" };
        let wrong = if self.wrong == 0 { String::new() } else { format!(", {} wrong", self.wrong) };
        format!("  {mark} {:<58} {} tries{wrong}", self.part, self.tries)
    }
}

/// Tells tries, and counts them.
struct Report<'a> {
    told: &'a mut dyn FnMut(Told<'_>),
    part: Part,
    wrong: usize,
}

impl Report<'_> {
    /// One try.
    fn tried(&mut self, what: &str, expect: &str, got: &str) {
        let ok = expect == got;
        let step = Step {
            step: format!("{}: {what}", self.part.part),
            expect: expect.to_owned(),
            got: got.to_owned(),
            ok,
        };
        self.part.tries += 1;
        self.part.wrong += usize::from(!ok);
        (self.told)(Told::Try(&step));
    }

    /// Begins a part.
    fn begin(&mut self, part: &str) {
        self.part = Part { part: part.to_owned(), tries: 0, wrong: 0 };
    }

    /// Ends it.
    fn end(&mut self) {
        self.wrong += self.part.wrong;
        (self.told)(Told::Part(&self.part));
    }
}

/// The same object with one more field, or another value of it.
fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
    object
}

/// Makes the whole attack, telling `told` each try; answers whether all came out as they should. Random requests are
/// part of it for as long as `fuzz` says.
///
/// # Errors
/// When it cannot be made.
pub async fn run(
    details: &Details,
    options: &Options,
    fuzz: Option<Duration>,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<bool, AttackError> {
    let mut report = Report { told, part: Part { part: String::new(), tries: 0, wrong: 0 }, wrong: 0 };
    let scene = cast::Scene::set(details).await?;
    powers::attack(&scene, &mut report).await?;
    deputies::attack(&scene, &mut report).await?;
    if scene.tokens_decide() {
        bearers::attack(&scene, &mut report).await?;
    }
    urls::attack(&scene, &mut report).await?;
    matrix::attack(&scene, &mut report).await?;
    if let Some(lasts) = fuzz {
        fuzz::attack(&scene, options, lasts, &mut report).await?;
    }
    secrets::look(&scene, &mut report).await?;
    Ok(report.wrong == 0)
}
