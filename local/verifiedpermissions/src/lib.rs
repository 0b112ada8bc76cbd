//! Amazon Verified Permissions in memory, over the cedar-policy crate.
//!
//! The local account needs the service that decides who may open a document, and no engine that
//! could be installed has it. This crate answers the service's own JSON (awsJson1.0, target prefix
//! `VerifiedPermissions`) from memory, with Cedar's own parser, validator and authorizer behind it.
//! It knows nothing of HTTP, signatures, IAM or tenants: the gateway asks [`VerifiedPermissions::target`]
//! which store a request is about, decides with IAM whether it may be made, and only then calls.
//!
//! Where AWS documents nothing, the stricter reading is taken, so that what works here works there.
//! One thing is easier than in AWS: a change is seen by the next call, not "after a few seconds".

mod account;
mod copies;
mod decide;
mod entity_wire;
mod fault;
mod limits;
mod operations;
mod paging;
mod policies;
mod reply;
mod stamp;
mod store;
mod throttle;
mod tokens;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use time::OffsetDateTime;

use account::Account;
use fault::Fault;
use wire::Members;

pub use copies::CopyError;
pub use limits::{Limits, Rates};
pub use reply::Reply;

/// What a request is about: the part of it that IAM needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// No one thing: `CreatePolicyStore`, `ListPolicyStores`, `ListPolicyStoreAliases`.
    Account,
    /// These stores by id, in the order named, without repeats; at least one. They need not exist.
    /// An alias in the request has been followed: IAM decides on the store, not on the alias.
    Stores(Vec<String>),
    /// An alias itself, to be made, read or deleted; and its store, which `CreatePolicyStoreAlias`
    /// needs a permission on as well.
    Alias {
        /// The ARN of the alias.
        arn: String,
        /// The id of the store behind it, if there is one.
        store: Option<String>,
    },
    /// The request names nothing that could be found; the text says why. Refuse it.
    Unknown(String),
}

/// The service of one account in one Region. `Send + Sync`; every call locks it for its duration.
pub struct VerifiedPermissions {
    account: Mutex<Account>,
    clock: Box<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

impl VerifiedPermissions {
    /// An account without stores, with the documented limits ([`Limits::default`]).
    pub fn new(
        account: &str,
        region: &str,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        Self::with_limits(account, region, Limits::default(), clock)
    }

    /// An account without stores, with limits of the caller's choice.
    pub fn with_limits(
        account: &str,
        region: &str,
        limits: Limits,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        Self { account: Mutex::new(Account::new(account, region, limits)), clock: Box::new(clock) }
    }

    /// Performs one operation (`IsAuthorized`) on one JSON body, and always answers: with status 200
    /// and the operation's output, or with 400 or 500 and one of the service's errors.
    pub fn call(&self, operation: &str, body: &[u8]) -> Reply {
        let now = (self.clock)();
        let mut account = self.lock();
        let answer = read(body, account.limits.request_bytes_max).and_then(|body| {
            let input = Members::of_request(&body)?;
            operations::perform(&mut account, operation, &input, now)
        });
        answer.map_or_else(|fault| fault.reply(), |value| Reply::of(&value))
    }

    /// What the request is about, aliases followed. Reads; changes nothing; takes no quota.
    pub fn target(&self, operation: &str, body: &[u8]) -> Target {
        let account = self.lock();
        read(body, account.limits.request_bytes_max)
            .and_then(|body| operations::target(&account, operation, &Members::of_request(&body)?))
            .unwrap_or_else(|fault| Target::Unknown(fault.to_string()))
    }

    /// The id of the one store that the request is about; `None` if it is about none or several.
    pub fn store_of(&self, operation: &str, body: &[u8]) -> Option<String> {
        match self.target(operation, body) {
            Target::Stores(mut ids) if ids.len() == 1 => ids.pop(),
            Target::Alias { store, .. } => store,
            Target::Stores(_) | Target::Account | Target::Unknown(_) => None,
        }
    }

    /// The tags of a store, for `aws:ResourceTag`; empty if there is no such store.
    pub fn tags_of_store(&self, store: &str) -> BTreeMap<String, String> {
        self.lock().stores.get(store).map(|store| store.tags.clone()).unwrap_or_default()
    }

    /// The id of the store that an active alias (`policy-store-alias/NAME`) stands for.
    pub fn store_of_alias(&self, alias: &str) -> Option<String> {
        self.lock().behind_alias(alias).map(ToOwned::to_owned)
    }

    /// The ARN of a store. Its Region field is empty (Service Authorization Reference).
    pub fn arn_of_store(&self, store: &str) -> String {
        self.lock().store_arn(store)
    }

    // INVARIANT: an operation changes the state in one go, after everything that can be refused. So
    // the state is whole even if a call that held the lock died.
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for VerifiedPermissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedPermissions").finish_non_exhaustive()
    }
}

/// An empty body is an empty object: the AWS JSON protocols allow both.
fn read(body: &[u8], bytes_max: usize) -> Result<Value, Fault> {
    if body.len() > bytes_max {
        return Err(Fault::invalid("the request", format!("has more than {bytes_max} bytes")));
    }
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body)
        .map_err(|_| Fault::Type { path: "the request".into(), expected: "a JSON document" })
}
