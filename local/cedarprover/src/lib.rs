//! The Cedar policies, proved: for every request, every entity and every share that there could be.
//!
//! A test of policies asks about a few people and a few documents. This translates the policies of `shared/cedar` into
//! logic (`cedar-policy-symcc`) and asks a solver (cvc5) for anybody who could do what is not promised: whoever it finds
//! is put to the Cedar engine itself before it is told. What is promised stands beside the policies, in `promises.cedar`,
//! as the most *and* the least that each action may be allowed. [`compare`] tells what a change of policies gives and takes.
//!
//! Templates are invisible to the translation. So a share is proved as its template linked to a name that nothing else
//! knows, which stands for every name, and any number of shares as the template without its two places, which is the
//! union of all its links.
//!
//! It deliberately knows no policy and no promise of ours: they are read from a folder.
//!
//! What it does not prove: that our code sends the right owner and the right groups, and sends the document at all (an
//! entity that is not sent has no attributes, and the policy that reads them is skipped). The functions' tests do.

mod case;
mod compare;
mod extend;
mod files;
mod policies;
mod promises;
mod proof;
mod solver;

pub use case::{Case, Outcome};
pub use compare::{Change, compare};
pub use extend::INVENTED;
pub use files::{Files, FilesError};
pub use policies::{Policies, PoliciesError};
pub use promises::{Promises, PromisesError};
pub use proof::{Held, Proof, prove};
pub use solver::{Prover, ProverError};
