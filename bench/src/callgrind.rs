//! Counting a process's instructions: the figure that does not depend on how busy the machine is.
//!
//! Valgrind runs the program on a processor of its own making, which has no SHA instructions: signatures look dearer
//! than they are. That is the same for whatever is compared.

use std::{fs, path::Path};

use hyper::body::Bytes;

use crate::process::{Process, ProcessError, Program};

/// At most so many times slower than by itself is what valgrind runs.
const SLOWER: u32 = 60;

/// The instructions could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// The process did not do what it should.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Valgrind wrote no sum.
    #[error("valgrind wrote no sum of instructions: {0}")]
    NoSum(String),
}

/// Whether valgrind is on this machine.
pub(crate) async fn is_there() -> bool {
    let version = tokio::process::Command::new("valgrind").arg("--version").output().await;
    version.is_ok_and(|output| output.status.success())
}

/// The instructions of a process from its start to the poll after `invocations` events, its end included.
pub(crate) async fn count(
    program: &Program,
    event: &Bytes,
    expected: &str,
    invocations: u32,
) -> Result<u64, CountError> {
    let out = program.log.with_extension(format!("callgrind.{invocations}"));
    let under = under_valgrind(program, &out);
    let (mut process, _) = Process::start(&under).await?;
    for _ in 0..invocations {
        process.invoke(event, expected).await?;
    }
    process.stop().await?;
    let written = fs::read_to_string(&out).unwrap_or_default();
    let sum = written
        .lines()
        .find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")))
        .and_then(|sum| sum.trim().parse().ok());
    sum.ok_or_else(|| CountError::NoSum(out.display().to_string()))
}

fn under_valgrind(program: &Program, out: &Path) -> Program {
    let mut command: Vec<String> = ["valgrind", "--tool=callgrind", "--quiet"].map(str::to_owned).into();
    command.push(format!("--callgrind-out-file={}", out.display()));
    command.extend(program.command.iter().cloned());
    let mut environment = program.environment.clone();
    // Else it gives up connections that are not open in a second, and opens them again.
    environment.push(("PATIENCE".to_owned(), SLOWER.to_string()));
    Program { command, environment, log: out.with_extension("log") }
}
