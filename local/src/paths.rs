//! Where things are in the checkout: the one place that knows.
//!
//! Everything that an account makes lies under `target/local`, so that one folder can be thrown away, and
//! a second checkout beside this one never meets it. What is built and installed is all accounts' together;
//! what one of them keeps is in its own folder.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Which of a checkout's accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// The one that people start, and commands join.
    #[default]
    Here,
    /// One of those that tests may have beside it, each of its own number.
    Beside(u8),
}

/// The checkout's folders, and those of one of its accounts.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
    place: Place,
}

impl Paths {
    /// The checkout that this program was compiled in, and the account that people start in it.
    pub(crate) fn of_this_checkout() -> Self {
        Self::of_account(Place::Here)
    }

    /// The same checkout, and this account.
    pub(crate) fn of_account(place: Place) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: here.parent().unwrap_or(here).to_owned(), place }
    }

    /// The workspace's root, where the template is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Something that all accounts of the checkout share: what is built and installed for them.
    pub(crate) fn local(&self, name: &str) -> PathBuf {
        self.root.join("target").join("local").join(name)
    }

    /// The account's own folder.
    pub(crate) fn account(&self) -> PathBuf {
        match self.place {
            Place::Here => self.root.join("target").join("local"),
            Place::Beside(number) => self.local(&format!("beside-{number}")),
        }
    }

    /// Something of the account's own.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.account().join(name)
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
