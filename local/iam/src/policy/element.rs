//! The elements of a policy, each read from its JSON or refused with the place where it stands.

use serde_json::{Map, Value};

use super::{Condition, Listed, PolicyError, PrincipalPattern};
use crate::text::{BadVariable, Text, Token};

/// Where in the document something is, for errors.
pub(super) struct Place(pub(super) String);

impl Place {
    pub(super) fn malformed(&self, what: impl Into<String>) -> PolicyError {
        PolicyError::Malformed { place: self.0.clone(), what: what.into() }
    }

    fn bad_variable(&self, BadVariable(why): BadVariable) -> PolicyError {
        self.malformed(why)
    }

    pub(super) fn nothing_left(&self, elements: &Map<String, Value>) -> Result<(), PolicyError> {
        match elements.keys().next() {
            None => Ok(()),
            Some(element) => {
                Err(PolicyError::UnknownElement { place: self.0.clone(), element: element.clone() })
            }
        }
    }

    pub(super) fn string(
        &self,
        elements: &mut Map<String, Value>,
        name: &str,
    ) -> Result<Option<String>, PolicyError> {
        match elements.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.malformed(format!("`{name}` is not a string"))),
        }
    }

    /// `Name` or `NotName`, not both.
    pub(super) fn either<T>(
        &self,
        elements: &mut Map<String, Value>,
        name: &str,
        read: impl Fn(Value) -> Result<Vec<T>, PolicyError>,
    ) -> Result<Option<Listed<T>>, PolicyError> {
        match (elements.remove(name), elements.remove(&format!("Not{name}"))) {
            (None, None) => Ok(None),
            (Some(value), None) => Ok(Some(Listed { negated: false, items: read(value)? })),
            (None, Some(value)) => Ok(Some(Listed { negated: true, items: read(value)? })),
            (Some(_), Some(_)) => Err(self.malformed(format!("has both `{name}` and `Not{name}`"))),
        }
    }

    /// A string, or a list of at least one.
    pub(super) fn strings(&self, name: &str, value: Value) -> Result<Vec<String>, PolicyError> {
        let refused = || self.malformed(format!("`{name}` is not a string or a list of strings"));
        let items = match value {
            Value::Array(items) if !items.is_empty() => items,
            one @ Value::String(_) => vec![one],
            _ => return Err(refused()),
        };
        items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(refused()),
            })
            .collect()
    }

    pub(super) fn action(&self, source: &str) -> Result<Text, PolicyError> {
        let prefix_is_plain = |prefix: &str| {
            !prefix.is_empty() && prefix.chars().all(|one| one.is_ascii_alphanumeric() || one == '-')
        };
        let name_is_plain = |name: &str| {
            !name.is_empty()
                && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '*' | '?'))
        };
        let well_formed = source == "*"
            || source
                .split_once(':')
                .is_some_and(|(prefix, name)| prefix_is_plain(prefix) && name_is_plain(name));
        if well_formed {
            Ok(Text::folded(source))
        } else {
            Err(self.malformed(format!("`{source}` is neither `*` nor an action of the form service:Name")))
        }
    }

    /// `*`, or an ARN whose service is spelled out and whose variables come after the fifth colon.
    pub(super) fn resource(&self, source: &str, variables: bool) -> Result<Text, PolicyError> {
        let text = Text::parse(source, variables).map_err(|error| self.bad_variable(error))?;
        if source == "*" {
            return Ok(text);
        }
        let parts: Vec<&[Token]> = text.tokens().splitn(6, |token| *token == Token::Char(':')).collect();
        let (tail, head) =
            parts.split_last().map_or((None, parts.as_slice()), |(tail, head)| (Some(tail), head));
        let open_ended = tail.is_some_and(|tail| tail.last() == Some(&Token::Many));
        if !source.starts_with("arn:") || !(parts.len() == 6 || (parts.len() > 3 && open_ended)) {
            return Err(self.malformed(format!("the resource `{source}` is neither `*` nor an ARN")));
        }
        let wild = |token: &Token| !matches!(token, Token::Char(_));
        if parts.get(2).is_none_or(|service| service.is_empty() || service.iter().any(wild)) {
            return Err(self.malformed(format!("the resource `{source}` does not spell out its service")));
        }
        let variable = |token: &Token| matches!(token, Token::Variable { .. });
        let tail_is_resource = parts.len() == 6;
        let in_head = head.iter().any(|part| part.iter().any(variable));
        let in_tail = tail.is_some_and(|tail| tail.iter().any(variable));
        if in_head || (in_tail && !tail_is_resource) {
            return Err(
                self.malformed(format!("the resource `{source}` has a variable before its fifth colon"))
            );
        }
        Ok(text)
    }

    pub(super) fn principals(&self, value: Value) -> Result<Vec<PrincipalPattern>, PolicyError> {
        let entries = match value {
            Value::String(everyone) if everyone == "*" => return Ok(vec![PrincipalPattern::Everyone]),
            Value::Object(entries) if !entries.is_empty() => entries,
            _ => return Err(self.malformed("`Principal` is neither `*` nor an object of principals")),
        };
        let mut patterns = Vec::new();
        for (kind, names) in entries {
            for name in self.strings(&kind, names)? {
                patterns.push(self.principal(&kind, name)?);
            }
        }
        Ok(patterns)
    }

    fn principal(&self, kind: &str, name: String) -> Result<PrincipalPattern, PolicyError> {
        let refused = |why: &str| self.malformed(format!("the {kind} principal `{name}` {why}"));
        if kind == "AWS" && name == "*" {
            return Ok(PrincipalPattern::Everyone);
        }
        if name.is_empty() || name.contains(['*', '?']) {
            return Err(refused("has a wildcard, which AWS does not match in principals"));
        }
        match kind {
            "AWS" => {
                if is_account(&name) {
                    return Ok(PrincipalPattern::Account { partition: None, account: name });
                }
                match name.parse::<crate::Arn>() {
                    Ok(arn)
                        if arn.service() == "iam"
                            && arn.resource() == "root"
                            && is_account(arn.account()) =>
                    {
                        Ok(PrincipalPattern::Account {
                            partition: Some(arn.partition().to_owned()),
                            account: arn.account().to_owned(),
                        })
                    }
                    Ok(_) => Ok(PrincipalPattern::Aws(name)),
                    Err(_) if is_unique_id(&name) => Ok(PrincipalPattern::Aws(name)),
                    Err(_) => Err(refused("is not an account, an ARN or a unique id")),
                }
            }
            "Service" => Ok(PrincipalPattern::Service(name)),
            "Federated" => Ok(PrincipalPattern::Federated(name)),
            "CanonicalUser" => Ok(PrincipalPattern::CanonicalUser(name)),
            _ => Err(PolicyError::UnknownElement { place: self.0.clone(), element: kind.to_owned() }),
        }
    }

    pub(super) fn conditions(&self, block: Value, variables: bool) -> Result<Vec<Condition>, PolicyError> {
        let refused = |what: &str| self.malformed(format!("`Condition` {what}"));
        let Value::Object(operators) = block else { return Err(refused("is not an object")) };
        let mut conditions = Vec::new();
        for (operator, keys) in operators {
            let Value::Object(keys) = keys else { return Err(refused("has an operator without keys")) };
            for (key, values) in keys {
                let values = match values {
                    Value::Array(values) if !values.is_empty() => values,
                    Value::Array(_) => return Err(refused("has an empty list of values")),
                    one => vec![one],
                };
                let values = values
                    .into_iter()
                    .map(|value| match value {
                        Value::String(text) => Ok(text),
                        Value::Bool(truth) => Ok(truth.to_string()),
                        Value::Number(number) => Ok(number.to_string()),
                        _ => Err(refused("has a value that is no string, number or boolean")),
                    })
                    .map(|text| Text::parse(&text?, variables).map_err(|error| self.bad_variable(error)))
                    .collect::<Result<_, _>>()?;
                conditions.push(Condition { operator: operator.clone(), key, values });
            }
        }
        Ok(conditions)
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.chars().all(|one| one.is_ascii_digit())
}

fn is_unique_id(text: &str) -> bool {
    text.len() >= 16 && text.chars().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit())
}
