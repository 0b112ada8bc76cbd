//! A session for a tenant and a store that no mapping row joins. It opens nothing: IAM compares the tag of the
//! session with the tag of the store, and this is how to see that it does; and how a tenant's store that lost
//! the race for its alias is removed with no more power than over that tenant's own.

use super::{Power, SessionError, Tenancy, VerifiedTenant};
use crate::ids::{ServiceId, TenantId};

impl Tenancy {
    /// The policy store service, as a session of `tenant` with the power `P` that names `store`. Not kept.
    ///
    /// # Errors
    /// When STS does not answer.
    pub(crate) async fn at_store<P: Power>(
        &self,
        tenant: TenantId,
        store: &ServiceId,
    ) -> Result<aws_sdk_verifiedpermissions::Client, SessionError> {
        let role = P::role(&self.roles);
        let (config, _) = self.assume(P::NAME, role, &VerifiedTenant::ours(tenant), Some(store)).await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "narrowed credentials: IAM refuses what is not the tenant's"
        )]
        Ok(aws_sdk_verifiedpermissions::Client::new(&config))
    }
}
