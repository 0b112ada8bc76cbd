//! What a tenant holds: counted, and removed. All of it in the tenant's own session, which can reach nothing
//! else; and in the user pool through its one door, which asks whose an account is.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, Select, WriteRequest};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{
    OnboardingError,
    closing::{Counted, Counting, Counts},
    error::{policy_store, table},
    open::patiently,
};
use crate::{
    clock::Clock,
    ids::UserId,
    tenancy::{Erasure, TenantSession},
    users::{Email, pool::Pool},
};

/// The most rows that one `BatchWriteItem` takes.
const ROWS_PER_BATCH: usize = 25;
/// Rows that are looked for at a time.
const ROWS_PER_PAGE: i32 = 100;
/// The most objects that one page of a list has.
const OBJECTS_PER_PAGE: i32 = 1_000;
/// `DeleteObjects` takes as many, and then may take longer than a call is given here.
const OBJECTS_PER_DELETE: i32 = 250;
/// The largest page that `ListPolicies` gives.
const POLICIES_PER_PAGE: i32 = 50;
/// A store takes ten management requests a second.
const BETWEEN_PAGES: Duration = Duration::from_millis(110);
/// After rows that the table left undone.
const AFTER_UNDONE: Duration = Duration::from_millis(250);

/// What sorts before every user's row, and after the rows of the directory that are no users' (`#…`).
const FIRST_USER: &str = "$";

/// A tenant's tables, bucket and accounts, for one slice of work.
pub(super) struct Contents<'a> {
    pub(super) session: &'a TenantSession<Erasure>,
    pub(super) pool: &'a Pool,
    pub(super) clock: &'a Clock,
    pub(super) deadline: SystemTime,
}

/// One page of something that is counted.
#[derive(Default)]
struct Page {
    number: u64,
    bytes: u64,
    next: Option<String>,
}

/// A table with one tenant's rows: its name, and what its rows are sorted by.
#[derive(Clone, Copy)]
struct Rows<'a> {
    table: &'a str,
    sort_key: &'static str,
}

