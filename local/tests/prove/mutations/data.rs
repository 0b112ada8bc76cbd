//! Faults in what reaches data: tables, indexes, the bucket, policy stores.

use serde_json::json;

use super::{A, add_action, found, remove, statement, with};
use crate::{FACTS, prove_ours, sentences};

#[test]
fn a_guard_against_absent_keys_that_is_dropped_with_a_scan_added() {
    let both = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnDocuments");
        remove(&mut statement["Condition"], "Null");
        add_action(statement, "dynamodb:Scan");
    });
    found(
        &both,
        &format!("TenantDataRole, {A} can dynamodb:Scan on every tenant's rows of DocumentsTable"),
        "by statement `OwnDocuments` of `one-tenant`.",
    );
    // Either alone does nothing: that is what the guard is for, and what a list of actions is for.
    let scan = with(|template| {
        add_action(statement(template, "TenantDataRole", "OwnDocuments"), "dynamodb:Scan");
    });
    assert_eq!(sentences(&prove_ours(&scan, &FACTS)), Vec::<String>::new());
}

#[test]
fn a_guard_dropped_from_a_statement_with_every_action() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnDocuments");
        statement["Action"] = json!("dynamodb:*");
        remove(&mut statement["Condition"], "Null");
    });
    let proof = prove_ours(&templates, &FACTS);
    let on_all = |action: &str| {
        proof.counterexamples.iter().any(|one| {
            one.actions.iter().any(|found| found == action)
                && one.whose == ["every tenant's"]
                && one.who == "TenantDataRole"
        })
    };
    for action in ["Scan", "DeleteTable", "ExportTableToPointInTime", "PartiQLSelect", "PutResourcePolicy"] {
        assert!(on_all(&format!("dynamodb:{action}")), "{action}: {:#?}", sentences(&proof));
    }
}

#[test]
fn a_partiql_select_without_the_guard() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnShares");
        remove(&mut statement["Condition"], "Null");
        add_action(statement, "dynamodb:PartiQLSelect");
    });
    found(
        &templates,
        &format!("TenantDataRole, {A} can dynamodb:PartiQLSelect on every tenant's rows of SharesTable"),
        "`OwnShares` of `one-tenant`.",
    );
}

#[test]
fn leading_keys_with_a_wildcard() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnDocuments");
        remove(&mut statement["Condition"], "ForAllValues:StringEquals");
        statement["Condition"]["ForAllValues:StringLike"] =
            json!({"dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant_id}*"]});
    });
    found(
        &templates,
        &format!(
            "TenantDataRole, {A} can dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem on the longer twin's"
        ),
        "rows of DocumentsTable, by statement `OwnDocuments` of `one-tenant`.",
    );
}

#[test]
fn leading_keys_of_anything() {
    let templates = with(|template| {
        let statement = statement(template, "TenantMappingRole", "OwnMapping");
        remove(&mut statement["Condition"], "ForAllValues:StringEquals");
    });
    found(
        &templates,
        "TenantMappingRole, tagged tenant A, can dynamodb:GetItem on tenant B's rows of TenantsTable",
        "`OwnMapping` of `one-tenant`.",
    );
}

#[test]
fn any_value_in_place_of_all() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnShares");
        let keys = statement["Condition"]["ForAllValues:StringEquals"].clone();
        remove(&mut statement["Condition"], "ForAllValues:StringEquals");
        statement["Condition"]["ForAnyValue:StringEquals"] = keys;
    });
    found(
        &templates,
        &format!("TenantDataRole, {A} can dynamodb:BatchGetItem on tenant B's rows of SharesTable"),
        "`OwnShares` of `one-tenant`.",
    );
}

#[test]
fn an_index_without_leading_keys() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnDocumentsByOwner");
        statement.as_object_mut().unwrap().remove("Condition");
    });
    found(
        &templates,
        &format!("TenantDataRole, {A} can dynamodb:Query on tenant B's rows of DocumentsTable/by-owner"),
        "`OwnDocumentsByOwner` of `one-tenant`.",
    );
}

#[test]
fn an_index_whose_partition_key_is_not_the_tenant() {
    let templates = with(|template| {
        let index = &mut template["Resources"]["DocumentsTable"]["Properties"]["GlobalSecondaryIndexes"][0];
        index["KeySchema"][0]["AttributeName"] = json!("owner");
    });
    found(
        &templates,
        &format!("TenantDataRole, {A} can dynamodb:Query on every tenant's rows of DocumentsTable/by-owner"),
        "`OwnDocumentsByOwner` of `one-tenant`.",
    );
}

#[test]
fn every_index_of_a_table_and_the_table() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnDocumentsByOwner");
        statement["Resource"] = json!("arn:aws:dynamodb:us-east-1:111111111111:table/*");
        statement.as_object_mut().unwrap().remove("Condition");
        add_action(statement, "dynamodb:GetRecords");
    });
    found(
        &templates,
        &format!(
            "TenantDataRole, {A} can dynamodb:GetRecords on every tenant's rows in a stream of DocumentsTable"
        ),
        "`OwnDocumentsByOwner` of `one-tenant`.",
    );
    found(
        &templates,
        &format!("TenantDataRole, {A} can dynamodb:Query on SubscriptionsTable"),
        "`one-tenant`.",
    );
}

