//! `cargo run --release -p bench`: wiring only; what it wires is in the library.

use std::{
    error::Error,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use bench::{gate, report, scale};
use clap::{Parser, Subcommand};
use shared::problem::chain;

/// What the functions cost: start, warm request, round trips, scale.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    report: report::Arguments,
}

#[derive(Subcommand)]
enum Command {
    /// Fail if a function needs more instructions or round trips than bench/baseline.json says.
    Gate(gate::Arguments),
    /// Show how latency, calls and memory grow with tenants and shares, in the local account.
    Scale(scale::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    outcome.unwrap_or_else(|error: Box<dyn Error>| {
        tell(&mut io::stderr(), &format!("\nerror: {}", chain(error.as_ref())));
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut print = |text: &str| tell(&mut io::stdout(), text);
    match arguments.command {
        None => {
            let mut told = |text: &str| tell(&mut io::stderr(), text);
            report::run(root, &arguments.report, &mut print, &mut told).await?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Gate(arguments)) => Ok(said(gate::run(root, &arguments, &mut print).await?)),
        Some(Command::Scale(arguments)) => Ok(said(scale::run(&arguments, &mut print).await?)),
    }
}

fn said(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(mut to: impl Write, text: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(to, "{text}").and_then(|()| to.flush());
}
