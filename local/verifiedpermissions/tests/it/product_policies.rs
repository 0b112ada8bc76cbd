//! The product's own Cedar files, held to what they promise: they validate with nothing to remark,
//! the two forms of the schema are one schema, and the table of decisions below is all they allow.
//! Knows nothing of the service; `product_in_a_store.rs` takes the same files through it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Request,
    RestrictedExpression, Schema, SlotId, Template, ValidationMode, Validator,
    schema_str_to_json_with_resolved_types,
};
use serde_json::Value;

const READABLE: &str = include_str!("../../../../shared/cedar/documents.cedarschema");
const JSON: &str = include_str!("../../../../shared/cedar/documents.schema.json");
const STATIC: [&str; 3] = [
    include_str!("../../../../shared/cedar/policies/add-document.cedar"),
    include_str!("../../../../shared/cedar/policies/owner.cedar"),
    include_str!("../../../../shared/cedar/policies/tenant-admin.cedar"),
];
const SHARE: &str = include_str!("../../../../shared/cedar/share-template.cedar");
const REMOVED: &str = include_str!("../../../../shared/cedar/removed-user.cedar");

const ACTIONS: [&str; 10] = [
    "addDocument",
    "listDocuments",
    "manageUsers",
    "viewUsage",
    "accessDocument",
    "shareDocument",
    "unshareDocument",
    "listShares",
    "deleteDocument",
    "transferOwnership",
];

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_str(&format!("DocumentsAPI::{kind}::\"{id}\"")).unwrap()
}

fn schema() -> Schema {
    Schema::from_json_str(JSON).unwrap()
}

/// The static policies and the template, each under the name in its own `@id`.
fn policies() -> PolicySet {
    let mut set = PolicySet::new();
    for text in STATIC {
        let policy = Policy::parse(None, text).unwrap();
        let name = PolicyId::new(policy.annotation("id").unwrap());
        set.add(policy.new_id(name)).unwrap();
    }
    let template = Template::parse(None, SHARE).unwrap();
    let name = PolicyId::new(template.annotation("id").unwrap());
    set.add_template(template.new_id(name)).unwrap();
    set
}

fn with_share(mut set: PolicySet, receiver: &str, document: &str) -> PolicySet {
    let slots = HashMap::from([
        (SlotId::principal(), uid("User", receiver)),
        (SlotId::resource(), uid("Document", document)),
    ]);
    let id = PolicyId::new(format!("share/{document}/{receiver}"));
    set.link(PolicyId::new("share"), id, slots).unwrap();
    set
}

fn with_removed(mut set: PolicySet, user: &str) -> PolicySet {
    let id = PolicyId::new(format!("removed/{user}"));
    set.add(Policy::parse(Some(id), REMOVED.replace("USER_ID", user)).unwrap()).unwrap();
    set
}

/// Two documents of one tenant: `report` is olga's and shared with sam, `other` is oscar's.
fn entities(schema: &Schema) -> Entities {
    let document = |id, owner| {
        let owner = RestrictedExpression::new_entity_uid(uid("User", owner));
        Entity::new(uid("Document", id), HashMap::from([("owner".into(), owner)]), HashSet::new()).unwrap()
    };
    let user = |id| Entity::new_no_attrs(uid("User", id), HashSet::new());
    let admins = HashSet::from([uid("Group", "TENANT_ADMINS")]);
    let readers = HashSet::from([uid("Group", "TENANT_ADMINS_READONLY")]);
    let all = [
        document("report", "olga"),
        document("other", "oscar"),
        user("olga"),
        user("sam"),
        user("stan"),
        Entity::new_no_attrs(uid("User", "ada"), admins),
        Entity::new_no_attrs(uid("User", "rita"), readers),
    ];
    Entities::from_entities(all, Some(schema)).unwrap()
}

#[test]
fn the_policies_validate_strictly_without_errors_and_without_warnings() {
    let set = with_removed(with_share(policies(), "sam", "report"), "stan");
    let result = Validator::new(schema()).validate(&set, ValidationMode::Strict);
    let said: Vec<String> = result
        .validation_errors()
        .map(ToString::to_string)
        .chain(result.validation_warnings().map(ToString::to_string))
        .collect();
    assert!(result.validation_passed_without_warnings(), "{said:?}");
}

#[test]
fn the_user_with_parents_and_the_document_with_owner_are_data_enough() {
    let result = Validator::new(schema()).validate_with_level(&policies(), ValidationMode::Strict, 1);
    assert!(result.validation_passed_without_warnings());
    let deeper = Validator::new(schema()).validate_with_level(&policies(), ValidationMode::Strict, 0);
    assert!(!deeper.validation_passed(), "the owner policy does read an attribute: the check can fail");
}

