//! The seller account: who it is, and its stack, which lends the product's functions what they need of AWS
//! Marketplace and passes its events on.
//!
//! Its stack names the exact roles that may borrow its own, so it comes after the product's. It has no code
//! and no transform, and is made by one call, where `sam deploy` would take seconds.

use std::{collections::BTreeMap, time::Duration};

use super::{
    AccountError,
    deploy::{self, Stack},
};
use crate::{aws::Root, paths::Paths, progress::Progress};

/// The stack's name.
const STACK: &str = "strongroom-seller";
/// How long the stack may take. It takes a second.
const MADE_WITHIN: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What its roles ask to hear: 122 random bits, made anew at every start.
pub(super) fn external_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Makes the seller's stack for the product's, whose outputs are `product`; answers its outputs.
pub(super) async fn deploy(
    paths: &Paths,
    seller: &Root,
    product: &BTreeMap<String, String>,
    external_id: &str,
    progress: Progress,
) -> Result<BTreeMap<String, String>, AccountError> {
    let step = progress.step("seller's stack");
    let source = paths.root().join("template-seller.yaml");
    let template = tokio::fs::read_to_string(&source).await.map_err(AccountError::file(&source))?;
    let parameters = parameters(product, external_id)?;
    let refused = |source| AccountError::Call { step: "could not deploy the seller's stack", source };
    let mut asked = vec![
        ("Action".to_owned(), "CreateStack"),
        ("Version".to_owned(), "2010-05-15"),
        ("StackName".to_owned(), STACK),
        ("TemplateBody".to_owned(), template.as_str()),
        ("Capabilities.member.1".to_owned(), "CAPABILITY_NAMED_IAM"),
    ];
    for (nth, (name, value)) in parameters.iter().enumerate() {
        asked.push((format!("Parameters.member.{}.ParameterKey", nth + 1), name));
        asked.push((format!("Parameters.member.{}.ParameterValue", nth + 1), value));
    }
    let asked: Vec<_> = asked.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    seller.query("cloudformation", &asked).await.map_err(refused)?;
    let made = tokio::time::timeout(MADE_WITHIN, async {
        loop {
            let stack = deploy::describe(seller, STACK).await.map_err(refused)?;
            if stack.status != "CREATE_IN_PROGRESS" {
                return Ok(stack);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    });
    let stack = made.await.map_err(|_| wrong("its stack is not made in time".to_owned()))??;
    let Stack { status, reason, outputs } = stack;
    if status != "CREATE_COMPLETE" {
        return Err(wrong(format!("its stack is {status}: {reason}")));
    }
    step.done(STACK);
    Ok(outputs)
}

/// What the seller's stack has to know of the product's.
fn parameters(
    product: &BTreeMap<String, String>,
    external_id: &str,
) -> Result<[(&'static str, String); 5], AccountError> {
    let output = |name: &str| {
        product.get(name).cloned().ok_or_else(|| AccountError::Template(format!("has no output `{name}`")))
    };
    Ok([
        ("SignupRoleArn", output("SignupRoleArn")?),
        ("SubscriptionsRoleArn", output("SubscriptionsRoleArn")?),
        ("MeteringRoleArn", output("MeteringRoleArn")?),
        ("MarketplaceBusArn", output("MarketplaceBusArn")?),
        ("ExternalId", external_id.to_owned()),
    ])
}

fn wrong(what: String) -> AccountError {
    AccountError::SellerTemplate(what)
}