#[test]
fn the_mapping_role_given_a_query_of_another_table() {
    let templates = with(|template| {
        let statement = statement(template, "TenantMappingRole", "OwnMapping");
        add_action(statement, "dynamodb:Query");
        statement["Resource"] = json!("*");
        statement.as_object_mut().unwrap().remove("Condition");
    });
    found(
        &templates,
        "TenantMappingRole, tagged tenant A, can dynamodb:Query on tenant B's rows of DocumentsTable/by-owner",
        "`OwnMapping` of `one-tenant`.",
    );
}

#[test]
fn a_bucket_prefix_without_its_slash() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnContent");
        statement["Resource"] = json!("arn:aws:s3:::product-contentbucket/${aws:PrincipalTag/tenant_id}*");
    });
    found(
        &templates,
        &format!("TenantDataRole, {A} can s3:GetObject, s3:PutObject on the longer twin's"),
        "objects in ContentBucket, by statement `OwnContent` of `one-tenant`.",
    );
}

#[test]
fn a_list_by_a_prefix_without_its_slash() {
    let templates = with(|template| {
        let statement = statement(template, "TenantErasureRole", "FindOwnContent");
        statement["Condition"] = json!({"StringEquals": {"s3:prefix": "${aws:PrincipalTag/tenant_id}"}});
    });
    found(
        &templates,
        &format!("TenantErasureRole, {A} can s3:ListBucket on every tenant's list of ContentBucket"),
        "`FindOwnContent` of `one-tenant`.",
    );
}

#[test]
fn a_list_that_may_leave_its_prefix_out() {
    let templates = with(|template| {
        let statement = statement(template, "TenantErasureRole", "FindOwnContent");
        let prefix = statement["Condition"]["StringEquals"].clone();
        statement["Condition"] = json!({ "StringEqualsIfExists": prefix });
    });
    found(
        &templates,
        &format!("TenantErasureRole, {A} can s3:ListBucket on every tenant's list of ContentBucket"),
        "`FindOwnContent` of `one-tenant`.",
    );
}

#[test]
fn every_action_on_the_bucket() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "OwnContent");
        statement["Action"] = json!("s3:*");
        statement["Resource"] =
            json!(["arn:aws:s3:::product-contentbucket", "arn:aws:s3:::product-contentbucket/*"]);
    });
    let proof = prove_ours(&templates, &FACTS);
    for (action, whose) in [("GetObjectVersion", "tenant B's"), ("PutBucketPolicy", "every tenant's")] {
        let action = format!("s3:{action}");
        let is_it = |one: &prover::Counterexample| one.actions.contains(&action) && one.whose == [whose];
        assert!(proof.counterexamples.iter().any(is_it), "{action}: {:#?}", sentences(&proof));
    }
}

#[test]
fn any_store_without_the_condition_on_its_tag() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "AskOwnStore");
        statement["Resource"] = json!("arn:aws:verifiedpermissions::111111111111:policy-store/*");
        statement.as_object_mut().unwrap().remove("Condition");
    });
    found(
        &templates,
        &format!("TenantDataRole, {A} can verifiedpermissions:IsAuthorized on tenant B's policy store"),
        "`AskOwnStore` of `one-tenant`.",
    );
    found(
        &templates,
        &format!("TenantDataRole, {A} can verifiedpermissions:IsAuthorized on stores without a tag"),
        "`one-tenant`.",
    );
}

/// A row that names another's store, or a function that does, is then all that it takes.
#[test]
fn the_own_store_without_the_condition_on_its_tag() {
    let templates = with(|template| {
        let statement = statement(template, "TenantSharingRole", "WriteOwnShares");
        statement.as_object_mut().unwrap().remove("Condition");
    });
    found(
        &templates,
        "TenantSharingRole, tagged tenant A with a store tagged for B, can verifiedpermissions:CreatePolicy, verifiedpermissions:DeletePolicy, verifiedpermissions:GetPolicy on tenant B's policy store",
        "`WriteOwnShares` of `one-tenant`.",
    );
}

#[test]
fn every_tag_of_a_store_like_the_callers() {
    let templates = with(|template| {
        let statement = statement(template, "TenantDataRole", "AskOwnStore");
        statement["Resource"] = json!("arn:aws:verifiedpermissions::111111111111:policy-store/*");
        statement["Condition"] =
            json!({"StringLike": {"aws:ResourceTag/tenant_id": "${aws:PrincipalTag/tenant_id}*"}});
    });
    found(
        &templates,
        &format!("TenantDataRole, {A} can verifiedpermissions:IsAuthorized on the longer twin's"),
        "policy store, by statement `AskOwnStore` of `one-tenant`.",
    );
}
