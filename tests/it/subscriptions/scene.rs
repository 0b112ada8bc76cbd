//! The Marketplace and our table, side by side: what is bought, told and seen.

use std::time::{Duration, Instant, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use local::marketplace::Marketplace;
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    ids::TenantId,
    marketplace::{ids::LicenseArn, resolve::Resolved},
    subscriptions::{Kind, Metering, Subscription, Subscriptions},
};
use tests::{World, world, world_alone};

/// A purchase at the Marketplace, of which nobody here has heard unless it was told.
pub(super) struct Bought {
    pub(super) license: LicenseArn,
    pub(super) resolved: Resolved,
    /// Created and updated.
    pub(super) events: Vec<Value>,
}

/// The Marketplace and our table, side by side.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) marketplace: Marketplace,
}

impl Scene {
    pub(super) async fn shared() -> Self {
        Self::of(world().await)
    }

    pub(super) async fn alone() -> Self {
        Self::of(world_alone().await)
    }

    pub(super) fn of(world: World) -> Self {
        let marketplace = world.marketplace();
        Self { world, marketplace }
    }

    /// Somebody buys, and nothing is told.
    pub(super) async fn buy_unheard(&self) -> Bought {
        self.buy(json!({ "events": false })).await
    }

    pub(super) async fn buy(&self, order: Value) -> Bought {
        bought(&self.marketplace.order("subscriptions", &order).await.unwrap())
    }

    /// Something happens to a licence, and nothing is told; the events that tell of it.
    pub(super) async fn change_unheard(&self, license: &LicenseArn, change: Value) -> Vec<Value> {
        let mut order = json!({ "license_arn": license.as_str(), "events": false });
        order.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let changed = self.marketplace.order("changes", &order).await.unwrap();
        changed["events"].as_array().unwrap().clone()
    }

    /// Something happens to a licence, and the Marketplace tells of it.
    pub(super) async fn change(&self, license: &LicenseArn, change: &str) {
        let order = json!({ "license_arn": license.as_str(), "change": change });
        let _ = self.marketplace.order("changes", &order).await.unwrap();
    }

    /// Puts events straight into the queue, in this order.
    pub(super) async fn deliver(&self, events: &[Value]) {
        let bodies: Vec<_> = events.iter().map(Value::to_string).collect();
        self.deliver_texts(&bodies).await;
    }

    pub(super) async fn deliver_texts(&self, bodies: &[String]) {
        for bodies in bodies.chunks(10) {
            let entries = bodies.iter().enumerate().map(|(nth, body)| {
                SendMessageBatchRequestEntry::builder()
                    .id(nth.to_string())
                    .message_body(body)
                    .build()
                    .unwrap()
            });
            let sent = self
                .world
                .root()
                .sqs()
                .send_message_batch()
                .queue_url(self.world.details.output("SubscriptionEventsQueueUrl"))
                .set_entries(Some(entries.collect()))
                .send()
                .await
                .unwrap();
            assert!(sent.failed().is_empty(), "{:?}", sent.failed());
        }
    }

    /// The product's own library over the product's own tables, as the sign-up function uses it.
    pub(super) fn subscriptions(&self) -> Subscriptions {
        Subscriptions::new(
            self.world.root().dynamodb(),
            self.world.details.output("SubscriptionsTableName").to_owned(),
        )
        .projected_to(self.world.details.output("TenantsTableName").to_owned())
    }

    pub(super) async fn subscription(&self, license: &LicenseArn) -> Option<Subscription> {
        self.subscriptions().get(license).await.unwrap()
    }

    pub(super) async fn kind(&self, license: &LicenseArn) -> Option<Kind> {
        self.subscription(license).await.map(|subscription| subscription.state.kind)
    }

