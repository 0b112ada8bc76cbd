//! Policies as JSON again.

use std::fmt;

use serde_json::{Map, Value};

use super::{Condition, Listed, PolicyDocument, PrincipalPattern, Statement};
use crate::text::Text;

impl fmt::Display for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = if self.variables { "2012-10-17" } else { "2008-10-17" };
        let mut document = Map::new();
        document.insert("Version".to_owned(), version.into());
        if let Some(id) = &self.id {
            document.insert("Id".to_owned(), id.clone().into());
        }
        let statements: Vec<Value> = self.statements.iter().map(Statement::to_json).collect();
        document.insert("Statement".to_owned(), statements.into());
        write!(f, "{}", Value::Object(document))
    }
}

impl Statement {
    fn to_json(&self) -> Value {
        let name = |negated: bool, name: &str| format!("{}{name}", if negated { "Not" } else { "" });
        let sources = |texts: &[Text]| -> Value { texts.iter().map(Text::source).collect::<Vec<_>>().into() };
        let mut printed = Map::new();
        if let Some(sid) = &self.sid {
            printed.insert("Sid".to_owned(), sid.clone().into());
        }
        printed.insert("Effect".to_owned(), if self.allows { "Allow" } else { "Deny" }.into());
        if let Some(Listed { negated, items }) = &self.principals {
            printed.insert(name(*negated, "Principal"), print_principals(items));
        }
        printed.insert(name(self.actions.negated, "Action"), sources(&self.actions.items));
        if let Some(Listed { negated, items }) = &self.resources {
            printed.insert(name(*negated, "Resource"), sources(items));
        }
        let mut operators: Map<String, Value> = Map::new();
        for Condition { operator, key, values } in &self.conditions {
            let keys = operators.entry(operator.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(keys) = keys {
                keys.insert(key.clone(), sources(values));
            }
        }
        if !operators.is_empty() {
            printed.insert("Condition".to_owned(), operators.into());
        }
        Value::Object(printed)
    }
}

fn print_principals(patterns: &[PrincipalPattern]) -> Value {
    let mut kinds: Map<String, Value> = Map::new();
    for pattern in patterns {
        let (kind, name) = match pattern {
            PrincipalPattern::Everyone => ("AWS", "*".to_owned()),
            PrincipalPattern::Account { partition: None, account } => ("AWS", account.clone()),
            PrincipalPattern::Account { partition: Some(partition), account } => {
                ("AWS", format!("arn:{partition}:iam::{account}:root"))
            }
            PrincipalPattern::Aws(name) => ("AWS", name.clone()),
            PrincipalPattern::Service(name) => ("Service", name.clone()),
            PrincipalPattern::Federated(name) => ("Federated", name.clone()),
            PrincipalPattern::CanonicalUser(name) => ("CanonicalUser", name.clone()),
        };
        let names = kinds.entry(kind.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(names) = names {
            names.push(name.into());
        }
    }
    Value::Object(kinds)
}
