//! Licences as metering wants them: since when, until when, whose account, whose tenant.
//!
//! A list is read from the *written* states, and not derived anew, for three reasons. The written state is what
//! tenants' sessions are decided by, so use and metering have the same beginning and the same end. A derivation
//! needs the agreement's item as well, which is a read more for each licence and hour. And what is written may lag
//! behind the facts for seconds only: an end that is not settled yet has its order in the queue of last meterings
//! as soon as it is, and [`Subscriptions::licence`], which that order is carried out with, derives.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{
    SubscriptionError,
    facts::Kind,
    rows::{self, LicenseRow, attributes as a},
    store::{Subscriptions, state_of, store_failed, text},
};
use crate::{
    clock::parse_rfc3339,
    ids::InvalidId,
    marketplace::ids::LicenseArn,
    metering::{Came, Licence, Page, Second},
};

/// One of so many parts of the table, which together are all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSlice")]
pub struct Slice {
    segment: u32,
    segments: u32,
}

#[derive(Deserialize)]
struct RawSlice {
    segment: u32,
    segments: u32,
}

impl TryFrom<RawSlice> for Slice {
    type Error = InvalidId;

    fn try_from(RawSlice { segment, segments }: RawSlice) -> Result<Self, InvalidId> {
        let is_one = segment < segments && segments <= Self::MAX;
        if is_one { Ok(Self { segment, segments }) } else { Err(InvalidId::expected("slice of a table")) }
    }
}

impl Slice {
    /// The most parts that are asked for.
    pub const MAX: u32 = 200;

    /// All parts, where there are `segments`: 1 to [`Self::MAX`].
    pub fn all(segments: u32) -> impl Iterator<Item = Self> {
        let segments = segments.clamp(1, Self::MAX);
        (0..segments).map(move |segment| Self { segment, segments })
    }
}

impl Subscriptions {
    /// About how many items the table has, licences and agreements; DynamoDB counts them every six hours.
    ///
    /// # Errors
    /// When the table does not tell.
    pub async fn items_about(&self) -> Result<u64, SubscriptionError> {
        let reply =
            self.dynamodb.describe_table().table_name(&self.table).send().await.map_err(store_failed)?;
        let count = reply.table.and_then(|table| table.item_count).unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// A page of the slice's licences that are in use, or ended after `ended_after`; those that nobody registered,
    /// or that were never permitted, are in no page, for nobody can have used them.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn licences(
        &self,
        slice: Slice,
        after: Option<&str>,
        ended_after: Second,
    ) -> Result<Page<Licence>, SubscriptionError> {
        let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let start = after.map(|subject| [(a::SUBJECT.to_owned(), text(subject))].into());
        let reply = self
            .dynamodb
            .scan()
            .table_name(&self.table)
            .segment(count(slice.segment))
            .total_segments(count(slice.segments))
            .consistent_read(true)
            .filter_expression(format!("begins_with({}, :license)", a::SUBJECT))
            .expression_attribute_values(":license", text(rows::LICENSE))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(store_failed)?;
        let mut licences = Vec::new();
        let mut malformed = 0_u64;
        for item in reply.items() {
            match LicenseRow::read(item).and_then(|row| written(&row)) {
                Ok(licence) => licences.extend(licence),
                Err(_) => malformed += 1,
            }
        }
        if malformed > 0 {
            tracing::error!(incident = "malformed_subscription", malformed, "licences that are not metered");
        }
        licences.retain(|licence| licence.until.is_none_or(|until| until > ended_after));
        let next = reply.last_evaluated_key.as_ref().and_then(|key| key.get(a::SUBJECT)?.as_s().ok());
        Ok(Page { items: licences, next: next.cloned() })
    }

