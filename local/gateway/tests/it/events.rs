//! Events: what callers put is sent on, what only AWS may say is not.

use serde_json::{Value, json};

use crate::account::Account;
use crate::wire;

#[tokio::test]
async fn nobody_puts_an_event_of_awss() {
    let account = Account::start().await;
    let seller = account.seller("everything").await;
    for (keys, who) in [
        (account.function("signup"), "a function"),
        (account.root(), "the product's root"),
        (account.seller_root(), "the seller's root"),
        (seller, "a role of the seller's"),
    ] {
        let entry = |source: &str| json!({"Source": source, "DetailType": "License Updated", "Detail": "{}"});
        let body =
            json!({"Entries": [entry("strongroom"), entry("aws.agreement-marketplace"), entry("aws.s3")]});
        let (status, text) = wire::json(&account, &keys, "events", "AWSEvents.PutEvents", &body).await;
        assert_eq!(status, 200, "{who}: {text}");
        let reached = account.engine.effects();
        let sent: Value = serde_json::from_slice(&reached.last().unwrap().body).unwrap();
        let sources: Vec<&str> =
            sent["Entries"].as_array().unwrap().iter().map(|one| one["Source"].as_str().unwrap()).collect();
        // The engine refuses, entry by entry, every source that begins so, but for the Marketplace's.
        assert_eq!(sources, ["strongroom", "aws.nobody", "aws.nobody"], "{who}");
    }
}
