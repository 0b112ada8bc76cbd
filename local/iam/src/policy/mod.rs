//! Policy documents, parsed strictly: what is not in the grammar is refused, not ignored.
//!
//! Whether a document fits its use (a trust policy has no `Resource`, an identity policy no `Principal`) is not known
//! here; the evaluator checks it where the use is known.
//!
//! Sources: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements reference".

mod element;
mod print;

use serde_json::Value;

use self::element::Place;
use crate::text::Text;

/// The most bytes of a document; AWS's largest (a bucket policy) is 20 KB without white space.
const DOCUMENT_BYTES_MAX: usize = 65_536;

/// A parsed policy document. Prints as JSON that parses to an equal document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument {
    id: Option<String>,
    variables: bool,
    statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) sid: Option<String>,
    pub(crate) allows: bool,
    pub(crate) principals: Option<Listed<PrincipalPattern>>,
    pub(crate) actions: Listed<Text>,
    pub(crate) resources: Option<Listed<Text>>,
    pub(crate) conditions: Vec<Condition>,
}

/// An element or its `Not…` form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed<T> {
    pub(crate) negated: bool,
    pub(crate) items: Vec<T>,
}

/// Whom a `Principal` element names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrincipalPattern {
    /// `"*"` or `{"AWS": "*"}`.
    Everyone,
    /// A 12-digit account, or the ARN of its root.
    Account { partition: Option<String>, account: String },
    /// Any other ARN or unique id, exactly.
    Aws(String),
    /// A service's principal name.
    Service(String),
    /// An identity provider.
    Federated(String),
    /// S3's name for an account.
    CanonicalUser(String),
}

/// `operator: {key: values}`, one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: String,
    pub(crate) key: String,
    pub(crate) values: Vec<Text>,
}

/// Why a text is not a policy document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON, or an object has a key twice.
    #[error("the policy is not JSON: {0}")]
    Json(String),
    /// Longer than any policy of AWS's.
    #[error("the policy has {0} bytes, more than {DOCUMENT_BYTES_MAX}")]
    TooLong(usize),
    /// An element that is not in the grammar.
    #[error("{place} has the unknown element `{element}`")]
    UnknownElement {
        /// `the policy` or `statement N`.
        place: String,
        /// The element's name.
        element: String,
    },
    /// An element that must be there is not, or has the wrong form.
    #[error("{place}: {what}")]
    Malformed {
        /// `the policy` or `statement N`.
        place: String,
        /// What is wrong, in words.
        what: String,
    },
}

impl PolicyDocument {
    /// Parses plain (not percent-encoded) JSON.
    ///
    /// # Errors
    /// Names the element that is unknown, missing or of the wrong form.
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(PolicyError::TooLong(json.len()));
        }
        let value =
            crate::json::read(json.as_bytes()).map_err(|error| PolicyError::Json(error.to_string()))?;
        let whole = Place("the policy".to_owned());
        let Value::Object(mut elements) = value else {
            return Err(whole.malformed("is not an object"));
        };
        let variables = match elements.remove("Version") {
            None => false,
            Some(Value::String(version)) if version == "2008-10-17" => false,
            Some(Value::String(version)) if version == "2012-10-17" => true,
            Some(other) => return Err(whole.malformed(format!("`Version` {other} is not known"))),
        };
        let id = whole.string(&mut elements, "Id")?;
        let statements = match elements.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err(whole.malformed("`Statement` is not an object or a list of objects")),
        };
        whole.nothing_left(&elements)?;
        let statements: Vec<Statement> = statements
            .into_iter()
            .enumerate()
            .map(|(number, statement)| Statement::parse(number, statement, variables))
            .collect::<Result<_, _>>()?;
        let mut sids: Vec<&str> =
            statements.iter().filter_map(|statement| statement.sid.as_deref()).collect();
        sids.sort_unstable();
        if let Some([twice, _]) = sids.array_windows().find(|[one, next]| one == next) {
            return Err(whole.malformed(format!("two statements have the Sid `{twice}`")));
        }
        Ok(Self { id, variables, statements })
    }

    /// Whether a statement's `Action` or `NotAction` covers this action, whatever else it says: an action that none
    /// covers is neither allowed nor denied by this document.
    pub fn names_action(&self, action: &str) -> bool {
        self.statements.iter().any(|statement| crate::statement::names_action(&statement.actions, action))
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

impl Statement {
    fn parse(number: usize, statement: Value, variables: bool) -> Result<Self, PolicyError> {
        let place = Place(format!("statement {number}"));
        let Value::Object(mut elements) = statement else {
            return Err(place.malformed("is not an object"));
        };
        let sid = place.string(&mut elements, "Sid")?.filter(|sid| !sid.is_empty());
        let allows = match place.string(&mut elements, "Effect")?.as_deref() {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(place.malformed("`Effect` is neither `Allow` nor `Deny`")),
        };
        let principals = place.either(&mut elements, "Principal", |value| place.principals(value))?;
        let actions = place
            .either(&mut elements, "Action", |value| {
                place.strings("Action", value)?.iter().map(|text| place.action(text)).collect()
            })?
            .ok_or_else(|| place.malformed("has neither `Action` nor `NotAction`"))?;
        let resources = place.either(&mut elements, "Resource", |value| {
            place.strings("Resource", value)?.iter().map(|text| place.resource(text, variables)).collect()
        })?;
        let conditions = match elements.remove("Condition") {
            None => Vec::new(),
            Some(block) => place.conditions(block, variables)?,
        };
        place.nothing_left(&elements)?;
        Ok(Self { sid, allows, principals, actions, resources, conditions })
    }
}
