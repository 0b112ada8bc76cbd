//! May this caller do this to that? The tenant's policy store decides; nothing here does.
//!
//! A positive answer is a [`Permit`]: it names the action in its type and holds the very thing that was
//! asked about. What changes or shows that thing takes the permit, so a forgotten check does not compile.
//! Whatever keeps the store from answering is an error, and an error denies.

pub(crate) mod decision;
pub(crate) mod policies;

use std::marker::PhantomData;

use crate::{
    documents::Document,
    tenancy::{Data, MayAsk, TenantSession, caller::Caller},
};

/// Something that a caller may be allowed to do; the name is that of the Cedar action.
pub trait Action {
    /// The action's id in the schema's namespace.
    const NAME: &'static str;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $cedar:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl Action for $name {
            const NAME: &'static str = $cedar;
        }
    )*};
}

actions! {
    /// Add a document to the tenant's collection.
    AddDocument = "addDocument";
    /// List one's own documents.
    ListDocuments = "listDocuments";
    /// Invite, list and remove the tenant's users.
    ManageUsers = "manageUsers";
    /// See what the tenant used and what of it is billed.
    ViewUsage = "viewUsage";
    /// See a document's metadata and content.
    AccessDocument = "accessDocument";
    /// Let another user see a document.
    ShareDocument = "shareDocument";
    /// End a share.
    UnshareDocument = "unshareDocument";
    /// See with whom a document is shared.
    ListShares = "listShares";
    /// Delete a document.
    DeleteDocument = "deleteDocument";
}

/// The whole collection of the session's tenant: what collection-level actions are about.
#[derive(Debug, Clone, Copy)]
pub struct Collection;

/// The policy store allowed `A` on `subject`. Cannot be made elsewhere:
///
/// ```compile_fail,E0451
/// use shared::access::{Collection, ListDocuments, Permit};
/// let forged: Permit<Collection, ListDocuments> =
///     Permit { subject: Collection, action: std::marker::PhantomData };
/// ```
#[derive(Debug)]
pub struct Permit<S, A> {
    subject: S,
    action: PhantomData<A>,
}

impl<S, A> Permit<S, A> {
    /// What the permit is about.
    pub const fn subject(&self) -> &S {
        &self.subject
    }

    /// The same permit on the same subject, looked at again.
    pub(crate) fn renewed(self, subject: S) -> Self {
        Self { subject, ..self }
    }

    /// Gives the subject back; the permit is used up.
    pub fn into_subject(self) -> S {
        self.subject
    }
}

/// Why there is no permit.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The caller may not even know that it exists.
    #[error("not visible to the caller")]
    Invisible,
    /// The caller can see it, and may not do this to it.
    #[error("visible to the caller, but not allowed")]
    Forbidden,
    /// The store could not be asked.
    #[error("the policy store did not decide")]
    Undecided(#[source] Box<aws_sdk_verifiedpermissions::Error>),
    /// The store allowed it while some policy failed: a failed `forbid` would be such a policy.
    #[error("the policy store allowed it, but not without errors")]
    Unsound,
}

/// Asks for `A` on the tenant's collection.
///
/// # Errors
/// [`AccessError::Forbidden`] when the store says no; the collection is visible to all its users.
pub async fn to_collection<A: Action>(
    session: &TenantSession<impl MayAsk>,
    caller: &Caller,
) -> Result<Permit<Collection, A>, AccessError> {
    if decision::ask(session, caller, A::NAME, decision::Subject::Collection).await? {
        Ok(Permit { subject: Collection, action: PhantomData })
    } else {
        Err(AccessError::Forbidden)
    }
}

/// Asks for `A` on a document.
///
/// Only a refusal costs a second question: whether the caller may see the document at all.
///
/// # Errors
/// [`AccessError::Invisible`] or [`AccessError::Forbidden`] when the store says no.
pub async fn to_document<A: Action>(
    session: &TenantSession<Data>,
    caller: &Caller,
    document: Document,
) -> Result<Permit<Document, A>, AccessError> {
    // A pending document needs no rule of its own: it cannot be shared yet, so the policies let only its
    // owner and the tenant's admins see it.
    if decision::ask(session, caller, A::NAME, decision::Subject::Document(&document)).await? {
        return Ok(Permit { subject: document, action: PhantomData });
    }
    let visible = A::NAME != AccessDocument::NAME
        && decision::ask(session, caller, AccessDocument::NAME, decision::Subject::Document(&document))
            .await?;
    Err(if visible { AccessError::Forbidden } else { AccessError::Invisible })
}
