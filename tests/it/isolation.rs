//! One tenant never reaches another's data: not through the API, and not with a function's own powers.
//!
//! Every refusal stands beside the same call allowed to its owner: an account that refuses everything would
//! pass a test of refusals only. The API's routes are in the attack's own table (`local/src/attack/table.rs`, attack.rs);
//! here it is what sessions and roles may and may not do.

mod metering;
mod powers;
mod roles;
mod sessions;
mod usage;

use tests::world;

const CONTENT: &[u8] = b"amber only";

#[tokio::test]
async fn a_tenant_named_by_the_client_is_not_read() {
    let world = world().await;
    let (ben, emil) = (world.person("amber", 1).await, world.person("cobalt", 1).await);
    let document = ben.add("amber.txt", CONTENT).await;
    let amber = &ben.tenant_id;
    let path = format!("/documents/{document}?tenant_id={amber}&custom:tenant_id={amber}");
    assert_eq!(ben.get(&path).await.status, 200);
    assert_eq!(emil.get(&path).await.refusal(), "404 not-found");
    let list = emil.get(&format!("/documents?tenant_id={amber}&limit=100")).await.expect(200);
    assert!(!list.body.contains(&document));
}
