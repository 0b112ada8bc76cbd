//! IAM, decided: who may do what, by the policies that a deployed stack really has.
//!
//! This crate exists because no local AWS engine expands `${aws:PrincipalTag/…}`, sets
//! `dynamodb:LeadingKeys` or honours session tags, so none can witness tenant isolation. It has two
//! halves that know nothing of each other:
//!
//! 1. **The evaluator** ([`evaluate`], [`assume_role`], [`assume_role_with_web_identity`]): policies + a [`Request`] → a [`Decision`].
//! 2. **The derivation** ([`requests::derive`]): one AWS call → the authorization requests that AWS
//!    makes of it (action, resource, condition keys).
//!
//! It deliberately has no I/O, no clock, no AWS SDK and no cache: whoever calls it hands in everything.
//! What is not known — an operator, a condition key, an operation, an expression that cannot be read —
//! is an error that names it ([`Undecidable`], [`requests::Underivable`]) and must be refused by the
//! caller, never passed. Rules follow the IAM User Guide and the Service Authorization Reference; each
//! module names the page that it implements.
//!
//! Questions that AWS's pages leave open, or answer twice, are [`Undecidable`] where the answer would decide:
//! whether an empty tag value is a value; a `NotResource` whose variable has no value; `ForAnyValue:…IfExists` of an
//! absent key; a resource's grant to everyone (without `aws:PrincipalArn`) against a boundary or session policy that
//! does not allow; a `NotPrincipal` that names some but not all of session, role and account.
//!
//! Where other evaluators are known to differ, this one follows the page: negated operators match a variable without
//! a value ("Policy variables with no value"), and a resource's grant to the very session is not limited by boundary or
//! session policies ("Policy evaluation logic").
//!
//! ```
//! use iam::{Context, Decision, Policies, Policy, Principal, Request, Tags, evaluate};
//!
//! let policy = r#"{"Version": "2012-10-17", "Statement": [{
//!     "Sid": "OwnObjects", "Effect": "Allow", "Action": "s3:GetObject",
//!     "Resource": "arn:aws:s3:::content/${aws:PrincipalTag/tenant_id}/*"}]}"#;
//! let policies = Policies {
//!     identity: vec![Policy::parse("data", policy)?],
//!     ..Policies::default()
//! };
//! let session = Principal::assumed_role("arn:aws:iam::123456789012:role/data", "one")?
//!     .with_tags(Tags::new([("tenant_id", "abc")])?);
//! let get = |key: &str| {
//!     let object = format!("arn:aws:s3:::content/{key}");
//!     Request::new(session.clone(), "s3:GetObject", &object, "123456789012", Context::new())
//! };
//! assert!(evaluate(&get("abc/1")?, &policies)?.is_allowed());
//! assert!(!evaluate(&get("abcd/1")?, &policies)?.is_allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arn;
mod assume;
mod condition;
mod context;
mod date;
mod decision;
mod evaluate;
mod federate;
mod json;
mod keys;
mod policy;
mod principal;
mod request;
pub mod requests;
mod statement;
mod tags;
mod text;

pub use arn::{Arn, ArnError};
pub use assume::{Assume, AssumeDecision, AssumeError, Assumed, Role, assume_role};
pub use context::{Context, Value};
pub use decision::{Cited, Decision, Gap, PolicyKind};
pub use evaluate::{Policies, Policy, Undecidable, evaluate};
pub use federate::{Federate, WebIdentity, assume_role_with_web_identity};
pub use policy::{PolicyDocument, PolicyError};
pub use principal::{Principal, PrincipalError, PrincipalKind};
pub use request::{Request, RequestError};
pub use tags::{TagError, Tags};
