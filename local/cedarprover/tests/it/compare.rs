//! What a change of policies gives and takes.

use cedarprover::{Files, Policies};

use crate::{files, folder, prover};

async fn compared(old: &Files, new: &Files) -> Vec<String> {
    let (old, new) = (Policies::parse(old).unwrap(), Policies::parse(new).unwrap());
    let changes = cedarprover::compare(&mut prover().await, &old, &new).await.unwrap();
    changes.iter().map(ToString::to_string).collect()
}

/// Our policies, with something in one file replaced.
fn with(file: &str, from: &str, to: &str) -> Files {
    let mut files = files();
    let text = match file {
        "schema" => &mut files.schema,
        "share" => &mut files.share,
        "removed" => &mut files.removed,
        name => files.policies.get_mut(name).unwrap(),
    };
    assert!(text.contains(from), "`{from}` is not in {file}");
    *text = text.replacen(from, to, 1);
    files
}

#[tokio::test]
async fn nothing_was_gained_or_lost_since_the_release() {
    let released = Files::read(&folder().join("released")).unwrap();
    let changes = compared(&released, &files()).await;
    assert!(
        changes.is_empty(),
        "since the release:\n  {}\nIf that is meant, write it down: cargo run -p local -- prove --cedar --accept",
        changes.join("\n  ")
    );
}

#[tokio::test]
async fn other_words_for_the_same_are_no_change() {
    let same = with("owner", "resource.owner == principal", "!(principal != resource.owner)");
    assert_eq!(compared(&files(), &same).await, [""; 0]);
}

#[tokio::test]
async fn a_permission_is_gained_one_way_and_lost_the_other() {
    let wider = with("owner", "action in DocumentsAPI::Action::\"ownerActions\"", "action");
    let case = "some User may transferOwnership some Document (owner: themselves), by `static/owner`";
    assert_eq!(compared(&files(), &wider).await, [format!("gained: {case}")]);
    assert_eq!(compared(&wider, &files()).await, [format!("lost: {case}")]);
}

#[tokio::test]
async fn what_shares_and_removals_give_is_compared_too() {
    let sharing = with(
        "share",
        "action == DocumentsAPI::Action::\"accessDocument\"",
        "action in DocumentsAPI::Action::\"ownerActions\"",
    );
    let gained = compared(&files(), &sharing).await;
    let case =
        "after Document \"SHARED\" was shared with User \"RECEIVER\", User \"RECEIVER\" may shareDocument";
    assert!(gained.iter().any(|change| change.starts_with(&format!("gained: {case}"))), "{gained:#?}");
    assert_eq!(gained.len(), 4, "everything of an owner's but opening, which it gave before: {gained:#?}");

    let lenient = with("removed", "  action,", "  action in DocumentsAPI::Action::\"ownerActions\",");
    let gained = compared(&files(), &lenient).await;
    let case = "gained: after the removal of USER_ID, User \"USER_ID\" may addDocument some DocumentStore";
    assert!(gained.iter().any(|change| change.starts_with(case)), "{gained:#?}");
}

#[tokio::test]
async fn an_action_that_comes_or_goes_is_gained_or_lost_as_far_as_it_is_allowed() {
    let action = "\"actions\": {\n      \"commentDocument\": { \"appliesTo\": { \"principalTypes\": \
                  [\"DocumentsAPI::User\"], \"resourceTypes\": [\"DocumentsAPI::Document\"] } },";
    let more = with("schema", "\"actions\": {", action);
    let [gained] = &compared(&files(), &more).await[..] else { panic!("one action is new") };
    assert!(gained.contains("(in Group \"TENANT_ADMINS\") may commentDocument some Document"), "{gained}");
    let [lost] = &compared(&more, &files()).await[..] else { panic!("one action is gone") };
    assert!(lost.starts_with("lost: ") && lost.contains("may commentDocument some Document"), "{lost}");
}

#[tokio::test]
async fn an_action_that_goes_together_with_its_policy_is_lost() {
    let mut fewer = files();
    let mut schema: serde_json::Value = serde_json::from_str(&fewer.schema).unwrap();
    schema["DocumentsAPI"]["actions"].as_object_mut().unwrap().remove("listDocuments");
    fewer.schema = schema.to_string();
    let policy = fewer.policies.get_mut("add-document").unwrap();
    *policy = policy.replace(", DocumentsAPI::Action::\"listDocuments\"", "");
    let lost = "lost: some User may listDocuments some DocumentStore, by `static/add-document`";
    assert_eq!(compared(&files(), &fewer).await, [lost]);
}

#[tokio::test]
async fn policies_that_no_one_schema_fits_are_not_compared() {
    let mut renamed = with("schema", "\"owner\":", "\"holder\":");
    let owner = renamed.policies.get_mut("owner").unwrap();
    *owner = owner.replace("resource.owner", "resource.holder");
    let (old, new) = (Policies::parse(&files()).unwrap(), Policies::parse(&renamed).unwrap());
    let error = cedarprover::compare(&mut prover().await, &old, &new).await.unwrap_err().to_string();
    assert!(error.contains("the released policies do not fit the schema any more"), "{error}");
    assert!(error.contains("static/owner"), "{error}");
}
