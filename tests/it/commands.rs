//! The local account's commands, as a person gives them: a sign-up, the Marketplace, and an operator's.

use local::{marketplace, signup, tenant};
use serde_json::{Value, json};
use tests::{World, world};

/// What a command of the Marketplace answers.
async fn market(world: &World, command: marketplace::Command) -> Value {
    let mut said = Vec::new();
    marketplace::run(world.details, &command, true, &mut |line| said.push(line.to_owned())).await.unwrap();
    let [line] = said.as_slice() else { panic!("one line of JSON, not {said:?}") };
    serde_json::from_str(line).unwrap()
}

/// What an operator's command says, line by line, or why it was not done.
async fn operator(world: &World, command: tenant::Command) -> Result<Vec<Value>, String> {
    let mut said = Vec::new();
    let mut tell = |line: &str| said.push(serde_json::from_str(line).unwrap());
    tenant::run(world.details, &command, true, &mut tell).await.map_err(|e| shared::problem::chain(&e))?;
    Ok(said)
}

fn close(tenant_id: &str, waive: bool) -> tenant::Command {
    tenant::Command::Close {
        tenant_id: tenant_id.to_owned(),
        waive_grace: waive,
        waive_final_metering: waive,
        waive_settling: waive,
    }
}

#[tokio::test]
async fn a_sign_up_goes_as_it_is_told() {
    let world = world().await;
    let mut failed = Vec::new();
    let all_ok = signup::play(world.details, &signup::Buyer::new(), |step| {
        if !step.ok {
            failed.push(step.clone());
        }
    })
    .await;
    assert!(all_ok.unwrap() && failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn a_person_can_be_the_marketplace() {
    let world = world().await;
    let subscribe =
        marketplace::Command::Subscribe { account: None, trial: true, pending: true, silent: false };
    let bought = market(&world, subscribe).await;
    let license = bought["license_arn"].as_str().unwrap().to_owned();
    assert_eq!(bought["events"].as_array().map(Vec::len), Some(1), "the licence is still to come");
    let change = marketplace::Command::Change {
        license: license.clone(),
        change: "update".to_owned(),
        status: None,
        silent: false,
    };
    let changed = market(&world, change).await;
    assert_eq!(changed["events"][0]["detail-type"], "License Updated - Manufacturer");
    let expire = marketplace::Command::Expire { token: None, license: Some(license.clone()) };
    assert_eq!(market(&world, expire).await["expired"], 1);
    let state = market(&world, marketplace::Command::State { license: Some(license.clone()) }).await;
    assert_eq!(state["agreements"][0]["license_arn"], json!(license));
    assert_eq!(state["agreements"][0]["entitlement"], "PROVISIONED");
}

#[tokio::test]
async fn an_operator_has_a_tenant_erased_only_when_it_is_over_and_reads_what_was_erased() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let signed_up = world.sign_up(&bought, "Closing Ltd").await;
    let admin = world.accept(&signed_up.email).await;
    admin.add("last.txt", b"the last one").await;
    let id = signed_up.tenant_id.as_str();

    let refused = operator(&world, close(id, true)).await.unwrap_err();
    assert!(refused.contains("the subscription is active"), "{refused}");
    let cancel = marketplace::Command::Change {
        license: bought.license_arn.clone(),
        change: "cancel".to_owned(),
        status: None,
        silent: false,
    };
    market(&world, cancel).await;
    world
        .see("that the subscription is suspended", async || {
            let shown = operator(&world, tenant::Command::Show { tenant_id: id.to_owned() }).await.unwrap();
            (shown[0]["subscription_state"] == "suspended").then_some(())
        })
        .await;
    let refused = operator(&world, close(id, false)).await.unwrap_err();
    assert!(refused.contains("the grace period is not over, until 2"), "{refused}");

    let record = operator(&world, close(id, true)).await.unwrap().remove(0);
    assert_eq!((&record["progress"], &record["erased_documents"]), (&json!("closed"), &json!(1)), "{record}");
    assert_eq!(record["waived_grace"], true, "what was waived is on the record");
    let text = record.to_string();
    assert!(!text.contains("Closing Ltd") && !text.contains(&signed_up.email), "{text}");
    let listed = operator(&world, tenant::Command::List).await.unwrap();
    assert!(listed.contains(&record), "an erased tenant stays in the list");
}

#[tokio::test]
async fn a_tenant_that_there_is_none_of_is_not_erased() {
    let world = world().await;
    for command in [close("nobody", true), tenant::Command::Show { tenant_id: "0".repeat(32) }] {
        let refused = operator(&world, command).await.unwrap_err();
        assert!(refused.starts_with("there is no tenant"), "{refused}");
    }
}
