//! A buyer whose agreement was renewed or replaced comes with a licence that nobody has registered, and has a tenant
//! already. Whose successor the licence is, the Marketplace's events may not have told yet: then it is asked here, since
//! nobody may be given a second, empty tenant because they were quick.

use shared::{
    marketplace::resolve::Resolved,
    subscriptions::{Registration, SubscriptionError},
};

use crate::{App, failure::Failure};

/// The tenant that the buyer has already; `None` when registering makes them one.
pub(crate) async fn expected(app: &App, resolved: &Resolved) -> Result<Option<Registration>, Failure> {
    let known = app.subscriptions.expected(resolved, app.clock.now()).await?;
    if known.is_none() && learn(app, resolved).await? {
        return Ok(app.subscriptions.expected(resolved, app.clock.now()).await?);
    }
    Ok(known)
}

/// Writes the licence into its line, if nobody has, and if the Marketplace says which one that is. True: it is there
/// now, and was not before.
pub(crate) async fn learn(app: &App, resolved: &Resolved) -> Result<bool, Failure> {
    let Resolved { license, account, agreement: Some(agreement) } = resolved else { return Ok(false) };
    if app.subscriptions.line_of(license, agreement).await?.is_some() {
        return Ok(false);
    }
    let Some(origin) = app.agreements.origin(agreement).await? else { return Ok(false) };
    if origin.account != *account {
        return Err(SubscriptionError::ForeignAccount.into());
    }
    app.subscriptions.enter(license, account, agreement, &origin).await?;
    Ok(true)
}
