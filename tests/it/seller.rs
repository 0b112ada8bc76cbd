//! What the seller account lends, as its stack is deployed: to whom, against which word, and for which calls.

use serde_json::json;
use tests::{Aws, Refused, World, world};

/// Borrows the role that resolves buyers.
async fn borrow(who: &Aws, world: &World, external_id: Option<&str>) -> Result<Aws, Refused> {
    who.borrow(&world.details.seller.outputs["RegistrationRoleArn"], external_id).await
}

/// The licence that a token stands for.
async fn resolve(who: &Aws, token: &str) -> Result<Option<String>, Refused> {
    let reply = who.metering().resolve_customer().registration_token(token).send().await;
    Ok(reply.map_err(|e| Refused::of(&e))?.license_arn)
}

#[tokio::test]
async fn the_registration_role_is_lent_to_the_sign_up_function_that_knows_the_external_id() {
    let world = world().await;
    let right = world.details.seller.external_id.as_str();
    let signup = world.function("Signup");
    assert!(borrow(&signup, &world, Some(right)).await.is_ok());
    for (who, external_id, why) in [
        (&signup, None, "no ExternalId"),
        (&signup, Some("strongroom-registration"), "the role's name for an ExternalId"),
        (&world.function("Subscriptions"), Some(right), "another function that has a role there"),
        (&world.function("Documents"), Some(right), "a function that has none"),
        (&world.root(), Some(right), "the root of the product's account"),
    ] {
        let refused = borrow(who, &world, external_id).await.err();
        assert!(refused.as_ref().is_some_and(Refused::is_access_denied), "{why}: {refused:?}");
    }
}

#[tokio::test]
async fn the_marketplace_answers_the_seller_account_only_and_there_only_what_was_lent() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let signup = world.function("Signup");
    let right = world.details.seller.external_id.as_str();
    let lent = borrow(&signup, &world, Some(right)).await.unwrap();
    assert_eq!(resolve(&lent, &bought.token).await, Ok(Some(bought.license_arn)));
    for (who, why) in [
        (&signup, "the function's own credentials"),
        (&world.root(), "the root of the product's account"),
        (&lent.in_region("eu-west-1"), "another Region"),
    ] {
        let refused = resolve(who, &bought.token).await.err();
        assert!(refused.as_ref().is_some_and(Refused::is_access_denied), "{why}: {refused:?}");
    }
    let metered = lent.metering().batch_meter_usage().set_usage_records(Some(Vec::new())).send().await;
    assert!(Refused::of(&metered.unwrap_err()).is_access_denied(), "metering is another role's");
    let further = lent.borrow(&world.details.seller.outputs["AgreementsRoleArn"], Some(right)).await.err();
    assert!(further.is_some_and(|refused| refused.is_access_denied()), "it leads to no other role");
}
