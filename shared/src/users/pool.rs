//! [`Pool`] is the only door to Cognito.
//!
//! One user pool holds the users of every tenant, and IAM cannot tell them apart: whoever may disable one user
//! of a pool may disable any. So every call here that touches an account first reads whose it is, and the
//! attribute that says so can never change. A user id of another tenant ends in an error and an incident,
//! with nothing done.
//!
//! The methods are this crate's own: they take a tenant's id beside a client, which no function that faces
//! tenants may. Those go through a [`TenantSession`](crate::tenancy::TenantSession).

use aws_sdk_cognitoidentityprovider::{
    Client, Error,
    error::ProvideErrorMetadata,
    operation::{admin_create_user::AdminCreateUserError, admin_get_user::AdminGetUserOutput},
    types::{AttributeType, DeliveryMediumType, MessageActionType, UserStatusType},
};

use super::{Email, UserRole, password::TemporaryPassword};
use crate::{
    aws::SdkConfig,
    ids::{TenantId, UserId},
    tenancy::caller::TENANT_ADMINS,
};

/// The attribute that says whose user it is. Immutable in the pool's schema.
const TENANT: &str = "custom:tenant_id";
const SUB: &str = "sub";

/// The product's user pool.
#[derive(Clone)]
pub struct Pool {
    client: Client,
    user_pool_id: String,
}

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invited {
    /// There is a new account, and a mail with a temporary password is on its way to the address.
    New(UserId),
    /// The address has an account of this tenant, with which nobody has signed in yet, and another mail with
    /// another temporary password is on its way: the one before is good for nothing any more.
    Again(UserId),
    /// The address has an account of this tenant already, and nothing was mailed.
    OfThisTenant(UserId),
    /// The address has an account, and not of this tenant. Nothing was done, and nobody may learn it.
    Taken,
}

/// What is done for an account that is there, and that nobody has signed in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The invitation is mailed again: whether it ever was is not known, or somebody asks for it.
    Mail,
    /// Nothing: it was mailed.
    Quiet,
}

/// Whether there was something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// There was an account.
    There,
    /// There was none.
    Absent,
}

/// Why the user pool could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Cognito does not take the address.
    #[error("the user pool does not take the address")]
    AddressRefused,
    /// Cognito did not do its part.
    #[error("the user pool failed")]
    Service(#[source] Box<Error>),
    /// An account is not what this product makes.
    #[error("an account of the user pool is malformed")]
    Malformed,
    /// The account is another tenant's. An incident: no row of this tenant should lead there.
    #[error("the account is another tenant's")]
    Foreign,
    /// The machine has no randomness to give.
    #[error("no temporary password could be made")]
    Randomness,
}

impl PoolError {
    /// Whether Cognito said no, so that nothing of the call can still be on its way.
    pub(super) fn was_answered(&self) -> bool {
        match self {
            Self::Service(error) => error.code().is_some(),
            _ => true,
        }
    }
}

fn service<E: Into<Error>>(error: E) -> PoolError {
    PoolError::Service(Box::new(error.into()))
}

