//! The address that a user signs in with. Pure.

use std::{fmt, str::FromStr};

/// Cognito's own limit of a user name, which the address is.
/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUser.html>
const BYTES_MAX: usize = 128;
/// RFC 5321 section 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// RFC 1035 section 2.3.4.
const LABEL_BYTES_MAX: usize = 63;

/// An e-mail address, in lower case: `ada@amber.example`.
///
/// The form is the one that people have: dots and RFC 5322's `atext` before the `@`, a host name with a dot
/// behind it, ASCII only. Quoted names, comments, address literals and anything longer than 128 bytes are
/// refused; so is whatever could end a line or a header. Lower case, because the user pool does not tell
/// cases apart, and two spellings of one address must be one user.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// A text that is no address which this product can use. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address such as `ada@amber.example`, of at most 128 letters")]
pub struct InvalidEmail;

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        if text.len() <= BYTES_MAX && is_local(local) && is_domain(domain) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl fmt::Debug for Email {
    /// Addresses belong into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// RFC 5322 section 3.2.3: atoms with single dots between them.
fn is_local(text: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    text.len() <= LOCAL_BYTES_MAX && text.split('.').all(is_atom)
}

/// A host name of at least two labels, the last of them no number.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.split('.').all(is_label)
        && text.rsplit_once('.').is_some_and(|(_, last)| !last.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_address_is_one_short_line_of_lower_case_with_one_at(text in "\\PC{0,60}|[a-zA-Z.+@-]{1,140}|[A-Za-z0-9.+]{1,20}@[A-Za-z0-9-]{1,20}\\.[a-z]{2,9}") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert!(email.as_str().len() <= BYTES_MAX);
                prop_assert_eq!(email.as_str().matches('@').count(), 1);
                prop_assert!(email.as_str().bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()));
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
                prop_assert!(text.eq_ignore_ascii_case(email.as_str()));
            }
        }
    }

    #[test]
    fn addresses_that_people_have_are_accepted_and_written_in_lower_case() {
        for (text, email) in [
            ("ada@amber.example", "ada@amber.example"),
            ("Ada.Lovelace+docs@Mail.Amber.Example", "ada.lovelace+docs@mail.amber.example"),
            ("o'brien@xn--bcher-kva.example", "o'brien@xn--bcher-kva.example"),
            (&format!("{}@b.example", "a".repeat(64)), &format!("{}@b.example", "a".repeat(64))),
        ] {
            assert_eq!(text.parse::<Email>().map(|email| email.0).as_deref(), Ok(email));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, why) in [
            ("", "empty"),
            ("ada", "no domain"),
            ("@amber.example", "nobody"),
            ("ada@", "nowhere"),
            ("ada@amber", "no dot in the domain"),
            ("ada@amber..example", "an empty label"),
            ("ada@-amber.example", "a label that begins with a hyphen"),
            ("ada@10.0.0.1", "an address of the network"),
            ("ada@[10.0.0.1]", "a literal"),
            ("ada@@amber.example", "two ats"),
            ("ada@amber.example@evil.example", "two domains"),
            (".ada@amber.example", "a dot in front"),
            ("ada..l@amber.example", "two dots"),
            ("\"ada\"@amber.example", "quotes"),
            ("ada l@amber.example", "a blank"),
            ("ada@amber.example\r\nBcc: all@amber.example", "a second line"),
            ("ada@amber.example, bob@amber.example", "two addresses"),
            ("Ada <ada@amber.example>", "a name"),
            ("ädä@amber.example", "not ASCII"),
            (&format!("{}@amber.example", "a".repeat(65)), "too long before the at"),
            (&format!("ada@{}.example", "a".repeat(64)), "too long a label"),
            (&format!("ada@{}example", "abcde.".repeat(20)), "too long"),
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{why}: {text}");
        }
    }
}
