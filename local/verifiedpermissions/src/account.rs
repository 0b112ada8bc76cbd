//! The state of the account: stores, aliases, client tokens. Knows how a request names a store;
//! what is then done to the store is in `operations`.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::fault::{Fault, Kind};
use crate::limits::Limits;
use crate::store::Store;
use crate::throttle::Buckets;
use crate::tokens::Tokens;
use crate::wire::{ARN, CLIENT_TOKEN, Members, STORE_ID};

/// How a request names an alias in place of a store's id.
pub(crate) const ALIAS_PREFIX: &str = "policy-store-alias/";

/// How long the name of a soft-deleted alias stays taken (User Guide, "Deleting policy store aliases").
const ALIAS_RESERVED: Duration = Duration::hours(24);

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) limits: Limits,
    pub(crate) stores: HashMap<String, Store>,
    pub(crate) last_store: u64,
    pub(crate) aliases: BTreeMap<String, Alias>,
    pub(crate) last_alias: u64,
    pub(crate) tokens: Tokens,
    pub(crate) buckets: Buckets,
}

/// One alias, by its whole name `policy-store-alias/NAME`.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub(crate) store: String,
    pub(crate) number: u64,
    pub(crate) created: OffsetDateTime,
    pub(crate) deleted: Option<OffsetDateTime>,
}

/// How often an operation may be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rate {
    StoreLifecycle,
    Management,
    IsAuthorized,
    BatchIsAuthorized,
}

impl Account {
    pub(crate) fn new(id: &str, region: &str, limits: Limits) -> Self {
        Self {
            id: id.to_owned(),
            region: region.to_owned(),
            limits,
            stores: HashMap::new(),
            last_store: 0,
            aliases: BTreeMap::new(),
            last_alias: 0,
            tokens: Tokens::default(),
            buckets: Buckets::default(),
        }
    }

    /// The Region field is empty (Service Authorization Reference).
    pub(crate) fn store_arn(&self, store: &str) -> String {
        format!("arn:aws:verifiedpermissions::{}:policy-store/{store}", self.id)
    }

    /// An alias, unlike a store, is of a Region.
    pub(crate) fn alias_arn(&self, alias: &str) -> String {
        format!("arn:aws:verifiedpermissions:{}:{}:{alias}", self.region, self.id)
    }

    /// The store's id in an ARN of this account.
    pub(crate) fn store_in_arn<'a>(&self, input: &Members<'a>) -> Result<&'a str, Fault> {
        let arn = input.required_text("resourceArn", &ARN)?;
        let prefix = self.store_arn("");
        match arn.strip_prefix(prefix.as_str()) {
            Some(id) if !id.is_empty() && !id.contains('/') => Ok(id),
            _ => Err(input.invalid("resourceArn", "is not the ARN of a policy store of this account")),
        }
    }

    /// The store that an active alias stands for.
    pub(crate) fn behind_alias(&self, alias: &str) -> Option<&str> {
        self.aliases.get(alias).filter(|alias| alias.deleted.is_none()).map(|alias| alias.store.as_str())
    }

    /// Lets go of the names of aliases that were deleted long enough ago.
    pub(crate) fn release_aliases(&mut self, now: OffsetDateTime) {
        self.aliases.retain(|_, alias| alias.deleted.is_none_or(|at| now - at < ALIAS_RESERVED));
    }

    /// The id in a member that takes an id or an alias.
    pub(crate) fn resolve(&self, id_or_alias: &str) -> Result<String, Fault> {
        if !id_or_alias.starts_with(ALIAS_PREFIX) {
            return Ok(id_or_alias.to_owned());
        }
        match self.behind_alias(id_or_alias) {
            Some(store) => Ok(store.to_owned()),
            None => Err(Fault::NotFound { kind: Kind::Alias, id: id_or_alias.to_owned() }),
        }
    }

    /// The id of the store that `policyStoreId` means.
    pub(crate) fn store_id(&self, input: &Members<'_>) -> Result<String, Fault> {
        self.resolve(input.required_text("policyStoreId", &STORE_ID)?)
    }

    /// The id in a `policyStoreId` that takes no alias.
    pub(crate) fn bare_store_id<'a>(&self, input: &Members<'a>) -> Result<&'a str, Fault> {
        let id = input.required_text("policyStoreId", &STORE_ID)?;
        if id.starts_with(ALIAS_PREFIX) {
            return Err(input.invalid("policyStoreId", "takes the id of a policy store, not an alias"));
        }
        Ok(id)
    }

    /// The store by its id, and one request taken from its rate.
    pub(crate) fn store_by_id(
        &mut self,
        id: &str,
        operation: &'static str,
        rate: Rate,
        now: OffsetDateTime,
    ) -> Result<(&mut Store, &Limits), Fault> {
        let per_second = self.per_second(rate);
        let Some(store) = self.stores.get_mut(id) else {
            return Err(Fault::NotFound { kind: Kind::Store, id: id.to_owned() });
        };
        if let Some(per_second) = per_second {
            store.buckets.take(operation, per_second, now)?;
        }
        Ok((store, &self.limits))
    }

    /// The store that `policyStoreId` means, and one management request taken from its rate.
    pub(crate) fn store(
        &mut self,
        input: &Members<'_>,
        operation: &'static str,
        now: OffsetDateTime,
    ) -> Result<(&mut Store, &Limits), Fault> {
        let id = self.store_id(input)?;
        self.store_by_id(&id, operation, Rate::Management, now)
    }

    /// Takes one request from the account's own rate.
    pub(crate) fn take(
        &mut self,
        operation: &'static str,
        rate: Rate,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        match self.per_second(rate) {
            Some(per_second) => self.buckets.take(operation, per_second, now),
            None => Ok(()),
        }
    }

    fn per_second(&self, rate: Rate) -> Option<u32> {
        let rates = self.limits.rates.as_ref()?;
        Some(match rate {
            Rate::StoreLifecycle => rates.store_lifecycle_per_second,
            Rate::Management => rates.management_per_second,
            Rate::IsAuthorized => rates.is_authorized_per_second,
            Rate::BatchIsAuthorized => rates.batch_is_authorized_per_second,
        })
    }

    /// Performs a create call at most once for each `clientToken`.
    pub(crate) fn once(
        &mut self,
        operation: &'static str,
        input: &Members<'_>,
        now: OffsetDateTime,
        perform: impl FnOnce(&mut Self) -> Result<Created, Fault>,
    ) -> Result<Value, Fault> {
        let Some(token) = input.text("clientToken", &CLIENT_TOKEN)? else {
            return perform(self).map(|created| created.answer);
        };
        let request: Value = input
            .entries()
            .filter(|(name, _)| name.as_str() != "clientToken")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(answer) = self.tokens.answer(operation, token, &request, now)? {
            return Ok(answer);
        }
        let created = perform(self)?;
        self.tokens.remember(operation, token, request, &created.answer, (created.kind, created.id), now);
        Ok(created.answer)
    }
}

/// What a create call made.
pub(crate) struct Created {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) answer: Value,
}
