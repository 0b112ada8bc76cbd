//! What AWS Marketplace calls things: parse, print, nothing else.
//!
//! Each accepts only what AWS documents, within a length that fits a key, and nothing that could mean something
//! in an ARN, a header or a page.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ids::InvalidId;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let fits: fn(&str) -> bool = $fits;
                if fits(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId::expected($what)) }
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
                id.0
            }
        }
    };
}

text_id!(
    /// An AWS account: twelve digits.
    AccountId, "account id", |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);
text_id!(
    /// A licence: `arn:PARTITION:license-manager::ACCOUNT:license:l-ID`. What a tenant is keyed by, because one
    /// account may hold several agreements. The account in it is the issuer's, not the buyer's.
    /// <https://docs.aws.amazon.com/license-manager/latest/APIReference/API_GetLicense.html>
    LicenseArn, "license ARN", is_license_arn
);
text_id!(
    /// An agreement, such as `agmt-3k9x2m7q5v8c1z4t6w0b2n4d8`: letters, digits and hyphens, at most 64.
    /// <https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_DescribeAgreement.html>
    AgreementId, "agreement id", |text| is_word(text, 64)
);
text_id!(
    /// The code of a product, as its listing shows it: letters, digits and hyphens, at most 255.
    /// <https://docs.aws.amazon.com/marketplacemetering/latest/APIReference/API_ResolveCustomer.html>
    ProductCode, "product code", |text| is_word(text, 255)
);

text_id!(
    /// The id of a product, such as `prod-5h2kq7wz3m9xc`: letters, digits and hyphens, at most 64. Agreements
    /// name products by it.
    /// <https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_Resource.html>
    ProductId, "product id", |text| is_word(text, 64)
);

fn is_word(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_license_arn(text: &str) -> bool {
    let Some((head, license)) = text.rsplit_once(":license:") else { return false };
    let mut parts = head.split(':');
    let partition = parts.next() == Some("arn") && parts.next().is_some_and(|name| is_word(name, 32));
    let service = parts.next() == Some("license-manager") && parts.next() == Some("");
    let issuer = parts.next().is_some_and(|account| account.parse::<AccountId>().is_ok());
    partition
        && service
        && issuer
        && parts.next().is_none()
        && license.strip_prefix("l-").is_some_and(|id| is_word(id, 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_license_arn_is_a_license_arn() {
        let arn = "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0";
        assert_eq!(arn.parse::<LicenseArn>().unwrap().as_str(), arn);
        for (text, why) in [
            ("", "empty"),
            ("arn:aws:license-manager:us-east-1:294406891311:license:l-0f", "a Region"),
            ("arn:aws:license-manager::29440689131:license:l-0f", "eleven digits"),
            ("arn:aws:license-manager::294406891311:license:0f", "no l-"),
            ("arn:aws:license-manager::294406891311:license:l-", "no id"),
            ("arn:aws:license-manager::294406891311:license:l-0f#agreement", "a separator of our keys"),
            ("arn:aws:license-manager::294406891311:x:license:l-0f", "one part more"),
            ("arn:aws:iam::294406891311:license:l-0f", "another service"),
        ] {
            assert!(text.parse::<LicenseArn>().is_err(), "{why}: {text}");
        }
    }

    #[test]
    fn accounts_agreements_and_product_codes_hold_nothing_but_themselves() {
        assert!("111122223333".parse::<AccountId>().is_ok());
        assert!("11112222333".parse::<AccountId>().is_err(), "eleven digits");
        assert!("11112222333a".parse::<AccountId>().is_err(), "a letter");
        assert!("agmt-3k9x2m7q5v8c1z4t6w0b2n4d8".parse::<AgreementId>().is_ok());
        assert!("agmt-3k9/x".parse::<AgreementId>().is_err(), "a path");
        assert!("7x2kq9v4m1t8c5z3n6b0r4wpl".parse::<ProductCode>().is_ok());
        assert!("".parse::<ProductCode>().is_err(), "empty");
        assert!("a".repeat(256).parse::<ProductCode>().is_err(), "too long");
    }
}
