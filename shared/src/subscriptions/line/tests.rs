use proptest::prelude::*;

use super::*;
use crate::subscriptions::{
    Metering,
    facts::{Cause, LicenseFact, LicenseFacts, Moved, Stamp, State},
};

const TENANT: &str = "0123456789abcdef0123456789abcdef";

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_003_200 + second)
}

fn stamp(second: u64) -> Stamp {
    Stamp::new(at(second), format!("e-{second}").parse().unwrap())
}

fn arn(number: usize) -> LicenseArn {
    format!("arn:aws:license-manager::294406891311:license:l-{number}").parse().unwrap()
}

/// What can be said of the licences of a chain: `L1`, renewed after an hour and ten minutes, and `L2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Permitted(usize, u64),
    TakenAway(usize, u64),
    AgreementEnded(usize, u64, EndStatus),
    /// The buyer comes with the licence's token.
    Registered(usize),
}
use Said::{AgreementEnded, Permitted, Registered, TakenAway};

/// A line as the table keeps it, and what settling and moving do with it.
#[derive(Debug, Clone)]
struct Book {
    members: Vec<Member>,
    current: Option<LicenseArn>,
    /// What the tenant's row shows: the turn that wrote it, and the state.
    shown: Option<(u32, Kind)>,
}

impl Book {
    fn new(licences: usize) -> Self {
        let member = |number| Member {
            row: LicenseRow {
                license: arn(number),
                version: 1,
                account: "111122223333".parse().unwrap(),
                facts: LicenseFacts::default(),
                metering: Metering::None,
                came_from: None,
                turn: 0,
                written: None,
            },
            end: None,
        };
        Self { members: (0..licences).map(member).collect(), current: None, shown: None }
    }

    fn keep(&mut self, said: Said) {
        let newest = |kept: &mut Option<LicenseFact>, second| {
            if kept.as_ref().is_none_or(|kept| kept.stamp < stamp(second)) {
                *kept = Some(LicenseFact { stamp: stamp(second), agreement: None });
            }
        };
        match said {
            Permitted(licence, second) => newest(&mut self.members[licence].row.facts.updated, second),
            TakenAway(licence, second) => newest(&mut self.members[licence].row.facts.deprovisioned, second),
            AgreementEnded(licence, second, status) => {
                self.members[licence].end = Some(AgreementEnd { stamp: stamp(second), status });
            }
            // What `register` does: the line's tenant is told, and a new one is made where there is none.
            Registered(licence) => {
                if self.current.is_none() {
                    self.members[licence].row.facts.registered = Some((at(0), TENANT.parse().unwrap()));
                    self.current = Some(arn(licence));
                }
            }
        }
        self.settle_all();
        while self.advance() {}
    }

    /// Twice, since an end that was asked to be metered is another state.
    fn settle_all(&mut self) {
        for _ in 0..2 {
            for licence in 0..self.members.len() {
                self.settle(licence);
            }
        }
    }

    fn settle(&mut self, licence: usize) {
        let member = &mut self.members[licence];
        let Some(state) = derive(&member.row.facts, member.end.as_ref()) else { return };
        if member.row.facts.registered.is_some() && member.row.facts.moved.is_none() {
            let turn = member.row.turn;
            if self.shown.is_none_or(|(shown, _)| shown <= turn) {
                self.shown = Some((turn, state.kind));
            }
        }
        if state.kind == Kind::Ending {
            assert!(member.row.facts.flush_requested < Some(state.since), "an end is flushed once");
            member.row.facts.flush_requested = Some(state.since);
        }
    }

    fn advance(&mut self) -> bool {
        let Some(current) = self.current.clone() else { return false };
        let Some(Move { tenant, from, to, at, since }) = due(&self.members, &current) else { return false };
        let (from, to, turn) = (from.license.clone(), to.license.clone(), from.turn + 1);
        for member in &mut self.members {
            if member.row.license == from {
                member.row.facts.moved = Some(Moved { at, to: to.clone() });
            } else if member.row.license == to {
                member.row.facts.registered = Some((since, tenant));
                member.row.came_from = Some(from.clone());
                member.row.turn = turn;
            }
        }
        self.current = Some(to);
        self.settle_all();
        true
    }

