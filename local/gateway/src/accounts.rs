//! The accounts behind the endpoint, and which of them a request is of: that of whoever's key signed it.
//!
//! INVARIANT: what is known of an account (credentials, roles, resources, policy stores) is asked of the engine as that
//! account and kept apart from every other's. From one account to another there are only the two ways that AWS has:
//! a role that trusts a principal of the other account, and a policy on the resource itself that names one. Both need
//! the caller's own policy too, and both are decided by `iam`.

use std::sync::Arc;

use iam::Principal;
use verifiedpermissions::VerifiedPermissions;

use crate::config::{AccountRoot, Config};
use crate::credentials::{Caller, Credential, Credentials};
use crate::directory::Resources;
use crate::engine::{Engine, EngineError};
use crate::gateway::StartError;
use crate::identity::Providers;
use crate::kept::Epoch;
use crate::roles::Roles;

/// One account.
pub(crate) struct Account {
    /// Its twelve digits.
    pub(crate) id: String,
    /// The way on, under this account's key.
    pub(crate) engine: Arc<Engine>,
    pub(crate) credentials: Credentials,
    pub(crate) roles: Roles,
    pub(crate) providers: Providers,
    pub(crate) resources: Resources,
    pub(crate) verified_permissions: Arc<VerifiedPermissions>,
}

/// All of them; the product's first.
pub(crate) struct Accounts {
    product: Account,
    others: Vec<Account>,
}

impl Account {
    fn new(config: &Config, root: &AccountRoot, epoch: &Epoch) -> Result<Self, StartError> {
        let unusable = || StartError::Account(root.account.clone());
        let principal = Principal::root(&root.account).map_err(|_| unusable())?;
        let engine = Engine::new(&config.engine_url, &root.account, &config.root_secret_key, &config.region)
            .ok_or_else(|| StartError::EngineUrl(config.engine_url.clone()))?;
        let engine = Arc::new(engine);
        let clock = config.clock.clone();
        let verified_permissions =
            Arc::new(VerifiedPermissions::new(&root.account, &config.region, move || clock.now()));
        Ok(Self {
            id: root.account.clone(),
            credentials: Credentials::new(
                engine.clone(),
                epoch.clone(),
                config.clock.clone(),
                (&root.access_key, &root.secret_key),
                principal,
            ),
            roles: Roles::new(engine.clone(), epoch.clone()),
            providers: Providers::new(engine.clone(), epoch.clone()),
            resources: Resources::new(engine.clone(), epoch, verified_permissions.clone()),
            engine,
            verified_permissions,
        })
    }
}

impl Accounts {
    pub(crate) fn new(config: &Config, epoch: &Epoch) -> Result<Self, StartError> {
        let [product, seller] = config.accounts();
        if product.account == seller.account || product.access_key == seller.access_key {
            // A key would belong to two accounts.
            return Err(StartError::Account(seller.account));
        }
        Ok(Self {
            product: Account::new(config, &product, epoch)?,
            others: vec![Account::new(config, &seller, epoch)?],
        })
    }

    /// The account of the product, which is also that of requests without a signature.
    pub(crate) fn product(&self) -> &Account {
        &self.product
    }

    /// The account of these twelve digits; none if it is not one of ours.
    pub(crate) fn get(&self, id: &str) -> Option<&Account> {
        self.iter().find(|account| account.id == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        std::iter::once(&self.product).chain(&self.others)
    }

    /// The credential of an access key, if somebody holds it.
    pub(crate) async fn holder(&self, key: &str) -> Result<Option<Arc<Credential>>, EngineError> {
        if let Some(held) = self.iter().find_map(|account| account.credentials.held(key)) {
            return Ok(Some(held));
        }
        for account in self.iter() {
            if let Some(found) = account.credentials.of_function(key).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The account that a caller acts in.
    pub(crate) fn of(&self, caller: &Caller) -> Option<&Account> {
        self.get(caller.principal.account())
    }
}
