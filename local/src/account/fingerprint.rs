//! What a deployment was made from, as one hash: to tell whether a running account is this checkout's.

use ring::digest::{Context, SHA256};

use super::{AccountError, functions};
use crate::paths::Paths;

/// What is deployed beside the functions, and how.
const TEMPLATES: [&str; 3] = ["template.yaml", "template-seller.yaml", "samconfig.toml"];

/// SHA-256 over the templates, their stages and the built functions, in hexadecimal.
pub(super) fn of_checkout(paths: &Paths) -> Result<String, AccountError> {
    let mut context = Context::new(&SHA256);
    let templates = TEMPLATES.into_iter().map(|name| paths.root().join(name));
    let files = functions::binaries().map(|name| functions::bootstrap(paths, &name));
    for path in templates.chain(files) {
        let content = std::fs::read(&path).map_err(AccountError::file(&path))?;
        context.update(&content.len().to_be_bytes());
        context.update(&content);
    }
    Ok(hex::encode(context.finish()))
}
