//! The stage `local` of `samconfig.toml`, with what only this start knows added to it.
//!
//! Overrides on the command line would replace those of the stage instead of joining them, and everybody on
//! the machine could read them. So `sam deploy` is given a copy of the file whose stage `local` says more.

use std::path::PathBuf;

use super::AccountError;
use crate::paths::Paths;

/// The table of the stage, and the line of it that grows.
const STAGE: &str = "[local.deploy.parameters]";
const OVERRIDES: &str = "parameter_overrides = \"";

/// Writes the copy, readable by nobody else, and answers where.
pub(super) fn with(paths: &Paths, added: &[(&str, &str)]) -> Result<PathBuf, AccountError> {
    let source = paths.root().join("samconfig.toml");
    let text = std::fs::read_to_string(&source).map_err(AccountError::file(&source))?;
    let path = paths.own("samconfig.toml");
    Paths::write_private(&path, with_overrides(&text, added)?.as_bytes())
        .map_err(AccountError::file(&path))?;
    Ok(path)
}

/// `samconfig` with `added` at the end of the stage's overrides, where the last of two with one name counts.
fn with_overrides(samconfig: &str, added: &[(&str, &str)]) -> Result<String, AccountError> {
    let wrong = |what: String| Err(AccountError::Stage(what));
    if let Some((name, _)) = added.iter().find(|(_, value)| !needs_no_quotes(value)) {
        return wrong(format!("the value of {name} would need quotes"));
    }
    let mut lines = Vec::new();
    let (mut in_stage, mut grown) = (false, 0);
    for line in samconfig.lines() {
        if line.starts_with('[') {
            in_stage = line.trim_end() == STAGE;
        }
        let overrides = line.strip_prefix(OVERRIDES).and_then(|rest| rest.trim_end().strip_suffix('"'));
        match overrides.filter(|_| in_stage) {
            None => lines.push(line.to_owned()),
            Some(overrides) => {
                grown += 1;
                let added: String = added.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                lines.push(format!("{OVERRIDES}{overrides}{added}\""));
            }
        }
    }
    if grown != 1 {
        return wrong(format!("{STAGE} has {grown} lines `{OVERRIDES}…\"`, not one"));
    }
    Ok(lines.join("\n") + "\n")
}

/// Whether neither TOML nor `sam` would read anything into it.
fn needs_no_quotes(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "+.@:/_-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDED: [(&str, &str); 2] = [("SellerAccountId", "444455556666"), ("ProductCode", "code")];

    #[test]
    fn only_the_overrides_of_the_stage_grow() {
        let samconfig = include_str!("../../../samconfig.toml");
        let grown = with_overrides(samconfig, &ADDED).unwrap();
        let changed: Vec<_> = samconfig.lines().zip(grown.lines()).filter(|(a, b)| a != b).collect();
        let [(before, after)] = changed.as_slice() else { panic!("{changed:?}") };
        let start = before.strip_suffix('"').unwrap();
        assert_eq!(*after, format!("{start} SellerAccountId=444455556666 ProductCode=code\""));
        assert_eq!(samconfig.lines().count(), grown.lines().count());
    }

    #[test]
    fn a_file_without_exactly_one_such_line_is_refused() {
        for (samconfig, why) in [
            ("", "no stage"),
            ("[dev.deploy.parameters]\nparameter_overrides = \"A=b\"\n", "another stage only"),
            ("[local.deploy.parameters]\nstack_name = \"s\"\n", "no overrides"),
            ("[local.deploy.parameters]\nparameter_overrides = [\"A=b\"]\n", "a list of them"),
            ("[local.deploy.parameters]\n[x]\nparameter_overrides = \"A=b\"\n", "of the next table"),
        ] {
            assert!(with_overrides(samconfig, &ADDED).is_err(), "{why}");
        }
    }

    #[test]
    fn a_value_that_would_need_quotes_is_refused() {
        let samconfig = "[local.deploy.parameters]\nparameter_overrides = \"A=b\"\n";
        for value in ["", "two words", "quo\"te", "back\\slash", "a'b"] {
            assert!(with_overrides(samconfig, &[("Name", value)]).is_err(), "{value}");
        }
        assert!(with_overrides(samconfig, &[("Name", "help@strongroom.example")]).is_ok());
    }
}
