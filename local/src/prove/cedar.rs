//! Proves the Cedar policies of the product, and tells what they give and take since they were released.
//!
//! Needs no account, only the solver cvc5. What is released lies in `shared/cedar/released`: what tenants' stores hold.

use std::{
    fmt::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use cedarprover::{
    Change, Files, FilesError, Policies, PoliciesError, Promises, PromisesError, Proof, Prover, ProverError,
};

use crate::paths::Paths;

/// The policies, what is promised of them, and what is released.
const POLICIES: &str = "shared/cedar";
const PROMISES: &str = "shared/cedar/promises.cedar";
const RELEASED: &str = "shared/cedar/released";

/// Why nothing was proved.
#[derive(Debug, thiserror::Error)]
pub enum CedarError {
    /// A file.
    #[error("the policies cannot be read or written")]
    Files(#[from] FilesError),
    /// The policies.
    #[error("no store should take the policies")]
    Policies(#[source] PoliciesError),
    /// The policies that are released.
    #[error("the released policies cannot be compared with")]
    Released(#[source] PoliciesError),
    /// The promises.
    #[error("the promises cannot be proved")]
    Promises(#[from] PromisesError),
    /// The solver.
    #[error(transparent)]
    Prover(#[from] ProverError),
}

/// What to prove, and how to tell.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// One JSON line a finding instead of a table.
    pub json: bool,
    /// Takes policies that keep their promises for the released ones.
    pub accept: bool,
    /// A folder of policies to compare with instead of the released ones.
    pub against: Option<PathBuf>,
}

/// Proves, and prints what came of it; `false` if a promise is broken, or a permission was gained or lost that nobody
/// accepted.
///
/// # Errors
/// Says what is missing; nothing was proved then.
pub async fn run(wanted: &Wanted, print: &mut (dyn FnMut(&str) + Send)) -> Result<bool, CedarError> {
    let root = Paths::of_this_checkout().root().to_owned();
    let released = root.join(RELEASED);
    let files = Files::read(&root.join(POLICIES))?;
    let policies = Policies::parse(&files).map_err(CedarError::Policies)?;
    let promises = Promises::read(&root.join(PROMISES), &policies)?;
    let mut prover = Prover::start().await?;
    let begun = Instant::now();
    let proof = cedarprover::prove(&mut prover, &policies, &promises).await?;
    if wanted.accept && proof.holds() {
        files.write(&released)?;
    }
    let released = Files::read(wanted.against.as_ref().unwrap_or(&released))?;
    let released = Policies::parse(&released).map_err(CedarError::Released)?;
    let changes = cedarprover::compare(&mut prover, &released, &policies).await?;
    let took = begun.elapsed();
    if wanted.json {
        as_lines(&proof, &changes, prover.questions(), took, print);
    } else {
        print(&as_table(&proof, &changes, prover.questions(), took));
    }
    Ok(proof.holds() && changes.is_empty())
}

fn as_lines(
    proof: &Proof,
    changes: &[Change],
    (questions, solved): (u64, u64),
    took: Duration,
    print: &mut (dyn FnMut(&str) + Send),
) {
    for held in &proof.held {
        let broken: Vec<String> = held.broken.iter().map(ToString::to_string).collect();
        print(
            &serde_json::json!({ "promise": held.promise, "kept": broken.is_empty(), "broken": broken })
                .to_string(),
        );
    }
    for change in changes {
        let line = match change {
            Change::Gained(case) => serde_json::json!({ "gained": case.to_string() }),
            Change::Lost(case) => serde_json::json!({ "lost": case.to_string() }),
        };
        print(&line.to_string());
    }
    let summary = serde_json::json!({
        "proved": proof.holds() && changes.is_empty(), "questions": questions, "solved": solved,
        "seconds": (took.as_secs_f64() * 10.0).round() / 10.0,
    });
    print(&summary.to_string());
}

fn as_table(proof: &Proof, changes: &[Change], (questions, solved): (u64, u64), took: Duration) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "\nFor every request, every entity and every share that there could be:");
    for held in &proof.held {
        let _ = writeln!(
            text,
            "  {}  {}",
            if held.broken.is_empty() { "kept  " } else { "BROKEN" },
            held.promise
        );
        for case in &held.broken {
            let _ = writeln!(text, "            {case}");
        }
    }
    if !changes.is_empty() {
        let _ = writeln!(text, "\nSince the release, a case of each kind of request:");
        for change in changes {
            let _ = writeln!(text, "  {change}");
        }
        let _ =
            writeln!(text, "If that is meant, write it down: cargo run -p local -- prove --cedar --accept");
    }
    let verdict = match (proof.holds(), changes.is_empty()) {
        (true, true) => "It holds, and nothing was gained or lost since the release",
        (true, false) => "It holds, and yet not as it was released",
        (false, _) => "It does not hold",
    };
    let _ = write!(
        text,
        "\n{verdict}: {questions} questions, {solved} of them for the solver, in {:.1} s.",
        took.as_secs_f64()
    );
    text
}
