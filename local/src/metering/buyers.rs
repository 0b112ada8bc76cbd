//! Buyers who are there only to be billed: a licence, told and registered, and usage in its tenant's partition.
//!
//! Nobody signs up for them: what metering needs is what registration and the Marketplace's events leave in the
//! subscriptions' table, and the events of usage, which are written as a function writes them, in a session of the
//! tenant.

use std::time::{Duration, SystemTime};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use aws_sdk_sts::types::Tag;
use serde::Deserialize;
use serde_json::json;
use shared::{
    aws::SdkConfig,
    clock::{Clock, epoch_s, rfc3339},
    ids::TenantId,
    marketplace::{
        ids::{AccountId, AgreementId, LicenseArn},
        origin::Origin,
        resolve::Resolved,
    },
    metering::{Second, UsageEvent},
    subscriptions::{
        EndStatus, FinalMetering, Subscriptions,
        event::{AgreementEvent, AgreementEventKind, LicenseEvent, LicenseEventKind},
        facts::{AgreementEnd, LicenseFact, Stamp},
    },
    usage::KEPT,
};

use super::MeteringError;
use crate::{
    account::{Details, function_key},
    aws::sdk_config,
    doors::Doors,
    marketplace::{Bought, Marketplace},
};

/// Any of the functions that may open a tenant's session.
const FUNCTION: &str = "Documents";
/// A session's tag that such a session has to have; these tenants have no store.
const NO_STORE: &str = "none";
/// The most items of one transaction.
const TRANSACTION_MAX: usize = 100;

/// A licence that is somebody's, and the tenant that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licensed {
    /// The licence.
    pub license: LicenseArn,
    /// The buyer's account.
    pub account: AccountId,
    /// The tenant.
    pub tenant: TenantId,
}

/// What the Marketplace tells of a renewal.
#[derive(Deserialize)]
struct Renewed {
    agreement_id: String,
    successor: Successor,
}

#[derive(Deserialize)]
struct Successor {
    agreement_id: String,
    license_arn: String,
}

/// Those who buy and use.
#[derive(Debug, Clone)]
pub struct Buyers {
    market: Marketplace,
    subscriptions: Subscriptions,
    function: SdkConfig,
    role: String,
    usage_table: String,
}

impl Buyers {
    /// Of this account.
    ///
    /// # Errors
    /// When the account cannot be spoken to.
    pub fn of(details: &Details) -> Result<Self, MeteringError> {
        let key = function_key(details, FUNCTION)
            .ok_or_else(|| crate::account::AccountError::NoFunction(FUNCTION.to_owned()))?;
        let function = Credentials::new(
            key.access_key_id,
            key.secret_access_key,
            Some(key.session_token),
            None,
            "local",
        );
        let table = details.output("SubscriptionsTableName").to_owned();
        Ok(Self {
            market: Marketplace::behind(Doors::of(details)?),
            subscriptions: Subscriptions::new(dynamodb(&root(details)?), table),
            function: config(details, function)?,
            role: details.output("TenantDataRoleArn").to_owned(),
            usage_table: details.output("UsageTableName").to_owned(),
        })
    }

    /// The same, who ask for the last metering of what ends.
    #[must_use]
    pub fn asking(mut self, final_metering: FinalMetering) -> Self {
        self.subscriptions = self.subscriptions.asking(final_metering);
        self
    }

    /// A licence of an account of its own, in use since then, with a tenant of its own.
    ///
    /// # Errors
    /// When the Marketplace or the table does not do its part.
    pub async fn buy(&self, since: Second) -> Result<Licensed, MeteringError> {
        self.buy_as(None, since).await
    }

    /// The same for this account, which may have bought before.
    ///
    /// # Errors
    /// When the Marketplace or the table does not do its part.
    pub async fn buy_as(
        &self,
        account: Option<&AccountId>,
        since: Second,
    ) -> Result<Licensed, MeteringError> {
        let mut order = json!({ "at": rfc3339(time(since)), "events": false });
        if let (Some(account), Some(order)) = (account, order.as_object_mut()) {
            order.insert("account".to_owned(), json!(account.as_str()));
        }
        let bought: Bought = serde_json::from_value(self.market.order("subscriptions", &order).await?)
            .map_err(|_| MeteringError::Malformed("a purchase"))?;
        let licensed = Licensed {
            license: bought.license_arn.parse().map_err(|_| MeteringError::Malformed("a licence"))?,
            account: bought.account.parse().map_err(|_| MeteringError::Malformed("an account"))?,
            tenant: TenantId::random(),
        };
        self.told(&licensed, LicenseEventKind::Updated, since).await?;
        let resolved = Resolved {
            account: licensed.account.clone(),
            license: licensed.license.clone(),
            agreement: None,
        };
        self.register(&resolved, licensed.tenant, since).await?;
        Ok(licensed)
    }

