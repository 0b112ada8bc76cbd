//! The command as a person types it, without an account: what it offers, and what it refuses.

use std::{
    io,
    process::{Command, Output},
};

fn local(arguments: &[&str]) -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_local")).args(arguments).output()
}

#[test]
fn help_names_every_command() {
    let help = local(&["--help"]).unwrap();
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for command in [
        "story",
        "signup",
        "marketplace",
        "metering",
        "tenant",
        "mail",
        "environment",
        "credentials",
        "prove",
        "attack",
        "openapi",
        "tools",
    ] {
        assert!(text.contains(command), "{command} is not in:\n{text}");
    }
}

#[test]
fn what_is_not_a_command_is_refused_before_anything_is_started() {
    assert!(!local(&["storey"]).unwrap().status.success());
    assert!(!local(&["story", "--yaml"]).unwrap().status.success());
    assert!(!local(&["tenant", "close"]).unwrap().status.success());
    assert!(!local(&["marketplace", "change", "arn", "explode"]).unwrap().status.success());
    assert!(!local(&["prove", "--cedar", "--template", "template.yaml"]).unwrap().status.success());
}

#[test]
fn the_policies_are_proved_and_told_as_a_table_or_as_lines() {
    let table = local(&["prove", "--cedar"]).unwrap();
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(table.status.success(), "{text}{}", String::from_utf8_lossy(&table.stderr));
    assert!(text.contains("kept    only administrators transfer ownership"), "{text}");
    let lines = local(&["prove", "--cedar", "--json"]).unwrap();
    assert!(lines.status.success());
    let text = String::from_utf8(lines.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["proved"], true, "{text}");
}

#[test]
fn without_the_solver_no_policy_is_proved_and_it_says_what_to_install() {
    let refused = Command::new(env!("CARGO_BIN_EXE_local"))
        .args(["prove", "--cedar"])
        .env("CVC5", "/no/such/solver")
        .output()
        .unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(said.contains("`apt install cvc5`"), "{said}");
}