#[test]
fn the_validator_that_finds_nothing_here_finds_a_planted_mistake() {
    let mut set = policies();
    let planted = "permit (principal is DocumentsAPI::User, action, resource is DocumentsAPI::Document) \
                   when { resource.author == principal };";
    set.add(Policy::parse(Some(PolicyId::new("planted")), planted).unwrap()).unwrap();
    assert!(!Validator::new(schema()).validate(&set, ValidationMode::Strict).validation_passed());
}

#[test]
fn the_json_schema_and_the_readable_schema_are_the_same_schema() {
    let (readable, warnings) = schema_str_to_json_with_resolved_types(READABLE).unwrap();
    assert!(warnings.is_empty());
    let json: Value = serde_json::from_str(JSON).unwrap();
    assert_eq!(canonical(readable), canonical(json));
}

/// The lists of the JSON form (an action's types, an entity's parents) have no order: sorted, equal
/// schemas are equal text.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, canonical(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(canonical).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

#[test]
fn the_schema_names_these_actions_and_one_group_of_them() {
    let actions: BTreeSet<String> =
        schema().actions().map(|action| action.id().unescaped().to_owned()).collect();
    let expected: BTreeSet<String> =
        ACTIONS.iter().chain(&["ownerActions"]).map(|name| (*name).to_owned()).collect();
    assert_eq!(actions, expected);
    for action in ACTIONS {
        let resources: Vec<String> =
            schema().resources_for_action(&uid("Action", action)).unwrap().map(ToString::to_string).collect();
        let collection = matches!(action, "addDocument" | "listDocuments" | "manageUsers" | "viewUsage");
        let expected = if collection { "DocumentsAPI::DocumentStore" } else { "DocumentsAPI::Document" };
        assert_eq!(resources, [expected], "{action}");
    }
}

/// Who asks, for what, and which policy is the reason of the answer (none: denied).
const DECISIONS: &[(&str, &str, &str, &str, &str)] = &[
    // user, action, resource, reason, why
    ("olga", "addDocument", "store", "static/add-document", "every user adds"),
    ("olga", "listDocuments", "store", "static/add-document", "every user lists"),
    ("olga", "manageUsers", "store", "", "owning documents manages no users"),
    ("olga", "viewUsage", "store", "", "a bill is the administrators'"),
    ("olga", "accessDocument", "report", "static/owner", "the owner opens"),
    ("olga", "shareDocument", "report", "static/owner", "the owner shares"),
    ("olga", "unshareDocument", "report", "static/owner", "the owner takes back"),
    ("olga", "listShares", "report", "static/owner", "the owner sees who can open"),
    ("olga", "deleteDocument", "report", "static/owner", "the owner deletes"),
    ("olga", "transferOwnership", "report", "", "giving away is the administrators'"),
    ("olga", "accessDocument", "other", "", "owning one document opens no other"),
    ("olga", "shareDocument", "other", "", "owning one document shares no other"),
    ("sam", "addDocument", "store", "static/add-document", "every user adds"),
    ("sam", "listDocuments", "store", "static/add-document", "every user lists"),
    ("sam", "manageUsers", "store", "", "a receiver manages no users"),
    ("sam", "viewUsage", "store", "", "a receiver sees no bill"),
    ("sam", "accessDocument", "report", "share/report/sam", "the receiver opens what was shared"),
    ("sam", "accessDocument", "other", "", "a share is of one document"),
    ("sam", "shareDocument", "report", "", "a receiver does not share on"),
    ("sam", "unshareDocument", "report", "", "a receiver does not unshare"),
    ("sam", "listShares", "report", "", "a receiver does not see the others"),
    ("sam", "deleteDocument", "report", "", "a receiver does not delete"),
    ("sam", "transferOwnership", "report", "", "a receiver does not own"),
    ("ada", "addDocument", "store", "static/add-document static/tenant-admin", "an admin is a user too"),
    ("ada", "listDocuments", "store", "static/add-document static/tenant-admin", "an admin is a user too"),
    ("ada", "manageUsers", "store", "static/tenant-admin", "an admin manages the users"),
    ("ada", "viewUsage", "store", "static/tenant-admin", "an admin sees the bill"),
    ("ada", "accessDocument", "report", "static/tenant-admin", "an admin opens anything"),
    ("ada", "shareDocument", "report", "static/tenant-admin", "an admin shares anything"),
    ("ada", "unshareDocument", "report", "static/tenant-admin", "an admin unshares anything"),
    ("ada", "listShares", "report", "static/tenant-admin", "an admin sees the shares"),
    ("ada", "deleteDocument", "report", "static/tenant-admin", "an admin deletes anything"),
    ("ada", "transferOwnership", "report", "static/tenant-admin", "an admin gives away"),
    ("stan", "addDocument", "store", "static/add-document", "every user adds"),
    ("stan", "listDocuments", "store", "static/add-document", "every user lists"),
    ("stan", "manageUsers", "store", "", "a stranger manages no users"),
    ("stan", "viewUsage", "store", "", "a stranger sees no bill"),
    ("stan", "accessDocument", "report", "", "a stranger opens nothing"),
    ("stan", "shareDocument", "report", "", "a stranger shares nothing"),
    ("stan", "unshareDocument", "report", "", "a stranger unshares nothing"),
    ("stan", "listShares", "report", "", "a stranger sees no shares"),
    ("stan", "deleteDocument", "report", "", "a stranger deletes nothing"),
    ("stan", "transferOwnership", "report", "", "a stranger gives nothing away"),
    ("rita", "manageUsers", "store", "", "a group is its whole name, for users too"),
    ("rita", "viewUsage", "store", "", "a group is its whole name, for the bill too"),
    ("rita", "deleteDocument", "report", "", "a group is its whole name, not its beginning"),
];

