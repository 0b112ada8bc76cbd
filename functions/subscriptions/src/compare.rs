//! Ours beside theirs: what the Marketplace's reports come to, and what is to be done about it. Pure.

use std::collections::BTreeMap;

use shared::{
    marketplace::{
        agreements::{Agreement, EndStatus, Entitled, Standing},
        ids::{AccountId, AgreementId, LicenseArn},
    },
    subscriptions::{Kind, Observed},
};

/// What all agreements together say of a licence; the later one outweighs the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Says {
    /// Nothing yet: it is pending, scheduled, failed.
    Nothing,
    /// It goes on under another licence.
    Elsewhere,
    /// It is over.
    Ended,
    /// It may be used.
    Active,
    /// An agreement that holds could not be asked: whatever the others say is not all.
    Unasked,
}

/// What is to be done about a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Agreed,
    Mend(Observed),
    /// Kept as well as reported: it is ours by its product, and its events were lost.
    Unknown,
    /// Its agreement goes on as another one, and nobody has moved on with it.
    GoneOn,
    Report(&'static str),
}

/// What we have of a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ours {
    /// The state that was settled last, if any was.
    Settled(Option<Kind>),
    /// Its tenant has moved on to the licence that followed: nothing that is said of it changes anything.
    Left,
}

/// The rule: ours beside theirs.
pub(crate) fn compare(ours: Option<Ours>, theirs: Says) -> Finding {
    let ours = match ours {
        Some(Ours::Left) => return Finding::Agreed,
        Some(Ours::Settled(kind)) => Some(kind),
        None => None,
    };
    match (ours, theirs) {
        (_, Says::Nothing | Says::Unasked) | (None, Says::Ended | Says::Elsewhere) => Finding::Agreed,
        (None, Says::Active) => Finding::Unknown,
        (Some(Some(Kind::Active)), Says::Active) => Finding::Agreed,
        (Some(Some(Kind::Closed)), Says::Active) => Finding::Report("closed_but_active"),
        (Some(None | Some(Kind::Registered | Kind::Ending | Kind::Suspended)), Says::Active) => {
            Finding::Mend(Observed::Active)
        }
        (Some(Some(Kind::Active | Kind::Registered) | None), Says::Ended) => Finding::Mend(Observed::Ended),
        (Some(Some(Kind::Active)), Says::Elsewhere) => Finding::GoneOn,
        (Some(_), Says::Ended | Says::Elsewhere) => Finding::Agreed,
    }
}

/// What an agreement's standing says of its licences by itself.
pub(crate) fn says(standing: Standing) -> Says {
    match standing {
        Standing::Active => Says::Unasked,
        Standing::Over(status) if status.closes() => Says::Ended,
        Standing::Over(_) => Says::Elsewhere,
    }
}

/// What is said of one licence, by whom, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) says: Says,
    pub(crate) agreement: AgreementId,
    pub(crate) account: AccountId,
    /// As what its agreement ended, if it has.
    pub(crate) ended: Option<EndStatus>,
    /// The first agreement of its chain.
    pub(crate) first: Option<AgreementId>,
}

impl Told {
    /// Whether the agreement goes on from another one.
    pub(crate) fn is_derived(&self) -> bool {
        self.first.as_ref().is_some_and(|first| *first != self.agreement)
    }
}

/// All that is said of all licences.
#[derive(Debug, Default)]
pub(crate) struct Reports(pub(crate) BTreeMap<LicenseArn, Told>);

impl Reports {
    pub(crate) fn add(&mut self, license: &LicenseArn, says: Says, agreement: &Agreement) {
        let told = Told {
            says,
            agreement: agreement.id.clone(),
            account: agreement.account.clone(),
            ended: match agreement.standing {
                Standing::Active => None,
                Standing::Over(status) => Some(status),
            },
            first: agreement.first.clone(),
        };
        match self.0.get_mut(license) {
            Some(known) if known.says >= says => {}
            Some(known) => *known = told,
            None => drop(self.0.insert(license.clone(), told)),
        }
    }
}

