//! What happens in a sign-up, in order.

use std::time::{Duration, Instant};

use super::{
    Buyer,
    browser::{Browser, Page},
    page::{self, Form},
};
use crate::{
    account::{self, Details, Role},
    doors::Doors,
    mail,
    marketplace::Marketplace,
    story::{
        Step, StoryError, Teller,
        client::{Visitor, promise},
        patiently,
    },
};

/// What the new administrator keeps in the first document.
const CONTENT: &str = "Minutes of the first meeting.\n";
/// How long a tenant may take to be ready. It takes seconds.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Time between two looks at the progress page; it would ask for more.
const RELOAD_AFTER: Duration = Duration::from_millis(300);

/// Plays it; false when it ended early.
pub(super) async fn play(
    details: &Details,
    buyer: &Buyer,
    told: &mut dyn FnMut(&Step),
) -> Result<bool, StoryError> {
    let mut teller = Teller::new(told);
    let doors = Doors::of(details)?;
    let browser = Browser::new()?;
    let Some(progress) = register(details, &doors, &browser, buyer, &mut teller).await? else {
        return Ok(false);
    };
    if !wait(&browser, progress, &mut teller).await {
        return Ok(false);
    }
    let Some(admin) = sign_in(details, &doors, buyer, &mut teller).await? else { return Ok(false) };
    let Some(document) = add(&admin, &mut teller).await else { return Ok(false) };
    list(&admin, &mut teller, &document).await;
    refuse(details, &mut teller, &document).await?;
    Ok(true)
}

/// From the Marketplace's form to the progress page.
async fn register(
    details: &Details,
    doors: &Doors,
    browser: &Browser,
    buyer: &Buyer,
    teller: &mut Teller<'_>,
) -> Result<Option<Page>, StoryError> {
    let market = Marketplace::behind(doors.clone());
    let bought = market.subscribe().await?;
    let url = format!("{}/signup", details.api_url);
    let shows_form = |page: &Page| match Form::in_page(&page.html) {
        Some(_) => format!("{} with a form", page.status),
        None => told(page),
    };
    let first = browser.arrive(&url, &bought.token).await;
    teller.step(
        "the Marketplace sends a buyer's browser with a token",
        "200 with a form",
        shows_form(&first),
    );
    let again = browser.arrive(&url, &bought.token).await;
    teller.step("it does so again, as after a reload", "200 with a form", shows_form(&again));
    let Some(mut form) = Form::in_page(&again.html) else { return Ok(None) };
    let filled = form.fill("company", &buyer.company) && form.fill("email", &buyer.email);
    if !teller.step(
        "the buyer fills in company and e-mail",
        "filled in",
        if filled { "filled in" } else { "no such fields" },
    ) {
        return Ok(None);
    }
    let sent = browser.submit(&again, &form).await;
    teller.step("the buyer sends the form", "303", told(&sent));
    let twice = browser.submit(&again, &form).await;
    let same = if twice.leads_to() == sent.leads_to() { "to the same page" } else { "to another page" };
    teller.step("the buyer sends it twice", "303 to the same page", format!("{} {same}", twice.status));
    Ok((sent.status == 303).then_some(sent))
}

/// Follows the progress page, as it asks, until it asks no more.
async fn wait(browser: &Browser, leads_on: Page, teller: &mut Teller<'_>) -> bool {
    let begun = Instant::now();
    let mut page = browser.follow(&leads_on).await;
    while page::asks_to_be_loaded_again(&page.html) && begun.elapsed() < READY_WITHIN {
        tokio::time::sleep(RELOAD_AFTER).await;
        page = browser.reload(&page).await;
    }
    teller.step("the progress page is followed to its end", "200 Your account is ready", told(&page))
}

/// The invitation, and the first sign-in with it.
async fn sign_in(
    details: &Details,
    doors: &Doors,
    buyer: &Buyer,
    teller: &mut Teller<'_>,
) -> Result<Option<Visitor>, StoryError> {
    let mails = mail::outbox(doors, Some(&buyer.email)).await?;
    let invitations: Vec<_> = mails.iter().filter_map(|mail| mail.temporary_password.as_deref()).collect();
    teller.step(
        "an invitation is mailed to the administrator",
        "1 invitation",
        format!("{} invitation", invitations.len()),
    );
    let Some(temporary) = invitations.first() else { return Ok(None) };
    let nobody = Visitor::unknown(details)?;
    let challenge = nobody.sign_in(details, &buyer.email, temporary).await;
    let asked = challenge.text("/ChallengeName");
    if !teller.step("the administrator signs in with its password", "NEW_PASSWORD_REQUIRED", asked) {
        return Ok(None);
    }
    let password = account::password();
    let admin = nobody.chooses_password(details, &challenge, &buyer.email, &password).await;
    let got = if admin.has_token() { "signed in" } else { "no token" };
    Ok(teller.step("the administrator chooses another one", "signed in", got).then_some(admin))
}

/// The first document and its content; its id, once it is there to be opened.
async fn add(admin: &Visitor, teller: &mut Teller<'_>) -> Option<String> {
    let added = admin.post("/documents", &promise("Minutes.txt", CONTENT)).await;
    let document = added.text("/document/document_id");
    let got = format!("{} {}", added.summary(), added.text("/document/status"));
    if !teller.step("the administrator adds a document", "201 pending", got.trim()) {
        return None;
    }
    let upload = added.json().get("upload").cloned().unwrap_or_default();
    let answer = admin.upload(&upload, CONTENT.into()).await;
    teller.step("its content is uploaded", "200", answer.summary());
    let path = format!("/documents/{document}");
    let status = patiently(async || admin.get(&path).await.text("/document/status"), |s| s == "available");
    teller.step("the document becomes available", "available", status.await).then_some(document)
}

/// The tenant holds that document and no other.
async fn list(admin: &Visitor, teller: &mut Teller<'_>, document: &str) {
    let listed = patiently(
        async || {
            let list = admin.get("/documents").await;
            let documents = list.json().get("documents").and_then(|d| Some(d.as_array()?.len()));
            match documents {
                Some(1) if list.text("/documents/0/document_id") == document => {
                    format!("{} it alone", list.summary())
                }
                other => format!("{} {} documents", list.summary(), other.unwrap_or_default()),
            }
        },
        |got| got == "200 it alone",
    );
    teller.step("the administrator lists documents", "200 it alone", listed.await);
}

/// To the tenants who were there before, nothing has happened.
async fn refuse(details: &Details, teller: &mut Teller<'_>, document: &str) -> Result<(), StoryError> {
    let nobody = Visitor::unknown(details)?;
    for tenant in &details.tenants {
        let Some(user) = tenant.users.iter().find(|user| user.role == Role::Admin) else { continue };
        let answer = nobody.signed_in(details, user).await.get(&format!("/documents/{document}")).await;
        let step = format!("{}'s administrator opens it", tenant.name);
        teller.step(&step, "404 not-found", answer.summary());
    }
    Ok(())
}

/// A page in a few words: its status, and where it stands or what stands above it.
fn told(page: &Page) -> String {
    match (page.status, page::heading(&page.html)) {
        (0, _) => "no answer".to_owned(),
        (status, heading) if heading.is_empty() => status.to_string(),
        (status, heading) => format!("{status} {heading}"),
    }
}