#[test]
fn each_decision_is_the_one_in_the_table_for_the_reason_in_the_table() {
    let schema = schema();
    let entities = entities(&schema);
    let set = with_share(policies(), "sam", "report");
    for (user, action, resource, reason, why) in DECISIONS {
        let on = match *resource {
            "store" => uid("DocumentStore", "tenant"),
            document => uid("Document", document),
        };
        let request =
            Request::new(uid("User", user), uid("Action", action), on, Context::empty(), Some(&schema))
                .unwrap();
        let response = Authorizer::new().is_authorized(&request, &set, &entities);
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{user} {action} {resource}: {errors:?}");
        let reasons: BTreeSet<&str> = response.diagnostics().reason().map(AsRef::as_ref).collect();
        let expected: BTreeSet<&str> = reason.split_whitespace().collect();
        assert_eq!(reasons, expected, "{user} {action} {resource}: {why}");
        let allowed = response.decision() == Decision::Allow;
        assert_eq!(allowed, !reason.is_empty(), "{user} {action} {resource}: {why}");
    }
}

#[test]
fn the_table_has_a_row_for_every_kind_of_caller_and_every_action() {
    for user in ["olga", "sam", "ada", "stan"] {
        for action in ACTIONS {
            let found = DECISIONS.iter().any(|row| row.0 == user && row.1 == action);
            assert!(found, "add a row for {user} and {action}");
        }
    }
}

#[test]
fn without_the_share_its_receiver_is_a_stranger() {
    let schema = schema();
    let entities = entities(&schema);
    let ask = |set: &PolicySet| {
        let (sam, open) = (uid("User", "sam"), uid("Action", "accessDocument"));
        let request =
            Request::new(sam, open, uid("Document", "report"), Context::empty(), Some(&schema)).unwrap();
        Authorizer::new().is_authorized(&request, set, &entities).decision()
    };
    assert_eq!(ask(&with_share(policies(), "sam", "report")), Decision::Allow);
    assert_eq!(ask(&policies()), Decision::Deny);
    assert_eq!(ask(&with_share(policies(), "samuel", "report")), Decision::Deny);
}

#[test]
fn a_removed_user_may_do_nothing_whatever_permits_it_and_everybody_else_what_they_may() {
    let schema = schema();
    let entities = entities(&schema);
    let all = with_share(policies(), "sam", "report");
    let mut permitted = 0;
    for (user, action, resource, reason, _) in DECISIONS.iter().filter(|row| !row.3.is_empty()) {
        let on = match *resource {
            "store" => uid("DocumentStore", "tenant"),
            document => uid("Document", document),
        };
        let request =
            Request::new(uid("User", user), uid("Action", action), on, Context::empty(), Some(&schema))
                .unwrap();
        let refused = Authorizer::new().is_authorized(&request, &with_removed(all.clone(), user), &entities);
        assert_eq!(refused.decision(), Decision::Deny, "{user} {action} {resource}, despite {reason}");
        assert_eq!(refused.diagnostics().errors().count(), 0, "a forbid that errs would be skipped");
        let other = if *user == "stan" { "olga" } else { "stan" };
        let allowed = Authorizer::new().is_authorized(&request, &with_removed(all.clone(), other), &entities);
        assert_eq!(allowed.decision(), Decision::Allow, "{user} {action} {resource}: {other} was removed");
        permitted += 1;
    }
    assert!(permitted > 20, "owner, receiver, admin and stranger were all tried: {permitted}");
}
