//! The local account's commands, as a person gives them: a sign-up, the Marketplace, and an operator's.

use local::{
    marketplace,
    metering::{self, command},
    tenant,
};
use serde_json::{Value, json};
use tests::{World, world, world_alone};

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
    world().await.sign_up_goes_as_told().await;
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

/// Whether used, sealed and billed agree, and what the command says.
async fn meter(world: &World, arguments: &command::Arguments) -> (bool, Vec<Value>) {
    let mut said = Vec::new();
    let mut tell = |line: &str| said.push(serde_json::from_str(line).unwrap());
    let agrees = command::run(world.details, arguments, &mut tell).await;
    (agrees.unwrap_or_else(|error| panic!("{}", shared::problem::chain(&error))), said)
}

/// Used, sealed, sent and billed of the lines that tell of a dimension.
fn numbers(said: &[Value], dimension: &str) -> Vec<[i64; 4]> {
    let lines = said.iter().filter(|line| line["dimension"] == dimension);
    lines.map(|line| ["used", "sealed", "sent", "billed"].map(|name| line[name].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn metering_agrees_whatever_goes_wrong_and_the_ledger_tells_the_same_afterwards() {
    let world = world().await;
    let faults = "throttle:2,500-after,unprocessed,kill-before:3,kill-after:6".parse().unwrap();
    let (agrees, said) = meter(&world, &command::Arguments::of(None, faults)).await;
    assert!(agrees, "{said:#?}");
    let (summary, lines) = said.split_last().unwrap();
    assert_eq!(summary["killed_at"].as_array().map(Vec::len), Some(2), "{summary}");
    assert!(summary["runs"][0]["failures"].as_u64() >= Some(3), "{summary}");
    // Three hours, and then those in which a tenant worked until its subscription ended.
    let documents = numbers(lines, "documents_added");
    assert_eq!(documents[..3], [[2; 4], [4; 4], [6; 4]]);
    assert_eq!(documents[3..].iter().map(|hour| hour[3]).sum::<i64>(), 2);
    assert_eq!(numbers(lines, "shares_created")[..3], [[1; 4], [2; 4], [3; 4]]);
    assert_eq!(numbers(lines, "storage_gib_hours")[..3], [[2; 4], [3; 4], [4; 4]]);

    let license = lines[0]["license"].as_str().unwrap();
    let ledger = |from: Option<&str>| {
        command::Arguments::asking(command::Command::Ledger {
            license: license.parse().ok(),
            from: from.map(|hour| hour.parse().unwrap()),
            to: None,
        })
    };
    let (agrees, told) = meter(&world, &ledger(None)).await;
    assert!(agrees && told == lines[..9], "{told:#?}");
    let (_, newest) = meter(&world, &ledger(lines[8]["hour"].as_str())).await;
    assert_eq!(newest, lines[6..9]);

    // Somebody else's record, and it no longer agrees.
    let buyers = metering::Buyers::of(world.details).unwrap();
    let hour: shared::metering::Hour = lines[8]["hour"].as_str().unwrap().parse().unwrap();
    let other = buyers.buy(hour.start()).await.unwrap();
    let moment = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(hour.start().get());
    let usage = shared::marketplace::meter::Usage::of(
        other.account.clone(),
        other.license.clone(),
        "documents_added",
        3,
        moment,
    );
    let batch = shared::marketplace::meter::Batch::of(&[usage.unwrap()]).unwrap();
    shared::marketplace::meter::send(world.seller().config(), batch).await.unwrap();
    let asked = command::Command::Ledger { license: Some(other.license), from: None, to: None };
    let (agrees, told) = meter(&world, &command::Arguments::asking(asked)).await;
    assert!(!agrees && told[0]["state"] == "not ours" && told[0]["billed"] == 3, "{told:#?}");
}

#[tokio::test]
async fn the_ledger_tells_what_cannot_be_asked_of_it() {
    let world = world().await;
    let refused = async |license: Option<&str>, from: Option<&str>, to: Option<&str>| {
        let arguments = command::Arguments::asking(command::Command::Ledger {
            license: license.map(|license| license.parse().unwrap()),
            from: from.map(|hour| hour.parse().unwrap()),
            to: to.map(|hour| hour.parse().unwrap()),
        });
        command::run(world.details, &arguments, &mut |_| {}).await.unwrap_err().to_string()
    };
    let nobodys = "arn:aws:license-manager::294406891311:license:l-0f";
    assert_eq!(refused(Some(nobodys), None, None).await, format!("no tenant has the licence `{nobodys}`"));
    let backwards = refused(None, Some("2026-11-22T11"), Some("2026-11-22T10")).await;
    assert_eq!(backwards, "`--from` is later than `--to`");
}

#[tokio::test]
async fn metering_can_be_seen_at_another_time() {
    let world = world_alone().await;
    let at = "2026-12-01T02:20:00Z".parse().unwrap();
    let (agrees, said) = meter(&world, &command::Arguments::of(Some(at), metering::Faults::default())).await;
    assert!(agrees, "{said:#?}");
    let hours: Vec<_> = said.iter().filter_map(|line| line["hour"].as_str()).step_by(3).collect();
    assert_eq!(hours, ["2026-11-30T23", "2026-12-01T00", "2026-12-01T01"]);
    let clock = world.marketplace().show("clock", None).await.unwrap();
    assert_eq!(clock["offset_seconds"], 0, "the Marketplace's clock is right again");
}
