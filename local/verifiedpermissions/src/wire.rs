//! Reading a request: JSON members by name, with the constraints of the service's model.
//! Knows types, lengths and patterns; knows no operation. A member that is not asked for is ignored,
//! and a `null` is an absent member, as the AWS JSON protocols have it.

use serde_json::{Map, Value};

use crate::fault::Fault;

/// A string shape of the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    /// Least length, in characters.
    pub(crate) min: usize,
    /// Greatest length, in characters.
    pub(crate) max: usize,
    /// What it may consist of.
    pub(crate) pattern: Pattern,
}

/// The patterns that the model uses, as rules. AWS matches a pattern against the whole string.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pattern {
    /// No pattern.
    Any,
    /// `.*`: anything but a line break.
    OneLine,
    /// `[a-zA-Z0-9-/_]*`
    Name,
    /// `[a-zA-Z0-9-]*`
    Token,
    /// `[A-Za-z0-9-_=+/\.]*`
    Page,
    /// `Action$|^.+::Action`
    ActionType,
}

pub(crate) const STORE_ID: Text = Text { min: 1, max: 200, pattern: Pattern::Name };
pub(crate) const POLICY_ID: Text = STORE_ID;
pub(crate) const NAME: Text = Text { min: 0, max: 150, pattern: Pattern::Name };
pub(crate) const DESCRIPTION: Text = Text { min: 0, max: 150, pattern: Pattern::Any };
pub(crate) const STATEMENT: Text = Text { min: 1, max: usize::MAX, pattern: Pattern::Any };
pub(crate) const CLIENT_TOKEN: Text = Text { min: 1, max: 64, pattern: Pattern::Token };
pub(crate) const NEXT_TOKEN: Text = Text { min: 1, max: 8000, pattern: Pattern::Page };
pub(crate) const ARN: Text = Text { min: 1, max: 2048, pattern: Pattern::Any };
pub(crate) const TAG_KEY: Text = Text { min: 1, max: 128, pattern: Pattern::Any };
pub(crate) const TAG_VALUE: Text = Text { min: 0, max: 256, pattern: Pattern::Any };
pub(crate) const ENTITY_TYPE: Text = Text { min: 1, max: 200, pattern: Pattern::OneLine };
pub(crate) const ENTITY_ID: Text = Text { min: 1, max: 612, pattern: Pattern::OneLine };
pub(crate) const ACTION_TYPE: Text = Text { min: 1, max: 200, pattern: Pattern::ActionType };
pub(crate) const ACTION_ID: Text = Text { min: 1, max: 512, pattern: Pattern::OneLine };
pub(crate) const FREE: Text = Text { min: 0, max: usize::MAX, pattern: Pattern::Any };

impl Pattern {
    fn matches(self, text: &str) -> bool {
        let only = |extra: &[char]| text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(&c));
        match self {
            Self::Any => true,
            Self::OneLine => {
                !text.chars().any(|c| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'))
            }
            Self::Name => only(&['-', '/', '_']),
            Self::Token => only(&['-']),
            Self::Page => only(&['-', '_', '=', '+', '/', '.']),
            Self::ActionType => {
                let namespaced = text.strip_suffix("::Action").is_some_and(|before| !before.is_empty());
                Self::OneLine.matches(text) && (text == "Action" || namespaced)
            }
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::OneLine => "must not contain a line break",
            Self::Name => "must consist of letters, digits and `-/_`",
            Self::Token => "must consist of letters, digits and `-`",
            Self::Page => "must consist of letters, digits and `-_=+/.`",
            Self::ActionType => "must be `Action`, or end in `::Action`",
        }
    }
}

impl Text {
    /// The text, if it keeps the rule.
    pub(crate) fn check<'a>(&self, path: &str, text: &'a str) -> Result<&'a str, Fault> {
        let length = text.chars().count();
        if length < self.min {
            return Err(Fault::invalid(path, format!("must have at least {} characters", self.min)));
        }
        if length > self.max {
            return Err(Fault::invalid(path, format!("must have at most {} characters", self.max)));
        }
        if !self.pattern.matches(text) {
            return Err(Fault::invalid(path, self.pattern.says()));
        }
        Ok(text)
    }
}

/// A JSON object of a request, and where in the request it was.
#[derive(Debug, Clone)]
pub(crate) struct Members<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Members<'a> {
    /// The members of a whole request.
    pub(crate) fn of_request(body: &'a Value) -> Result<Self, Fault> {
        Self::of(String::new(), body)
    }

    /// The members of a value at a place.
    pub(crate) fn of(path: String, value: &'a Value) -> Result<Self, Fault> {
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            _ => Err(Fault::Type { path: place(path), expected: "an object" }),
        }
    }

    /// Where a member of this object is: `definition.static.statement`.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A refusal of one of the members.
    pub(crate) fn invalid(&self, name: &str, message: impl Into<String>) -> Fault {
        Fault::invalid(self.path(name), message)
    }

    pub(crate) fn missing(&self, name: &str) -> Fault {
        self.invalid(name, "is required")
    }

    /// Any member, if it is there.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// All members: for shapes that are maps.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.map.iter().filter(|(_, value)| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str, rule: &Text) -> Result<Option<&'a str>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => rule.check(&self.path(name), text).map(Some),
            Some(_) => Err(Fault::Type { path: self.path(name), expected: "a string" }),
        }
    }

    pub(crate) fn required_text(&self, name: &str, rule: &Text) -> Result<&'a str, Fault> {
        self.text(name, rule)?.ok_or_else(|| self.missing(name))
    }

    /// A string that is one of a few.
    pub(crate) fn one_of<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name, &FREE)? else { return Ok(None) };
        match known.iter().find(|(value, _)| *value == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let values: Vec<&str> = known.iter().map(|(value, _)| *value).collect();
                Err(self.invalid(name, format!("must be one of {}", values.join(", "))))
            }
        }
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(Fault::Type { path: self.path(name), expected: "true or false" }),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(Fault::Type { path: self.path(name), expected: "an integer" }),
            },
        }
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Members<'a>>, Fault> {
        self.value(name).map(|value| Members::of(self.path(name), value)).transpose()
    }

    pub(crate) fn required_object(&self, name: &str) -> Result<Members<'a>, Fault> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// A list, each item with its place.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<(String, &'a Value)>>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let path = self.path(name);
                Ok(Some(
                    items
                        .iter()
                        .enumerate()
                        .map(|(index, item)| (format!("{path}[{index}]"), item))
                        .collect(),
                ))
            }
            Some(_) => Err(Fault::Type { path: self.path(name), expected: "a list" }),
        }
    }

    /// The one member that a union has, out of those it may have.
    pub(crate) fn union(&self, known: &[&'static str]) -> Result<(&'static str, &'a Value), Fault> {
        let mut present = known.iter().filter_map(|name| self.value(name).map(|value| (*name, value)));
        match (present.next(), present.next()) {
            (Some(member), None) => Ok(member),
            (None, _) => Err(Fault::invalid(
                place(self.path.clone()),
                format!("must have one member out of {}", known.join(", ")),
            )),
            (Some((first, _)), Some((second, _))) => Err(Fault::invalid(
                place(self.path.clone()),
                format!("must have one member, not both {first} and {second}"),
            )),
        }
    }
}

fn place(path: String) -> String {
    if path.is_empty() { "the request".to_owned() } else { path }
}
