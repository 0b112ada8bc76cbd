//! The operations on items: get, put, update, delete, query, scan, batches and transactions.

use serde_json::{Map, Value};

use super::expression::{self, Placeholders};
use super::{Body, Leading, Needed, Table, Tables, Underivable};

/// What kind of part a transaction or batch has, by the member that holds it.
const WRITES: &[(&str, &str)] = &[
    ("ConditionCheck", "ConditionCheckItem"),
    ("Delete", "DeleteItem"),
    ("Put", "PutItem"),
    ("Update", "UpdateItem"),
];

pub(super) fn derive(tables: &Tables<'_>, body: &Body<'_>) -> Result<Vec<Needed>, Underivable> {
    let call = tables.call;
    match call.operation.as_str() {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" => Ok(vec![one(tables, body, &call.operation)?]),
        "Query" | "Scan" => Ok(vec![search(tables, body, &call.operation)?]),
        "BatchGetItem" => batch(tables, body, batch_get),
        "BatchWriteItem" => batch(tables, body, batch_write),
        "TransactGetItems" => transaction(tables, body, &[("Get", "GetItem")]),
        "TransactWriteItems" => transaction(tables, body, WRITES),
        _ => Err(call.unknown_operation()),
    }
}

/// One item: `Key`, or for a put `Item`.
fn one(tables: &Tables<'_>, body: &Body<'_>, action: &str) -> Result<Needed, Underivable> {
    let table = tables.table(body.string("TableName")?)?;
    let item = body.object(if action == "PutItem" { "Item" } else { "Key" })?;
    let mut attributes: Vec<String> = item.keys().cloned().collect();
    extend(&mut attributes, named_by(body)?);
    let leading = leading_key(tables, &table, item)?;
    let needed =
        leading.into(tables.call.needs(action, table.arn)).with_many("dynamodb:Attributes", attributes);
    parameters(body, needed, action)
}

/// The parameters that have a condition key of their own.
fn parameters(body: &Body<'_>, mut needed: Needed, action: &str) -> Result<Needed, Underivable> {
    if let Some(capacity) = body.optional("ReturnConsumedCapacity")? {
        needed = needed.with("dynamodb:ReturnConsumedCapacity", capacity);
    }
    if let Some(values) = body.optional("ReturnValues")? {
        needed = needed.with("dynamodb:ReturnValues", values);
    }
    if body.has("ReturnValuesOnConditionCheckFailure") {
        let why = "what ReturnValuesOnConditionCheckFailure makes of it is not documented";
        needed = needed.with_unknown("dynamodb:ReturnValues", why);
    }
    if let Some(select) = body.optional("Select")? {
        needed = needed.with("dynamodb:Select", select);
    } else if matches!(action, "GetItem" | "BatchGetItem") {
        let why = "the operation has no such parameter, and what AWS puts there is not documented";
        needed = needed.with_unknown("dynamodb:Select", why);
    }
    Ok(needed)
}

/// The partition key value in an item or key.
fn leading_key(
    tables: &Tables<'_>,
    table: &Table,
    item: &Map<String, Value>,
) -> Result<Leading, Underivable> {
    let Some(attribute) = tables.directory.partition_key(&table.name, None) else {
        return Ok(Leading::Unknown(format!("the partition key of the table `{}` is not known", table.name)));
    };
    match item.get(&attribute) {
        Some(value) => Ok(Leading::of_value(value)),
        None => Err(tables.call.unreadable(format!("an item has no partition key `{attribute}`"))),
    }
}

/// `Query` and `Scan`, of a table or an index.
fn search(tables: &Tables<'_>, body: &Body<'_>, action: &str) -> Result<Needed, Underivable> {
    let table = tables.table(body.string("TableName")?)?;
    let index = body.optional("IndexName")?;
    let resource = match index {
        None => table.arn.clone(),
        Some(index) => tables.index_arn(&table, index)?,
    };
    let mut needed = tables.call.needs(action, resource).with_many("dynamodb:Attributes", named_by(body)?);
    needed = parameters(body, needed, action)?;
    if action == "Scan" {
        return Ok(needed);
    }
    let Some(attribute) = tables.directory.partition_key(&table.name, index) else {
        let of = index.unwrap_or(&table.name);
        return Ok(Leading::Unknown(format!("the partition key of `{of}` is not known")).into(needed));
    };
    let value = match (body.optional("KeyConditionExpression")?, body.optional_object("KeyConditions")?) {
        (Some(condition), None) => expression::key_condition(condition, &attribute, placeholders(body)?)
            .map_err(|why| tables.call.unreadable(why))?,
        (None, Some(conditions)) => legacy_condition(tables, conditions, &attribute)?,
        _ => {
            return Err(tables
                .call
                .unreadable("not exactly one of KeyConditionExpression and KeyConditions"));
        }
    };
    Ok(Leading::of_value(&value).into(needed))
}

/// `{"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [value]}}`.
fn legacy_condition(
    tables: &Tables<'_>,
    conditions: &Map<String, Value>,
    attribute: &str,
) -> Result<Value, Underivable> {
    let condition = conditions.get(attribute);
    let is_equality = condition
        .and_then(|condition| condition.get("ComparisonOperator"))
        .is_some_and(|operator| operator == "EQ");
    let values =
        condition.and_then(|condition| condition.get("AttributeValueList")).and_then(Value::as_array);
    match (is_equality, values.map(Vec::as_slice)) {
        (true, Some([value])) => Ok(value.clone()),
        _ => Err(tables.call.unreadable(format!(
            "KeyConditions does not demand one value of the partition key `{attribute}`"
        ))),
    }
}

