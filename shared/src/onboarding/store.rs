//! The tenant's policy store: found, or made, and never two of them.
//!
//! The alias `policy-store-alias/tenant/ID` is the lock: one name leads to one store, for as long as there is
//! one. What is made before the alias stands is found again by the client token, which the service remembers for
//! eight hours, and after that by its description, with a look through the account's stores.
//! <https://docs.aws.amazon.com/verifiedpermissions/latest/userguide/policy-store-aliases.html>

use std::time::{Duration, SystemTime};

use aws_sdk_verifiedpermissions::{
    Client,
    operation::{
        create_policy_store::CreatePolicyStoreError, create_policy_store_alias::CreatePolicyStoreAliasError,
        get_policy_store_alias::GetPolicyStoreAliasError, list_policy_stores::ListPolicyStoresOutput,
    },
    types::{AliasState, DeletionProtection, ValidationMode, ValidationSettings},
};

use super::error::{OnboardingError, policy_store};
use crate::ids::{ServiceId, TenantId};

/// The service remembers a client token for eight hours; from an hour less on we no longer rely on it.
/// <https://docs.aws.amazon.com/verifiedpermissions/latest/apireference/API_CreatePolicyStore.html>
const TOKEN_LASTS: Duration = Duration::from_secs(7 * 3600);

/// The largest page of `ListPolicyStores`.
const STORES_PER_PAGE: i32 = 50;
/// As many pages as the quota of stores fills (30,000 an account); more would be a list that does not end.
const PAGES_MAX: usize = 1_000;
/// `ListPolicyStores` takes ten requests a second.
const BETWEEN_PAGES: Duration = Duration::from_millis(110);

/// What a store's description begins with; its tenant's id follows.
const DESCRIPTION: &str = "Strongroom tenant ";

/// `policy-store-alias/tenant/ID`.
fn alias_of(tenant: TenantId) -> String {
    format!("policy-store-alias/tenant/{tenant}")
}

/// What a store says of itself, and what it is found by when nobody remembers its id.
fn description_of(tenant: TenantId) -> String {
    format!("{DESCRIPTION}{tenant}")
}

/// Whether the client token of a store that was first asked for at `begun_at` can still be relied on.
pub(super) fn token_holds(begun_at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(begun_at).is_ok_and(|age| age < TOKEN_LASTS)
}

/// The store that the tenant's alias leads to.
pub(super) async fn behind_alias(
    client: &Client,
    tenant: TenantId,
) -> Result<Option<ServiceId>, OnboardingError> {
    let found = client.get_policy_store_alias().alias_name(alias_of(tenant)).send().await;
    match found {
        Ok(alias) if alias.state == AliasState::Active => Ok(Some(alias.policy_store_id.parse()?)),
        Ok(_) => Err(OnboardingError::AliasPending),
        Err(error)
            if matches!(
                error.as_service_error(),
                Some(GetPolicyStoreAliasError::ResourceNotFoundException(_))
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(policy_store(error)),
    }
}

/// Makes the tenant's store, or finds the one that was made with the same client token. `None`: the token stands
/// for a request with other settings, so there is a store, to be found in the list.
pub(super) async fn make(
    client: &Client,
    tenant: TenantId,
    deletion_protection: bool,
) -> Result<Option<ServiceId>, OnboardingError> {
    let protection =
        if deletion_protection { DeletionProtection::Enabled } else { DeletionProtection::Disabled };
    let made = client
        .create_policy_store()
        .client_token(tenant.to_string())
        .validation_settings(strict()?)
        .deletion_protection(protection)
        .description(description_of(tenant))
        // IAM compares this tag with the session's: it is what makes the store the tenant's.
        .tags("tenant_id", tenant.to_string())
        .send()
        .await;
    match made {
        Ok(made) => Ok(Some(made.policy_store_id.parse()?)),
        Err(error)
            if matches!(error.as_service_error(), Some(CreatePolicyStoreError::ConflictException(_))) =>
        {
            Ok(None)
        }
        Err(error) => Err(policy_store(error)),
    }
}

/// The stores that say they are the tenant's, the oldest first. Looks through all stores of the account.
pub(super) async fn search(client: &Client, tenant: TenantId) -> Result<Vec<ServiceId>, OnboardingError> {
    let description = description_of(tenant);
    let mut found = Vec::new();
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let page = listed(client, next).await?;
        for store in page.policy_stores {
            if store.description.as_deref() == Some(&description) {
                found.push((store.created_date, store.policy_store_id.parse()?));
            }
        }
        next = page.next_token;
        if next.is_none() {
            found.sort_by_key(|(created, _)| *created);
            let found: Vec<ServiceId> = found.into_iter().map(|(_, id)| id).collect();
            for id in &found {
                is_of(client, tenant, id).await?;
            }
            return Ok(found);
        }
        tokio::time::sleep(BETWEEN_PAGES).await;
    }
    Err(OnboardingError::ForeignStore)
}

