//! `cargo run -p local`: wiring only; what it wires is in the library.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use local::{
    Progress,
    account::{self, Options, StopRequests},
    story,
};

/// The local AWS account: the real template on this machine.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
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
    /// Print the environment file with which `sam local` points a function at the running account.
    Environment,
    /// Print a function's own credentials as lines for a shell: `eval "$(cargo run -q -p local -- credentials Documents)"`.
    Credentials {
        /// Documents, Shares, Uploads or Deletions.
        function: String,
    },
    /// Install the pinned tools (sam, cargo-lambda, cfn-lint) and print the folder that they are in.
    Tools,
}

/// What a program answers that was interrupted.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = account::runtime().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async { run(arguments.command, StopRequests::listen()?).await })
    });
    outcome.unwrap_or_else(|error: Box<dyn Error>| {
        tell(&mut io::stderr(), &format!("\nerror: {}", chain(error.as_ref())));
        ExitCode::FAILURE
    })
}

async fn run(command: Option<Command>, mut stop: StopRequests) -> Result<ExitCode, Box<dyn Error>> {
    let options = Options { progress: Progress::shown() };
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
            let Some(held) = stop.or(account::start_or_join(&options)).await else {
                return Ok(INTERRUPTED.into());
            };
            let held = held?;
            if !json {
                tell(&mut io::stdout(), "\n  The story of a document of ben's\n");
            }
            let told = story::play(held.details(), |step| {
                tell(&mut io::stdout(), &if json { step.as_json() } else { step.as_row() });
            });
            let played = stop.or(told).await;
            held.release().await;
            Ok(match played.transpose()? {
                None => INTERRUPTED.into(),
                Some(true) => ExitCode::SUCCESS,
                Some(false) => ExitCode::FAILURE,
            })
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
        Some(Command::Tools) => {
            let Some(tools) = stop.or(account::tools(&options)).await else { return Ok(INTERRUPTED.into()) };
            tell(&mut io::stdout(), &tools?.display().to_string());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn tell(mut to: impl Write, text: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(to, "{text}").and_then(|()| to.flush());
}
