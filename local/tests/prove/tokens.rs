//! Our templates where callers' tokens decide: as they are, and with faults put into that.

use serde_json::{Value, json};

use super::{FACTS, OURS, by_token, prove_ours, prove_with, root, sentences};

#[test]
fn what_tokens_open_is_declared_and_differs_from_the_other_mode_as_it_is_written_down() {
    let proof = prove_with(&by_token(), &OURS.templates, &OURS.services);
    assert!(proof.holds(), "{:#?}\n{:#?}", sentences(&proof), proof.stale);
    let other = prove_ours(&OURS.templates, &OURS.services);
    let path = root().join("local/prover/permissions-token.txt");
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        local::prove::otherwise(&other, &proof),
        "if meant: cargo run -p local -- prove --accept"
    );
}

/// A proof that no token opens anything would hold too.
#[test]
fn a_callers_token_opens_what_serves_callers_and_nothing_else() {
    let permissions = prove_with(&by_token(), &OURS.templates, &FACTS).permissions;
    let opened: Vec<&str> = permissions
        .split("\n\n")
        .filter(|role| role.contains("opened by tokens of UserPoolProvider"))
        .map(|role| role.trim_start().lines().next().unwrap())
        .collect();
    assert_eq!(opened, ["TenantDataRole", "TenantDirectoryRole", "TenantSharingRole", "TenantUsageRole"]);
}

/// The first template, changed.
fn with(change: impl FnOnce(&mut Value)) -> Vec<Value> {
    let mut templates = OURS.templates.clone();
    change(&mut templates[0]);
    assert_ne!(templates[0], OURS.templates[0], "the change changes nothing");
    templates
}

/// The trust policy of a role, changed as the text that it is.
fn trust(of: &str, change: impl FnOnce(&str) -> String) -> Vec<Value> {
    with(|template| {
        let text =
            &mut template["Resources"][of]["Properties"]["AssumeRolePolicyDocument"]["Fn::If"][1]["Fn::Sub"];
        *text = json!(change(text.as_str().unwrap()));
    })
}

/// Every fault is found, by a sentence that begins so.
fn found(templates: &[Value], begins: &str) {
    let proof = prove_with(&by_token(), templates, &FACTS);
    let sentences = sentences(&proof);
    assert!(
        sentences.iter().any(|sentence| sentence.starts_with(begins)),
        "{begins}\n{sentences:#?}\n{:#?}",
        proof.stale
    );
}

#[test]
fn a_trust_that_does_not_look_at_the_client() {
    let aud = r#""StringEquals": {"${UserPool.ProviderName}:aud": "${UserPoolClient}"},"#;
    let templates = trust("TenantDataRole", |text| text.replace(aud, ""));
    found(
        &templates,
        "whoever UserPoolProvider vouches for to another client can make a session of TenantDataRole",
    );
}

#[test]
fn a_trust_that_demands_no_store() {
    let templates =
        trust("TenantSharingRole", |text| text.replace(r#", "aws:RequestTag/policy_store_id": "?*""#, ""));
    found(
        &templates,
        "whoever UserPoolProvider vouches for can make a session of TenantSharingRole tagged tenant A,",
    );
}

#[test]
fn a_trust_that_demands_no_tag() {
    let templates = trust("TenantUsageRole", |text| {
        text.replace(
            r#""StringLike": {"aws:RequestTag/tenant_id": "????????????????????????????????", "aws:RequestTag/policy_store_id": "?*"},"#,
            "",
        )
        .replace(r#""Null": {"aws:TagKeys": "false"}"#, r#""Null": {"aws:ViaAWSService": "false"}"#)
    });
    found(
        &templates,
        "whoever UserPoolProvider vouches for can make a session of TenantUsageRole without tags",
    );
}

#[test]
fn a_trust_that_takes_a_slash() {
    let templates = trust("TenantDirectoryRole", |text| text.replace(r#"["*/*", "#, "["));
    found(
        &templates,
        "whoever UserPoolProvider vouches for can make a session of TenantDirectoryRole tagged with a tenant that has `/` as its character 17 with A's store",
    );
}

#[test]
fn a_trust_of_another_pool() {
    let other = "arn:aws:iam::111111111111:oidc-provider/cognito-idp.us-east-1.amazonaws.com/us-east-1_Other";
    let templates = trust("TenantDataRole", |text| {
        text.replace("${UserPoolProvider}", other)
            .replace(r#""StringEquals": {"${UserPool.ProviderName}:aud": "${UserPoolClient}"},"#, "")
    });
    found(&templates, &format!("whoever {other} vouches for can make a session of TenantDataRole"));
}

#[test]
fn a_role_without_callers_that_tokens_open() {
    let templates = with(|template| {
        let data = template["Resources"]["TenantDataRole"]["Properties"]["AssumeRolePolicyDocument"].clone();
        template["Resources"]["TenantDeletionRole"]["Properties"]["AssumeRolePolicyDocument"] = data;
    });
    found(&templates, "whoever UserPoolProvider vouches for can make a session of TenantDeletionRole");
}

#[test]
fn a_callers_function_that_keeps_the_right_to_assume() {
    let templates = with(|template| {
        template["Resources"]["DocumentsBorrowsTenantRoles"].as_object_mut().unwrap().remove("Condition");
    });
    found(
        &templates,
        "DocumentsRole has the right to assume TenantDataRole, which is not lent to it, by its own policies",
    );
}

#[test]
fn a_callers_function_that_goes_on_assuming() {
    let templates = with(|template| {
        let resources = template["Resources"].as_object_mut().unwrap();
        resources["UsageBorrowsTenantRoles"].as_object_mut().unwrap().remove("Condition");
        let trust = &mut resources["TenantMappingRole"]["Properties"]["AssumeRolePolicyDocument"];
        let statement = &mut trust["Statement"][0]["Principal"]["AWS"];
        *statement = json!([{ "Fn::GetAtt": ["UsageRole", "Arn"] }]);
    });
    found(
        &templates,
        "UsageRole can make a session of TenantMappingRole, tagged tenant A, which is not declared",
    );
}

#[test]
fn a_mapping_row_that_is_not_only_ones_own() {
    let templates = with(|template| {
        let policies = &mut template["Resources"]["TenantDataRole"]["Properties"]["Policies"];
        let own = &mut policies[0]["PolicyDocument"]["Statement"][0]["Fn::If"][1];
        assert_eq!(own["Sid"], "OwnMapping");
        own.as_object_mut().unwrap().remove("Condition");
    });
    found(
        &templates,
        "TenantDataRole, tagged tenant A with A's store, can dynamodb:GetItem on tenant B's rows of TenantsTable",
    );
}
