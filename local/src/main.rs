//! `cargo run -p local`: wiring only; what it wires is in the library.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use local::{
    account::{self, Options, StopRequests},
    attack,
    doors::Doors,
    mail, marketplace, metering, prove, signup, story, tenant,
};

use shared::{config::Sessions, problem::chain};

/// The local AWS account: the real template on this machine.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// How callers' sessions are had in an account that is started: `role` (functions assume tenant roles) or `token`
    /// (STS is shown the caller's own). One that runs already has to be of that kind.
    #[arg(long, global = true)]
    sessions: Option<Sessions>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Play the product's story against the account and say what came of each step.
    Story {
        /// One JSON line a step instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Drive one sign-up as AWS Marketplace and a buyer's browser would, up to the new administrator's first document.
    Signup {
        /// The company's name.
        #[arg(long)]
        company: Option<String>,
        /// The administrator's address.
        #[arg(long)]
        email: Option<String>,
        /// One JSON line a step instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Play AWS Marketplace: buyers, tokens, what happens to subscriptions, odd answers.
    Marketplace {
        #[command(subcommand)]
        command: marketplace::Command,
        /// The answer as one line of JSON.
        #[arg(long, global = true)]
        json: bool,
    },
    /// Show metering at work: use, run the aggregator, and lay used, sealed, sent and billed side by side; or ask the
    /// ledger (`metering ledger`), or measure a run (`metering scale`). Succeeds only if they agree.
    Metering(metering::command::Arguments),
    /// List tenants, show one, have a closed one erased, or bring all their policy stores to this release.
    Tenant {
        #[command(subcommand)]
        command: tenant::Command,
        /// One line of JSON a tenant.
        #[arg(long, global = true)]
        json: bool,
    },
    /// Print the mail that Cognito would have sent, the newest first.
    Mail {
        /// To this address only.
        #[arg(long)]
        to: Option<String>,
        /// One line of JSON a letter.
        #[arg(long)]
        json: bool,
    },
    /// Print the environment file with which `sam local` points a function at the running account.
    Environment,
    /// Print a function's own credentials as lines for a shell: `eval "$(cargo run -q -p local -- credentials Documents)"`.
    Credentials {
        /// Its name in the template's outputs: Documents, Signup and so on.
        function: String,
    },
    /// Prove over the templates' text that no tenant reaches another's data; needs no account.
    Prove {
        /// A SAM or CloudFormation template; ours if none is named.
        #[arg(long = "template")]
        templates: Vec<std::path::PathBuf>,
        /// Prove the Cedar policies instead, and tell what they give and take since the release; needs cvc5.
        #[arg(long, conflicts_with = "templates")]
        cedar: bool,
        /// A folder of policies to compare with instead of the released ones, such as another checkout's shared/cedar.
        #[arg(long, requires = "cedar", conflicts_with = "accept")]
        against: Option<std::path::PathBuf>,
        /// One JSON line a finding instead of a table.
        #[arg(long)]
        json: bool,
        /// Write the permissions down as they now are: local/prover/permissions.txt, or shared/cedar/released.
        #[arg(long)]
        accept: bool,
    },
    /// Attack the account: every route with every token, every function's powers, signed URLs, lent roles.
    Attack {
        /// One JSON line a try instead of a table.
        #[arg(long)]
        json: bool,
        /// Make random requests too, as two tenants at once, for so long: 60s, 10m.
        #[arg(long, value_parser = attack::fuzz::duration)]
        fuzz: Option<Duration>,
    },
    /// Print the API's description (OpenAPI 3.1) as the routes make it: `openapi.json`.
    Openapi,
    /// Install the pinned tools (sam, cargo-lambda, cfn-lint) and print the folder that they are in.
    Tools,
}

/// What a program answers that was interrupted.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = account::runtime().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async { run(arguments.command, arguments.sessions, StopRequests::listen()?).await })
    });
    outcome.unwrap_or_else(|error: Box<dyn Error>| {
        tell(&mut io::stderr(), &format!("\nerror: {}", chain(error.as_ref())));
        ExitCode::FAILURE
    })
}

