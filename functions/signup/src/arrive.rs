//! `POST /signup`: the buyer arrives with the Marketplace's form, and the token in it is resolved at once.
//!
//! A buyer who has registered already, or whose colleague has, is led to where that registration stands.

use shared::{
    marketplace::{
        ids::{AccountId, LicenseArn},
        resolve::{self, Resolved},
    },
    onboarding::Record,
    signup::{
        form::{Arrival, Form},
        registration::Registration,
    },
    subscriptions::SubscriptionError,
};

use crate::{App, failure::Failure, follow, page::Answer, register::RegisterPage, request::BrowserRequest};

pub(crate) async fn arrive(app: &App, request: &BrowserRequest) -> Result<Answer, Failure> {
    let body = request.form()?;
    let Arrival { token, is_trial } = Arrival::of(&Form::parse(&body)?)?;
    let resolved = resolve::resolve(&app.seller, &app.product, token).await?;
    let registration = Registration::of(resolved, app.clock.now());
    let Resolved { account, license, .. } = &registration.resolved;
    // Neither waits for the other: somebody looks at an empty page meanwhile.
    let (known, field) = tokio::join!(known(app, account, license), app.key.seal(&registration));
    if let Some(record) = known?
        && let Some(path) = follow::path(&record)
    {
        return Ok(Answer::see_other(&format!("signup/registrations/{path}")));
    }
    Ok(RegisterPage::new(&app.frame, account, is_trial, field?, "signup/registrations").answer(200))
}

/// The licence's registration, if somebody has completed one.
async fn known(app: &App, account: &AccountId, license: &LicenseArn) -> Result<Option<Record>, Failure> {
    let Some(subscription) = app.subscriptions.get(license).await? else { return Ok(None) };
    if subscription.account != *account {
        return Err(SubscriptionError::ForeignAccount.into());
    }
    Failure::if_over(subscription.state.kind)?;
    match subscription.tenant {
        Some(tenant) => Ok(app.onboardings.get(tenant).await?),
        None => Ok(None),
    }
}
