//! What a tenant needs before its first request: a policy store with schema, policies and template, and the
//! row that leads to it; and its users' rows in the directory.
//!
//! Control plane: it works across tenants, so it takes clients of its own and is never part of a
//! tenant-facing function, whose role could not do any of it anyway. Each step can be repeated and finishes
//! what an earlier run began; the mapping row comes last, so that a tenant is either not there or complete.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use aws_sdk_verifiedpermissions::{
    operation::{create_policy::CreatePolicyError, create_policy_template::CreatePolicyTemplateError},
    types::{
        DeletionProtection, PolicyDefinition, SchemaDefinition, StaticPolicyDefinition, ValidationMode,
        ValidationSettings,
    },
};

use crate::{
    cursor::CursorKey,
    ids::{InvalidId, ServiceId, TenantId, UserId},
    tenancy::mapping_attributes as attributes,
    users,
};

/// The schema of every tenant's store, in the JSON form that `PutSchema` takes.
pub const SCHEMA: &str = include_str!("../cedar/documents.schema.json");

/// The policies that hold in every tenant: name and text.
pub const STATIC_POLICIES: [(&str, &str); 3] = [
    ("static/add-document", include_str!("../cedar/policies/add-document.cedar")),
    ("static/owner", include_str!("../cedar/policies/owner.cedar")),
    ("static/tenant-admin", include_str!("../cedar/policies/tenant-admin.cedar")),
];

/// The template that every share is linked to.
pub const SHARE_TEMPLATE: (&str, &str) = ("share", include_str!("../cedar/share-template.cedar"));

/// Clients and tables of the control plane.
pub struct ControlPlane {
    /// May create stores and write their schema and policies.
    pub verified_permissions: aws_sdk_verifiedpermissions::Client,
    /// May write the tables below.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Tenant → policy store.
    pub tenants_table: String,
    /// The directory.
    pub users_table: String,
    /// Whether the store of a tenant is protected from deletion.
    pub deletion_protection: bool,
}

