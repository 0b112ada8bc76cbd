//! What a browser sends, as API Gateway passes it on, and as far as it may be read.
//!
//! Of the headers there is `Content-Type` and no other: no cookie, no origin and no address of the client's can
//! decide anything here.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use shared::{
    body::{self, InvalidBody},
    signup::form::InvalidForm,
};

use crate::failure::Failure;

/// A REST API's proxy event (payload format 1.0).
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrowserRequest {
    resource: String,
    http_method: String,
    #[serde(default)]
    path_parameters: Option<HashMap<String, String>>,
    #[serde(default, rename = "headers")]
    content_type: ContentType,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    #[serde(default)]
    request_id: String,
}

impl BrowserRequest {
    /// Method and route, as the template writes it. It holds nothing of what a buyer brought.
    pub(crate) fn route(&self) -> (&str, &str) {
        (&self.http_method, &self.resource)
    }

    /// API Gateway's id of the request.
    pub(crate) fn id(&self) -> &str {
        &self.request_context.request_id
    }

    /// A part of the path; empty if there is none of that name.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.path_parameters.as_ref().and_then(|parts| parts.get(name)).map_or("", String::as_str)
    }

    /// The body of a form.
    pub(crate) fn form(&self) -> Result<Cow<'_, [u8]>, Failure> {
        if !self.content_type.is_form() {
            return Err(Failure::NotAForm);
        }
        let text = self.body.as_deref().unwrap_or_default();
        body::decode(text, self.is_base64_encoded).map_err(|invalid| match invalid {
            InvalidBody::TooLarge => InvalidForm::TooLarge.into(),
            InvalidBody::NotBase64 => Failure::NotAForm,
        })
    }
}

/// The one header that is read, whatever the case of its name; the others are not even kept.
#[derive(Debug, Default)]
struct ContentType(Option<String>);

impl ContentType {
    fn is_form(&self) -> bool {
        let media = self.0.as_deref().and_then(|value| value.split(';').next()).map(str::trim);
        media.is_some_and(|media| media.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
    }
}

impl<'de> Deserialize<'de> for ContentType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Headers;
        impl<'de> Visitor<'de> for Headers {
            type Value = ContentType;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }

            fn visit_unit<E>(self) -> Result<ContentType, E> {
                Ok(ContentType(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut headers: A) -> Result<ContentType, A::Error> {
                let mut found = None;
                while let Some(name) = headers.next_key::<Cow<'_, str>>()? {
                    if name.eq_ignore_ascii_case("content-type") {
                        found = headers.next_value()?;
                    } else {
                        headers.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(ContentType(found))
            }
        }
        deserializer.deserialize_any(Headers)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(event: &Value) -> BrowserRequest {
        serde_json::from_value(event.clone()).unwrap()
    }

    fn form(content_type: &str, body: &str, is_base64_encoded: bool) -> Result<Vec<u8>, Failure> {
        let event = json!({
            "resource": "/signup",
            "httpMethod": "POST",
            "headers": { "Cookie": "a=b", "Content-Type": content_type, "Accept": null },
            "body": body,
            "isBase64Encoded": is_base64_encoded,
            "requestContext": {},
        });
        read(&event).form().map(Cow::into_owned)
    }

    #[test]
    fn a_form_is_read_as_text_or_as_base64_whatever_the_case_of_its_header() {
        for content_type in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded;charset=UTF-8",
            "Application/X-WWW-Form-Urlencoded ; charset=utf-8",
        ] {
            assert_eq!(form(content_type, "a=b", false).unwrap(), b"a=b");
            assert_eq!(form(content_type, "YT1i", true).unwrap(), b"a=b");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let urlencoded = "application/x-www-form-urlencoded";
        for content_type in ["", "application/json", "multipart/form-data; boundary=x", "text/plain"] {
            assert!(matches!(form(content_type, "a=b", false), Err(Failure::NotAForm)), "{content_type}");
        }
        assert!(matches!(form(urlencoded, "a=b", true), Err(Failure::NotAForm)), "no base64");
        let large = "a".repeat(body::BODY_BYTES_MAX * 2 + 1);
        assert!(matches!(form(urlencoded, &large, true), Err(Failure::Form(InvalidForm::TooLarge))));
        let bare =
            json!({ "resource": "/signup", "httpMethod": "POST", "headers": null, "requestContext": {} });
        assert!(matches!(read(&bare).form(), Err(Failure::NotAForm)), "no headers at all");
    }
}
