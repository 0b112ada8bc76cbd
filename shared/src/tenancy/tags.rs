//! What the user pool's ID tokens tell STS: whose tenant's the bearer is, and which policy store is that tenant's.
//!
//! STS makes a session's tags of this claim when it is shown the token, so whoever writes it decides what a session
//! reaches. Only the pool signs tokens, and only [`TagSource`] tells the pool what to write; no code that serves a
//! request does. Fail closed: whoever is not found to be a user of a tenant that may work gets no tags at all.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};

use super::mapping;
use crate::{
    ids::{ServiceId, TenantId, UserId},
    users::{self, UserRole},
};

/// The claim's name, which is AWS's.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp>
pub const CLAIM: &str = "https://aws.amazon.com/tags";

/// The claim. STS wants each value as a list of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    principal_tags: PrincipalTags,
    /// What a session that is made with the session cannot get rid of.
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PrincipalTags {
    tenant_id: Vec<String>,
    policy_store_id: Vec<String>,
}

impl Claim {
    fn of(tenant: TenantId, store: &ServiceId) -> Self {
        Self {
            principal_tags: PrincipalTags {
                tenant_id: vec![tenant.to_string()],
                policy_store_id: vec![store.as_str().to_owned()],
            },
            transitive_tag_keys: ["tenant_id", "policy_store_id"].map(str::to_owned).to_vec(),
        }
    }

    /// The one tenant that it names; `None` when it names none, or several.
    pub(super) fn tenant(&self) -> Option<TenantId> {
        match self.principal_tags.tenant_id.as_slice() {
            [one] => one.parse().ok(),
            _ => None,
        }
    }
}

/// For whom a token is to be issued, as the pool has them.
#[derive(Debug, Clone, Copy)]
pub struct Bearer {
    /// The pool's attribute, which nobody can change once it is set.
    pub tenant: TenantId,
    /// The `sub`.
    pub user: UserId,
    /// Whether the pool has them among the administrators.
    pub administers: bool,
}

/// Why a token is withheld.
#[derive(Debug, thiserror::Error)]
pub enum Withheld {
    /// A row could not be read.
    #[error("a row could not be read")]
    Unreadable(#[source] Box<aws_sdk_dynamodb::Error>),
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// The tenant's row says nothing that a tag could be made of.
    #[error("the tenant's mapping row is malformed")]
    Malformed,
    /// The tenant is not set up yet, or its subscription is not active.
    #[error("the tenant's users may not work now")]
    NotUsable,
    /// The tenant's directory does not have the user, or as somebody who is being removed.
    #[error("the tenant's directory has no such user")]
    NotAUser,
    /// The pool has the user among the administrators, and the tenant's directory has not.
    #[error("the user is an administrator in the pool only")]
    NotAnAdministrator,
}

/// Reads what tokens are to say: of every tenant, because it is the one that tells them apart.
pub struct TagSource {
    dynamodb: Client,
    tenants_table: String,
    users_table: String,
}

impl TagSource {
    /// `base` carries credentials that may read items of both tables.
    #[must_use]
    pub fn new(base: &SdkConfig, tenants_table: String, users_table: String) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one reader for whom no token can speak yet")]
        let dynamodb = Client::new(base);
        Self { dynamodb, tenants_table, users_table }
    }

    /// The claim for a user of a tenant that may work.
    ///
    /// That the directory has them too is looked at, because it is written in sessions of the tenant only: whoever can
    /// make accounts in the pool cannot thereby make somebody a user, or an administrator, of any tenant.
    ///
    /// # Errors
    /// When a token must not be issued, or it cannot be told whether it may be.
    pub async fn claim(&self, bearer: Bearer) -> Result<Claim, Withheld> {
        let tenant_key = HashMap::from([(
            mapping::attributes::TENANT_ID.to_owned(),
            AttributeValue::S(bearer.tenant.to_string()),
        )]);
        let (tenant, user) = tokio::join!(
            self.row(&self.tenants_table, tenant_key, mapping::TAGGED),
            self.row(&self.users_table, users::key(bearer.tenant, bearer.user), users::STANDING),
        );
        decide(bearer, tenant?.as_ref(), user?.as_ref())
    }