impl Pool {
    /// `base` carries the function's own credentials, whose role names the operations that it may use.
    #[must_use]
    pub fn new(base: &SdkConfig, user_pool_id: String) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one client of Cognito: it asks whose an account is"
        )]
        let client = Client::new(base);
        Self { client, user_pool_id }
    }

    /// Makes an account of `tenant` for the address and has Cognito mail the invitation. Can be repeated: an
    /// account that is there already stays as it is, but for the group of administrators and what `repeat` says.
    ///
    /// # Errors
    /// When Cognito refuses the address, or fails. That can be after the account was made: it may have failed
    /// over the mail alone (`CodeDeliveryFailureException`). So what failed is repeated with [`Repeat::Mail`].
    pub(crate) async fn invite(
        &self,
        tenant: TenantId,
        email: &Email,
        role: UserRole,
        repeat: Repeat,
    ) -> Result<Invited, PoolError> {
        let password = TemporaryPassword::random().ok_or(PoolError::Randomness)?;
        let made = self
            .client
            .admin_create_user()
            .user_pool_id(&self.user_pool_id)
            .username(email.as_str())
            .user_attributes(attribute("email", email.as_str())?)
            // The address proves itself when its owner signs in with what was mailed there.
            .user_attributes(attribute("email_verified", "true")?)
            .user_attributes(attribute(TENANT, &tenant.to_string())?)
            .temporary_password(password.as_str())
            .desired_delivery_mediums(DeliveryMediumType::Email)
            .send()
            .await;
        match made {
            Ok(made) => {
                let user = id_of(made.user.ok_or(PoolError::Malformed)?.attributes())?;
                self.give_role(user, role).await?;
                Ok(Invited::New(user))
            }
            Err(error) => match error.as_service_error() {
                Some(AdminCreateUserError::UsernameExistsException(_)) => {
                    let Some(account) = self.account(tenant, email).await? else {
                        return Ok(Invited::Taken);
                    };
                    let user = id_of(account.user_attributes())?;
                    // Before the mail, so that nothing of what failed after a mail is repeated with another one.
                    self.give_role(user, role).await?;
                    match repeat {
                        Repeat::Mail => self.mail_again(&account, email).await,
                        Repeat::Quiet => Ok(Invited::OfThisTenant(user)),
                    }
                }
                Some(AdminCreateUserError::InvalidParameterException(_)) => Err(PoolError::AddressRefused),
                _ => Err(service(error)),
            },
        }
    }

    /// Has Cognito mail the invitation again, if the address has an account of `tenant` with which nobody has
    /// signed in yet. It makes no account, and changes nobody's role.
    ///
    /// # Errors
    /// When Cognito fails; it can be repeated.
    pub(crate) async fn invite_again(&self, tenant: TenantId, email: &Email) -> Result<Invited, PoolError> {
        match self.account(tenant, email).await? {
            Some(account) => self.mail_again(&account, email).await,
            None => Ok(Invited::Taken),
        }
    }

    /// With another temporary password, which is good for as long as the first one was.
    async fn mail_again(&self, account: &AdminGetUserOutput, email: &Email) -> Result<Invited, PoolError> {
        let user = id_of(account.user_attributes())?;
        if !account.enabled || account.user_status != Some(UserStatusType::ForceChangePassword) {
            return Ok(Invited::OfThisTenant(user));
        }
        let password = TemporaryPassword::random().ok_or(PoolError::Randomness)?;
        let mailed = self
            .client
            .admin_create_user()
            .user_pool_id(&self.user_pool_id)
            .username(email.as_str())
            .message_action(MessageActionType::Resend)
            .temporary_password(password.as_str())
            .desired_delivery_mediums(DeliveryMediumType::Email)
            .send()
            .await;
        match mailed {
            Ok(_) => Ok(Invited::Again(user)),
            Err(error) => match error.as_service_error() {
                // They signed in just now.
                Some(AdminCreateUserError::UnsupportedUserStateException(_)) => {
                    Ok(Invited::OfThisTenant(user))
                }
                _ => Err(service(error)),
            },
        }
    }

    async fn give_role(&self, user: UserId, role: UserRole) -> Result<(), PoolError> {
        if role == UserRole::Admin {
            self.client
                .admin_add_user_to_group()
                .user_pool_id(&self.user_pool_id)
                .username(user.to_string())
                .group_name(TENANT_ADMINS)
                .send()
                .await
                .map_err(service)?;
        }
        Ok(())
    }

    /// The account of the address, if it is one of `tenant`'s. `None` says nothing about whether there is one.
    ///
    /// # Errors
    /// When Cognito fails.
    pub(crate) async fn find(&self, tenant: TenantId, email: &Email) -> Result<Option<UserId>, PoolError> {
        let account = self.account(tenant, email).await?;
        account.map(|account| id_of(account.user_attributes())).transpose()
    }

    async fn account(
        &self,
        tenant: TenantId,
        email: &Email,
    ) -> Result<Option<AdminGetUserOutput>, PoolError> {
        let account = self.get(email.as_str()).await?;
        Ok(account.filter(|account| is_of(tenant, account.user_attributes())))
    }

    /// Whether the user has signed in and chosen a password. `false` when there is no such account.
    ///
    /// # Errors
    /// When the account is another tenant's, or Cognito fails.
    pub(crate) async fn has_signed_in(&self, tenant: TenantId, user: UserId) -> Result<bool, PoolError> {
        let account = self.own(tenant, user).await?;
        Ok(account.is_some_and(|account| {
            matches!(account.user_status, Some(UserStatusType::Confirmed | UserStatusType::ResetRequired))
        }))
    }

    /// Nobody signs in or refreshes as this user any more. Tokens that were issued stay good for API Gateway
    /// until they run out: the tenant's policy store has to forbid them.
    ///
    /// # Errors
    /// When the account is another tenant's, or Cognito fails; it can be repeated.
    pub(crate) async fn sign_out_and_disable(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Account, PoolError> {
        if self.own(tenant, user).await?.is_none() {
            return Ok(Account::Absent);
        }
        // Disabled first: whoever signs in between the two would keep that session.
        let disabled = self
            .client
            .admin_disable_user()
            .user_pool_id(&self.user_pool_id)
            .username(user.to_string())
            .send()
            .await;
        match disabled {
            Ok(_) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_user_not_found_exception()) => {
                return Ok(Account::Absent);
            }
            Err(error) => return Err(service(error)),
        }
        let signed_out = self
            .client
            .admin_user_global_sign_out()
            .user_pool_id(&self.user_pool_id)
            .username(user.to_string())
            .send()
            .await;
        match signed_out {
            Ok(_) => Ok(Account::There),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_user_not_found_exception()) => {
                Ok(Account::Absent)
            }
            Err(error) => Err(service(error)),
        }
    }

    /// Deletes the user's account; that there is none is as good.
    ///
    /// # Errors
    /// When the account is another tenant's, or Cognito fails; it can be repeated.
    pub(crate) async fn delete(&self, tenant: TenantId, user: UserId) -> Result<Account, PoolError> {
        if self.own(tenant, user).await?.is_none() {
            return Ok(Account::Absent);
        }
        let deleted = self
            .client
            .admin_delete_user()
            .user_pool_id(&self.user_pool_id)
            .username(user.to_string())
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(Account::There),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_user_not_found_exception()) => {
                Ok(Account::Absent)
            }
            Err(error) => Err(service(error)),
        }
    }

    /// The user's account, which must be `tenant`'s.
    async fn own(&self, tenant: TenantId, user: UserId) -> Result<Option<AdminGetUserOutput>, PoolError> {
        let Some(account) = self.get(&user.to_string()).await? else { return Ok(None) };
        if is_of(tenant, account.user_attributes()) && id_of(account.user_attributes())? == user {
            return Ok(Some(account));
        }
        tracing::error!(incident = "foreign_account", %tenant, %user, "a user id led to another tenant's account");
        Err(PoolError::Foreign)
    }

    /// By address or by user id: in a pool whose users sign in with their address, the name is the `sub`.
    async fn get(&self, name: &str) -> Result<Option<AdminGetUserOutput>, PoolError> {
        let found = self.client.admin_get_user().user_pool_id(&self.user_pool_id).username(name).send().await;
        match found {
            Ok(account) => Ok(Some(account)),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_user_not_found_exception()) => {
                Ok(None)
            }
            Err(error) => Err(service(error)),
        }
    }
}

