//! A call's JSON body, read member by member; what is missing or of another type is refused by name.

use serde_json::{Map, Value};

use super::{Call, Underivable};

/// The JSON object of a call.
pub(super) struct Body<'a> {
    pub(super) call: &'a Call,
    members: Map<String, Value>,
}

impl<'a> Body<'a> {
    /// Reads the body; an empty one is an empty object.
    pub(super) fn of(call: &'a Call) -> Result<Self, Underivable> {
        let members = if call.body.is_empty() {
            Map::new()
        } else {
            match crate::json::read(&call.body) {
                Ok(Value::Object(members)) => members,
                Ok(_) => return Err(call.unreadable("the body is not a JSON object")),
                Err(error) => return Err(call.unreadable(format!("the body is not JSON: {error}"))),
            }
        };
        Ok(Self { call, members })
    }

    /// An object within the same call, such as one action of a transaction.
    pub(super) fn within(call: &'a Call, members: &Map<String, Value>) -> Self {
        Self { call, members: members.clone() }
    }

    /// A member, absent when missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn optional(&self, name: &str) -> Result<Option<&str>, Underivable> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.not(name, "a string")),
        }
    }

    pub(super) fn string(&self, name: &str) -> Result<&str, Underivable> {
        match self.optional(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.not(name, "given")),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<&Map<String, Value>, Underivable> {
        match self.get(name) {
            Some(Value::Object(members)) => Ok(members),
            _ => Err(self.not(name, "an object")),
        }
    }

    pub(super) fn optional_object(&self, name: &str) -> Result<Option<&Map<String, Value>>, Underivable> {
        if self.has(name) { self.object(name).map(Some) } else { Ok(None) }
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Body<'a>>, Underivable> {
        let Some(Value::Array(items)) = self.get(name) else {
            return Err(self.not(name, "a list of objects"));
        };
        items
            .iter()
            .map(|item| match item {
                Value::Object(members) => Ok(Body::within(self.call, members)),
                _ => Err(self.not(name, "a list of objects")),
            })
            .collect()
    }

    /// A list of strings; empty when absent.
    pub(super) fn strings(&self, name: &str) -> Result<Vec<String>, Underivable> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_str().map(str::to_owned).ok_or_else(|| self.not(name, "a list of strings"))
                })
                .collect(),
            Some(_) => Err(self.not(name, "a list of strings")),
        }
    }

    /// Tags in either of AWS's forms, `{key: value}` or `[{"Key": …, "Value": …}]`; empty when absent.
    pub(super) fn tags(&self, name: &str) -> Result<Vec<(String, String)>, Underivable> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| self.not(name, "tags"));
        let tags = match self.get(name) {
            None => Vec::new(),
            Some(Value::Object(tags)) => tags
                .iter()
                .map(|(key, value)| Ok((key.clone(), text(value)?)))
                .collect::<Result<Vec<_>, _>>()?,
            Some(_) => self
                .objects(name)?
                .iter()
                .map(|tag| {
                    Ok((tag.string("Key")?.to_owned(), tag.optional("Value")?.unwrap_or_default().to_owned()))
                })
                .collect::<Result<Vec<_>, Underivable>>()?,
        };
        crate::Tags::of_resource(tags.clone()).map_err(|error| self.call.unreadable(error.to_string()))?;
        Ok(tags)
    }

    /// The member `name` is not what it should be.
    pub(super) fn not(&self, name: &str, expected: &str) -> Underivable {
        self.call.unreadable(format!("`{name}` is not {expected}"))
    }
}
