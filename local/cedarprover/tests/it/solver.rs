//! Nothing is proved without a solver, or with one that cannot be believed.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use cedarprover::{Prover, ProverError};

use crate::{files, promises_of, prover};

/// A program that answers every question alike.
fn that_says(name: &str, answer: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let script = format!(
        "#!/bin/sh\nwhile read -r line; do case \"$line\" in *check-sat*) printf '{answer}\\n';; esac; done\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn refused(program: &Path) -> String {
    let Err(error) = Prover::with(program.to_str().unwrap()).await else {
        panic!("{} was believed", program.display())
    };
    error.to_string()
}

#[tokio::test]
async fn without_a_solver_nothing_is_proved_and_one_sentence_says_what_to_install() {
    let error = refused(Path::new("no-such-solver")).await;
    assert!(error.contains("there is no `no-such-solver` here: `apt install cvc5`"), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[tokio::test]
async fn a_solver_that_does_not_answer_is_not_believed() {
    assert_eq!(refused(Path::new("/bin/false")).await, "a question to the solver was not answered");
}

#[tokio::test]
async fn a_solver_that_agrees_with_everything_is_not_believed() {
    let error = refused(&that_says("agrees", "unsat")).await;
    assert_eq!(error, "the solver cannot be believed: it took a false claim for true");
}

#[tokio::test]
async fn a_solver_that_doubts_everything_or_does_not_know_is_not_believed() {
    let error = refused(&that_says("doubts", "sat\\n(\\n)")).await;
    assert!(error.contains("the solver"), "{error}");
    assert_eq!(refused(&that_says("shrugs", "unknown")).await, "a question to the solver was not answered");
}

#[tokio::test]
async fn a_solver_that_is_gone_in_the_middle_leaves_no_proof() {
    // Answers the two claims of the trial as the real one does, and then no more.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tires");
    let script = "#!/bin/sh\nasked=0\nwhile IFS= read -r line; do\n  case \"$line\" in *check-sat*) asked=$((asked+1));; esac\n  \
                  if [ $asked -gt 2 ]; then exit 0; fi\n  printf '%s\\n' \"$line\"\ndone | cvc5 \"$@\"\n";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut tiring = Prover::with(path.to_str().unwrap()).await.unwrap();
    let policies = cedarprover::Policies::parse(&files()).unwrap();
    let promises = promises_of(&policies);
    let error = cedarprover::prove(&mut tiring, &policies, &promises).await.unwrap_err();
    assert!(matches!(error, ProverError::Question(_)), "{error}");
    assert!(cedarprover::prove(&mut prover().await, &policies, &promises).await.unwrap().holds());
}
