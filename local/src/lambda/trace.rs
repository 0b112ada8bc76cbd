//! One invocation, as the gateway knows it: by the trace that its AWS calls carry.

use std::time::Duration;

use serde_json::{Value, json};

use crate::doors::{DoorError, Doors};

/// Time between two looks at whether a call waits.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Before a call's effect, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing has happened.
    Before,
    /// Everything has happened, and nobody is told.
    After,
}

impl When {
    /// As the gateway's doors have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A trace: `1-`, eight digits, `-`, twenty-four digits; hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace(String);

impl Trace {
    /// One that nobody has had.
    #[must_use]
    pub fn new() -> Self {
        let digits = uuid::Uuid::new_v4().simple().to_string();
        let (time, rest) = digits.split_at_checked(8).unwrap_or(("00000000", ""));
        Self(format!("1-{time}-{rest}"))
    }

    /// Its root, as the gateway names it: `1-67891233-abcdef012345678912345678`.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.0
    }

    /// As the runtime hands it to a function.
    pub(super) fn header(&self) -> String {
        format!("Root={};Sampled=0", self.0)
    }

    /// The AWS calls that carried it, each as `service:operation`, in their order.
    ///
    /// # Errors
    /// When the gateway does not tell.
    pub async fn calls(&self, doors: &Doors) -> Result<Vec<String>, DoorError> {
        let told = doors.get("/calls", &[("trace", &self.0)]).await?;
        let calls = told.get("in_order").and_then(Value::as_array).into_iter().flatten();
        Ok(calls.filter_map(|call| call.as_str().map(str::to_owned)).collect())
    }

    /// Has its nth call, from 0, kept waiting.
    ///
    /// # Errors
    /// When the gateway does not take the order.
    pub async fn hold(&self, doors: &Doors, nth: usize, when: When) -> Result<(), DoorError> {
        let hold = json!({ "trace": self.0, "nth": nth, "when": when.as_str() });
        doors.post("/holds", &hold).await.map(drop)
    }

    /// Waits until the call that is to be held waits: which one it is. Never answers if there is no such call.
    ///
    /// # Errors
    /// When the gateway does not tell.
    pub async fn held(&self, doors: &Doors) -> Result<String, DoorError> {
        loop {
            let told = doors.get("/holds", &[]).await?;
            let holds = told.get("holds").and_then(Value::as_array).into_iter().flatten();
            let met = holds
                .filter(|hold| hold.get("trace").is_some_and(|trace| *trace == self.0))
                .find_map(|hold| hold.get("met")?.as_str());
            if let Some(met) = met {
                return Ok(met.to_owned());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes back what was ordered to be held; a call that waits is cut.
    ///
    /// # Errors
    /// When the gateway does not take it back.
    pub async fn release(&self, doors: &Doors) -> Result<(), DoorError> {
        doors.delete(&format!("/holds?trace={}", self.0)).await.map(drop)
    }

    /// Has its next calls of an operation fail: `error` is `throttle`, `500` or `cut`.
    ///
    /// # Errors
    /// When the gateway does not take the order.
    pub async fn fail(
        &self,
        doors: &Doors,
        (service, operation): (&str, &str),
        when: When,
        error: &str,
        times: u32,
    ) -> Result<(), DoorError> {
        let fault = json!({
            "service": service, "operation": operation, "trace": self.0,
            "when": when.as_str(), "error": error, "times": times,
        });
        doors.post("/faults", &fault).await.map(drop)
    }

    /// How many of the faults that were ordered for it have not been met.
    ///
    /// # Errors
    /// When the gateway does not tell.
    pub async fn unmet(&self, doors: &Doors) -> Result<u64, DoorError> {
        let told = doors.get("/faults", &[]).await?;
        let faults = told.get("faults").and_then(Value::as_array).into_iter().flatten();
        let own = faults.filter(|fault| fault.get("trace").is_some_and(|trace| *trace == self.0));
        Ok(own.filter_map(|fault| fault.get("times")?.as_u64()).sum())
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}
