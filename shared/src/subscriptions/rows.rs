//! Licences and agreements as items of the subscriptions table, key `subject`.
//!
//! A fact of an event is one attribute, its stamp as text (`TIME#EVENT`), so that a condition can ask whether
//! it is newer; what else the event said stands beside it and is written with it.

use std::{
    collections::{BTreeSet, HashMap},
    time::SystemTime,
};

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Metering, SubscriptionError,
    facts::{AgreementEnd, EndStatus, LicenseFact, LicenseFacts, Moved, State},
};
use crate::{
    clock::{parse_rfc3339, rfc3339},
    ids::TenantId,
    marketplace::ids::{AccountId, AgreementId, LicenseArn},
};

/// Names of the attributes.
pub(super) mod attributes {
    pub(in super::super) const SUBJECT: &str = "subject";
    pub(in super::super) const VERSION: &str = "version";
    pub(in super::super) const CUSTOMER_ACCOUNT: &str = "customer_account";
    pub(in super::super) const TENANT_ID: &str = "tenant_id";
    pub(in super::super) const REGISTERED_AT: &str = "registered_at";
    pub(in super::super) const REGISTERED_AGREEMENT: &str = "registered_agreement";
    pub(in super::super) const LICENSE_UPDATED: &str = "license_updated";
    pub(in super::super) const LICENSE_DEPROVISIONED: &str = "license_deprovisioned";
    pub(in super::super) const OBSERVED_ACTIVE: &str = "observed_active";
    pub(in super::super) const OBSERVED_ENDED: &str = "observed_ended";
    pub(in super::super) const FLUSH_REQUESTED: &str = "flush_requested";
    pub(in super::super) const FLUSH_REQUESTED_AT: &str = "flush_requested_at";
    pub(in super::super) const FINAL_METERING: &str = "final_metering";
    pub(in super::super) const CLOSED_AT: &str = "closed_at";
    pub(in super::super) const STATE: &str = "subscription_state";
    pub(in super::super) const STATE_SINCE: &str = "state_since";
    pub(in super::super) const STATE_CAUSE: &str = "state_cause";
    pub(in super::super) const AGREEMENT_CREATED: &str = "agreement_created";
    pub(in super::super) const AGREEMENT_AMENDED: &str = "agreement_amended";
    pub(in super::super) const AGREEMENT_ENDED: &str = "agreement_ended";
    pub(in super::super) const ENDED_STATUS: &str = "ended_status";
    pub(in super::super) const LICENSES: &str = "licenses";
    pub(in super::super) const EXPIRES_AT: &str = "expires_at";
    pub(in super::super) const MOVED_TO: &str = "moved_to";
    pub(in super::super) const MOVED_AT: &str = "moved_at";
    pub(in super::super) const CAME_FROM: &str = "came_from";
    pub(in super::super) const TURN: &str = "turn";
    pub(in super::super) const FIRST_AGREEMENT: &str = "first_agreement";
    pub(in super::super) const LINE_ACCOUNT: &str = "line_account";
    pub(in super::super) const LINE_LICENSES: &str = "line_licenses";
    pub(in super::super) const LINE_LICENSE: &str = "line_license";
}
use attributes as a;

/// Values of `final_metering`.
pub(super) const REQUESTED: &str = "requested";
pub(super) const DONE: &str = "done";

/// What a licence's key begins with.
pub(super) const LICENSE: &str = "license#";

/// The attribute that names the agreement which a fact is under.
pub(super) fn agreement_of(fact: &str) -> String {
    format!("{fact}_agreement")
}

/// An item, as DynamoDB gives it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The key of a licence's item.
pub(super) fn license_key(license: &LicenseArn) -> Item {
    HashMap::from([(a::SUBJECT.to_owned(), AttributeValue::S(format!("{LICENSE}{license}")))])
}

/// The key of an agreement's item.
pub(super) fn agreement_key(agreement: &AgreementId) -> Item {
    HashMap::from([(a::SUBJECT.to_owned(), AttributeValue::S(format!("agreement#{agreement}")))])
}

/// A licence's item, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LicenseRow {
    pub(super) license: LicenseArn,
    pub(super) version: u64,
    pub(super) account: AccountId,
    pub(super) facts: LicenseFacts,
    pub(super) metering: Metering,
    /// The licence that the tenant was on before.
    pub(super) came_from: Option<LicenseArn>,
    /// How many licences the tenant was on before.
    pub(super) turn: u32,
    /// State, since and cause, as they were written last; compared, never believed.
    pub(super) written: Option<[String; 3]>,
}

/// A state as it is written beside the facts.
pub(super) fn written(state: &State) -> [String; 3] {
    [state.kind.as_str().to_owned(), rfc3339(state.since), state.cause.to_string()]
}

