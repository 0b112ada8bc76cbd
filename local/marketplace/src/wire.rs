//! Reading a request: JSON members by name and type. Knows no operation. A member that is not asked for is
//! ignored, and a `null` is an absent member, as the AWS JSON protocols have it.

use serde_json::{Map, Value};

use crate::fault::Fault;

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

    fn of(path: String, value: &'a Value) -> Result<Self, Fault> {
        match value {
            Value::Object(map) => Ok(Self { path, map }),
            _ => Err(Fault::mistyped(if path.is_empty() { "the request" } else { &path }, "an object")),
        }
    }

    /// Where a member is: `UsageRecords[3].Dimension`.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        self.get(name)
            .map(|value| value.as_str().ok_or_else(|| Fault::mistyped(&self.path(name), "a string")))
            .transpose()
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, Fault> {
        match self.text(name)? {
            None => Err(self.missing(name)),
            Some("") => Err(Fault::invalid(&self.path(name), "must have at least 1 character")),
            Some(text) => Ok(text),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Fault> {
        self.get(name)
            .map(|value| value.as_i64().ok_or_else(|| Fault::mistyped(&self.path(name), "an integer")))
            .transpose()
    }

    /// A timestamp: seconds since 1970, cut to whole ones.
    pub(crate) fn epoch_seconds(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(value) = self.get(name) else { return Ok(None) };
        if let Some(whole) = value.as_i64() {
            return Ok(Some(whole));
        }
        let seconds = value.as_f64().filter(|seconds| seconds.abs() < 1e12);
        let seconds =
            seconds.ok_or_else(|| Fault::mistyped(&self.path(name), "a number of seconds since 1970"))?;
        // Cut on purpose; and within 1e12, so nothing else is lost.
        Ok(Some(seconds.floor() as i64))
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Members<'a>>, Fault> {
        self.get(name).map(|value| Members::of(self.path(name), value)).transpose()
    }

    /// A list of objects.
    pub(crate) fn objects(&self, name: &str) -> Result<Option<Vec<Members<'a>>>, Fault> {
        let Some(list) = self.list(name)? else { return Ok(None) };
        let of = |(place, value)| Members::of(format!("{}[{place}]", self.path(name)), value);
        list.iter().enumerate().map(of).collect::<Result<_, _>>().map(Some)
    }

    /// A list of anything.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, Fault> {
        self.get(name)
            .map(|value| {
                value.as_array().map(Vec::as_slice).ok_or_else(|| Fault::mistyped(&self.path(name), "a list"))
            })
            .transpose()
    }

    pub(crate) fn missing(&self, name: &str) -> Fault {
        Fault::invalid(&self.path(name), "must not be null")
    }

    /// The object as it came.
    pub(crate) fn value(&self) -> Value {
        Value::Object(self.map.clone())
    }
}
