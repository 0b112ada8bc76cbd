use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// What can be said of a licence and its agreement, at a second of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Updated(Stamp),
    Deprovisioned(Stamp),
    Ended(Stamp, EndStatus),
    ObservedActive(Stamp),
    ObservedEnded(Stamp),
    Registered,
}

const TENANT: &str = "0123456789abcdef0123456789abcdef";

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000 + second)
}

fn stamp(second: u64, event: &str) -> Stamp {
    Stamp::new(at(second), event.parse().unwrap())
}

fn fact(stamp: &Stamp) -> LicenseFact {
    LicenseFact { stamp: stamp.clone(), agreement: None }
}

/// Licence and agreement, as the table keeps them: each kind's newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Book {
    license: LicenseFacts,
    ended: Option<AgreementEnd>,
}

impl Book {
    fn keep(&mut self, said: &Said) {
        let newest = |kept: &mut Option<LicenseFact>, stamp: &Stamp| {
            if kept.as_ref().is_none_or(|kept| kept.stamp < *stamp) {
                *kept = Some(fact(stamp));
            }
        };
        match said {
            Said::Updated(stamp) => newest(&mut self.license.updated, stamp),
            Said::Deprovisioned(stamp) => newest(&mut self.license.deprovisioned, stamp),
            Said::ObservedActive(stamp) => newest(&mut self.license.observed_active, stamp),
            Said::ObservedEnded(stamp) => newest(&mut self.license.observed_ended, stamp),
            Said::Ended(stamp, status) => {
                if self.ended.as_ref().is_none_or(|kept| kept.stamp < *stamp) {
                    self.ended = Some(AgreementEnd { stamp: stamp.clone(), status: *status });
                }
            }
            Said::Registered => {
                let first = (at(0), TENANT.parse().unwrap());
                self.license.registered.get_or_insert(first);
            }
        }
    }

    fn state(&self) -> Option<State> {
        derive(&self.license, self.ended.as_ref())
    }

    /// What settling does: it asks for the last metering of what has ended. How often it did.
    fn settle(&mut self) -> usize {
        match self.state() {
            Some(State { kind: Kind::Ending, since, .. }) => {
                assert!(self.license.flush_requested < Some(since), "an end is flushed once");
                self.license.flush_requested = Some(since);
                assert_eq!(self.state().unwrap().kind, Kind::Suspended, "and then it is over");
                1
            }
            _ => 0,
        }
    }

    fn of(told: &[Said]) -> Self {
        let mut book = Self::default();
        for said in told {
            book.keep(said);
            book.settle();
        }
        book
    }
}

/// Few seconds and few ids, so that stamps meet.
fn said() -> impl Strategy<Value = Said> {
    let stamps = || (0..6_u64, "[a-c]").prop_map(|(second, event)| stamp(second, &event));
    prop_oneof![
        stamps().prop_map(Said::Updated),
        stamps().prop_map(Said::Deprovisioned),
        stamps().prop_map(Said::ObservedActive),
        stamps().prop_map(Said::ObservedEnded),
        // One event has one status: it is a function of the event.
        stamps().prop_map(|stamp| {
            let letters = stamp.event.0.bytes().map(usize::from).sum::<usize>();
            let status = EndStatus::ALL[(letters + usize::from(stamp.at > at(2))) % EndStatus::ALL.len()].0;
            Said::Ended(stamp, status)
        }),
        Just(Said::Registered),
    ]
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_nor_when_it_was_settled_makes_a_difference(
        (told, retold) in prop::collection::vec(said(), 1..8).prop_flat_map(|told| {
            let twice = [told.clone(), told.clone()].concat();
            (Just(told), Just(twice).prop_shuffle())
        }),
    ) {
        let (book, again) = (Book::of(&told), Book::of(&retold));
        prop_assert_eq!(book.state(), again.state());
        prop_assert_ne!(again.state().map(|state| state.kind), Some(Kind::Ending), "what ended was flushed");
    }

    #[test]
    fn an_older_event_of_a_kind_undoes_nothing(
        told in prop::collection::vec(said(), 1..8),
        late in said(),
    ) {
        let mut book = Book::of(&told);
        let before = book.clone();
        let newest = told.iter().filter(|said| std::mem::discriminant(*said) == std::mem::discriminant(&late));
        let stamp_of = |said: &Said| match said {
            Said::Updated(s) | Said::Deprovisioned(s) | Said::ObservedActive(s) | Said::ObservedEnded(s)
            | Said::Ended(s, _) => Some(s.clone()),
            Said::Registered => None,
        };
        if newest.filter_map(stamp_of).max() >= stamp_of(&late) && !matches!(late, Said::Registered) {
            book.keep(&late);
            prop_assert_eq!(book, before);
        }
    }

    #[test]
    fn the_newest_of_permission_and_end_decides_and_an_end_of_the_same_instant_wins(
        told in prop::collection::vec(said(), 1..10),
    ) {
        let permitted = told.iter().filter_map(|said| match said {
            Said::Updated(stamp) | Said::ObservedActive(stamp) => Some(stamp.at),
            _ => None,
        }).max();
        // Of an agreement's ends only the newest is true.
        let agreement = told.iter().filter_map(|said| match said {
            Said::Ended(stamp, status) => Some((stamp, status)),
            _ => None,
        }).max_by_key(|(stamp, _)| (*stamp).clone());
        let ended = told.iter().filter_map(|said| match said {
            Said::Deprovisioned(stamp) | Said::ObservedEnded(stamp) => Some(stamp.at),
            _ => None,
        }).chain(agreement.filter(|(_, status)| status.closes()).map(|(stamp, _)| stamp.at)).max();
        let expected = match (permitted, ended) {
            (permitted, Some(ended)) if permitted.is_none_or(|at| ended >= at) => Some(Kind::Suspended),
            (Some(_), _) => Some(Kind::Active),
            (None, None) if told.contains(&Said::Registered) => Some(Kind::Registered),
            _ => None,
        };
        prop_assert_eq!(Book::of(&told).state().map(|state| state.kind), expected);
    }

    #[test]
    fn what_is_closed_stays_closed(told in prop::collection::vec(said(), 0..8)) {
        let mut book = Book::default();
        book.license.closed = Some(at(1));
        for said in &told {
            book.keep(said);
            prop_assert_eq!(book.state().unwrap().kind, Kind::Closed);
        }
    }

    #[test]
    fn stamps_sort_as_their_texts_do(a in (0..3_u64, "[a-c]{1,2}"), b in (0..3_u64, "[a-c]{1,2}")) {
        let (a, b) = (stamp(a.0, &a.1), stamp(b.0, &b.1));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        prop_assert_eq!(a.to_string().parse::<Stamp>(), Ok(a));
    }
}

