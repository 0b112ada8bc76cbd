//! `POST /signup/registrations`: the buyer's two answers, beside what the Marketplace vouched for.
//!
//! It can be sent twice, at once or later, by this buyer or a colleague: the licence has one tenant, and what
//! the first form said stays.

use askama::Template;
use shared::{
    ids::TenantId,
    marketplace::{ids::AccountId, resolve::Resolved},
    onboarding::{Company, Details, Order},
    signup::form::{Form, is_trial},
    users::Email,
};

use crate::{
    App,
    failure::Failure,
    follow, line,
    page::{Answer, Frame},
    request::BrowserRequest,
};

/// What is wrong with one answer.
pub(crate) struct Wrong {
    field: &'static str,
    sentence: &'static str,
}

pub(crate) const WRONG_EMAIL: &str = "Enter an e-mail address such as name@example.com";

#[derive(Template)]
#[template(path = "register.html")]
pub(crate) struct RegisterPage<'a> {
    frame: &'a Frame,
    /// Masked: enough to recognize one's own.
    account: String,
    is_trial: bool,
    field: String,
    action: &'static str,
    company: &'a str,
    email: &'a str,
    errors: Vec<Wrong>,
}

impl<'a> RegisterPage<'a> {
    /// The empty form; `field` is the signed registration, `action` where it goes, seen from this page.
    pub(crate) fn new(
        frame: &'a Frame,
        account: &AccountId,
        is_trial: bool,
        field: String,
        action: &'static str,
    ) -> Self {
        let shown: String = account.as_str().chars().skip(8).collect();
        Self {
            frame,
            account: format!("…{shown}"),
            is_trial,
            field,
            action,
            company: "",
            email: "",
            errors: Vec::new(),
        }
    }

    pub(crate) fn answer(&self, status: u16) -> Answer {
        self.frame.page(status, self)
    }

    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|wrong| wrong.field == field).map(|wrong| wrong.sentence)
    }
}

pub(crate) async fn register(app: &App, request: &BrowserRequest) -> Result<Answer, Failure> {
    let body = request.form()?;
    let form = Form::parse(&body)?;
    let now = app.clock.now();
    let field = form.value("registration");
    let registration = app.key.open(field, now).await?;
    let Resolved { account, .. } = &registration.resolved;

    let (company, email) = (form.value("company"), form.value("email"));
    let details = match details(company, email) {
        Ok(details) => details,
        Err(errors) => {
            let again =
                RegisterPage::new(&app.frame, account, is_trial(&form), field.to_owned(), "registrations");
            return Ok(RegisterPage { company, email, errors, ..again }.answer(422));
        }
    };

    let lead = line::lead(app, &registration.resolved).await?;
    let resolved = &registration.resolved;
    let registered = app.subscriptions.register_by(lead, resolved, TenantId::random(), now).await?;
    Failure::if_over(registered.state.kind)?;
    let record = app.onboardings.begin(registered.tenant, &registered.license, &details, now).await?;
    if record.wants_order(now) {
        app.onboardings.enqueue(&Order::Open { tenant_id: record.tenant }).await?;
    }
    let path = follow::path(&record).ok_or(Failure::Closed)?;
    Ok(Answer::see_other(&format!("registrations/{path}")))
}

fn details(company: &str, email: &str) -> Result<Details, Vec<Wrong>> {
    let company = Company::try_from(company);
    let email = email.trim().parse::<Email>();
    match (company, email) {
        (Ok(company), Ok(admin_email)) => Ok(Details { company, admin_email }),
        (company, email) => {
            let company = company.err().map(|_| Wrong {
                field: "company",
                sentence: "Enter your company’s name, in at most 100 characters",
            });
            let email = email.err().map(|_| Wrong { field: "email", sentence: WRONG_EMAIL });
            Err(company.into_iter().chain(email).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::{content, frame};

    fn page<'a>(frame: &'a Frame, company: &'a str, email: &'a str) -> RegisterPage<'a> {
        let account = "111122223333".parse().unwrap();
        let again = RegisterPage::new(frame, &account, true, "YQ.YQ".to_owned(), "registrations");
        RegisterPage { company, email, errors: details(company, email).err().unwrap_or_default(), ..again }
    }

    #[test]
    fn the_form_is_labelled_and_asks_two_things_only() {
        let frame = frame();
        let account = "111122223333".parse().unwrap();
        let html = RegisterPage::new(&frame, &account, false, "YQ.YQ".to_owned(), "signup/registrations")
            .render()
            .unwrap();
        for part in [
            "<label for=\"company\">",
            "<label for=\"email\">",
            "action=\"signup/registrations\"",
            "name=\"registration\" value=\"YQ.YQ\"",
            "href=\"https://app.vendor.example/sign-in\"",
            "href=\"mailto:help@vendor.example\"",
            "…3333",
        ] {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("111122223333"), "the account is masked");
        assert_eq!(html.matches("<input").count(), 3, "company, e-mail, and what was signed");
        for word in ["card number", "iban", "cvc", "vat"] {
            assert!(!html.to_lowercase().contains(word), "{word}: payment is the Marketplace's");
        }
    }

    #[test]
    fn what_was_typed_comes_back_as_text_with_what_is_wrong() {
        let frame = frame();
        let name = "<script>alert('x')</script> & \"Söhne\"";
        let html = page(&frame, name, "\"><img src=x onerror=alert(1)>").render().unwrap();
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(html.contains("id=\"email-wrong\"") && !html.contains("id=\"company-wrong\""));
        assert!(html.contains("free trial"), "what the offer is said to be stays on the page");
        let html = page(&frame, " ", "").render().unwrap();
        assert!(html.contains("id=\"email-wrong\"") && html.contains("id=\"company-wrong\""), "both at once");
        assert_eq!(content(&html).matches("aria-invalid=\"true\"").count(), 2);
    }

    #[test]
    fn answers_are_trimmed_and_checked() {
        let details = details(" Example GmbH ", " Ada@Example.com ").ok().unwrap();
        assert_eq!(
            (details.company.as_str(), details.admin_email.as_str()),
            ("Example GmbH", "ada@example.com")
        );
    }
}
