//! What the onboarding table holds of one tenant: a record while it lives, a tombstone once it is erased.
//! Reads and prints rows; knows no client.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};

use super::{
    closing::Closing,
    details::{Company, Details},
    progress::{Progress, Step, Why},
};
use crate::{
    clock::{parse_rfc3339, rfc3339},
    ids::{ServiceId, TenantId},
    marketplace::ids::LicenseArn,
};

/// An order that was queued so long ago, and has changed nothing since, may be lost.
const ORDER_LOST_AFTER: Duration = Duration::from_secs(60);

pub(super) type Row = HashMap<String, AttributeValue>;

/// Names of the row's attributes.
pub(super) mod names {
    pub(crate) const TENANT_ID: &str = "tenant_id";
    pub(crate) const LICENSE_ARN: &str = "license_arn";
    pub(crate) const COMPANY: &str = "company";
    pub(crate) const ADMIN_EMAIL: &str = "admin_email";
    pub(crate) const PROGRESS_KEY: &str = "progress_key";
    pub(crate) const BEGUN_AT: &str = "begun_at";
    pub(crate) const PROGRESS: &str = "progress";
    pub(crate) const CHANGED_AT: &str = "changed_at";
    pub(crate) const STEP: &str = "step";
    pub(crate) const WHY: &str = "why";
    pub(crate) const FAILED_STEP: &str = "failed_step";
    pub(crate) const FAILED_WHY: &str = "failed_why";
    pub(crate) const FAILED_AT: &str = "failed_at";
    pub(crate) const TRIES: &str = "tries";
    pub(crate) const STORE_BEGUN_AT: &str = "store_begun_at";
    pub(crate) const POLICY_STORE_ID: &str = "policy_store_id";
    pub(crate) const INVITED_AT: &str = "invited_at";
}

/// What the page about one registration asks for: 256 random bits in its URL. Whoever has it sees the progress,
/// may give another address for the administrator when one was refused, and have the invitation mailed again to
/// the address that was taken; nothing more.
#[derive(Clone, PartialEq, Eq)]
pub struct ProgressKey([u8; 32]);

impl ProgressKey {
    /// A new random key; `None` when the machine has no randomness to give.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The key as it stands in a URL: 43 characters of unpadded base64url.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether `text` is this key. How long that takes tells nothing of how much of it is right.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let Some(given) = Self::parse(text) else { return false };
        let proof = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &given.0), b"progress");
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), b"progress", proof.as_ref()).is_ok()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        // Decoding into 32 bytes refuses whatever is longer before it reads it.
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }
}

impl fmt::Debug for ProgressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressKey(…)")
    }
}

/// What is known of the buyer: personal, and gone once the tenant is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrant {
    /// What the registration form said.
    pub details: Details,
    /// What the page about the registration asks for.
    pub progress_key: ProgressKey,
}

/// The last step that did not get done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub step: Step,
    /// Why.
    pub why: Why,
    /// When.
    pub at: SystemTime,
    /// How many tries of any step have failed so far.
    pub tries: u64,
}

/// One tenant's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The tenant.
    pub tenant: TenantId,
    /// The licence that it was registered with.
    pub license: LicenseArn,
    /// Who registered; `None` once the tenant is erased.
    pub registrant: Option<Registrant>,
    /// When it registered.
    pub begun_at: SystemTime,
    /// Where it stands.
    pub progress: Progress,
    /// When that last changed.
    pub changed_at: SystemTime,
    /// What failed last, if anything did: it stays for the operator after another try has passed it.
    pub failure: Option<Failure>,
    /// When the first policy store was asked for.
    pub(super) store_begun_at: Option<SystemTime>,
    /// The policy store that was made.
    pub(super) policy_store: Option<ServiceId>,
    /// When the administrator's invitation was last mailed, or asked for again.
    pub(super) invited_at: Option<SystemTime>,
    /// What is known of its end, once that was ordered.
    pub closing: Option<Closing>,
}