    /// The state that was settled last, as the item has it.
    pub(super) async fn settled(&self, license: &LicenseArn) -> Option<String> {
        let item = self
            .world
            .root()
            .dynamodb()
            .get_item()
            .table_name(self.world.details.output("SubscriptionsTableName"))
            .key("subject", AttributeValue::S(format!("license#{license}")))
            .consistent_read(true)
            .send()
            .await
            .unwrap()
            .item?;
        Some(item.get("subscription_state")?.as_s().unwrap().clone())
    }

    pub(super) async fn see_settled(&self, license: &LicenseArn, kind: Kind) {
        self.world
            .see(&format!("{license} {}", kind.as_str()), async || {
                (self.settled(license).await.as_deref() == Some(kind.as_str())).then_some(())
            })
            .await;
    }

    /// Registers a purchase for a tenant of which there is nothing but a mapping row.
    pub(super) async fn register_row(&self, bought: &Bought) -> TenantId {
        let tenant = TenantId::random();
        let put = self
            .world
            .root()
            .dynamodb()
            .put_item()
            .table_name(self.world.details.output("TenantsTableName"))
            .item("tenant_id", AttributeValue::S(tenant.to_string()))
            .send()
            .await;
        let _ = put.unwrap();
        self.register(bought, tenant).await;
        tenant
    }

    /// The agreement of a licence is renewed or replaced, and nothing is told: what was bought instead, and all events
    /// of it: the end of the old agreement, the new one, its licence.
    pub(super) async fn succeed_unheard(&self, license: &LicenseArn, change: &str) -> (Bought, Vec<Value>) {
        let order = json!({ "license_arn": license.as_str(), "change": change, "events": false });
        let changed = self.marketplace.order("changes", &order).await.unwrap();
        let next = bought(&changed["successor"]);
        (next, changed["events"].as_array().unwrap().clone())
    }

    pub(super) async fn register(&self, bought: &Bought, tenant: TenantId) {
        let registered = self.subscriptions().register(&bought.resolved, tenant, now()).await.unwrap();
        assert_eq!(registered.tenant, tenant);
    }

    /// Waits until the tenants' sessions are shown this: the row follows the state that was settled, by a write of
    /// its own.
    pub(super) async fn see_shown(&self, tenant: TenantId, kind: Kind) {
        let what = format!("that {tenant} is shown as {kind:?}");
        let is_shown = async || (self.shown(tenant).await? == kind.as_str()).then_some(());
        self.world.see(&what, is_shown).await;
    }

    /// What the tenants' sessions are shown.
    pub(super) async fn shown(&self, tenant: TenantId) -> Option<String> {
        let row = self
            .world
            .root()
            .dynamodb()
            .get_item()
            .table_name(self.world.details.output("TenantsTableName"))
            .key("tenant_id", AttributeValue::S(tenant.to_string()))
            .consistent_read(true)
            .send()
            .await
            .unwrap()
            .item?;
        Some(row.get("subscription_state")?.as_s().unwrap().clone())
    }

    pub(super) async fn forget_row(&self, tenant: TenantId) {
        let deleted = self
            .world
            .root()
            .dynamodb()
            .delete_item()
            .table_name(self.world.details.output("TenantsTableName"))
            .key("tenant_id", AttributeValue::S(tenant.to_string()))
            .send()
            .await;
        let _ = deleted.unwrap();
    }

    /// What became of the licence's last metering. It is recorded as asked for once its order was sent, and as done
    /// by the metering function, which has carried that order out.
    pub(super) async fn last_metering(&self, license: &LicenseArn) -> Metering {
        self.subscription(license).await.map_or(Metering::None, |subscription| subscription.final_metering)
    }

    pub(super) async fn see_metered_for_the_last_time(&self, license: &LicenseArn) {
        let done = async || (self.last_metering(license).await == Metering::Done).then_some(());
        self.world.see("the last metering done", done).await;
    }

    pub(super) async fn waiting(&self, queue: &str) -> u32 {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let told = self
            .world
            .root()
            .sqs()
            .get_queue_attributes()
            .queue_url(self.world.details.output(queue))
            .set_attribute_names(Some(names.clone().into()))
            .send()
            .await
            .unwrap();
        let told = told.attributes.unwrap_or_default();
        names.iter().filter_map(|name| told.get(name)?.parse::<u32>().ok()).sum()
    }

