//! Shares as policies of the tenant's store, named `share/DOCUMENT/USER`. Only the holder of a share calls this.

use aws_sdk_verifiedpermissions::{
    operation::create_policy::CreatePolicyError,
    types::{PolicyDefinition, TemplateLinkedPolicyDefinition},
};

use super::{Share, ShareError};
use crate::{
    access::{
        decision::{entity, types},
        policies,
    },
    documents::DocumentError,
    ids::{DocumentId, UserId},
    tenancy::{MayEndShares, Sharing, TenantSession},
};

/// How often a policy is asked for that conflicted with something else than itself.
const TRIES: u32 = 3;

/// As the API wants names: behind `name/`. Unique in a store; at most 150 letters, digits, `-`, `/` and `_`,
/// of which this takes 84.
pub(super) fn name(document: DocumentId, receiver: UserId) -> String {
    format!("name/share/{document}/{receiver}")
}

/// Makes the policy; that it is there already is as good.
///
/// A `ConflictException` means that the name is taken, or that somebody else wrote to the store at the same
/// moment. Only a look tells which.
pub(super) async fn put(session: &TenantSession<Sharing>, share: &Share) -> Result<(), ShareError> {
    let mapping = session.mapping();
    let name = name(share.document, share.receiver);
    let definition = TemplateLinkedPolicyDefinition::builder()
        .policy_template_id(mapping.share_template_id.as_str())
        .principal(entity(types::USER, &share.receiver.to_string()))
        .resource(entity(types::DOCUMENT, &share.document.to_string()))
        .build()
        .map_err(|_| DocumentError::Malformed)?;
    for _ in 0..TRIES {
        let made = session
            .verified_permissions()
            .create_policy()
            .policy_store_id(mapping.policy_store_id.as_str())
            .name(&name)
            .definition(PolicyDefinition::TemplateLinked(definition.clone()))
            .send()
            .await;
        let Err(error) = made else { return Ok(()) };
        match error.as_service_error() {
            Some(CreatePolicyError::ConflictException(_)) => {
                if exists(session, &name).await? {
                    return Ok(());
                }
            }
            // The store's own limit of bytes per resource came before ours.
            Some(CreatePolicyError::ServiceQuotaExceededException(_)) => {
                return Err(ShareError::LimitReached);
            }
            _ => return Err(failed(error)),
        }
    }
    Err(ShareError::Contended)
}

async fn exists(session: &TenantSession<Sharing>, name: &str) -> Result<bool, ShareError> {
    let found = session
        .verified_permissions()
        .get_policy()
        .policy_store_id(session.mapping().policy_store_id.as_str())
        .policy_id(name)
        .send()
        .await;
    match found {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
            Ok(false)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Deletes the policy; that there is none is as good.
pub(super) async fn delete<P: MayEndShares>(
    session: &TenantSession<P>,
    share: &Share,
) -> Result<(), ShareError> {
    let name = name(share.document, share.receiver);
    let _was_there = policies::remove(session, &name).await.map_err(ShareError::Policies)?;
    Ok(())
}

fn failed<E: Into<aws_sdk_verifiedpermissions::Error>>(error: E) -> ShareError {
    ShareError::Policies(Box::new(error.into()))
}
