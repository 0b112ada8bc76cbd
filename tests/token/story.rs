//! The product's story, as `cargo run -p local -- --sessions token story` plays it, and a buyer's sign-up.

use local::signup::Buyer;

use crate::world;

#[tokio::test]
async fn the_story_goes_as_it_is_told() {
    let world = world().await;
    let mut failed = Vec::new();
    let all_ok = local::story::play(world.details, |step| {
        if !step.ok {
            failed.push(step.clone());
        }
    })
    .await;
    assert!(all_ok.unwrap() && failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn a_buyer_becomes_a_tenant_whose_administrator_works() {
    let world = world().await;
    let mut failed = Vec::new();
    let all_ok = local::signup::play(world.details, &Buyer::new(), |step| {
        if !step.ok {
            failed.push(step.clone());
        }
    })
    .await;
    assert!(all_ok.unwrap() && failed.is_empty(), "{failed:#?}");
}
