//! The words that the tests are written in: a world, its people, what they send and what comes back.
//!
//! Everything goes through a public door: HTTP with real tokens, the AWS endpoint with real signatures. The
//! account is the one that runs in this checkout, or one that the first test starts and the process ends.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says why and stops"
)]

mod aws;
mod chromium;
mod holdings;
mod marketplace;
pub mod metering;
mod people;
mod registry;
mod usage;

use std::{sync::OnceLock, time::Duration};

use local::account::{Account, Details, FUNCTIONS, Options, Tenant};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit};

pub use aws::{Aws, Refused};
pub use chromium::{Chromium, Visitor};
pub use holdings::Holdings;
pub use marketplace::{Browser, Page, SignedUp};
pub use people::{Answer, Document, Person, checksum, sent, wish};
pub use registry::{Buyer, now};
pub use usage::Used;

/// How long something may take to be seen that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The account, with everything in it.
pub struct World {
    /// What `account.json` tells.
    pub details: &'static Details,
    _turn: Turn,
}

/// Faults hit whoever makes the call; a test that orders them has the world to itself.
enum Turn {
    Together { _turn: RwLockReadGuard<'static, ()>, _place: SemaphorePermit<'static> },
    Alone { _turn: RwLockWriteGuard<'static, ()> },
}

static TURNS: RwLock<()> = RwLock::const_new(());

/// A policy store takes ten new policies a second: more tests at once would meet its throttle, not the product.
static PLACES: Semaphore = Semaphore::const_new(4);

/// The world, with other tests at work in it.
pub async fn world() -> World {
    let place = PLACES.acquire().await.expect("nobody closes it");
    let turn = TURNS.read().await;
    World { details: details().await, _turn: Turn::Together { _turn: turn, _place: place } }
}

/// The world, with nobody else in it.
pub async fn world_alone() -> World {
    let turn = TURNS.write().await;
    World { details: details().await, _turn: Turn::Alone { _turn: turn } }
}

/// Starting takes minutes on a fresh checkout, so it happens beside the runtime, once.
async fn details() -> &'static Details {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    tokio::task::spawn_blocking(|| {
        ACCOUNT
            .get_or_init(|| match Account::start_or_join(Options::default()) {
                Ok(account) => account,
                Err(error) => panic!("no local account: {}", shared::problem::chain(&error)),
            })
            .details()
    })
    .await
    .expect("the account's thread has not panicked")
}

impl World {
    /// A demo tenant by its name: `amber` or `cobalt`.
    #[must_use]
    pub fn tenant(&self, name: &str) -> &Tenant {
        self.details.tenant(name).unwrap_or_else(|| panic!("the account has a tenant `{name}`"))
    }

    /// The tenant's `nth` user, signed in; the administrator is the first.
    pub async fn person(&self, tenant: &str, nth: usize) -> Person {
        self.sign_in(self.tenant(tenant), nth).await
    }

    /// A user of any tenant, signed in.
    pub async fn sign_in(&self, tenant: &Tenant, nth: usize) -> Person {
        let user = tenant.users.get(nth).unwrap_or_else(|| panic!("{} has a user {nth}", tenant.name));
        Person::sign_in(self.details, tenant, user).await
    }

    /// Somebody with any token, or none.
    #[must_use]
    pub fn somebody(&self, token: Option<&str>) -> Person {
        Person::with_token(self.details, token)
    }

    /// A tenant of one's own, so that its store, rows and limits are nobody else's.
    pub async fn fresh_tenant(&self, name: &str) -> Tenant {
        // A store a second is all that an account may make.
        static ONE_BY_ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _turn = ONE_BY_ONE.lock().await;
        let name = format!("{name}-{}", uuid::Uuid::new_v4().simple());
        match local::account::open_tenant(self.details, &name).await {
            Ok(tenant) => tenant,
            Err(error) => panic!("no fresh tenant: {}", shared::problem::chain(&error)),
        }
    }

    /// The password that was mailed to this address, in the last invitation.
    pub async fn mailed_password(&self, email: &str) -> String {
        let url = format!("{}/_gateway/mail?to={email}", self.details.aws_endpoint_url);
        self.see("the invitation", async || {
            let mails = self.somebody(None).use_url(reqwest::Method::GET, &url, b"").await.expect(200).json();
            mails["mails"][0]["temporary_password"].as_str().map(str::to_owned)
        })
        .await
    }

    /// Somebody who was invited, signed in: with the password that was mailed, and then one of their own.
    pub async fn accept(&self, email: &str) -> Person {
        let mailed = self.mailed_password(email).await;
        Person::accept(self.details, email, &mailed).await
    }

    /// The AWS endpoint as the account's root.
    #[must_use]
    pub fn root(&self) -> Aws {
        Aws::root(self.details)
    }

    /// The AWS endpoint as the root of the account that sells the product.
    #[must_use]
    pub fn seller(&self) -> Aws {
        Aws::seller(self.details)
    }

    /// The AWS endpoint with a deployed function's own credentials: `Documents`, `Shares`, …
    #[must_use]
    pub fn function(&self, name: &str) -> Aws {
        Aws::function(self.details, name)
    }

    /// Everything that the account wrote down: the functions' logs, and what the engine said.
    pub async fn logs(&self) -> Vec<String> {
        let mut lines: Vec<String> = std::fs::read_to_string(&self.details.engine_log)
            .expect("the engine has a log")
            .lines()
            .map(str::to_owned)
            .collect();
        for function in FUNCTIONS {
            match local::account::function_log(self.details, function).await {
                Ok(log) => lines.extend(log),
                Err(error) => panic!("no log of {function}: {}", shared::problem::chain(&error)),
            }
        }
        lines
    }

    /// Looks every so often until `look` sees it.
    ///
    /// # Panics
    /// When it is not seen within [`PATIENCE`].
    pub async fn see<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        self.see_within(PATIENCE, what, look).await
    }

    /// The same with this patience: for what waits for a message that comes again.
    ///
    /// # Panics
    /// When it is not seen by then.
    pub async fn see_within<T>(
        &self,
        patience: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let begun = std::time::Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(begun.elapsed() < patience, "{what} was not seen in {patience:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
