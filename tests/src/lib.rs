//! The words that the tests are written in: a world, its people, what they send and what comes back.
//!
//! Everything goes through a public door: HTTP with real tokens, the AWS endpoint with real signatures. The
//! account is the one that runs in this checkout, or one that the first test starts and the process ends; who
//! must be alone in an account gets one beside it.

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

use std::{
    sync::{Mutex, OnceLock},
    time::Duration,
};

use local::{
    account::{Account, Details, Options, Place, Tenant, deployed},
    signup,
    story::{self, Step},
};
use shared::config::Sessions;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use aws::{Aws, Refused};
pub use chromium::{Chromium, Visitor};
pub use holdings::Holdings;
pub use marketplace::{Browser, Page, SignedUp};
pub use people::{Answer, Document, Person, checksum, sent, wish};
pub use registry::{Buyer, now};
pub use usage::Used;

/// How long something may take to be seen that is bound to happen. Longer than a queue hides a message that could not
/// be worked on at first, six minutes: until then nothing is lost.
pub const PATIENCE: Duration = Duration::from_secs(400);

/// An account, with everything in it.
pub struct World {
    /// What `account.json` tells.
    pub details: &'static Details,
    _seat: Seat,
}

/// The account that tests are in together. A policy store takes ten new policies a second: more tests at once
/// would meet its throttle, not the product.
static TOGETHER: Room = Room::of(Place::Here, 4);

/// The accounts that a test has to itself. Faults hit whoever makes the call, clocks and limits are everybody's,
/// and what is counted must be one's own. Two, because each costs a start, and the processor has to serve all.
static ALONE: [Room; 2] = [Room::of(Place::Beside(1), 1), Room::of(Place::Beside(2), 1)];

/// How many tests wait for one of [`ALONE`] or have it.
static ALONE_SEATS: Semaphore = Semaphore::const_new(ALONE.len());

/// An account, and how many tests may be in it at once.
struct Room {
    place: Place,
    seats: Semaphore,
    account: OnceLock<Account>,
}

/// A test's place in an account, and in the row before it.
struct Seat {
    _in_room: SemaphorePermit<'static>,
    _alone: Option<SemaphorePermit<'static>>,
}

impl Room {
    const fn of(place: Place, seats: usize) -> Self {
        Self { place, seats: Semaphore::const_new(seats), account: OnceLock::new() }
    }

    /// What the account tells. Starting takes minutes on a fresh checkout, so it happens beside the runtime, once; and
    /// one account after the other, so that the tests in those that are up get their answers in time.
    async fn details(&'static self) -> &'static Details {
        static ONE_BY_ONE: Mutex<()> = Mutex::new(());
        let options = Options { place: self.place, sessions: SESSIONS.get().copied(), ..Options::default() };
        let started = || {
            let _turn = ONE_BY_ONE.lock();
            match Account::start_or_join(options) {
                Ok(account) => account,
                Err(error) => panic!("no local account: {}", shared::problem::chain(&error)),
            }
        };
        let told = tokio::task::spawn_blocking(move || self.account.get_or_init(started).details());
        told.await.expect("the account's thread has not panicked")
    }
}

/// How callers' sessions are had, where a test program has chosen.
static SESSIONS: OnceLock<Sessions> = OnceLock::new();

/// From now on every account is one whose callers' sessions are had so. Every test of such a program says it first.
pub fn sessions_by(sessions: Sessions) {
    assert_eq!(*SESSIONS.get_or_init(|| sessions), sessions, "one way a program");
}

/// The world, with other tests at work in it.
pub async fn world() -> World {
    let seat = TOGETHER.seats.acquire().await.expect("nobody closes it");
    World { details: TOGETHER.details().await, _seat: Seat { _in_room: seat, _alone: None } }
}

/// A world with nobody else in it.
pub async fn world_alone() -> World {
    let alone = ALONE_SEATS.acquire().await.expect("nobody closes it");
    let free = ALONE.iter().find_map(|room| Some((room, room.seats.try_acquire().ok()?)));
    let (room, seat) = free.expect("a seat is given back before its turn is");
    World { details: room.details().await, _seat: Seat { _in_room: seat, _alone: Some(alone) } }
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
        for function in deployed(self.details) {
            match local::account::function_log(self.details, function).await {
                Ok(log) => lines.extend(log),
                Err(error) => panic!("no log of {function}: {}", shared::problem::chain(&error)),
            }
        }
        lines
    }

    /// Plays the product's story: every step goes as it is told.
    ///
    /// # Panics
    /// When one does not.
    pub async fn goes_as_told(&self) {
        let mut failed = Vec::new();
        let whole = story::play(self.details, |step| note(&mut failed, step)).await;
        assert!(whole.expect("it can be told") && failed.is_empty(), "{failed:#?}");
    }

    /// Plays a buyer's way from the Marketplace to a tenant: every step goes as it is told.
    ///
    /// # Panics
    /// When one does not.
    pub async fn sign_up_goes_as_told(&self) {
        let (mut failed, buyer) = (Vec::new(), signup::Buyer::new());
        let whole = signup::play(self.details, &buyer, |step| note(&mut failed, step)).await;
        assert!(whole.expect("it can be told") && failed.is_empty(), "{failed:#?}");
    }

    /// Looks every so often until `look` sees it.
    ///
    /// # Panics
    /// When it is not seen within [`PATIENCE`].
    pub async fn see<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let begun = std::time::Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} was not seen in {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn note(failed: &mut Vec<Step>, step: &Step) {
    if !step.ok {
        failed.push(step.clone());
    }
}
