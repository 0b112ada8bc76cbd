//! Turns a buyer's arrival from AWS Marketplace into a registration: `GET` and `POST` on `/signup` and below.
//! And because it is the one that everybody may ask, it says what the API is: `GET /openapi.json`.
//!
//! Everybody may come here, so nothing is believed but what the Marketplace says of a token and what this
//! function signed itself. The token goes to the Marketplace and nowhere else: it is in no log, no table, no
//! page and no address. There is no cookie, no script and no session; forms can be sent twice.

mod arrive;
mod describe;
mod failure;
mod follow;
mod line;
mod page;
mod register;
mod request;
mod welcome;

use std::time::Instant;

use lambda_runtime::{Error, LambdaEvent};
use shared::{
    clock::Clock,
    config,
    marketplace::{agreements::Agreements, ids::ProductCode, seller::SellerSession},
    onboarding::Onboardings,
    routes::Operation,
    signup::{self, key::RegistrationKey},
    subscriptions::Subscriptions,
};

pub use failure::Failure;
pub use page::Answer;
pub use request::BrowserRequest;

/// How the names of its sessions of the seller account begin.
const SESSION: &str = "strongroom-signup";

/// What lives as long as the execution environment.
pub struct App {
    seller: SellerSession,
    agreements: Agreements,
    product: ProductCode,
    key: RegistrationKey,
    subscriptions: Subscriptions,
    onboardings: Onboardings,
    frame: page::Frame,
    clock: Clock,
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: shared::aws::SdkConfig, config: config::Signup, clock: Clock) -> Self {
        let (subscriptions, onboardings) = signup::records(&base, &config);
        let session = || SellerSession::new(&base, clock.clone(), &config.seller, SESSION);
        Self {
            seller: session(),
            agreements: Agreements::new(session(), config.product_id),
            product: config.seller.product_code,
            key: RegistrationKey::new(&base, config.registration_key_arn),
            subscriptions,
            onboardings,
            frame: page::Frame::new(config.product_name, config.support_contact, config.sign_in_url),
            clock,
        }
    }

    /// Answers one request, and logs it, once, here.
    ///
    /// # Errors
    /// Never: a failure is a page.
    pub async fn handle(&self, event: LambdaEvent<BrowserRequest>) -> Result<Answer, Error> {
        let begun = Instant::now();
        let request = event.payload;
        // Boxed: the SDK's futures nest deeper than the compiler likes to lay out in one piece.
        let outcome = Box::pin(self.route(&request)).await;
        let error = outcome.as_ref().err().map(Failure::cause);
        let answer = outcome.unwrap_or_else(|failure| failure.answer(&self.frame, request.id()));
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (method, route) = request.route();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = %event.context.request_id,
                    api_request_id = %request.id(),
                    trace = event.context.xray_trace_id.as_deref(),
                    route = %format_args!("{method} {route}"),
                    outcome = answer.status(),
                    duration_ms,
                    error,
                    "request"
                )
            };
        }
        match answer.status() {
            500.. => line!(error),
            _ => line!(info),
        }
        Ok(answer)
    }

    async fn route(&self, request: &BrowserRequest) -> Result<Answer, Failure> {
        let (method, path) = request.route();
        match Operation::of(method, path)? {
            Operation::Welcome => Ok(welcome::welcome(self)),
            Operation::Arrive => arrive::arrive(self, request).await,
            Operation::Register => register::register(self, request).await,
            Operation::FollowRegistration => follow::follow(self, request).await,
            Operation::CorrectRegistration => follow::correct(self, request).await,
            Operation::DescribeApi => Ok(describe::describe()),
            _ => Err(Failure::NoSuchPage),
        }
    }
}
