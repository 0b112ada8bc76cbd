//! Before a tenant opens: does its own store let in whom it should, and nobody else?
//!
//! The questions are put as requests put them: in the tenant's own session, with a caller made of claims. What
//! cannot be asked was not passed, so a tenant opens only after every answer was the right one.

use std::time::Duration;

use aws_sdk_verifiedpermissions::{error::ProvideErrorMetadata, types::ActionIdentifier};
use serde_json::json;

use super::{
    error::{OnboardingError, policy_store},
    progress::Why,
};
use crate::{
    access::{
        AccessError, Action, AddDocument, ShareDocument,
        decision::{Subject, Verdict, decide, entity, types},
    },
    clock::Clock,
    documents::{Document, NewDocument},
    ids::{TenantId, UserId},
    tenancy::{
        Data, Tenancy, TenantSession, VerifiedTenant,
        caller::{Caller, TENANT_ADMINS},
    },
};

/// What was just written may take "a few seconds" to be seen by all of the service, and a yes that does not come
/// at once is no finding yet.
/// <https://docs.aws.amazon.com/verifiedpermissions/latest/userguide/policies-testing.html>
const LOOKS: u32 = 8;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What a probe found that it should not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The administrator may not add a document.
    #[error("the administrator may not add a document")]
    AdministratorDenied,
    /// Somebody who neither owns a document nor administers may share it.
    #[error("a stranger may share a document")]
    StrangerAllowed,
    /// A policy failed while the store decided.
    #[error("a policy fails")]
    PolicyFails,
    /// A session of another tenant is let into the store.
    #[error("another tenant's session is let in")]
    OtherTenantAdmitted,
}

impl Finding {
    pub(super) const fn why(self) -> Why {
        match self {
            Self::AdministratorDenied => Why::AdministratorDenied,
            Self::StrangerAllowed => Why::StrangerAllowed,
            Self::PolicyFails => Why::Unexpected,
            Self::OtherTenantAdmitted => Why::OtherTenantAdmitted,
        }
    }
}

/// Puts every question.
pub(super) async fn probe(
    tenancy: &Tenancy,
    tenant: TenantId,
    administrator: UserId,
    clock: &Clock,
) -> Result<(), OnboardingError> {
    let session = tenancy.open::<Data>(VerifiedTenant::ours(tenant)).await?;
    administrator_may_add(&session, administrator).await?;
    stranger_may_not_share(&session, clock).await?;
    other_tenant_is_refused(tenancy, &session).await
}

async fn administrator_may_add(
    session: &TenantSession<Data>,
    administrator: UserId,
) -> Result<(), OnboardingError> {
    let caller = caller(session.tenant(), administrator, Some(TENANT_ADMINS))?;
    let mut looks = 1;
    loop {
        let verdict = decide(session, &caller, AddDocument::NAME, Subject::Collection).await;
        let finding = match verdict.map_err(undecided) {
            Ok(Verdict { is_sound: false, .. }) => OnboardingError::Probe(Finding::PolicyFails),
            Ok(Verdict { allows: true, .. }) => return Ok(()),
            Ok(Verdict { allows: false, .. }) => OnboardingError::Probe(Finding::AdministratorDenied),
            // The store, or its tag, is not seen everywhere yet.
            Err(error) if matches!(error.why(), Why::Refused | Why::Unexpected) => error,
            Err(error) => return Err(error),
        };
        if looks == LOOKS {
            return Err(finding);
        }
        looks += 1;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn stranger_may_not_share(session: &TenantSession<Data>, clock: &Clock) -> Result<(), OnboardingError> {
    let stranger = caller(session.tenant(), UserId::random(), None)?;
    let document = Document::added(session.tenant(), UserId::random(), any_document()?, clock.now());
    let verdict = decide(session, &stranger, ShareDocument::NAME, Subject::Document(&document)).await;
    match verdict.map_err(undecided)? {
        Verdict { allows: true, .. } => Err(OnboardingError::Probe(Finding::StrangerAllowed)),
        // A policy that fails is skipped, and a forbid may be among those.
        Verdict { is_sound: false, .. } => Err(OnboardingError::Probe(Finding::PolicyFails)),
        Verdict { allows: false, is_sound: true } => Ok(()),
    }
}

/// Asks with the session that another tenant would have if its mapping row led to this store.
async fn other_tenant_is_refused(
    tenancy: &Tenancy,
    session: &TenantSession<Data>,
) -> Result<(), OnboardingError> {
    let store = &session.mapping().policy_store_id;
    let other = TenantId::random();
    let action = ActionIdentifier::builder()
        .action_type(types::ACTION)
        .action_id(AddDocument::NAME)
        .build()
        .map_err(|_| OnboardingError::Definition)?;
    let asked = tenancy
        .at_store::<Data>(other, store)
        .await?
        .is_authorized()
        .policy_store_id(store.as_str())
        .principal(entity(types::USER, &UserId::random().to_string()))
        .action(action)
        .resource(entity(types::DOCUMENT_STORE, &other.to_string()))
        .send()
        .await;
    match asked {
        Ok(_) => Err(OnboardingError::Probe(Finding::OtherTenantAdmitted)),
        Err(error) if error.code().is_some_and(|code| code.contains("AccessDenied")) => Ok(()),
        Err(error) => Err(policy_store(error)),
    }
}

/// A caller as the authorizer would make one of a token.
fn caller(tenant: TenantId, user: UserId, group: Option<&str>) -> Result<Caller, OnboardingError> {
    const CLIENT: &str = "probe";
    let mut claims = json!({
        "sub": user.to_string(),
        "custom:tenant_id": tenant.to_string(),
        "token_use": "id",
        "aud": CLIENT,
    });
    if let (Some(claims), Some(group)) = (claims.as_object_mut(), group) {
        claims.insert("cognito:groups".to_owned(), group.into());
    }
    let claims = serde_json::from_value(claims).map_err(|_| OnboardingError::Definition)?;
    Caller::from_claims(&claims, CLIENT).map_err(|_| OnboardingError::Definition)
}

fn any_document() -> Result<NewDocument, OnboardingError> {
    let parse = || {
        Some(NewDocument {
            name: "probe".to_owned().try_into().ok()?,
            content_type: "text/plain".to_owned().try_into().ok()?,
            size: 1.try_into().ok()?,
            // Of nothing: no content of a probe is ever stored.
            checksum: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse().ok()?,
        })
    };
    parse().ok_or(OnboardingError::Definition)
}

fn undecided(error: AccessError) -> OnboardingError {
    match error {
        AccessError::Undecided(source) => OnboardingError::PolicyStore(source),
        _ => OnboardingError::Definition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probes_ask_as_an_administrator_and_as_a_stranger() {
        let (tenant, user) = (TenantId::random(), UserId::random());
        let administrator = caller(tenant, user, Some(TENANT_ADMINS)).unwrap();
        assert_eq!((administrator.tenant().id(), administrator.user()), (tenant, user));
        assert_eq!(administrator.groups(), [TENANT_ADMINS]);
        assert!(caller(tenant, user, None).unwrap().groups().is_empty());
        assert!(any_document().is_ok());
    }
}
