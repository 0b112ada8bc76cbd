//! Faults put into our templates, one at a time: each is found, and said in the right words.

mod data;

use serde_json::{Value, json};

use super::{FACTS, OURS, prove_ours, sentences};

/// The first template, changed.
fn with(change: impl FnOnce(&mut Value)) -> Vec<Value> {
    let mut templates = OURS.templates.clone();
    change(&mut templates[0]);
    assert_ne!(templates[0], OURS.templates[0], "the change changes nothing");
    templates
}

fn role<'a>(template: &'a mut Value, name: &str) -> &'a mut Value {
    &mut template["Resources"][name]["Properties"]
}

/// A statement of a role's inline policies.
fn statement<'a>(template: &'a mut Value, of: &str, sid: &str) -> &'a mut Value {
    let policies = role(template, of)["Policies"].as_array_mut().unwrap();
    let mut statements =
        policies.iter_mut().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array_mut().unwrap());
    statements.find(|statement| statement["Sid"] == sid).unwrap()
}

fn trust<'a>(template: &'a mut Value, of: &str) -> &'a mut Value {
    let document = &mut role(template, of)["AssumeRolePolicyDocument"];
    // Where it depends on who decides, functions do in the second case.
    let document = if document.get("Fn::If").is_some() { &mut document["Fn::If"][2] } else { document };
    &mut document["Statement"][0]
}

fn add_action(statement: &mut Value, action: &str) {
    statement["Action"].as_array_mut().unwrap().push(json!(action));
}

fn remove(condition: &mut Value, key: &str) {
    condition.as_object_mut().unwrap().remove(key).unwrap();
}

/// Every fault is found, by a sentence that begins and ends so.
fn found(templates: &[Value], begins: &str, ends: &str) {
    let proof = prove_ours(templates, &FACTS);
    let sentences = sentences(&proof);
    let is_it = |sentence: &&String| sentence.starts_with(begins) && sentence.ends_with(ends);
    assert!(
        sentences.iter().any(|sentence| is_it(&sentence)),
        "{begins} … {ends}\n{sentences:#?}\n{:#?}",
        proof.stale
    );
}

const A: &str = "tagged tenant A with A's store,";

#[test]
fn a_trust_of_the_whole_account() {
    let templates = with(|template| {
        trust(template, "TenantDataRole")["Principal"] = json!({"AWS": "arn:aws:iam::111111111111:root"});
    });
    found(
        &templates,
        "any other role of the account 111111111111 can make a session of TenantDataRole, tagged tenant A with A's store",
        "by statement `NamedFunctionsForOneTenant` of `trust`.",
    );
}

#[test]
fn a_trust_of_everybody() {
    let templates = with(|template| trust(template, "TenantDataRole")["Principal"] = json!({"AWS": "*"}));
    found(
        &templates,
        "any role of any other account can make a session of TenantDataRole, tagged tenant A with A's store",
        "`NamedFunctionsForOneTenant` of `trust`.",
    );
}

#[test]
fn a_trust_that_demands_no_tag() {
    let templates = with(|template| {
        trust(template, "TenantDataRole").as_object_mut().unwrap().remove("Condition");
    });
    found(&templates, "DocumentsRole can make a session of TenantDataRole without tags", "`trust`.");
    found(
        &templates,
        "SharesRole can make a session of TenantDataRole tagged with an empty tenant with A's store",
        "`trust`.",
    );
}

#[test]
fn a_trust_that_takes_any_tenant() {
    let templates = with(|template| {
        let condition = &mut trust(template, "TenantDataRole")["Condition"];
        condition["StringLike"]["aws:RequestTag/tenant_id"] = json!("*");
        remove(condition, "StringNotLike");
    });
    for odd in ["with an empty tenant", "`ab`", "with A's id, `/` and more"] {
        found(
            &templates,
            &format!("DocumentsRole can make a session of TenantDataRole tagged {odd} with A's store"),
            "`trust`.",
        );
    }
}

#[test]
fn a_trust_that_takes_a_slash() {
    let templates = with(|template| {
        remove(&mut trust(template, "TenantDataRole")["Condition"], "StringNotLike");
    });
    found(
        &templates,
        "DocumentsRole can make a session of TenantDataRole tagged with a tenant that has `/` as its character 17 with A's store",
        "`trust`.",
    );
}

#[test]
fn a_trust_that_takes_further_tags() {
    let templates = with(|template| {
        remove(&mut trust(template, "TenantDataRole")["Condition"], "ForAllValues:StringEquals");
    });
    found(
        &templates,
        "DocumentsRole can make a session of TenantDataRole tagged tenant A with A's store and one tag more",
        "`trust`.",
    );
}

#[test]
fn a_trust_that_takes_an_empty_store() {
    let templates = with(|template| {
        trust(template, "TenantErasureRole")["Condition"]["StringLike"]["aws:RequestTag/policy_store_id"] =
            json!("*");
    });
    found(
        &templates,
        "OnboardingRole can make a session of TenantErasureRole tagged tenant A with an empty store",
        "`trust`.",
    );
}

#[test]
fn one_more_function_in_a_trust() {
    let templates = with(|template| {
        let principals = trust(template, "TenantErasureRole")["Principal"]["AWS"].as_array_mut().unwrap();
        principals.push(json!({"Fn::GetAtt": ["DocumentsRole", "Arn"]}));
    });
    found(
        &templates,
        "DocumentsRole can make a session of TenantErasureRole, tagged tenant A with A's store, which is not declared",
        "`NamedFunctionsForOneTenant` of `trust`.",
    );
}

