//! The declared list: no more, no less.

use prover::{Difference, Promises, difference};
use serde_json::json;

use crate::{proved, role, sentences, table};

const READS: &str = r#"
[role.Reads]
services = ["lambda.amazonaws.com"]
may = ["dynamodb:GetItem Rows"]
"#;

#[test]
fn what_is_declared_holds() {
    let resources =
        json!({"Rows": table(), "Reads": role("dynamodb:GetItem", json!({"Fn::GetAtt": ["Rows", "Arn"]}))});
    let proof = proved(&resources, READS);
    assert!(proof.holds(), "{:?} {:?}", sentences(&proof), proof.stale);
    let expected = "    dynamodb:GetItem                             Rows <- `It` of `own`\n";
    assert!(proof.permissions.contains(expected), "{}", proof.permissions);
}

#[test]
fn what_is_more_is_a_counterexample_and_what_is_less_is_stale() {
    let scan = role("dynamodb:Scan", json!({"Fn::GetAtt": ["Rows", "Arn"]}));
    let proof = proved(&json!({"Rows": table(), "Reads": scan}), READS);
    let expected = "Reads can dynamodb:Scan on every tenant's rows of Rows, by statement `It` of `own`.";
    assert_eq!(sentences(&proof), [expected]);
    assert_eq!(proof.stale, ["Reads is declared to do dynamodb:GetItem on Rows, and cannot"]);
}

#[test]
fn a_role_that_no_template_has_is_stale() {
    let proof = proved(&json!({"Rows": table()}), READS);
    assert_eq!(proof.stale, ["Reads is declared, and no template has it"]);
}

#[test]
fn a_list_that_says_something_unknown_is_refused() {
    for (list, why) in [
        ("[role.Reads]\nmight = []", "an unknown word"),
        ("[role.Reads]\nmay = [\"dynamodb:GetItem\"]", "on nothing"),
        ("[role.Reads]\nmay = [\"GetItem Rows\"]", "of no service"),
        ("[role", "no TOML"),
    ] {
        assert!(Promises::parse(list).is_err(), "{why}");
    }
}

#[test]
fn a_difference_names_the_role_of_each_line() {
    let (old, new) = ("Reads\n    a\n    b\n", "Reads\n    b\n    c\n\nWrites\n    b\n");
    assert_eq!(
        difference(old, new),
        [
            Difference::More("Reads: c".to_owned()),
            Difference::More("Writes".to_owned()),
            Difference::More("Writes: b".to_owned()),
            Difference::Less("Reads: a".to_owned()),
        ]
    );
}
