//! DynamoDB: the keys that each operation carries, and what is refused because it cannot be read.

use iam::Value::{Many, One, Unknown};
use iam::requests::{Call, Directory, Needed, Underivable, derive};
use iam::{Tags, Value};
use serde_json::{Value as Json, json};

use super::ACCOUNT;

/// Tables `Documents` (key `tenant_id`, index `by-owner` keyed `tenant_id`, index `by-name` keyed `name`) and `Others`
/// (key `pk`); every store is tagged with a tenant; one alias is known.
pub(crate) struct Known;

impl Directory for Known {
    fn partition_key(&self, table: &str, index: Option<&str>) -> Option<String> {
        match (table, index) {
            ("Documents", None | Some("by-owner")) => Some("tenant_id".to_owned()),
            ("Documents", Some("by-name")) => Some("name".to_owned()),
            ("Others", None) => Some("pk".to_owned()),
            _ => None,
        }
    }

    fn policy_store_tags(&self, id: &str) -> Option<Tags> {
        match id {
            "PSa" => Tags::new([("tenant_id", "aaa")]).ok(),
            "PSb" => Tags::new([("tenant_id", "bbb")]).ok(),
            "PSnone" => Some(Tags::default()),
            _ => None,
        }
    }

    fn policy_store_of_alias(&self, alias: &str) -> Option<String> {
        (alias == "tenant/a").then(|| "PSa".to_owned())
    }

    fn bucket_account(&self, bucket: &str) -> Option<String> {
        match bucket {
            "content" => Some(ACCOUNT.to_owned()),
            "theirs" => Some("999999999999".to_owned()),
            _ => None,
        }
    }

    fn kms_key_of_alias(&self, alias: &str) -> Option<String> {
        (alias == "registration").then(|| "31512f83-ee46-40b2-84d9-65566e1b7144".to_owned())
    }
}

pub(crate) fn call(service: &str, operation: &str, body: &Json) -> Call {
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        method: "POST".to_owned(),
        path: "/".to_owned(),
        body: body.to_string().into_bytes(),
        ..Call::default()
    }
}

fn ask(operation: &str, body: &Json) -> Result<Vec<Needed>, Underivable> {
    derive(&call("dynamodb", operation, body), &Known)
}

/// The one request that an operation makes.
fn only(operation: &str, body: &Json) -> Needed {
    let mut needed = ask(operation, body).unwrap_or_else(|error| panic!("{operation} {body}: {error}"));
    assert_eq!(needed.len(), 1, "{operation} {body}");
    needed.remove(0)
}

fn key<'a>(needed: &'a Needed, name: &str) -> Option<&'a Value> {
    needed.context.get(&format!("dynamodb:{name}"))
}

fn leading(needed: &Needed) -> Vec<String> {
    match key(needed, "LeadingKeys") {
        Some(Many(values)) => values.clone(),
        other => panic!("{}: {other:?}", needed.action),
    }
}

fn is_unknown(needed: &Needed, name: &str) -> bool {
    matches!(key(needed, name), Some(Unknown(_)))
}

fn table(name: &str) -> String {
    format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{name}")
}

fn item(tenant: &str) -> Json {
    json!({"tenant_id": {"S": tenant}, "document_id": {"S": "d"}})
}