    /// What was bought becomes this tenant's, who may use it from `at` on.
    ///
    /// # Errors
    /// When it is another's already, or the table does not do its part.
    pub async fn register(
        &self,
        resolved: &Resolved,
        tenant: TenantId,
        at: Second,
    ) -> Result<(), MeteringError> {
        let registered = self.subscriptions.register(resolved, tenant, time(at)).await?;
        if registered.tenant == tenant { Ok(()) } else { Err(MeteringError::Malformed("a registration")) }
    }

    /// The licence is taken away at `at`; a last metering is ordered where these [ask](Self::asking) for it.
    ///
    /// # Errors
    /// When the Marketplace or the table does not do its part.
    pub async fn end(&self, licensed: &Licensed, at: Second) -> Result<(), MeteringError> {
        self.change(licensed, "deprovision", at).await?;
        self.told(licensed, LicenseEventKind::Deprovisioned, at).await
    }

    /// The licence is good again from `at` on.
    ///
    /// # Errors
    /// When the Marketplace or the table does not do its part.
    pub async fn permit_again(&self, licensed: &Licensed, at: Second) -> Result<(), MeteringError> {
        self.change(licensed, "update", at).await?;
        self.told(licensed, LicenseEventKind::Updated, at).await
    }

    /// The agreement is renewed at `at`, and the new licence is good from `good` on: the tenant goes on to it, as
    /// the product's own library has it.
    ///
    /// # Errors
    /// When the Marketplace or the table does not do its part, or the tenant does not move.
    pub async fn renew(
        &self,
        licensed: &Licensed,
        at: Second,
        good: Second,
    ) -> Result<Licensed, MeteringError> {
        let order = json!({
            "license_arn": licensed.license.as_str(), "change": "renew", "at": rfc3339(time(at)), "events": false,
        });
        let renewed: Renewed = serde_json::from_value(self.market.order("changes", &order).await?)
            .map_err(|_| MeteringError::Malformed("a renewal"))?;
        let agreement = |id: &str| id.parse().map_err(|_| MeteringError::Malformed("an agreement"));
        let (old, new) = (agreement(&renewed.agreement_id)?, agreement(&renewed.successor.agreement_id)?);
        let account = licensed.account.clone();
        let resolved = |license: &LicenseArn, agreement: &AgreementId| Resolved {
            account: account.clone(),
            license: license.clone(),
            agreement: Some(agreement.clone()),
        };
        self.register(&resolved(&licensed.license, &old), licensed.tenant, at).await?;
        let license = renewed.successor.license_arn.parse();
        let successor = Licensed {
            license: license.map_err(|_| MeteringError::Malformed("a licence"))?,
            ..licensed.clone()
        };
        let end = AgreementEnd { stamp: stamp(at)?, status: EndStatus::Renewed };
        let ended = AgreementEvent { agreement: old.clone(), kind: AgreementEventKind::Ended(end) };
        self.subscriptions.record_agreement(&ended, time(at)).await?;
        let fact = LicenseFact { stamp: stamp(good)?, agreement: Some(new.clone()) };
        self.keep(&successor, LicenseEventKind::Updated, fact, good).await?;
        let origin = Origin { first: old.clone(), account: account.clone() };
        self.subscriptions.enter(&licensed.license, &account, &old, &origin).await?;
        self.subscriptions.enter(&successor.license, &account, &new, &origin).await?;
        match self.subscriptions.advance(&old, time(good)).await? {
            Some(moved) if moved.to == successor.license => Ok(successor),
            _ => Err(MeteringError::Malformed("a succession")),
        }
    }

    /// Something happens to the licence in the Marketplace alone.
    ///
    /// # Errors
    /// When the Marketplace does not do it.
    pub async fn change(&self, licensed: &Licensed, change: &str, at: Second) -> Result<(), MeteringError> {
        let order = json!({
            "license_arn": licensed.license.as_str(), "change": change,
            "at": rfc3339(time(at)), "events": false,
        });
        self.market.order("changes", &order).await?;
        Ok(())
    }