fn placeholders<'a>(body: &'a Body<'_>) -> Result<Placeholders<'a>, Underivable> {
    Ok(Placeholders {
        names: body.optional_object("ExpressionAttributeNames")?,
        values: body.optional_object("ExpressionAttributeValues")?,
    })
}

/// Every attribute that the request's expressions and their older forms name.
fn named_by(body: &Body<'_>) -> Result<Vec<String>, Underivable> {
    const EXPRESSIONS: [&str; 5] = [
        "ConditionExpression",
        "FilterExpression",
        "KeyConditionExpression",
        "ProjectionExpression",
        "UpdateExpression",
    ];
    const MAPS: [&str; 5] = ["AttributeUpdates", "Expected", "KeyConditions", "QueryFilter", "ScanFilter"];
    let mut named = Vec::new();
    let placeholders = placeholders(body)?;
    for member in EXPRESSIONS {
        if let Some(text) = body.optional(member)? {
            let of_expression =
                expression::attributes(text, placeholders).map_err(|why| body.call.unreadable(why))?;
            extend(&mut named, of_expression);
        }
    }
    for member in MAPS {
        if let Some(map) = body.optional_object(member)? {
            extend(&mut named, map.keys().cloned());
        }
    }
    let paths = body.strings("AttributesToGet")?;
    let top = |path: &String| path.split(['.', '[']).next().unwrap_or_default().to_owned();
    extend(&mut named, paths.iter().map(top));
    Ok(named)
}

fn extend(named: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for name in more {
        if !named.contains(&name) {
            named.push(name);
        }
    }
}

/// A batch: `RequestItems` by table, each authorized once.
fn batch(
    tables: &Tables<'_>,
    body: &Body<'_>,
    read: impl Fn(&Tables<'_>, &Table, &Value) -> Result<(Leading, Vec<String>), Underivable>,
) -> Result<Vec<Needed>, Underivable> {
    let action = tables.call.operation.as_str();
    let mut needed = Vec::new();
    for (name, requests) in body.object("RequestItems")? {
        let table = tables.table(name)?;
        let (leading, attributes) = read(tables, &table, requests)?;
        let one =
            leading.into(tables.call.needs(action, table.arn)).with_many("dynamodb:Attributes", attributes);
        needed.push(parameters(body, one, action)?);
    }
    if needed.is_empty() { Err(body.not("RequestItems", "an object with a table")) } else { Ok(needed) }
}

fn batch_get(
    tables: &Tables<'_>,
    table: &Table,
    request: &Value,
) -> Result<(Leading, Vec<String>), Underivable> {
    let Value::Object(request) = request else {
        return Err(tables.call.unreadable("a table's `RequestItems` is not an object"));
    };
    let request = Body::within(tables.call, request);
    let mut attributes = Vec::new();
    let mut leading = Leading::Values(Vec::new());
    let Some(Value::Array(keys)) = request.get("Keys") else { return Err(request.not("Keys", "a list")) };
    for key in keys {
        let Value::Object(key) = key else { return Err(request.not("Keys", "a list of objects")) };
        leading.push(leading_key(tables, table, key)?);
        extend(&mut attributes, key.keys().cloned());
    }
    if keys.is_empty() {
        return Err(request.not("Keys", "a list of at least one"));
    }
    extend(&mut attributes, named_by(&request)?);
    Ok((leading, attributes))
}

fn batch_write(
    tables: &Tables<'_>,
    table: &Table,
    requests: &Value,
) -> Result<(Leading, Vec<String>), Underivable> {
    let refused = || tables.call.unreadable("a table's `RequestItems` is not a list of puts and deletes");
    let mut attributes = Vec::new();
    let mut leading = Leading::Values(Vec::new());
    let Value::Array(requests) = requests else { return Err(refused()) };
    for request in requests {
        let entries = request.as_object().filter(|entries| entries.len() == 1).ok_or_else(refused)?;
        let item = match entries.iter().next() {
            Some((kind, put)) if kind == "PutRequest" => put.get("Item"),
            Some((kind, delete)) if kind == "DeleteRequest" => delete.get("Key"),
            _ => None,
        };
        let item = item.and_then(Value::as_object).ok_or_else(refused)?;
        leading.push(leading_key(tables, table, item)?);
        extend(&mut attributes, item.keys().cloned());
    }
    if requests.is_empty() { Err(refused()) } else { Ok((leading, attributes)) }
}

/// A transaction: every part is authorized as itself, within the operation that encloses it.
fn transaction(
    tables: &Tables<'_>,
    body: &Body<'_>,
    kinds: &[(&str, &str)],
) -> Result<Vec<Needed>, Underivable> {
    let mut needed = Vec::new();
    for part in body.objects("TransactItems")? {
        let mut found = kinds.iter().filter(|(member, _)| part.has(member));
        let (Some((member, action)), None) = (found.next(), found.next()) else {
            return Err(body.not("TransactItems", "a list of parts, each of one known kind"));
        };
        let part = Body::within(tables.call, part.object(member)?);
        let mut one = one(tables, &part, action)?;
        if let Some(capacity) = body.optional("ReturnConsumedCapacity")? {
            one = one.with("dynamodb:ReturnConsumedCapacity", capacity);
        }
        needed.push(one.with("dynamodb:EnclosingOperation", tables.call.operation.clone()));
    }
    if needed.is_empty() { Err(body.not("TransactItems", "a list of at least one")) } else { Ok(needed) }
}
