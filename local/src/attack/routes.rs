//! The routes that the template deploys, read from its text: what is attacked is what is deployed, and nothing can be
//! forgotten. Pure.

use std::collections::BTreeMap;

/// Every route, `GET /documents/{document_id}`, and whether everybody may come without a token.
///
/// It reads the functions' events (`Type: Api`), whose method and path stand beside each other; one that asks for no
/// token says so with `Authorizer: NONE`.
#[must_use]
pub fn routes(template: &str) -> BTreeMap<String, bool> {
    let value = |line: &str, name: &str| {
        line.trim().strip_prefix(name).map(|value| value.trim().trim_matches('"').to_owned())
    };
    let mut found = BTreeMap::new();
    let (mut method, mut path) = (None, None);
    let mut last = None;
    for line in template.lines() {
        if let Some(given) = value(line, "Path: ").filter(|path| path.starts_with('/')) {
            path = Some(given);
        } else if let Some(given) = value(line, "Method: ") {
            method = Some(given.to_uppercase());
        } else if line.trim() == "Auth:" {
            // Of the event above, or of the API itself, where nothing was found yet.
        } else if line.trim() == "Authorizer: NONE" {
            if let Some(open) = last.take().and_then(|route: String| found.get_mut(&route)) {
                *open = true;
            }
        } else {
            (method, path) = (None, None);
            if line.trim().starts_with("Type: ") {
                last = None;
            }
        }
        if let (Some(method), Some(path)) = (&method, &path) {
            let route = format!("{method} {path}");
            found.entry(route.clone()).or_insert(false);
            last = Some(route);
        }
    }
    found
}

/// The routes of this checkout's template.
#[must_use]
pub fn deployed() -> BTreeMap<String, bool> {
    routes(include_str!("../../../template.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
      Events:
        Add:
          Type: Api
          Properties:
            RestApiId: !Ref Api
            Method: POST
            Path: /things
        Welcome:
          Type: Api
          Properties:
            Path: /welcome
            Method: get
            Auth:
              Authorizer: NONE
        Other:
          Type: SQS
          Properties:
            Queue: Path
";

    #[test]
    fn the_template_deploys_what_the_functions_answer_and_openapi_json_describes() {
        use shared::routes::Operation;
        let table = Operation::ALL.iter().map(|operation| {
            let (method, path) = operation.route();
            (format!("{method} {path}"), operation.is_open())
        });
        assert_eq!(deployed(), table.collect(), "template.yaml and shared/src/routes/mod.rs");
    }

    #[test]
    fn routes_are_found_in_either_order_and_those_that_are_open_are_known() {
        let expected = [("GET /welcome".to_owned(), true), ("POST /things".to_owned(), false)];
        assert_eq!(routes(TEMPLATE), BTreeMap::from(expected));
        let deployed = deployed();
        assert!(deployed.len() >= 15, "{deployed:?}");
        assert_eq!(deployed.get("GET /signup"), Some(&true));
        assert_eq!(deployed.get("GET /documents"), Some(&false));
    }
}