#[test]
fn one_more_function_that_runs_with_a_role() {
    let templates = with(|template| {
        template["Resources"]["SignupFunction"]["Properties"]["Role"] =
            json!({"Fn::GetAtt": ["SharesRole", "Arn"]});
    });
    found(&templates, "SignupFunction runs with SharesRole, which is not declared", "by its own properties.");
}

/// A tag that is not transitive can be another one in the next session.
#[test]
fn a_tenants_session_that_may_make_another() {
    let templates = with(|template| {
        let principals = trust(template, "TenantDataRole")["Principal"]["AWS"].as_array_mut().unwrap();
        principals.push(json!({"Fn::GetAtt": ["TenantMappingRole", "Arn"]}));
    });
    found(
        &templates,
        "TenantMappingRole tagged tenant A can make a further session of TenantDataRole, tagged tenant B with A's store",
        "`trust`.",
    );
}

#[test]
fn a_function_with_data_of_its_own() {
    let templates = with(|template| {
        let statement = statement(template, "DocumentsRole", "OwnTraces");
        add_action(statement, "dynamodb:GetItem");
    });
    found(
        &templates,
        "DocumentsRole can dynamodb:GetItem on any tenant's rows of DocumentsTable",
        "`OwnTraces` of `log-and-trace`.",
    );
}

#[test]
fn a_managed_policy_of_awss_on_a_function() {
    let templates = with(|template| {
        role(template, "SharesRole")["ManagedPolicyArns"] =
            json!(["arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"]);
    });
    found(
        &templates,
        "SharesRole can do whatever that policy says",
        "by arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess.",
    );
}

#[test]
fn a_control_plane_that_says_more_than_its_state() {
    let templates = with(|template| {
        let condition = &mut statement(template, "SubscriptionsRole", "ShowState")["Condition"];
        remove(condition, "StringEqualsIfExists");
    });
    found(
        &templates,
        "SubscriptionsRole can dynamodb:UpdateItem on any tenant's rows of TenantsTable",
        "`ShowState` of `keep-in-step`.",
    );
}

#[test]
fn a_store_that_can_be_given_to_another_tenant() {
    let templates = with(|template| {
        let condition = &mut statement(template, "OnboardingRole", "TagNewStores")["Condition"];
        remove(condition, "StringEqualsIfExists");
    });
    found(
        &templates,
        "OnboardingRole can verifiedpermissions:TagResource on any tenant's policy store",
        "`TagNewStores` of `set-up`.",
    );
}

#[test]
fn a_bucket_policy_that_lets_everybody_read() {
    let templates = with(|template| {
        let statements =
            &mut template["Resources"]["ContentBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"];
        statements.as_array_mut().unwrap().push(json!({
            "Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::product-contentbucket/*",
        }));
    });
    found(
        &templates,
        "TenantMappingRole, tagged tenant A, can s3:GetObject on tenant B's objects in ContentBucket",
        "`Open` of `ContentBucketPolicy`.",
    );
    found(
        &templates,
        "SignupRole can s3:GetObject on any tenant's objects in ContentBucket",
        "`Open` of `ContentBucketPolicy`.",
    );
}

#[test]
fn a_bucket_policy_that_lets_another_account_in() {
    let templates = with(|template| {
        let statements =
            &mut template["Resources"]["ContentBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"];
        statements.as_array_mut().unwrap().push(json!({
            "Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::product-contentbucket/*",
        }));
    });
    found(
        &templates,
        "any role of any other account can s3:GetObject on ContentBucket",
        "by statement `Partner` of `ContentBucketPolicy`.",
    );
}

#[test]
fn a_bus_that_takes_events_of_the_whole_seller_account() {
    let templates = with(|template| {
        let statement = &mut template["Resources"]["MarketplaceBusPolicy"]["Properties"]["Statement"];
        remove(&mut statement["Condition"], "ArnEquals");
    });
    found(
        &templates,
        "any other role of the account 222222222222 can events:PutEvents on MarketplaceBus",
        "`MarketplaceBusPolicy`.",
    );
}

#[test]
fn a_seller_who_does_not_ask_for_the_external_id() {
    let mut templates = OURS.templates.clone();
    trust(&mut templates[1], "RegistrationRole").as_object_mut().unwrap().remove("Condition");
    found(
        &templates,
        "SignupRole can make a session of RegistrationRole without an external id",
        "`TheSignUpFunctionOnly` of `trust`.",
    );
}

#[test]
fn a_seller_who_trusts_the_whole_account() {
    let mut templates = OURS.templates.clone();
    trust(&mut templates[1], "RegistrationRole")["Principal"] =
        json!({"AWS": "arn:aws:iam::111111111111:root"});
    found(
        &templates,
        "any other role of the account 111111111111 can make a session of RegistrationRole, without tags",
        "`TheSignUpFunctionOnly` of `trust`.",
    );
}

/// What is declared and no longer there is said too, so that the list stays true.
#[test]
fn a_right_that_is_taken_away() {
    let templates = with(|template| {
        statement(template, "TenantDataRole", "PromiseDeletion")["Action"] = json!(["sqs:GetQueueUrl"]);
    });
    let proof = prove_ours(&templates, &FACTS);
    let stale = "TenantDataRole is declared to do sqs:SendMessage on DeletionsQueue, and cannot";
    assert!(proof.stale.iter().any(|line| line == stale), "{:#?}", proof.stale);
}