/// Why a tenant could not be made. Every step can be run again.
#[derive(Debug, thiserror::Error)]
pub enum OnboardingError {
    /// The policy store could not be made or filled.
    #[error("the policy store could not be set up")]
    PolicyStore(#[source] Box<aws_sdk_verifiedpermissions::Error>),
    /// A row could not be written.
    #[error("a row could not be written")]
    Store(#[source] Box<aws_sdk_dynamodb::Error>),
    /// Verified Permissions answered with an id that is none.
    #[error("an id of the policy store is malformed")]
    Id(#[from] InvalidId),
    /// A request could not be made of our own files.
    #[error("a definition could not be built")]
    Definition,
    /// The machine has no randomness to give.
    #[error("no random key could be made")]
    Randomness,
}

/// A policy store that is ready for its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStore {
    /// Its id.
    pub id: ServiceId,
    /// The id of its share template.
    pub share_template_id: ServiceId,
}

/// Sets a tenant up: store, schema, policies, template, mapping row.
///
/// A tenant that is mapped keeps its store. Until it is, repeating this within 8 hours finds the store that
/// was begun (the client token is remembered that long); a later repeat begins another one.
///
/// # Errors
/// When a step fails; run it again.
pub async fn open_tenant(plane: &ControlPlane, tenant: TenantId) -> Result<PolicyStore, OnboardingError> {
    if let Some(store) = mapped(plane, tenant).await? {
        install_policies(&plane.verified_permissions, &store.id).await?;
        return Ok(store);
    }
    let id = create_store(plane, tenant).await?;
    let share_template_id = install_policies(&plane.verified_permissions, &id).await?;
    let store = PolicyStore { id, share_template_id };
    if map(plane, tenant, &store).await? {
        return Ok(store);
    }
    // Somebody else opened the same tenant at the same time and was first.
    mapped(plane, tenant).await?.ok_or(OnboardingError::Definition)
}

/// The store that the tenant is mapped to.
async fn mapped(plane: &ControlPlane, tenant: TenantId) -> Result<Option<PolicyStore>, OnboardingError> {
    let row = plane
        .dynamodb
        .get_item()
        .table_name(&plane.tenants_table)
        .key(attributes::TENANT_ID, AttributeValue::S(tenant.to_string()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|e| OnboardingError::Store(Box::new(e.into())))?
        .item;
    let Some(row) = row else { return Ok(None) };
    let id = |name: &str| {
        row.get(name).and_then(|id| id.as_s().ok()).map_or("", String::as_str).parse::<ServiceId>()
    };
    Ok(Some(PolicyStore {
        id: id(attributes::POLICY_STORE_ID)?,
        share_template_id: id(attributes::SHARE_TEMPLATE_ID)?,
    }))
}

async fn create_store(plane: &ControlPlane, tenant: TenantId) -> Result<ServiceId, OnboardingError> {
    let strict = ValidationSettings::builder()
        .mode(ValidationMode::Strict)
        .build()
        .map_err(|_| OnboardingError::Definition)?;
    let protection =
        if plane.deletion_protection { DeletionProtection::Enabled } else { DeletionProtection::Disabled };
    let created = plane
        .verified_permissions
        .create_policy_store()
        .client_token(tenant.to_string())
        .validation_settings(strict)
        .deletion_protection(protection)
        .description("Strongroom tenant")
        // IAM compares this tag with the session's: it is what makes the store the tenant's.
        .tags("tenant_id", tenant.to_string())
        .send()
        .await
        .map_err(policy_store)?;
    Ok(created.policy_store_id.parse()?)
}

/// Puts the product's schema, policies and share template into a store; what is there already stays.
///
/// # Errors
/// When the store refuses any of it.
pub async fn install_policies(
    client: &aws_sdk_verifiedpermissions::Client,
    store: &ServiceId,
) -> Result<ServiceId, OnboardingError> {
    client
        .put_schema()
        .policy_store_id(store.as_str())
        .definition(SchemaDefinition::CedarJson(SCHEMA.to_owned()))
        .send()
        .await
        .map_err(policy_store)?;
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

/// `false` when the tenant is mapped already.
async fn map(plane: &ControlPlane, tenant: TenantId, store: &PolicyStore) -> Result<bool, OnboardingError> {
    let cursor_key = CursorKey::random().ok_or(OnboardingError::Randomness)?;
    let written = plane
        .dynamodb
        .put_item()
        .table_name(&plane.tenants_table)
        .item(attributes::TENANT_ID, AttributeValue::S(tenant.to_string()))
        .item(attributes::POLICY_STORE_ID, AttributeValue::S(store.id.as_str().to_owned()))
        .item(attributes::SHARE_TEMPLATE_ID, AttributeValue::S(store.share_template_id.as_str().to_owned()))
        .item(attributes::CURSOR_KEY, AttributeValue::B(Blob::new(cursor_key.to_bytes())))
        .condition_expression("attribute_not_exists(tenant_id)")
        .send()
        .await;
    match written {
        Ok(_) => Ok(true),
        Err(e) if e.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
            Ok(false)
        }
        Err(e) => Err(OnboardingError::Store(Box::new(e.into()))),
    }
}

/// Writes a user of a tenant into the directory.
///
/// # Errors
/// When the row cannot be written.
pub async fn enrol(plane: &ControlPlane, tenant: TenantId, user: UserId) -> Result<(), OnboardingError> {
    plane
        .dynamodb
        .put_item()
        .table_name(&plane.users_table)
        .set_item(Some(users::key(tenant, user)))
        .item("user_state", AttributeValue::S(users::ACTIVE.to_owned()))
        .send()
        .await
        .map_err(|e| OnboardingError::Store(Box::new(e.into())))?;
    Ok(())
}

fn policy_store<E: Into<aws_sdk_verifiedpermissions::Error>>(error: E) -> OnboardingError {
    OnboardingError::PolicyStore(Box::new(error.into()))
}
