//! The signup function: wiring only.

use lambda_runtime::{Error, run, service_fn};
use shared::{
    aws,
    clock::Clock,
    config,
    connections::{self, Host},
    telemetry,
};
use signup::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let runtime = config::Runtime::from_env()?;
    telemetry::start(runtime.log_level);
    let base = aws::base_config(&runtime)?;
    connections::open(&base, &[Host::Sts, Host::DynamoDb, Host::Kms]).await;
    let app = App::new(base, config::Signup::from_env()?, Clock::system());
    run(service_fn(|event| app.handle(event))).await
}
