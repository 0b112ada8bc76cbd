//! The prover without Python: small templates and a few actions, through its public door.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy.toml allows it in test functions, and these are their parts"
)]

mod declared;
mod templates;

use std::collections::BTreeMap;

use prover::{Facts, Naming, Place, Promises, Proof, Stack, TemplateError, World};
use serde_json::{Value, json};

/// What IAM knows, as far as these templates speak of it.
fn facts() -> Facts {
    let table = "arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}";
    serde_json::from_value(json!({"dynamodb": {
        "resources": {"table": table},
        "actions": {
            "GetItem": {"resources": ["table"], "keys": ["dynamodb:LeadingKeys"]},
            "Scan": {"resources": ["table"], "keys": []},
            "ListTables": {"resources": [], "keys": []},
        }
    }}))
    .unwrap()
}

fn world(resources: &Value, parameters: &[(&str, &str)]) -> Result<World, TemplateError> {
    let template = json!({
        "Parameters": {"Table": {"Type": "String"}, "Open": {"Type": "String", "Default": "no"}},
        "Conditions": {"IsOpen": {"Fn::Equals": [{"Ref": "Open"}, "yes"]}},
        "Resources": resources,
    });
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let place = Place {
        name: "stack".to_owned(),
        account: "111111111111".to_owned(),
        region: "us-east-1".to_owned(),
        parameters: parameters.iter().map(pair).collect::<BTreeMap<_, _>>(),
    };
    World::of(&[Stack::new(place, template)?])
}

/// A role of Lambda's that may do this on that.
fn role(action: &str, resource: Value) -> Value {
    json!({"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
        "Policies": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Sid": "It", "Effect": "Allow", "Action": action, "Resource": resource}]}}],
    }})
}

fn table() -> Value {
    json!({"Type": "AWS::DynamoDB::Table", "Properties": {
        "KeySchema": [{"AttributeName": "tenant_id", "KeyType": "HASH"}]}})
}

fn proved(resources: &Value, promises: &str) -> Proof {
    prover::prove(&world(resources, &[]).unwrap(), &Promises::parse(promises).unwrap(), &facts()).unwrap()
}

fn sentences(proof: &Proof) -> Vec<String> {
    proof.counterexamples.iter().map(prover::Counterexample::sentence).collect()
}

fn undeclared(resources: &Value, parameters: &[(&str, &str)]) -> Vec<String> {
    let world = world(resources, parameters).unwrap();
    sentences(&prover::prove(&world, &Promises::none(Naming::default()), &facts()).unwrap())
}