    async fn row(&self, table: &str, key: Row, attributes: &str) -> Result<Option<Row>, Withheld> {
        let read = self
            .dynamodb
            .get_item()
            .table_name(table)
            .set_key(Some(key))
            .projection_expression(attributes)
            .consistent_read(true)
            .send()
            .await;
        read.map(|reply| reply.item).map_err(|e| Withheld::Unreadable(Box::new(e.into())))
    }
}

type Row = HashMap<String, AttributeValue>;

fn decide(bearer: Bearer, tenant: Option<&Row>, user: Option<&Row>) -> Result<Claim, Withheld> {
    let tenant = tenant.ok_or(Withheld::NoTenant)?;
    let store = mapping::store_of(bearer.tenant, tenant).ok_or(Withheld::Malformed)?;
    if !mapping::is_usable(tenant) {
        return Err(Withheld::NotUsable);
    }
    let role =
        user.and_then(|row| users::standing(bearer.tenant, bearer.user, row)).ok_or(Withheld::NotAUser)?;
    if bearer.administers && role != UserRole::Admin {
        return Err(Withheld::NotAnAdministrator);
    }
    Ok(Claim::of(bearer.tenant, &store))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "0123456789abcdef0123456789abcdef";
    const USER: &str = "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11";

    fn row(attributes: &[(&str, &str)]) -> Row {
        attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())))
            .collect()
    }

    fn tenant() -> Row {
        row(&[
            ("tenant_id", TENANT),
            ("policy_store_id", "PSEXAMPLEabc"),
            ("tenant_state", "open"),
            ("subscription_state", "active"),
        ])
    }

    fn user(role: &str) -> Row {
        row(&[("tenant_id", TENANT), ("user_id", USER), ("user_role", role), ("user_state", "active")])
    }

    fn bearer(administers: bool) -> Bearer {
        Bearer { tenant: TENANT.parse().unwrap(), user: USER.parse().unwrap(), administers }
    }

    fn with(mut row: Row, name: &str, value: &str) -> Row {
        row.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
        row
    }

    #[test]
    fn a_user_of_a_tenant_that_may_work_is_given_both_tags() {
        for (administers, role) in [(false, "member"), (true, "admin"), (false, "admin")] {
            let claim = decide(bearer(administers), Some(&tenant()), Some(&user(role))).unwrap();
            assert_eq!(
                serde_json::to_value(&claim).unwrap(),
                serde_json::json!({
                    "principal_tags": { "tenant_id": [TENANT], "policy_store_id": ["PSEXAMPLEabc"] },
                    "transitive_tag_keys": ["tenant_id", "policy_store_id"],
                })
            );
            assert_eq!(claim.tenant(), Some(TENANT.parse().unwrap()));
        }
    }

    #[test]
    fn everybody_else_is_given_none() {
        let other = "f".repeat(32);
        let (good, member) = (tenant(), user("member"));
        let decide = |administers, tenant: Option<&Row>, user: Option<&Row>| {
            decide(bearer(administers), tenant, user).unwrap_err().to_string()
        };
        for (got, expected) in [
            (decide(false, None, Some(&member)), Withheld::NoTenant),
            (
                decide(false, Some(&with(good.clone(), "tenant_id", &other)), Some(&member)),
                Withheld::Malformed,
            ),
            (
                decide(false, Some(&with(good.clone(), "policy_store_id", "")), Some(&member)),
                Withheld::Malformed,
            ),
            (
                decide(false, Some(&with(good.clone(), "tenant_state", "closing")), Some(&member)),
                Withheld::NotUsable,
            ),
            (
                decide(false, Some(&with(good.clone(), "subscription_state", "ended")), Some(&member)),
                Withheld::NotUsable,
            ),
            (decide(false, Some(&good), None), Withheld::NotAUser),
            (
                decide(false, Some(&good), Some(&with(member.clone(), "tenant_id", &other))),
                Withheld::NotAUser,
            ),
            (
                decide(false, Some(&good), Some(&with(member.clone(), "user_state", "removing"))),
                Withheld::NotAUser,
            ),
            (decide(true, Some(&good), Some(&member)), Withheld::NotAnAdministrator),
        ] {
            assert_eq!(got, expected.to_string());
        }
    }
}
