//! Actions that do not exist yet: what a policy that names none of them would allow of them.

use std::collections::BTreeSet;

use cedar_policy::Schema;
use serde_json::{Value, json};

use crate::policies::{Policies, PoliciesError};

/// An action that no schema names, no policy speaks of and no group holds.
pub const INVENTED: &str = "anActionOfTomorrow";

/// The schema with [`INVENTED`] in each of its namespaces: whoever may be asked about, on anything.
pub(crate) fn with_an_invented_action(policies: &Policies) -> Result<Schema, PoliciesError> {
    let said = PoliciesError::Schema;
    let asking: BTreeSet<String> =
        policies.schema.request_envs().map(|env| env.principal().to_string()).collect();
    let mut schema: Value = serde_json::from_str(&policies.schema_text).map_err(|e| said(e.to_string()))?;
    let namespaces = schema.as_object_mut().into_iter().flatten();
    for (name, namespace) in namespaces {
        let of = |entity: &String| if name.is_empty() { entity.clone() } else { format!("{name}::{entity}") };
        let types = namespace.get("entityTypes").and_then(Value::as_object);
        let types: Vec<String> = types.into_iter().flat_map(|types| types.keys().map(of)).collect();
        let Some(actions) = namespace.get_mut("actions").and_then(Value::as_object_mut) else { continue };
        let applies = json!({"appliesTo": {"principalTypes": asking, "resourceTypes": types}});
        if actions.insert(INVENTED.to_owned(), applies).is_some() {
            return Err(said(format!("`{INVENTED}` is an action, and the proofs need one that is none")));
        }
    }
    Schema::from_json_value(schema).map_err(|e| said(e.to_string()))
}
