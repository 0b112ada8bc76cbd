//! Buyers below the sign-up's pages: what a registration and the Marketplace's events leave in the control
//! plane's tables, and the orders that onboarding takes.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use shared::{
    clock::{Clock, rfc3339},
    ids::TenantId,
    marketplace::{
        ids::{AccountId, LicenseArn},
        resolve::Resolved,
    },
    onboarding::{Details, Onboardings, Order, Progress, Record, Step, Why},
    subscriptions::{
        FinalMetering, Subscriptions,
        event::{LicenseEvent, LicenseEventKind},
        facts::{LicenseFact, Stamp},
    },
};
use uuid::Uuid;

use crate::World;

/// Long enough ago that a subscription may have ended since, and its grace period with it.
const OWNED_FOR: Duration = Duration::from_secs(400 * 24 * 3600);

/// A buyer who has registered.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// Their account.
    pub account: AccountId,
    /// The licence that they bought.
    pub license: LicenseArn,
    /// Their tenant.
    pub tenant: TenantId,
    /// The address of the administrator that they named.
    pub email: String,
}

/// The hour by the machine's clock.
#[must_use]
pub fn now() -> SystemTime {
    Clock::system().now()
}

impl World {
    /// The onboarding table and queue, as the account's root.
    #[must_use]
    pub fn onboardings(&self) -> Onboardings {
        let name = |output: &str| self.details.output(output).to_owned();
        let root = self.root();
        Onboardings::new(root.dynamodb(), root.sqs(), name("OnboardingTableName"), name("OnboardingQueueUrl"))
    }

    /// The subscriptions, as the account's root. What ends by this is not metered by the function: its order goes
    /// where nobody takes it up, so that [`Self::metered`] says when it is done.
    #[must_use]
    pub fn subscriptions(&self) -> Subscriptions {
        let name = |output: &str| self.details.output(output).to_owned();
        let root = self.root();
        Subscriptions::new(root.dynamodb(), name("SubscriptionsTableName"))
            .projected_to(name("TenantsTableName"))
            .asking(FinalMetering::new(root.sqs(), name("FinalMeteringDeadLettersUrl")))
    }

    /// A buyer of an account of their own, registered and with an active licence; nothing is ordered yet.
    pub async fn registered(&self, name: &str) -> Buyer {
        let digits = Uuid::new_v4().as_u128() % 1_000_000_000_000;
        let account = format!("{digits:012}").parse().expect("twelve digits are an account");
        self.registered_by(&account, &format!("admin@{name}-{}.example", Uuid::new_v4().simple())).await
    }

    /// The same for a licence of this account, with this administrator.
    pub async fn registered_by(&self, account: &AccountId, email: &str) -> Buyer {
        let license: LicenseArn =
            format!("arn:aws:license-manager::294406891311:license:l-{}", Uuid::new_v4().simple())
                .parse()
                .expect("it is a licence");
        self.license_event(account, &license, LicenseEventKind::Updated, now() - OWNED_FOR).await;
        let resolved = Resolved { account: account.clone(), license: license.clone(), agreement: None };
        let registered = self.subscriptions().register(&resolved, TenantId::random(), now()).await;
        let tenant = registered.expect("a licence registers").tenant;
        let details = Details::parse("Example & Söhne", email).expect("the details are sound");
        let begun = self.onboardings().begin(tenant, &license, &details, now()).await;
        assert_eq!(begun.expect("a registration begins").progress, Progress::Waiting);
        Buyer { account: account.clone(), license, tenant, email: email.to_owned() }
    }

    /// The Marketplace says something of a licence.
    pub async fn license_event(
        &self,
        account: &AccountId,
        license: &LicenseArn,
        kind: LicenseEventKind,
        at: SystemTime,
    ) {
        let id = Uuid::new_v4().to_string().parse().expect("a UUID is an event's id");
        let fact = LicenseFact { stamp: Stamp::new(at, id), agreement: None };
        let event = LicenseEvent { license: license.clone(), account: account.clone(), kind, fact };
        let subscriptions = self.subscriptions();
        let recorded = subscriptions.record_license(&event).await.expect("an event is recorded");
        for license in &recorded.licenses {
            let _ = subscriptions.settle(license, now()).await.expect("a subscription settles");
        }
    }

    /// The subscription ended at `at`.
    pub async fn ended(&self, buyer: &Buyer, at: SystemTime) {
        self.license_event(&buyer.account, &buyer.license, LicenseEventKind::Deprovisioned, at).await;
    }

    /// The usage of a subscription that ended at `at` has been metered for the last time.
    pub async fn metered(&self, buyer: &Buyer, at: SystemTime) {
        // As the message has it, which is how exactly ends are told apart.
        let at = shared::clock::parse_rfc3339(&rfc3339(at)).expect("a time prints and parses");
        let done = self.subscriptions().metering_done(&buyer.license, at).await;
        assert!(done.expect("metering is recorded"), "it is the end that was asked for");
    }

    /// Puts the order to open the tenant into the queue.
    pub async fn order_open(&self, tenant: TenantId) {
        self.onboardings().enqueue(&Order::Open { tenant_id: tenant }).await.expect("an order is taken");
    }

    /// The tenant's record.
    pub async fn record(&self, tenant: TenantId) -> Record {
        self.onboardings().get(tenant).await.expect("a record is read").expect("the tenant has a record")
    }

    /// The tenant's record once it has come so far.
    pub async fn comes_to(&self, tenant: TenantId, progress: Progress) -> Record {
        self.see(&format!("that {tenant} comes to {progress:?}"), async || {
            let record = self.record(tenant).await;
            (record.progress == progress).then_some(record)
        })
        .await
    }

    /// The tenant's record once this step has failed for this reason.
    pub async fn fails_at(&self, tenant: TenantId, step: Step, why: Why) -> Record {
        self.comes_to(tenant, Progress::Failed { step, why }).await
    }

    /// A tenant of one's own that came through registration and onboarding, ready.
    pub async fn onboarded(&self, name: &str) -> Buyer {
        let buyer = self.registered(name).await;
        self.order_open(buyer.tenant).await;
        let _ = self.comes_to(buyer.tenant, Progress::Ready).await;
        buyer
    }

    /// Gives the onboarding function a batch with one order, past the queue: whether it is done with it.
    pub async fn deliver(&self, order: &Order) -> bool {
        let record = json!({
            "messageId": Uuid::new_v4().to_string(),
            "receiptHandle": "none",
            "body": serde_json::to_string(order).expect("an order prints"),
            "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
            "awsRegion": "us-east-1",
        });
        let answer = self.invoke("Onboarding", &json!({ "Records": [record] })).await;
        let failures = answer.expect("the function answers")["batchItemFailures"].as_array().map(Vec::len);
        failures.expect("the answer names what failed") == 0
    }

    /// Invokes a function: its answer, or the message of its error.
    ///
    /// # Errors
    /// When the function ended with one.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, String> {
        match local::account::invoke(self.details, function, event).await {
            Ok(answer) => answer,
            Err(error) => panic!("{function} was not invoked: {}", shared::problem::chain(&error)),
        }
    }

    /// Asks to have a tenant erased.
    pub async fn close(&self, tenant: TenantId, waive: &[&str]) -> Value {
        let mut close = json!({ "tenant_id": tenant });
        for name in waive {
            close[format!("waive_{name}")] = true.into();
        }
        self.invoke("Onboarding", &json!({ "close": close })).await.expect("the function answers")
    }
}