    fn state(&self, licence: usize) -> Option<State> {
        derive(&self.members[licence].row.facts, self.members[licence].end.as_ref())
    }

    /// The licences on which a tenant is.
    fn homes(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|number| self.members[*number].has_tenant()).collect()
    }

    fn of(told: &[Said]) -> Self {
        let mut book = Self::new(3);
        for said in told {
            book.keep(*said);
            assert!(book.homes().len() <= 1, "one licence is current at a time");
        }
        book
    }
}

/// A renewal, in AWS's order.
fn renewal(status: EndStatus) -> [Said; 6] {
    [
        Permitted(0, 0),
        Registered(0),
        AgreementEnded(0, 4200, status),
        Permitted(1, 4272),
        TakenAway(0, 7800),
        Registered(1),
    ]
}

proptest! {
    #[test]
    fn a_renewed_tenant_goes_on_whatever_is_heard_first_and_however_often(
        told in Just(()).prop_flat_map(|()| {
            let once = renewal(EndStatus::Renewed);
            Just([once, once].concat()).prop_shuffle()
        }),
    ) {
        let book = Book::of(&told);
        prop_assert_eq!(book.homes(), [1]);
        prop_assert_eq!(book.state(1).unwrap().kind, Kind::Active);
        prop_assert_eq!(book.shown.map(|(_, kind)| kind), Some(Kind::Active));
        // Who came with the new licence first was never on the old one.
        if book.members[1].row.came_from.is_some() {
            let old = book.state(0).unwrap();
            prop_assert_eq!((old.kind, old.cause), (Kind::Suspended, Cause::MovedOn));
            prop_assert_eq!(old.since, at(4200), "it ended when its agreement did");
        }
    }

    #[test]
    fn what_is_said_later_of_a_licence_that_was_left_touches_nobody(
        later in prop::collection::vec(
            prop_oneof![
                (0..20_000_u64).prop_map(|second| Permitted(0, second)),
                (0..20_000_u64).prop_map(|second| TakenAway(0, second)),
                (0..20_000_u64).prop_map(|second| AgreementEnded(0, second, EndStatus::Cancelled)),
                Just(Registered(0)),
            ],
            1..6,
        ),
    ) {
        let mut book = Book::of(&renewal(EndStatus::Replaced));
        for said in later {
            book.keep(said);
            prop_assert_eq!(book.homes(), [1]);
            prop_assert_eq!(book.shown, Some((1, Kind::Active)));
            prop_assert_eq!(book.state(0).unwrap().cause, Cause::MovedOn);
        }
    }

    #[test]
    fn of_a_longer_line_the_newest_licence_has_the_tenant(
        told in Just([
            Permitted(0, 0), Registered(0),
            AgreementEnded(0, 4200, EndStatus::Renewed), Permitted(1, 4272), TakenAway(0, 7800),
            AgreementEnded(1, 9000, EndStatus::Replaced), Permitted(2, 9100), TakenAway(1, 9500),
        ].to_vec()).prop_shuffle(),
    ) {
        let book = Book::of(&told);
        prop_assert_eq!(book.homes(), [2]);
        prop_assert_eq!(book.shown.map(|(_, kind)| kind), Some(Kind::Active));
    }
}

#[test]
fn a_licence_that_is_in_use_is_not_left() {
    let both = Book::of(&[Permitted(0, 0), Registered(0), Permitted(1, 100)]);
    assert_eq!(both.homes(), [0], "its agreement goes on: a successor may have been bought ahead of time");
    for (status, _) in EndStatus::ALL {
        let book =
            Book::of(&[Permitted(0, 0), Registered(0), AgreementEnded(0, 50, status), Permitted(1, 100)]);
        let leaves = status.closes() || matches!(status, EndStatus::Renewed | EndStatus::Replaced);
        assert_eq!(book.homes() == [1], leaves, "{status:?}: only what AWS documents is a succession");
    }
    let undone = Book::of(&[
        Permitted(0, 0),
        Registered(0),
        AgreementEnded(0, 50, EndStatus::Renewed),
        Permitted(0, 60),
    ]);
    assert_eq!(undone.homes(), [0], "the licence itself goes on under the new agreement");
}

