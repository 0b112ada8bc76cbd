//! The Python programs that the account is made of, in virtual environments under `target/local`.
//!
//! Two of them, because their needs contradict: ministack pins one version of botocore, and the SAM CLI
//! brings another with boto3. Each is installed from a list of exact versions, and kept until that list, or
//! the Python that it was made with, changes.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::AccountError;
use crate::{paths::Paths, process, progress::Progress};

/// What is installed, beside what it needs itself.
struct Environment {
    folder: &'static str,
    title: &'static str,
    packages: &'static [&'static str],
    constraints: &'static str,
}

const ENGINE: Environment = Environment {
    folder: "engine",
    title: "engine packages (ministack)",
    packages: &["ministack==1.5.33", "aws-sam-translator==1.115.0", "cryptography==50.0.2"],
    constraints: include_str!("engine-constraints.txt"),
};

const TOOLS: Environment = Environment {
    folder: "tools",
    title: "tool packages (sam, cargo-lambda)",
    packages: &["aws-sam-cli==1.170.0", "cargo-lambda==1.9.2", "cfn-lint==1.58.0", "ziglang==0.17.1"],
    constraints: include_str!("tools-constraints.txt"),
};

const PROVER: Environment = Environment {
    folder: "prover",
    title: "prover packages (aws-sam-translator, policy_sentry)",
    packages: &["aws-sam-translator==1.115.0", "policy_sentry==0.15.2"],
    constraints: include_str!("prover-constraints.txt"),
};

const FUZZER: Environment = Environment {
    folder: "fuzzer",
    title: "fuzzer packages (schemathesis)",
    packages: &["schemathesis==4.32.5"],
    constraints: include_str!("fuzzer-constraints.txt"),
};

/// Names under which a Python may be found, the likeliest first.
const PYTHONS: [&str; 7] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];

/// Says the version, and fails when it is too old or could not make an environment.
const CHECK: &str =
    "import sys, venv, ensurepip; print(sys.version); sys.exit(0 if sys.version_info >= (3, 10) else 1)";

/// The folder of the engine's programs; made if it is not there.
pub(super) async fn engine(paths: &Paths, progress: Progress) -> Result<PathBuf, AccountError> {
    ready(paths, progress, &ENGINE).await
}

/// The folder of the tools' programs; made if it is not there.
pub(super) async fn tools(paths: &Paths, progress: Progress) -> Result<PathBuf, AccountError> {
    ready(paths, progress, &TOOLS).await
}

/// The folder of the programs that read templates for the prover; made if it is not there.
pub(super) async fn prover(paths: &Paths, progress: Progress) -> Result<PathBuf, AccountError> {
    ready(paths, progress, &PROVER).await
}

/// The folder of the programs that make random requests; made if it is not there.
pub(super) async fn fuzzer(paths: &Paths, progress: Progress) -> Result<PathBuf, AccountError> {
    ready(paths, progress, &FUZZER).await
}

async fn ready(paths: &Paths, progress: Progress, wanted: &Environment) -> Result<PathBuf, AccountError> {
    let folder = paths.local(wanted.folder);
    let programs = folder.join("bin");
    let stamp = folder.join("strongroom-stamp");
    let content = format!("{}\n{}\n{}", folder.display(), wanted.packages.join("\n"), wanted.constraints);
    let works = programs.join("python").exists();
    if works && tokio::fs::read_to_string(&stamp).await.is_ok_and(|found| found == content) {
        return Ok(programs);
    }
    let step = progress.step(wanted.title);
    let python = find().await?;
    let log = paths.local(&format!("{}-install.log", wanted.folder));
    let failed = |source| AccountError::Program { step: "could not install the python packages", source };
    let mut make = Command::new(python);
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    process::run(&mut make, &log, &step).await.map_err(failed)?;
    let constraints = folder.join("constraints.txt");
    tokio::fs::write(&constraints, wanted.constraints).await.map_err(AccountError::file(&constraints))?;
    let mut install = Command::new(programs.join("python"));
    install
        .args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--no-compile",
            // Its log is what a person sees of it, a line at a time.
            "--progress-bar",
            "off",
            "--constraint",
        ])
        .arg(&constraints)
        .args(wanted.packages);
    process::run(&mut install, &log, &step).await.map_err(failed)?;
    // Last, so that an interrupted installation is begun again.
    tokio::fs::write(&stamp, content).await.map_err(AccountError::file(&stamp))?;
    step.done("");
    Ok(programs)
}

async fn find() -> Result<&'static str, AccountError> {
    for name in PYTHONS {
        let asked = Command::new(name).args(["-c", CHECK]).output().await;
        if asked.is_ok_and(|answer| answer.status.success()) {
            return Ok(name);
        }
    }
    Err(AccountError::NoPython)
}

/// `PATH` with `programs` before everything else.
pub(super) fn path_with(programs: &Path) -> std::ffi::OsString {
    let mut folders = vec![programs.to_owned()];
    for (name, value) in std::env::vars_os() {
        if name == "PATH" {
            folders.extend(std::env::split_paths(&value));
        }
    }
    // A folder with a colon in its name cannot be in a PATH; the plain one is then the best there is.
    std::env::join_paths(folders).unwrap_or_else(|_| programs.as_os_str().to_owned())
}