async fn run(
    command: Option<Command>,
    sessions: Option<Sessions>,
    mut stop: StopRequests,
) -> Result<ExitCode, Box<dyn Error>> {
    let options = Options { sessions, ..Options::default() };
    match command {
        None => {
            let Some(started) = stop.or(account::start(&options)).await else {
                return Ok(INTERRUPTED.into());
            };
            let running = started?;
            tell(&mut io::stdout(), &account::greeting(running.details()));
            tell(&mut io::stdout(), "Ctrl-C stops it.");
            stop.next().await;
            running.stop().await;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Story { json }) => {
            let title = "The story of a document of ben's";
            play(&options, stop, title, json, async |details, told| story::play(details, told).await).await
        }
        Some(Command::Signup { company, email, json }) => {
            let anybody = signup::Buyer::new();
            let buyer = signup::Buyer {
                company: company.unwrap_or(anybody.company),
                email: email.unwrap_or(anybody.email),
            };
            let title = format!("{} signs up", buyer.email);
            play(&options, stop, &title, json, async |details, told| {
                signup::play(details, &buyer, told).await
            })
            .await
        }
        Some(Command::Marketplace { command, json }) => {
            let details = account::running().await?;
            marketplace::run(&details, &command, json, &mut |text| tell(&mut io::stdout(), text)).await?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Metering(arguments)) => meter(&options, stop, &arguments).await,
        Some(Command::Tenant { command, json }) => {
            let details = account::running().await?;
            let mut print = |text: &str| tell(&mut io::stdout(), text);
            match stop.or(tenant::run(&details, &command, json, &mut print)).await {
                None => Ok(INTERRUPTED.into()),
                Some(done) => Ok(done.map(|()| ExitCode::SUCCESS)?),
            }
        }
        Some(Command::Mail { to, json }) => {
            let doors = Doors::of(&account::running().await?)?;
            let letters = mail::outbox(&doors, to.as_deref()).await?;
            if letters.is_empty() {
                tell(&mut io::stderr(), "no mail was sent");
            }
            for letter in letters {
                tell(&mut io::stdout(), &if json { letter.as_json() } else { letter.as_text() });
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Environment) => {
            let details = account::running().await?;
            tell(&mut io::stdout(), &account::sam_environment(&details).await?);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Credentials { function }) => {
            let details = account::running().await?;
            tell(&mut io::stdout(), &account::exports(&details, &function)?);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Prove { cedar: true, against, json, accept, .. }) => {
            let wanted = prove::cedar::Wanted { json, accept, against };
            let mut print = |text: &str| tell(&mut io::stdout(), text);
            match stop.or(prove::cedar::run(&wanted, &mut print)).await {
                None => Ok(INTERRUPTED.into()),
                Some(holds) => Ok(if holds? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            }
        }
        Some(Command::Prove { templates, json, accept, .. }) => {
            let wanted = prove::Wanted { templates, json, accept };
            let mut print = |text: &str| tell(&mut io::stdout(), text);
            match stop.or(prove::run(&options, &wanted, &mut print)).await {
                None => Ok(INTERRUPTED.into()),
                Some(holds) => Ok(if holds? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            }
        }
        Some(Command::Openapi) => {
            tell(&mut io::stdout(), shared::routes::openapi::file().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Attack { json, fuzz }) => attacked(&options, stop, json, fuzz).await,
        Some(Command::Tools) => {
            let Some(tools) = stop.or(account::tools(&options)).await else { return Ok(INTERRUPTED.into()) };
            tell(&mut io::stdout(), &tools?.display().to_string());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Plays something against the account that runs, or one of its own, and prints each step.
async fn play(
    options: &Options,
    mut stop: StopRequests,
    title: &str,
    json: bool,
    plot: impl AsyncFnOnce(&account::Details, &mut dyn FnMut(&story::Step)) -> Result<bool, story::StoryError>,
) -> Result<ExitCode, Box<dyn Error>> {
    let Some(held) = stop.or(account::start_or_join(options)).await else {
        return Ok(INTERRUPTED.into());
    };
    let held = held?;
    if !json {
        tell(&mut io::stdout(), &format!("\n  {title}\n"));
    }
    let mut told =
        |step: &story::Step| tell(&mut io::stdout(), &if json { step.as_json() } else { step.as_row() });
    let played = stop.or(plot(held.details(), &mut told)).await;
    held.release().await;
    Ok(match played.transpose()? {
        None => INTERRUPTED.into(),
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
    })
}

/// Shows metering in the account that runs, or, where that makes sense, in one of its own.
async fn meter(
    options: &Options,
    mut stop: StopRequests,
    arguments: &metering::command::Arguments,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut print = |text: &str| tell(&mut io::stdout(), text);
    let held = if arguments.starts_an_account() {
        let Some(held) = stop.or(account::start_or_join(options)).await else {
            return Ok(INTERRUPTED.into());
        };
        held?
    } else {
        account::Held::Joined(Box::new(account::running().await?))
    };
    let told = stop.or(metering::command::run(held.details(), arguments, &mut print)).await;
    held.release().await;
    Ok(match told.transpose()? {
        None => INTERRUPTED.into(),
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
    })
}

/// Attacks the account that runs, or one of its own; prints each part and whatever went wrong, or each try.
async fn attacked(
    options: &Options,
    mut stop: StopRequests,
    json: bool,
    fuzz: Option<Duration>,
) -> Result<ExitCode, Box<dyn Error>> {
    let Some(held) = stop.or(account::start_or_join(options)).await else {
        return Ok(INTERRUPTED.into());
    };
    let held = held?;
    let mut told = |told: attack::Told<'_>| match (told, json) {
        (attack::Told::Try(step), true) => tell(&mut io::stdout(), &step.as_json()),
        (attack::Told::Try(step), false) if !step.ok => tell(&mut io::stdout(), &step.as_row()),
        (attack::Told::Part(part), true) => tell(&mut io::stdout(), &part.as_json()),
        (attack::Told::Part(part), false) => tell(&mut io::stdout(), &part.as_row()),
        (attack::Told::Try(_), false) => {}
    };
    let attacked = stop.or(attack::run(held.details(), options, fuzz, &mut told)).await;
    held.release().await;
    Ok(match attacked.transpose()? {
        None => INTERRUPTED.into(),
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
    })
}

fn tell(mut to: impl Write, text: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(to, "{text}").and_then(|()| to.flush());
}
