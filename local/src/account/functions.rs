//! Building the functions, and the template that says where they were built.
//!
//! `sam build` would run `cargo lambda build --release` once a function, with the release profile's whole
//! link-time optimisation each time. Here one `cargo lambda build` makes all of them with the profile `fast`
//! (the same code, a third of the time), and [`built_template`] does the one thing that `sam build` does to
//! a template: it puts what was built where the source folder was. What `sam deploy` then gets is
//! `template.yaml` with one word a function changed.
//!
//! It gets archives and not folders, because it would compress those: a second a function, for an upload that
//! goes nowhere.

use std::path::{Path, PathBuf};

use tokio::{process::Command, sync::OnceCell};

use super::{AccountError, details::Details, python};
use crate::{paths::Paths, process, progress::Progress};

/// The functions, as the template's outputs call them. A binary has the same name in small letters, its words joined
/// by hyphens. `TokenTags` is deployed only where tokens decide.
pub const FUNCTIONS: [&str; 12] = [
    "Documents",
    "Shares",
    "Uploads",
    "Deletions",
    "Signup",
    "Onboarding",
    "Subscriptions",
    "Metering",
    "Users",
    "Departures",
    "Usage",
    "TokenTags",
];

/// The functions of a running account: those that its mode has.
pub fn deployed(details: &Details) -> impl Iterator<Item = &'static str> {
    let there = |function: &&str| details.outputs.contains_key(&format!("{function}FunctionName"));
    FUNCTIONS.into_iter().filter(there)
}

/// The functions that serve signed-in callers: where tokens decide, those may assume no role.
pub(crate) const WITH_CALLERS: [&str; 4] = ["Documents", "Shares", "Users", "Usage"];

/// The functions' binaries.
pub(super) fn binaries() -> impl Iterator<Item = String> {
    FUNCTIONS.into_iter().map(binary)
}

