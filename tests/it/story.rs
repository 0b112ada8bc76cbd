//! The product's story, as `cargo run -p local -- story` plays it.

use tests::world;

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
