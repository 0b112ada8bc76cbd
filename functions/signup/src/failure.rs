//! Why a buyer does not get the page that was asked for, and the page that says what to do instead.
//!
//! One exhaustive map: a new error has to choose its status and its words. The words are for a person who has
//! just bought something, and tell nothing of the cause; the cause is for the log.

use askama::Template;
use shared::{
    marketplace::{
        agreements::AgreementsError,
        resolve::{NoToken, ResolveError},
    },
    onboarding::RecordError,
    problem::chain,
    routes::NoRoute,
    signup::{
        form::InvalidForm,
        key::{OpenError, SealError},
    },
    subscriptions::{Kind, SubscriptionError},
};

use crate::page::{Answer, Frame};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The route exists, the method does not.
    #[error("no such method")]
    NoSuchMethod,
    /// There is no such page, or none for whoever asks.
    #[error("no such page")]
    NoSuchPage,
    /// The body is not what a form sends.
    #[error("not a form")]
    NotAForm,
    /// The form is beyond its limits.
    #[error(transparent)]
    Form(#[from] InvalidForm),
    /// The Marketplace's form brought no token.
    #[error(transparent)]
    NoToken(#[from] NoToken),
    /// The Marketplace did not say who the buyer is.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The Marketplace did not say where the buyer's agreement comes from.
    #[error(transparent)]
    Agreements(#[from] AgreementsError),
    /// The registration could not be signed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The registration that came back is not taken.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The subscription could not be read or written.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// The onboarding could not be read or written.
    #[error(transparent)]
    Onboarding(#[from] RecordError),
    /// The subscription is over; its data is kept.
    #[error("the subscription is over")]
    Ended,
    /// The subscription is over, and what was its tenant has been erased, or is being erased.
    #[error("the subscription is closed")]
    Closed,
}

/// What the page says.
pub(crate) struct Notice {
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    /// What happened.
    pub(crate) what: &'static str,
    /// What to do next.
    pub(crate) next: &'static str,
    retry_after_s: Option<u16>,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage<'a> {
    frame: &'a Frame,
    notice: &'a Notice,
    reference: Option<&'a str>,
}

const BACK: &str = "Go back to AWS Marketplace, open “Manage subscriptions”, and choose “Set up your account” again. \
                    Nothing is lost: it leads to the same account.";
const RELOAD: &str = "Please wait half a minute, then reload this page and agree to send the form again. If that does not help, go \
     back to AWS Marketplace and choose “Set up your account” again; nothing is lost.";
const WRITE: &str = "Please write to us at the address below. Your subscription is not affected, and you can come back at any time.";

impl Notice {
    const fn of(status: u16, title: &'static str, what: &'static str, next: &'static str) -> Self {
        Self { status, title, what, next, retry_after_s: None }
    }

    const fn after(mut self, seconds: u16) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl From<NoRoute> for Failure {
    fn from(error: NoRoute) -> Self {
        match error {
            NoRoute::Method => Self::NoSuchMethod,
            NoRoute::Path => Self::NoSuchPage,
        }
    }
}

impl Failure {
    /// Fails for a subscription that is over.
    pub(crate) const fn if_over(kind: Kind) -> Result<(), Self> {
        match kind {
            Kind::Registered | Kind::Active => Ok(()),
            Kind::Ending | Kind::Suspended => Err(Self::Ended),
            Kind::Closed => Err(Self::Closed),
        }
    }

    pub(crate) fn notice(&self) -> Notice {
        match self {
            Self::NoSuchMethod => Notice::of(
                405,
                "This page does not do that",
                "The request was not one that this page knows.",
                BACK,
            ),
            Self::NoSuchPage => Notice::of(
                404,
                "There is no such page",
                "The address is not complete, or what it led to is gone.",
                BACK,
            ),
            Self::NotAForm => Notice::of(
                415,
                "This was not a form",
                "The page expects the form of AWS Marketplace, as a browser sends it.",
                BACK,
            ),
            Self::Form(InvalidForm::TooLarge) => {
                Notice::of(413, "That was too much", "The form is larger than any that belongs here.", BACK)
            }
            Self::Form(InvalidForm::TooManyFields | InvalidForm::Twice) => {
                Notice::of(400, "This form is not ours", "It has fields that do not belong here.", BACK)
            }
            Self::NoToken(_) => Notice::of(
                400,
                "Something is missing",
                "This page has to be opened from AWS Marketplace, which tells us that the subscription is yours.",
                BACK,
            ),
            Self::Resolve(error) => error.notice(),
            Self::Open(OpenError::Expired) => Notice::of(
                400,
                "This form has been open for too long",
                "For your safety it is only good for four hours after you come from AWS Marketplace.",
                BACK,
            ),
            Self::Open(OpenError::Forged) => Notice::of(
                400,
                "This form cannot be accepted",
                "A part of it is missing, or is not as we sent it.",
                BACK,
            ),
            Self::Ended => Notice::of(
                403,
                "This subscription has ended",
                "AWS Marketplace tells us that the subscription is over, so the account is closed to its users.",
                "To go on, subscribe again in AWS Marketplace and choose “Set up your account” there.",
            ),
            Self::Closed => Notice::of(
                410,
                "This account is closed",
                "The subscription ended, and what was kept in the account has been erased or is being erased.",
                "To begin anew, subscribe again in AWS Marketplace: a new subscription gets a new account.",
            ),
            Self::Agreements(_)
            | Self::Seal(SealError::Kms(_) | SealError::NoMac)
            | Self::Open(OpenError::Kms(_))
            | Self::Subscription(SubscriptionError::Store(_) | SubscriptionError::Contended)
            | Self::Subscription(SubscriptionError::Queue(_))
            | Self::Onboarding(RecordError::Store(_) | RecordError::Queue(_) | RecordError::Contended) => {
                Notice::of(
                    503,
                    "We cannot take this right now",
                    "A part of our service does not answer at the moment. Nothing that you did is wrong.",
                    RELOAD,
                )
                .after(30)
            }
            Self::Subscription(SubscriptionError::ForeignAccount | SubscriptionError::NotFound)
            | Self::Subscription(SubscriptionError::Malformed(_) | SubscriptionError::TwoTenants)
            | Self::Onboarding(
                RecordError::Malformed | RecordError::ForeignLicense | RecordError::Randomness,
            ) => Notice::of(
                500,
                "This needs one of us",
                "Something on our side is not as it should be.",
                WRITE,
            ),
        }
    }

    /// The page.
    pub(crate) fn answer(&self, frame: &Frame, reference: &str) -> Answer {
        let notice = self.notice();
        // A number to name helps only where we have something to look up.
        let reference = (notice.status >= 500).then_some(reference);
        let answer = frame.page(notice.status, &NoticePage { frame, notice: &notice, reference });
        let answer = match notice.retry_after_s {
            Some(seconds) => answer.header("Retry-After", &seconds.to_string()),
            None => answer,
        };
        if matches!(self, Self::NoSuchMethod) { answer.header("Allow", "GET, POST") } else { answer }
    }

    /// What is logged of it: the causes of what is ours or the Marketplace's, and a word for the rest.
    pub(crate) fn cause(&self) -> String {
        chain(self)
    }
}

/// An error of the Marketplace as a page.
trait Page {
    fn notice(&self) -> Notice;
}

impl Page for ResolveError {
    fn notice(&self) -> Notice {
        match self {
            Self::Expired => Notice::of(
                400,
                "This link from AWS Marketplace has expired",
                "AWS Marketplace vouches for you only for a few hours after you choose “Set up your account”.",
                BACK,
            ),
            Self::Invalid => Notice::of(
                400,
                "AWS Marketplace does not recognize this visit",
                "What your browser brought from AWS Marketplace is not complete, or was not made for this page.",
                BACK,
            ),
            Self::OtherProduct => Notice::of(
                403,
                "This subscription is for another product",
                "AWS Marketplace confirmed a subscription, but not one for what is set up here.",
                "In AWS Marketplace, open “Manage subscriptions” and choose “Set up your account” beside this product. \
                 If it was this product, please write to us.",
            ),
            Self::Throttled => Notice::of(
                503,
                "Many are signing up right now",
                "AWS Marketplace asks us to slow down. Nothing that you did is wrong.",
                RELOAD,
            )
            .after(10),
            Self::Failed(_) | Self::Silent(_) | Self::Seller(_) => Notice::of(
                503,
                "AWS Marketplace does not answer",
                "We could not ask AWS Marketplace about your subscription just now. Nothing that you did is wrong.",
                RELOAD,
            )
            .after(30),
            Self::Incomplete(_) => Notice::of(
                502,
                "AWS Marketplace’s answer was not complete",
                "It did not say which account or which licence the subscription belongs to, so nothing was set up.",
                WRITE,
            ),
            Self::Denied(_) | Self::Disabled => Notice::of(
                500,
                "This needs one of us",
                "We are not able to ask AWS Marketplace about your subscription. The fault is ours.",
                WRITE,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::frame;

    fn every_failure() -> Vec<(Failure, u16, Option<&'static str>)> {
        use ResolveError as R;
        let silent = || R::Silent("connection reset".into());
        vec![
            (Failure::NoSuchMethod, 405, None),
            (Failure::NoSuchPage, 404, None),
            (Failure::NotAForm, 415, None),
            (InvalidForm::TooLarge.into(), 413, None),
            (InvalidForm::TooManyFields.into(), 400, None),
            (InvalidForm::Twice.into(), 400, None),
            (NoToken.into(), 400, None),
            (R::Expired.into(), 400, None),
            (R::Invalid.into(), 400, None),
            (R::OtherProduct.into(), 403, None),
            (R::Throttled.into(), 503, Some("10")),
            (R::Failed("InternalServiceErrorException".to_owned()).into(), 503, Some("30")),
            (silent().into(), 503, Some("30")),
            (R::Incomplete("licence").into(), 502, None),
            (R::Denied("AccessDeniedException".to_owned()).into(), 500, None),
            (R::Disabled.into(), 500, None),
            (SealError::NoMac.into(), 503, Some("30")),
            (OpenError::Expired.into(), 400, None),
            (OpenError::Forged.into(), 400, None),
            (SubscriptionError::Contended.into(), 503, Some("30")),
            (SubscriptionError::ForeignAccount.into(), 500, None),
            (RecordError::ForeignLicense.into(), 500, None),
            (Failure::Ended, 403, None),
            (Failure::Closed, 410, None),
        ]
    }

    #[test]
    fn every_failure_is_a_whole_page_with_its_status_that_says_what_to_do_next() {
        for (failure, status, retry_after) in every_failure() {
            let answer = failure.answer(&frame(), "1-2-3");
            assert_eq!(answer.status(), status, "{failure}");
            assert_eq!(answer.header_value("Retry-After"), retry_after.unwrap_or_default(), "{failure}");
            let body = answer.body();
            assert!(body.starts_with("<!doctype html>") && body.trim_end().ends_with("</html>"), "{failure}");
            for part in [
                failure.notice().title,
                failure.notice().what,
                "help@vendor.example",
                "href=\"https://app.vendor.example/sign-in\"",
            ] {
                assert!(body.contains(part), "{failure}: {part}");
            }
            assert_eq!(body.contains("1-2-3"), status >= 500, "{failure}");
            assert!(
                !body.contains("Exception") && !body.contains("connection reset"),
                "{failure}: its cause"
            );
        }
    }

    #[test]
    fn every_page_tells_the_browser_to_do_nothing_more_with_it() {
        let answer = Failure::NoSuchPage.answer(&frame(), "1-2-3");
        let policy = answer.header_value("Content-Security-Policy");
        let style = policy.split('\'').find_map(|part| part.strip_prefix("sha256-")).unwrap();
        let text = answer.body().split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        use base64::Engine;
        assert_eq!(
            base64::engine::general_purpose::STANDARD.encode(digest),
            style,
            "the style is the allowed one"
        );
        for part in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("script") && !policy.contains("unsafe"), "{policy}");
        assert!(!answer.body().contains("<script") && !answer.body().contains(" style=\""));
        for (name, value) in [
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
            ("Content-Type", "text/html; charset=utf-8"),
            ("Set-Cookie", ""),
        ] {
            assert_eq!(answer.header_value(name), value, "{name}");
        }
    }
}
