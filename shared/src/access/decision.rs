//! One `IsAuthorized`: what is sent, and what an answer means.
//!
//! Sends the least that the policies read: the user with its groups, the document with its owner. The owner
//! comes from the row that this tenant's session read, never from the client.

use std::collections::HashMap;

use aws_sdk_verifiedpermissions::types::{
    ActionIdentifier, AttributeValue, Decision, EntitiesDefinition, EntityIdentifier, EntityItem,
};

use super::AccessError;
use crate::{
    documents::Document,
    tenancy::{MayAsk, TenantSession, caller::Caller},
};

/// The Cedar types of the schema in `cedar/`.
pub(crate) mod types {
    pub(crate) const ACTION: &str = "DocumentsAPI::Action";
    pub(crate) const USER: &str = "DocumentsAPI::User";
    pub(crate) const GROUP: &str = "DocumentsAPI::Group";
    pub(crate) const DOCUMENT: &str = "DocumentsAPI::Document";
    pub(crate) const DOCUMENT_STORE: &str = "DocumentsAPI::DocumentStore";
}

/// What the question is about.
pub(crate) enum Subject<'a> {
    Collection,
    Document(&'a Document),
}

/// What the store said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It allowed it.
    pub(crate) allows: bool,
    /// No policy failed while it decided.
    pub(crate) is_sound: bool,
}

pub(super) async fn ask(
    session: &TenantSession<impl MayAsk>,
    caller: &Caller,
    action: &'static str,
    subject: Subject<'_>,
) -> Result<bool, AccessError> {
    match decide(session, caller, action, subject).await? {
        Verdict { allows: true, is_sound: true } => Ok(true),
        Verdict { allows: true, is_sound: false } => Err(AccessError::Unsound),
        Verdict { allows: false, .. } => Ok(false),
    }
}

/// Puts the question to the store, whatever the answer is good for.
pub(crate) async fn decide(
    session: &TenantSession<impl MayAsk>,
    caller: &Caller,
    action: &'static str,
    subject: Subject<'_>,
) -> Result<Verdict, AccessError> {
    let user = entity(types::USER, &caller.user().to_string());
    let collection = entity(types::DOCUMENT_STORE, &session.tenant().to_string());
    let mut entities = vec![
        EntityItem::builder()
            .identifier(user.clone())
            .set_parents(Some(caller.groups().iter().map(|group| entity(types::GROUP, group)).collect()))
            .build(),
    ];
    let resource = match subject {
        Subject::Collection => collection,
        Subject::Document(document) => {
            let resource = entity(types::DOCUMENT, &document.id.to_string());
            let owner = entity(types::USER, &document.owner.to_string());
            entities.push(
                EntityItem::builder()
                    .identifier(resource.clone())
                    .set_attributes(Some(HashMap::from([(
                        "owner".to_owned(),
                        AttributeValue::EntityIdentifier(owner),
                    )])))
                    .parents(collection)
                    .build(),
            );
            resource
        }
    };
    let answer = session
        .verified_permissions()
        .is_authorized()
        .policy_store_id(session.mapping().policy_store_id.as_str())
        .principal(user)
        .action(action_identifier(action))
        .resource(resource)
        .entities(EntitiesDefinition::EntityList(entities))
        .send()
        .await
        .map_err(|e| AccessError::Undecided(Box::new(e.into())))?;
    let is_sound = answer.errors.is_empty();
    if !is_sound {
        // The descriptions name policies and attributes, not what a user typed.
        let errors: Vec<_> = answer.errors.iter().map(|e| e.error_description.as_str()).collect();
        tracing::error!(incident = "policy_errors", tenant = %session.tenant(), action, ?errors, "policies failed while deciding");
    }
    // Deny, and any decision that this SDK does not know yet, is no.
    Ok(Verdict { allows: answer.decision == Decision::Allow, is_sound })
}

#[expect(clippy::expect_used, reason = "both members are set, which is all that `build` checks")]
pub(crate) fn entity(of_type: &str, id: &str) -> EntityIdentifier {
    EntityIdentifier::builder().entity_type(of_type).entity_id(id).build().expect("both members are set")
}

#[expect(clippy::expect_used, reason = "both members are set, which is all that `build` checks")]
fn action_identifier(name: &str) -> ActionIdentifier {
    ActionIdentifier::builder()
        .action_type(types::ACTION)
        .action_id(name)
        .build()
        .expect("both members are set")
}
