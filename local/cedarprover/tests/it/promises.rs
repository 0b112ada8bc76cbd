//! What the product promises of its policies, said here a second time and in other words than beside them: whoever
//! weakens a policy together with its promise is still told.

use crate::{files, folder, promises_of, proved, prover};
use cedarprover::{Files, INVENTED, Policies, Promises};

const ADMIN: &str = r#"principal in DocumentsAPI::Group::"TENANT_ADMINS""#;
const OWNER: &str = "resource.owner == principal";

/// Who breaks the claim that these, and nobody else, may do these actions on documents, whatever is shared.
async fn who_breaks(files: &Files, actions: &[&str], these: &str) -> Vec<String> {
    let actions: Vec<String> =
        actions.iter().map(|action| format!("DocumentsAPI::Action::\"{action}\"")).collect();
    let claim = format!(
        "@promise(\"claimed\") permit (principal, action in [{}], resource is DocumentsAPI::Document) when {{ {these} }};",
        actions.join(", ")
    );
    breaks(files, &claim).await
}

/// Who breaks a claim, which is put in the place of all the promises that list actions.
async fn breaks(files: &Files, claim: &str) -> Vec<String> {
    let ours = std::fs::read_to_string(folder().join("promises.cedar")).unwrap();
    let of_shares_and_removals = ours.split("@promise").filter(|promise| {
        promise.contains("?principal") || promise.contains("forbid (") || promise.contains("  action,\n")
    });
    let text: String = [claim.to_owned()]
        .into_iter()
        .chain(of_shares_and_removals.map(|p| format!("@promise{p}")))
        .collect();
    let policies = Policies::parse(files).unwrap();
    let promises = Promises::parse(&text, &policies).unwrap();
    let proof = cedarprover::prove(&mut prover().await, &policies, &promises).await.unwrap();
    let claimed = proof.held.iter().find(|held| held.promise == "claimed").unwrap();
    claimed.broken.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_promises_beside_the_policies_are_kept_and_the_solver_was_asked_for_them() {
    let policies = Policies::parse(&files()).unwrap();
    let mut prover = prover().await;
    let proof = cedarprover::prove(&mut prover, &policies, &promises_of(&policies)).await.unwrap();
    assert!(proof.holds(), "{:#?}", proof.counterexamples().collect::<Vec<_>>());
    let (questions, solved) = prover.questions();
    assert!(questions > 100 && solved > 10, "{questions} questions, {solved} of them for the solver");
}

#[tokio::test]
async fn only_an_owner_or_an_administrator_shares_unshares_lists_shares_or_deletes() {
    let actions = ["shareDocument", "unshareDocument", "listShares", "deleteDocument"];
    let these = format!("{ADMIN} || {OWNER}");
    assert_eq!(who_breaks(&files(), &actions, &these).await, [""; 0]);
    for (these, who) in [(ADMIN, "an owner may"), (OWNER, "an administrator may")] {
        assert_eq!(who_breaks(&files(), &actions, these).await.len(), 1, "{who}: claimed were fewer");
    }
}

#[tokio::test]
async fn only_administrators_transfer_ownership() {
    assert_eq!(who_breaks(&files(), &["transferOwnership"], ADMIN).await, [""; 0]);
    let broken = who_breaks(&files(), &["transferOwnership"], &format!("{ADMIN} || {OWNER}")).await;
    assert_eq!(broken, ["some User may not transferOwnership some Document (owner: themselves)"]);
}

#[tokio::test]
async fn a_document_is_opened_by_its_owner_by_administrators_and_by_whom_a_share_names() {
    let these = format!("{ADMIN} || {OWNER}");
    assert_eq!(who_breaks(&files(), &["accessDocument"], &these).await, [""; 0]);
    let broken = who_breaks(&files(), &["accessDocument"], ADMIN).await;
    assert_eq!(broken, ["some User may accessDocument some Document (owner: themselves), by `static/owner`"]);
}

#[tokio::test]
async fn a_share_grants_its_action_only() {
    const SHARE: &str = "a share lets whom it names open what it names, and nothing else";
    let kept = proved(&files()).await;
    assert!(kept.held.iter().any(|held| held.promise == SHARE && held.broken.is_empty()));
    for action in ["shareDocument", "unshareDocument", "listShares", "deleteDocument", "transferOwnership"] {
        let mut files = files();
        files.share = files.share.replace("accessDocument", action);
        let proof = proved(&files).await;
        let held = proof.held.iter().find(|held| held.promise == SHARE).unwrap();
        let said: Vec<String> = held.broken.iter().map(ToString::to_string).collect();
        let told = format!("User \"RECEIVER\" may {action} Document \"SHARED\"");
        assert!(said.iter().any(|case| case.contains(&told)), "{action}: {said:#?}");
    }
}

#[tokio::test]
async fn a_new_action_is_granted_to_nobody_but_administrators_until_a_policy_names_it() {
    let with = |group: &str| {
        let mut files = files();
        let at = "\"actions\": {";
        assert!(files.schema.contains(at));
        let action = format!(
            "{at} \"commentDocument\": {{ {group} \"appliesTo\": {{ \"principalTypes\": [\"DocumentsAPI::User\"], \
             \"resourceTypes\": [\"DocumentsAPI::Document\"] }} }},"
        );
        files.schema = files.schema.replacen(at, &action, 1);
        files
    };
    let new = with("");
    assert_eq!(who_breaks(&new, &["commentDocument"], ADMIN).await, [""; 0]);
    assert!(proved(&new).await.holds(), "and that is promised of every action that no promise lists");

    let of_owners = with(r#""memberOf": [{ "type": "DocumentsAPI::Action", "id": "ownerActions" }],"#);
    let mut named = new;
    let policy = r#"permit (principal, action == DocumentsAPI::Action::"commentDocument", resource is DocumentsAPI::Document);"#;
    named.policies.insert("comment".to_owned(), policy.to_owned());
    for (files, by) in [(of_owners, "static/owner"), (named, "comment")] {
        let broken = who_breaks(&files, &["commentDocument"], ADMIN).await;
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].ends_with(&format!(", by `{by}`")), "{broken:?}");
        let said: Vec<String> = proved(&files).await.counterexamples().collect();
        assert!(said.iter().any(|case| case.starts_with("any other action, a new one too, is")), "{said:#?}");
    }
}

