//! What the Marketplace vouched for, as a text that can travel through the buyer's browser. Pure.
//!
//! The text that is signed: a purpose, then each value on a line of its own. No value can hold a line break,
//! and there are always the same number of lines, so two registrations never have one text. The purpose keeps
//! anything else that is ever signed with the same key from being a registration.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{clock::epoch_s, marketplace::resolve::Resolved};

/// As long as the token that it stands for is good: whoever takes longer goes back to the Marketplace.
pub const LASTS: Duration = Duration::from_secs(4 * 3600);

const PURPOSE: &str = "strongroom registration v1";

/// HMAC-SHA-256.
pub(super) const MAC_BYTES: usize = 32;

/// No registration comes near it: a licence has at most 140 characters, an agreement 64.
const FIELD_BYTES_MAX: usize = 1024;

/// A buyer whom the Marketplace vouched for, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Who bought, and what.
    pub resolved: Resolved,
    /// Until when it may be handed in: seconds since 1970.
    pub expires_s: u64,
}

impl Registration {
    /// A registration that may be handed in from now on.
    #[must_use]
    pub fn of(resolved: Resolved, now: SystemTime) -> Self {
        Self { resolved, expires_s: epoch_s(now + LASTS) }
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_s <= epoch_s(now)
    }

    pub(super) fn message(&self) -> String {
        let Resolved { account, license, agreement } = &self.resolved;
        let agreement = agreement.as_ref().map_or("", |id| id.as_str());
        format!("{PURPOSE}\n{account}\n{license}\n{agreement}\n{}", self.expires_s)
    }

    /// Reads what [`Self::message`] writes, and nothing else.
    pub(super) fn of_message(message: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(message).ok()?.split('\n');
        let mut line = || lines.next();
        if line()? != PURPOSE {
            return None;
        }
        let resolved = Resolved {
            account: line()?.parse().ok()?,
            license: line()?.parse().ok()?,
            agreement: match line()? {
                "" => None,
                id => Some(id.parse().ok()?),
            },
        };
        let registration = Self { resolved, expires_s: line()?.parse().ok()? };
        // Also says that no line is left over, and that the number is written in the one way.
        (registration.message().as_bytes() == message).then_some(registration)
    }
}

/// A message beside its MAC, as the form's field holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) message: Vec<u8>,
    pub(super) mac: [u8; MAC_BYTES],
}

impl Signed {
    pub(super) fn to_field(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&self.message), URL_SAFE_NO_PAD.encode(self.mac))
    }

    /// Reads a field; that it is well formed does not make it true.
    pub(super) fn of_field(text: &str) -> Option<Self> {
        if text.len() > FIELD_BYTES_MAX {
            return None;
        }
        let (message, mac) = text.split_once('.')?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        Some(Self { message: decode(message)?, mac: decode(mac)?.try_into().ok()? })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn registration(agreement: Option<&str>, now: SystemTime) -> Registration {
        let resolved = Resolved {
            account: "111122223333".parse().unwrap(),
            license: "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
                .parse()
                .unwrap(),
            agreement: agreement.map(|id| id.parse().unwrap()),
        };
        Registration::of(resolved, now)
    }

    prop_compose! {
        fn any_registration()(
            account in "[0-9]{12}",
            issuer in "[0-9]{12}",
            license in "[a-zA-Z0-9-]{1,64}",
            agreement in proptest::option::of("[a-zA-Z0-9-]{1,64}"),
            expires_s in any::<u64>(),
        ) -> Registration {
            Registration {
                resolved: Resolved {
                    account: account.parse().unwrap(),
                    license: format!("arn:aws:license-manager::{issuer}:license:l-{license}").parse().unwrap(),
                    agreement: agreement.map(|id| id.parse().unwrap()),
                },
                expires_s,
            }
        }
    }

    proptest! {
        #[test]
        fn a_registration_has_one_text_and_that_text_one_registration(one in any_registration(), two in any_registration()) {
            prop_assert_eq!(Registration::of_message(one.message().as_bytes()), Some(one.clone()));
            prop_assert_eq!(one.message() == two.message(), one == two);
            let signed = Signed { message: one.message().into_bytes(), mac: [7; MAC_BYTES] };
            let field = signed.to_field();
            prop_assert!(field.len() <= FIELD_BYTES_MAX);
            prop_assert!(field.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
            prop_assert_eq!(Signed::of_field(&field), Some(signed));
        }

        #[test]
        fn every_field_that_opens_is_written_in_the_one_way(text in "[A-Za-z0-9_.-]{0,200}") {
            if let Some(signed) = Signed::of_field(&text) {
                prop_assert_eq!(signed.to_field(), text);
            }
        }
    }

    #[test]
    fn what_is_not_a_registration_is_none() {
        let text = registration(Some("agmt-1"), SystemTime::UNIX_EPOCH).message();
        assert!(Registration::of_message(text.as_bytes()).is_some());
        for (text, why) in [
            (String::new(), "empty"),
            (text.replace("v1", "v2"), "another version"),
            (text.replace("registration v1", "cursor v1"), "another purpose"),
            (format!("{text}\n"), "a line more"),
            (text.replace("\nagmt-1", ""), "a line less"),
            (text.replace("14400", "014400"), "another way to write the time"),
            (text.replace("14400", "+14400"), "a sign"),
            (text.replace("111122223333", "11112222333"), "no account"),
            (text.replace('\n', "\r\n"), "other line breaks"),
        ] {
            assert_eq!(Registration::of_message(text.as_bytes()), None, "{why}");
        }
        assert_eq!(Registration::of_message(&[0xff]), None, "not UTF-8");
        for text in ["", ".", "YQ", "YQ.YQ", "YR.YQ", &"a".repeat(FIELD_BYTES_MAX + 1)] {
            assert_eq!(Signed::of_field(text), None, "{text}");
        }
    }

    #[test]
    fn a_registration_lasts_as_long_as_the_token_that_it_stands_for() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_348_800);
        let registration = registration(None, now);
        assert!(!registration.is_expired(now + LASTS - Duration::from_secs(1)));
        assert!(registration.is_expired(now + LASTS));
    }
}
