//! The policy that refuses a removed user everything, named `removed/USER`.
//!
//! A token cannot be called back: API Gateway accepts it until it runs out. But every route asks the tenant's
//! policy store, and there a `forbid` beats every `permit`. So this policy ends a user's access at once, and
//! costs no request anything. It stays until the last token has run out.
//!
//! A store takes 200,000 bytes of policies that name no resource; one of these takes about 130 and what the
//! service adds. That is several hundred users of one tenant removed within an hour; after that the store
//! refuses, and the departures wait.
//! <https://docs.aws.amazon.com/verifiedpermissions/latest/userguide/quotas.html>

use aws_sdk_verifiedpermissions::{
    operation::create_policy::CreatePolicyError,
    types::{PolicyDefinition, StaticPolicyDefinition},
};

use super::UserError;
use crate::{
    access::policies,
    ids::UserId,
    tenancy::{Departure, MayForbid, TenantSession},
};

const REMOVED_USER: &str = include_str!("../../cedar/removed-user.cedar");

/// How often the policy is asked for when something else was written to the store at the same moment.
const TRIES: u32 = 3;

/// As the API wants names: behind `name/`.
fn name(user: UserId) -> String {
    format!("name/removed/{user}")
}

/// The policy without its comment. A user id holds nothing that means anything in Cedar.
fn statement(user: UserId) -> String {
    let lines: Vec<_> = REMOVED_USER.lines().filter(|line| !line.starts_with("//")).collect();
    lines.join("\n").replace("USER_ID", &user.to_string())
}

/// Forbids the user everything; that it is forbidden already is as good.
pub(super) async fn put<P: MayForbid>(session: &TenantSession<P>, user: UserId) -> Result<(), UserError> {
    let store = session.mapping().policy_store_id.as_str();
    let definition = StaticPolicyDefinition::builder()
        .statement(statement(user))
        .build()
        .map_err(|_| UserError::Malformed)?;
    for _ in 0..TRIES {
        let made = session
            .verified_permissions()
            .create_policy()
            .policy_store_id(store)
            .name(name(user))
            .definition(PolicyDefinition::Static(definition.clone()))
            .send()
            .await;
        let Err(error) = made else { return Ok(()) };
        if !matches!(error.as_service_error(), Some(CreatePolicyError::ConflictException(_))) {
            return Err(failed(error));
        }
        // The name is taken, or somebody else wrote to the store at the same moment: only a look tells.
        let found =
            session.verified_permissions().get_policy().policy_store_id(store).policy_id(name(user)).send();
        match found.await {
            Ok(_) => return Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(UserError::Contended)
}

/// Takes the policy away; that there is none is as good.
pub(super) async fn delete(session: &TenantSession<Departure>, user: UserId) -> Result<(), UserError> {
    let _was_there = policies::remove(session, &name(user)).await.map_err(UserError::Policies)?;
    Ok(())
}

fn failed<E: Into<aws_sdk_verifiedpermissions::Error>>(error: E) -> UserError {
    UserError::Policies(Box::new(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_user_and_nothing_else() {
        let user = UserId::random();
        let expected =
            format!("forbid (\n  principal == DocumentsAPI::User::\"{user}\",\n  action,\n  resource\n);");
        assert_eq!(statement(user), expected);
        assert!(name(user).len() <= 150 + "name/".len(), "a name has at most 150 letters");
    }
}
