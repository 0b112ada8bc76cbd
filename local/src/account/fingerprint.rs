//! What a deployment was made from, as one hash: to tell whether a running account is this checkout's.

use ring::digest::{Context, SHA256};

use super::{AccountError, functions};
use crate::paths::Paths;

/// SHA-256 over the template and the built functions, in hexadecimal.
pub(super) fn of_checkout(paths: &Paths) -> Result<String, AccountError> {
    let mut context = Context::new(&SHA256);
    let template = paths.root().join("template.yaml");
    let files = functions::NAMES.iter().map(|name| functions::bootstrap(paths, name));
    for path in std::iter::once(template).chain(files) {
        let content = std::fs::read(&path).map_err(AccountError::file(&path))?;
        context.update(&content.len().to_be_bytes());
        context.update(&content);
    }
    Ok(hex::encode(context.finish()))
}