pub(crate) const fn of_entitlement(entitled: Entitled) -> Says {
    match entitled {
        Entitled::Provisioned => Says::Active,
        Entitled::Deprovisioned => Says::Ended,
        Entitled::Neither => Says::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(nth: u8, standing: Standing) -> Agreement {
        Agreement {
            id: format!("agmt-{nth}").parse().unwrap(),
            standing,
            account: "111122223333".parse().unwrap(),
            licenses: vec![license()],
            first: None,
        }
    }

    fn license() -> LicenseArn {
        "arn:aws:license-manager::294406891311:license:l-5d3c1f0e7a9b4c2d".parse().unwrap()
    }

    #[test]
    fn what_is_missing_is_mended_and_what_only_a_person_can_judge_is_reported() {
        let active = Finding::Mend(Observed::Active);
        let ended = Finding::Mend(Observed::Ended);
        for (ours, theirs, finding) in [
            (Some(Some(Kind::Active)), Says::Active, Finding::Agreed),
            (Some(Some(Kind::Registered)), Says::Active, active),
            (Some(Some(Kind::Suspended)), Says::Active, active),
            (Some(None), Says::Active, active),
            (Some(Some(Kind::Active)), Says::Ended, ended),
            (Some(Some(Kind::Registered)), Says::Ended, ended),
            (Some(Some(Kind::Suspended)), Says::Ended, Finding::Agreed),
            (Some(Some(Kind::Closed)), Says::Ended, Finding::Agreed),
            (Some(Some(Kind::Closed)), Says::Active, Finding::Report("closed_but_active")),
            (Some(Some(Kind::Active)), Says::Elsewhere, Finding::GoneOn),
            (Some(Some(Kind::Suspended)), Says::Elsewhere, Finding::Agreed),
            (None, Says::Active, Finding::Unknown),
            (None, Says::Ended, Finding::Agreed),
            (Some(Some(Kind::Active)), Says::Nothing, Finding::Agreed),
            (Some(Some(Kind::Active)), Says::Unasked, Finding::Agreed),
        ] {
            let settled = ours.map(Ours::Settled);
            assert_eq!(compare(settled, theirs), finding, "{ours:?} beside {theirs:?}");
            assert_eq!(compare(Some(Ours::Left), theirs), Finding::Agreed, "{theirs:?} of one that was left");
        }
    }

    #[test]
    fn a_licence_is_in_use_if_one_of_its_agreements_says_so_and_unknown_if_one_could_not_be_asked() {
        let told = |all: &[(Standing, Option<Says>)]| {
            let mut reports = Reports::default();
            for (nth, (standing, entitled)) in (0..).zip(all) {
                let says = entitled.unwrap_or_else(|| says(*standing));
                reports.add(&license(), says, &agreement(nth, *standing));
            }
            (reports.0[&license()].says, reports.0[&license()].agreement.as_str().to_owned())
        };
        let over = |status| (Standing::Over(status), None);
        let holds = |says| (Standing::Active, Some(says));
        assert_eq!(told(&[over(EndStatus::Cancelled)]).0, Says::Ended);
        assert_eq!(told(&[over(EndStatus::Renewed)]).0, Says::Elsewhere);
        let renewed = told(&[over(EndStatus::Renewed), holds(Says::Active)]);
        assert_eq!(renewed, (Says::Active, "agmt-1".to_owned()), "and it is the one that is kept");
        assert_eq!(told(&[holds(Says::Active), over(EndStatus::Cancelled)]).0, Says::Active);
        assert_eq!(told(&[over(EndStatus::Cancelled), (Standing::Active, None)]).0, Says::Unasked);
        assert_eq!(told(&[over(EndStatus::Cancelled), holds(Says::Nothing)]).0, Says::Ended);
    }
}