#[test]
fn one_item_carries_its_partition_key_and_attributes() {
    let names = json!({"#n": "name"});
    for (operation, body, attributes) in [
        ("GetItem", json!({"Key": item("a")}), vec!["document_id", "tenant_id"]),
        (
            "GetItem",
            json!({"Key": item("a"), "ProjectionExpression": "#n, size_bytes.x[0]", "ExpressionAttributeNames": names}),
            vec!["document_id", "name", "size_bytes", "tenant_id"],
        ),
        (
            "PutItem",
            json!({"Item": item("a"), "ConditionExpression": "attribute_not_exists(state) OR state = :s"}),
            vec!["document_id", "state", "tenant_id"],
        ),
        (
            "UpdateItem",
            json!({"Key": item("a"), "UpdateExpression": "SET a = if_not_exists(b, :z) + :o REMOVE c.d ADD e :x"}),
            vec!["a", "b", "c", "document_id", "e", "tenant_id"],
        ),
        (
            "DeleteItem",
            json!({"Key": item("a"), "Expected": {"old": {"Exists": false}}}),
            vec!["document_id", "old", "tenant_id"],
        ),
    ] {
        let mut body = body;
        body["TableName"] = json!("Documents");
        let needed = only(operation, &body);
        assert_eq!(needed.action, format!("dynamodb:{operation}"));
        assert_eq!(needed.resource, table("Documents"));
        assert_eq!(leading(&needed), ["a"], "{body}");
        assert_eq!(key(&needed, "FirstPartitionKeyValues"), key(&needed, "LeadingKeys"));
        let Some(Many(mut found)) = key(&needed, "Attributes").cloned() else { panic!("{body}") };
        found.sort();
        assert_eq!(found, attributes, "{body}");
        assert_eq!(key(&needed, "EnclosingOperation"), None);
        assert_eq!(needed.context.get("aws:RequestedRegion"), Some(&One("us-east-1".to_owned())));
    }
}

#[test]
fn a_table_may_be_named_by_its_arn_but_only_one_of_here() {
    let get = |name: &str| ask("GetItem", &json!({"TableName": name, "Key": item("a")}));
    assert_eq!(get(&table("Documents")).unwrap()[0].resource, table("Documents"));
    for name in [
        "arn:aws:dynamodb:us-east-1:999999999999:table/Documents",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/Documents",
        "arn:aws:dynamodb:us-east-1:123456789012:table/Documents/index/by-owner",
        "Documents/index/by-owner",
        "Docu*",
        "",
    ] {
        assert!(get(name).is_err(), "{name}");
    }
}

#[test]
fn a_query_carries_the_partition_key_that_it_demands() {
    let names = json!({"#pk": "tenant_id", "#n": "name"});
    let values = json!({":t": {"S": "a"}, ":u": {"S": "b"}, ":d": {"S": "d"}});
    for (index, condition, expected, why) in [
        (None, "tenant_id = :t", Some("a"), "plain"),
        (None, "#pk = :t", Some("a"), "a placeholder"),
        (None, ":t = #pk", Some("a"), "the other way round"),
        (None, "((#pk)=:t)", None, "a parenthesised operand is not read"),
        (None, "(#pk = :t)", Some("a"), "parentheses"),
        (None, "((#pk=:t)) AND (document_id = :d)", Some("a"), "more parentheses, no spaces"),
        (None, "document_id = :d and tenant_id = :t", Some("a"), "the sort key first, small letters"),
        (None, "tenant_id = :t AND begins_with(document_id, :d)", Some("a"), "a function of the sort key"),
        (None, "tenant_id = :t AND document_id BETWEEN :d AND :u", Some("a"), "a range with its own AND"),
        (None, "tenant_id = :t AND document_id >= :d", Some("a"), "a comparison"),
        (Some("by-owner"), "tenant_id = :t AND owner_created < :d", Some("a"), "an index with the same key"),
        (Some("by-name"), "#n = :d", Some("d"), "an index has its own key"),
        (Some("by-name"), "tenant_id = :t", None, "which must be demanded"),
        (None, "tenant_id = :t OR tenant_id = :u", None, "an OR"),
        (None, "tenant_id = :t AND tenant_id = :u", None, "two values"),
        (None, "tenant_id IN (:t, :u)", None, "a list"),
        (None, "NOT tenant_id = :t", None, "a negation"),
        (None, "tenant_id <> :t", None, "not an equality"),
        (None, "begins_with(tenant_id, :t)", None, "a prefix"),
        (None, "contains(tenant_id, :t)", None, "no function of a key condition"),
        (None, "document_id = :d", None, "no partition key"),
        (None, "tenant_id = document_id", None, "two names"),
        (None, "tenant_id = :missing", None, "a value that is not given"),
        (None, "#missing = :t", None, "a name that is not given"),
        (None, "tenant_id = :t)", None, "a parenthesis too many"),
        (None, "(tenant_id = :t", None, "a parenthesis too few"),
        (None, "tenant_id = :t AND", None, "unfinished"),
        (None, "tenant_id = :t; DROP", None, "a strange character"),
        (None, "", None, "nothing"),
    ] {
        let mut body = json!({
            "TableName": "Documents", "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values
        });
        if let Some(index) = index {
            body["IndexName"] = json!(index);
        }
        match (ask("Query", &body), expected) {
            (Ok(needed), Some(expected)) => {
                assert_eq!(leading(&needed[0]), [expected], "{condition}: {why}");
                let suffix = index.map(|index| format!("/index/{index}")).unwrap_or_default();
                assert_eq!(needed[0].resource, table(&format!("Documents{suffix}")));
            }
            (Err(_), None) => {}
            (found, _) => panic!("{condition}: {why}: {found:?}"),
        }
    }
    let deep = format!("{}tenant_id = :t{}", "(".repeat(40), ")".repeat(40));
    assert!(ask("Query", &json!({"TableName": "Documents", "KeyConditionExpression": deep, "ExpressionAttributeValues": values})).is_err());
}

