//! The metering function: wiring only.

use lambda_runtime::{Error, run, service_fn};
use metering::App;
use shared::{
    aws, config,
    connections::{self, Host},
    telemetry,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let runtime = config::Runtime::from_env()?;
    telemetry::start(runtime.log_level);
    let base = aws::base_config(&runtime)?;
    connections::open(&base, &[Host::Sts, Host::DynamoDb]).await;
    let app = App::new(&base, config::Metering::from_env()?, runtime.clock());
    run(service_fn(|event| app.handle(event))).await
}
