//! Which agreements on our product the Marketplace has, and what it makes of their licences.
//!
//! Read-only, page by page. Answers are turned into what they mean here; one that cannot be is counted and
//! never guessed. It knows nothing of our own records.

use aws_sdk_marketplaceagreement::{
    Client,
    types::{
        AgreementEntitlement, AgreementEntitlementStatus, AgreementViewSummary, Filter, Sort, SortOrder,
    },
};
use aws_types::region::Region;

use super::{
    ids::{AccountId, AgreementId, LicenseArn, ProductId},
    seller::{SellerError, SellerSession},
};

/// The API exists in this Region only, wherever usage is metered.
/// <https://docs.aws.amazon.com/general/latest/gr/aws-marketplace.html>
const REGION: &str = "us-east-1";
/// AWS Marketplace itself, as opposed to a catalogue of tests.
const CATALOG: &str = "AWSMarketplace";
/// The most that one page holds.
const PAGE: i32 = 50;
/// A SaaS agreement has one entitlement per resource, which is one; more pages than this are not read.
const ENTITLEMENT_PAGES: usize = 4;

/// Why agreements could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AgreementsError {
    /// No session of the seller account.
    #[error("no session of the seller account")]
    Seller(#[from] SellerError),
    /// The Marketplace did not answer, or refused.
    #[error("the Marketplace's agreements could not be read")]
    Marketplace(#[source] Box<aws_sdk_marketplaceagreement::Error>),
    /// A request could not be built of our own words.
    #[error("a filter could not be built")]
    Filter,
    /// An agreement has more entitlements than any can have.
    #[error("an agreement's entitlements do not end")]
    Endless,
}

/// What the Marketplace says became of an agreement that ended.
/// <https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_DescribeAgreement.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndStatus {
    /// The buyer ended it.
    Cancelled,
    /// It reached its end.
    Expired,
    /// AWS ended it, for example because a payment failed.
    Terminated,
    /// It ended, and nobody says why.
    Archived,
    /// It goes on as a new agreement.
    Renewed,
    /// It goes on under another offer.
    Replaced,
    /// It goes on as a newer revision.
    Superseded,
    /// A revision of it was taken back; the one before it holds.
    RolledBack,
    /// Something that did not exist when this was written.
    Unknown,
}

impl EndStatus {
    /// Every status, with the Marketplace's word for it.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Cancelled, "CANCELLED"),
        (Self::Expired, "EXPIRED"),
        (Self::Terminated, "TERMINATED"),
        (Self::Archived, "ARCHIVED"),
        (Self::Renewed, "RENEWED"),
        (Self::Replaced, "REPLACED"),
        (Self::Superseded, "SUPERSEDED"),
        (Self::RolledBack, "ROLLED_BACK"),
        (Self::Unknown, "UNKNOWN"),
    ];

    /// Reads the Marketplace's word; one that is not known is [`Self::Unknown`].
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == text).map_or(Self::Unknown, |(status, _)| *status)
    }

    /// The Marketplace's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("UNKNOWN", |(_, name)| name)
    }

    /// Whether the subscription is over. An unknown word ends nothing by itself: the licence that is taken
    /// away with a real end has an event of its own.
    #[must_use]
    pub const fn closes(self) -> bool {
        match self {
            Self::Cancelled | Self::Expired | Self::Terminated | Self::Archived => true,
            Self::Renewed | Self::Replaced | Self::Superseded | Self::RolledBack | Self::Unknown => false,
        }
    }
}

/// Where an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Active,
    /// It has ended.
    Over(EndStatus),
}

/// An agreement on our product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Which.
    pub id: AgreementId,
    /// Where it stands.
    pub standing: Standing,
    /// The buyer's account.
    pub account: AccountId,
    /// The licences that it grants.
    pub licenses: Vec<LicenseArn>,
    /// The first agreement of its chain: [`super::origin`].
    pub first: Option<AgreementId>,
}

/// A page of agreements.
#[derive(Debug)]
pub struct Page {
    /// Those that could be read.
    pub agreements: Vec<Agreement>,
    /// How many could not.
    pub unreadable: usize,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// What the Marketplace makes of a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entitled {
    /// It may be used.
    Provisioned,
    /// It may not any more.
    Deprovisioned,
    /// Not yet, or not for now: scheduled, pending, failed.
    Neither,
}

/// Reads agreements in sessions of the seller account.
#[derive(Debug)]
pub struct Agreements {
    seller: SellerSession,
    product: ProductId,
}

impl Agreements {
    /// `seller` may search agreements and read their entitlements; `product` is the one that this stack sells.
    #[must_use]
    pub const fn new(seller: SellerSession, product: ProductId) -> Self {
        Self { seller, product }
    }

    /// A page of the agreements on our product in which the seller is the proposer, those first that changed
    /// last: that is where something can have been missed. What a reseller sold is not among them.
    ///
    /// # Errors
    /// When the Marketplace or STS refuses.
    pub async fn page(&self, from: Option<String>) -> Result<Page, AgreementsError> {
        let filters = [
            ("PartyType", "Proposer"),
            ("AgreementType", "PurchaseAgreement"),
            ("ResourceIdentifier", self.product.as_str()),
        ]
        .map(|(name, value)| Filter::builder().name(name).values(value).build());
        let sort = Sort::builder().sort_by("LastUpdateTime").sort_order(SortOrder::Descending).build();
        let reply = self
            .client()
            .await?
            .search_agreements()
            .catalog(CATALOG)
            .set_filters(Some(filters.into()))
            .sort(sort)
            .max_results(PAGE)
            .set_next_token(from)
            .send()
            .await
            .map_err(|error| AgreementsError::Marketplace(Box::new(error.into())))?;
        let listed = reply.agreement_view_summaries.unwrap_or_default();
        let agreements: Vec<_> = listed.iter().filter_map(agreement).collect();
        Ok(Page { unreadable: listed.len() - agreements.len(), agreements, next: more(reply.next_token) })
    }

