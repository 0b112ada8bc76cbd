//! What is to go wrong in a run, in words: `throttle:2,unprocessed,cut-after,kill-after:7`.

use std::str::FromStr;

use serde_json::json;
use shared::marketplace::ids::LicenseArn;

use super::{MeteringError, Trace, When};
use crate::{doors::Doors, marketplace::Marketplace};

/// The words, for whoever wrote another one.
const WORDS: &str =
    "throttle, 500-before, 500-after, cut-before, cut-after, unprocessed, missing, kill-before, kill-after";
/// The most faults of one kind.
const TIMES_MAX: u32 = 1_000;

/// Something that goes wrong with `BatchMeterUsage`, or with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// So many calls fail: with `throttle`, `500` or `cut`.
    Calls {
        /// Whether they have their effect.
        when: When,
        /// As the gateway has it.
        error: &'static str,
        /// How many.
        times: u32,
    },
    /// In so many answers one record is unprocessed, or in neither list.
    Records {
        /// As the Marketplace has it.
        answer: &'static str,
        /// How many.
        times: u32,
    },
    /// The process is killed at its nth AWS call.
    Kill {
        /// Before the call's effect, or after.
        when: When,
        /// Which, from 0.
        nth: usize,
    },
}

/// Faults, in the order in which they are to be met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// Words that are no faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fault: WORD or WORD:NUMBER, separated by commas, WORD being one of {WORDS}")]
pub struct InvalidFault(String);

impl FromStr for Faults {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        text.split(',').filter(|word| !word.is_empty()).map(fault).collect::<Result<_, _>>().map(Self)
    }
}

fn fault(text: &str) -> Result<Fault, InvalidFault> {
    let invalid = || InvalidFault(text.to_owned());
    let (word, number) = match text.split_once(':') {
        Some((word, number)) => (word, Some(number.parse::<u32>().map_err(|_| invalid())?)),
        None => (text, None),
    };
    let times = number.unwrap_or(1);
    if !(word.starts_with("kill") || (1..=TIMES_MAX).contains(&times)) {
        return Err(invalid());
    }
    let nth = usize::try_from(number.unwrap_or(0)).map_err(|_| invalid())?;
    let calls = |when, error| Fault::Calls { when, error, times };
    Ok(match word {
        "throttle" => calls(When::Before, "throttle"),
        "500-before" => calls(When::Before, "500"),
        "500-after" => calls(When::After, "500"),
        "cut-before" => calls(When::Before, "cut"),
        "cut-after" => calls(When::After, "cut"),
        "unprocessed" => Fault::Records { answer: "unprocessed", times },
        "missing" => Fault::Records { answer: "missing", times },
        "kill-before" => Fault::Kill { when: When::Before, nth },
        "kill-after" => Fault::Kill { when: When::After, nth },
        _ => return Err(invalid()),
    })
}

impl Faults {
    /// The kills among them, in their order: each takes a run of its own.
    pub(super) fn kills(&self) -> impl Iterator<Item = (usize, When)> {
        self.0.iter().filter_map(|fault| match fault {
            Fault::Kill { when, nth } => Some((*nth, *when)),
            _ => None,
        })
    }

    /// Orders all others, for one invocation and the licences of `of`.
    pub(super) async fn order(
        &self,
        doors: &Doors,
        market: &Marketplace,
        trace: &Trace,
        of: &LicenseArn,
    ) -> Result<(), MeteringError> {
        for fault in &self.0 {
            match fault {
                Fault::Calls { when, error, times } => {
                    let call = ("aws-marketplace", "BatchMeterUsage");
                    trace.fail(doors, call, *when, error, *times).await?;
                }
                Fault::Records { answer, times } => {
                    let order = json!({
                        "operation": "BatchMeterUsage", "answer": answer, "times": times,
                        "license_arn": of.as_str(),
                    });
                    market.order("orders", &order).await?;
                }
                Fault::Kill { .. } => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_in_their_order() {
        let faults: Faults = "throttle:2,unprocessed,cut-after,kill-after:7,kill-before".parse().unwrap();
        assert_eq!(faults.0[0], Fault::Calls { when: When::Before, error: "throttle", times: 2 });
        assert_eq!(faults.0[1], Fault::Records { answer: "unprocessed", times: 1 });
        assert_eq!(faults.0[2], Fault::Calls { when: When::After, error: "cut", times: 1 });
        assert_eq!(faults.kills().collect::<Vec<_>>(), [(7, When::After), (0, When::Before)]);
        assert_eq!("".parse::<Faults>().unwrap(), Faults::default());
    }

    #[test]
    fn what_is_no_fault_is_told_with_the_words_there_are() {
        for wrong in ["explode", "throttle:0", "throttle:x", "throttle:", "throttle;cut-after", "kill"] {
            let error = wrong.parse::<Faults>().unwrap_err().to_string();
            assert!(error.contains("kill-after"), "{error}");
        }
    }
}
