//! Reading a page as the buyer's browser does, as far as a sign-up needs it: its heading, its form, and
//! whether it asks to be loaded again. No scripts, because the product's pages have none.

/// A form of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Where it is sent, as written; relative to the page.
    pub(super) action: String,
    /// Its fields with what is in them.
    pub(super) fields: Vec<(String, String)>,
}

impl Form {
    /// The first form of a page that is sent by POST.
    pub(super) fn in_page(html: &str) -> Option<Self> {
        let mut form: Option<Self> = None;
        for tag in tags(html) {
            match (tag.name.as_str(), &mut form) {
                ("form", None) if tag.attribute("method").eq_ignore_ascii_case("post") => {
                    form = Some(Self { action: tag.attribute("action").to_owned(), fields: Vec::new() });
                }
                ("input", Some(form)) if !tag.attribute("name").is_empty() => {
                    form.fields.push((tag.attribute("name").to_owned(), tag.attribute("value").to_owned()));
                }
                ("/form", Some(_)) => break,
                _ => {}
            }
        }
        form
    }

    /// Writes into a field; false when the form has no such field.
    pub(super) fn fill(&mut self, name: &str, value: &str) -> bool {
        let field = self.fields.iter_mut().find(|(of, _)| of == name);
        field.map(|(_, old)| value.clone_into(old)).is_some()
    }
}

/// Whether the page asks the browser to load it again by itself.
pub(super) fn asks_to_be_loaded_again(html: &str) -> bool {
    tags(html).any(|tag| tag.name == "meta" && tag.attribute("http-equiv").eq_ignore_ascii_case("refresh"))
}

/// The text of the page's first heading; empty when it has none.
pub(super) fn heading(html: &str) -> String {
    let after =
        html.split_once("<h1").and_then(|(_, rest)| rest.split_once('>')).map_or("", |(_, rest)| rest);
    let inner = after.split_once("</h1").map_or("", |(inner, _)| inner);
    let mut text = String::new();
    let mut outside = true;
    for c in inner.chars() {
        match c {
            '<' => outside = false,
            '>' => outside = true,
            c if outside => text.push(c),
            _ => {}
        }
    }
    decoded(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// An attribute's value; empty when it is not there.
    fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The tags of a page, in order.
fn tags(html: &str) -> impl Iterator<Item = Tag> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            if let Some(comment) = after.strip_prefix("!--") {
                rest = comment.split_once("-->")?.1;
                continue;
            }
            let (tag, after) = tag(after);
            rest = after;
            return Some(tag);
        }
    })
}

/// Reads a tag after its `<`; answers what comes after its `>`, too.
fn tag(html: &str) -> (Tag, &str) {
    let is_name = |c: char| !c.is_whitespace() && c != '>' && c != '=';
    let (name, mut rest) = split_while(html, is_name);
    let mut tag = Tag { name: name.trim_end_matches('/').to_ascii_lowercase(), attributes: Vec::new() };
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (tag, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, after);
        }
        let (name, after) = split_while(rest, is_name);
        let value;
        (value, rest) = match after.trim_start().strip_prefix('=') {
            None => ("", after),
            Some(after) => attribute_value(after.trim_start()),
        };
        if name.is_empty() && after.len() == rest.len() {
            // Nothing was read: a stray `=`. Passed over, or this would not end.
            rest = rest.strip_prefix('=').unwrap_or("");
        }
        tag.attributes.push((name.to_ascii_lowercase(), decoded(value)));
    }
}

fn attribute_value(html: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = html.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    split_while(html, |c| !c.is_whitespace() && c != '>')
}

fn split_while(text: &str, goes_on: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !goes_on(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `text` with the character references in it resolved: those that escaping makes, and those by number.
fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        rest = match reference {
            Some((character, after)) => {
                out.push(character);
                after
            }
            None => {
                out.push('&');
                after
            }
        };
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let digits = name.strip_prefix('#')?;
            match digits.strip_prefix(['x', 'X']) {
                Some(digits) => number(digits, 16),
                None => number(digits, 10),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(action: &str, fields: &[(&str, &str)]) -> Form {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Form { action: action.to_owned(), fields: fields.collect() }
    }

    #[test]
    fn a_form_is_read_as_a_browser_reads_it() {
        let page = r#"<!doctype html><!-- <form method=post action=/wrong> --><form action="/search"><input name=q></form>
            <FORM method='POST' action="/v1/signup?a=1&amp;b=2"><input type=hidden name="registration" value="a&quot;&#x27;b&lt;">
            <label>Company <input name=company required></label><input type="submit"><input
              name="email" value='x>y' /></form><form method=post action=/later><input name=other></form>"#;
        let expected =
            form("/v1/signup?a=1&b=2", &[("registration", "a\"'b<"), ("company", ""), ("email", "x>y")]);
        assert_eq!(Form::in_page(page), Some(expected));
    }

    #[test]
    fn only_fields_that_are_there_can_be_filled() {
        let mut form = form("/", &[("company", "")]);
        assert!(form.fill("company", "Willow & Sons") && !form.fill("companies", "x"));
        assert_eq!(form.fields, [("company".to_owned(), "Willow & Sons".to_owned())]);
    }

    #[test]
    fn a_page_without_such_a_form_has_none() {
        for page in ["", "<", "<form", "<form method=get>", "text < text", "<!--", "<form ==>", "<a href=\"x"]
        {
            assert_eq!(Form::in_page(page), None, "{page}");
        }
    }

    #[test]
    fn a_page_that_loads_itself_again_is_known() {
        assert!(asks_to_be_loaded_again("<meta charset=utf-8><meta http-equiv=\"Refresh\" content=\"2\">"));
        assert!(!asks_to_be_loaded_again("<meta name=refresh content=2>"));
    }

    #[test]
    fn a_heading_is_its_text() {
        assert_eq!(
            heading("<h1 class=a>\n Ready,\n <b>Willow &amp; Sons</b></h1><h1>no</h1>"),
            "Ready, Willow & Sons"
        );
        assert_eq!(heading("<p>none"), "");
    }
}
