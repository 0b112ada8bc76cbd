//! The directory as rows: `tenant_id` + `user_id`.
//!
//! Beside the users' rows stand two kinds that are none: `#admins` counts the administrators who were not
//! removed, and `#address/SHA-256` says whose an address is. They sort before every user's row, and are no
//! user ids, so neither a list nor a look-up can take them for users. The hash keeps addresses out of keys,
//! which AWS writes into its own logs.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem, Update},
};

use super::{Account, Email, Removed, User, UserError, UserRole, UserState, error::store};
use crate::{
    clock::{parse_rfc3339, rfc3339},
    conditional::{self, Unmet},
    ids::{TenantId, UserId},
};

pub(super) type Row = HashMap<String, AttributeValue>;

/// The primary key of a user's row.
pub(crate) fn key(tenant: TenantId, user: UserId) -> Row {
    key_of(tenant, &user.to_string())
}

/// The primary key of the count of administrators.
pub(super) fn admins_key(tenant: TenantId) -> Row {
    key_of(tenant, "#admins")
}

/// The primary key of the row that says whose an address is.
pub(super) fn address_key(tenant: TenantId, email: &Email) -> Row {
    let hash = ring::digest::digest(&ring::digest::SHA256, email.as_str().as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    key_of(tenant, &format!("#address/{hex}"))
}

fn key_of(tenant: TenantId, sort: &str) -> Row {
    HashMap::from([
        ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
        ("user_id".to_owned(), AttributeValue::S(sort.to_owned())),
    ])
}

/// Whether a row that was read is that of a user who may be given something: anybody who was invited and not
/// removed. That they have signed in is not asked, so that a document can be waiting for them.
pub(crate) fn is_member(tenant: TenantId, user: UserId, row: &Row) -> bool {
    read(tenant, row).is_ok_and(|found| found.id == user && found.state != UserState::Removing)
}

/// What [`standing`] reads.
pub(crate) const STANDING: &str = "tenant_id, user_id, user_role, user_state";

/// What somebody is in the tenant, by the row that was read as theirs; `None` when they are not a user of it, or are
/// being removed.
pub(crate) fn standing(tenant: TenantId, user: UserId, row: &Row) -> Option<UserRole> {
    let text = |name: &str| row.get(name)?.as_s().ok().map(String::as_str);
    let is_theirs = text("tenant_id")? == tenant.to_string() && text("user_id")? == user.to_string();
    match UserState::parse(text("user_state")?)? {
        UserState::Invited | UserState::Active if is_theirs => UserRole::parse(text("user_role")?),
        _ => None,
    }
}

/// The row of a user.
pub(super) fn write(tenant: TenantId, user: &User) -> Row {
    let mut row = key(tenant, user.id);
    let mut put = |name: &str, value: String| row.insert(name.to_owned(), AttributeValue::S(value));
    put("email", user.email.as_str().to_owned());
    put("user_role", user.role.as_str().to_owned());
    put("user_state", user.state.as_str().to_owned());
    put("created_at", rfc3339(user.created_at));
    if let Some(by) = user.invited_by {
        put("invited_by", by.to_string());
    }
    if let Some(at) = user.invited_at {
        put("invited_at", rfc3339(at));
    }
    match user.account {
        Account::Pending { since } => {
            put("account", PENDING.to_owned());
            put("pending_since", rfc3339(since));
        }
        Account::There => drop(put("account", THERE.to_owned())),
        Account::Absent => drop(put("account", ABSENT.to_owned())),
    }
    if let Some(removed) = user.removed {
        put("removed_by", removed.by.to_string());
        put("removed_at", rfc3339(removed.at));
    }
    row
}

pub(super) const PENDING: &str = "pending";
pub(super) const THERE: &str = "there";
pub(super) const ABSENT: &str = "absent";

/// Reads a user's row of `tenant`'s.
pub(super) fn read(tenant: TenantId, row: &Row) -> Result<User, UserError> {
    let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    let needed = |name: &str| text(name).ok_or(UserError::Malformed);
    let time = |name: &str| needed(name).and_then(|t| parse_rfc3339(t).ok_or(UserError::Malformed));
    let id = |name: &str| needed(name).and_then(|t| t.parse::<UserId>().map_err(|_| UserError::Malformed));
    if needed("tenant_id")? != tenant.to_string() {
        tracing::error!(incident = "foreign_row", %tenant, "a row of another tenant was read");
        return Err(UserError::ForeignRow);
    }
    Ok(User {
        id: id("user_id")?,
        email: needed("email")?.parse().map_err(|_| UserError::Malformed)?,
        role: UserRole::parse(needed("user_role")?).ok_or(UserError::Malformed)?,
        state: UserState::parse(needed("user_state")?).ok_or(UserError::Malformed)?,
        created_at: time("created_at")?,
        invited_by: text("invited_by").map(|_| id("invited_by")).transpose()?,
        account: match needed("account")? {
            PENDING => Account::Pending { since: time("pending_since")? },
            THERE => Account::There,
            ABSENT => Account::Absent,
            _ => return Err(UserError::Malformed),
        },
        invited_at: text("invited_at").map(|_| time("invited_at")).transpose()?,
        removed: match text("removed_at") {
            Some(_) => Some(Removed { by: id("removed_by")?, at: time("removed_at")? }),
            None => None,
        },
    })
}

/// A user, as their row is now.
pub(super) async fn find(
    dynamodb: &Client,
    table: &str,
    tenant: TenantId,
    user: UserId,
) -> Result<Option<User>, UserError> {
    let found = get(dynamodb, table, key(tenant, user)).await?;
    found.map(|row| read(tenant, &row)).transpose()
}

/// Whose the address is.
pub(super) async fn owner_of(
    dynamodb: &Client,
    table: &str,
    tenant: TenantId,
    email: &Email,
) -> Result<Option<UserId>, UserError> {
    let Some(row) = get(dynamodb, table, address_key(tenant, email)).await? else { return Ok(None) };
    let owner = row.get("address_of").and_then(|id| id.as_s().ok()).and_then(|id| id.parse().ok());
    owner.ok_or(UserError::Malformed).map(Some)
}

async fn get(dynamodb: &Client, table: &str, key: Row) -> Result<Option<Row>, UserError> {
    let reply = dynamodb
        .get_item()
        .table_name(table)
        .set_key(Some(key))
        .consistent_read(true)
        .send()
        .await
        .map_err(store)?;
    Ok(reply.item)
}

/// The row that says that the address is this user's.
pub(super) fn address_row(tenant: TenantId, user: &User) -> Row {
    let mut row = address_key(tenant, &user.email);
    row.insert("address_of".to_owned(), AttributeValue::S(user.id.to_string()));
    row
}

/// What a new user adds to the directory: their row, their address, and one to the count of administrators.
/// The first two are refused when they are there already.
pub(super) fn additions(
    table: &str,
    tenant: TenantId,
    user: &User,
) -> Result<Vec<TransactWriteItem>, UserError> {
    let put = |row: Row| {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(user_id)")
            .build();
        put.map(|put| TransactWriteItem::builder().put(put).build()).map_err(|_| UserError::Malformed)
    };
    let mut items = vec![put(write(tenant, user))?, put(address_row(tenant, user))?];
    if user.role == UserRole::Admin {
        items.push(count(table, tenant, "1", None)?);
    }
    Ok(items)
}

/// Adds to the count of administrators; with `floor`, only while the count is above it.
pub(super) fn count(
    table: &str,
    tenant: TenantId,
    by: &str,
    floor: Option<&str>,
) -> Result<TransactWriteItem, UserError> {
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(admins_key(tenant)))
        .update_expression("ADD admins :by")
        .expression_attribute_values(":by", AttributeValue::N(by.to_owned()))
        .set_condition_expression(floor.map(|_| "admins > :floor".to_owned()));
    let update = match floor {
        Some(floor) => update.expression_attribute_values(":floor", AttributeValue::N(floor.to_owned())),
        None => update,
    };
    let update = update.build().map_err(|_| UserError::Malformed)?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// Writes all of it or nothing.
pub(super) async fn transact(
    dynamodb: &Client,
    items: Vec<TransactWriteItem>,
) -> Result<Result<(), Unmet>, UserError> {
    Ok(conditional::transact(dynamodb, items, conditional::TRIES).await?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn user() -> User {
        User {
            id: UserId::random(),
            email: "ada@amber.example".parse().unwrap(),
            role: UserRole::Admin,
            state: UserState::Invited,
            created_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_020),
            invited_by: Some(UserId::random()),
            account: Account::There,
            invited_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_020)),
            removed: None,
        }
    }

    #[test]
    fn a_row_reads_back_as_it_was_written() {
        let tenant = TenantId::random();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_100);
        let all = [
            user(),
            User {
                invited_by: None,
                invited_at: None,
                state: UserState::Active,
                role: UserRole::Member,
                ..user()
            },
            User { account: Account::Pending { since: at }, ..user() },
            User { account: Account::Absent, ..user() },
            User {
                state: UserState::Removing,
                removed: Some(Removed { by: UserId::random(), at }),
                ..user()
            },
        ];
        for user in all {
            let found = read(tenant, &write(tenant, &user)).unwrap();
            assert_eq!(format!("{found:?}"), format!("{user:?}"));
            assert_eq!((found.email, found.account, found.removed), (user.email, user.account, user.removed));
        }
    }

    #[test]
    fn a_row_that_lacks_anything_or_is_anothers_is_no_user() {
        let (tenant, user) = (TenantId::random(), user());
        let row = write(tenant, &user);
        assert!(read(tenant, &row).is_ok());
        for name in ["tenant_id", "user_id", "email", "user_role", "user_state", "created_at", "account"] {
            let mut row = row.clone();
            row.remove(name);
            assert!(read(tenant, &row).is_err(), "without {name}");
            row.insert(name.to_owned(), AttributeValue::S("?".to_owned()));
            assert!(read(tenant, &row).is_err(), "another {name}");
        }
        assert!(matches!(read(TenantId::random(), &row), Err(UserError::ForeignRow)));
        for other in [admins_key(tenant), address_row(tenant, &user)] {
            assert!(read(tenant, &other).is_err(), "a row that is no user's");
        }
    }

    #[test]
    fn whoever_was_invited_may_be_given_something_until_they_are_removed() {
        let (tenant, user) = (TenantId::random(), user());
        for (state, may) in
            [(UserState::Invited, true), (UserState::Active, true), (UserState::Removing, false)]
        {
            let row = write(tenant, &User { state, ..user.clone() });
            assert_eq!(is_member(tenant, user.id, &row), may, "{state:?}");
            assert!(!is_member(tenant, UserId::random(), &row), "somebody else's row");
            assert!(!is_member(TenantId::random(), user.id, &row), "another tenant's row");
        }
    }

    #[test]
    fn the_rows_that_are_no_users_sort_before_every_user_and_hold_no_address() {
        let (tenant, user) = (TenantId::random(), user());
        for key in [admins_key(tenant), address_key(tenant, &user.email)] {
            let sort = key["user_id"].as_s().unwrap();
            assert!(sort.as_str() < "0" && sort.parse::<UserId>().is_err());
            assert!(!sort.contains("ada"));
        }
        let shouted = "ADA@AMBER.EXAMPLE".parse().unwrap();
        assert_eq!(address_key(tenant, &user.email), address_key(tenant, &shouted), "one address, one row");
    }
}
