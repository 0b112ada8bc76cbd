//! A case that the solver found, in words: who, with what about them, may do what to what, by which policy.

use std::fmt;

use cedar_policy::{Entities, EntityUid};
use cedar_policy_symcc::Env;
use serde_json::Value;

/// A request, with what the decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What was done before, in words that a sentence can go on from; empty if nothing.
    pub after: String,
    /// Who asks, and what is known of them: `User "A" (in Group "ADMINS")`.
    pub who: String,
    /// The actions' names; in their order.
    pub actions: Vec<String>,
    /// Of what, and what is known of it: `some Document (owner: User "C")`.
    pub what: String,
    /// What comes of it.
    pub outcome: Outcome,
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is allowed, by these policies.
    Allowed(Vec<String>),
    /// It is denied, by these policies; by none if nothing allows it.
    Denied(Vec<String>),
    /// This policy cannot be evaluated.
    Errs(String),
}

impl Case {
    pub(crate) fn of(env: &Env, outcome: Outcome) -> Self {
        let request = &env.request;
        let asking = request.principal();
        let described = |uid: Option<&EntityUid>| {
            uid.map_or_else(|| "somebody".to_owned(), |uid| described(&env.entities, uid, asking))
        };
        Self {
            after: String::new(),
            who: described(request.principal()),
            actions: request.action().map(|action| action.id().unescaped().to_owned()).into_iter().collect(),
            what: described(request.resource()),
            outcome,
        }
    }

    /// The same, after something was done.
    pub(crate) fn after(self, done: &str) -> Self {
        Self { after: done.to_owned(), ..self }
    }

    /// What comes of another request.
    pub(crate) fn with(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }
}

/// Puts together the cases that differ in their actions only.
pub(crate) fn gathered(cases: Vec<Case>) -> Vec<Case> {
    let mut gathered: Vec<Case> = Vec::new();
    for case in cases {
        let like = |one: &&mut Case| Case { actions: case.actions.clone(), ..(*one).clone() } == case;
        match gathered.iter_mut().find(like) {
            Some(one) => one.actions.extend(case.actions),
            None => gathered.push(case),
        }
    }
    gathered
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, who, what, .. } = self;
        let actions = listed(&self.actions);
        if !after.is_empty() {
            write!(f, "{after}, ")?;
        }
        match &self.outcome {
            Outcome::Allowed(by) if by.is_empty() => write!(f, "{who} may {actions} {what}"),
            Outcome::Allowed(by) => write!(f, "{who} may {actions} {what}, by {}", quoted(by)),
            Outcome::Denied(by) if by.is_empty() => write!(f, "{who} may not {actions} {what}"),
            Outcome::Denied(by) => write!(f, "{who} may not {actions} {what}, by {}", quoted(by)),
            Outcome::Errs(policy) => write!(f, "`{policy}` errs when {who} asks to {actions} {what}"),
        }
    }
}

fn quoted(ids: &[String]) -> String {
    listed(&ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>())
}

/// One, two and three.
fn listed(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} and {last}", many.join(", ")),
    }
}

/// An entity with its parents and its attributes.
fn described(entities: &Entities, uid: &EntityUid, asking: Option<&EntityUid>) -> String {
    let name = name(uid);
    let json = entities.get(uid).and_then(|entity| entity.to_json_value().ok()).unwrap_or_default();
    let value = |json: &Value| value(json, asking);
    let parents = json.get("parents").and_then(Value::as_array).into_iter().flatten();
    let parents: Vec<String> = parents.map(value).collect();
    let mut about = Vec::new();
    if !parents.is_empty() {
        about.push(format!("in {}", parents.join(", ")));
    }
    let attributes = json.get("attrs").and_then(Value::as_object).into_iter().flatten();
    about.extend(attributes.map(|(attribute, of)| format!("{attribute}: {}", value(of))));
    if about.is_empty() { name } else { format!("{name} ({})", about.join("; ")) }
}

/// An entity without its namespace.
pub(crate) fn name(uid: &EntityUid) -> String {
    named(uid.type_name().basename(), uid.id().unescaped())
}

/// The solver names what any name will do for by the shortest that there is.
fn named(of: &str, id: &str) -> String {
    if id.is_empty() { format!("some {of}") } else { format!("{of} {id:?}") }
}

/// A value of Cedar's JSON form: an entity by its name, anything else as it is.
fn value(json: &Value, asking: Option<&EntityUid>) -> String {
    let uid = json.get("__entity").unwrap_or(json);
    let (Some(of), Some(id)) =
        (uid.get("type").and_then(Value::as_str), uid.get("id").and_then(Value::as_str))
    else {
        return json.to_string();
    };
    let is_asking =
        asking.is_some_and(|asking| asking.type_name().to_string() == of && asking.id().unescaped() == id);
    if is_asking { "themselves".to_owned() } else { named(of.rsplit("::").next().unwrap_or(of), id) }
}
