//! Pages: what every one of them has, and the headers that keep a browser from doing more with them.

use askama::Template;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use std::collections::BTreeMap;

/// The style sheet, which every page carries within itself: there is nothing else to load.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

/// Where a buyer finds help.
pub(crate) struct Support {
    /// What is shown.
    pub(crate) text: String,
    /// Where it leads; none when the text is neither an address nor an https URL.
    pub(crate) href: Option<String>,
}

/// What all pages have in common.
pub(crate) struct Frame {
    /// The product's name.
    pub(crate) product: String,
    /// Where a buyer finds help.
    pub(crate) support: Support,
    /// Where users sign in.
    pub(crate) sign_in: Option<String>,
    policy: String,
}

impl Frame {
    pub(crate) fn new(product: String, support: String, sign_in: Option<String>) -> Self {
        let href = if support.starts_with("https://") {
            Some(support.clone())
        } else if support.contains('@') {
            Some(format!("mailto:{support}"))
        } else {
            None
        };
        let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        let style = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes()));
        Self {
            product,
            support: Support { text: support, href },
            sign_in: sign_in.filter(is_web),
            // Nothing but this style and forms of our own; no script at all.
            policy: format!(
                "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; \
                 base-uri 'none'"
            ),
        }
    }

    /// A page. One that cannot be rendered is an answer without a body, rather than half a page.
    pub(crate) fn page(&self, status: u16, page: &impl Template) -> Answer {
        let rendered = page.render();
        let status = if rendered.is_ok() { status } else { 500 };
        Answer::new(status, rendered.unwrap_or_default())
            .header("Content-Type", "text/html; charset=utf-8")
            .header("Content-Security-Policy", &self.policy)
    }
}

/// What API Gateway is told to answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    headers: BTreeMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
}

impl Answer {
    pub(crate) fn new(status_code: u16, body: String) -> Self {
        let answer = Self { status_code, headers: BTreeMap::new(), body, is_base64_encoded: false };
        // A page may hold a signed registration, and its address a key: neither is for anybody else.
        answer
            .header("Cache-Control", "no-store")
            .header("Referrer-Policy", "no-referrer")
            .header("X-Content-Type-Options", "nosniff")
            .header("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
    }

    /// 303: after a form, so that reloading what follows sends nothing again. `to` is relative to the address
    /// that was asked for, because behind API Gateway nobody knows what stands in front of it.
    pub(crate) fn see_other(to: &str) -> Self {
        Self::new(303, String::new()).header("Location", to)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.to_owned());
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status_code
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Answer {
        pub(crate) fn body(&self) -> &str {
            &self.body
        }

        pub(crate) fn header_value(&self, name: &str) -> &str {
            self.headers.get(name).map_or("", String::as_str)
        }
    }

    /// What comes after the style sheet, which names some of what tests look for.
    pub(crate) fn content(html: &str) -> &str {
        html.split_once("</style>").unwrap().1
    }

    pub(crate) fn frame() -> Frame {
        Frame::new(
            "Strongroom".to_owned(),
            "help@vendor.example".to_owned(),
            Some("https://app.vendor.example/sign-in".to_owned()),
        )
    }

    #[test]
    fn support_leads_somewhere_only_as_mail_or_https() {
        let href = |text: &str| Frame::new(String::new(), text.to_owned(), None).support.href;
        assert_eq!(href("help@vendor.example").as_deref(), Some("mailto:help@vendor.example"));
        assert_eq!(href("https://vendor.example/help").as_deref(), Some("https://vendor.example/help"));
        assert_eq!(href("javascript:alert(1)"), None);
        let sign_in = |url: &str| Frame::new(String::new(), String::new(), Some(url.to_owned())).sign_in;
        assert_eq!(sign_in("javascript:alert(1)"), None);
        assert!(sign_in("http://localhost:8080/").is_some());
    }

    /// Relative luminance and contrast by WCAG 2.2: <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>.
    fn contrast(one: &str, two: &str) -> f64 {
        let luminance = |colour: &str| {
            let [_, parts @ ..] =
                u32::from_str_radix(colour.trim_start_matches('#'), 16).unwrap().to_be_bytes();
            let [red, green, blue] = parts.map(|part| {
                let value = f64::from(part) / 255.0;
                if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (a, b) = (luminance(one), luminance(two));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_can_be_read_by_day_and_by_night() {
        let palettes: Vec<&str> =
            STYLE.split(":root {").skip(1).map(|part| part.split('}').next().unwrap()).collect();
        assert_eq!(palettes.len(), 2);
        for palette in palettes {
            let colour = |name: &str| {
                palette.split(&format!("--{name}:")).nth(1).unwrap().split(';').next().unwrap().trim()
            };
            for (text, ground, least) in [
                ("ink", "paper", 7.0),
                ("ink", "card", 7.0),
                ("ink", "wash", 7.0),
                ("ink", "bad-wash", 7.0),
                ("quiet", "paper", 4.5),
                ("quiet", "card", 4.5),
                ("accent", "card", 4.5),
                ("accent", "paper", 4.5),
                ("on-accent", "accent", 4.5),
                ("bad", "card", 4.5),
                ("bad", "bad-wash", 4.5),
                ("field", "card", 3.0),
            ] {
                let found = contrast(colour(text), colour(ground));
                assert!(found >= least, "{text} on {ground}: {found:.2}");
            }
        }
    }
}
