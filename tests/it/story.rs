//! The product's story, as `cargo run -p local -- story` plays it.

use tests::world;

#[tokio::test]
async fn the_story_goes_as_it_is_told() {
    world().await.goes_as_told().await;
}
