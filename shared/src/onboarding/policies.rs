//! What every tenant's policy store holds: schema, static policies, share template. Putting them there can be
//! repeated; what is there already stays.

use aws_sdk_verifiedpermissions::{
    Client,
    operation::{create_policy::CreatePolicyError, create_policy_template::CreatePolicyTemplateError},
    types::{PolicyDefinition, SchemaDefinition, StaticPolicyDefinition},
};

use super::error::{OnboardingError, policy_store};
use crate::ids::ServiceId;

/// The schema of every tenant's store, in the JSON form that `PutSchema` takes.
pub const SCHEMA: &str = include_str!("../../cedar/documents.schema.json");

/// The policies that hold in every tenant: name and text.
pub const STATIC_POLICIES: [(&str, &str); 3] = [
    ("static/add-document", include_str!("../../cedar/policies/add-document.cedar")),
    ("static/owner", include_str!("../../cedar/policies/owner.cedar")),
    ("static/tenant-admin", include_str!("../../cedar/policies/tenant-admin.cedar")),
];

/// The template that every share is linked to.
pub const SHARE_TEMPLATE: (&str, &str) = ("share", include_str!("../../cedar/share-template.cedar"));

/// Puts the product's schema, policies and share template into a store; what is there already stays. The answer
/// is the template's id.
///
/// # Errors
/// When the store refuses any of it.
pub async fn install_policies(client: &Client, store: &ServiceId) -> Result<ServiceId, OnboardingError> {
    put_schema(client, store).await?;
    put_policies(client, store).await
}

/// Puts the schema into a store. In a store that validates it comes first: without it every policy is refused.
pub(super) async fn put_schema(client: &Client, store: &ServiceId) -> Result<(), OnboardingError> {
    client
        .put_schema()
        .policy_store_id(store.as_str())
        .definition(SchemaDefinition::CedarJson(SCHEMA.to_owned()))
        .send()
        .await
        .map_err(policy_store)?;
    Ok(())
}

/// Puts the static policies and the template into a store that has its schema. The answer is the template's id.
pub(super) async fn put_policies(client: &Client, store: &ServiceId) -> Result<ServiceId, OnboardingError> {
    for (name, statement) in STATIC_POLICIES {
        let definition = StaticPolicyDefinition::builder()
            .statement(statement)
            .build()
            .map_err(|_| OnboardingError::Definition)?;
        let created = client
            .create_policy()
            .policy_store_id(store.as_str())
            .name(format!("name/{name}"))
            .definition(PolicyDefinition::Static(definition))
            .send()
            .await;
        match created {
            Ok(_) => {}
            // A conflict is a name that is taken, or another write at the same moment: only a look tells.
            Err(e) if matches!(e.as_service_error(), Some(CreatePolicyError::ConflictException(_))) => {
                client
                    .get_policy()
                    .policy_store_id(store.as_str())
                    .policy_id(format!("name/{name}"))
                    .send()
                    .await
                    .map_err(policy_store)?;
            }
            Err(e) => return Err(policy_store(e)),
        }
    }
    let (name, statement) = SHARE_TEMPLATE;
    let template = client
        .create_policy_template()
        .policy_store_id(store.as_str())
        .name(format!("name/{name}"))
        .statement(statement)
        .send()
        .await;
    let id = match template {
        Ok(created) => created.policy_template_id,
        Err(e) if matches!(e.as_service_error(), Some(CreatePolicyTemplateError::ConflictException(_))) => {
            client
                .get_policy_template()
                .policy_store_id(store.as_str())
                .policy_template_id(format!("name/{name}"))
                .send()
                .await
                .map_err(policy_store)?
                .policy_template_id
        }
        Err(e) => return Err(policy_store(e)),
    };
    Ok(id.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is proved is what lies in the folder; this is what stores get.
    #[test]
    fn stores_get_the_policies_that_lie_in_the_folder_and_no_others() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cedar/policies");
        let mut in_folder: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        let mut installed: Vec<&str> = STATIC_POLICIES.iter().map(|(_, text)| *text).collect();
        in_folder.sort();
        installed.sort_unstable();
        assert_eq!(installed, in_folder, "add the policy to STATIC_POLICIES");
        for (name, text) in STATIC_POLICIES {
            assert!(text.contains(&format!("@id(\"{name}\")")), "{name}: proofs name a policy by its @id");
        }
    }
}