#[test]
fn the_older_key_conditions_are_read_too() {
    let query =
        |conditions: Json| ask("Query", &json!({"TableName": "Documents", "KeyConditions": conditions}));
    let good = query(json!({"tenant_id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}))
        .unwrap();
    assert_eq!(leading(&good[0]), ["a"]);
    for bad in [
        json!({"tenant_id": {"ComparisonOperator": "BEGINS_WITH", "AttributeValueList": [{"S": "a"}]}}),
        json!({"tenant_id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}, {"S": "b"}]}}),
        json!({"document_id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}}),
        json!({}),
    ] {
        assert!(query(bad.clone()).is_err(), "{bad}");
    }
    let both = json!({
        "TableName": "Documents", "KeyConditionExpression": "tenant_id = :t", "ExpressionAttributeValues": {":t": {"S": "a"}},
        "KeyConditions": {"tenant_id": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "b"}]}}
    });
    assert!(ask("Query", &both).is_err(), "two demands");
}

#[test]
fn a_scan_has_no_leading_keys_at_all() {
    let needed = only(
        "Scan",
        &json!({"TableName": "Documents", "FilterExpression": "tenant_id = :t", "Select": "COUNT"}),
    );
    assert_eq!((key(&needed, "LeadingKeys"), key(&needed, "FirstPartitionKeyValues")), (None, None));
    assert_eq!(key(&needed, "Select"), Some(&One("COUNT".to_owned())));
    let index = only("Scan", &json!({"TableName": "Documents", "IndexName": "by-owner"}));
    assert_eq!(index.resource, table("Documents/index/by-owner"));
}

#[test]
fn a_batch_is_authorized_once_a_table_with_every_key() {
    let gets = ask("BatchGetItem", &json!({"RequestItems": {
        "Documents": {"Keys": [item("a"), item("b"), item("a")], "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "name"}},
        "Others": {"Keys": [{"pk": {"S": "x"}}]}
    }})).unwrap();
    assert_eq!(gets.iter().map(leading).collect::<Vec<_>>(), [vec!["a", "b"], vec!["x"]]);
    assert!(gets.iter().all(|get| get.action == "dynamodb:BatchGetItem"));
    let writes = ask(
        "BatchWriteItem",
        &json!({"RequestItems": {"Documents": [
            {"PutRequest": {"Item": item("a")}}, {"DeleteRequest": {"Key": item("b")}}
        ]}}),
    )
    .unwrap();
    assert_eq!(leading(&writes[0]), ["a", "b"]);
    for bad in [
        json!({"RequestItems": {}}),
        json!({"RequestItems": {"Documents": []}}),
        json!({"RequestItems": {"Documents": [{"PutRequest": {"Item": item("a")}, "DeleteRequest": {"Key": item("b")}}]}}),
        json!({"RequestItems": {"Documents": [{"UpdateRequest": {"Key": item("a")}}]}}),
        json!({"RequestItems": {"Documents": [{"PutRequest": {"Item": {"document_id": {"S": "d"}}}}]}}),
    ] {
        assert!(ask("BatchWriteItem", &bad).is_err(), "{bad}");
    }
    assert!(ask("BatchGetItem", &json!({"RequestItems": {"Documents": {"Keys": []}}})).is_err());
}

#[test]
fn a_transaction_is_authorized_as_its_parts() {
    let part = |kind: &str, tenant: &str| {
        let member = if kind == "Put" { "Item" } else { "Key" };
        json!({kind: {"TableName": "Documents", member: item(tenant)}})
    };
    let writes = json!({"TransactItems": [part("ConditionCheck", "a"), part("Put", "b"), part("Update", "c"), part("Delete", "d")]});
    let needed = ask("TransactWriteItems", &writes).unwrap();
    let actions: Vec<_> = needed.iter().map(|one| (one.action.as_str(), leading(one))).collect();
    let of = |name: &str| vec![name.to_owned()];
    assert_eq!(
        actions,
        [
            ("dynamodb:ConditionCheckItem", of("a")),
            ("dynamodb:PutItem", of("b")),
            ("dynamodb:UpdateItem", of("c")),
            ("dynamodb:DeleteItem", of("d")),
        ]
    );
    for one in &needed {
        assert_eq!(key(one, "EnclosingOperation"), Some(&One("TransactWriteItems".to_owned())));
    }
    let gets =
        ask("TransactGetItems", &json!({"TransactItems": [part("Get", "a"), part("Get", "b")]})).unwrap();
    assert_eq!(gets.iter().map(leading).collect::<Vec<_>>(), [["a"], ["b"]]);
    assert_eq!(gets[0].action, "dynamodb:GetItem");
    for bad in [
        json!({"TransactItems": []}),
        json!({"TransactItems": [{"Upsert": {"TableName": "Documents", "Key": item("a")}}]}),
        json!({"TransactItems": [{"Put": {"TableName": "Documents", "Item": item("a")}, "Delete": {"TableName": "Documents", "Key": item("b")}}]}),
        json!({"TransactItems": [part("Get", "a")]}),
    ] {
        assert!(ask("TransactWriteItems", &bad).is_err(), "{bad}");
    }
}

#[test]
fn what_has_no_documented_value_is_unknown_and_not_absent() {
    let get = |body: Json| only("GetItem", &body);
    let plain = get(json!({"TableName": "Documents", "Key": item("a")}));
    assert!(is_unknown(&plain, "Select"));
    assert_eq!(key(&plain, "ReturnValues"), None);
    assert!(
        is_unknown(&get(json!({"TableName": "Nowhere", "Key": item("a")})), "LeadingKeys"),
        "a table that is not known"
    );
    let binary = json!({"TableName": "Documents", "Key": {"tenant_id": {"B": "aGk="}}});
    assert!(is_unknown(&get(binary), "LeadingKeys"), "bytes");
    let two = json!({"TableName": "Documents", "Key": {"tenant_id": {"S": "a", "N": "1"}}});
    assert!(is_unknown(&get(two), "LeadingKeys"), "two types at once");
    let whole = json!({"TableName": "Documents", "Key": {"tenant_id": {"N": "42"}}});
    assert_eq!(leading(&get(whole)), ["42"]);
    let fancy = json!({"TableName": "Documents", "Key": {"tenant_id": {"N": "4.20e1"}}});
    assert!(is_unknown(&get(fancy), "LeadingKeys"), "a number in another form");
    let batch = json!({"RequestItems": {"Documents": {"Keys": [item("a"), {"tenant_id": {"B": "aGk="}}]}}});
    assert!(is_unknown(&only("BatchGetItem", &batch), "LeadingKeys"), "one unknown key makes all unknown");
    let failing = json!({"TableName": "Documents", "Item": item("a"), "ReturnValues": "ALL_OLD", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    assert!(is_unknown(&only("PutItem", &failing), "ReturnValues"));
    let old = json!({"TableName": "Documents", "Item": item("a"), "ReturnValues": "ALL_OLD", "ReturnConsumedCapacity": "TOTAL"});
    assert_eq!(key(&only("PutItem", &old), "ReturnValues"), Some(&One("ALL_OLD".to_owned())));
    assert_eq!(key(&only("PutItem", &old), "ReturnConsumedCapacity"), Some(&One("TOTAL".to_owned())));
}

#[test]
fn operations_on_tables_have_a_resource_and_no_leading_keys() {
    for (operation, body, resource) in [
        ("DescribeTable", json!({"TableName": "Documents"}), table("Documents")),
        ("CreateTable", json!({"TableName": "New", "Tags": [{"Key": "k", "Value": "v"}]}), table("New")),
        ("UpdateTimeToLive", json!({"TableName": "Documents"}), table("Documents")),
        ("ListTables", json!({}), "*".to_owned()),
        (
            "TagResource",
            json!({"ResourceArn": table("Documents"), "Tags": [{"Key": "k", "Value": "v"}]}),
            table("Documents"),
        ),
        ("ExportTableToPointInTime", json!({"TableArn": table("Documents")}), table("Documents")),
        ("DescribeBackup", json!({"BackupArn": table("Documents/backup/1")}), table("Documents/backup/1")),
    ] {
        let needed = only(operation, &body);
        assert_eq!(
            (needed.action, needed.resource.as_str()),
            (format!("dynamodb:{operation}"), resource.as_str())
        );
        assert_eq!(needed.context.get("dynamodb:LeadingKeys"), None);
        let tags = needed.context.get("aws:TagKeys");
        assert_eq!(tags.is_some(), body.get("Tags").is_some(), "{operation}");
    }
    let elsewhere = "arn:aws:dynamodb:us-east-1:999999999999:table/Documents";
    assert!(ask("TagResource", &json!({"ResourceArn": elsewhere, "Tags": []})).is_err());
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for operation in ["SearchVectors", "StartBulkPutItems", "RestoreTableFromBackup", "getitem", ""] {
        let error = ask(operation, &json!({"TableName": "Documents"})).unwrap_err();
        assert!(
            error.to_string().contains(operation) && matches!(error, Underivable::Operation { .. }),
            "{operation}"
        );
    }
    for (operation, body, why) in [
        ("GetItem", json!({"Key": item("a")}), "no table"),
        ("GetItem", json!({"TableName": 1, "Key": item("a")}), "a table that is no text"),
        ("GetItem", json!({"TableName": "Documents"}), "no key"),
        (
            "GetItem",
            json!({"TableName": "Documents", "Key": {"document_id": {"S": "d"}}}),
            "no partition key",
        ),
        (
            "GetItem",
            json!({"TableName": "Documents", "Key": item("a"), "ProjectionExpression": "#x"}),
            "a name that is not given",
        ),
        ("PutItem", json!({"TableName": "Documents", "Key": item("a")}), "a key in place of an item"),
    ] {
        assert!(ask(operation, &body).is_err(), "{operation} {body}: {why}");
    }
    let twice = br#"{"TableName": "Documents", "Key": {"tenant_id": {"S": "a"}, "tenant_id": {"S": "b"}}}"#;
    let call = Call { body: twice.to_vec(), ..call("dynamodb", "GetItem", &json!({})) };
    assert!(derive(&call, &Known).is_err(), "one key, two values");
}
