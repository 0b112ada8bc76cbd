//! Which chain an agreement is of: the one documented link between an agreement and those that it renews or replaces.
//!
//! No event names the agreement that came before. `initialAgreementId` of DescribeAgreement does, in a way: "the
//! unique identifier of the very first agreement in a chain of related agreements, such as renewals or replacements.
//! It stays the same across all agreements in that chain"; of an agreement that is not derived from another it is its
//! own id. Nothing else is taken for a link: not the account, which may hold several agreements on one product, not
//! the offer, and not that one agreement begins when another ends.
//! <https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_DescribeAgreement.html>

use aws_sdk_marketplaceagreement::operation::describe_agreement::{
    DescribeAgreementError, DescribeAgreementOutput,
};

use super::{
    agreements::{Agreements, AgreementsError},
    ids::{AccountId, AgreementId, ProductId},
};

/// Where an agreement comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The first agreement of its chain; itself, if it is not derived from another.
    pub first: AgreementId,
    /// The buyer's account.
    pub account: AccountId,
}

impl Agreements {
    /// Where an agreement on our product comes from. `None` when the Marketplace does not say: it knows no such
    /// agreement of ours (a reseller's is the reseller's), or it is on another product, or names no chain. Then it is
    /// nobody's successor.
    ///
    /// # Errors
    /// When the Marketplace or STS does not do its part: nothing is known then.
    pub async fn origin(&self, agreement: &AgreementId) -> Result<Option<Origin>, AgreementsError> {
        let asked = self.client().await?.describe_agreement().agreement_id(agreement.as_str()).send().await;
        match asked {
            Ok(answer) => Ok(read(&answer, agreement, self.product())),
            Err(error) => match error.as_service_error() {
                Some(DescribeAgreementError::ResourceNotFoundException(_)) => Ok(None),
                // Also what a role answers that was not given the action: then a renewal does not find its tenant.
                Some(DescribeAgreementError::AccessDeniedException(_)) => {
                    tracing::warn!(%agreement, "the Marketplace does not let us see an agreement");
                    Ok(None)
                }
                _ => Err(AgreementsError::Marketplace(Box::new(error.into()))),
            },
        }
    }
}

fn read(answer: &DescribeAgreementOutput, asked: &AgreementId, product: &ProductId) -> Option<Origin> {
    let resources = answer.proposal_summary()?.resources();
    let is_ours = resources.iter().any(|resource| resource.id() == Some(product.as_str()));
    let is_asked = answer.agreement_id() == Some(asked.as_str());
    (is_ours && is_asked).then_some(())?;
    Some(Origin {
        first: answer.initial_agreement_id()?.parse().ok()?,
        account: answer.acceptor()?.account_id()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_marketplaceagreement::types::{Acceptor, ProposalSummary, Resource};

    use super::*;

    fn answer(product: &str) -> DescribeAgreementOutput {
        DescribeAgreementOutput::builder()
            .agreement_id("agmt-second")
            .initial_agreement_id("agmt-first")
            .acceptor(Acceptor::builder().account_id("111122223333").build())
            .proposal_summary(
                ProposalSummary::builder().resources(Resource::builder().id(product).build()).build(),
            )
            .build()
    }

    fn origin_of(answer: &DescribeAgreementOutput) -> Option<Origin> {
        read(answer, &"agmt-second".parse().unwrap(), &"prod-ours".parse().unwrap())
    }

    #[test]
    fn an_agreement_says_of_which_chain_it_is() {
        let origin = origin_of(&answer("prod-ours")).unwrap();
        assert_eq!((origin.first.as_str(), origin.account.as_str()), ("agmt-first", "111122223333"));
    }

    #[test]
    fn another_products_agreement_and_one_that_says_too_little_are_of_no_chain() {
        assert_eq!(origin_of(&answer("prod-other")), None);
        let but = |change: &dyn Fn(&mut DescribeAgreementOutput)| {
            let mut answer = answer("prod-ours");
            change(&mut answer);
            origin_of(&answer)
        };
        assert_eq!(but(&|answer| answer.initial_agreement_id = None), None);
        assert_eq!(but(&|answer| answer.initial_agreement_id = Some("no id".to_owned())), None);
        assert_eq!(but(&|answer| answer.acceptor = None), None);
        assert_eq!(but(&|answer| answer.proposal_summary = None), None);
        assert_eq!(but(&|answer| answer.agreement_id = Some("agmt-another".to_owned())), None);
    }
}