#[test]
fn an_end_is_asked_for_once_though_agreement_and_licence_both_tell_of_it() {
    let mut book = Book::default();
    let mut asked = Vec::new();
    for said in [
        Said::Registered,
        Said::Updated(stamp(0, "a")),
        Said::Ended(stamp(100, "b"), EndStatus::Cancelled),
        Said::Deprovisioned(stamp(131, "c")),
        Said::Updated(stamp(200, "d")),
        Said::Deprovisioned(stamp(300, "e")),
    ] {
        book.keep(&said);
        asked.push(book.settle());
    }
    assert_eq!(asked, [0, 0, 1, 0, 0, 1]);
    let state = book.state().unwrap();
    assert_eq!(
        (state.since, state.cause),
        (at(300), Cause::LicenseDeprovisioned),
        "the second end, not the first"
    );
}

#[test]
fn what_goes_on_elsewhere_is_not_over() {
    for (status, kind) in [
        (EndStatus::Renewed, Kind::Active),
        (EndStatus::Replaced, Kind::Active),
        (EndStatus::Superseded, Kind::Active),
        (EndStatus::RolledBack, Kind::Active),
        (EndStatus::of("POSTPONED"), Kind::Active),
        (EndStatus::Cancelled, Kind::Suspended),
        (EndStatus::Expired, Kind::Suspended),
        (EndStatus::Terminated, Kind::Suspended),
        (EndStatus::Archived, Kind::Suspended),
    ] {
        let book =
            Book::of(&[Said::Registered, Said::Updated(stamp(0, "a")), Said::Ended(stamp(1, "b"), status)]);
        assert_eq!(book.state().unwrap().kind, kind, "{status:?}");
    }
}

#[test]
fn a_licence_that_is_taken_away_on_a_renewal_is_over_for_a_reason_of_its_own() {
    for (status, name) in EndStatus::ALL {
        let (ended, taken) = (Said::Ended(stamp(1, "b"), status), Said::Deprovisioned(stamp(31, "c")));
        for told in [[&ended, &taken], [&taken, &ended]] {
            let mut book = Book::of(&[Said::Registered, Said::Updated(stamp(0, "a"))]);
            for said in told {
                book.keep(said);
                book.settle();
            }
            let state = book.state().unwrap();
            assert_eq!(state.kind, Kind::Suspended, "{name}");
            let cause = if status.closes() {
                Cause::AgreementEnded(status)
            } else {
                assert_eq!(state.cause.to_string(), format!("license_deprovisioned:{name}"));
                Cause::DeprovisionedGoingOn(status)
            };
            assert_eq!(state.cause, cause, "{name}");
        }
    }
    let book = Book::of(&[Said::Updated(stamp(0, "a")), Said::Deprovisioned(stamp(1, "b"))]);
    assert_eq!(book.state().unwrap().cause, Cause::LicenseDeprovisioned, "no end of an agreement is known");
}

#[test]
fn an_end_before_anybody_registered_leaves_nothing_to_meter_until_somebody_does() {
    let mut book = Book::default();
    book.keep(&Said::Updated(stamp(0, "a")));
    book.keep(&Said::Deprovisioned(stamp(1, "b")));
    assert_eq!(book.state().unwrap().kind, Kind::Suspended);
    book.keep(&Said::Registered);
    assert_eq!(book.state().unwrap().kind, Kind::Ending, "the tenant may have worked before the event came");
}

#[test]
fn the_agreement_is_the_one_that_the_newest_fact_names() {
    let named = |second, agreement: &str| {
        Some(LicenseFact { stamp: stamp(second, "a"), agreement: Some(agreement.parse().unwrap()) })
    };
    let mut facts = LicenseFacts {
        registered_agreement: Some("agmt-registered".parse().unwrap()),
        ..LicenseFacts::default()
    };
    assert_eq!(facts.agreement().unwrap().as_str(), "agmt-registered");
    facts.updated = named(2, "agmt-renewed");
    facts.deprovisioned = named(1, "agmt-first");
    assert_eq!(facts.agreement().unwrap().as_str(), "agmt-renewed");
    facts.observed_ended = named(3, "agmt-observed");
    assert_eq!(facts.agreement().unwrap().as_str(), "agmt-observed");
}

#[test]
fn every_kind_has_a_word_of_its_own_and_only_one_lets_users_work() {
    let words: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), Kind::ALL.len());
    assert_eq!(words.iter().filter(|word| **word == crate::tenancy::ACTIVE).count(), 1);
}
