//! The registry of identifiers: parse, print, nothing else.
//!
//! Every identifier ends up inside an IAM policy, a key or a Cedar entity, so each accepts one canonical
//! text only: no other spelling of the same value, no separator, no wildcard. There is no way to make one
//! from an unchecked string.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not the identifier it should be. It carries no part of the text: it may be hostile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {expected}")]
pub struct InvalidId {
    expected: &'static str,
}

impl InvalidId {
    pub(crate) const fn expected(what: &'static str) -> Self {
        Self { expected: what }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $format:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A new random identifier (122 random bits).
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.$format(), f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { expected: $what };
                let id = Self(Uuid::try_parse(text).map_err(|_| invalid.clone())?);
                // The parser is lenient (braces, urn:, upper case); an identifier is not.
                if id.to_string() == text { Ok(id) } else { Err(invalid) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

id!(
    /// The customer whose data this is: 32 lower-case hexadecimal digits.
    ///
    /// Fixed length and without separators, so that no tenant's id is a prefix of another's and none can
    /// carry a path, a wildcard or a list.
    TenantId, "tenant id", simple
);
id!(
    /// A user of a tenant: the `sub` of its Cognito user, a hyphenated lower-case UUID.
    UserId, "user id", hyphenated
);
id!(
    /// A document: a hyphenated lower-case UUID, random, never used again.
    DocumentId, "document id", hyphenated
);

/// The id that Verified Permissions gave to a tenant's policy store, or to a policy template in one.
///
/// Letters, digits and hyphens, 1 to 64 of them: what is left of the service's pattern (which also allows
/// `_` and `/`) once nothing that means something in an ARN is taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceId(String);

impl ServiceId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { expected: "policy store or template id" })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_parses_prints_back_the_same(text in "\\PC{0,40}|[0-9a-fA-F-]{30,40}") {
            if let Ok(id) = text.parse::<TenantId>() { prop_assert_eq!(id.to_string(), text.clone()); }
            if let Ok(id) = text.parse::<DocumentId>() { prop_assert_eq!(id.to_string(), text); }
        }

        #[test]
        fn no_tenant_id_is_a_prefix_of_another(a in any::<u128>(), b in any::<u128>()) {
            let (a, b) = (TenantId(Uuid::from_u128(a)), TenantId(Uuid::from_u128(b)));
            prop_assert!(a == b || !a.to_string().starts_with(&b.to_string()));
            prop_assert!(a.to_string().bytes().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()));
        }
    }

    #[test]
    fn other_spellings_of_an_id_are_refused() {
        let tenant = TenantId::random().to_string();
        assert!(tenant.parse::<TenantId>().is_ok(), "the canonical text is accepted");
        for (text, why) in [
            (tenant.to_uppercase(), "upper case is another spelling"),
            (format!("{{{tenant}}}"), "braces"),
            (format!("urn:uuid:{tenant}"), "urn"),
            (format!("{tenant} "), "trailing blank"),
            (format!("{tenant}/"), "a path"),
            ("*".repeat(32), "wildcards"),
            (String::new(), "empty"),
            (DocumentId::random().to_string(), "hyphens belong to other ids"),
        ] {
            assert!(text.parse::<TenantId>().is_err(), "{why}: {text}");
        }
    }
}
