//! How latency, calls and memory grow with tenants, documents and shares.
//!
//! Asked of the local account, whose tables, bucket and policy stores hold what is asked for, behind the gateway that
//! enforces IAM. One environment of a function is held and asked directly, by the events of API Gateway: so it is that
//! environment which is measured, and not whatever stands before it. Only the noisy tenant comes through HTTP, where
//! many environments serve many tenants at once.
//!
//! What is flat is decided on what a busy machine does not change: AWS calls, memory, instructions. Times are told
//! beside them. They are this machine's, with an engine in Python where AWS would be.

mod calls;
mod events;
mod figures;
mod instructions;
mod noise;
mod population;
mod report;
mod shares;
mod skew;
mod station;
mod tenants;

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use local::{
    CallError,
    account::{Account, AccountError, Details, Options},
    doors::DoorError,
    lambda::LambdaError,
    story::StoryError,
};

pub use figures::Figures;
pub use instructions::Instructions;
pub use noise::{Neighbours, Noise};
pub use report::{Measured, Table, Verdict};
pub use shares::Shared;
pub use tenants::{Held, Tenants};

use population::Population;
use skew::Skew;
use station::Station;

/// All of it together, without the account's own start.
const LASTS_AT_MOST: Duration = Duration::from_secs(10 * 60);
/// Enough for a thousand requests at once, and the gateway's and the engine's ends of them.
const FILES_MAX: u64 = 8_192;

/// What `bench scale` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The most tenants; 1, 10, 100 and so on are measured up to it.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    tenants: u32,
    /// The most shares of a document; 1, 10, 100 and so on are measured up to it.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=400))]
    shares: u32,
    /// Requests of the noisy tenant at once; none if 0.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    noise: u32,
    /// A folder of functions as they are deployed, each NAME/bootstrap; the account's own, built faster, if none.
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Count no instructions, also where valgrind is.
    #[arg(long)]
    no_instructions: bool,
    /// One JSON line instead of tables.
    #[arg(long)]
    json: bool,
}

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Numbers of tenants, rising.
    pub tenants: Vec<u32>,
    /// Documents of the busiest tenant; the tenant of rank r has so many by r.
    pub documents: u32,
    /// Numbers of shares, rising.
    pub shares: Vec<u32>,
    /// Requests of the noisy tenant at once; none if 0.
    pub noise: u32,
    /// Requests of each kind that an environment is asked which knows the tenant.
    pub warm: u32,
    /// Requests of all tenants, by rank.
    pub skewed: u32,
    /// The most tenants that one environment is shown, each once.
    pub swept: usize,
    /// Whether instructions are counted.
    pub instructions: bool,
    /// A folder of functions to measure in place of the account's.
    pub functions: Option<PathBuf>,
}

