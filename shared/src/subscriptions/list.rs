//! All subscriptions, page by page, for the daily comparison.

use super::{
    SubscriptionError,
    facts::Kind,
    rows::{self, Item, LicenseRow, attributes as a},
    store::{Subscriptions, store_failed, text},
};
use crate::marketplace::ids::{AgreementId, LicenseArn};

/// A subscription as its item has it: with the state that was written last, if any was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The licence.
    pub license: LicenseArn,
    /// The agreement that it is under.
    pub agreement: Option<AgreementId>,
    /// The state that was settled last; none when settling was interrupted at once.
    pub settled: Option<Kind>,
    /// Whether somebody registered it, or a tenant came to it.
    pub has_tenant: bool,
    /// Whether its tenant has moved on to the licence that followed.
    pub moved: bool,
}

/// A page of subscriptions.
#[derive(Debug)]
pub struct Page {
    /// Those that could be read.
    pub subscriptions: Vec<Listed>,
    /// How many items could not.
    pub malformed: usize,
    /// Where the next page begins, if there is one.
    pub next: Option<Position>,
}

/// Where a page begins.
#[derive(Debug, Clone)]
pub struct Position(Item);

impl Subscriptions {
    /// A page of all subscriptions, from wherever `from` says. At most a megabyte of the table is read.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn page(&self, from: Option<Position>) -> Result<Page, SubscriptionError> {
        let reply = self
            .dynamodb
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression(format!("begins_with({}, :license)", a::SUBJECT))
            .expression_attribute_values(":license", text(rows::LICENSE))
            .set_exclusive_start_key(from.map(|position| position.0))
            .send()
            .await
            .map_err(store_failed)?;
        let items = reply.items.unwrap_or_default();
        let subscriptions: Vec<_> = items.iter().filter_map(|item| listed(item).ok()).collect();
        Ok(Page {
            malformed: items.len() - subscriptions.len(),
            subscriptions,
            next: reply.last_evaluated_key.map(Position),
        })
    }
}

fn listed(item: &Item) -> Result<Listed, SubscriptionError> {
    let row = LicenseRow::read(item)?;
    let settled = row.written.as_ref().map(|[kind, ..]| {
        Kind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or(SubscriptionError::Malformed(a::STATE))
    });
    Ok(Listed {
        agreement: row.facts.agreement().cloned(),
        settled: settled.transpose()?,
        has_tenant: row.facts.registered.is_some(),
        moved: row.facts.moved.is_some(),
        license: row.license,
    })
}
