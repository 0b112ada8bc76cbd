//! Where things are in the checkout: the one place that knows.
//!
//! Everything that the account makes lies under `target/local`, so that one folder can be thrown away, and
//! a second checkout beside this one never meets it.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The checkout's folders.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The checkout that this program was compiled in.
    pub(crate) fn of_this_checkout() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: here.parent().unwrap_or(here).to_owned() }
    }

    /// The workspace's root, where the template is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Something of the account's own.
    pub(crate) fn local(&self, name: &str) -> PathBuf {
        self.root.join("target").join("local").join(name)
    }

    /// Writes a file of the account's own that nobody else may read, whole or not at all.
    pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
        let unfinished = path.with_added_extension("new");
        let mut file =
            File::options().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        std::fs::rename(&unfinished, path)
    }

    /// `path` as a person at the checkout's root would write it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
