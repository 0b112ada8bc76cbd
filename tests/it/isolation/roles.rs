//! A role is assumed by its own functions only, and only with a tenant's tags.

use tests::{Refused, world};

#[tokio::test]
async fn a_role_is_assumed_only_by_its_functions_and_only_with_a_tenants_tags() {
    let world = world().await;
    let amber = world.tenant("amber");
    let role = |name: &str| world.details.output(&format!("Tenant{name}RoleArn"));
    let (id, store) = (amber.tenant_id.as_str(), amber.policy_store_id.as_str());
    let both = [("tenant_id", id), ("policy_store_id", store)];
    let mapping = [("tenant_id", id)];
    for (function, name) in [
        ("Documents", "Mapping"),
        ("Documents", "Data"),
        ("Shares", "Mapping"),
        ("Shares", "Data"),
        ("Shares", "Sharing"),
        ("Uploads", "Settlement"),
        ("Deletions", "Deletion"),
        ("Users", "Data"),
        ("Users", "Directory"),
        ("Departures", "Departure"),
        ("Usage", "Mapping"),
        ("Usage", "Usage"),
    ] {
        let tags = if name == "Mapping" { &mapping[..] } else { &both[..] };
        assert!(
            world.function(function).assume(role(name), tags).await.is_ok(),
            "{function} may have {name}"
        );
    }
    for (function, name) in [
        ("Documents", "Sharing"),
        ("Documents", "Settlement"),
        ("Documents", "Deletion"),
        ("Shares", "Settlement"),
        ("Shares", "Deletion"),
        ("Uploads", "Data"),
        ("Uploads", "Sharing"),
        ("Uploads", "Deletion"),
        ("Deletions", "Data"),
        ("Deletions", "Sharing"),
        ("Documents", "Directory"),
        ("Shares", "Directory"),
        ("Users", "Departure"),
        ("Users", "Sharing"),
        ("Users", "Deletion"),
        ("Departures", "Data"),
        ("Departures", "Directory"),
        ("Departures", "Sharing"),
        ("Documents", "Usage"),
        ("Users", "Usage"),
        ("Usage", "Data"),
        ("Usage", "Directory"),
    ] {
        let refused = world.function(function).assume(role(name), &both).await.map(drop);
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{function} as {name}: {refused:?}");
    }
    let function = world.function("Documents");
    let (upper, twin) = (id.replace(char::is_numeric, "/"), format!("{id}0"));
    for (tags, why) in [
        (vec![], "no tags"),
        (vec![("policy_store_id", store)], "no tenant"),
        (vec![("tenant_id", id)], "no store"),
        (vec![("tenant_id", ""), ("policy_store_id", store)], "an empty tenant"),
        (vec![("tenant_id", "short"), ("policy_store_id", store)], "a short tenant"),
        (vec![("tenant_id", &twin), ("policy_store_id", store)], "a longer tenant"),
        (vec![("tenant_id", &upper), ("policy_store_id", store)], "a tenant with slashes"),
        (vec![("tenant_id", id), ("policy_store_id", store), ("admin", "yes")], "a tag that is none of ours"),
    ] {
        let refused = function.assume(role("Data"), &tags).await.map(drop);
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{why}: {refused:?}");
    }
}
