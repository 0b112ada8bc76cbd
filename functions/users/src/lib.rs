//! Users of a tenant: `POST` and `GET` on `/users`, `DELETE` on `/users/{user_id}`.
//!
//! Each verb has its file; each is session, question, parse, act, answer. Only the tenant's administrators get
//! past the question. The session that may write the directory is asked for after the policy store has said
//! yes, and Cognito is behind one door ([`Pool`]), which looks whose user it is.

mod invite;
mod list;
mod remove;

use lambda_runtime::{Error, LambdaEvent};
use shared::{
    clock::Clock,
    config,
    http::{self, ApiRequest, ApiResponse},
    problem::{Kind, Problem},
    routes::Operation,
    tenancy::{Tenancy, caller::Caller},
    users::pool::Pool,
};

/// What lives as long as the execution environment.
pub struct App {
    tenancy: Tenancy,
    pool: Pool,
    clock: Clock,
    callers: config::Callers,
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: shared::aws::SdkConfig, config: config::Users, clock: Clock) -> Self {
        let pool = Pool::new(&base, config.user_pool_id);
        let tenancy = Tenancy::new(base, clock.clone(), config.roles, config.resources)
            .with_sessions_by(config.callers.sessions);
        Self { tenancy, pool, clock, callers: config.callers }
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
            Operation::InviteUser => invite::invite(self, request, caller).await,
            Operation::ListUsers => list::list(self, request, caller).await,
            Operation::RemoveUser => remove::remove(self, request, caller).await,
            _ => Err(Problem::of(Kind::NotFound)),
        }
    }
}
