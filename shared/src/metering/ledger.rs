//! The ledger: one entry for each hour of a tenant that was sealed. What it says of a quantity is said once;
//! what became of it is added, and only ever made better known.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    dimensions::Dimension,
    hour::{Hour, Second},
    outcome::Exception,
    quantity::Quantity,
    usage::Measure,
};
use crate::{
    ids::{InvalidId, TenantId},
    marketplace::ids::{AccountId, LicenseArn},
};

/// An entry's place in its tenant's ledger: `2026-11-22T10#0`; texts sort as slots do.
///
/// The turn counts the licences of one hour: where one licence ends and another takes over in mid-hour, the
/// hour is sealed for each of them. Nearly always it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slot {
    /// The hour that is billed.
    pub hour: Hour,
    /// Which licence of that hour, 0 to 9.
    pub turn: u8,
}

impl Slot {
    /// The last turn of an hour: a digit of the key.
    pub const TURN_MAX: u8 = 9;

    /// The first (and nearly always only) one of an hour.
    #[must_use]
    pub const fn first(hour: Hour) -> Self {
        Self { hour, turn: 0 }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.hour, self.turn)
    }
}

impl FromStr for Slot {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::expected("slot of the ledger");
        let (hour, turn) = text.split_once('#').ok_or_else(invalid)?;
        let turn = match turn.as_bytes() {
            [digit] if digit.is_ascii_digit() => digit - b'0',
            _ => return Err(invalid()),
        };
        Ok(Self { hour: hour.parse()?, turn })
    }
}

impl TryFrom<String> for Slot {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        slot.to_string()
    }
}

/// The id that the Marketplace gave to a record that it accepted: 1 to 128 printable characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordId(String);

impl FromStr for RecordId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::expected("metering record id"))
        }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RecordId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RecordId> for String {
    fn from(id: RecordId) -> Self {
        id.0
    }
}

/// What became of a sealed quantity.
///
/// ```text
/// Sealed ──────▶ Accepted
///   │  ▲         AcceptedAsDuplicate   warned of
///   ▼  │         Contested             alarmed
/// NotSubscribed  Quarantined           alarmed; somebody may release it: Sealed
///                Expired               alarmed
/// ```
/// `Accepted` is also taken from an overlapping run when this one has already given up: it is the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum State {
    /// Nothing was used, and zero records are switched off: nothing is sent.
    Idle,
    /// To be sent; or sent, and the answer is not known. Sending it again is harmless.
    Sealed,
    /// It is on the bill.
    Accepted {
        /// As the Marketplace calls it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<RecordId>,
    },
    /// The Marketplace called it a duplicate, and we may have sent it before. Only this quantity was ever
    /// sent, so it is taken as billed; the comparison with the Marketplace's own record confirms it.
    AcceptedAsDuplicate,
    /// The Marketplace has another quantity for this hour, which is not ours: a second sender exists. Ours is
    /// not billed.
    Contested,
    /// The Marketplace knows no agreement for it. Sent again once the licence is permitted anew.
    NotSubscribed {
        /// The newest permission of the licence when this was answered.
        permission: Second,
    },
    /// The Marketplace refuses whatever request it is in; it was isolated, the others were billed.
    Quarantined {
        /// What it answered.
        exception: Exception,
    },
    /// It can no longer be billed.
    Expired {
        /// Whether it may have been billed all the same.
        sent: Sent,
    },
}

/// Whether an expired record ever left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Never: its hour was sealed too late. It is certainly not billed.
    Never,
    /// Perhaps, and no answer is known: ask the Marketplace's own record before it is billed otherwise.
    Perhaps,
}

impl State {
    /// Its name, as the ledger and clients have it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Sealed => "sealed",
            Self::Accepted { .. } => "accepted",
            Self::AcceptedAsDuplicate => "accepted_as_duplicate",
            Self::Contested => "contested",
            Self::NotSubscribed { .. } => "not_subscribed",
            Self::Quarantined { .. } => "quarantined",
            Self::Expired { .. } => "expired",
        }
    }

    /// Whether something is still to be done about it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Sealed | Self::NotSubscribed { .. })
    }

    /// Whether a person has to look: the quantity is not known to be on the bill, and will not get there by
    /// itself.
    #[must_use]
    pub const fn is_alarmed(&self) -> bool {
        matches!(
            self,
            Self::Contested | Self::NotSubscribed { .. } | Self::Quarantined { .. } | Self::Expired { .. }
        )
    }

    /// Whether `news` is better known than this.
    #[must_use]
    pub fn yields_to(&self, news: &Self) -> bool {
        match (self, news) {
            (Self::Idle | Self::Accepted { .. }, _) | (_, Self::Idle | Self::Sealed) => false,
            (_, Self::Accepted { .. }) => true,
            (Self::NotSubscribed { permission: known }, Self::NotSubscribed { permission }) => {
                permission > known
            }
            _ => self.is_open(),
        }
    }
}

