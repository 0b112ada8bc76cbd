//! Forms that a browser sends: bytes to named values, within limits. Pure.

use std::borrow::Cow;

use crate::{
    body::BODY_BYTES_MAX,
    marketplace::resolve::{NoToken, RegistrationToken},
};

const FIELDS_MAX: usize = 32;

/// A body that is no form of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidForm {
    /// More than 16 KiB.
    #[error("the form is larger than 16384 bytes")]
    TooLarge,
    /// More than 32 fields.
    #[error("the form has more than 32 fields")]
    TooManyFields,
    /// The same field twice: which one would count?
    #[error("the form has a field twice")]
    Twice,
}

/// The fields of a form that was sent as `application/x-www-form-urlencoded`
/// (<https://url.spec.whatwg.org/#application/x-www-form-urlencoded>).
#[derive(Default)]
pub struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is too large, has too many fields, or one of them twice.
    pub fn parse(body: &'a [u8]) -> Result<Self, InvalidForm> {
        if body.len() > BODY_BYTES_MAX {
            return Err(InvalidForm::TooLarge);
        }
        let mut fields: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.len() == FIELDS_MAX {
                return Err(InvalidForm::TooManyFields);
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(InvalidForm::Twice);
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The value of a field; empty if it is absent, as a browser sends what was left empty.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// What the Marketplace's form says when a buyer arrives.
#[derive(Debug)]
pub struct Arrival {
    /// Whom to ask the Marketplace about.
    pub token: RegistrationToken,
    /// Whether the offer is said to be a free trial. It changes a sentence on a page and nothing else: the
    /// browser says it, and the agreement is what counts.
    pub is_trial: bool,
}

impl Arrival {
    /// Reads the Marketplace's form.
    ///
    /// # Errors
    /// When it has no token that could be one.
    pub fn of(form: &Form<'_>) -> Result<Self, NoToken> {
        Ok(Self {
            token: RegistrationToken::from_form(form.value("x-amzn-marketplace-token"))?,
            is_trial: is_trial(form),
        })
    }
}

/// AWS's guide writes `free trial`, the Marketplace sends `free-trial`; neither is sent for other offers.
/// <https://docs.aws.amazon.com/marketplace/latest/userguide/saas-free-trials.html>
#[must_use]
pub fn is_trial(form: &Form<'_>) -> bool {
    matches!(form.value("x-amzn-marketplace-offer-type"), "free-trial" | "free trial")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_marketplace_is_read_in_both_spellings_and_encodings() {
        for (body, is_trial, why) in [
            (
                "x-amzn-marketplace-token=EXAMPLE%2Bopaque%2Ftoken%3D%3D&x-amzn-marketplace-offer-type=free-trial",
                true,
                "as the Marketplace sends it",
            ),
            (
                "x-amzn-marketplace-token=EXAMPLE%2Bopaque%2Ftoken%3D%3D&x-amzn-marketplace-offer-type=free%20trial",
                true,
                "as the guide writes it",
            ),
            (
                "x-amzn-marketplace-offer-type=free+trial&x-amzn-marketplace-token=EXAMPLE+opaque/token==",
                true,
                "a token that was not encoded",
            ),
            ("x-amzn-marketplace-token=EXAMPLE%2Bopaque%2Ftoken%3D%3D", false, "no trial"),
            (
                "x-amzn-marketplace-token=EXAMPLE%2Bopaque%2Ftoken%3D%3D&x-amzn-marketplace-offer-type=gift&z",
                false,
                "something new",
            ),
        ] {
            let arrival = Arrival::of(&Form::parse(body.as_bytes()).unwrap()).unwrap();
            assert_eq!(arrival.is_trial, is_trial, "{why}");
            assert_eq!(
                arrival.token,
                RegistrationToken::from_form("EXAMPLE+opaque/token==").unwrap(),
                "{why}"
            );
        }
    }

    #[test]
    fn a_form_has_limits() {
        assert_eq!(Form::parse(&vec![b'a'; BODY_BYTES_MAX + 1]).err(), Some(InvalidForm::TooLarge));
        assert!(Form::parse(&vec![b'a'; BODY_BYTES_MAX]).is_ok());
        let many = (0..=FIELDS_MAX).map(|n| format!("f{n}=")).collect::<Vec<_>>().join("&");
        assert_eq!(Form::parse(many.as_bytes()).err(), Some(InvalidForm::TooManyFields));
        assert_eq!(Form::parse(b"token=a&token=b").err(), Some(InvalidForm::Twice));
        assert_eq!(Form::parse(b"t%6fken=a&token=b").err(), Some(InvalidForm::Twice), "spelled otherwise");
    }

    #[test]
    fn an_arrival_without_a_token_is_none() {
        for body in ["", "x-amzn-marketplace-token=", "x-amzn-marketplace-token=%ff%fe", "token=abc"] {
            assert!(Arrival::of(&Form::parse(body.as_bytes()).unwrap()).is_err(), "{body}");
        }
    }
}
