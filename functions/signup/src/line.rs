//! A buyer whose agreement was renewed or replaced comes with a licence that nobody has registered, and has a tenant
//! already. Whose successor the licence is, the Marketplace's events may not have told yet: then it is asked here, since
//! nobody may be given a second, empty tenant because they were quick.

use shared::{
    marketplace::resolve::Resolved,
    subscriptions::{Entered, Lead, SubscriptionError},
};

use crate::{App, failure::Failure};

/// Where the buyer's licence leads, by what we know and, if that is not enough, by what the Marketplace says.
pub(crate) async fn lead(app: &App, resolved: &Resolved) -> Result<Lead, Failure> {
    let now = app.clock.now();
    let lead = app.subscriptions.lead(resolved, now).await?;
    if let Lead::Nobody { state, line: None } = lead
        && let Some(entered) = learn(app, resolved).await?
    {
        return Ok(app.subscriptions.lead_along(entered, state, resolved, now).await?);
    }
    Ok(lead)
}

/// Writes the licence into its line, if the Marketplace says which one that is.
async fn learn(app: &App, resolved: &Resolved) -> Result<Option<Entered>, Failure> {
    let Resolved { license, account, agreement: Some(agreement) } = resolved else { return Ok(None) };
    let Some(origin) = app.agreements.origin(agreement).await? else { return Ok(None) };
    if origin.account != *account {
        return Err(SubscriptionError::ForeignAccount.into());
    }
    Ok(Some(app.subscriptions.enter(license, account, agreement, &origin).await?))
}