fn binary(function: &str) -> String {
    let mut name = String::new();
    for letter in function.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// What cargo tells the programs that it runs, and what they must not tell the next cargo: some build
/// scripts watch these, and would think everything changed.
pub const CARGO_TELLS: [&str; 19] = [
    "CARGO",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
    "CARGO_TARGET_TMPDIR",
    "LD_LIBRARY_PATH",
];

/// Where a function's executable is once built.
pub(super) fn bootstrap(paths: &Paths, name: &str) -> PathBuf {
    folder(paths).join(name).join("bootstrap")
}

/// The folder of the built functions.
pub(super) fn folder(paths: &Paths) -> PathBuf {
    paths.local("functions")
}

/// Where they are built. Nothing runs from here, for what runs cannot be written to.
fn fresh(paths: &Paths) -> PathBuf {
    paths.local("built")
}

/// Builds all functions for this machine's processor, once a process: all its accounts have the same.
pub(super) async fn build(paths: &Paths, tools: &Path, progress: Progress) -> Result<(), AccountError> {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT.get_or_try_init(|| build_now(paths, tools, progress)).await.copied()
}

async fn build_now(paths: &Paths, tools: &Path, progress: Progress) -> Result<(), AccountError> {
    let step = progress.step("functions (cargo lambda build)");
    let mut command = Command::new(tools.join("cargo-lambda"));
    command
        .args(["lambda", "build", "--profile", "fast", "--locked", "--lambda-dir"])
        .arg(fresh(paths))
        .current_dir(paths.root())
        .env("PATH", python::path_with(tools));
    for name in binaries() {
        command.args(["--package", &name, "--bin", &name]);
    }
    for name in CARGO_TELLS {
        command.env_remove(name);
    }
    process::run(&mut command, &paths.local("build.log"), &step)
        .await
        .map_err(|source| AccountError::Program { step: "could not build the functions", source })?;
    for name in binaries() {
        let to = bootstrap(paths, &name);
        renew(&fresh(paths).join(name).join("bootstrap"), &to).map_err(AccountError::file(&to))?;
    }
    step.done("");
    Ok(())
}

/// Puts `from`'s content in `to`'s place, if it is another. Whoever runs the old one keeps it.
fn renew(from: &Path, to: &Path) -> std::io::Result<()> {
    let content = std::fs::read(from)?;
    if std::fs::read(to).is_ok_and(|known| known == content) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = to.with_extension(std::process::id().to_string());
    std::fs::copy(from, &beside)?;
    std::fs::rename(&beside, to)
}

/// Puts each folder's `bootstrap` into an archive beside the folder, as it is. The mode goes with it.
const PACK: &str = "\
import sys, zipfile
for folder in sys.argv[1:]:
    with zipfile.ZipFile(folder + '.zip', 'w', zipfile.ZIP_STORED) as archive:
        archive.write(folder + '/bootstrap', 'bootstrap')
";

/// Packs the built functions, writes the template with them in it, and answers where that is; once a process, for
/// another account may be reading them. `programs` is a folder with a Python in it.
pub(super) async fn built_template(
    paths: &Paths,
    programs: &Path,
    progress: Progress,
) -> Result<PathBuf, AccountError> {
    static PACKED: OnceCell<PathBuf> = OnceCell::const_new();
    PACKED.get_or_try_init(|| pack(paths, programs, progress)).await.cloned()
}

async fn pack(paths: &Paths, programs: &Path, progress: Progress) -> Result<PathBuf, AccountError> {
    let step = progress.step("archives of the functions");
    let mut pack = Command::new(programs.join("python"));
    pack.args(["-c", PACK]).args(binaries().map(|name| folder(paths).join(name)));
    process::run(&mut pack, &paths.local("build.log"), &step)
        .await
        .map_err(|source| AccountError::Program { step: "could not pack the functions", source })?;
    let source = paths.root().join("template.yaml");
    let text = tokio::fs::read_to_string(&source).await.map_err(AccountError::file(&source))?;
    let built = with_archives(&text)?;
    let path = folder(paths).join("template.yaml");
    tokio::fs::write(&path, built).await.map_err(AccountError::file(&path))?;
    step.done("");
    Ok(path)
}

/// `template` with each function's `CodeUri: .` replaced by the archive of the binary that its metadata names.
fn with_archives(template: &str) -> Result<String, AccountError> {
    let mut binary = None;
    let mut replaced = Vec::new();
    let mut lines = Vec::new();
    for line in template.lines() {
        if let Some(name) = line.trim().strip_prefix("Binary: ") {
            binary = Some(name.to_owned());
        }
        match line.split_once("CodeUri: ") {
            Some((indent, ".")) if indent.trim().is_empty() => {
                let name = binary.take().ok_or_else(|| {
                    AccountError::Template("a `CodeUri: .` without a `Binary:` before it".to_owned())
                })?;
                lines.push(format!("{indent}CodeUri: ./{name}.zip"));
                replaced.push(name);
            }
            Some((indent, other)) if indent.trim().is_empty() => {
                return Err(AccountError::Template(format!("`CodeUri: {other}` is not the workspace")));
            }
            _ => lines.push(line.to_owned()),
        }
    }
    replaced.sort_unstable();
    let mut expected: Vec<_> = binaries().collect();
    expected.sort_unstable();
    if replaced != expected {
        let found = replaced.join(", ");
        return Err(AccountError::Template(format!(
            "its functions are {found}, the workspace's {}",
            expected.join(", ")
        )));
    }
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_runs_is_renewed_beneath_it() {
        let folder = std::env::temp_dir().join(format!("strongroom-renew-{}", uuid::Uuid::new_v4().simple()));
        let (old, new) = (folder.join("old"), folder.join("function/bootstrap"));
        std::fs::create_dir_all(&folder).unwrap();
        renew(Path::new("/bin/sleep"), &new).unwrap();
        let mut running = std::process::Command::new(&new).arg("60").spawn().unwrap();
        std::fs::write(&old, "another").unwrap();
        let renewed = renew(&old, &new).and_then(|()| renew(&old, &new));
        running.kill().unwrap();
        running.wait().unwrap();
        renewed.unwrap();
        assert_eq!(std::fs::read(&new).unwrap(), b"another");
        let left = std::fs::read_dir(folder.join("function")).unwrap().count();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left, 1, "and nothing beside it");
    }

    fn function(binary: &str, code: &str) -> String {
        format!(
            "  X:\n    Metadata:\n      BuildProperties:\n        Binary: {binary}\n    Properties:\n      CodeUri: {code}\n"
        )
    }

    #[test]
    fn only_the_code_folders_of_the_template_change() {
        let template = include_str!("../../../template.yaml");
        let built = with_archives(template).unwrap();
        let changed: Vec<_> = template.lines().zip(built.lines()).filter(|(a, b)| a != b).collect();
        assert_eq!(changed.len(), FUNCTIONS.len());
        assert!(changed.iter().all(|(a, b)| a.trim() == "CodeUri: ." && b.trim().starts_with("CodeUri: ./")));
        assert_eq!(template.lines().count(), built.lines().count());
    }

    #[test]
    fn a_template_that_is_not_the_workspaces_is_refused() {
        let whole: String = binaries().map(|name| function(&name, ".")).collect();
        assert!(with_archives(&whole).is_ok());
        for (template, why) in [
            (whole.replacen("CodeUri: .", "CodeUri: ./elsewhere", 1), "code from elsewhere"),
            (whole.replacen("        Binary: documents\n", "", 1), "a function that names no binary"),
            (whole.replacen("Binary: documents", "Binary: other", 1), "a binary that is not built"),
            (function("documents", "."), "functions missing"),
        ] {
            assert!(with_archives(&template).is_err(), "{why}");
        }
    }
}
