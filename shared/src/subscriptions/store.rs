//! The door to the subscriptions table: who asks for what, and the facts that registration and off-boarding add.

use std::time::SystemTime;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};

use super::{
    FinalMetering, Metering, Subscription, SubscriptionError,
    facts::{AgreementEnd, Kind, State, derive},
    rows::{self, Item, LicenseRow, attributes as a},
};
use crate::{
    clock::rfc3339,
    marketplace::ids::{AgreementId, LicenseArn},
};

/// The subscriptions, for a function of the control plane.
///
/// What a function does not have the tables or the queue for is left to those that have: without the table of
/// tenants nothing is projected, and without the queue what ends stays `ending`, which lets nobody work
/// either, until the subscriptions function settles it, or its daily reconciliation does.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
    pub(super) table: String,
    pub(super) tenants_table: Option<String>,
    pub(super) final_metering: Option<FinalMetering>,
}

impl Subscriptions {
    /// `dynamodb` may read and update items of `table`.
    #[must_use]
    pub const fn new(dynamodb: aws_sdk_dynamodb::Client, table: String) -> Self {
        Self { dynamodb, table, tenants_table: None, final_metering: None }
    }

    /// Projects states to the mapping rows of `table`, whose items the client may update.
    #[must_use]
    pub fn projected_to(mut self, table: String) -> Self {
        self.tenants_table = Some(table);
        self
    }

    /// Asks for the last metering of what ends.
    #[must_use]
    pub fn asking(mut self, final_metering: FinalMetering) -> Self {
        self.final_metering = Some(final_metering);
        self
    }

    /// The subscription with this licence, as its facts have it now.
    ///
    /// # Errors
    /// When the table fails, or an item of it is malformed.
    pub async fn get(&self, license: &LicenseArn) -> Result<Option<Subscription>, SubscriptionError> {
        let Some((row, end)) = self.read(license).await? else { return Ok(None) };
        subscription(row, end.as_ref()).map(Some)
    }

    /// Closes a subscription whose tenant has been erased. It stays closed, whatever is said of it later.
    ///
    /// # Errors
    /// [`SubscriptionError::NotFound`], or when the table fails.
    pub async fn close(
        &self,
        license: &LicenseArn,
        now: SystemTime,
    ) -> Result<Subscription, SubscriptionError> {
        let closed = self
            .update(rows::license_key(license))
            .update_expression(versioned(&format!("SET {0} = if_not_exists({0}, :now)", a::CLOSED_AT)))
            .condition_expression(format!("attribute_exists({})", a::SUBJECT))
            .expression_attribute_values(":now", text(&rfc3339(now)))
            .expression_attribute_values(":one", one())
            .send()
            .await;
        if condition(closed)?.is_err() {
            return Err(SubscriptionError::NotFound);
        }
        self.settle(license, now).await
    }

    /// Records that the last metering for the end at `ended_at` is done; `false` when that is not the end that
    /// was asked for last.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn metering_done(
        &self,
        license: &LicenseArn,
        ended_at: SystemTime,
    ) -> Result<bool, SubscriptionError> {
        // It asks for no answer, since whoever meters may not see the rest of the item by writing it.
        let done = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(rows::license_key(license)))
            .update_expression(versioned(&format!("SET {} = :done", a::FINAL_METERING)))
            .condition_expression(format!("{} = :ended_at", a::FLUSH_REQUESTED))
            .expression_attribute_values(":done", text(rows::DONE))
            .expression_attribute_values(":ended_at", text(&rfc3339(ended_at)))
            .expression_attribute_values(":one", one())
            .send()
            .await;
        Ok(condition(done)?.is_ok())
    }

    /// A licence's item, and how its agreement ended.
    pub(super) async fn read(
        &self,
        license: &LicenseArn,
    ) -> Result<Option<(LicenseRow, Option<AgreementEnd>)>, SubscriptionError> {
        let Some(item) = self.item(rows::license_key(license)).await? else { return Ok(None) };
        let row = LicenseRow::read(&item)?;
        let end = match row.facts.agreement() {
            Some(agreement) => match self.item(rows::agreement_key(agreement)).await? {
                Some(item) => rows::agreement_end(&item)?,
                None => None,
            },
            None => None,
        };
        Ok(Some((row, end)))
    }

    pub(super) async fn item(&self, key: Item) -> Result<Option<Item>, SubscriptionError> {
        let reply = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(store_failed)?;
        Ok(reply.item)
    }

    /// An update of one item that tells what was there when its condition does not hold.
    pub(super) fn update(&self, key: Item) -> UpdateItemFluentBuilder {
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Writes into an agreement's item that a licence of ours is under it: it stays, and whoever adds a fact
    /// to it finds the licence. Only licences of our product are linked.
    pub(super) async fn link(
        &self,
        agreement: &AgreementId,
        license: &LicenseArn,
    ) -> Result<(), SubscriptionError> {
        let linked = self
            .update(rows::agreement_key(agreement))
            .update_expression(format!("ADD {} :license REMOVE {}", a::LICENSES, a::EXPIRES_AT))
            .expression_attribute_values(":license", AttributeValue::Ss(vec![license.to_string()]))
            .send()
            .await;
        linked.map(drop).map_err(store_failed)
    }
}

/// Holds for a licence that is nobody's yet, or `:account`'s.
pub(super) const OF_ACCOUNT: &str = "(attribute_not_exists(customer_account) OR customer_account = :account)";

/// The update with the next version of a licence's item; its value `:one` is [`one`].
pub(super) fn versioned(update: &str) -> String {
    format!("{update} ADD {} :one", a::VERSION)
}

pub(super) fn one() -> AttributeValue {
    AttributeValue::N("1".to_owned())
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn store_failed<E: Into<aws_sdk_dynamodb::Error>>(error: E) -> SubscriptionError {
    SubscriptionError::Store(Box::new(error.into()))
}

/// What an update answered, or the item as it was when its condition did not hold.
pub(super) fn condition<T, R>(
    update: Result<T, SdkError<UpdateItemError, R>>,
) -> Result<Result<T, Item>, SubscriptionError>
where
    aws_sdk_dynamodb::Error: From<SdkError<UpdateItemError, R>>,
{
    match update {
        Ok(reply) => Ok(Ok(reply)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Err(failed.item().cloned().unwrap_or_default()))
            }
            _ => Err(store_failed(error)),
        },
    }
}

/// A subscription from its item and its agreement's end.
pub(super) fn subscription(
    row: LicenseRow,
    end: Option<&AgreementEnd>,
) -> Result<Subscription, SubscriptionError> {
    let state = state_of(&row, end)?;
    Ok(Subscription {
        is_settled: row.written.as_ref() == Some(&rows::written(&state)),
        agreement: row.facts.agreement().cloned(),
        tenant: row.facts.registered.map(|(_, tenant)| tenant),
        final_metering: match state.kind {
            Kind::Suspended | Kind::Closed => row.metering,
            // Whatever was asked for was asked for an earlier end.
            Kind::Registered | Kind::Active | Kind::Ending => Metering::None,
        },
        moved_to: row.facts.moved.map(|moved| moved.to),
        license: row.license,
        account: row.account,
        state,
    })
}

/// An item exists because of a fact, so there is a state.
pub(super) fn state_of(row: &LicenseRow, end: Option<&AgreementEnd>) -> Result<State, SubscriptionError> {
    derive(&row.facts, end).ok_or(SubscriptionError::Malformed("set of facts"))
}
