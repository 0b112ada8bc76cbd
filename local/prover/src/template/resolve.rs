//! CloudFormation's functions, applied.
//!
//! Sources: CloudFormation Template Reference Guide, "Intrinsic function reference" and "Pseudo parameters reference".

use serde_json::{Map, Value};

use super::{Resource, Stack, TemplateError};

/// How deep functions may stand in each other.
const DEPTH_MAX: usize = 32;

impl Stack {
    /// A property of a resource with every function in it applied; `None` when it is not set.
    pub(crate) fn property(
        &self,
        resource: Resource<'_>,
        name: &str,
    ) -> Result<Option<Value>, TemplateError> {
        match resource.properties.get(name) {
            None => Ok(None),
            Some(value) => self.resolve(value, &resource.path(name), 0),
        }
    }

    /// A property that is a text.
    pub(crate) fn text(&self, resource: Resource<'_>, name: &str) -> Result<Option<String>, TemplateError> {
        match self.property(resource, name)? {
            None => Ok(None),
            Some(value) => {
                let text = scalar(&value);
                text.map(Some).ok_or_else(|| self.unresolved(&resource.path(name), "it is not a text"))
            }
        }
    }

    /// A value with every function in it applied; `None` is `AWS::NoValue`.
    pub(crate) fn resolve(
        &self,
        value: &Value,
        path: &str,
        depth: usize,
    ) -> Result<Option<Value>, TemplateError> {
        if depth > DEPTH_MAX {
            return Err(self.unresolved(path, format!("functions stand more than {DEPTH_MAX} deep")));
        }
        match value {
            Value::Array(items) => {
                let mut resolved = Vec::new();
                for item in items {
                    resolved.extend(self.resolve(item, path, depth + 1)?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            Value::Object(entries) => match function(entries) {
                Some((name, argument)) => self.apply(name, argument, path, depth + 1),
                None => {
                    let mut resolved = Map::new();
                    for (key, item) in entries {
                        if let Some(item) = self.resolve(item, path, depth + 1)? {
                            resolved.insert(key.clone(), item);
                        }
                    }
                    Ok(Some(Value::Object(resolved)))
                }
            },
            plain => Ok(Some(plain.clone())),
        }
    }

    fn apply(
        &self,
        name: &str,
        argument: &Value,
        path: &str,
        depth: usize,
    ) -> Result<Option<Value>, TemplateError> {
        let malformed = || self.unresolved(path, format!("`{name}` is not of a form that is known"));
        match name {
            "Ref" => self.reference(argument.as_str().ok_or_else(malformed)?, path),
            "Fn::GetAtt" => {
                let (logical, attribute) = match argument {
                    Value::String(text) => text.split_once('.').ok_or_else(malformed)?,
                    Value::Array(parts) => match parts.as_slice() {
                        [Value::String(logical), Value::String(attribute)] => {
                            (logical.as_str(), attribute.as_str())
                        }
                        _ => return Err(malformed()),
                    },
                    _ => return Err(malformed()),
                };
                Ok(Some(Value::String(self.attribute(logical, attribute, path)?)))
            }
            "Fn::Sub" => Ok(Some(Value::String(self.substituted(argument, path, depth)?))),
            "Fn::Join" => {
                let Some(Value::Array(parts)) = self.resolve(argument, path, depth)? else {
                    return Err(malformed());
                };
                let [Value::String(between), Value::Array(items)] = parts.as_slice() else {
                    return Err(malformed());
                };
                let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
                Ok(Some(Value::String(texts.ok_or_else(malformed)?.join(between))))
            }
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(condition), yes, no]) => {
                    self.resolve(if self.condition(condition, path)? { yes } else { no }, path, depth)
                }
                _ => Err(malformed()),
            },
            "Fn::Select" => {
                let Some(Value::Array(parts)) = self.resolve(argument, path, depth)? else {
                    return Err(malformed());
                };
                let [place, Value::Array(items)] = parts.as_slice() else { return Err(malformed()) };
                let place = scalar(place).and_then(|place| place.parse::<usize>().ok());
                place.and_then(|place| items.get(place)).cloned().map(Some).ok_or_else(malformed)
            }
            "Fn::Split" => {
                let Some(Value::Array(parts)) = self.resolve(argument, path, depth)? else {
                    return Err(malformed());
                };
                let [Value::String(between), Value::String(text)] = parts.as_slice() else {
                    return Err(malformed());
                };
                let parts = text.split(between.as_str()).map(Value::from).collect();
                Ok(Some(Value::Array(parts)))
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" => {
                Ok(Some(Value::Bool(self.holds(name, argument, path, depth)?)))
            }
            other => Err(self.unresolved(path, format!("`{other}` is not known"))),
        }
    }

