//! What a tenant used, for its administrators: `GET` on `/usage`.
//!
//! Read only, and with a session that can read nothing else: neither documents nor users.

mod show;

use lambda_runtime::{Error, LambdaEvent};
use shared::{
    clock::Clock,
    config,
    http::{self, ApiRequest, ApiResponse},
    metering::Dimensions,
    problem::{Kind, Problem},
    routes::Operation,
    tenancy::{Tenancy, caller::Caller},
};

/// What lives as long as the execution environment.
pub struct App {
    tenancy: Tenancy,
    dimensions: Dimensions,
    clock: Clock,
    callers: config::Callers,
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: shared::aws::SdkConfig, config: config::Usage, clock: Clock) -> Self {
        let tenancy = Tenancy::new(base, clock.clone(), config.roles, config.resources)
            .with_sessions_by(config.callers.sessions);
        Self { tenancy, dimensions: config.dimensions, clock, callers: config.callers }
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
            Operation::ShowUsage => show::show(self, request, caller).await,
            _ => Err(Problem::of(Kind::NotFound)),
        }
    }
}
