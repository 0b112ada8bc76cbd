//! Copies of a policy store, past every request rate.
//!
//! The service makes one store a second, so nobody would wait for an account with ten thousand tenants. This is how
//! one comes to be: by hand, for whoever holds the account. It is no operation of the service, and no caller of AWS's
//! gets here.

use std::collections::BTreeMap;

use crate::VerifiedPermissions;
use crate::operations::TAGS_MAX;
use crate::stamp;

/// The most copies that one call makes: it keeps every other call waiting.
const COPIES_MAX: usize = 1_000;

/// Why no store was copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// There is nothing to copy.
    #[error("there is no policy store `{0}`")]
    NoStore(String),
    /// More than one call makes.
    #[error("one call makes at most {COPIES_MAX} copies")]
    TooMany,
    /// The account would hold more stores than it may.
    #[error("an account has at most {0} policy stores")]
    Full(usize),
    /// A copy was to have more tags than a store may have.
    #[error("a policy store has at most {TAGS_MAX} tags")]
    TooManyTags,
}

impl VerifiedPermissions {
    /// Makes a copy of the store `of` for each of these sets of tags, and answers their ids in the same order. Schema,
    /// templates and policies are the store's, under the same ids; aliases, client tokens and the rates that were used
    /// up are not. It takes nothing from any rate.
    ///
    /// # Errors
    /// [`CopyError`]; nothing was copied then.
    pub fn copy_store(
        &self,
        of: &str,
        tags: Vec<BTreeMap<String, String>>,
    ) -> Result<Vec<String>, CopyError> {
        if tags.len() > COPIES_MAX {
            return Err(CopyError::TooMany);
        }
        if tags.iter().any(|tags| tags.len() > TAGS_MAX) {
            return Err(CopyError::TooManyTags);
        }
        let now = (self.clock)();
        let mut account = self.lock();
        let max = account.limits.stores_max;
        if account.stores.len().saturating_add(tags.len()) > max {
            return Err(CopyError::Full(max));
        }
        let mut number = account.last_store;
        let Some(store) = account.stores.get(of) else { return Err(CopyError::NoStore(of.to_owned())) };
        let copies: Vec<_> = tags
            .into_iter()
            .map(|tags| {
                number += 1;
                store.copy(stamp::id(), number, tags, now)
            })
            .collect();
        account.last_store = number;
        let ids = copies.iter().map(|copy| copy.id.clone()).collect();
        account.stores.extend(copies.into_iter().map(|copy| (copy.id.clone(), copy)));
        Ok(ids)
    }
}
