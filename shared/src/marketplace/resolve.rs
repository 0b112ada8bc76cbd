//! Who the buyer is: the registration token that the Marketplace's form brings, turned into account, licence
//! and agreement by ResolveCustomer.
//!
//! Everything in the answer is optional in AWS's model; without account and licence, or with another product's
//! code, there is no buyer. Each way in which it can fail is a variant of its own, because a person waits for
//! an answer that tells what to do next.

use std::fmt;

use aws_sdk_marketplacemetering::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::resolve_customer::{ResolveCustomerError, ResolveCustomerOutput},
};
use aws_types::SdkConfig;

use super::{
    ids::{AccountId, AgreementId, LicenseArn, ProductCode},
    seller::{SellerError, SellerSession},
};

/// Longer tokens are not sent. Those of the Marketplace have a few hundred characters; AWS states no limit.
const TOKEN_BYTES_MAX: usize = 4096;

/// The token of the Marketplace's form: whoever has it is the buyer, so it is never printed or kept. It takes
/// one way only, into ResolveCustomer.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistrationToken(String);

/// A text that cannot be a registration token. It carries no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a registration token")]
pub struct NoToken;

impl RegistrationToken {
    /// Reads what a form decoded to. A token has no blanks, so a blank can only be a `+` that was sent
    /// without being encoded; it becomes one again.
    ///
    /// # Errors
    /// When it is empty, longer than 4096 bytes, or not of printable ASCII.
    pub fn from_form(text: &str) -> Result<Self, NoToken> {
        let fits = (1..=TOKEN_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if fits { Ok(Self(text.replace(' ', "+"))) } else { Err(NoToken) }
    }
}

impl fmt::Debug for RegistrationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationToken(…)")
    }
}

/// Who bought, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The buyer's AWS account.
    pub account: AccountId,
    /// The licence: what a tenant is keyed by.
    pub license: LicenseArn,
    /// The agreement that it comes from; the Marketplace tells it since October 2026.
    pub agreement: Option<AgreementId>,
}

