//! How a buyer's browser gets from the Marketplace to the product: as a command, and as a page to open. Pure.

/// A buyer who is about to arrive.
#[derive(Clone)]
pub struct Arrival {
    /// Where the Marketplace sends browsers: the listing's fulfilment URL.
    pub url: String,
    /// What it sends with them.
    pub token: String,
    /// Whether the offer is a free trial.
    pub trial: bool,
}

impl Arrival {
    /// The form's fields, as the Marketplace names them.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let mut fields = vec![("x-amzn-marketplace-token", self.token.as_str())];
        if self.trial {
            fields.push(("x-amzn-marketplace-offer-type", "free-trial"));
        }
        fields
    }

    /// A line to paste into a shell.
    #[must_use]
    pub fn as_curl(&self) -> String {
        let fields: String = self
            .fields()
            .iter()
            .map(|(name, value)| format!(" --data-urlencode {}", quoted(&format!("{name}={value}"))))
            .collect();
        format!("curl -i {}{fields}", quoted(&self.url))
    }

    /// A page that sends the form by itself, or by its button where scripts are off.
    #[must_use]
    pub fn as_page(&self) -> String {
        let fields: String = self
            .fields()
            .iter()
            .map(|(name, value)| {
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
            })
            .collect();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>AWS Marketplace, played locally</title>\
             <body onload=\"document.forms[0].submit()\"><form method=\"post\" action=\"{}\">{fields}\
             <button>Set up your account</button></form></body></html>\n",
            escaped(&self.url)
        )
    }
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// For an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(token: &str, trial: bool) -> Arrival {
        Arrival { url: "http://127.0.0.1:1/v1/signup".to_owned(), token: token.to_owned(), trial }
    }

    #[test]
    fn the_line_to_paste_is_one_word_a_field() {
        assert_eq!(
            arrival("a+b/c==", false).as_curl(),
            "curl -i 'http://127.0.0.1:1/v1/signup' --data-urlencode 'x-amzn-marketplace-token=a+b/c=='"
        );
        assert!(
            arrival("a'b", true)
                .as_curl()
                .ends_with(r"token=a'\''b' --data-urlencode 'x-amzn-marketplace-offer-type=free-trial'")
        );
    }

    #[test]
    fn the_page_holds_the_form_and_nothing_gets_out_of_a_field() {
        let page = arrival("a\"><b>&", false).as_page();
        assert!(page.contains("method=\"post\" action=\"http://127.0.0.1:1/v1/signup\""), "{page}");
        assert!(page.contains("value=\"a&quot;>&lt;b>&amp;\""), "{page}");
        assert!(!page.contains("offer-type"));
    }
}
