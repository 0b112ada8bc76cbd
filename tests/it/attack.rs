//! The attack that `cargo run -p local -- attack` makes, in whole, with a minute of random requests.

use std::time::Duration;

use local::{
    account::Options,
    attack::{self, Told},
};
use tests::world_alone;

const FUZZED_FOR: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nothing_is_possible_that_must_not_be() {
    // Thousands of calls at once with others' would meet the account's throttles, and theirs would too.
    let world = world_alone().await;
    let (mut tries, mut wrong) = (0, Vec::new());
    let mut told = |told: Told<'_>| match told {
        Told::Try(step) => {
            tries += 1;
            if !step.ok {
                wrong.push(step.as_row());
            }
        }
        Told::Part(part) => println!("{}", part.as_row()),
    };
    let held = attack::run(world.details, &Options::default(), Some(FUZZED_FOR), &mut told).await;
    let held = held.unwrap_or_else(|error| panic!("no attack: {}", shared::problem::chain(&error)));
    assert!(held && wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tries > 3_000, "{tries} tries are too few to have been everything");
}
