//! AWS Marketplace, played by a test, and what a buyer's browser does when it comes from there.

use local::{
    doors::Doors,
    marketplace::{Bought, Marketplace},
    tenant,
};
use reqwest::{Url, header::HeaderMap, redirect};
use serde_json::{Value, json};

use crate::{Answer, World, sent};

/// A browser without scripts, that follows nothing by itself.
#[derive(Clone)]
pub struct Browser {
    http: reqwest::Client,
    api_url: String,
}

/// A page, and where it is.
#[derive(Debug)]
pub struct Page {
    /// What came back.
    pub answer: Answer,
    url: Url,
}

/// A buyer who has registered.
#[derive(Debug, Clone)]
pub struct SignedUp {
    /// The tenant that it led to.
    pub tenant_id: String,
    /// Where its progress is shown.
    pub url: String,
    /// The administrator's address.
    pub email: String,
    /// The licence.
    pub license_arn: String,
}

impl World {
    /// AWS Marketplace.
    #[must_use]
    pub fn marketplace(&self) -> Marketplace {
        Marketplace::behind(Doors::of(self.details).expect("a client without options builds"))
    }

    /// Somebody has bought the product, as `order` says: `{}` for a subscription like most.
    pub async fn bought(&self, order: Value) -> Bought {
        let bought = self.marketplace().order("subscriptions", &order).await;
        serde_json::from_value(bought.expect("the Marketplace sells")).expect("a purchase is told in full")
    }

    /// A new token for what was bought, as after another click on "Set up your account".
    pub async fn token_for(&self, bought: &Bought) -> String {
        let order = json!({ "license_arn": bought.license_arn });
        let token = self.marketplace().order("tokens", &order).await.expect("the licence has tokens");
        token["token"].as_str().expect("a token is a text").to_owned()
    }

    /// `ResolveCustomer` will give this answer about this licence, to so many calls.
    pub async fn resolve_will_answer(&self, bought: &Bought, answer: &str, times: u32) {
        let order = json!({
            "operation": "ResolveCustomer", "answer": answer, "times": times, "license_arn": bought.license_arn,
        });
        self.marketplace().order("orders", &order).await.expect("the Marketplace takes the order");
    }

    /// A browser.
    #[must_use]
    pub fn browser(&self) -> Browser {
        let http = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build();
        let http = http.expect("a client with these options builds");
        Browser { http, api_url: self.details.api_url.clone() }
    }

    /// A buyer registers what was bought, and has not been waited for.
    pub async fn register(&self, bought: &Bought, company: &str) -> SignedUp {
        let email = format!("admin-{}@buyer.example", uuid::Uuid::new_v4().simple());
        let browser = self.browser();
        let form = browser.arrive(&bought.token).await.expect(200);
        let there = browser.submit(&form, company, &email).await.expect(303);
        let url = there.leads_to();
        let (_, registration) = url.rsplit_once('/').expect("a URL has parts");
        let (tenant_id, _) = registration.split_once('.').expect("a registration names tenant and key");
        SignedUp {
            tenant_id: tenant_id.to_owned(),
            email,
            license_arn: bought.license_arn.clone(),
            url: url.clone(),
        }
    }

    /// A buyer registers, and waits until the account is ready.
    pub async fn sign_up(&self, bought: &Bought, company: &str) -> SignedUp {
        let signed_up = self.register(bought, company).await;
        self.see_ready(&signed_up.url).await;
        signed_up
    }

    /// Has a tenant erased whose subscription is over and metered, without waiting for any time to pass.
    ///
    /// # Panics
    /// When it is not erased, its last metering not being done for example.
    pub async fn close_metered(&self, signed_up: &SignedUp) {
        let close = tenant::Command::Close {
            tenant_id: signed_up.tenant_id.clone(),
            waive_grace: true,
            waive_final_metering: false,
            waive_settling: true,
        };
        let mut said = Vec::new();
        let closed = tenant::run(self.details, &close, true, &mut |line| said.push(line.to_owned())).await;
        closed.expect("the tenant is closed");
        assert!(said.concat().contains(r#""progress":"closed""#), "{said:?}");
    }

    /// Waits until a registration's page says that the account is ready.
    pub async fn see_ready(&self, url: &str) {
        let browser = self.browser();
        self.see("a tenant that is ready", async || {
            let page = browser.get(url).await.expect(200);
            assert!(!page.says("Setting up has stopped"), "{}", page.answer.body);
            page.says("Your account is ready").then_some(())
        })
        .await;
    }
}

impl Browser {
    /// The Marketplace's form, as it sends browsers with it.
    pub async fn arrive(&self, token: &str) -> Page {
        self.post("/signup", &[("x-amzn-marketplace-token", token)]).await
    }

    /// The registration form of a page, with these answers.
    pub async fn submit(&self, form: &Page, company: &str, email: &str) -> Page {
        let registration = form.hidden("registration").expect("the page has the registration's form");
        self.post(
            "/signup/registrations",
            &[("registration", &registration), ("company", company), ("email", email)],
        )
        .await
    }

    /// Sends a form to a path of the API.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let url = self.url(path);
        page(url.clone(), self.http.post(url).form(fields)).await
    }

    /// Sends any body to a path of the API.
    pub async fn post_body(&self, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Page {
        let url = self.url(path);
        let mut request = self.http.post(url.clone()).body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        page(url, request).await
    }

    /// Opens a URL, or a path of the API.
    pub async fn get(&self, there: &str) -> Page {
        let url = self.url(there);
        page(url.clone(), self.http.get(url)).await
    }

    fn url(&self, there: &str) -> Url {
        let text = if there.starts_with('/') { format!("{}{there}", self.api_url) } else { there.to_owned() };
        text.parse().expect("a URL")
    }
}

async fn page(url: Url, request: reqwest::RequestBuilder) -> Page {
    Page { answer: sent(request).await, url }
}

impl Page {
    /// Fails unless the status is `status`.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        Self { answer: self.answer.expect(status), ..self }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.answer.status
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.answer.headers
    }

    /// Whether the words are in what a reader sees.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.answer.body.split_once("</style>").is_some_and(|(_, content)| content.contains(words))
    }

    /// The value of a hidden field.
    #[must_use]
    pub fn hidden(&self, name: &str) -> Option<String> {
        let (_, field) = self.answer.body.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(field.split_once('"')?.0.to_owned())
    }

    /// The text of the heading.
    #[must_use]
    pub fn heading(&self) -> &str {
        let inner = self.answer.body.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
        inner.map_or("", |(text, _)| text)
    }

    /// Where it leads on to, in full.
    #[must_use]
    pub fn leads_to(&self) -> String {
        self.url.join(self.answer.header("location")).expect("a location is a reference").into()
    }
}
