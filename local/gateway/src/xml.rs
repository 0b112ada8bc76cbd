//! The little XML that the query protocol needs: escaping what we write, finding what the engine wrote.

use roxmltree::{Document, Node};

/// Text, safe between tags and in attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            // Not allowed in XML 1.0, however it is written.
            control if control.is_control() && !matches!(control, '\n' | '\r' | '\t') => {
                safe.push('\u{FFFD}')
            }
            other => safe.push(other),
        }
    }
    safe
}

/// The first element of this name, at any depth.
pub(crate) fn find<'a, 'i>(document: &'a Document<'i>, name: &str) -> Option<Node<'a, 'i>> {
    document.descendants().find(|node| node.has_tag_name_any(name))
}

/// Names compared without their namespace, which the engine writes for some services and not for others.
pub(crate) trait Local<'a, 'i> {
    /// Whether it is an element of this local name.
    fn has_tag_name_any(&self, name: &str) -> bool;
    /// The child of this name.
    fn child(&self, name: &str) -> Option<Node<'a, 'i>>;
    /// The text of the child of this name, trimmed; none if it is missing or empty.
    fn child_text(&self, name: &str) -> Option<String>;
    /// The `<member>` elements of the child of this name.
    fn members(&self, name: &str) -> Vec<Node<'a, 'i>>;
}

impl<'a, 'i> Local<'a, 'i> for Node<'a, 'i> {
    fn has_tag_name_any(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }

    fn child(&self, name: &str) -> Option<Node<'a, 'i>> {
        self.children().find(|node| node.has_tag_name_any(name))
    }

    fn child_text(&self, name: &str) -> Option<String> {
        let text = self.child(name)?.text()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn members(&self, name: &str) -> Vec<Node<'a, 'i>> {
        let list = self.child(name);
        list.map(|list| list.children().filter(|node| node.has_tag_name_any("member")).collect())
            .unwrap_or_default()
    }
}