    /// One licence, as its facts and its agreement's have it at this moment; `None` where there is none that
    /// somebody can have used.
    ///
    /// # Errors
    /// When the table fails, or an item of it is malformed.
    pub async fn licence(&self, license: &LicenseArn) -> Result<Option<Licence>, SubscriptionError> {
        let Some((row, end)) = self.read(license).await? else { return Ok(None) };
        let state = state_of(&row, end.as_ref())?;
        Ok(licence(&row, state.kind, state.since))
    }
}

/// The licence as its state was written last; `None` also before it was written for the first time, which is
/// before anybody could work.
fn written(row: &LicenseRow) -> Result<Option<Licence>, SubscriptionError> {
    let Some([kind, since, _]) = &row.written else { return Ok(None) };
    let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
    let kind = kind.ok_or(SubscriptionError::Malformed(a::STATE))?;
    let since = parse_rfc3339(since).ok_or(SubscriptionError::Malformed(a::STATE_SINCE))?;
    Ok(licence(row, kind, since))
}

/// A licence in state `kind` since `since`.
fn licence(row: &LicenseRow, kind: Kind, since: SystemTime) -> Option<Licence> {
    let (registered, tenant) = row.facts.registered?;
    // One that was left was its tenant's, who could not use it if nobody had permitted it. It has its end all the same:
    // the licence that follows it waits for that.
    let permission = row.facts.permission().or(row.facts.moved.as_ref().map(|moved| moved.at))?;
    let end = match kind {
        Kind::Registered => return None,
        // Of one that the tenant has just left, the end is not written yet.
        Kind::Active => row.facts.moved.as_ref().map(|moved| moved.at),
        Kind::Ending | Kind::Suspended => Some(since),
        // Erased. What was asked to be metered for the last time names its end.
        Kind::Closed => Some(row.facts.flush_requested.filter(|end| *end >= permission).unwrap_or(since)),
    };
    // A permission that is newer than the written end undoes it, as it will when it is settled.
    // Nobody comes back to a licence that was left.
    let until = end.filter(|end| *end >= permission || row.facts.moved.is_some()).map(Second::from);
    // Nobody can have used it before they were registered. Rounded up, so that a permission is after the end that it
    // follows within the same second; never after an end that follows it.
    let since = after(permission.max(registered));
    Some(Licence {
        license: row.license.clone(),
        account: row.account.clone(),
        tenant,
        since: until.map_or(since, |until| since.min(until)),
        came: row.came_from.clone().map(|from| Came { from, at: after(registered) }),
        until,
    })
}

