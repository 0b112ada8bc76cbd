//! What a buyer tells of themselves when they register. Personal: it stands in the onboarding table and goes to
//! the user pool, and nowhere else.

use std::fmt;

use crate::users::Email;

const COMPANY_CHARS_MAX: usize = 100;

/// A detail that cannot be right. Says which and why, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct InvalidDetail {
    /// `company` or `email`: what the form calls it.
    pub field: &'static str,
    /// The rest of a sentence that begins with the field.
    pub why: &'static str,
}

/// The company that registers: 1 to 100 characters, trimmed, none of them a control character.
#[derive(Clone, PartialEq, Eq)]
pub struct Company(String);

impl Company {
    /// The name, as it was typed; whoever shows it escapes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Company {
    type Error = InvalidDetail;

    fn try_from(text: &str) -> Result<Self, InvalidDetail> {
        let name = text.trim();
        let why = if name.is_empty() {
            "is empty"
        } else if name.chars().nth(COMPANY_CHARS_MAX).is_some() {
            "is longer than 100 characters"
        } else if name.chars().any(char::is_control) {
            "has control characters"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(InvalidDetail { field: "company", why })
    }
}

impl fmt::Debug for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Company(…)")
    }
}

/// What the registration form asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Who bought.
    pub company: Company,
    /// Who is to administer the tenant.
    pub admin_email: Email,
}

impl Details {
    /// Reads what was typed into the form.
    ///
    /// # Errors
    /// When either cannot be right.
    pub fn parse(company: &str, admin_email: &str) -> Result<Self, InvalidDetail> {
        Ok(Self { company: Company::try_from(company)?, admin_email: address(admin_email)? })
    }
}

/// Reads an address that was typed into a form: with blanks around it, as often as not.
///
/// # Errors
/// When it is none.
pub fn address(text: &str) -> Result<Email, InvalidDetail> {
    let invalid =
        |_| InvalidDetail { field: "email", why: "is not an e-mail address such as name@example.com" };
    text.trim().parse().map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_may_be_called_anything_that_can_be_printed() {
        for name in ["A", "Müller & Söhne GmbH", "<script>alert(1)</script>", "株式会社", &"é".repeat(100)]
        {
            assert_eq!(Company::try_from(name).unwrap().as_str(), name);
        }
        assert_eq!(
            Company::try_from("  Example \t").unwrap().as_str(),
            "Example",
            "blanks around it are nobody's"
        );
        for (name, why) in [
            ("", "empty"),
            (" \n", "blank"),
            ("a\u{0}b", "NUL"),
            ("a\r\nb", "lines"),
            (&*"x".repeat(101), "long"),
        ] {
            assert!(Company::try_from(name).is_err(), "{why}");
        }
    }

    #[test]
    fn an_address_may_have_blanks_around_it_and_not_in_it() {
        assert_eq!(address(" ada@example.com\n").unwrap().as_str(), "ada@example.com");
        for text in ["", "ada", "ada @example.com", "ada@example.com\r\nBcc: x@example.com"] {
            assert_eq!(address(text).unwrap_err().field, "email", "{text:?}");
        }
    }

    #[test]
    fn what_is_personal_is_not_printed() {
        let details = Details::parse("Example", "ada@example.com").unwrap();
        let printed = format!("{details:?}");
        assert!(!printed.contains("Example") && !printed.contains("ada"), "{printed}");
    }
}
