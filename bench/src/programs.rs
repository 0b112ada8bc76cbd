//! Bringing about what is measured: the functions and the floors by cargo, the peers by npm and pip.

use std::{
    fs,
    path::{Path, PathBuf},
};

use local::account::CARGO_TELLS;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    functions::{MeasureError, Subject},
    routes::FUNCTIONS,
};

/// The empty function, and the one that only calls.
pub(crate) const FLOORS: [&str; 2] = ["empty", "calls"];

/// Builds functions and floors in the release profile, and answers with a fresh copy of each: a file that lies in
/// pieces in the page cache starts slower.
pub(crate) async fn build(root: &Path, into: &Path) -> Result<Vec<Subject>, MeasureError> {
    let mut command = Command::new("cargo");
    command.args([
        "build",
        "--release",
        "--locked",
        "--message-format=json-render-diagnostics",
        "-p",
        "floors",
    ]);
    for name in FUNCTIONS {
        command.args(["-p", name]);
    }
    for name in CARGO_TELLS {
        command.env_remove(name);
    }
    let output = command.current_dir(root).stderr(std::process::Stdio::inherit()).output().await;
    let output = output.map_err(MeasureError::file(Path::new("cargo")))?;
    if !output.status.success() {
        return Err(MeasureError::Missing("the functions could not be built".to_owned()));
    }
    let built = String::from_utf8_lossy(&output.stdout);
    let executable = |name: &str| {
        built.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
            let path = message.get("executable")?.as_str()?;
            (message.get("target")?.get("name")?.as_str()? == name).then(|| PathBuf::from(path))
        })
    };
    FLOORS
        .into_iter()
        .chain(FUNCTIONS)
        .map(|name| {
            let from =
                executable(name).ok_or_else(|| MeasureError::Missing(format!("cargo built no {name}")))?;
            copy(name, &from, into)
        })
        .collect()
}

/// A fresh copy of the program at `from`, as Lambda would have it.
fn copy(name: &str, from: &Path, into: &Path) -> Result<Subject, MeasureError> {
    let folder = into.join(name);
    fs::create_dir_all(&folder).map_err(MeasureError::file(&folder))?;
    let to = folder.join("bootstrap");
    let _ = fs::remove_file(&to);
    fs::copy(from, &to).map_err(MeasureError::file(from))?;
    Ok(Subject::function(name, &to))
}

/// The peer in Node.js, bundled; `None` where there is no npm, or it cannot fetch what the peer needs.
pub(crate) async fn node(root: &Path, into: &Path) -> Option<Subject> {
    let folder = into.join("node");
    fs::create_dir_all(&folder).ok()?;
    for name in ["package.json", "peer.mjs"] {
        fs::copy(root.join("bench/peers/node").join(name), folder.join(name)).ok()?;
    }
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder);
    let mut bundle = Command::new("node_modules/.bin/esbuild");
    // Some of what is bundled still asks for `require`.
    let banner =
        "--banner:js=import{createRequire}from'module';const require=createRequire(import.meta.url);";
    bundle
        .args(["peer.mjs", "--bundle", "--platform=node", "--target=node20", "--format=esm", "--minify"])
        .args(["--outfile=bundle/index.mjs", banner, "--log-level=error"])
        .current_dir(&folder);
    for command in [&mut install, &mut bundle] {
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        if !command.status().await.ok()?.success() {
            return None;
        }
    }
    let program = which("node")?;
    let file = folder.join("bundle/index.mjs").display().to_string();
    Some(Subject { name: "Node.js".to_owned(), command: vec![program, file], environment: Vec::new() })
}

/// The peer in Python; `None` where there is no boto3 to be had.
pub(crate) async fn python(root: &Path, into: &Path) -> Option<Subject> {
    let folder = into.join("python");
    let program = folder.join("bin/python").display().to_string();
    // Not whether it is there: whoever made it may have been interrupted.
    let mut has_sdk = Command::new(&program);
    has_sdk.args(["-c", "import boto3"]).stderr(std::process::Stdio::null());
    if !has_sdk.status().await.is_ok_and(|status| status.success()) {
        fs::create_dir_all(into).ok()?;
        let mut make = Command::new("python3");
        make.args(["-m", "venv"]).arg(&folder);
        let mut install = Command::new(&program);
        install.args(["-m", "pip", "install", "--quiet", BOTO3]);
        for command in [&mut make, &mut install] {
            command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            if !command.status().await.ok()?.success() {
                return None;
            }
        }
    }
    let file = root.join("bench/peers/python/peer.py").display().to_string();
    Some(Subject { name: "Python".to_owned(), command: vec![program, file], environment: Vec::new() })
}

const BOTO3: &str = "boto3==1.44.5";

fn which(name: &str) -> Option<String> {
    // The environment's path is the fenced reader's; a shell knows it as well.
    let output =
        std::process::Command::new("sh").args(["-c", &format!("command -v {name}")]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!path.is_empty()).then_some(path)
}

/// How long the file is, and how long as the archive that is deployed; by the tool that deploys it.
pub(crate) async fn sizes(file: &Path) -> (u64, u64) {
    const PACK: &str = "import io,sys,zipfile\nb=io.BytesIO()\nz=zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED,compresslevel=9)\nz.write(sys.argv[1],'bootstrap')\nz.close()\nprint(len(b.getvalue()))";
    let length = fs::metadata(file).map_or(0, |metadata| metadata.len());
    let packed = Command::new("python3").args(["-c", PACK]).arg(file).output().await;
    let packed = packed.ok().and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok());
    (length, packed.unwrap_or_default())
}
