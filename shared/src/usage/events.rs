//! Which events an effect has. Pure: no AWS call in this file.

use std::time::SystemTime;

use super::UsageError;
use crate::{
    ids::{DocumentId, UserId},
    metering::{Hour, Measure, Second, UsageEvent},
};

/// The content of a document of so many bytes has arrived: one document more, and its bytes are held.
pub(crate) fn arrived(
    document: DocumentId,
    bytes: u64,
    now: SystemTime,
) -> Result<[UsageEvent; 2], UsageError> {
    Ok([
        event(&format!("document/{document}/added"), Measure::DocumentsAdded, 1, now)?,
        event(&format!("document/{document}/stored"), Measure::StorageGibHours, level(bytes)?, now)?,
    ])
}

/// A document of so many bytes whose content had arrived was deleted: they are held no longer.
pub(crate) fn released(document: DocumentId, bytes: u64, now: SystemTime) -> Result<UsageEvent, UsageError> {
    event(&format!("document/{document}/released"), Measure::StorageGibHours, -level(bytes)?, now)
}

/// A share was created. `mark` is of whoever created it: a share that is made again after its end is another one.
pub(crate) fn shared(
    document: DocumentId,
    receiver: UserId,
    mark: &str,
    now: SystemTime,
) -> Result<UsageEvent, UsageError> {
    event(&format!("share/{document}/{receiver}/{mark}"), Measure::SharesCreated, 1, now)
}

fn level(bytes: u64) -> Result<i64, UsageError> {
    i64::try_from(bytes).map_err(|_| UsageError::Malformed)
}

fn event(id: &str, measure: Measure, amount: i64, now: SystemTime) -> Result<UsageEvent, UsageError> {
    let id = id.parse().map_err(|_| UsageError::Malformed)?;
    UsageEvent::new(id, measure, amount, Hour::of(Second::from(now))).map_err(|_| UsageError::Malformed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::documents::SIZE_BYTES_MAX;

    proptest! {
        #[test]
        fn what_a_document_holds_is_released_to_the_byte(bytes in 1..=SIZE_BYTES_MAX, at in 0..4_000_000_000_u64, later in 0..1_000_000_u64) {
            let (document, at) = (DocumentId::random(), SystemTime::UNIX_EPOCH + Duration::from_secs(at));
            let [added, stored] = arrived(document, bytes, at).unwrap();
            let released = released(document, bytes, at + Duration::from_secs(later)).unwrap();
            prop_assert_eq!((added.measure(), added.amount()), (Measure::DocumentsAdded, 1));
            prop_assert_eq!((stored.measure(), released.measure()), (Measure::StorageGibHours, Measure::StorageGibHours));
            prop_assert_eq!(stored.amount() + released.amount(), 0);
            prop_assert!(added.hour() == stored.hour() && stored.hour() <= released.hour());
        }
    }

    #[test]
    fn every_effect_has_an_id_of_its_own_that_fits() {
        let (document, receiver, now) = (DocumentId::random(), UserId::random(), SystemTime::UNIX_EPOCH);
        let mark = || Uuid::new_v4().simple().to_string();
        let [added, stored] = arrived(document, SIZE_BYTES_MAX, now).unwrap();
        let gone = released(document, SIZE_BYTES_MAX, now).unwrap();
        let shares = [shared(document, receiver, &mark(), now), shared(document, receiver, &mark(), now)];
        let [first, second] = shares.map(Result::unwrap);
        let events = [added, stored, gone, first, second];
        let mut ids: Vec<_> = events.iter().map(|event| event.id().to_string()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), events.len(), "{ids:?}");
    }

    #[test]
    fn a_document_without_content_has_no_events() {
        assert!(arrived(DocumentId::random(), 0, SystemTime::UNIX_EPOCH).is_err());
        assert!(released(DocumentId::random(), 0, SystemTime::UNIX_EPOCH).is_err());
    }
}
