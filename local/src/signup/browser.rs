//! The buyer's browser: it sends forms and loads pages, and follows no redirect that is not told.

use std::time::Duration;

use reqwest::{Url, redirect};

use super::page::Form;
use crate::story::StoryError;

/// No page of a sign-up takes this long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Where the form comes from that begins a sign-up: AWS Marketplace's own pages.
const MARKETPLACE: &str = "https://aws.amazon.com";

/// A browser.
pub(super) struct Browser {
    http: reqwest::Client,
}

/// What it shows.
#[derive(Debug)]
pub(super) struct Page {
    /// The HTTP status; 0 when nothing came back.
    pub(super) status: u16,
    /// Where it is.
    url: Option<Url>,
    /// Where it leads, if it leads on.
    location: Option<String>,
    /// What is on it.
    pub(super) html: String,
}

impl Browser {
    pub(super) fn new() -> Result<Self, StoryError> {
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).redirect(redirect::Policy::none());
        Ok(Self { http: http.build().map_err(StoryError::Client)? })
    }

    /// Sends the Marketplace's form with its token to the product, from the Marketplace's site.
    pub(super) async fn arrive(&self, url: &str, token: &str) -> Page {
        let fields = [("x-amzn-marketplace-token".to_owned(), token.to_owned())];
        let Ok(url) = url.parse() else { return Page::nothing() };
        self.submit_from(MARKETPLACE, url, &fields).await
    }

    /// Sends a form that is on `page`.
    pub(super) async fn submit(&self, page: &Page, form: &Form) -> Page {
        let Some(url) = page.link(&form.action) else { return Page::nothing() };
        self.submit_from(&url.origin().ascii_serialization(), url, &form.fields).await
    }

    /// Goes where `page` leads.
    pub(super) async fn follow(&self, page: &Page) -> Page {
        let there = page.location.as_deref().and_then(|location| page.link(location));
        match there {
            Some(url) => shown(self.http.get(url)).await,
            None => Page::nothing(),
        }
    }

    /// Loads `page` again.
    pub(super) async fn reload(&self, page: &Page) -> Page {
        match page.url.clone() {
            Some(url) => shown(self.http.get(url)).await,
            None => Page::nothing(),
        }
    }

    async fn submit_from(&self, origin: &str, url: Url, fields: &[(String, String)]) -> Page {
        shown(self.http.post(url).header("origin", origin).form(fields)).await
    }
}

impl Page {
    fn nothing() -> Self {
        Self { status: 0, url: None, location: None, html: String::new() }
    }

    /// Where a link on the page leads.
    fn link(&self, reference: &str) -> Option<Url> {
        self.url.as_ref()?.join(reference).ok()
    }

    /// Where the page leads on to, in full; empty when it does not.
    pub(super) fn leads_to(&self) -> String {
        let there = self.location.as_deref().and_then(|location| self.link(location));
        there.map(String::from).unwrap_or_default()
    }
}

async fn shown(request: reqwest::RequestBuilder) -> Page {
    let Ok(response) = request.send().await else { return Page::nothing() };
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    let (status, url) = (response.status().as_u16(), response.url().clone());
    let location = location.map(str::to_owned);
    let Ok(html) = response.text().await else { return Page::nothing() };
    Page { status, url: Some(url), location, html }
}