fn attribute(name: &str, value: &str) -> Result<AttributeType, PoolError> {
    AttributeType::builder().name(name).value(value).build().map_err(|_| PoolError::Malformed)
}

/// The value of an attribute that is there exactly once.
fn value_of<'a>(attributes: &'a [AttributeType], name: &str) -> Option<&'a str> {
    let mut found = attributes.iter().filter(|attribute| attribute.name() == name);
    match (found.next(), found.next()) {
        (Some(attribute), None) => attribute.value(),
        _ => None,
    }
}

fn is_of(tenant: TenantId, attributes: &[AttributeType]) -> bool {
    value_of(attributes, TENANT) == Some(&tenant.to_string())
}

fn id_of(attributes: &[AttributeType]) -> Result<UserId, PoolError> {
    value_of(attributes, SUB).and_then(|sub| sub.parse().ok()).ok_or(PoolError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_tenants_only_when_it_says_so_once() {
        let (tenant, other) = (TenantId::random(), TenantId::random());
        let says = |ids: &[TenantId]| -> Vec<AttributeType> {
            ids.iter().map(|id| attribute(TENANT, &id.to_string()).unwrap()).collect()
        };
        assert!(is_of(tenant, &says(&[tenant])));
        assert!(!is_of(tenant, &says(&[other])), "another's");
        assert!(!is_of(tenant, &says(&[])), "nobody's");
        assert!(!is_of(tenant, &says(&[tenant, other])), "two at once");
    }
}
