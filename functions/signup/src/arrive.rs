//! `POST /signup`: the buyer arrives with the Marketplace's form, and the token in it is resolved at once.
//!
//! A buyer who has registered already, or whose colleague has, is led to where that registration stands.

use shared::{
    marketplace::resolve::{self, Resolved},
    onboarding::Record,
    signup::{
        form::{Arrival, Form},
        registration::Registration,
    },
    subscriptions::Lead,
};

use crate::{
    App, failure::Failure, follow, line, page::Answer, register::RegisterPage, request::BrowserRequest,
};

pub(crate) async fn arrive(app: &App, request: &BrowserRequest) -> Result<Answer, Failure> {
    let body = request.form()?;
    let Arrival { token, is_trial } = Arrival::of(&Form::parse(&body)?)?;
    let resolved = resolve::resolve(&app.seller, &app.product, token).await?;
    let registration = Registration::of(resolved, app.clock.now());
    let Resolved { account, .. } = &registration.resolved;
    // Neither waits for the other: somebody looks at an empty page meanwhile.
    let (known, field) = tokio::join!(known(app, &registration.resolved), app.key.seal(&registration));
    if let Some(record) = known?
        && let Some(path) = follow::path(&record)
    {
        return Ok(Answer::see_other(&format!("signup/registrations/{path}")));
    }
    Ok(RegisterPage::new(&app.frame, account, is_trial, field?, "signup/registrations").answer(200))
}

/// The licence's registration, if somebody has completed one, or one of a licence before it in its line.
async fn known(app: &App, resolved: &Resolved) -> Result<Option<Record>, Failure> {
    match line::lead(app, resolved).await? {
        Lead::Home(home) => {
            Failure::if_over(home.state.kind)?;
            Ok(app.onboardings.get(home.tenant).await?)
        }
        // It may be over before anybody came.
        Lead::Nobody { state, .. } => state.map_or(Ok(()), Failure::if_over).map(|()| None),
    }
}