impl Contents<'_> {
    /// Whether this slice has to end.
    pub(super) fn is_over(&self) -> bool {
        self.clock.now() >= self.deadline
    }

    fn documents(&self) -> Rows<'_> {
        Rows { table: &self.session.resources().documents_table, sort_key: "document_id" }
    }

    fn shares(&self) -> Rows<'_> {
        Rows { table: &self.session.resources().shares_table, sort_key: "share_id" }
    }

    fn users(&self) -> Rows<'_> {
        Rows { table: &self.session.resources().users_table, sort_key: "user_id" }
    }

    fn prefix(&self) -> String {
        format!("{}/", self.session.tenant())
    }

    /// Counts one kind of thing from where `counting` says, until it is counted or the slice is over; `None`
    /// when there is nothing left to count.
    pub(super) async fn count(
        &self,
        counting: &Counting,
        mut counts: Counts,
    ) -> Result<Option<(Counting, Counts)>, OnboardingError> {
        let Counting::At(counted, from) = counting else { return Ok(None) };
        let mut from = from.clone();
        loop {
            let page = match counted {
                Counted::Documents => self.count_rows(self.documents(), "", from).await?,
                Counted::Objects => self.count_objects(from).await?,
                Counted::Shares => self.count_rows(self.shares(), "", from).await?,
                Counted::Users => self.count_rows(self.users(), FIRST_USER, from).await?,
                Counted::Policies => self.count_policies(from).await?,
            };
            *counts.of(*counted) += page.number;
            counts.bytes += page.bytes;
            from = page.next;
            if from.is_none() {
                let next = counted.next().map_or(Counting::Done, |next| Counting::At(next, None));
                return Ok(Some((next, counts)));
            }
            if self.is_over() {
                return Ok(Some((Counting::At(*counted, from), counts)));
            }
        }
    }

    async fn count_rows(
        &self,
        rows: Rows<'_>,
        first: &str,
        from: Option<String>,
    ) -> Result<Page, OnboardingError> {
        let mut query = self
            .session
            .dynamodb()
            .query()
            .table_name(rows.table)
            .expression_attribute_values(":tenant", self.tenant())
            .select(Select::Count)
            .consistent_read(true)
            .set_exclusive_start_key(from.map(|from| self.key(rows, from)));
        query = if first.is_empty() {
            query.key_condition_expression("tenant_id = :tenant")
        } else {
            query
                .key_condition_expression(format!("tenant_id = :tenant AND {} >= :first", rows.sort_key))
                .expression_attribute_values(":first", AttributeValue::S(first.to_owned()))
        };
        let page = query.send().await.map_err(table)?;
        let next = page.last_evaluated_key.and_then(|mut key| match key.remove(rows.sort_key) {
            Some(AttributeValue::S(last)) => Some(last),
            _ => None,
        });
        Ok(Page { number: u64::try_from(page.count).unwrap_or_default(), bytes: 0, next })
    }

    async fn count_objects(&self, from: Option<String>) -> Result<Page, OnboardingError> {
        let listed = self
            .session
            .s3()
            .list_objects_v2()
            .bucket(&self.session.resources().content_bucket)
            .prefix(self.prefix())
            .max_keys(OBJECTS_PER_PAGE)
            .set_start_after(from)
            .send()
            .await
            .map_err(bucket)?;
        let objects = listed.contents();
        let bytes = objects.iter().filter_map(|object| u64::try_from(object.size?).ok()).sum();
        let last = objects.last().and_then(|object| object.key.clone());
        Ok(Page {
            number: objects.len() as u64,
            bytes,
            next: last.filter(|_| listed.is_truncated == Some(true)),
        })
    }

    async fn count_policies(&self, from: Option<String>) -> Result<Page, OnboardingError> {
        if from.is_some() {
            tokio::time::sleep(BETWEEN_PAGES).await;
        }
        let list = self
            .session
            .verified_permissions()
            .list_policies()
            .policy_store_id(self.session.mapping().policy_store_id.as_str())
            .max_results(POLICIES_PER_PAGE)
            .set_next_token(from);
        let listed =
            patiently(self.clock, self.deadline, async || list.clone().send().await.map_err(policy_store))
                .await?;
        Ok(Page { number: listed.policies.len() as u64, bytes: 0, next: listed.next_token })
    }

    /// Removes documents, content, shares and users, each until none is found; how many rows and objects that
    /// were, or `None` when the slice was over before it was done.
    pub(super) async fn remove(&self) -> Result<Option<usize>, OnboardingError> {
        let mut removed = 0;
        for rows in [self.documents(), self.shares()] {
            let Some(number) = self.remove_rows(rows, false).await? else { return Ok(None) };
            removed += number;
        }
        let Some(number) = self.remove_objects().await? else { return Ok(None) };
        removed += number;
        let Some(number) = self.remove_rows(self.users(), true).await? else { return Ok(None) };
        Ok(Some(removed + number))
    }

    /// Removes a table's rows; of users the account first, since the row is how it is found.
    async fn remove_rows(&self, rows: Rows<'_>, users: bool) -> Result<Option<usize>, OnboardingError> {
        let mut removed = 0;
        while !self.is_over() {
            let page = self
                .session
                .dynamodb()
                .query()
                .table_name(rows.table)
                .key_condition_expression("tenant_id = :tenant")
                .expression_attribute_values(":tenant", self.tenant())
                .consistent_read(true)
                .limit(ROWS_PER_PAGE)
                .send()
                .await
                .map_err(table)?;
            let found = page.items.unwrap_or_default();
            if found.is_empty() {
                return Ok(Some(removed));
            }
            for batch in found.chunks(ROWS_PER_BATCH) {
                if users {
                    for row in batch {
                        self.remove_accounts_of(row).await?;
                    }
                }
                self.delete(rows, batch).await?;
                removed += batch.len();
                if self.is_over() {
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    async fn delete(
        &self,
        rows: Rows<'_>,
        batch: &[HashMap<String, AttributeValue>],
    ) -> Result<(), OnboardingError> {
        let requests: Vec<WriteRequest> = batch
            .iter()
            .filter_map(|row| row.get(rows.sort_key)?.as_s().ok().cloned())
            .filter_map(|sort| DeleteRequest::builder().set_key(Some(self.key(rows, sort))).build().ok())
            .map(|delete| WriteRequest::builder().delete_request(delete).build())
            .collect();
        let written = self
            .session
            .dynamodb()
            .batch_write_item()
            .request_items(rows.table, requests)
            .send()
            .await
            .map_err(table)?;
        // What was left undone is found again by the next query.
        if written.unprocessed_items.is_some_and(|undone| !undone.is_empty()) {
            tokio::time::sleep(AFTER_UNDONE).await;
        }
        Ok(())
    }

    async fn remove_objects(&self) -> Result<Option<usize>, OnboardingError> {
        let bucket_name = &self.session.resources().content_bucket;
        let mut removed = 0;
        while !self.is_over() {
            let listed = self
                .session
                .s3()
                .list_objects_v2()
                .bucket(bucket_name)
                .prefix(self.prefix())
                .max_keys(OBJECTS_PER_DELETE)
                .send()
                .await
                .map_err(bucket)?;
            let keys: Vec<ObjectIdentifier> = listed
                .contents()
                .iter()
                .filter_map(|object| ObjectIdentifier::builder().key(object.key()?).build().ok())
                .collect();
            if keys.is_empty() {
                return Ok(Some(removed));
            }
            removed += keys.len();
            let all = Delete::builder()
                .set_objects(Some(keys))
                .quiet(true)
                .build()
                .map_err(|_| OnboardingError::Definition)?;
            let deleted = self
                .session
                .s3()
                .delete_objects()
                .bucket(bucket_name)
                .delete(all)
                .send()
                .await
                .map_err(bucket)?;
            if !deleted.errors().is_empty() {
                return Err(OnboardingError::Objects);
            }
        }
        Ok(None)
    }

    /// Removes the accounts that a row of the directory leads to: by its id, and by its address, under which an
    /// invitation that was interrupted may have made one.
    async fn remove_accounts_of(&self, row: &HashMap<String, AttributeValue>) -> Result<(), OnboardingError> {
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
        if let Some(user) = text("user_id").and_then(|id| id.parse().ok()) {
            self.delete_account(user).await?;
        }
        if let Some(email) = text("email").and_then(|email| email.parse().ok()) {
            self.remove_account(&email).await?;
        }
        Ok(())
    }

    /// Removes the account that the tenant has under an address, if it has one.
    pub(super) async fn remove_account(&self, email: &Email) -> Result<(), OnboardingError> {
        let found = patiently(self.clock, self.deadline, async || {
            Ok(self.pool.find(self.session.tenant(), email).await?)
        });
        match found.await? {
            Some(user) => self.delete_account(user).await,
            None => Ok(()),
        }
    }

    async fn delete_account(&self, user: UserId) -> Result<(), OnboardingError> {
        patiently(self.clock, self.deadline, async || {
            self.pool.delete(self.session.tenant(), user).await?;
            Ok(())
        })
        .await
    }

    fn tenant(&self) -> AttributeValue {
        AttributeValue::S(self.session.tenant().to_string())
    }

    fn key(&self, rows: Rows<'_>, sort: String) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("tenant_id".to_owned(), self.tenant()),
            (rows.sort_key.to_owned(), AttributeValue::S(sort)),
        ])
    }
}

fn bucket<E: Into<aws_sdk_s3::Error>>(error: E) -> OnboardingError {
    OnboardingError::Content(Box::new(error.into()))
}
