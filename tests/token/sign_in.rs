//! Who gets a token, and what it says.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::{Person, World};

use crate::world;

fn claims(person: &Person) -> Value {
    let token = person.token.as_deref().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

async fn state(world: &World, tenant: &str, state: &str) {
    let update = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("TenantsTableName"))
        .key("tenant_id", aws_sdk_dynamodb::types::AttributeValue::S(tenant.to_owned()))
        .update_expression("SET subscription_state = :state")
        .expression_attribute_values(":state", aws_sdk_dynamodb::types::AttributeValue::S(state.to_owned()));
    update.send().await.unwrap();
}

#[tokio::test]
async fn an_id_token_says_which_tenant_and_which_store_and_nothing_else_changes() {
    let world = world().await;
    let amber = world.tenant("amber");
    let ada = claims(&world.person("amber", 0).await);
    assert_eq!(
        ada["https://aws.amazon.com/tags"],
        json!({
            "principal_tags": { "tenant_id": [amber.tenant_id], "policy_store_id": [amber.policy_store_id] },
            "transitive_tag_keys": ["tenant_id", "policy_store_id"],
        })
    );
    assert_eq!(ada["cognito:groups"], json!(["TENANT_ADMINS"]));
    let ben = claims(&world.person("amber", 1).await);
    assert!(ben.get("cognito:groups").is_none());
}

#[tokio::test]
async fn a_suspended_tenants_users_get_no_token_and_an_active_ones_do() {
    let world = world().await;
    let tenant = world.fresh_tenant("shut").await;
    let ben = world.sign_in(&tenant, 1).await;
    let user = &tenant.users[1];
    state(&world, &tenant.tenant_id, "suspended").await;
    for refused in
        [Person::password(world.details, &user.email, &user.password).await, ben.refresh(world.details).await]
    {
        let said = refused.expect(400).json();
        assert_eq!(said["__type"], "UserLambdaValidationException", "{said}");
        let message = said["message"].as_str().unwrap();
        assert!(message.contains("subscription is not active"), "{said}");
        assert!(!message.contains(&tenant.tenant_id), "{said}");
    }
    // The token that is there goes on for as long as the row is kept, and no longer.
    world.see("the suspension", async || (ben.get("/documents").await.status == 403).then_some(())).await;
    state(&world, &tenant.tenant_id, "active").await;
    let _ = Person::password(world.details, &user.email, &user.password).await.expect(200);
    let _ = ben.refresh(world.details).await.expect(200);
}

#[tokio::test]
async fn somebody_whom_no_directory_has_gets_no_token() {
    let world = world().await;
    let tenant = world.fresh_tenant("unlisted").await;
    let user = &tenant.users[2];
    let _ = Person::password(world.details, &user.email, &user.password).await.expect(200);
    let key = [("tenant_id", &tenant.tenant_id), ("user_id", &user.user_id)];
    let mut delete = world.root().dynamodb().delete_item().table_name(world.details.output("UsersTableName"));
    for (name, value) in key {
        delete = delete.key(name, aws_sdk_dynamodb::types::AttributeValue::S(value.clone()));
    }
    delete.send().await.unwrap();
    let refused = Person::password(world.details, &user.email, &user.password).await.expect(400).json();
    assert_eq!(refused["__type"], "UserLambdaValidationException", "{refused}");
}