impl Record {
    /// A new registration's.
    pub(super) fn new(
        tenant: TenantId,
        license: LicenseArn,
        details: Details,
        progress_key: ProgressKey,
        now: SystemTime,
    ) -> Self {
        Self {
            tenant,
            license,
            registrant: Some(Registrant { details, progress_key }),
            begun_at: now,
            progress: Progress::Waiting,
            changed_at: now,
            failure: None,
            store_begun_at: None,
            policy_store: None,
            invited_at: None,
            closing: None,
        }
    }

    /// Whether `key` is what this registration's page asks for.
    #[must_use]
    pub fn is_shown_to(&self, key: &str) -> bool {
        self.registrant.as_ref().is_some_and(|registrant| registrant.progress_key.is(key))
    }

    /// Whether somebody who registers again should order the tenant to be opened: it was just begun, or its order
    /// may be lost. While it is worked at, or waits for another address, an order more would only hold up others.
    #[must_use]
    pub fn wants_order(&self, now: SystemTime) -> bool {
        match self.progress {
            Progress::Waiting => true,
            Progress::Failed { why, .. } if why.needs_another_address() => false,
            progress => {
                progress.is_opening()
                    && now.duration_since(self.changed_at).is_ok_and(|age| age > ORDER_LOST_AFTER)
            }
        }
    }

    /// The row of a record that was just begun.
    pub(super) fn row(&self) -> Row {
        let mut row = key(self.tenant);
        let mut put = |name: &str, value: String| row.insert(name.to_owned(), AttributeValue::S(value));
        put(names::LICENSE_ARN, self.license.to_string());
        if let Some(Registrant { details, progress_key }) = &self.registrant {
            put(names::COMPANY, details.company.as_str().to_owned());
            put(names::ADMIN_EMAIL, details.admin_email.as_str().to_owned());
            put(names::PROGRESS_KEY, progress_key.reveal());
        }
        put(names::BEGUN_AT, rfc3339(self.begun_at));
        put(names::PROGRESS, self.progress.words().0.to_owned());
        put(names::CHANGED_AT, rfc3339(self.changed_at));
        row
    }

    /// Reads a row; `None` when anything in it is not what it should be.
    pub(super) fn read(row: &Row) -> Option<Self> {
        let fields = Fields(row);
        let registrant = match fields.text(names::COMPANY) {
            None => None,
            Some(company) => Some(Registrant {
                details: Details {
                    company: Company::try_from(company).ok()?,
                    admin_email: fields.text(names::ADMIN_EMAIL)?.parse().ok()?,
                },
                progress_key: ProgressKey::parse(fields.text(names::PROGRESS_KEY)?)?,
            }),
        };
        let failure = match fields.text(names::FAILED_STEP) {
            None => None,
            Some(step) => Some(Failure {
                step: Step::parse(step)?,
                why: Why::parse(fields.text(names::FAILED_WHY)?)?,
                at: fields.time(names::FAILED_AT)?,
                tries: fields.number(names::TRIES)?,
            }),
        };
        let store_begun_at = match fields.text(names::STORE_BEGUN_AT) {
            None => None,
            Some(text) => Some(parse_rfc3339(text)?),
        };
        let policy_store = match fields.text(names::POLICY_STORE_ID) {
            None => None,
            Some(text) => Some(text.parse().ok()?),
        };
        let invited_at = match fields.text(names::INVITED_AT) {
            None => None,
            Some(text) => Some(parse_rfc3339(text)?),
        };
        Some(Self {
            tenant: fields.text(names::TENANT_ID)?.parse().ok()?,
            license: fields.text(names::LICENSE_ARN)?.parse().ok()?,
            registrant,
            begun_at: fields.time(names::BEGUN_AT)?,
            progress: Progress::parse(
                fields.text(names::PROGRESS)?,
                fields.text(names::STEP),
                fields.text(names::WHY),
            )?,
            changed_at: fields.time(names::CHANGED_AT)?,
            failure,
            store_begun_at,
            policy_store,
            invited_at,
            closing: Closing::read(&fields)?,
        })
    }
}

