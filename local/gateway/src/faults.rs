//! Faults by order: a test says which call is to fail, how, and how often.
//!
//! `before`: nothing happens and the caller gets the fault. `after`: it happens, and the caller gets the fault all
//! the same, which is what a retry has to survive.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::aws::End;
use crate::call::Asked;
use crate::calls::must_be_root;
use crate::refusal::Refusal;

const FAULTS_MAX: usize = 256;
const TIMES_MAX: u32 = 1_000_000;

/// Whether the effect happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum When {
    /// It does not.
    Before,
    /// It does.
    After,
}

/// What the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Failure {
    /// The service's throttling error.
    #[serde(rename = "throttle")]
    Throttle,
    /// An internal error.
    #[serde(rename = "500")]
    Internal,
    /// No answer: the connection closes.
    #[serde(rename = "cut")]
    Cut,
}

/// What a service calls it, throttled and failed, where that is not what its protocol does. From each service's model.
fn names(asked: &Asked) -> Option<(&'static str, &'static str)> {
    match (asked.service.as_str(), asked.operation.as_str()) {
        ("aws-marketplace", "ResolveCustomer" | "BatchMeterUsage" | "MeterUsage" | "RegisterUsage") => {
            Some(("ThrottlingException", "InternalServiceErrorException"))
        }
        ("aws-marketplace", _) => Some(("ThrottlingException", "InternalServerException")),
        ("cognito-idp", _) => Some(("TooManyRequestsException", "InternalErrorException")),
        ("kms", _) => Some(("ThrottlingException", "KMSInternalException")),
        _ => None,
    }
}

impl Failure {
    /// How a call ends with it.
    pub(crate) fn end(self, asked: &Asked) -> End {
        let (throttled, failed) = names(asked).unzip();
        match self {
            Self::Throttle => End::Refused(Refusal::OrderedThrottle { own: throttled }),
            Self::Internal => End::Refused(Refusal::OrderedFailure { own: failed }),
            Self::Cut => End::Cut,
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    service: String,
    operation: String,
    #[serde(default)]
    function: Option<String>,
    /// The root of a trace: only the calls of that invocation.
    #[serde(default)]
    trace: Option<String>,
    when: When,
    error: Failure,
    times: u32,
    /// So many calls that it is for pass unharmed first.
    #[serde(default)]
    skip: u32,
}

/// The orders that are open.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Takes an order.
    ///
    /// # Errors
    /// In words, when there are too many or it makes no sense.
    pub(crate) fn order(&self, fault: Fault) -> Result<(), String> {
        if !(1..=TIMES_MAX).contains(&fault.times) {
            return Err(format!("`times` must be 1 to {TIMES_MAX}"));
        }
        fault.trace.as_deref().map_or(Ok(()), must_be_root)?;
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() >= FAULTS_MAX {
            return Err(format!("{FAULTS_MAX} faults are open already"));
        }
        faults.push(fault);
        Ok(())
    }

    /// Forgets every order.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The orders still open.
    pub(crate) fn open(&self) -> Vec<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses up one of the first order that is for this call. `function` matches any part of the deployed
    /// name, since a stack puts its own name and a suffix around the template's.
    pub(crate) fn take(
        &self,
        asked: &Asked,
        function: Option<&str>,
        trace: Option<&str>,
    ) -> Option<(When, Failure)> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = faults.iter().position(|fault| {
            fault.service == asked.service
                && fault.operation == asked.operation
                && fault.trace.as_deref().is_none_or(|wanted| trace == Some(wanted))
                && fault
                    .function
                    .as_deref()
                    .is_none_or(|wanted| function.is_some_and(|name| name.contains(wanted)))
        })?;
        let fault = faults.get_mut(place)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        let (when, error, spent) = (fault.when, fault.error, fault.times == 0);
        if spent {
            faults.remove(place);
        }
        Some((when, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_hits_its_call_as_often_as_it_says_and_no_other() {
        let faults = Faults::default();
        let order = r#"{"service":"dynamodb","operation":"PutItem","function":"Shares","when":"after","error":"500","times":2}"#;
        faults.order(serde_json::from_str(order).unwrap()).unwrap();
        let asked = |operation: &str| Asked { service: "dynamodb".into(), operation: operation.into() };
        assert_eq!(
            faults.take(&asked("GetItem"), Some("s-SharesFunction-1"), None),
            None,
            "another operation"
        );
        assert_eq!(faults.take(&asked("PutItem"), Some("s-Documents-1"), None), None, "another function");
        assert_eq!(faults.take(&asked("PutItem"), None, None), None, "no function");
        let hit = Some((When::After, Failure::Internal));
        assert_eq!(faults.take(&asked("PutItem"), Some("s-SharesFunction-1"), None), hit);
        assert_eq!(faults.take(&asked("PutItem"), Some("s-SharesFunction-1"), None), hit);
        assert_eq!(faults.take(&asked("PutItem"), Some("s-SharesFunction-1"), None), None, "spent");
    }

    #[test]
    fn an_order_can_let_the_first_calls_pass() {
        let faults = Faults::default();
        let order =
            r#"{"service":"sqs","operation":"SendMessage","when":"before","error":"500","times":1,"skip":2}"#;
        faults.order(serde_json::from_str(order).unwrap()).unwrap();
        let asked = Asked { service: "sqs".into(), operation: "SendMessage".into() };
        assert_eq!(faults.take(&asked, None, None), None, "the first");
        assert_eq!(faults.take(&asked, None, None), None, "the second");
        assert_eq!(faults.take(&asked, None, None), Some((When::Before, Failure::Internal)), "the third");
        assert_eq!(faults.take(&asked, None, None), None, "spent");
    }

    #[test]
    fn an_order_can_be_for_one_invocation() {
        let faults = Faults::default();
        let order = r#"{"service":"sqs","operation":"SendMessage","trace":"1-00000001-000000000000000000000001","when":"before","error":"cut","times":1}"#;
        faults.order(serde_json::from_str(order).unwrap()).unwrap();
        let asked = Asked { service: "sqs".into(), operation: "SendMessage".into() };
        assert_eq!(faults.take(&asked, Some("f"), None), None, "without a trace");
        assert_eq!(
            faults.take(&asked, Some("f"), Some("1-00000001-000000000000000000000002")),
            None,
            "another one's"
        );
        let its_own = Some("1-00000001-000000000000000000000001");
        assert_eq!(faults.take(&asked, Some("f"), its_own), Some((When::Before, Failure::Cut)));
    }

    #[test]
    fn a_misspelt_order_is_refused_rather_than_never_met() {
        let bad = r#"{"service":"s3","operation":"PutObject","when":"before","error":"cut","times":1,"fuction":"x"}"#;
        assert!(serde_json::from_str::<Fault>(bad).is_err());
        let none = r#"{"service":"s3","operation":"PutObject","when":"before","error":"cut","times":0}"#;
        assert!(Faults::default().order(serde_json::from_str(none).unwrap()).is_err());
        for trace in ["", "1-a-b", "Root=1-00000001-000000000000000000000001"] {
            let order = format!(
                r#"{{"service":"s3","operation":"PutObject","trace":"{trace}","when":"before","error":"cut","times":1}}"#
            );
            assert!(Faults::default().order(serde_json::from_str(&order).unwrap()).is_err(), "{trace:?}");
        }
    }
}
