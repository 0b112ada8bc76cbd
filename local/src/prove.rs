//! Proves tenant isolation over the templates: reads them, asks the prover, and tells what it found.
//!
//! Needs no account and starts none: only the Python packages that expand a template and that list IAM's actions.

pub mod cedar;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use prover::{Difference, Input, Naming, Place, Promises, Proof, Stack, World};
use tokio::process::Command;

use crate::account::{self, AccountError, Options};
use crate::paths::Paths;

/// How long reading the templates may take; it takes 2 s.
const READING_MAX: Duration = Duration::from_secs(120);
/// What is proved when nothing is named.
const TEMPLATES: [&str; 2] = ["template.yaml", "template-seller.yaml"];
/// The declared list and the snapshot, beside the prover; and how both differ where callers' tokens decide.
const PROMISES: &str = "local/prover/promises.toml";
const PERMISSIONS: &str = "local/prover/permissions.txt";
const PROMISES_BY_TOKEN: &str = "local/prover/promises-token.toml";
const PERMISSIONS_BY_TOKEN: &str = "local/prover/permissions-token.txt";

/// What to prove, and how to tell.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// SAM or CloudFormation templates; none means ours. A file named as one of ours is held to what is declared of ours.
    pub templates: Vec<PathBuf>,
    /// One JSON line a finding instead of a table.
    pub json: bool,
    /// Takes the permissions as they now are for the snapshot that later ones are compared with.
    pub accept: bool,
}

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The Python packages cannot be had.
    #[error("the packages that read templates cannot be installed")]
    Packages(#[from] AccountError),
    /// A file that cannot be read or written.
    #[error("`{path}` cannot be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The script that expands templates did not answer.
    #[error("the templates cannot be expanded: {0}")]
    Expansion(String),
    /// The script answered something else.
    #[error("what the templates expand to cannot be read")]
    Answer(#[from] serde_json::Error),
    /// The declared list.
    #[error("the declared list is wrong")]
    Promises(#[from] prover::PromisesError),
    /// A template.
    #[error("a template cannot be proved")]
    Template(#[from] prover::TemplateError),
}

/// Proves, and prints what came of it; `false` if there is a counterexample, a stale line or a change that nobody accepted.
///
/// # Errors
/// Says what is missing; nothing was proved then.
pub async fn run(
    options: &Options,
    wanted: &Wanted,
    print: &mut (dyn FnMut(&str) + Send),
) -> Result<bool, ProveError> {
    let paths = Paths::of_this_checkout();
    let is_ours = wanted.templates.is_empty();
    let templates = &asked_about(&paths, &wanted.templates);
    let promises = declared(&paths)?;
    let input = read(options, templates).await?;
    let begun = Instant::now();
    let proof = proved(templates, &input, &promises)?;
    let actions = input.services.actions();
    let snapshot = paths.root().join(PERMISSIONS);
    let mut told = |proof: &Proof, permissions: &str, snapshot: &Path, begun: Instant| {
        let differences = match (is_ours, wanted.accept) {
            (false, _) => Vec::new(),
            (true, true) => {
                std::fs::write(snapshot, permissions).map_err(file(snapshot))?;
                Vec::new()
            }
            (true, false) => {
                prover::difference(&std::fs::read_to_string(snapshot).unwrap_or_default(), permissions)
            }
        };
        if wanted.json {
            as_lines(proof, &differences, begun.elapsed(), print);
        } else {
            print(&as_table(proof, permissions, &differences, is_ours, begun.elapsed(), actions));
        }
        Ok::<_, ProveError>(proof.holds() && differences.is_empty())
    };
    let mut holds = told(&proof, &proof.permissions, &snapshot, begun)?;
    if all_ours(templates) {
        let begun = Instant::now();
        let by_token = proved(templates, &input, &declared_by_token(&paths, promises)?)?;
        let permissions = otherwise(&proof, &by_token);
        holds &= told(&by_token, &permissions, &paths.root().join(PERMISSIONS_BY_TOKEN), begun)?;
    }
    Ok(holds)
}

/// What a proof's permissions are, as the difference from those of another: a line each.
#[must_use]
pub fn otherwise(from: &Proof, proof: &Proof) -> String {
    let mut lines: Vec<String> =
        prover::difference(&from.permissions, &proof.permissions).iter().map(as_text).collect();
    lines.sort_by_key(|line| line.get(2..).map(str::to_owned));
    lines.join("\n") + "\n"
}

/// Templates, expanded, and IAM's list of actions.
///
/// # Errors
/// As [`run`].
pub async fn read(options: &Options, templates: &[PathBuf]) -> Result<Input, ProveError> {
    let programs = account::prover(options).await?;
    let mut command = Command::new(programs.join("python"));
    command.args(["-c", prover::EXPAND]).args(templates).kill_on_drop(true);
    let answer = tokio::time::timeout(READING_MAX, command.output()).await;
    let answer = answer.map_err(|_| ProveError::Expansion(format!("no answer in {READING_MAX:?}")))?;
    let answer = answer.map_err(|error| ProveError::Expansion(error.to_string()))?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr);
        let last = said.lines().last().unwrap_or("it said nothing").to_owned();
        return Err(ProveError::Expansion(last));
    }
    Ok(serde_json::from_slice(&answer.stdout)?)
}

/// The templates to read: those that were named; and if they are ours by name, the rest of ours with them, since what is
/// declared is declared of all together.
fn asked_about(paths: &Paths, named: &[PathBuf]) -> Vec<PathBuf> {
    let is = |path: &Path, name: &str| path.file_name().is_some_and(|file| file == name);
    if !named.iter().all(|path| TEMPLATES.iter().any(|name| is(path, name))) {
        return named.to_vec();
    }
    let one = |name: &str| named.iter().find(|path| is(path, name)).cloned();
    TEMPLATES.iter().map(|name| one(name).unwrap_or_else(|| paths.root().join(name))).collect()
}

/// What is declared of our templates.
fn declared(paths: &Paths) -> Result<Promises, ProveError> {
    let path = paths.root().join(PROMISES);
    let text = std::fs::read_to_string(&path).map_err(file(&path))?;
    Ok(Promises::parse(&text)?)
}

/// The same where callers' tokens decide.
fn declared_by_token(paths: &Paths, promises: Promises) -> Result<Promises, ProveError> {
    let path = paths.root().join(PROMISES_BY_TOKEN);
    let text = std::fs::read_to_string(&path).map_err(file(&path))?;
    Ok(promises.overlaid_by(&text)?)
}

/// Whether they are ours, by name.
fn all_ours(templates: &[PathBuf]) -> bool {
    let is_ours =
        |path: &PathBuf| TEMPLATES.iter().any(|name| path.file_name().is_some_and(|file| file == *name));
    templates.iter().all(is_ours)
}

/// Proves expanded templates: together, if they are ours by name; held to nothing declared otherwise.
fn proved(templates: &[PathBuf], input: &Input, promises: &Promises) -> Result<Proof, ProveError> {
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut stacks = Vec::new();
    let mut all_declared = true;
    for (path, template) in templates.iter().zip(&input.templates) {
        let put = promises.stack.iter().find(|put| put.template == name(path));
        all_declared &= put.is_some();
        let place = match put {
            Some(put) => Place {
                name: put.name.clone(),
                account: put.account.clone(),
                region: put.region.clone(),
                parameters: put.parameters.clone(),
            },
            None => Place {
                name: "stack".to_owned(),
                account: "111111111111".to_owned(),
                region: "us-east-1".to_owned(),
                parameters: std::collections::BTreeMap::new(),
            },
        };
        stacks.push(Stack::new(place, template.clone())?);
    }
    let world = World::of(&stacks)?;
    let nothing = Promises::none(Naming::default());
    Ok(prover::prove(&world, if all_declared { promises } else { &nothing }, &input.services)?)
}

fn as_lines(proof: &Proof, differences: &[Difference], took: Duration, print: &mut (dyn FnMut(&str) + Send)) {
    for one in &proof.counterexamples {
        print(&one.json());
    }
    for stale in &proof.stale {
        print(&serde_json::json!({ "stale": stale }).to_string());
    }
    for difference in differences {
        let line = match difference {
            Difference::More(line) => serde_json::json!({ "more": line }),
            Difference::Less(line) => serde_json::json!({ "less": line }),
        };
        print(&line.to_string());
    }
    let summary = serde_json::json!({
        "proved": proof.holds() && differences.is_empty(), "questions": proof.questions,
        "sessions": proof.sessions, "counterexamples": proof.counterexamples.len(),
        "seconds": (took.as_secs_f64() * 10.0).round() / 10.0,
    });
    print(&summary.to_string());
}

fn as_table(
    proof: &Proof,
    permissions: &str,
    differences: &[Difference],
    is_ours: bool,
    took: Duration,
    actions: usize,
) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "\n{}", permissions.trim_end());
    for (title, lines) in [
        ("Counterexamples", proof.counterexamples.iter().map(prover::Counterexample::sentence).collect()),
        ("Declared, and not so", proof.stale.clone()),
        ("Not as in the snapshot", differences.iter().map(as_text).collect::<Vec<_>>()),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{title}:\n  {}", lines.join("\n  "));
        }
    }
    if !differences.is_empty() {
        let _ = writeln!(text, "\nIf that is meant, write it down: cargo run -p local -- prove --accept");
    }
    let verdict = match (proof.counterexamples.len(), is_ours) {
        (0, _) if proof.holds() && differences.is_empty() => "It holds".to_owned(),
        (0, _) => "No counterexample, and yet not as it is written down".to_owned(),
        (1, _) => "1 counterexample".to_owned(),
        (count, _) => format!("{count} counterexamples"),
    };
    let _ = write!(
        text,
        "\n{verdict}: {} questions about {} sessions and {actions} actions in {:.1} s.",
        with_commas(proof.questions),
        proof.sessions,
        took.as_secs_f64()
    );
    text
}

fn as_text(difference: &Difference) -> String {
    match difference {
        Difference::More(line) => format!("+ {line}"),
        Difference::Less(line) => format!("- {line}"),
    }
}

/// 1,234,567.
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let count = digits.len();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (count - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> ProveError + use<> {
    let path = path.to_owned();
    move |source| ProveError::File { path, source }
}
