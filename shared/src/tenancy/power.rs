//! What a session may do: each power is a tenant role of its own in the template, and a type here, so that what
//! needs one says so in its signature. It knows no AWS: which calls a role allows is the template's.

use crate::config::Roles;

mod sealed {
    pub trait Sealed {}
}

/// What a session may do: each power is a tenant role of its own in the template.
pub trait Power: sealed::Sealed + Send + Sync + 'static {
    #[doc(hidden)]
    fn role(roles: &Roles) -> &str;
    #[doc(hidden)]
    const NAME: &'static str;
}

macro_rules! power {
    ($(#[$doc:meta])* $name:ident, $field:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Power for $name {
            fn role(roles: &Roles) -> &str {
                &roles.$field
            }
            const NAME: &'static str = stringify!($field);
        }
    };
}

power!(
    /// May read and write the tenant's documents, read its shares and users, and ask its policy store.
    Data, data
);
power!(
    /// May look at content that arrived and settle its document, or remove it.
    Settlement, settlement
);
power!(
    /// May write shares: their rows, and their policies in the tenant's store.
    Sharing, sharing
);
power!(
    /// May remove what a deleted document leaves: policies, share rows, content, the row.
    Deletion, deletion
);
power!(
    /// May write the tenant's directory of users, and forbid a removed user everything.
    Directory, directory
);
power!(
    /// May settle what a removed user leaves: end shares, hand documents over, forget the user.
    Departure, departure
);
power!(
    /// May erase everything of the tenant.
    Erasure, erasure
);
power!(
    /// May read what the tenant used and what of it is billed, and ask its policy store.
    Usage, usage
);

/// A power with which the tenant's policy store can be asked.
pub trait MayAsk: Power {}
impl MayAsk for Data {}
impl MayAsk for Usage {}

/// A power with which a document's content can be looked at and its arrival recorded.
pub trait MaySettle: Power {}
impl MaySettle for Data {}
impl MaySettle for Settlement {}

/// A power with which a document's content can be removed.
pub trait MayDiscard: Power {}
impl MayDiscard for Settlement {}
impl MayDiscard for Deletion {}

/// A power with which policies can be taken out of the tenant's store.
pub trait MayRemovePolicies: Power {}
impl MayRemovePolicies for Sharing {}
impl MayRemovePolicies for Deletion {}
impl MayRemovePolicies for Departure {}

/// A power with which shares can be ended.
pub trait MayEndShares: MayRemovePolicies {}
impl MayEndShares for Sharing {}
impl MayEndShares for Departure {}

/// A power with which a removed user can be forbidden everything.
pub trait MayForbid: Power {}
impl MayForbid for Directory {}
impl MayForbid for Departure {}
