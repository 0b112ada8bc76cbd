//! The attack, as `cargo run -p local -- --sessions token attack` makes it; random requests know no difference.

use local::{
    account::Options,
    attack::{self, Told},
};

use crate::world_alone;

#[tokio::test]
async fn nothing_is_possible_that_must_not_be() {
    let world = world_alone().await;
    let (mut tries, mut wrong, mut parts) = (0, Vec::new(), Vec::new());
    let mut told = |told: Told<'_>| match told {
        Told::Try(step) => {
            tries += 1;
            if !step.ok {
                wrong.push(step.as_row());
            }
        }
        Told::Part(part) => {
            println!("{}", part.as_row());
            parts.push(part.part.clone());
        }
    };
    let held = attack::run(world.details, &Options::default(), None, &mut told).await;
    let held = held.unwrap_or_else(|error| panic!("no attack: {}", shared::problem::chain(&error)));
    assert!(held && wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tries > 3_000, "{tries} tries are too few to have been everything");
    for function in ["Documents", "Shares", "Users", "Usage"] {
        let part = format!("{function}: its own credentials, without a caller's token");
        assert!(parts.contains(&part), "{part}: {parts:?}");
    }
}
