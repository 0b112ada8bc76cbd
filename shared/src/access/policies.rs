//! Taking a policy out of the tenant's store. Knows no shares and no users: whoever asks knows what the policy was.

use crate::tenancy::{MayRemovePolicies, TenantSession};

/// Removes a policy, by its id or by its name with `name/` in front. That there is none is as good; whether there
/// was one is the answer.
///
/// # Errors
/// When the store did not do its part.
pub(crate) async fn remove<P: MayRemovePolicies>(
    session: &TenantSession<P>,
    policy: &str,
) -> Result<bool, Box<aws_sdk_verifiedpermissions::Error>> {
    let removed = session
        .verified_permissions()
        .delete_policy()
        .policy_store_id(session.mapping().policy_store_id.as_str())
        .policy_id(policy)
        .send()
        .await;
    match removed {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
            Ok(false)
        }
        Err(error) => Err(Box::new(error.into())),
    }
}
