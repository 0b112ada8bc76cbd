//! Odd answers by order: what a test wants the Marketplace to say instead, to which call, and how often.
//!
//! A call that is cut, throttled or failed on its way is not here: the gateway orders that for every service alike.

use serde::{Deserialize, Serialize};

use crate::fault::Exception;
use crate::refused::Refused;

const TIMES_MAX: u32 = 1_000_000;

/// What is said instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Answer {
    /// `ResolveCustomer`: the answer has no `CustomerAWSAccountId`.
    WithoutAccount,
    /// `ResolveCustomer`: the answer has no `LicenseArn`.
    WithoutLicense,
    /// `ResolveCustomer`: the answer has no `ProductCode`.
    WithoutProduct,
    /// `ResolveCustomer`: the answer has another product's `ProductCode`.
    OtherProduct,
    /// `ResolveCustomer`: the answer has no `Metadata`, as before October 2026.
    WithoutMetadata,
    /// `BatchMeterUsage`: the chosen records come back in `UnprocessedRecords`.
    Unprocessed,
    /// `BatchMeterUsage`: the chosen records come back in neither list.
    Missing,
    /// Any operation: one of its model's exceptions, or `AccessDeniedException`; without effect.
    Exception(ExceptionName),
}

/// An exception that the Marketplace knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExceptionName(pub(crate) Exception);

const ODD: [(&str, Answer); 7] = [
    ("without_account", Answer::WithoutAccount),
    ("without_license", Answer::WithoutLicense),
    ("without_product", Answer::WithoutProduct),
    ("other_product", Answer::OtherProduct),
    ("without_metadata", Answer::WithoutMetadata),
    ("unprocessed", Answer::Unprocessed),
    ("missing", Answer::Missing),
];

impl Answer {
    /// As it is written in an order: an odd answer's name, or an exception's, `ExpiredTokenException`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exception(ExceptionName(exception)) => exception.name(),
            odd => ODD.iter().find(|(_, answer)| *answer == odd).map_or("", |(name, _)| name),
        }
    }

    fn fits(self, operation: &str) -> bool {
        match self {
            Self::Unprocessed | Self::Missing => operation == "BatchMeterUsage",
            Self::Exception(ExceptionName(exception)) => exception.is_of(operation),
            _ => operation == "ResolveCustomer",
        }
    }
}

impl From<Answer> for &'static str {
    fn from(answer: Answer) -> Self {
        answer.name()
    }
}

impl TryFrom<String> for Answer {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let odd = ODD.iter().find(|(known, _)| *known == name).map(|(_, answer)| *answer);
        let exception = || Exception::of_name(&name).map(|found| Self::Exception(ExceptionName(found)));
        odd.or_else(exception).ok_or_else(|| format!("`{name}` is neither an odd answer nor an exception"))
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The operation, `ResolveCustomer`.
    pub operation: String,
    /// What it answers.
    pub answer: Answer,
    /// To how many calls; 1 if absent.
    #[serde(default = "once")]
    pub times: u32,
    /// Only to calls about this licence: its token, a record with it, its agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license_arn: Option<String>,
    /// `BatchMeterUsage`: the places of the records, from 0; the last one if absent. Places that a call does not
    /// have are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<usize>>,
    /// `BatchMeterUsage`: whether those records are billed all the same. They are not if absent.
    #[serde(default)]
    pub billed: bool,
}

fn once() -> u32 {
    1
}

/// The orders that are open.
#[derive(Debug, Default)]
pub(crate) struct Orders(Vec<Order>);

impl Orders {
    pub(crate) fn add(&mut self, order: Order, max: usize) -> Result<(), Refused> {
        if !(1..=TIMES_MAX).contains(&order.times) {
            return Err(Refused::Order(format!("`times` must be 1 to {TIMES_MAX}")));
        }
        if !crate::operations::is_known(&order.operation) {
            return Err(Refused::Order(format!(
                "`{}` is no operation of the Marketplace's",
                order.operation
            )));
        }
        if !order.answer.fits(&order.operation) {
            let why = format!("`{}` never answers `{}`", order.operation, order.answer.name());
            return Err(Refused::Order(why));
        }
        if self.0.len() >= max {
            return Err(Refused::Full { what: "orders", max });
        }
        self.0.push(order);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn open(&self) -> Vec<Order> {
        self.0.clone()
    }

    /// Uses up one of the first order that is for a call of `operation` about these licences, if `wanted` of its
    /// answer; an order that is not wanted now keeps its turn.
    pub(crate) fn take(
        &mut self,
        operation: &str,
        licenses: &[&str],
        wanted: impl Fn(Answer) -> bool,
    ) -> Option<Order> {
        let meant = |order: &Order| {
            let about = order.license_arn.as_deref().is_none_or(|license| licenses.contains(&license));
            order.operation == operation && about
        };
        let place = self.0.iter().position(meant)?;
        let order = self.0.get_mut(place).filter(|order| wanted(order.answer))?;
        order.times -= 1;
        if order.times == 0 {
            return Some(self.0.remove(place));
        }
        Some(order.clone())
    }
}