    pub(super) async fn see_queue_done(&self) {
        let done = async || (self.waiting("SubscriptionEventsQueueUrl").await == 0).then_some(());
        self.world.see("every event done with", done).await;
    }

    pub(super) async fn reconcile(&self) -> Value {
        let order = json!({ "reconcile": {} });
        local::account::invoke(self.world.details, "Subscriptions", &order).await.unwrap().unwrap()
    }
}

impl Scene {
    /// Delivers one event while one call of the function fails, `skip` calls of that kind having passed, and
    /// waits for its end. Whether there was such a call.
    pub(super) async fn survives(&self, kind: Kind, call: (&str, &str, &str), skip: u32) -> bool {
        let (_, operation, when) = call;
        let bought = self.buy_unheard().await;
        let tenant = self.register_row(&bought).await;
        let event = if kind == Kind::Active {
            bought.events[1].clone()
        } else {
            self.deliver(&bought.events).await;
            self.see_settled(&bought.license, Kind::Active).await;
            self.change_unheard(&bought.license, json!({ "change": "end" })).await.remove(0)
        };
        self.see_queue_done().await;
        self.fail_a_call(call, skip).await;
        self.deliver(&[event]).await;
        self.see_settled(&bought.license, kind).await;
        self.see_queue_done().await;
        let was_met = self.was_met().await;
        let what = format!("{} {when} its effect, call {skip}, on the way to {kind:?}", operation);
        assert_eq!(self.shown(tenant).await.as_deref(), Some(kind.as_str()), "{what}");
        let asked = self.last_metering(&bought.license).await != Metering::None;
        assert_eq!(asked, kind == Kind::Suspended, "{what}: the last metering");
        self.forget_row(tenant).await;
        was_met
    }

    /// Lets one call of the function fail, `skip` calls of that kind having passed.
    pub(super) async fn fail_a_call(&self, (service, operation, when): (&str, &str, &str), skip: u32) {
        // Three tries of one call are the SDK's own; the event itself has to come back after them.
        let order = json!({
            "service": service, "operation": operation, "function": "Subscriptions",
            "when": when, "error": "500", "times": 3, "skip": skip,
        });
        let (somebody, faults) = (self.world.somebody(None), self.faults());
        let ordered = somebody.use_url_with(Method::POST, &faults, order.to_string()).await;
        assert_eq!(ordered.status, 201, "{}", ordered.body);
    }

    /// Whether the call that was to fail was made; if not, it may pass from now on.
    pub(super) async fn was_met(&self) -> bool {
        let (somebody, faults) = (self.world.somebody(None), self.faults());
        let open = somebody.use_url(Method::GET, &faults, b"").await.json()["faults"].clone();
        let _ = somebody.use_url(Method::DELETE, &faults, b"").await.expect(200);
        assert!(open == json!([]) || open[0]["times"] == 3, "hit in part: {open}");
        open == json!([])
    }

    fn faults(&self) -> String {
        format!("{}/_gateway/faults", self.world.details.aws_endpoint_url)
    }
}

/// A purchase, as the Marketplace tells of it.
fn bought(told: &Value) -> Bought {
    let text = |name: &str| told[name].as_str().unwrap();
    let license: LicenseArn = text("license_arn").parse().unwrap();
    let resolved = Resolved {
        account: text("account").parse().unwrap(),
        license: license.clone(),
        agreement: Some(text("agreement_id").parse().unwrap()),
    };
    Bought { license, resolved, events: told["events"].as_array().unwrap().clone() }
}

pub(super) fn now() -> SystemTime {
    shared::clock::Clock::system().now()
}

/// Looks every so often until `look` sees it.
pub(super) async fn until(patience: Duration, what: &str, look: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !look().await {
        assert!(begun.elapsed() < patience, "{what} was not seen in {patience:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