async fn listed(client: &Client, next: Option<String>) -> Result<ListPolicyStoresOutput, OnboardingError> {
    client
        .list_policy_stores()
        .max_results(STORES_PER_PAGE)
        .set_next_token(next)
        .send()
        .await
        .map_err(policy_store)
}

/// A part of all stores that say they are a tenant's, and where the next part begins. Whether they are,
/// [`is_of`] tells.
pub(super) async fn page(
    client: &Client,
    after: Option<String>,
) -> Result<(Vec<(TenantId, ServiceId)>, Option<String>), OnboardingError> {
    let page = listed(client, after).await?;
    let mut stores = Vec::with_capacity(page.policy_stores.len());
    for store in page.policy_stores {
        let tenant =
            store.description.as_deref().and_then(|text| text.strip_prefix(DESCRIPTION)?.parse().ok());
        if let Some(tenant) = tenant {
            stores.push((tenant, store.policy_store_id.parse()?));
        }
    }
    Ok((stores, page.next_token))
}

/// A description can be written by anybody who may make stores; the tag is what counts.
pub(super) async fn is_of(
    client: &Client,
    tenant: TenantId,
    store: &ServiceId,
) -> Result<(), OnboardingError> {
    let found = client
        .get_policy_store()
        .policy_store_id(store.as_str())
        .tags(true)
        .send()
        .await
        .map_err(policy_store)?;
    let tag = found.tags.as_ref().and_then(|tags| tags.get("tenant_id"));
    if tag == Some(&tenant.to_string()) { Ok(()) } else { Err(OnboardingError::ForeignStore) }
}

/// Gives the store the tenant's alias; the answer is the store that has it, which is another one when somebody
/// was first.
pub(super) async fn give_alias(
    client: &Client,
    tenant: TenantId,
    store: &ServiceId,
) -> Result<ServiceId, OnboardingError> {
    let given = client
        .create_policy_store_alias()
        .alias_name(alias_of(tenant))
        .policy_store_id(store.as_str())
        .send()
        .await;
    match given {
        Ok(_) => Ok(store.clone()),
        Err(error)
            if matches!(
                error.as_service_error(),
                Some(CreatePolicyStoreAliasError::ConflictException(_))
            ) =>
        {
            behind_alias(client, tenant).await?.ok_or(OnboardingError::ForeignStore)
        }
        Err(error) => Err(policy_store(error)),
    }
}

/// Ends the store's protection from deletion.
pub(super) async fn unprotect(client: &Client, store: &ServiceId) -> Result<(), OnboardingError> {
    client
        .update_policy_store()
        .policy_store_id(store.as_str())
        // Demanded, although it stays as it is.
        .validation_settings(strict()?)
        .deletion_protection(DeletionProtection::Disabled)
        .send()
        .await
        .map_err(policy_store)?;
    Ok(())
}

/// Removes the store with its policies and aliases.
pub(super) async fn remove(client: &Client, store: &ServiceId) -> Result<(), OnboardingError> {
    client.delete_policy_store().policy_store_id(store.as_str()).send().await.map_err(policy_store)?;
    Ok(())
}

fn strict() -> Result<ValidationSettings, OnboardingError> {
    ValidationSettings::builder()
        .mode(ValidationMode::Strict)
        .build()
        .map_err(|_| OnboardingError::Definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_relied_on_for_less_than_it_is_remembered() {
        let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert!(token_holds(begun, begun) && token_holds(begun, begun + Duration::from_secs(6 * 3600)));
        assert!(!token_holds(begun, begun + TOKEN_LASTS));
        assert!(!token_holds(begun, begun - Duration::from_secs(1)), "a clock that cannot be right");
    }

    #[test]
    fn names_hold_what_the_service_takes() {
        let tenant = TenantId::random();
        let word = |c: char| c.is_ascii_alphanumeric() || "-/_".contains(c);
        assert!(alias_of(tenant).chars().all(word) && alias_of(tenant).len() <= 150);
        assert!(description_of(tenant).len() <= 150);
        assert!(tenant.to_string().len() <= 64, "the client token");
    }
}
