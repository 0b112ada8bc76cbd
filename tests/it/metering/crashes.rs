//! A run dies at any of its AWS calls, before the call's effect or after: by SIGKILL, which leaves it no last word.

use local::metering::{Ended, Licensed, Trace, When};
use serde_json::{Value, json};
use shared::{metering::Measure, subscriptions::FinalMetering};
use tests::{
    metering::{Metering, closing, documents, used},
    world, world_alone,
};

use super::fan_out::forget_other_licences;

/// Which call of a run over one fresh licence is the first of this operation, from 0.
pub(super) async fn place_of(metering: &Metering, operation: &str) -> usize {
    let hour = metering.closed(1);
    let buyer = metering.buyer(hour).await;
    let trace = Trace::new();
    let _ = metering.run_as(&trace, closing(hour), &[&buyer]).await;
    let calls = trace.calls(&metering.doors).await.unwrap();
    calls.iter().position(|call| call == operation).unwrap_or_else(|| panic!("{operation} in {calls:?}"))
}

/// What a run finds that has work of every kind to do: a ledger with something late in it, an hour to seal, and
/// records to send of both.
async fn a_buyer_with_work(metering: &Metering) -> Licensed {
    let (hour, next) = (metering.closed(1), metering.closed(0));
    let buyer = metering.buyer(hour).await;
    let stored = used("document/1/stored", Measure::StorageGibHours, 3 << 30, hour);
    metering.use_up(&buyer, &[documents("1", 5, hour), stored]).await;
    // Sealed, and not sent.
    let trace = Trace::new();
    let call = ("aws-marketplace", "BatchMeterUsage");
    trace.fail(&metering.doors, call, When::Before, "500", 1_000).await.unwrap();
    let _ = metering.run_as(&trace, closing(hour), &[&buyer]).await;
    let released = used("document/1/released", Measure::StorageGibHours, -(2 << 30), next);
    let shared = used("share/1", Measure::SharesCreated, 2, next);
    metering.use_up(&buyer, &[documents("2", 7, next), released, shared]).await;
    buyer
}

async fn is_billed(metering: &Metering, buyer: &Licensed, what: &str) {
    let (hour, next) = (metering.closed(1), metering.closed(0));
    assert_eq!(metering.billed(buyer, "documents_added").await, [(hour, 5), (next, 7)], "{what}");
    assert_eq!(metering.billed(buyer, "shares_created").await, [(next, 2)], "{what}");
    assert_eq!(metering.billed(buyer, "storage_gib_hours").await, [(hour, 3), (next, 1)], "{what}");
    metering.is_billed_as_used(buyer, next).await;
}

/// Kills what `work` asks for at each of `calls`, before their effects and after, each time with a buyer of its own, and
/// lets the same be done again without.
async fn die_everywhere(
    metering: &Metering,
    calls: &[String],
    work: impl AsyncFn() -> (Licensed, Value),
    is_done: impl AsyncFn(&Licensed, &Value, &str),
) {
    for (nth, call) in calls.iter().enumerate() {
        for when in [When::Before, When::After] {
            let what = format!("{call}, number {nth}, {} its effect", when.as_str());
            let mut tries = 0;
            let (buyer, order) = loop {
                let (buyer, order) = work().await;
                let aggregator = metering.aggregator(metering.now()).await;
                let ended = aggregator.invoke_and_kill(&order, nth, when).await.unwrap();
                // Other tests ask the Marketplace too: a call of its own may have been throttled, and made again.
                tries += 1;
                if ended == Ended::Killed(call.clone()) {
                    break (buyer, order);
                }
                assert!(tries < 4, "{what}: {ended:?}");
            };
            let again = metering.aggregator(metering.now()).await.invoke(&order, &Trace::new()).await;
            is_done(&buyer, &again.unwrap(), &what).await;
        }
    }
}

/// The calls of what `order` asks for, and its answer.
async fn calls_of(metering: &Metering, order: &Value) -> (Vec<String>, Value) {
    let trace = Trace::new();
    let answer = metering.aggregator(metering.now()).await.invoke(order, &trace).await.unwrap();
    (trace.calls(&metering.doors).await.unwrap(), answer)
}

fn order(metering: &Metering, buyer: &Licensed) -> Value {
    Metering::order(metering.now(), &[buyer])
}