/// The primary key of a tenant's row.
pub(super) fn key(tenant: TenantId) -> Row {
    HashMap::from([(names::TENANT_ID.to_owned(), AttributeValue::S(tenant.to_string()))])
}

/// A row, read by name.
pub(super) struct Fields<'a>(pub(super) &'a Row);

impl<'a> Fields<'a> {
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(super) fn time(&self, name: &str) -> Option<SystemTime> {
        parse_rfc3339(self.text(name)?)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(|value| value.as_bool().ok()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(company: &str, at_ms: u64) -> Record {
        Record::new(
            TenantId::random(),
            "arn:aws:license-manager::294406891311:license:l-0f1e2d3c".parse().unwrap(),
            Details::parse(company, "ada@example.com").unwrap(),
            ProgressKey::random().unwrap(),
            SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms),
        )
    }

    proptest! {
        #[test]
        fn a_record_is_read_back_as_it_was_written(
            company in "[^\\p{C}\\p{Z}][^\\p{C}\\p{Z}]{0,98}", at_ms in 0_u64..4_000_000_000_000,
        ) {
            let record = record(&company, at_ms);
            prop_assert_eq!(Record::read(&record.row()), Some(record));
        }

        #[test]
        fn only_the_key_itself_opens_its_page(text in "[A-Za-z0-9_-]{0,50}|\\PC{0,50}") {
            let key = ProgressKey::random().unwrap();
            prop_assert!(key.is(&key.reveal()));
            prop_assert_eq!(key.is(&text), text == key.reveal());
        }
    }

    #[test]
    fn a_key_is_long_and_is_not_printed() {
        let (one, other) = (ProgressKey::random().unwrap(), ProgressKey::random().unwrap());
        assert_eq!(one.reveal().len(), 43);
        assert!(!one.is(&other.reveal()) && !one.is("") && !one.is(&format!("{}=", one.reveal())));
        assert!(!one.is(&one.reveal().to_lowercase()) || one.reveal() == one.reveal().to_lowercase());
        assert!(!format!("{:?}", record("Example", 0)).contains(&one.reveal()));
        assert_eq!(format!("{one:?}"), "ProgressKey(…)");
    }

    #[test]
    fn an_order_more_is_for_what_was_just_begun_or_may_have_been_lost() {
        let begun = record("Example", 0);
        let at = |progress, seconds| {
            Record { progress, ..begun.clone() }.wants_order(begun.changed_at + Duration::from_secs(seconds))
        };
        assert!(at(Progress::Waiting, 0) && at(Progress::Waiting, 61));
        for why in Why::ALL {
            let failed = Progress::Failed { step: Step::Administrator, why };
            assert!(!at(failed, 60), "{why:?}");
            assert_eq!(at(failed, 61), !why.needs_another_address(), "{why:?}");
        }
        assert!(!at(Progress::Working(Step::Store), 60) && at(Progress::Working(Step::Store), 61));
        for progress in [Progress::Ready, Progress::Closing, Progress::Closed] {
            assert!(!at(progress, 61), "{progress:?}");
        }
    }

    #[test]
    fn a_row_that_is_not_whole_is_not_read() {
        let whole = record("Example", 0).row();
        assert!(Record::read(&whole).is_some());
        for name in whole.keys().filter(|name| *name != names::COMPANY) {
            let mut row = whole.clone();
            row.remove(name);
            assert_eq!(Record::read(&row), None, "without {name}");
        }
        let mut row = whole;
        row.remove(names::COMPANY);
        assert_eq!(Record::read(&row).unwrap().registrant, None, "a tombstone is nobody's");
    }
}
