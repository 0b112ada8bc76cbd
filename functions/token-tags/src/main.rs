//! The token-tags function: wiring only.

use lambda_runtime::{Error, run, service_fn};
use shared::{aws, config, telemetry};
use token_tags::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let runtime = config::Runtime::from_env()?;
    telemetry::start(runtime.log_level);
    let app = App::new(&aws::base_config(&runtime)?, config::TokenTags::from_env()?);
    run(service_fn(|event| app.handle(event))).await
}
