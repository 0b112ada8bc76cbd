//! From a registration to a tenant that works, and from a tenant that is over to nothing.
//!
//! Control plane: it works across tenants, so it takes clients of its own and is never part of a function that
//! faces tenants, whose role could not do any of it anyway. What it does with a tenant's data it does in that
//! tenant's sessions, like everybody else. It knows nothing of pages, of Lambda, or of what the Marketplace says.
//!
//! ```text
//! registered ─▶ store ─▶ alias ─▶ schema ─▶ policies ─▶ mapping ─▶ subscription ─▶ administrator ─▶ probes ─▶ open
//! ordered to close ─▶ locked out ─▶ settled ─▶ counted ─▶ documents, content, shares, users ─▶ store ─▶ mapping row
//! ```
//!
//! ## Why a crash anywhere leaves one tenant, or none
//!
//! - **Every run begins at the beginning** and finds done what was done: no step is skipped because of what an
//!   earlier run wrote down, so nothing depends on whether a crash came before or after its effect.
//! - **One store.** The alias leads to one store. What is made before it stands is found again by its client
//!   token, later by its description; what loses the race for the alias is removed (`store.rs`).
//! - **Closed until checked.** The mapping row comes when the store is whole, and says `opening`; only the last
//!   step makes that `open`, and only from `opening`.
//! - **No way back.** Every write to a record that is being opened demands that it still is: a run that comes
//!   late stops at the next step, and cannot open what was closed meanwhile.
//! - **Erasing** locks out first, waits until nothing can arrive any more, counts before it erases, and removes
//!   the mapping row last, because without it no session of the tenant's can be had. The store goes after the
//!   rows: its tag binds every session of the tenant's to it, its policies are counted too, and a store that is
//!   still there while rows go lets nobody in, since the mapping row has shut every user out already.
//! - **Coming back.** Until the first removal the order is taken back when the subscription is active again.

mod advance;
pub mod closing;
mod contents;
pub mod details;
mod erase;
mod error;
mod invitation;
mod mapping;
mod mark;
mod open;
pub mod order;
mod policies;
mod probes;
pub mod progress;
pub mod record;
mod store;
mod table;
mod upgrade;

use std::time::SystemTime;

pub use closing::{Counts, NotYet, Waived};
pub use details::{Company, Details, InvalidDetail};
pub use erase::{CloseError, Erased};
pub use error::OnboardingError;
pub use invitation::InvitedAgain;
pub use mapping::PolicyStore;
pub use open::{Onboarding, OpenError, Opened};
pub use order::{InvalidOrder, Order};
pub use policies::{SCHEMA, SHARE_TEMPLATE, STATIC_POLICIES, install_policies};
pub use probes::Finding;
pub use progress::{Progress, Step, Why};
pub use record::{Failure, ProgressKey, Record, Registrant};
pub use table::{Onboardings, RecordError};
pub use upgrade::Upgraded;

use mapping::{Begins, MappingRow};

use crate::{
    ids::TenantId,
    users::{self, NewUser},
};

/// Clients and tables of the control plane.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    /// May create stores and write their schema and policies.
    pub verified_permissions: aws_sdk_verifiedpermissions::Client,
    /// May write the tables below.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Tenant → policy store.
    pub tenants_table: String,
    /// The directory.
    pub users_table: String,
    /// Whether the store of a tenant is protected from deletion.
    pub deletion_protection: bool,
}

impl ControlPlane {
    const fn mapping_of(&self, tenant: TenantId) -> MappingRow<'_> {
        MappingRow { dynamodb: &self.dynamodb, table: self.tenants_table.as_str(), tenant }
    }
}

/// Opens a tenant by hand, without a registration: it is usable at once, and no subscription ends it. For an
/// account's demo tenants; it can be repeated, for eight hours.
///
/// # Errors
/// When a step fails; run it again.
pub async fn open_tenant(plane: &ControlPlane, tenant: TenantId) -> Result<PolicyStore, OnboardingError> {
    let client = &plane.verified_permissions;
    let id = match store::behind_alias(client, tenant).await? {
        Some(id) => id,
        None => {
            let made = store::make(client, tenant, plane.deletion_protection).await?;
            store::give_alias(client, tenant, &made.ok_or(OnboardingError::ForeignStore)?).await?
        }
    };
    let share_template_id = install_policies(client, &id).await?;
    let store = PolicyStore { id, share_template_id };
    plane.mapping_of(tenant).write(&store, Begins::Usable).await?;
    Ok(store)
}

/// Writes a user whose account is there into the directory of a tenant.
///
/// # Errors
/// When the rows cannot be written.
pub async fn enrol(
    plane: &ControlPlane,
    tenant: TenantId,
    new: &NewUser,
    now: SystemTime,
) -> Result<(), OnboardingError> {
    Ok(users::enrol(&plane.dynamodb, &plane.users_table, tenant, new, now).await?)
}
