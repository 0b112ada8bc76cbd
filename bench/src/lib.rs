//! What the functions cost, shown by the project about itself.
//!
//! The built functions are measured as Lambda would run them: as processes that ask a Runtime API for events and
//! call AWS. Both are played on this machine, so nothing here needs an account. How the product behaves as it grows
//! ([`scale`]) is asked of the local account.

mod callgrind;
mod certificate;
mod functions;
pub mod gate;
mod html;
mod measure;
mod prices;
mod process;
mod programs;
pub mod report;
mod routes;
mod runtime_api;
pub mod scale;
pub mod stub;
mod targets;
mod trips;

pub use callgrind::CountError;
pub use certificate::CertificateError;
pub use functions::MeasureError;
pub use process::ProcessError;
pub use routes::EventError;
pub use stub::StubError;
