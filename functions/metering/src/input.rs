//! What wakes the function, as JSON.

use aws_lambda_events::sqs::SqsMessage;
use serde::{Deserialize, Serialize};
use shared::{
    ids::TenantId,
    marketplace::ids::LicenseArn,
    metering::{Dimension, Second, Slot},
    subscriptions::{FinalMeteringOrder, Slice},
};

/// What wakes the function.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Input {
    /// Messages of one of its queues.
    Messages {
        #[serde(rename = "Records")]
        records: Vec<SqsMessage>,
    },
    /// A schedule, or an operator.
    Asked { meter: Meter },
    /// An operator, who has mended what the Marketplace objected to.
    Release { release: Release },
}

/// A quarantined record that is to be sent once more.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    /// Whose.
    pub(crate) tenant_id: TenantId,
    /// Of which entry.
    pub(crate) slot: Slot,
    /// Of which dimension.
    pub(crate) dimension: Dimension,
}

/// The most hours that a run may be asked to look back: a month. Beyond it a single licence takes too long.
const BACK_MAX: u32 = 744;

/// The most licences that one invocation may be asked for by name.
const LICENSES_MAX: usize = 1_000;

/// A run that is asked for.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawMeter")]
pub(crate) struct Meter {
    /// The schedule's own time.
    pub(crate) scheduled: Second,
    /// How many hours back usage is compared with what was sealed.
    pub(crate) back: u32,
    /// Only these, at once; all of them in slices where none are named.
    pub(crate) licenses: Option<Vec<LicenseArn>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMeter {
    #[serde(with = "rfc3339")]
    scheduled: Second,
    back: u32,
    #[serde(default)]
    licenses: Option<Vec<LicenseArn>>,
}

impl TryFrom<RawMeter> for Meter {
    type Error = &'static str;

    fn try_from(raw: RawMeter) -> Result<Self, Self::Error> {
        let RawMeter { scheduled, back, licenses } = raw;
        if !(1..=BACK_MAX).contains(&back) {
            return Err("back should be a number of hours from 1 to 744");
        }
        if licenses.as_ref().is_some_and(|licenses| licenses.is_empty() || licenses.len() > LICENSES_MAX) {
            return Err("licenses should name 1 to 1000 licences");
        }
        Ok(Self { scheduled, back, licenses })
    }
}

/// A message of its queue: one part of a run.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SliceOrder {
    /// The schedule's own time.
    #[serde(with = "rfc3339")]
    pub(crate) scheduled: Second,
    /// How many hours back usage is compared with what was sealed.
    pub(crate) back: u32,
    /// Which part.
    #[serde(flatten)]
    pub(crate) slice: Slice,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Order {
    /// One part of a run.
    Slice { slice: SliceOrder },
    /// A last metering.
    Last(FinalMeteringOrder),
}

/// RFC 3339 in whole seconds, as EventBridge Scheduler writes `<aws.scheduler.scheduled-time>`.
mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use shared::metering::Second;

    pub(super) fn serialize<S: Serializer>(second: &Second, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(second)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Second, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LICENSE: &str = "arn:aws:license-manager::294406891311:license:l-0f";

    #[test]
    fn schedules_and_operators_ask_in_the_same_words() {
        let read = |value| serde_json::from_value::<Input>(value).ok();
        let Some(Input::Asked { meter }) =
            read(json!({ "meter": { "scheduled": "2026-11-22T11:15:00Z", "back": 2 } }))
        else {
            panic!("not understood")
        };
        assert_eq!(meter.scheduled, "2026-11-22T11:15:00Z".parse().unwrap());
        assert_eq!((meter.back, meter.licenses), (2, None));
        for wrong in [
            json!({}),
            json!({ "meter": { "scheduled": "2026-11-22T11:15:00Z" } }),
            json!({ "meter": { "scheduled": "<aws.scheduler.scheduled-time>", "back": 2 } }),
            json!({ "meter": { "scheduled": "2026-11-22T11:15:00Z", "back": 0 } }),
            json!({ "meter": { "scheduled": "2026-11-22T11:15:00Z", "back": 745 } }),
            json!({ "meter": { "scheduled": "2026-11-22T11:15:00Z", "back": 2, "licenses": [] } }),
            json!({ "meter": { "scheduled": "2026-11-22T11:15:00Z", "back": 2, "licences": [LICENSE] } }),
        ] {
            assert!(read(wrong.clone()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_message_is_a_slice_or_a_last_metering_and_nothing_else() {
        let slice = Order::Slice {
            slice: SliceOrder {
                scheduled: "2026-11-22T11:15:00Z".parse().unwrap(),
                back: 2,
                slice: Slice::all(3).last().unwrap(),
            },
        };
        let text = r#"{"slice":{"scheduled":"2026-11-22T11:15:00Z","back":2,"segment":2,"segments":3}}"#;
        assert_eq!(serde_json::to_string(&slice).unwrap(), text);
        assert_eq!(serde_json::from_str::<Order>(text).unwrap(), slice);
        let last = json!({ "license_arn": LICENSE, "tenant_id": "0123456789abcdef0123456789abcdef",
            "ended_at": "2026-11-22T10:00:00.000Z", "cause": "license_deprovisioned" });
        assert!(matches!(serde_json::from_value::<Order>(last).unwrap(), Order::Last(_)));
        for text in [
            "{}",
            "[]",
            r#"{"slice":{"scheduled":"2026-11-22T11:15:00Z","back":2,"segment":3,"segments":3}}"#,
        ] {
            assert!(serde_json::from_str::<Order>(text).is_err(), "{text}");
        }
    }
}
