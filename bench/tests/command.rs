//! The command line, as `.ci/run` and people call it.

use std::process::Command;

#[test]
fn the_gate_says_what_is_missing_and_how_to_have_it() {
    let folder = std::env::temp_dir().join("no-functions-here");
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["gate", "--functions"])
        .arg(&folder)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("no-functions-here/documents/bootstrap is not built"), "{said}");
    assert!(said.contains("cargo run -p local"), "{said}");
}