#[test]
fn a_licence_that_was_permitted_in_the_same_second_or_told_of_once_more_is_left_too() {
    for status in [EndStatus::Renewed, EndStatus::Replaced] {
        let ended = AgreementEnded(0, 100, status);
        let said = [Permitted(0, 0), Registered(0), Permitted(1, 0), ended];
        assert_eq!(Book::of(&said).homes(), [1], "in the same second");
        let twice = [Permitted(0, 0), Registered(0), ended, Permitted(0, 130), Permitted(1, 120)];
        let mut book = Book::of(&twice);
        assert_eq!(book.homes(), [0], "it goes on as it is");
        book.keep(TakenAway(0, 7800));
        assert_eq!((book.homes(), book.shown), (vec![1], Some((1, Kind::Active))), "until it is taken away");
    }
    // Who was never on the old licence does not go back to it.
    let back = [
        Permitted(1, 0),
        Registered(1),
        Permitted(0, 0),
        AgreementEnded(0, 100, EndStatus::Renewed),
        TakenAway(1, 200),
    ];
    assert_eq!(Book::of(&back).homes(), [1]);
}

#[test]
fn a_tenant_whose_licence_ended_waits_for_the_next_one() {
    let mut book = Book::of(&[
        Permitted(0, 0),
        Registered(0),
        AgreementEnded(0, 4200, EndStatus::Renewed),
        TakenAway(0, 4300),
    ]);
    assert_eq!((book.homes(), book.shown), (vec![0], Some((0, Kind::Suspended))));
    book.keep(Permitted(1, 90_000));
    assert_eq!((book.homes(), book.shown), (vec![1], Some((1, Kind::Active))));
    assert_eq!(book.members[1].row.facts.registered.unwrap().0, at(90_000), "nobody worked in between");
    book.keep(TakenAway(1, 95_000));
    assert_eq!(book.shown, Some((1, Kind::Suspended)));
    book.keep(Permitted(1, 99_000));
    assert_eq!(book.shown, Some((1, Kind::Active)), "and it comes back as any other");
}

#[test]
fn no_hour_lies_between_two_licences_of_a_tenant_that_was_never_shut() {
    for (ended, permitted, since) in [
        (4200, 4272, 4272),
        // Just before eleven, and just after it.
        (3590, 3662, 3600),
        (4200, 90_000, 7200),
    ] {
        let book = Book::of(&[
            Permitted(0, 0),
            Registered(0),
            AgreementEnded(0, ended, EndStatus::Renewed),
            Permitted(1, permitted),
        ]);
        assert_eq!(book.state(0).unwrap().since, at(ended), "{ended}");
        assert_eq!(book.members[1].row.facts.registered.unwrap().0, at(since), "{ended} to {permitted}");
    }
}

#[test]
fn nobody_takes_over_what_is_not_theirs() {
    let ready = Book::of(&renewal(EndStatus::Renewed)[..3]);
    let with = |change: &dyn Fn(&mut LicenseRow)| {
        let mut book = ready.clone();
        book.members[1].row.facts.updated = Some(LicenseFact { stamp: stamp(4272), agreement: None });
        change(&mut book.members[1].row);
        due(&book.members, &arn(0)).is_some()
    };
    assert!(with(&|_| {}), "the owner's next licence");
    assert!(!with(&|row| row.account = "444455556666".parse().unwrap()), "another account's");
    assert!(!with(&|row| row.facts.registered = Some((at(1), TENANT.parse().unwrap()))), "somebody's own");
    assert!(!with(&|row| row.facts.closed = Some(at(9000))), "one whose tenant was erased");
    assert!(!with(&|row| row.facts.updated = None), "one that may not be used");
    let taken = LicenseFact { stamp: stamp(4273), agreement: None };
    assert!(!with(&|row| row.facts.deprovisioned = Some(taken.clone())), "one that was taken away");
    let older = LicenseFact {
        stamp: Stamp::new(at(0) - Duration::from_secs(1), "e".parse().unwrap()),
        agreement: None,
    };
    assert!(!with(&|row| row.facts.updated = Some(older.clone())), "one from before");
}