impl LicenseRow {
    /// Reads an item.
    pub(super) fn read(item: &Item) -> Result<Self, SubscriptionError> {
        let license = required(item, a::SUBJECT)?
            .strip_prefix(LICENSE)
            .and_then(|arn| arn.parse().ok())
            .ok_or(SubscriptionError::Malformed(a::SUBJECT))?;
        let registered = match (time(item, a::REGISTERED_AT)?, parsed::<TenantId>(item, a::TENANT_ID)?) {
            (Some(at), Some(tenant)) => Some((at, tenant)),
            (None, None) => None,
            _ => return Err(SubscriptionError::Malformed(a::TENANT_ID)),
        };
        let moved = match (time(item, a::MOVED_AT)?, parsed::<LicenseArn>(item, a::MOVED_TO)?) {
            (Some(at), Some(to)) => Some(Moved { at, to }),
            (None, None) => None,
            _ => return Err(SubscriptionError::Malformed(a::MOVED_TO)),
        };
        let written = [a::STATE, a::STATE_SINCE, a::STATE_CAUSE].map(|name| text(item, name));
        let written = match written {
            [Some(state), Some(since), Some(cause)] => Some([state, since, cause].map(str::to_owned)),
            _ => None,
        };
        Ok(Self {
            license,
            version: number(item, a::VERSION)?,
            account: parsed(item, a::CUSTOMER_ACCOUNT)?
                .ok_or(SubscriptionError::Malformed(a::CUSTOMER_ACCOUNT))?,
            facts: LicenseFacts {
                registered,
                registered_agreement: parsed(item, a::REGISTERED_AGREEMENT)?,
                updated: fact(item, a::LICENSE_UPDATED)?,
                deprovisioned: fact(item, a::LICENSE_DEPROVISIONED)?,
                observed_active: fact(item, a::OBSERVED_ACTIVE)?,
                observed_ended: fact(item, a::OBSERVED_ENDED)?,
                flush_requested: time(item, a::FLUSH_REQUESTED)?,
                moved,
                closed: time(item, a::CLOSED_AT)?,
            },
            metering: match text(item, a::FINAL_METERING) {
                None => Metering::None,
                Some(REQUESTED) => Metering::Requested,
                Some(DONE) => Metering::Done,
                Some(_) => return Err(SubscriptionError::Malformed(a::FINAL_METERING)),
            },
            came_from: parsed(item, a::CAME_FROM)?,
            turn: match item.get(a::TURN) {
                Some(_) => {
                    number(item, a::TURN)?.try_into().map_err(|_| SubscriptionError::Malformed(a::TURN))?
                }
                None => 0,
            },
            written,
        })
    }
}

/// How an agreement ended, as its item has it.
pub(super) fn agreement_end(item: &Item) -> Result<Option<AgreementEnd>, SubscriptionError> {
    let Some(stamp) = parsed(item, a::AGREEMENT_ENDED)? else { return Ok(None) };
    let status = EndStatus::of(required(item, a::ENDED_STATUS)?);
    Ok(Some(AgreementEnd { stamp, status }))
}

/// The licences that an agreement's item is linked to.
pub(super) fn linked(item: &Item) -> Result<Vec<LicenseArn>, SubscriptionError> {
    licenses(item, a::LICENSES)
}

/// What the item of a chain's first agreement says of the line of licences ([`super::line`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineRow {
    /// The buyer's account.
    pub(super) account: Option<AccountId>,
    /// The licences of the chain that have been heard of.
    pub(super) licenses: BTreeSet<LicenseArn>,
    /// The one that the tenant is on.
    pub(super) current: Option<LicenseArn>,
}

impl LineRow {
    /// Reads the item of the first agreement.
    pub(super) fn read(item: &Item) -> Result<Self, SubscriptionError> {
        // Its own licences are of the line, also those that were linked before there were lines.
        let of_first = linked(item)?.into_iter();
        Ok(Self {
            account: parsed(item, a::LINE_ACCOUNT)?,
            licenses: of_first.chain(licenses(item, a::LINE_LICENSES)?).collect(),
            current: parsed(item, a::LINE_LICENSE)?,
        })
    }
}

/// The first agreement of the chain that an agreement's item is of, once that is known.
pub(super) fn first_agreement(item: &Item) -> Result<Option<AgreementId>, SubscriptionError> {
    parsed(item, a::FIRST_AGREEMENT)
}

fn licenses(item: &Item, name: &'static str) -> Result<Vec<LicenseArn>, SubscriptionError> {
    let malformed = || SubscriptionError::Malformed(name);
    let Some(licenses) = item.get(name) else { return Ok(Vec::new()) };
    let licenses = licenses.as_ss().map_err(|_| malformed())?;
    licenses.iter().map(|arn| arn.parse().map_err(|_| malformed())).collect()
}

fn fact(item: &Item, name: &'static str) -> Result<Option<LicenseFact>, SubscriptionError> {
    let Some(stamp) = parsed(item, name)? else { return Ok(None) };
    let agreement = match text(item, &agreement_of(name)) {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| SubscriptionError::Malformed(name))?),
    };
    Ok(Some(LicenseFact { stamp, agreement }))
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

fn required<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, SubscriptionError> {
    text(item, name).ok_or(SubscriptionError::Malformed(name))
}

fn parsed<T: std::str::FromStr>(item: &Item, name: &'static str) -> Result<Option<T>, SubscriptionError> {
    item.get(name)
        .map(|value| value.as_s().ok().and_then(|text| text.parse().ok()))
        .map(|value| value.ok_or(SubscriptionError::Malformed(name)))
        .transpose()
}

fn time(item: &Item, name: &'static str) -> Result<Option<SystemTime>, SubscriptionError> {
    item.get(name)
        .map(|value| value.as_s().ok().and_then(|text| parse_rfc3339(text)))
        .map(|value| value.ok_or(SubscriptionError::Malformed(name)))
        .transpose()
}

fn number(item: &Item, name: &'static str) -> Result<u64, SubscriptionError> {
    let text = item.get(name).and_then(|value| value.as_n().ok());
    text.and_then(|text| text.parse().ok()).ok_or(SubscriptionError::Malformed(name))
}
