//! How far a tenant has been set up, and why it is not further. Pure.
//!
//! Every word here is for two readers: the buyer, whose page shows it, and the operator, who reads the record.
//! So it is one of a few words, and never what a service said.

/// The steps from nothing to a working tenant, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The policy store.
    Store,
    /// Its alias, which is what makes it the tenant's one store.
    Alias,
    /// The schema.
    Schema,
    /// The static policies and the share template.
    Policies,
    /// The row that leads from the tenant to its store.
    Mapping,
    /// What the Marketplace has said of the subscription, shown in that row.
    Subscription,
    /// The administrator: an account in the user pool, and a row in the directory.
    Administrator,
    /// Proof that the tenant lets in whom it should, and nobody else.
    Probes,
    /// The tenant lets its users in.
    Open,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 9] = [
        Self::Store,
        Self::Alias,
        Self::Schema,
        Self::Policies,
        Self::Mapping,
        Self::Subscription,
        Self::Administrator,
        Self::Probes,
        Self::Open,
    ];

    /// The word in records and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Alias => "alias",
            Self::Schema => "schema",
            Self::Policies => "policies",
            Self::Mapping => "mapping",
            Self::Subscription => "subscription",
            Self::Administrator => "administrator",
            Self::Probes => "probes",
            Self::Open => "open",
        }
    }

    /// What is being done, for a page.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Store => "Making your policy store",
            Self::Alias => "Reserving its name",
            Self::Schema => "Teaching it what documents are",
            Self::Policies => "Putting the rules in place",
            Self::Mapping => "Connecting it with your space",
            Self::Subscription => "Looking at your subscription",
            Self::Administrator => "Inviting your administrator",
            Self::Probes => "Checking that it is closed to others",
            Self::Open => "Opening it",
        }
    }

    /// Reads [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == word)
    }
}

/// Why a step did not get done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// A service takes no more at the moment: another try comes by itself.
    Busy,
    /// A service did not answer, or not as it should: another try comes by itself.
    Unavailable,
    /// A service refused for lack of a right: the deployment is at fault.
    Refused,
    /// The account has used up a quota.
    Quota,
    /// Something is there that should not be, or is not what it should be.
    Unexpected,
    /// The administrator's address belongs to somebody who is in another tenant.
    AddressTaken,
    /// The user pool does not take the administrator's address.
    AddressInvalid,
    /// The administrator would not be allowed what an administrator must be.
    AdministratorDenied,
    /// A stranger would be allowed to share.
    StrangerAllowed,
    /// Another tenant's session would be let in.
    OtherTenantAdmitted,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Busy,
        Self::Unavailable,
        Self::Refused,
        Self::Quota,
        Self::Unexpected,
        Self::AddressTaken,
        Self::AddressInvalid,
        Self::AdministratorDenied,
        Self::StrangerAllowed,
        Self::OtherTenantAdmitted,
    ];

    /// The word in records and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Quota => "quota",
            Self::Unexpected => "unexpected",
            Self::AddressTaken => "address-taken",
            Self::AddressInvalid => "address-invalid",
            Self::AdministratorDenied => "administrator-denied",
            Self::StrangerAllowed => "stranger-allowed",
            Self::OtherTenantAdmitted => "other-tenant-admitted",
        }
    }

    /// What the buyer reads.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Busy => "Many tenants are being set up at the moment. Yours has its place in the queue.",
            Self::Unavailable => "A service did not answer. It is tried again by itself.",
            Self::Refused | Self::Quota | Self::Unexpected => {
                "Something on our side needs a person. We know of it; nothing that you entered is lost."
            }
            Self::AddressTaken => {
                "This e-mail address cannot be used for the administrator: an address belongs to one account \
                 only, and this one may have another already. Please give a different one, such as a \
                 colleague’s, or your own with a tag, as in name+documents@example.com."
            }
            Self::AddressInvalid => {
                "No invitation can be sent to this e-mail address. Please give another one."
            }
            Self::AdministratorDenied | Self::StrangerAllowed | Self::OtherTenantAdmitted => {
                "The last check before opening did not pass, so your space stays closed. We know of it."
            }
        }
    }

    /// Whether another administrator's address is what it takes.
    #[must_use]
    pub const fn needs_another_address(self) -> bool {
        matches!(self, Self::AddressTaken | Self::AddressInvalid)
    }

    /// Reads [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }
}

/// Where a tenant stands between its registration and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Registered; its turn has not come yet.
    Waiting,
    /// This step is under way, or was when its run ended.
    Working(Step),
    /// This step did not get done.
    Failed {
        /// Which.
        step: Step,
        /// Why.
        why: Why,
    },
    /// Its users can sign in.
    Ready,
    /// It is being erased.
    Closing,
    /// It has been erased.
    Closed,
}

impl Progress {
    /// The word in records and logs, and the step and the reason where there are such.
    #[must_use]
    pub const fn words(self) -> (&'static str, Option<Step>, Option<Why>) {
        match self {
            Self::Waiting => ("waiting", None, None),
            Self::Working(step) => ("working", Some(step), None),
            Self::Failed { step, why } => ("failed", Some(step), Some(why)),
            Self::Ready => ("ready", None, None),
            Self::Closing => ("closing", None, None),
            Self::Closed => ("closed", None, None),
        }
    }

    /// Reads [`words`](Self::words); `None` when they make no sense together.
    #[must_use]
    pub fn parse(word: &str, step: Option<&str>, why: Option<&str>) -> Option<Self> {
        let step = step.map(Step::parse);
        let why = why.map(Why::parse);
        Some(match (word, step, why) {
            ("waiting", None, None) => Self::Waiting,
            ("working", Some(Some(step)), None) => Self::Working(step),
            ("failed", Some(Some(step)), Some(Some(why))) => Self::Failed { step, why },
            ("ready", None, None) => Self::Ready,
            ("closing", None, None) => Self::Closing,
            ("closed", None, None) => Self::Closed,
            _ => return None,
        })
    }

    /// Whether a run may still work towards opening the tenant.
    #[must_use]
    pub const fn is_opening(self) -> bool {
        matches!(self, Self::Waiting | Self::Working(_) | Self::Failed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_progress() -> Vec<Progress> {
        let mut all = vec![Progress::Waiting, Progress::Ready, Progress::Closing, Progress::Closed];
        for step in Step::ALL {
            all.push(Progress::Working(step));
            all.extend(Why::ALL.map(|why| Progress::Failed { step, why }));
        }
        all
    }

    #[test]
    fn what_is_written_is_read_back() {
        for progress in every_progress() {
            let (word, step, why) = progress.words();
            assert_eq!(Progress::parse(word, step.map(Step::as_str), why.map(Why::as_str)), Some(progress));
        }
    }

    #[test]
    fn words_that_make_no_sense_together_are_not_read() {
        for (word, step, why) in [
            ("", None, None),
            ("ready", Some("store"), None),
            ("working", None, None),
            ("working", Some("stone"), None),
            ("failed", Some("store"), None),
            ("failed", Some("store"), Some("because")),
        ] {
            assert_eq!(Progress::parse(word, step, why), None, "{word} {step:?} {why:?}");
        }
    }

    #[test]
    fn the_steps_have_an_order_and_no_word_twice() {
        assert!(Step::ALL.is_sorted());
        let words: std::collections::BTreeSet<_> = Step::ALL.map(Step::as_str).into();
        assert_eq!(words.len(), Step::ALL.len());
        let words: std::collections::BTreeSet<_> = Why::ALL.map(Why::as_str).into();
        assert_eq!(words.len(), Why::ALL.len());
    }
}
