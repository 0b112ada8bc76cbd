//! Round trips: which calls a request makes of AWS, and how many of them have to wait for one another.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    functions::{Bench, MeasureError},
    stub::{Call, Heard},
};

/// How long the stub takes for each call: so long that calls which are made together are surely seen together, on a
/// machine that does other things as well.
pub(crate) const DELAY: Duration = Duration::from_millis(150);

/// What one request asks of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trips {
    /// The calls, in the order of their answers.
    pub(crate) calls: Vec<String>,
    /// How many of them have to wait for one another.
    pub(crate) depth: u32,
    /// How many connections were opened.
    pub(crate) handshakes: u32,
}

impl Trips {
    fn of(heard: &Heard) -> Self {
        let name = |call: &Call| call.name.clone();
        Self {
            calls: heard.calls.iter().map(name).collect(),
            depth: heard.depth(),
            handshakes: heard.handshakes,
        }
    }
}

/// Of a new environment, and of one that has served the same tenant before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AllTrips {
    /// Before the first event.
    pub(crate) init: Trips,
    /// The first request.
    pub(crate) cold: Trips,
    /// The third.
    pub(crate) warm: Trips,
}

/// Counts them; `bench` should have [`DELAY`].
pub(crate) async fn count(bench: &Bench<'_>) -> Result<AllTrips, MeasureError> {
    let (mut process, _) = bench.start().await?;
    let init = Trips::of(&bench.heard()?);
    bench.invoke(&mut process).await?;
    let cold = Trips::of(&bench.heard()?);
    bench.invoke(&mut process).await?;
    bench.heard()?;
    bench.invoke(&mut process).await?;
    let warm = Trips::of(&bench.heard()?);
    process.stop().await?;
    Ok(AllTrips { init, cold, warm })
}
