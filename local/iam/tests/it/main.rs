//! The evaluator and the derivation, through their public language only. Every refusal stands beside the same request
//! allowed, because an engine that refuses everything passes every test of refusals.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed; clippy.toml allows it in test functions, and these are their parts"
)]

mod assume;
mod conditions;
mod decisions;
mod derived_dynamodb;
mod derived_kms;
mod derived_others;
mod derived_partiql;
mod derived_s3;
mod documents;
mod federate;
mod isolation;
mod laws;
mod resources;
mod unknowns;

use iam::{Context, Decision, Policies, Policy, Principal, Request, Tags, Undecidable, evaluate};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/data";

/// What became of a request, short enough for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Allowed,
    /// By an explicit deny.
    Denied,
    /// Because nothing allows it.
    Refused,
    Undecidable,
}

pub(crate) fn answer(decision: &Result<Decision, Undecidable>) -> Answer {
    match decision {
        Ok(Decision::Allowed { .. }) => Answer::Allowed,
        Ok(Decision::ExplicitlyDenied { .. }) => Answer::Denied,
        Ok(Decision::ImplicitlyDenied { .. }) => Answer::Refused,
        Err(_) => Answer::Undecidable,
    }
}

pub(crate) fn session(tags: &[(&str, &str)]) -> Principal {
    Principal::assumed_role(ROLE, "one").unwrap().with_tags(Tags::new(tags.iter().copied()).unwrap())
}

/// A document of these statements, in the current version.
pub(crate) fn policy(statements: Value) -> Policy {
    Policy::parse("p", &json!({ "Version": "2012-10-17", "Statement": statements }).to_string()).unwrap()
}

pub(crate) fn identity(statements: Value) -> Policies {
    Policies { identity: vec![policy(statements)], ..Policies::default() }
}

pub(crate) fn request(principal: &Principal, action: &str, resource: &str, context: &Context) -> Request {
    Request::new(principal.clone(), action, resource, ACCOUNT, context.clone()).unwrap()
}

/// Whether one statement, allowing `s3:GetObject` on everything under this condition, allows.
pub(crate) fn under(condition: Value, principal: &Principal, context: &Context) -> Answer {
    let policies = identity(json!([{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition
    }]));
    answer(&evaluate(&request(principal, "s3:GetObject", "arn:aws:s3:::b/k", context), &policies))
}