/// Late usage of an earlier hour that a seal took along (policy [`super::chain::LateUsage::Carry`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// The entry whose usage it is.
    pub from: Slot,
    /// How many units of the seal's quantity.
    pub units: i64,
}

/// One dimension of a sealed hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// As listed.
    pub dimension: Dimension,
    /// What is measured.
    pub measure: Measure,
    /// What is billed. Fixed.
    pub quantity: Quantity,
    /// Which part of it is late usage of earlier hours. Fixed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub brought: Vec<Brought>,
    /// What became of it.
    pub state: State,
    /// What looking back found: how much more (or, of a level, less) was used than was sealed.
    pub late: i64,
    /// How much of that a later hour has taken along.
    pub carried: i64,
}

impl Record {
    /// The units of it that were used in its own hour.
    #[must_use]
    pub fn own(&self) -> i64 {
        i64::from(self.quantity) - self.brought.iter().map(|one| one.units).sum::<i64>()
    }

    /// Late usage that nobody has billed. Not 0: the named state *late*, with its amount.
    #[must_use]
    pub const fn outstanding(&self) -> i64 {
        self.late.saturating_sub(self.carried)
    }
}

/// One sealed hour of a tenant. Everything up to `records[].quantity` is fixed by the seal's conditional write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose usage.
    pub tenant: TenantId,
    /// Its place.
    pub slot: Slot,
    /// The licence that is billed.
    pub license: LicenseArn,
    /// The buyer's account.
    pub account: AccountId,
    /// The first hour whose events it sums; none: from the beginning. The spans of a tenant's entries follow
    /// each other without a gap, so that no event lies between two.
    pub from: Option<Hour>,
    /// Bytes held when its span began.
    pub opening: i64,
    /// The checkpoint: bytes held at its hour's end, or at the flush. Sealed with the quantities that follow
    /// from it.
    pub held: i64,
    /// How far `held` is from the bytes at its span's end, as looking back found: the next entry begins there.
    pub drift: i64,
    /// It was the last hour of a subscription that ended then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<Second>,
    /// No entry of an earlier hour was open when this was sealed.
    pub open_since: Hour,
    /// One for each dimension that was billed then.
    pub records: Vec<Record>,
    /// Grows with each write. Every write is conditional on the version before.
    pub version: u64,
}

