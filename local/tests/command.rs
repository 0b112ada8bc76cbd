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
    for command in ["story", "signup", "marketplace", "tenant", "mail", "environment", "credentials", "tools"]
    {
        assert!(text.contains(command), "{command} is not in:\n{text}");
    }
}

#[test]
fn what_is_not_a_command_is_refused_before_anything_is_started() {
    assert!(!local(&["storey"]).unwrap().status.success());
    assert!(!local(&["story", "--yaml"]).unwrap().status.success());
    assert!(!local(&["tenant", "close"]).unwrap().status.success());
    assert!(!local(&["marketplace", "change", "arn", "explode"]).unwrap().status.success());
}
