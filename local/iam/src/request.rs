//! One authorization request: who, what, on what, under which circumstances.

use crate::arn::Arn;
use crate::context::Context;
use crate::principal::{OWN_KEYS, Principal};

/// A request as the evaluator sees it. The principal's own keys (`aws:PrincipalTag/…`, `aws:PrincipalArn`, …) are
/// filled in by [`Request::new`] and cannot be overridden by the context handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    principal: Principal,
    action: String,
    resource: String,
    resource_account: String,
    context: Context,
}

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The action is not `service:Name`.
    #[error("`{0}` is not an action of the form service:Name")]
    Action(String),
    /// The resource is neither `*` nor an ARN.
    #[error("`{0}` is neither `*` nor an ARN")]
    Resource(String),
    /// The account is not 12 digits.
    #[error("`{0}` is not a 12-digit account id")]
    Account(String),
}

impl Request {
    /// A request; `resource` is an ARN, or `*` for an action that has no resource; `resource_account` owns it
    /// (S3 ARNs do not say).
    ///
    /// # Errors
    /// The action or the resource has the wrong form.
    pub fn new(
        principal: Principal,
        action: &str,
        resource: &str,
        resource_account: &str,
        context: Context,
    ) -> Result<Self, RequestError> {
        let well_formed = action.split_once(':').is_some_and(|(service, name)| {
            let plain = |text: &str| {
                !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || one == '-')
            };
            plain(service) && plain(name)
        });
        if !well_formed {
            return Err(RequestError::Action(action.to_owned()));
        }
        if resource != "*" && resource.parse::<Arn>().is_err() {
            return Err(RequestError::Resource(resource.to_owned()));
        }
        if resource_account.len() != 12 || !resource_account.chars().all(|one| one.is_ascii_digit()) {
            return Err(RequestError::Account(resource_account.to_owned()));
        }
        let mut context = context.without(&OWN_KEYS).with("aws:ResourceAccount", resource_account);
        context.extend(&principal.context());
        if service_of(action) == "s3" {
            context = context.with("s3:ResourceAccount", resource_account);
        }
        Ok(Self {
            principal,
            action: action.to_owned(),
            resource: resource.to_owned(),
            resource_account: resource_account.to_owned(),
            context,
        })
    }

    /// Who asks.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// `service:Name`.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// An ARN or `*`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The account that owns the resource.
    pub fn resource_account(&self) -> &str {
        &self.resource_account
    }

    /// Every condition key, the principal's included.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// The part of an action before its colon, in lower case.
pub(crate) fn service_of(action: &str) -> String {
    action.split_once(':').map_or(action, |(service, _)| service).to_lowercase()
}
