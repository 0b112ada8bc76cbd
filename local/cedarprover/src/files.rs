//! The files of a policy set, as they lie in a folder: `shared/cedar`, or `shared/cedar/released`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

const SCHEMA: &str = "documents.schema.json";
const POLICIES: &str = "policies";
const SHARE: &str = "share-template.cedar";
const REMOVED: &str = "removed-user.cedar";
/// No folder of policies has more files than this, or a longer one.
const FILES_MAX: usize = 200;
const BYTES_MAX: u64 = 1 << 20;

/// The texts that together decide what a tenant's store allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The schema in its JSON form, the one that stores take.
    pub schema: String,
    /// The static policies by the names of their files, without `.cedar`.
    pub policies: BTreeMap<String, String>,
    /// The template of a share, with the places `?principal` and `?resource`.
    pub share: String,
    /// The policy against a removed user, with the id `USER_ID`.
    pub removed: String,
}

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be read or written")]
pub struct FilesError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl Files {
    /// Reads a folder.
    ///
    /// # Errors
    /// Names the file that is missing, not text, or too long.
    pub fn read(folder: &Path) -> Result<Self, FilesError> {
        let mut policies = BTreeMap::new();
        for path in in_folder(&folder.join(POLICIES))? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            policies.insert(name, text(&path)?);
        }
        Ok(Self {
            schema: text(&folder.join(SCHEMA))?,
            policies,
            share: text(&folder.join(SHARE))?,
            removed: text(&folder.join(REMOVED))?,
        })
    }

    /// Makes a folder hold these files, and no other policies.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), FilesError> {
        let policies = folder.join(POLICIES);
        fs::create_dir_all(&policies).map_err(at(&policies))?;
        for path in in_folder(&policies)? {
            fs::remove_file(&path).map_err(at(&path))?;
        }
        for (name, text) in &self.policies {
            put(&policies.join(format!("{name}.cedar")), text)?;
        }
        put(&folder.join(SCHEMA), &self.schema)?;
        put(&folder.join(SHARE), &self.share)?;
        put(&folder.join(REMOVED), &self.removed)
    }
}

/// The Cedar files of a folder.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            return Err(at(folder)(io::Error::other(format!("more than {FILES_MAX} policies"))));
        }
    }
    Ok(found)
}

/// Reads a text file.
pub(crate) fn text(path: &Path) -> Result<String, FilesError> {
    let size = fs::metadata(path).map_err(at(path))?.len();
    if size > BYTES_MAX {
        return Err(at(path)(io::Error::other(format!("longer than {BYTES_MAX} bytes"))));
    }
    fs::read_to_string(path).map_err(at(path))
}

fn put(path: &Path, text: &str) -> Result<(), FilesError> {
    fs::write(path, text).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FilesError + use<> {
    let path = path.to_owned();
    move |source| FilesError { path, source }
}