/// A message, as a queue brings it.
fn message(body: &str) -> Value {
    json!({ "Records": [{
        "messageId": uuid::Uuid::new_v4().to_string(),
        "receiptHandle": "none",
        "body": body,
        "attributes": { "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
        "awsRegion": "us-east-1",
    }] })
}

fn is_taken(answer: &Value) -> bool {
    answer["batchItemFailures"] == json!([])
}

#[tokio::test]
async fn a_run_that_is_killed_at_any_call_leaves_nothing_lost_and_nothing_billed_twice() {
    let metering = Metering::of(world().await).await;
    let work = async || {
        let buyer = a_buyer_with_work(&metering).await;
        let order = order(&metering, &buyer);
        (buyer, order)
    };
    let (buyer, order) = work().await;
    let (calls, _) = calls_of(&metering, &order).await;
    is_billed(&metering, &buyer, "nothing went wrong").await;
    for needed in [
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "sts:AssumeRole",
        "aws-marketplace:BatchMeterUsage",
    ] {
        assert!(calls.iter().any(|call| call == needed), "{needed} is not in {calls:?}");
    }
    die_everywhere(&metering, &calls, work, async |buyer, report, what| {
        assert!(tests::metering::is_done(report), "{what}: {report}");
        is_billed(&metering, buyer, what).await;
    })
    .await;
}

#[tokio::test]
async fn a_first_run_that_is_killed_at_any_call_begins_one_ledger() {
    let metering = Metering::of(world().await).await;
    let work = async || {
        let (hour, next) = (metering.closed(1), metering.closed(0));
        let buyer = metering.buyer(hour).await;
        let stored = used("document/1/stored", Measure::StorageGibHours, 3 << 30, hour);
        let released = used("document/1/released", Measure::StorageGibHours, -(2 << 30), next);
        let shared = used("share/1", Measure::SharesCreated, 2, next);
        let events = [documents("1", 5, hour), stored, documents("2", 7, next), released, shared];
        metering.use_up(&buyer, &events).await;
        let order = order(&metering, &buyer);
        (buyer, order)
    };
    let (buyer, order) = work().await;
    let (calls, _) = calls_of(&metering, &order).await;
    is_billed(&metering, &buyer, "nothing went wrong").await;
    assert!(calls.iter().any(|call| call == "dynamodb:TransactWriteItems"), "{calls:?}");
    die_everywhere(&metering, &calls, work, async |buyer, report, what| {
        assert!(tests::metering::is_done(report), "{what}: {report}");
        is_billed(&metering, buyer, what).await;
    })
    .await;
}

#[tokio::test]
async fn a_slice_that_is_killed_at_any_call_is_done_when_its_message_comes_again() {
    let metering = Metering::of(world_alone().await).await;
    let work = async || {
        forget_other_licences(&metering).await;
        let buyer = a_buyer_with_work(&metering).await;
        let scheduled = metering.now().to_string();
        let slice = json!({ "scheduled": scheduled, "back": 2, "segment": 0, "segments": 1 });
        (buyer, message(&json!({ "slice": slice }).to_string()))
    };
    let (buyer, order) = work().await;
    let (calls, answer) = calls_of(&metering, &order).await;
    assert!(is_taken(&answer) && calls.iter().any(|call| call == "dynamodb:Scan"), "{answer} {calls:?}");
    is_billed(&metering, &buyer, "nothing went wrong").await;
    die_everywhere(&metering, &calls, work, async |buyer, answer, what| {
        assert!(is_taken(answer), "{what}: {answer}");
        is_billed(&metering, buyer, what).await;
    })
    .await;
}

#[tokio::test]
async fn a_last_metering_that_is_killed_at_any_call_is_done_when_its_message_comes_again() {
    let metering = Metering::of(world().await).await;
    let sqs = metering.world.root().sqs();
    // Of its own: what is in the deployed one the deployed function takes.
    let name = format!("last-meterings-{}", uuid::Uuid::new_v4().simple());
    let queue = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
    let buyers = metering.buyers.clone().asking(FinalMetering::new(sqs.clone(), queue.clone()));
    let work = async || {
        let buyer = a_buyer_with_work(&metering).await;
        // In the hour after the last closed one, and less than an hour ago: later the Marketplace takes nothing.
        let ended = closing(metering.closed(0)).minus(60).max(metering.now().minus(1_800));
        buyers.end(&buyer, ended).await.unwrap();
        let received = sqs.receive_message().queue_url(&queue).send().await.unwrap();
        let asked = received.messages().first().expect("a last metering is asked for");
        let receipt = asked.receipt_handle().unwrap();
        let _ = sqs.delete_message().queue_url(&queue).receipt_handle(receipt).send().await.unwrap();
        (buyer, message(asked.body().unwrap()))
    };
    let is_done = async |buyer: &Licensed, answer: &Value, what: &str| {
        assert!(is_taken(answer), "{what}: {answer}");
        assert!(metering.books.is_over(&buyer.license).await.unwrap(), "{what}");
        // The hour in which it ended was sealed as well.
        let (hour, next) = (metering.closed(1), metering.closed(0));
        assert_eq!(metering.billed(buyer, "documents_added").await, [(hour, 5), (next, 7)], "{what}");
        metering.is_billed_as_used(buyer, next.next()).await;
    };
    let (buyer, order) = work().await;
    let (calls, answer) = calls_of(&metering, &order).await;
    assert!(calls.iter().any(|call| call == "dynamodb:UpdateItem"), "{calls:?}");
    is_done(&buyer, &answer, "nothing went wrong").await;
    die_everywhere(&metering, &calls, work, is_done).await;
    let _ = sqs.delete_queue().queue_url(&queue).send().await.unwrap();
}
