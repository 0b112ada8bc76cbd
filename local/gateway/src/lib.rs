//! The one AWS endpoint that a function sees: signatures, STS, IAM, Verified Permissions, AWS Marketplace, and the way
//! on to the engine.
//!
//! The engine (ministack) plays the AWS services well and the security of AWS hardly at all: it expands no
//! principal tag, sets no `dynamodb:LeadingKeys`, and has no Verified Permissions and no Marketplace. So nothing
//! speaks to it directly. Every request comes here, is held to its signature, to the policies that the deployed stack
//! really created and to nothing else, and is then sent on under the account's own key.
//!
//! There are two accounts behind the endpoint, the product's and that of its seller; whose key signed a request says
//! which one it is of. The Marketplace answers the seller's, and its events begin on the seller's bus.
//!
//! What this crate deliberately does not know: the product. There is no table name and no role name of Strongroom
//! in it; it reads them from the policies, as AWS does. What it cannot decide it refuses, and says what was
//! unknown: "the local gateway cannot decide: …".
//!
//! # Where it differs from AWS
//!
//! Stricter: `AssumeRole` within the account needs the trust policy *and* the caller's own policy; chunk-signed
//! uploads (`STREAMING-AWS4-…`), signature versions 2 and 4a and every STS operation but `AssumeRole` and
//! `GetCallerIdentity` are refused; a role addresses S3 by path and an existing bucket; of another account's resources
//! only buckets, queues and keys are reached, by their own policies; KMS grants count for nothing. Easier: a policy
//! that was changed through the gateway counts at once, one that was changed behind its back within five seconds; the
//! endpoint is plain HTTP on the loopback and stands for AWS's TLS endpoint, so `aws:SecureTransport` is true.
//!
//! # Its own paths
//!
//! On the AWS endpoint, unsigned, for tests: `GET /_gateway/health`; `GET /_gateway/calls?trace=1-…` (which calls
//! were made for one trace, see `x-amzn-trace-id` in the API's answers; `in_order` too); `POST`, `GET` and `DELETE
//! /_gateway/faults` with `{"service", "operation", "function"?, "trace"?, "when": "before"|"after", "error":
//! "throttle"|"500"|"cut", "times", "skip"?}`; `POST`, `GET` and `DELETE /_gateway/holds` with `{"trace", "nth",
//! "when": "before"|"after"}`, which keep a call waiting until its process is ended (answered with `met`; `DELETE` of all or one `?trace=` cuts it);
//! `POST /_gateway/policy-stores` with `{"of", "tags": [{…}, …]}` (copies a policy store of the product's account once for
//! each set of tags, at most 1,000, past the service's one a second: answers `{"policy_store_ids"}`); `GET` and `DELETE /_gateway/mail?to=ADDRESS` (the mails that Cognito would have
//! sent, newest first: `{"to", "subject", "text", "temporary_password"?, "time"}`); `/_gateway/marketplace/…`, the
//! doors at which AWS Marketplace is played (their table is at the head of `marketplace.rs`).
//!
//! ```no_run
//! # async fn start() -> Result<(), gateway::StartError> {
//! let running = gateway::Gateway::start(gateway::Config::new("http://127.0.0.1:4566")).await?;
//! // AWS_ENDPOINT_URL of the engine and of every client:
//! let _endpoint = &running.aws_url;
//! // … deploy, then:
//! running.serve_api("0123456789", "v1");
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod access_log;
mod accounts;
mod api;
mod authorize;
mod aws;
mod body;
mod call;
mod calls;
mod chunked;
mod clock;
mod config;
mod credentials;
mod directory;
mod engine;
mod events;
mod execution;
mod faults;
mod forward;
mod gateway;
mod holds;
mod identity;
mod kept;
mod mail;
mod marketplace;
mod own;
mod refusal;
mod roles;
mod server;
mod signature;
mod sts;
mod unsigned;
mod xml;

pub use clock::Clock;
pub use config::{AccountRoot, Config};
pub use execution::ExecutionKey;
pub use gateway::{Gateway, Running, StartError};
