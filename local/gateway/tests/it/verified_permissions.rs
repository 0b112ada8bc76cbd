//! Verified Permissions, with IAM in front of it: a session reaches its own tenant's store.

use aws_sdk_verifiedpermissions::types::{ActionIdentifier, PolicyDefinition, ValidationMode};
use aws_sdk_verifiedpermissions::types::{
    Decision, EntityIdentifier, StaticPolicyDefinition, ValidationSettings,
};

use serde_json::{Value, json};

use crate::account::{A, Account, B, Keys, code};

async fn store(account: &Account, tenant: &str) -> String {
    let root = account.verified_permissions(&account.root());
    let settings = ValidationSettings::builder().mode(ValidationMode::Off).build().unwrap();
    let store = root
        .create_policy_store()
        .validation_settings(settings)
        .tags("tenant_id", tenant)
        .send()
        .await
        .unwrap();
    let store = store.policy_store_id().to_owned();
    // The service makes one store a second, by the gateway's clock.
    account.clock.advance(2);
    let policy =
        StaticPolicyDefinition::builder().statement("permit(principal, action, resource);").build().unwrap();
    root.create_policy()
        .policy_store_id(&store)
        .definition(PolicyDefinition::Static(policy))
        .send()
        .await
        .unwrap();
    store
}

async fn ask(account: &Account, keys: &Keys, store: &str) -> String {
    let entity = |kind: &str| EntityIdentifier::builder().entity_type(kind).entity_id("1").build().unwrap();
    let action = ActionIdentifier::builder().action_type("Action").action_id("open").build().unwrap();
    let answer = account
        .verified_permissions(keys)
        .is_authorized()
        .policy_store_id(store)
        .principal(entity("User"))
        .action(action)
        .resource(entity("Document"))
        .send()
        .await;
    match &answer {
        Ok(answer) if *answer.decision() == Decision::Allow => "allow".to_owned(),
        Ok(answer) => format!("{answer:?}"),
        Err(_) => code(&answer),
    }
}

#[tokio::test]
async fn a_session_asks_its_own_tenants_store_and_no_other() {
    let account = Account::start().await;
    let (store_a, store_b) = (store(&account, A).await, store(&account, B).await);
    let right = account.tenant(A, &store_a).await;
    assert_eq!(ask(&account, &right, &store_a).await, "allow");
    assert_eq!(ask(&account, &account.tenant(B, &store_b).await, &store_b).await, "allow");
    // The tag names B's store, as a wrong mapping row would have it; the store's own tag does not agree.
    let wrong = account.tenant(A, &store_b).await;
    for (keys, store, why) in [
        (&right, &store_b, "another store than the session's"),
        (&wrong, &store_b, "another tenant's store"),
        (&account.function("documents"), &store_a, "no session"),
    ] {
        assert_eq!(ask(&account, keys, store).await, "AccessDeniedException", "{why}");
    }
    assert!(account.engine.effects().is_empty(), "Verified Permissions is never sent on");
}

#[tokio::test]
async fn a_session_for_asking_writes_no_policy() {
    let account = Account::start().await;
    let store = store(&account, A).await;
    let keys = account.tenant(A, &store).await;
    let create = async |keys: &Keys| {
        let policy =
            StaticPolicyDefinition::builder().statement("permit(principal, action, resource);").build();
        let policy = PolicyDefinition::Static(policy.unwrap());
        let call =
            account.verified_permissions(keys).create_policy().policy_store_id(&store).definition(policy);
        code(&call.send().await)
    };
    assert_eq!(create(&keys).await, "AccessDeniedException");
    assert_eq!(create(&account.root()).await, "ok");
}

#[tokio::test]
async fn a_copied_store_is_its_own_tenants_at_once_and_nobody_elses() {
    let account = Account::start().await;
    let original = store(&account, A).await;
    let order = |body: Value| {
        let url = format!("{}/_gateway/policy-stores", account.gateway.aws_url);
        async move {
            let answer = reqwest::Client::new().post(url).body(body.to_string()).send().await.unwrap();
            let status = answer.status().as_u16();
            (status, serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
        }
    };
    let tags = vec![json!({ "tenant_id": B }); 3];
    let (status, made) = order(json!({ "of": original, "tags": tags })).await;
    let ids = made["policy_store_ids"].as_array().unwrap();
    assert_eq!((status, ids.len()), (201, 3));
    let copy = ids[0].as_str().unwrap();
    assert_eq!(ask(&account, &account.tenant(B, copy).await, copy).await, "allow");
    assert_eq!(ask(&account, &account.tenant(A, copy).await, copy).await, "AccessDeniedException");
    for nonsense in [json!({ "of": "nobodys", "tags": [] }), json!({ "of": original }), json!({})] {
        let (status, said) = order(nonsense).await;
        assert!(status == 400 && said["message"].is_string(), "{said}");
    }
}
