//! The schedule's own way: all licences, in slices, through the queue, by the deployed function.

use local::metering::{Ended, Trace, When};
use serde_json::json;
use tests::{
    metering::{Metering, documents},
    world_alone,
};

#[tokio::test]
async fn a_schedule_has_every_licence_metered_through_the_queue() {
    let metering = Metering::of(world_alone().await).await;
    forget_other_licences(&metering).await;
    let hour = metering.closed(0);
    let mut buyers = Vec::new();
    for nth in 1..=4 {
        let buyer = metering.buyer(hour).await;
        metering.use_up(&buyer, &[documents("1", nth, hour)]).await;
        buyers.push(buyer);
    }
    let order = json!({ "meter": { "scheduled": metering.now().to_string(), "back": 2 } });
    // It may die at any of its calls, and be repeated as often as one likes.
    let trace = Trace::new();
    let _ = metering.aggregator(metering.now()).await.invoke(&order, &trace).await.unwrap();
    let calls = trace.calls(&metering.doors).await.unwrap();
    assert_eq!(calls, ["dynamodb:DescribeTable", "sqs:SendMessageBatch"]);
    for (nth, call) in calls.iter().enumerate() {
        for when in [When::Before, When::After] {
            let aggregator = metering.aggregator(metering.now()).await;
            let ended = aggregator.invoke_and_kill(&order, nth, when).await.unwrap();
            assert_eq!(ended, Ended::Killed(call.clone()));
        }
    }
    let answer = metering.world.invoke("Metering", &order).await.unwrap();
    assert!(answer["slices"].as_u64() >= Some(1), "{answer}");
    for (buyer, nth) in buyers.iter().zip(1..) {
        metering
            .world
            .see("that a licence is billed", async || {
                let billed = metering.billed(buyer, "documents_added").await;
                (billed == [(hour, nth)]).then_some(())
            })
            .await;
        metering
            .world
            .see("that the ledger knows", async || {
                metering.rows(buyer).await.iter().all(|row| row.agrees).then_some(())
            })
            .await;
        metering.is_billed_as_used(buyer, hour).await;
    }
}

/// What other tests have left in the table of subscriptions: some of it is of licences that were never sold, and
/// hundreds of days old.
pub(super) async fn forget_other_licences(metering: &Metering) {
    let (dynamodb, table) =
        (metering.world.root().dynamodb(), metering.world.details.output("SubscriptionsTableName"));
    let mut from = None;
    loop {
        let page =
            dynamodb.scan().table_name(table).set_exclusive_start_key(from.take()).send().await.unwrap();
        for item in page.items() {
            let key = ("subject", item["subject"].clone());
            let deleted = dynamodb.delete_item().table_name(table).key(key.0, key.1).send().await;
            let _ = deleted.unwrap();
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return;
        }
    }
}
