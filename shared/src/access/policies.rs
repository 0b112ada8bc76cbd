//! Finding the policies that link somebody with something, and taking a policy out of the tenant's store. Knows no
//! shares and no users: whoever asks knows what the policy was.

use std::time::Duration;

use aws_sdk_verifiedpermissions::types::{EntityReference, PolicyFilter, PolicyItem, PolicyType};

use super::decision::{entity, types};
use crate::{
    ids::{DocumentId, UserId},
    tenancy::{MayRemovePolicies, TenantSession},
};

/// How long to wait after each policy that was removed. Verified Permissions deletes 10 policies a second per store; a
/// little slower leaves room for unsharing.
/// <https://docs.aws.amazon.com/verifiedpermissions/latest/userguide/quotas.html>
pub(crate) const BETWEEN_REMOVALS: Duration = Duration::from_millis(120);

/// The largest page that `ListPolicies` gives.
const POLICIES_PER_PAGE: i32 = 50;

/// Whose linked policies are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Linked {
    /// Those about a document.
    With(DocumentId),
    /// Those for a user.
    For(UserId),
}

impl From<Linked> for PolicyFilter {
    fn from(linked: Linked) -> Self {
        let reference = |kind, id: String| EntityReference::Identifier(entity(kind, &id));
        let filter = Self::builder().policy_type(PolicyType::TemplateLinked);
        match linked {
            Linked::With(document) => filter.resource(reference(types::DOCUMENT, document.to_string())),
            Linked::For(user) => filter.principal(reference(types::USER, user.to_string())),
        }
        .build()
    }
}

/// Some of the policies that the store shows, and where the next page begins. What was linked a moment ago may not
/// show yet.
///
/// # Errors
/// When the store did not do its part.
pub(crate) async fn list<P: MayRemovePolicies>(
    session: &TenantSession<P>,
    linked: Linked,
    next: Option<String>,
) -> Result<(Vec<PolicyItem>, Option<String>), Box<aws_sdk_verifiedpermissions::Error>> {
    let page = session
        .verified_permissions()
        .list_policies()
        .policy_store_id(session.mapping().policy_store_id.as_str())
        .filter(linked.into())
        .max_results(POLICIES_PER_PAGE)
        .set_next_token(next)
        .send()
        .await
        .map_err(|error| Box::new(error.into()))?;
    Ok((page.policies, page.next_token))
}

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