/// Why there is no buyer.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The seller account lent no session.
    #[error(transparent)]
    Seller(#[from] SellerError),
    /// The token is older than the Marketplace accepts: four hours by its guide.
    #[error("the registration token has expired")]
    Expired,
    /// The Marketplace does not know the token.
    #[error("the registration token is not valid")]
    Invalid,
    /// The Marketplace asks for fewer calls, and went on doing so through the retries.
    #[error("the Marketplace throttles ResolveCustomer")]
    Throttled,
    /// The Marketplace failed, in words of its own.
    #[error("the Marketplace failed with {0}")]
    Failed(String),
    /// The Marketplace could not be reached, or did not answer in time.
    #[error("the Marketplace does not answer")]
    Silent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The session may not call ResolveCustomer: the seller account's role is not what it should be.
    #[error("the Marketplace refuses the seller account's session with {0}")]
    Denied(String),
    /// ResolveCustomer is not offered in this Region, or not to this seller.
    #[error("ResolveCustomer is disabled for the seller account in this Region")]
    Disabled,
    /// The answer lacks something, or it is not what AWS documents. Nobody is registered by halves.
    #[error("the answer of ResolveCustomer has no usable {0}")]
    Incomplete(&'static str),
    /// The token is for another product of the seller's.
    #[error("the registration token is for another product")]
    OtherProduct,
}

/// Asks the Marketplace whose `token` it is; `product` is the one that this stack sells.
///
/// # Errors
/// When the buyer cannot be told, or bought something else.
pub async fn resolve(
    seller: &SellerSession,
    product: &ProductCode,
    token: RegistrationToken,
) -> Result<Resolved, ResolveError> {
    let answer = client(&seller.config().await?)
        .resolve_customer()
        .registration_token(token.0)
        .send()
        .await
        .map_err(refused)?;
    read(&answer, product)
}

fn client(config: &SdkConfig) -> Client {
    #[expect(clippy::disallowed_methods, reason = "the one door to ResolveCustomer")]
    Client::new(config)
}

fn read(answer: &ResolveCustomerOutput, product: &ProductCode) -> Result<Resolved, ResolveError> {
    let code = answer.product_code().ok_or(ResolveError::Incomplete("product code"))?;
    if code != product.as_str() {
        return Err(ResolveError::OtherProduct);
    }
    let account = answer.customer_aws_account_id().and_then(|id| id.parse().ok());
    let license = answer.license_arn().and_then(|arn| arn.parse().ok());
    let agreement = answer.metadata().and_then(|metadata| metadata.agreement_id());
    Ok(Resolved {
        account: account.ok_or(ResolveError::Incomplete("account"))?,
        license: license.ok_or(ResolveError::Incomplete("licence"))?,
        agreement: match agreement {
            Some(id) => Some(id.parse().map_err(|_| ResolveError::Incomplete("agreement"))?),
            None => None,
        },
    })
}

/// No message of the service goes along: it may repeat what it was sent.
fn refused(error: SdkError<ResolveCustomerError>) -> ResolveError {
    let SdkError::ServiceError(context) = error else { return ResolveError::Silent(error.into()) };
    let error = context.err();
    let code = || error.code().unwrap_or("no code").to_owned();
    match error {
        // The code is also what AWS answers when the *session* has expired, which is not the buyer's doing.
        ResolveCustomerError::ExpiredTokenException(_) if is_about_the_session(error.message()) => {
            ResolveError::Denied(code())
        }
        ResolveCustomerError::ExpiredTokenException(_) => ResolveError::Expired,
        ResolveCustomerError::InvalidTokenException(_) => ResolveError::Invalid,
        ResolveCustomerError::ThrottlingException(_) => ResolveError::Throttled,
        ResolveCustomerError::DisabledApiException(_) => ResolveError::Disabled,
        ResolveCustomerError::InternalServiceErrorException(_) => ResolveError::Failed(code()),
        // The error is open-ended; IAM's own refusals come this way.
        _ => match context.raw().status().as_u16() {
            401 | 403 => ResolveError::Denied(code()),
            _ if code().starts_with("AccessDenied") || code().starts_with("UnrecognizedClient") => {
                ResolveError::Denied(code())
            }
            429 => ResolveError::Throttled,
            _ => ResolveError::Failed(code()),
        },
    }
}

/// AWS says "The security token included in the request is expired" of credentials.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html>
fn is_about_the_session(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains("security token"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        marketplace::script::{Script, seller},
    };

    const LICENSE: &str = "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0";

    /// What a token that the Marketplace answers like this comes to.
    async fn resolved(status: u16, body: &str) -> Result<Resolved, ResolveError> {
        let lent = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
             <Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t\
             </SessionToken><Expiration>2026-11-22T12:15:00Z</Expiration></Credentials></AssumeRoleResult>\
             </AssumeRoleResponse>";
        let script = Script::of([(200, lent.to_owned()), (status, body.to_owned())]);
        let noon = crate::clock::parse_rfc3339("2026-11-22T12:00:00.000Z").unwrap();
        let session = SellerSession::new(
            &script.config("us-east-1"),
            Clock::set_to(noon),
            &seller(),
            "strongroom-signup",
        );
        let token = RegistrationToken::from_form("EXAMPLE opaque/token==").unwrap();
        let outcome = resolve(&session, &seller().product_code, token).await;
        let sent = script.sent();
        assert_eq!(sent[1].host, "metering.marketplace.us-east-1.amazonaws.com");
        assert_eq!(sent[1].body, r#"{"RegistrationToken":"EXAMPLE+opaque/token=="}"#);
        outcome
    }

    async fn failed(status: u16, code: &str, message: &str) -> ResolveError {
        let body = serde_json::json!({ "__type": code, "message": message }).to_string();
        resolved(status, &body).await.unwrap_err()
    }

    #[tokio::test]
    async fn the_answers_of_new_and_old_listings_resolve_to_the_same_buyer() {
        let new = format!(
            r#"{{"CustomerAWSAccountId":"111122223333","ProductCode":"7x2kq9v4m1t8c5z3n6b0r4wpl",
                "LicenseArn":"{LICENSE}","Metadata":{{"AgreementId":"agmt-3k9x2m7q5v8c1z4t6w0b2n4d8"}}}}"#
        );
        let old = new.replacen('{', r#"{"CustomerIdentifier":"X01EXAMPLEX","#, 1);
        let buyer = resolved(200, &new).await.unwrap();
        assert_eq!(buyer.license.as_str(), LICENSE);
        assert_eq!(buyer.account.as_str(), "111122223333");
        assert!(buyer.agreement.is_some());
        assert_eq!(resolved(200, &old).await.unwrap(), buyer);
    }

    #[tokio::test]
    async fn an_answer_that_lacks_something_or_is_of_another_product_registers_nobody() {
        let (account, product) = (r#""CustomerAWSAccountId":"111122223333""#, r#""ProductCode":"other""#);
        let ours = r#""ProductCode":"7x2kq9v4m1t8c5z3n6b0r4wpl""#;
        let license = format!(r#""LicenseArn":"{LICENSE}""#);
        for (body, expected) in [
            (format!("{{{account},{ours}}}"), "no usable licence"),
            (format!("{{{license},{ours}}}"), "no usable account"),
            (format!("{{{license},{account}}}"), "no usable product code"),
            (format!("{{{license},{account},{product}}}"), "another product"),
            (format!(r#"{{{ours},{account},"LicenseArn":"arn:aws:iam::1:x"}}"#), "no usable licence"),
            (format!(r#"{{{ours},{license},"CustomerAWSAccountId":"12"}}"#), "no usable account"),
            (format!(r#"{{{ours},{license},{account},"Metadata":{{"AgreementId":"a b"}}}}"#), "agreement"),
            ("{}".to_owned(), "no usable product code"),
        ] {
            let error = resolved(200, &body).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    #[tokio::test]
    async fn each_error_of_the_api_is_one_of_its_own() {
        use ResolveError as E;
        let said = "said EXAMPLE+opaque/token==";
        let stale = "The security token included in the request is expired";
        assert!(matches!(failed(400, "ExpiredTokenException", said).await, E::Expired));
        assert!(matches!(failed(400, "InvalidTokenException", said).await, E::Invalid));
        assert!(matches!(failed(400, "ThrottlingException", said).await, E::Throttled));
        assert!(matches!(failed(400, "DisabledApiException", said).await, E::Disabled));
        assert!(matches!(failed(500, "InternalServiceErrorException", said).await, E::Failed(_)));
        assert!(matches!(failed(400, "AccessDeniedException", said).await, E::Denied(_)));
        assert!(matches!(failed(403, "SignatureDoesNotMatch", said).await, E::Denied(_)));
        assert!(
            matches!(failed(400, "ExpiredTokenException", stale).await, E::Denied(_)),
            "the session's token"
        );
        assert!(matches!(failed(503, "SomethingNew", said).await, E::Failed(_)));
        assert!(matches!(resolved(200, "no JSON").await, Err(E::Silent(_))));
        for status in [400, 403, 500] {
            let error = failed(status, "SomethingNew", said).await;
            let told = format!("{error:?} {}", crate::problem::chain(&error));
            assert!(!told.contains("opaque/token"), "{told}");
        }
    }

    #[test]
    fn a_token_has_limits_and_is_never_printed() {
        for (text, why) in [
            ("", "empty"),
            ("a\nb", "a line"),
            ("tökén", "not ASCII"),
            (&*"x".repeat(TOKEN_BYTES_MAX + 1), "too long"),
        ] {
            assert_eq!(RegistrationToken::from_form(text), Err(NoToken), "{why}");
        }
        let token = RegistrationToken::from_form(&"x".repeat(TOKEN_BYTES_MAX)).unwrap();
        assert_eq!(format!("{token:?}"), "RegistrationToken(…)");
    }
}
