//! Documents of a tenant: `POST`, `GET` and `DELETE` on `/documents`.
//!
//! Each verb has its file; each is session, parse, question, act, answer. Nothing here knows a table, a key
//! or a policy: that is `shared`.

mod add;
mod delete;
mod list;
mod open;

use lambda_runtime::{Error, LambdaEvent};
use shared::{
    clock::Clock,
    config,
    http::{self, ApiRequest, ApiResponse},
    problem::{Kind, Problem},
    routes::Operation,
    tenancy::{Tenancy, caller::Caller},
};

/// What lives as long as the execution environment.
pub struct App {
    tenancy: Tenancy,
    clock: Clock,
    callers: config::Callers,
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: shared::aws::SdkConfig, config: config::Documents, clock: Clock) -> Self {
        let tenancy = Tenancy::new(base, clock.clone(), config.roles, config.resources)
            .with_sessions_by(config.callers.sessions);
        Self { tenancy, clock, callers: config.callers }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// Never: a failure is an answer.
    pub async fn handle(&self, event: LambdaEvent<ApiRequest>) -> Result<ApiResponse, Error> {
        http::serve(event, &self.callers, async |request, caller| self.route(request, caller).await).await
    }

    async fn route(&self, request: &ApiRequest, caller: &Caller) -> Result<ApiResponse, Problem> {
        match request.operation()? {
            Operation::AddDocument => add::add(self, request, caller).await,
            Operation::ListDocuments => list::list(self, request, caller).await,
            Operation::OpenDocument => open::open(self, request, caller).await,
            Operation::DeleteDocument => delete::delete(self, request, caller).await,
            _ => Err(Problem::of(Kind::NotFound)),
        }
    }
}