/// The first whole second that is not before `time`.
fn after(time: SystemTime) -> Second {
    let second = Second::from(time);
    let is_whole = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second.get()) == time;
    if is_whole { second } else { second.plus(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriptions::{
        Metering,
        facts::{LicenseFact, LicenseFacts, Moved, Stamp},
    };

    fn at(text: &str) -> SystemTime {
        parse_rfc3339(&format!("2026-11-22T{text}Z")).unwrap()
    }

    fn fact(time: &str) -> LicenseFact {
        LicenseFact { stamp: Stamp::new(at(time), "e-1".parse().unwrap()), agreement: None }
    }

    /// Permitted at 10:00, registered half an hour later.
    fn row() -> LicenseRow {
        LicenseRow {
            license: "arn:aws:license-manager::294406891311:license:l-0f".parse().unwrap(),
            version: 3,
            account: "111122223333".parse().unwrap(),
            facts: LicenseFacts {
                registered: Some((at("10:30:00.000"), "0123456789abcdef0123456789abcdef".parse().unwrap())),
                updated: Some(fact("10:00:00.000")),
                ..LicenseFacts::default()
            },
            metering: Metering::None,
            came_from: None,
            turn: 0,
            written: Some(["active", "2026-11-22T10:00:00.000Z", "license_updated"].map(str::to_owned)),
        }
    }

    fn second(time: &str) -> Second {
        Second::from(at(time))
    }

    #[test]
    fn a_licence_is_metered_from_its_registration_to_its_end() {
        let active = licence(&row(), Kind::Active, at("10:00:00.000")).unwrap();
        assert_eq!((active.since, active.until), (second("10:30:00.000"), None));
        assert_eq!(written(&row()).unwrap(), Some(active));
        let ended = licence(&row(), Kind::Ending, at("11:00:00.000")).unwrap();
        assert_eq!((ended.since, ended.until), (second("10:30:00.000"), Some(second("11:00:00.000"))));
    }

    #[test]
    fn what_nobody_can_have_used_is_not_metered() {
        let mut unregistered = row();
        unregistered.facts.registered = None;
        let mut never_permitted = row();
        never_permitted.facts.updated = None;
        for row in [unregistered, never_permitted] {
            assert_eq!(licence(&row, Kind::Active, at("10:00:00.000")), None);
            assert_eq!(licence(&row, Kind::Ending, at("11:00:00.000")), None);
        }
        assert_eq!(licence(&row(), Kind::Registered, at("10:30:00.000")), None);
        let unsettled = LicenseRow { written: None, ..row() };
        assert_eq!(written(&unsettled).unwrap(), None);
    }

    #[test]
    fn a_licence_that_was_left_has_an_end_though_nobody_has_permitted_it() {
        let mut row = row();
        row.facts.updated = None;
        row.facts.moved = Some(Moved {
            at: at("11:10:00.000"),
            to: row.license.as_str().replace("0f", "1f").parse().unwrap(),
        });
        let left = licence(&row, Kind::Ending, at("11:00:00.000")).unwrap();
        assert_eq!((left.since, left.until), (second("11:00:00.000"), Some(second("11:00:00.000"))));
    }

    #[test]
    fn a_newer_permission_undoes_an_end_that_was_written() {
        let mut row = row();
        row.facts.updated = Some(fact("11:30:00.000"));
        let again = licence(&row, Kind::Suspended, at("11:00:00.000")).unwrap();
        assert_eq!((again.since, again.until), (second("11:30:00.000"), None));
    }

    #[test]
    fn a_beginning_is_never_after_its_end_and_never_in_the_second_of_the_end_before_it() {
        let mut row = row();
        row.facts.updated = Some(fact("11:00:00.900"));
        let again = licence(&row, Kind::Active, at("11:00:00.900")).unwrap();
        assert!(again.since > second("11:00:00.100"), "an end of the same second, before it");
        let ended = licence(&row, Kind::Ending, at("11:00:00.950")).unwrap();
        assert_eq!((Some(ended.since), ended.until), (ended.until, Some(second("11:00:00.950"))));
    }

    #[test]
    fn an_erased_tenants_licence_ended_when_its_last_metering_says() {
        let mut row = row();
        row.facts.flush_requested = Some(at("11:00:00.000"));
        let closed = |row: &LicenseRow| licence(row, Kind::Closed, at("12:00:00.000")).unwrap().until;
        assert_eq!(closed(&row), Some(second("11:00:00.000")));
        row.facts.updated = Some(fact("11:30:00.000"));
        assert_eq!(closed(&row), Some(second("12:00:00.000")), "that was an earlier end");
    }

    #[test]
    fn a_word_that_is_no_state_is_malformed_and_not_active() {
        let mut row = row();
        row.written.as_mut().unwrap()[0] = "actve".to_owned();
        assert!(written(&row).is_err());
    }

    #[test]
    fn slices_are_parts_of_one_whole() {
        let read = |text: &str| serde_json::from_str::<Slice>(text);
        assert_eq!(Slice::all(3).count(), 3);
        assert_eq!((Slice::all(0).count(), Slice::all(9_999).count()), (1, 200));
        let last = Slice::all(3).last().unwrap();
        assert_eq!(read(&serde_json::to_string(&last).unwrap()).unwrap(), last);
        for text in [
            r#"{"segment":3,"segments":3}"#,
            r#"{"segment":0,"segments":0}"#,
            r#"{"segment":0,"segments":201}"#,
            r#"{"segment":-1,"segments":2}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
