//! One environment of a function, asked one request after the other, as Lambda asks it.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use local::{
    account::Details,
    lambda::{Environment, Memory, Setting, Trace},
};
use serde_json::Value;

use super::{
    ScaleError,
    calls::CallLog,
    events::{Request, Who},
    figures::{Asked, Figures},
};

/// A policy store answers 200 questions a second, and the second after a throttled one would be measured too. No
/// environment asks faster than this.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(7);
/// A program of its own, such as valgrind, may slow a function down by this.
const TIMEOUT: Duration = Duration::from_secs(120);

/// An environment, and what its events need.
pub(super) struct Station {
    environment: Environment,
    client: String,
    begun: Option<Instant>,
}

/// What came of one request.
pub(super) struct Answer {
    pub(super) status: u64,
    pub(super) body: Value,
    pub(super) asked: Asked,
}

impl Station {
    /// Starts one of the deployed function, or of this program in its place.
    pub(super) async fn start(
        details: &Details,
        function: &str,
        bootstrap: Option<PathBuf>,
    ) -> Result<Self, ScaleError> {
        Self::under(details, function, bootstrap, Vec::new()).await
    }

    /// The same under another program.
    pub(super) async fn under(
        details: &Details,
        function: &str,
        bootstrap: Option<PathBuf>,
        under: Vec<String>,
    ) -> Result<Self, ScaleError> {
        let timeout = (!under.is_empty()).then_some(TIMEOUT);
        let setting = Setting { bootstrap, under, timeout, ..Setting::default() };
        let environment = Environment::start(details, function, &setting).await?;
        Ok(Self { environment, client: details.user_pool_client_id.clone(), begun: None })
    }

    /// Puts a request to it, at the pace that a policy store allows.
    pub(super) async fn ask(&mut self, who: Who, request: Request) -> Result<Answer, ScaleError> {
        let event = request.event(who, &self.client)?;
        if let Some(begun) = self.begun {
            tokio::time::sleep(BETWEEN_REQUESTS.saturating_sub(begun.elapsed())).await;
        }
        let trace = Trace::new();
        let begun = Instant::now();
        self.begun = Some(begun);
        let answer = self.environment.invoke(&event, &trace).await?;
        let took = begun.elapsed();
        let body = answer.get("body").and_then(Value::as_str).unwrap_or_default();
        Ok(Answer {
            status: answer.get("statusCode").and_then(Value::as_u64).unwrap_or_default(),
            asked: Asked { trace: trace.root().to_owned(), took, bytes: body.len() },
            body: serde_json::from_str(body).unwrap_or_default(),
        })
    }

    /// The same for a request that must succeed.
    pub(super) async fn done(&mut self, who: Who, request: Request) -> Result<Answer, ScaleError> {
        let answer = self.ask(who, request).await?;
        if answer.status == request.status() {
            return Ok(answer);
        }
        let said = answer.body.to_string().chars().take(200).collect();
        Err(ScaleError::Refused { route: request.route(), status: answer.status, said })
    }

    /// Asks all of these, each of which must succeed, and says what that cost.
    pub(super) async fn series(
        &mut self,
        log: &mut CallLog,
        requests: impl IntoIterator<Item = (Who, Request)>,
    ) -> Result<Figures, ScaleError> {
        // What was asked before is not counted.
        log.by_trace()?;
        let before = self.environment.processor_time();
        let mut asked = Vec::new();
        for (who, request) in requests {
            asked.push(self.done(who, request).await?.asked);
        }
        let processor = before.zip(self.environment.processor_time()).map(|(before, after)| after - before);
        Ok(Figures::of(&asked, processor, &log.by_trace()?))
    }

    pub(super) fn memory(&self) -> Option<Memory> {
        self.environment.memory()
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.environment.id()
    }
}
