//! The product's story, as `cargo run -p local -- --sessions token story` plays it, and a buyer's sign-up.

use crate::world;

#[tokio::test]
async fn the_story_goes_as_it_is_told() {
    world().await.goes_as_told().await;
}

#[tokio::test]
async fn a_buyer_becomes_a_tenant_whose_administrator_works() {
    world().await.sign_up_goes_as_told().await;
}
