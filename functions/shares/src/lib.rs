//! Shares of documents among the users of a tenant: `/shares` and `/documents/{document_id}/shares`.
//!
//! Each verb has its file. This is the only tenant-facing function that may write policies, and it asks for
//! the session that can only after the policy store has permitted the act.

mod create;
mod end;
mod list;

use std::num::NonZeroU32;

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
    shares_max: NonZeroU32,
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: shared::aws::SdkConfig, config: config::Shares, clock: Clock) -> Self {
        let tenancy = Tenancy::new(base, clock.clone(), config.roles, config.resources)
            .with_sessions_by(config.callers.sessions);
        Self { tenancy, clock, callers: config.callers, shares_max: config.shares_per_document_max }
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
            Operation::ShareDocument => create::create(self, request, caller).await,
            Operation::ListShares => list::list(self, request, caller).await,
            Operation::EndShare => end::end(self, request, caller).await,
            _ => Err(Problem::of(Kind::NotFound)),
        }
    }
}