    /// What an agreement says of the licences that it grants.
    ///
    /// # Errors
    /// When the Marketplace or STS refuses, or the list does not end.
    pub async fn entitlements(
        &self,
        agreement: &AgreementId,
    ) -> Result<Vec<(LicenseArn, Entitled)>, AgreementsError> {
        let client = self.client().await?;
        let (mut entitlements, mut from) = (Vec::new(), None);
        for _ in 0..ENTITLEMENT_PAGES {
            let reply = client
                .get_agreement_entitlements()
                .agreement_id(agreement.as_str())
                .max_results(PAGE)
                .set_next_token(from)
                .send()
                .await
                .map_err(|error| AgreementsError::Marketplace(Box::new(error.into())))?;
            let listed = reply.agreement_entitlements.unwrap_or_default();
            entitlements.extend(listed.iter().filter_map(|entitlement| self.entitlement(entitlement)));
            from = more(reply.next_token);
            if from.is_none() {
                return Ok(entitlements);
            }
        }
        Err(AgreementsError::Endless)
    }

    /// An entitlement to our product that names a licence.
    fn entitlement(&self, entitlement: &AgreementEntitlement) -> Option<(LicenseArn, Entitled)> {
        let product = entitlement.resource().and_then(|resource| resource.id());
        if product.is_some_and(|id| id != self.product.as_str()) {
            return None;
        }
        let entitled = match entitlement.status()? {
            AgreementEntitlementStatus::Provisioned => Entitled::Provisioned,
            AgreementEntitlementStatus::Deprovisioned => Entitled::Deprovisioned,
            _ => Entitled::Neither,
        };
        Some((entitlement.license_arn()?.parse().ok()?, entitled))
    }

    pub(super) const fn product(&self) -> &ProductId {
        &self.product
    }

    pub(super) async fn client(&self) -> Result<Client, AgreementsError> {
        let config = self.seller.config().await?.into_builder().region(Region::from_static(REGION)).build();
        #[expect(clippy::disallowed_methods, reason = "the one door to the Marketplace's agreements")]
        Ok(Client::new(&config))
    }
}

/// A page may be empty and not the last one; an empty token is none.
fn more(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// Reads a summary; `None` if anything in it is missing or malformed.
fn agreement(summary: &AgreementViewSummary) -> Option<Agreement> {
    let standing = match summary.status()?.as_str() {
        "ACTIVE" => Standing::Active,
        ended => Standing::Over(EndStatus::of(ended)),
    };
    let licenses = summary.entitlements().iter().filter_map(|entitlement| entitlement.license_arn());
    Some(Agreement {
        id: summary.agreement_id()?.parse().ok()?,
        standing,
        account: summary.acceptor()?.account_id()?.parse().ok()?,
        licenses: licenses.map(|arn| arn.parse().ok()).collect::<Option<_>>()?,
        first: summary.initial_agreement_id().and_then(|id| id.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_marketplaceagreement::types::{Acceptor, AgreementStatus, Entitlement};

    use super::*;

    fn summary(status: AgreementStatus, license: &str) -> AgreementViewSummary {
        AgreementViewSummary::builder()
            .agreement_id("agmt-2c8m4v7x1q5z9k3t6w0b8n2d4")
            .status(status)
            .initial_agreement_id("agmt-1a7k5v2x9q4z8c3t6w0b1n5d7")
            .acceptor(Acceptor::builder().account_id("111122223333").build())
            .entitlements(Entitlement::builder().license_arn(license).build())
            .build()
    }

    const LICENSE: &str = "arn:aws:license-manager::294406891311:license:l-5d3c1f0e7a9b4c2d8e6f1a0b9c8d7e6f";

    #[test]
    fn a_summary_is_read_whole_or_not_at_all() {
        let read = agreement(&summary(AgreementStatus::Active, LICENSE)).unwrap();
        assert_eq!(read.standing, Standing::Active);
        assert_eq!(read.licenses, [LICENSE.parse().unwrap()]);
        assert_eq!(read.first.unwrap().as_str(), "agmt-1a7k5v2x9q4z8c3t6w0b1n5d7");
        let ended = agreement(&summary(AgreementStatus::Cancelled, LICENSE)).unwrap();
        assert_eq!(ended.standing, Standing::Over(EndStatus::Cancelled));
        let new = agreement(&summary(AgreementStatus::from("POSTPONED"), LICENSE)).unwrap();
        assert_eq!(new.standing, Standing::Over(EndStatus::Unknown));

        assert_eq!(agreement(&summary(AgreementStatus::Active, "l-1")), None, "a licence that is none");
        assert_eq!(agreement(&AgreementViewSummary::builder().build()), None, "nothing");
    }

    #[test]
    fn every_status_of_the_model_is_known() {
        for status in AgreementStatus::values().iter().filter(|status| **status != "ACTIVE") {
            assert_ne!(EndStatus::of(status), EndStatus::Unknown, "{status}");
            assert_eq!(EndStatus::of(status).as_str(), *status);
        }
    }
}
