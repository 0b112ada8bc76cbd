//! Our templates as they are.

use super::{OURS, by_token, declared, prove_ours, root, sentences};

#[test]
fn no_tenant_reaches_anything_of_anothers_and_nobody_does_more_than_is_declared() {
    let proof = prove_ours(&OURS.templates, &OURS.services);
    assert!(proof.holds(), "{:#?}\n{:#?}", sentences(&proof), proof.stale);
    assert!(proof.questions > 1_000_000, "{}", proof.questions);
    let path = root().join("local/prover/permissions.txt");
    let snapshot = std::fs::read_to_string(path).unwrap();
    let difference = prover::difference(&snapshot, &proof.permissions);
    assert!(difference.is_empty(), "if meant: cargo run -p local -- prove --accept\n{difference:#?}");
}

/// A proof that nothing can be done would hold too.
#[test]
fn what_the_product_does_can_be_done() {
    let permissions = prove_ours(&OURS.templates, &super::FACTS).permissions;
    let has = |role: &str, line: &str| {
        let of_role =
            permissions.split("\n\n").find(|part| part.trim_start().starts_with(&format!("{role}\n")));
        assert!(of_role.is_some_and(|part| part.contains(line)), "{role}: {line}\n{of_role:?}");
    };
    has("TenantDataRole", "own DocumentsTable <- `OwnDocuments`");
    has("TenantDataRole", "own DocumentsTable/by-owner <- `OwnDocumentsByOwner`");
    has("TenantDataRole", "own ContentBucket <- `OwnContent`");
    has("TenantDataRole", "own stores of tenants <- `AskOwnStore`");
    has("TenantErasureRole", "own ContentBucket <- `FindOwnContent`");
    has("TenantMappingRole", "own TenantsTable <- `OwnMapping`");
    has("RegistrationRole", "aws-marketplace:ResolveCustomer");
}

#[test]
fn every_role_of_the_templates_is_declared() {
    let (declared, by_token) = (declared(), by_token());
    for template in &OURS.templates {
        for (name, resource) in template["Resources"].as_object().unwrap() {
            // Made only when there is a function that meters.
            let is_made = resource["Condition"] != "Meters";
            let declared = if resource["Condition"] == "TokensDecide" { &by_token } else { &declared };
            if resource["Type"] == "AWS::IAM::Role" && is_made {
                assert!(declared.role.contains_key(name), "{name} is not in local/prover/promises.toml");
            }
        }
    }
}
