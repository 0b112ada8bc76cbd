//! The evaluator beside another one: generated policies, requests, tags and conditions, and the same decision of both.
//!
//! The other is `@cloud-copilot/iam-simulate`, installed in its pinned version under `target/local` and run as a
//! program of its own; nothing of it is linked or kept here. `STRONGROOM_ORACLE_CASES` says how many cases (5,000
//! without it), `STRONGROOM_ORACLE_SEED` which (1 without it).
//!
//! Cases that ours calls undecidable have no decision to compare; how many there may be is bounded.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed; clippy.toml allows it in test functions, and these are their parts"
)]

mod cases;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cases::{Case, Dice};

const CASES: u64 = 5_000;

#[test]
fn another_evaluator_decides_the_same() {
    let cases = given("STRONGROOM_ORACLE_CASES", CASES);
    let mut dice = Dice::of(given("STRONGROOM_ORACLE_SEED", 1));
    let cases: Vec<Case> = (0..cases).map(|_| Case::rolled(&mut dice)).collect();
    let ours: Vec<Option<&str>> = cases.iter().map(Case::decided).collect();
    let theirs = answers(&cases);
    assert_eq!(theirs.len(), cases.len(), "an answer a case");
    let mut counts = std::collections::BTreeMap::new();
    let (mut differences, mut known) = (Vec::new(), Vec::new());
    for ((case, ours), theirs) in cases.iter().zip(&ours).zip(&theirs) {
        let class = match (ours, case.beside_known_difference()) {
            (None, _) => "undecidable to ours",
            (Some(ours), _) if ours == theirs => "the same",
            (Some(ours), Some(beside)) => {
                known.push((beside, *ours));
                "known to differ"
            }
            (Some(ours), None) => {
                differences.push(format!("ours {ours}, theirs {theirs}: {}", case.json()));
                "different"
            }
        };
        *counts.entry((class, *theirs == "Allowed")).or_insert(0_u64) += 1;
    }
    // What is known to differ does so for the known reason only.
    let beside: Vec<Case> = known.iter().map(|(beside, _)| beside.clone()).collect();
    for ((beside, ours), theirs) in known.iter().zip(answers(&beside)) {
        if beside.decided() != Some(*ours) || theirs != *ours {
            differences.push(format!("ours {ours}, theirs {theirs}: {}", beside.json()));
        }
    }
    println!("{counts:#?}");
    assert!(
        differences.is_empty(),
        "{} differ, such as:\n{}",
        differences.len(),
        differences[..differences.len().min(5)].join("\n")
    );
    let all = u64::try_from(cases.len()).unwrap();
    let of = |class: &str| {
        counts.iter().filter(|((one, _), _)| *one == class).map(|(_, count)| count).sum::<u64>()
    };
    assert!(of("the same") * 10 > all * 8, "too few could be compared: {counts:#?}");
    assert!(
        counts.get(&("the same", true)).is_some_and(|count| count * 20 > all),
        "too few are allowed: {counts:#?}"
    );
}

#[expect(clippy::disallowed_methods, reason = "how much to test is the caller's to say")]
fn given(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

/// What the other evaluator answers, case by case.
fn answers(cases: &[Case]) -> Vec<String> {
    let folder = installed();
    let mut program = Command::new("node")
        .arg("answer.mjs")
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs Node.js (`node`, version 20 or later): {error}"));
    let mut input = program.stdin.take().unwrap();
    let lines: String = cases.iter().map(|case| format!("{}\n", case.json())).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "the other evaluator failed");
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim().to_owned()).collect()
}

/// The folder of the other evaluator, installed if it is not there.
fn installed() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.ancestors().nth(2).unwrap().join("target/local/oracle");
    std::fs::create_dir_all(&folder).unwrap();
    let wanted = include_str!("package.json");
    std::fs::write(folder.join("answer.mjs"), include_str!("answer.mjs")).unwrap();
    let stamp = folder.join("strongroom-stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return folder;
    }
    std::fs::write(folder.join("package.json"), wanted).unwrap();
    let done = Command::new("npm")
        .args([
            "install",
            "--no-package-lock",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(&folder)
        .status()
        .unwrap_or_else(|error| panic!("this test needs Node.js with npm: {error}"));
    assert!(done.success(), "the other evaluator cannot be installed");
    std::fs::write(stamp, wanted).unwrap();
    folder
}
