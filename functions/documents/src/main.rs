//! The documents function: wiring only.

use documents::App;
use lambda_runtime::{Error, run, service_fn};
use shared::{aws, clock::Clock, config, connections, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let runtime = config::Runtime::from_env()?;
    telemetry::start(runtime.log_level);
    let base = aws::base_config(&runtime)?;
    connections::open(&base, &connections::OF_TENANTS).await;
    let app = App::new(base, config::Documents::from_env()?, Clock::system());
    run(service_fn(|event| app.handle(event))).await
}