    fn reference(&self, name: &str, path: &str) -> Result<Option<Value>, TemplateError> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        let place = self.place();
        let pseudo = match name {
            "AWS::AccountId" => Some(place.account.clone()),
            "AWS::Region" => Some(place.region.clone()),
            "AWS::Partition" => Some("aws".to_owned()),
            "AWS::URLSuffix" => Some("amazonaws.com".to_owned()),
            "AWS::StackName" => Some(place.name.clone()),
            "AWS::StackId" => Some(format!(
                "arn:aws:cloudformation:{}:{}:stack/{}/1",
                place.region, place.account, place.name
            )),
            _ => None,
        };
        if let Some(text) = pseudo {
            return Ok(Some(Value::String(text)));
        }
        if let Some(parameter) = self.section("Parameters").get(name) {
            return self.parameter(name, parameter, path).map(Some);
        }
        Ok(Some(Value::String(self.physical_id(name, path)?)))
    }

    fn parameter(&self, name: &str, parameter: &Value, path: &str) -> Result<Value, TemplateError> {
        let given = self.place().parameters.get(name).cloned();
        let value = given.or_else(|| parameter.get("Default").and_then(scalar)).ok_or_else(|| {
            self.unresolved(path, format!("the parameter `{name}` has no default and was given no value"))
        })?;
        let kind = parameter.get("Type").and_then(Value::as_str).unwrap_or("String");
        Ok(if kind == "CommaDelimitedList" || kind.starts_with("List<") {
            value.split(',').map(|item| Value::from(item.trim())).collect()
        } else {
            Value::String(value)
        })
    }

    /// Whether a named condition holds.
    pub(super) fn condition(&self, name: &str, path: &str) -> Result<bool, TemplateError> {
        let condition = self.section("Conditions").get(name);
        let condition =
            condition.ok_or_else(|| self.unresolved(path, format!("there is no condition `{name}`")))?;
        self.truth(condition, path, 0)
    }

    fn truth(&self, value: &Value, path: &str, depth: usize) -> Result<bool, TemplateError> {
        let refused = || self.unresolved(path, "a condition is not of a form that is known");
        if depth > DEPTH_MAX {
            return Err(refused());
        }
        match value {
            Value::Bool(truth) => Ok(*truth),
            Value::Object(entries) => match entries.iter().next() {
                Some((key, Value::String(name))) if key == "Condition" => self.condition(name, path),
                Some((key, argument)) => self.holds(key, argument, path, depth + 1),
                None => Err(refused()),
            },
            _ => Err(refused()),
        }
    }

    fn holds(&self, name: &str, argument: &Value, path: &str, depth: usize) -> Result<bool, TemplateError> {
        let refused = || self.unresolved(path, format!("`{name}` is not of a form that is known"));
        let parts = argument.as_array().ok_or_else(refused)?;
        match (name, parts.as_slice()) {
            ("Fn::Equals", [one, other]) => {
                Ok(self.resolve(one, path, depth)? == self.resolve(other, path, depth)?)
            }
            ("Fn::Not", [one]) => Ok(!self.truth(one, path, depth)?),
            ("Fn::And", all) => all
                .iter()
                .try_fold(true, |so_far, one| self.truth(one, path, depth).map(|truth| truth && so_far)),
            ("Fn::Or", any) => any
                .iter()
                .try_fold(false, |so_far, one| self.truth(one, path, depth).map(|truth| truth || so_far)),
            _ => Err(refused()),
        }
    }

    /// `"text ${Name} ${Name.Attribute} ${!kept}"`, alone or with a map of further names.
    fn substituted(&self, argument: &Value, path: &str, depth: usize) -> Result<String, TemplateError> {
        let refused = || self.unresolved(path, "`Fn::Sub` is not of a form that is known");
        let (text, names) = match argument {
            Value::String(text) => (text.as_str(), None),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(text), Value::Object(names)] => (text.as_str(), Some(names)),
                _ => return Err(refused()),
            },
            _ => return Err(refused()),
        };
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(refused)?;
            out.push_str(before);
            if let Some(kept) = name.strip_prefix('!') {
                out.push_str(&format!("${{{kept}}}"));
            } else if let Some(value) = names.and_then(|names| names.get(name)) {
                let value = self.resolve(value, path, depth)?.as_ref().and_then(scalar);
                out.push_str(&value.ok_or_else(refused)?);
            } else if let Some((logical, attribute)) = name.split_once('.') {
                out.push_str(&self.attribute(logical, attribute, path)?);
            } else {
                let value = self.reference(name, path)?.as_ref().and_then(scalar);
                out.push_str(&value.ok_or_else(refused)?);
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// The one function of an object that is nothing else.
fn function(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = entries.iter();
    match (all.next(), all.next()) {
        (Some((name, argument)), None) if name == "Ref" || name.starts_with("Fn::") => Some((name, argument)),
        _ => None,
    }
}

/// A text, or what CloudFormation would write for a number or a truth.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
