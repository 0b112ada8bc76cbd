//! Registration: from a buyer whom the Marketplace vouched for to what onboarding needs.
//!
//! Between the two there is a form, and a form goes through the buyer's browser. So what the Marketplace
//! said travels in a field that was signed ([`registration`], [`key`]): the browser carries it and cannot
//! change it, and this side keeps nothing until the form comes back. Knows no page.

pub mod form;
pub mod key;
pub mod registration;

use aws_types::SdkConfig;

use crate::{config::Signup, onboarding::Onboardings, subscriptions::Subscriptions};

/// Where a registration is written down: which licence is whose tenant, and what onboarding is to do.
///
/// `base` carries the function's own credentials, which reach these two tables and one queue, and nothing of a
/// tenant's.
#[must_use]
pub fn records(base: &SdkConfig, config: &Signup) -> (Subscriptions, Onboardings) {
    #[expect(
        clippy::disallowed_methods,
        reason = "control plane: there is no tenant yet whose session to ask"
    )]
    let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(base), aws_sdk_sqs::Client::new(base));
    let (table, queue_url) = (config.onboarding_table.clone(), config.onboarding_queue_url.clone());
    (
        Subscriptions::new(dynamodb.clone(), config.subscriptions_table.clone()),
        Onboardings::new(dynamodb, sqs, table, queue_url),
    )
}