#[tokio::test]
async fn actions_that_exist_and_are_promised_to_nobody_are_the_administrators_alone() {
    // `INVENTED` stands for all that may come; this looks at what there is.
    let claim = format!(
        "@promise(\"claimed\") permit (principal, action == DocumentsAPI::Action::\"manageUsers\", resource) when {{ {ADMIN} }};"
    );
    assert_eq!(breaks(&files(), &claim).await, [""; 0]);
    let proof = proved(&files()).await;
    assert!(proof.held.iter().any(|held| held.promise.starts_with("any other action")));
    assert!(!files().schema.contains(INVENTED));
}

#[tokio::test]
async fn a_removed_user_may_do_nothing_and_everybody_else_what_they_may() {
    let proof = proved(&files()).await;
    let removed = "a removed user may do nothing, whatever permits it";
    assert!(proof.held.iter().any(|held| held.promise == removed && held.broken.is_empty()));
    let mut files = files();
    files.removed = files.removed.replace("  action,", "  action in DocumentsAPI::Action::\"ownerActions\",");
    let said: Vec<String> = proved(&files).await.counterexamples().collect();
    assert!(said.iter().all(|case| case.starts_with(removed)), "{said:#?}");
    assert!(said.iter().any(|case| case.contains("User \"USER_ID\" may addDocument")), "{said:#?}");
}

#[tokio::test]
async fn nothing_errs() {
    let proof = proved(&files()).await;
    let last = proof.held.last().unwrap();
    assert_eq!((last.promise.as_str(), last.broken.len()), ("no policy errs, whatever is asked", 0));
}