    /// The product is told something of the licence, whatever the Marketplace has.
    ///
    /// # Errors
    /// When the table does not do its part.
    pub async fn told(
        &self,
        licensed: &Licensed,
        kind: LicenseEventKind,
        at: Second,
    ) -> Result<(), MeteringError> {
        self.keep(licensed, kind, LicenseFact { stamp: stamp(at)?, agreement: None }, at).await
    }

    async fn keep(
        &self,
        licensed: &Licensed,
        kind: LicenseEventKind,
        fact: LicenseFact,
        at: Second,
    ) -> Result<(), MeteringError> {
        let event =
            LicenseEvent { license: licensed.license.clone(), account: licensed.account.clone(), kind, fact };
        let recorded = self.subscriptions.record_license(&event).await?;
        for license in &recorded.licenses {
            self.subscriptions.settle(license, time(at)).await?;
        }
        Ok(())
    }

    /// Records usage in a session of the tenant, each event once.
    ///
    /// # Errors
    /// When the session or the table is refused.
    pub async fn use_up(&self, tenant: TenantId, events: &[UsageEvent]) -> Result<(), MeteringError> {
        let dynamodb = dynamodb(&self.session(tenant).await?);
        for events in events.chunks(TRANSACTION_MAX) {
            let mut transaction = dynamodb.transact_write_items();
            for event in events {
                transaction = transaction.transact_items(self.put(tenant, event)?);
            }
            transaction.send().await.map_err(client("usage could not be recorded"))?;
        }
        Ok(())
    }

    /// An event's row, as `shared::usage` documents it.
    fn put(&self, tenant: TenantId, event: &UsageEvent) -> Result<TransactWriteItem, MeteringError> {
        let now = Clock::system().now();
        let put = Put::builder()
            .table_name(&self.usage_table)
            .item("tenant_id", AttributeValue::S(tenant.to_string()))
            .item("usage_key", AttributeValue::S(event.sort_key()))
            .item("measure", AttributeValue::S(event.measure().to_string()))
            .item("amount", AttributeValue::N(event.amount().to_string()))
            .item("recorded_at", AttributeValue::S(rfc3339(now)))
            .item("expires_at", AttributeValue::N(epoch_s(now + KEPT).to_string()))
            .condition_expression("attribute_not_exists(usage_key)")
            .build()
            .map_err(client("usage could not be recorded"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    #[expect(clippy::disallowed_methods, reason = "the fence is for functions; this is a function's own key")]
    async fn session(&self, tenant: TenantId) -> Result<SdkConfig, MeteringError> {
        let step = "no session of the tenant";
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().map_err(client(step));
        let reply = aws_sdk_sts::Client::new(&self.function)
            .assume_role()
            .role_arn(&self.role)
            .role_session_name("local")
            .duration_seconds(900)
            .tags(tag("tenant_id", &tenant.to_string())?)
            .tags(tag("policy_store_id", NO_STORE)?)
            .send()
            .await
            .map_err(client(step))?;
        let credentials = reply.credentials.ok_or(MeteringError::Malformed("a session"))?;
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            None,
            "local",
        );
        let provider = SharedCredentialsProvider::new(credentials);
        Ok(self.function.clone().into_builder().credentials_provider(provider).build())
    }
}

/// The stamp of an event of then.
fn stamp(at: Second) -> Result<Stamp, MeteringError> {
    let id = uuid::Uuid::new_v4().to_string().parse().map_err(|_| MeteringError::Malformed("an event"))?;
    Ok(Stamp::new(time(at), id))
}

/// What clients with the account's root are made from.
pub(super) fn root(details: &Details) -> Result<SdkConfig, MeteringError> {
    let key = &details.admin;
    config(details, Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "local"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the fence is for functions; this is the control plane's side, or a function's own key"
)]
pub(super) fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

fn config(details: &Details, credentials: Credentials) -> Result<SdkConfig, MeteringError> {
    sdk_config(&details.region, &details.aws_endpoint_url, credentials)
        .map_err(client("cannot make an HTTP client"))
}

pub(super) fn client<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    step: &'static str,
) -> impl Fn(E) -> MeteringError {
    move |source| MeteringError::Client { step, source: source.into() }
}

/// An instant, as the tables' clocks have it.
pub(super) fn time(at: Second) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(at.get())
}