impl Entry {
    /// Whether it is the first of its tenant's ledger.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.from.is_none() && self.slot.turn == 0
    }

    /// Whether something is still to be done about one of its records.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.records.iter().any(|record| record.state.is_open())
    }

    /// The record of a measure.
    #[must_use]
    pub fn record(&self, measure: Measure) -> Option<&Record> {
        self.records.iter().find(|record| record.measure == measure)
    }

    /// This entry with what became of its records, in its next version; `None` if that says nothing new.
    #[must_use]
    pub fn with_states(&self, news: &[(Dimension, State)]) -> Option<Self> {
        let mut after = self.clone();
        let mut is_news = false;
        for record in &mut after.records {
            for (_, state) in news.iter().filter(|(dimension, _)| *dimension == record.dimension) {
                if record.state.yields_to(state) {
                    record.state = state.clone();
                    is_news = true;
                }
            }
        }
        is_news.then(|| after.in_next_version())
    }

    /// This entry with a quarantined record to be sent once more, in its next version: somebody has found out what
    /// the Marketplace objected to, and mended it. It was refused each time, so it is on no bill. `None` where no
    /// record of this dimension is quarantined, or it is too late at `now`.
    #[must_use]
    pub fn released(&self, dimension: &Dimension, now: Second) -> Option<Self> {
        let mut after = self.clone();
        let record = after.records.iter_mut().find(|record| record.dimension == *dimension)?;
        let is_quarantined = matches!(record.state, State::Quarantined { .. });
        record.state = State::Sealed;
        (is_quarantined && now < self.slot.hour.deadline()).then(|| after.in_next_version())
    }

    /// The same, one version on.
    #[must_use]
    pub const fn in_next_version(mut self) -> Self {
        self.version = self.version.saturating_add(1);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_print_and_parse_back() {
        let slot: Slot = "2026-11-22T10#3".parse().unwrap();
        assert_eq!((slot.turn, slot.to_string().as_str()), (3, "2026-11-22T10#3"));
        for text in ["2026-11-22T10", "2026-11-22T10#", "2026-11-22T10#10", "2026-11-22T10#a", "2026-11-22#1"]
        {
            assert!(text.parse::<Slot>().is_err(), "{text}");
        }
    }

    /// An entry of three dimensions with the greatest numbers, all in this state.
    fn entry_in(state: State) -> Entry {
        let record = |measure: Measure| Record {
            dimension: measure.as_str().parse().unwrap(),
            measure,
            quantity: Quantity::MAX,
            brought: Vec::new(),
            state: state.clone(),
            late: 0,
            carried: 0,
        };
        Entry {
            tenant: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            slot: "2026-11-22T10#0".parse().unwrap(),
            license: "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
                .parse()
                .unwrap(),
            account: "111122223333".parse().unwrap(),
            from: "2026-11-22T10".parse().ok(),
            opening: i64::MAX,
            held: i64::MAX,
            drift: 0,
            ended: None,
            open_since: "2026-11-22T10".parse().unwrap(),
            records: Measure::ALL.map(record).into(),
            version: 2,
        }
    }

    #[test]
    fn an_entry_of_three_dimensions_is_one_kilobyte_and_reads_back() {
        let id: RecordId = "35155d37-56cb-423f-8554-5c4f3e3ff56d".parse().unwrap();
        let entry = entry_in(State::Accepted { id: Some(id) });
        let text = serde_json::to_string(&entry).unwrap();
        assert!(text.len() <= 1024, "a write costs one unit: {}", text.len());
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }

    #[test]
    fn a_state_has_one_name() {
        for state in [
            State::Idle,
            State::Sealed,
            State::Accepted { id: None },
            State::AcceptedAsDuplicate,
            State::Contested,
            State::NotSubscribed { permission: Second::new(1) },
            State::Quarantined { exception: Exception::InvalidUsageDimension },
            State::Expired { sent: Sent::Never },
        ] {
            assert_eq!(serde_json::to_value(&state).unwrap()["is"], state.as_str());
        }
    }

    #[test]
    fn only_what_is_quarantined_is_released_and_only_in_time() {
        let quarantined = State::Quarantined { exception: Exception::InvalidUsageDimension };
        let entry = entry_in(quarantined);
        let (dimension, deadline) = (&entry.records[0].dimension, entry.slot.hour.deadline());
        let released = entry.released(dimension, deadline.minus(1)).unwrap();
        assert_eq!((&released.records[0].state, released.version), (&State::Sealed, entry.version + 1));
        assert_eq!(released.records[0].quantity, entry.records[0].quantity, "verbatim");
        assert_eq!(entry.released(dimension, deadline), None, "too late");
        assert_eq!(entry.released(&"another".parse().unwrap(), deadline.minus(1)), None);
        for state in [State::Accepted { id: None }, State::Contested, State::Expired { sent: Sent::Never }] {
            assert_eq!(entry_in(state.clone()).released(dimension, deadline.minus(1)), None, "{state:?}");
        }
    }

    #[test]
    fn what_became_of_a_record_is_only_ever_made_better_known() {
        let accepted = State::Accepted { id: None };
        let held = |seconds| State::NotSubscribed { permission: Second::new(seconds) };
        let expired = State::Expired { sent: Sent::Perhaps };
        let yields = [
            (State::Sealed, accepted.clone(), true),
            (State::Sealed, held(1), true),
            (held(1), accepted.clone(), true),
            (held(1), held(2), true),
            (held(2), held(1), false),
            (held(1), expired.clone(), true),
            (expired.clone(), accepted.clone(), true),
            (State::Contested, accepted.clone(), true),
            (accepted.clone(), State::Contested, false),
            (accepted.clone(), expired.clone(), false),
            (expired, held(3), false),
            (State::Idle, accepted, false),
            (State::Contested, State::AcceptedAsDuplicate, false),
        ];
        for (state, news, does) in yields {
            assert_eq!(state.yields_to(&news), does, "{state:?} → {news:?}");
        }
    }
}
