//! The local AWS account: the real template, deployed on one machine, with nothing of AWS's but its behaviour.
//!
//! It exists so that the main job can be seen working, and tested, without an account: `cargo run -p local`
//! makes its own tools, builds the functions, starts an engine (ministack) behind the [`gateway`], deploys
//! `template.yaml` with the ordinary `sam deploy`, and puts two tenants into it. [`account`] is that, step by
//! step; [`story`] plays the product's story against it through HTTP.
//!
//! What it deliberately does not know: how documents and shares work. It meets the product as any client
//! does, through the template's outputs and the API.

pub mod account;
mod aws;
mod paths;
mod process;
mod progress;
pub mod story;

pub use progress::Progress;
