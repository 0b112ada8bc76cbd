//! The local AWS account: the real template, deployed on one machine, with nothing of AWS's but its behaviour.
//!
//! It exists so that the main job can be seen working, and tested, without an account: `cargo run -p local`
//! makes its own tools, builds the functions, starts an engine (ministack) behind the [`gateway`], deploys
//! `template.yaml` with the ordinary `sam deploy`, and puts two tenants into it. Beside it is a second account,
//! the seller's, with `template-seller.yaml` and AWS Marketplace. [`account`] is that, step by step; [`story`]
//! plays the product's story against it through HTTP, and [`signup`] the arrival of a new tenant.
//!
//! What it deliberately does not know: how documents and shares work. It meets the product as any client
//! does, through the template's outputs and the API.

pub mod account;
pub mod attack;
mod aws;
pub mod doors;
pub mod lambda;
pub mod mail;
pub mod marketplace;
pub mod metering;
mod paths;
mod process;
mod progress;
pub mod prove;
pub mod signup;
pub mod story;
pub mod tenant;

pub use aws::{CallError, Root, sdk_config};
pub use progress::Progress;
