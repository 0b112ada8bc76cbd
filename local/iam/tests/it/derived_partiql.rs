//! PartiQL: the kind, the table, and the key only where it is sure.

use iam::Value::{Many, One, Unknown};
use iam::requests::{Needed, Underivable, derive};
use serde_json::{Value as Json, json};

use super::derived_dynamodb::{Known, call};

fn ask(statement: &str, parameters: &Json) -> Result<Needed, Underivable> {
    let body = json!({"Statement": statement, "Parameters": parameters});
    derive(&call("dynamodb", "ExecuteStatement", &body), &Known).map(|mut needed| needed.remove(0))
}

/// What the statement says of the partition key.
#[derive(Debug, PartialEq)]
enum Key {
    Is(&'static str),
    Absent,
    Unsure,
}
use Key::{Absent, Is, Unsure};

#[test]
fn the_kind_the_table_and_the_key_are_read() {
    for (statement, action, resource, key, full_scan) in [
        (r#"SELECT * FROM "Documents" WHERE tenant_id = 'a'"#, "Select", "Documents", Is("a"), Some("false")),
        (
            r#"select name, "x" from Documents where "tenant_id" = ? and document_id = 'd'"#,
            "Select",
            "Documents",
            Is("p"),
            Some("false"),
        ),
        (
            r#"SELECT * FROM "Documents"."by-owner" WHERE tenant_id='a' AND owner_created > 'x'"#,
            "Select",
            "Documents/index/by-owner",
            Is("a"),
            Some("false"),
        ),
        (
            r#"SELECT * FROM "Documents"."by-name" WHERE tenant_id='a'"#,
            "Select",
            "Documents/index/by-name",
            Unsure,
            None,
        ),
        (
            r#"SELECT * FROM "Documents" WHERE tenant_id = 'it''s'"#,
            "Select",
            "Documents",
            Is("it's"),
            Some("false"),
        ),
        (r#"SELECT * FROM "Documents""#, "Select", "Documents", Absent, Some("true")),
        (r#"SELECT * FROM "Documents" WHERE document_id = 'd'"#, "Select", "Documents", Unsure, None),
        (
            r#"SELECT * FROM "Documents" WHERE tenant_id = 'a' OR tenant_id = 'b'"#,
            "Select",
            "Documents",
            Unsure,
            None,
        ),
        (r#"SELECT * FROM "Documents" WHERE tenant_id IN ['a']"#, "Select", "Documents", Unsure, None),
        (r#"SELECT * FROM "Documents" WHERE NOT tenant_id = 'a'"#, "Select", "Documents", Unsure, None),
        (r#"SELECT * FROM "Documents" WHERE (tenant_id = 'a')"#, "Select", "Documents", Unsure, None),
        (r#"SELECT * FROM "Documents" WHERE tenant_id > 'a'"#, "Select", "Documents", Unsure, None),
        (
            r#"SELECT * FROM "Documents" WHERE tenant_id = 'a' AND tenant_id = 'b'"#,
            "Select",
            "Documents",
            Unsure,
            None,
        ),
        (r#"SELECT * FROM "Documents" WHERE tenant_id = other"#, "Select", "Documents", Unsure, None),
        (
            r#"INSERT INTO "Documents" VALUE {'tenant_id': 'a', 'n': {'tenant_id': 'b'}}"#,
            "Insert",
            "Documents",
            Is("a"),
            None,
        ),
        (
            r#"INSERT INTO "Documents" VALUE {'n': [1, {'tenant_id': 'b'}], 'tenant_id': ?}"#,
            "Insert",
            "Documents",
            Is("p"),
            None,
        ),
        (
            r#"INSERT INTO "Documents" VALUE {'tenant_id': 'a', 'tenant_id': 'b'}"#,
            "Insert",
            "Documents",
            Unsure,
            None,
        ),
        (
            r#"INSERT INTO "Documents" VALUE {'x': 'tenant_id', 'y': 'a'}"#,
            "Insert",
            "Documents",
            Unsure,
            None,
        ),
        (r#"INSERT INTO "Documents" VALUE ?"#, "Insert", "Documents", Unsure, None),
        (
            r#"UPDATE "Documents" SET name = 'x' WHERE tenant_id = 'a' AND document_id = 'd'"#,
            "Update",
            "Documents",
            Is("a"),
            None,
        ),
        (
            r#"UPDATE "Documents" SET name = 'WHERE tenant_id = b' WHERE tenant_id = 'a'"#,
            "Update",
            "Documents",
            Is("a"),
            None,
        ),
        (
            r#"DELETE FROM "Documents" WHERE tenant_id = 'a' AND document_id = ?"#,
            "Delete",
            "Documents",
            Is("a"),
            None,
        ),
        (
            r#"DELETE FROM "Documents" WHERE tenant_id = 'a' RETURNING ALL OLD *"#,
            "Delete",
            "Documents",
            Unsure,
            None,
        ),
        (r#"SELECT * FROM "Nowhere" WHERE tenant_id = 'a'"#, "Select", "Nowhere", Unsure, None),
    ] {
        let needed =
            ask(statement, &json!([{"S": "p"}])).unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert_eq!(needed.action, format!("dynamodb:PartiQL{action}"), "{statement}");
        assert!(needed.resource.ends_with(&format!(":table/{resource}")), "{statement}: {}", needed.resource);
        let found = match needed.context.get("dynamodb:LeadingKeys") {
            None => Absent,
            Some(Unknown(_)) => Unsure,
            Some(Many(values)) => match key {
                Is(expected) if *values == [expected] => Is(expected),
                _ => panic!("{statement}: {values:?}"),
            },
            Some(other) => panic!("{statement}: {other:?}"),
        };
        assert_eq!(found, key, "{statement}");
        match (needed.context.get("dynamodb:FullTableScan"), full_scan) {
            (Some(One(found)), Some(expected)) => assert_eq!(found, expected, "{statement}"),
            (Some(Unknown(_)), None) => assert_eq!(action, "Select", "{statement}"),
            (None, None) => assert_ne!(action, "Select", "{statement}"),
            (found, _) => panic!("{statement}: {found:?}"),
        }
    }
}

#[test]
fn what_cannot_be_classified_is_refused() {
    for (statement, why) in [
        ("", "nothing"),
        ("MERGE INTO Documents", "another verb"),
        ("EXISTS(SELECT * FROM Documents)", "a condition check"),
        ("SELECT *", "no table"),
        (r#"SELECT * FROM "Documents" WHERE x IN (SELECT y FROM "Others")"#, "a statement within"),
        (r#"SELECT * FROM "Documents", "Others""#, "two tables"),
        (r#"SELECT * FROM "Documents" d WHERE d.tenant_id = 'a'"#, "an alias"),
        (r#"SELECT * FROM "Documents"."by-owner"."x" WHERE tenant_id = 'a'"#, "too many names"),
        (r#"DELETE FROM "Documents""#, "no condition"),
        (r#"SELECT * FROM "Documents" -- WHERE"#, "a comment"),
        (r#"SELECT * FROM "Documents" /* x */"#, "a comment"),
        (r#"SELECT * FROM "Documents WHERE"#, "an open quote"),
        (r#"SELECT * FROM "Docu*""#, "no table's name"),
        ("INSERT Documents VALUE {}", "no INTO"),
        ("DELETE Documents", "no FROM"),
        (r#"SELECT * FROM `Documents`"#, "another quote"),
    ] {
        assert!(ask(statement, &json!([])).is_err(), "{statement}: {why}");
    }
}

#[test]
fn batches_and_transactions_are_authorized_by_statement() {
    let parts = json!([
        {"Statement": "SELECT * FROM Documents WHERE tenant_id = ?", "Parameters": [{"S": "a"}]},
        {"Statement": "DELETE FROM Documents WHERE tenant_id = 'b' AND document_id = 'd'"}
    ]);
    let transaction =
        derive(&call("dynamodb", "ExecuteTransaction", &json!({"TransactStatements": parts})), &Known)
            .unwrap();
    let batch =
        derive(&call("dynamodb", "BatchExecuteStatement", &json!({"Statements": parts})), &Known).unwrap();
    for (needed, in_transaction) in [(transaction, true), (batch, false)] {
        assert_eq!(
            needed.iter().map(|one| one.action.as_str()).collect::<Vec<_>>(),
            ["dynamodb:PartiQLSelect", "dynamodb:PartiQLDelete"]
        );
        for (one, tenant) in needed.iter().zip(["a", "b"]) {
            assert_eq!(one.context.get("dynamodb:LeadingKeys"), Some(&Many(vec![tenant.to_owned()])));
            let enclosing = one.context.get("dynamodb:EnclosingOperation");
            assert_eq!(matches!(enclosing, Some(One(_))), in_transaction);
            assert_eq!(matches!(enclosing, Some(Unknown(_))), !in_transaction);
        }
    }
    assert!(
        derive(&call("dynamodb", "ExecuteTransaction", &json!({"TransactStatements": []})), &Known).is_err()
    );
}
