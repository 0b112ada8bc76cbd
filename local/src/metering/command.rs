//! The commands with which a person sees metering at work, asks for the books, or measures a run.

use clap::{Args, Subcommand};
use shared::{
    clock::Clock,
    marketplace::ids::LicenseArn,
    metering::{Hour, Second},
};

use super::{
    Books, Faults, MeteringError,
    comparison::{HEAD, Row},
    play, scale,
};
use crate::account::Details;

/// What is wanted.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Let it be this time, such as 2026-12-01T00:20:00Z, for the aggregator and the Marketplace.
    #[arg(long)]
    at: Option<Second>,
    /// What goes wrong: words such as throttle:2,unprocessed,cut-after,kill-after:7.
    #[arg(long, default_value = "")]
    faults: Faults,
    /// One JSON line an hour and dimension instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

/// Other things than a play.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Show what was used, sealed, sent and billed, and whether that is the same; of all licences, or one.
    Ledger {
        /// This licence only.
        #[arg(long)]
        license: Option<LicenseArn>,
        /// From this hour on, such as 2026-11-22T10.
        #[arg(long)]
        from: Option<Hour>,
        /// Up to this hour.
        #[arg(long)]
        to: Option<Hour>,
    },
    /// Measure a run over many licences: time, calls, units of DynamoDB, memory.
    Scale {
        /// How many licences.
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        licenses: u32,
    },
}

impl Arguments {
    /// A play of faults, as `--at` and `--faults` say.
    #[must_use]
    pub fn of(at: Option<Second>, faults: Faults) -> Self {
        Self { command: None, at, faults, json: true }
    }

    /// One of the other commands, for a program to read.
    #[must_use]
    pub fn asking(command: Command) -> Self {
        Self { command: Some(command), at: None, faults: Faults::default(), json: true }
    }

    /// Whether an account may be started for it: what is asked of the books is asked of those that there are.
    #[must_use]
    pub fn starts_an_account(&self) -> bool {
        !matches!(self.command, Some(Command::Ledger { .. }))
    }
}

/// Does it, telling `tell` what a person, or with `--json` a program, wants to read; answers whether used, sealed and
/// billed agree.
///
/// # Errors
/// When it could not be done.
pub async fn run(
    details: &Details,
    arguments: &Arguments,
    tell: &mut dyn FnMut(&str),
) -> Result<bool, MeteringError> {
    let json = arguments.json;
    match &arguments.command {
        None => {
            let now = Second::from(Clock::system().now());
            let scene = play::Scene { at: arguments.at, now, faults: &arguments.faults };
            let played = play::play(details, &scene, &mut |line| {
                if !json {
                    tell(line);
                }
            })
            .await?;
            let agrees = told(&played.rows, json, tell);
            if json {
                tell(&played.as_json(agrees));
            }
            Ok(agrees)
        }
        Some(Command::Ledger { license, from, to }) => {
            if from.zip(*to).is_some_and(|(from, to)| from > to) {
                return Err(MeteringError::NoHours);
            }
            let books = Books::of(details).await?;
            let licenses = match license {
                Some(license) => vec![(license.clone(), books.tenant_of(license).await?)],
                None => books.licenses().await?,
            };
            let mut rows = Vec::new();
            for (license, tenant) in licenses {
                rows.extend(books.account(tenant, &license).await?.rows(books.dimensions()));
            }
            rows.retain(|row| {
                from.is_none_or(|from| row.hour >= from)
                    && to.is_none_or(|to| row.hour <= to)
                    && license.as_ref().is_none_or(|license| row.license == license.as_str())
            });
            Ok(told(&rows, json, tell))
        }
        Some(Command::Scale { licenses }) => {
            let measured = scale::measure(details, *licenses, &mut |line| {
                if !json {
                    tell(line);
                }
            })
            .await?;
            tell(&if json { measured.as_json() } else { measured.as_text() });
            Ok(measured.agrees())
        }
    }
}

/// Tells the rows; whether all agree whose hour is over.
fn told(rows: &[Row], json: bool, tell: &mut dyn FnMut(&str)) -> bool {
    if !json {
        tell(HEAD);
    }
    for row in rows {
        tell(&if json { row.as_json() } else { row.as_line() });
    }
    rows.iter().all(|row| row.agrees || row.is_open())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(words: &str) -> Option<Arguments> {
        let words = std::iter::once("metering").chain(words.split_whitespace());
        Line::try_parse_from(words).ok().map(|line| line.arguments)
    }

    #[test]
    fn a_play_has_a_time_and_faults_and_the_books_are_asked_without() {
        assert!(parsed("").is_some() && parsed("--json").is_some_and(|arguments| arguments.json));
        assert!(parsed("--at 2026-12-01T00:20:00Z --faults throttle:2,kill-after:7").is_some());
        assert!(parsed("ledger --json --from 2026-11-22T10 --to 2026-11-22T11").is_some());
        assert!(parsed("scale --licenses 10").is_some());
        for wrong in [
            "--at noon",
            "--faults explode",
            "ledger --from 10",
            "scale --licenses 0",
            "--at 2026-12-01T00:20:00Z ledger",
        ] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }
}