/// Why it could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ScaleError {
    /// The account cannot be had, or does not do as it is asked.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The gateway's own doors do not answer.
    #[error("the gateway did not copy a policy store")]
    Door(#[from] DoorError),
    /// A function could not be run.
    #[error(transparent)]
    Function(#[from] LambdaError),
    /// No client.
    #[error("no client")]
    Client(#[from] StoryError),
    /// The account did not answer a call.
    #[error("{step}")]
    Call {
        /// What was being done.
        step: &'static str,
        /// The refusal.
        #[source]
        source: CallError,
    },
    /// A request was not answered as it must be for its cost to mean anything.
    #[error("{route} was answered {status}: {said}")]
    Refused {
        /// What was asked.
        route: &'static str,
        /// The status.
        status: u64,
        /// The beginning of the body.
        said: String,
    },
    /// The content of the one document that has any could not be sent.
    #[error("the bucket answered {0}")]
    Upload(String),
    /// The gateway's log cannot be read.
    #[error("the gateway's access log cannot be read")]
    Log(#[source] std::io::Error),
    /// The report cannot be written.
    #[error("cannot write {path}")]
    Report {
        /// Where.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Valgrind did not do its part.
    #[error("{0}")]
    Valgrind(&'static str),
    /// It took longer than it may.
    #[error("it was not over after {} minutes", LASTS_AT_MOST.as_secs() / 60)]
    TooLong,
    /// Something is not what it must be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
}

impl Plan {
    /// Powers of ten up to these, and what is enough of everything else.
    #[must_use]
    pub fn up_to(tenants: u32, shares: u32, noise: u32) -> Self {
        Self {
            tenants: powers_of_ten(tenants),
            documents: 1_000,
            shares: powers_of_ten(shares),
            noise,
            warm: 60,
            skewed: 600,
            swept: 1_000,
            instructions: true,
            functions: None,
        }
    }

    /// Where a function's program is, if it is not the account's own.
    fn bootstrap(&self, function: &str) -> Option<PathBuf> {
        self.functions.as_ref().map(|folder| folder.join(function).join("bootstrap"))
    }
}

/// 1, 10, 100 and so on below `most`, and `most`.
fn powers_of_ten(most: u32) -> Vec<u32> {
    let powers = std::iter::successors(Some(1_u32), |power| power.checked_mul(10));
    powers.take_while(|power| *power < most).chain([most]).collect()
}

/// Measures, and says whether everything stayed flat that should.
///
/// # Errors
/// When the account cannot be had, or a request fails.
pub async fn run(arguments: &Arguments, print: &mut dyn FnMut(&str)) -> Result<bool, Box<dyn Error>> {
    let_open_files();
    let plan = Plan {
        functions: arguments.functions.clone(),
        instructions: !arguments.no_instructions,
        ..Plan::up_to(arguments.tenants, arguments.shares, arguments.noise)
    };
    // On threads of its own: the gateway is in this process, and is not to wait for whoever measures it.
    let account = tokio::task::spawn_blocking(|| Account::start_or_join(Options::default())).await??;
    let mut tell = |text: &str| {
        if !arguments.json {
            print(text);
        }
    };
    let measured = measure(account.details(), &plan, &mut tell).await;
    tokio::task::spawn_blocking(move || account.stop()).await?;
    let measured = measured?;
    let json = measured.as_json();
    write(&json)?;
    if arguments.json {
        print(&json.to_string());
    } else {
        print(&measured.as_text());
    }
    Ok(measured.is_flat())
}

/// Measures in an account; tells each part as it is over.
///
/// # Errors
/// [`ScaleError`]; [`ScaleError::TooLong`] after ten minutes.
pub async fn measure(
    details: &Details,
    plan: &Plan,
    tell: &mut dyn FnMut(&str),
) -> Result<Measured, ScaleError> {
    tokio::time::timeout(LASTS_AT_MOST, parts(details, plan, tell)).await.map_err(|_| ScaleError::TooLong)?
}

async fn parts(details: &Details, plan: &Plan, tell: &mut dyn FnMut(&str)) -> Result<Measured, ScaleError> {
    let skew = Skew::over(plan.tenants.iter().copied().max().unwrap_or_default().max(plan.documents));
    let mut station = Station::start(details, "Documents", plan.bootstrap("documents")).await?;
    let mut population = Population::begin(details, plan.documents, &mut station).await?;
    drop(station);
    let mut tenants = Vec::new();
    for count in &plan.tenants {
        let begun = Instant::now();
        population.grow_to(*count).await?;
        let seeded = begun.elapsed().as_secs_f64();
        let bootstrap = plan.bootstrap("documents");
        tenants.push(tenants::measure(details, bootstrap, &population, plan, &skew).await?);
        let documents = population.documents();
        let measured = begun.elapsed().as_secs_f64() - seeded;
        tell(&format!(
            "  {count} tenants with {documents} documents: made in {seeded:.1} s, measured in {measured:.1} s"
        ));
    }
    let instructions = match plan.instructions && instructions::can_be_counted().await {
        false => None,
        true => {
            let begun = Instant::now();
            let counted = instructions::count(details, plan, &population).await?;
            tell(&format!("  instructions counted in {:.1} s", begun.elapsed().as_secs_f64()));
            Some(counted)
        }
    };
    let begun = Instant::now();
    let shares = match plan.shares.is_empty() {
        true => Vec::new(),
        false => shares::measure(details, |name| plan.bootstrap(name), &mut population, plan).await?,
    };
    tell(&format!("  a document shared and measured in {:.1} s", begun.elapsed().as_secs_f64()));
    let begun = Instant::now();
    let noise = match plan.noise {
        0 => None,
        requests => Some(noise::measure(details, requests).await?),
    };
    tell(&format!("  noise and quiet in {:.1} s", begun.elapsed().as_secs_f64()));
    let (rows, took) = population.effort();
    Ok(Measured {
        profile: if plan.functions.is_some() { "release" } else { "fast" },
        seeding: (rows, took.as_secs_f64()),
        tenants,
        shares,
        noise,
        instructions,
    })
}

/// `target/bench/scale.json`, which the report shows.
fn write(json: &serde_json::Value) -> Result<(), ScaleError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    let file = folder.join("scale.json");
    let failed = |source| ScaleError::Report { path: "target/bench/scale.json".to_owned(), source };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(&file, format!("{json:#}\n")).map_err(failed)
}

/// Lets this process, and what it starts, hold as many connections as the noise has.
fn let_open_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(FILES_MAX).min(FILES_MAX);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = rustix::process::Rlimit { current: Some(wanted), ..limit };
        // Where it is not to be had, the noise is told with the answers that did not come.
        let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_the_last_step() {
        assert_eq!(powers_of_ten(10_000), [1, 10, 100, 1_000, 10_000]);
        assert_eq!(powers_of_ten(400), [1, 10, 100, 400]);
        assert_eq!(powers_of_ten(20), [1, 10, 20]);
        assert_eq!(powers_of_ten(1), [1]);
    }
}
