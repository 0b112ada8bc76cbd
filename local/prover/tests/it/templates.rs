//! Templates: what their functions come to, and what is said where they come to nothing.

use serde_json::{Value, json};

use crate::{role, table, undeclared, world};

/// Each names the one table of the stack, so each lets the role scan it.
#[test]
fn every_way_to_name_a_table_comes_to_its_arn() {
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/stack-Rows";
    for (named, why) in [
        (json!(arn), "as it is"),
        (json!({"Fn::GetAtt": ["Rows", "Arn"]}), "an attribute"),
        (json!({"Fn::GetAtt": "Rows.Arn"}), "an attribute in short"),
        (json!({"Fn::Sub": "${Rows.Arn}"}), "an attribute in a text"),
        (
            json!({"Fn::Sub": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Rows}"}),
            "a reference in a text",
        ),
        (json!({"Fn::Sub": ["${It}", {"It": {"Fn::GetAtt": ["Rows", "Arn"]}}]}), "a name of its own"),
        (
            json!({"Fn::Join": ["/", ["arn:aws:dynamodb:us-east-1:111111111111:table", {"Ref": "Rows"}]]}),
            "joined",
        ),
        (json!({"Fn::Select": ["1", ["x", {"Fn::GetAtt": ["Rows", "Arn"]}]]}), "selected"),
        (json!({"Fn::If": ["IsOpen", "*", {"Fn::GetAtt": ["Rows", "Arn"]}]}), "by a condition"),
        (json!([{"Ref": "AWS::NoValue"}, {"Fn::GetAtt": ["Rows", "Arn"]}]), "beside no value"),
    ] {
        let resources = json!({"Rows": table(), "Other": table(), "Reads": role("dynamodb:Scan", named)});
        let expected = "Reads can dynamodb:Scan on every tenant's rows of Rows, by statement `It` of `own`.";
        assert_eq!(undeclared(&resources, &[]), [expected], "{why}");
    }
}

#[test]
fn what_cannot_be_resolved_is_named() {
    for (named, expected) in [
        (json!({"Ref": "Nothing"}), "there is no parameter and no resource `Nothing`"),
        (json!({"Ref": "Table"}), "the parameter `Table` has no default and was given no value"),
        (
            json!({"Fn::GetAtt": ["Rows", "Colour"]}),
            "what `Colour` of `Rows` (AWS::DynamoDB::Table) would be is not known",
        ),
        (json!({"Fn::ImportValue": "x"}), "`Fn::ImportValue` is not known"),
        (json!({"Fn::If": ["Never", "a", "b"]}), "there is no condition `Never`"),
    ] {
        let resources = json!({"Rows": table(), "Reads": role("dynamodb:Scan", named)});
        let error = world(&resources, &[]).unwrap_err().to_string();
        assert_eq!(error, format!("`Reads.Policies` of the stack `stack` cannot be resolved: {expected}"));
    }
}

#[test]
fn a_given_parameter_and_a_condition_that_holds_are_minded() {
    let star = role("dynamodb:Scan", json!({"Fn::If": ["IsOpen", "*", {"Ref": "Table"}]}));
    let resources = json!({"Rows": table(), "Reads": star});
    let arn = ("Table", "arn:aws:dynamodb:us-east-1:111111111111:table/stack-Rows");
    assert_eq!(undeclared(&resources, &[arn]).len(), 1);
    assert_eq!(undeclared(&resources, &[arn, ("Open", "yes")]).len(), 2, "another table, too");
}

#[test]
fn a_role_whose_condition_does_not_hold_is_not_there() {
    let mut reads = role("dynamodb:Scan", json!("*"));
    reads["Condition"] = json!("IsOpen");
    let resources = json!({"Rows": table(), "Reads": reads});
    assert_eq!(undeclared(&resources, &[]), Vec::<String>::new());
    assert_eq!(undeclared(&resources, &[("Open", "yes")]).len(), 2);
}

/// Whoever reads a policy wrongly proves nothing.
#[test]
fn a_policy_that_cannot_be_read_is_an_error() {
    let mut reads = role("dynamodb:Scan", json!("*"));
    reads["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Colour"] = json!("red");
    let error = world(&json!({"Rows": table(), "Reads": reads}), &[]).unwrap_err();
    assert_eq!(error.to_string(), "`Reads.Policies` of the stack `stack` is not a policy that can be read");
    assert!(world(&Value::Null, &[]).is_err(), "no resources");
}

/// An identity provider's word is not judged, so it does not pass.
#[test]
fn a_role_that_an_identity_provider_gives_out_is_a_counterexample() {
    let mut reads = role("dynamodb:GetItem", json!("*"));
    reads["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] =
        json!({"Federated": "cognito-identity.amazonaws.com"});
    let found = undeclared(&json!({"Reads": reads}), &[]);
    assert_eq!(
        found,
        [
            "whoever cognito-identity.amazonaws.com vouches for can make a session of Reads, which this proof does not \
          judge, by the trust policy of Reads."
        ]
    );
}
