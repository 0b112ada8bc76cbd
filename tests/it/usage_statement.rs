//! `GET /usage`: a tenant's administrators see what was used and what of it is billed, theirs alone.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_verifiedpermissions::types::SchemaDefinition;
use local::{account::Tenant, metering::Licensed};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{
    ledger,
    metering::{
        Entry, Hour, Measure, Quantity, Record, Second, Slot, State, UsageEvent, Write, ledger::Sent,
    },
};
use tests::{
    Person, Refused, World,
    metering::{Metering, closing},
    now, world, world_alone,
};

const CONTENT: &[u8] = b"forty-two";

fn this_hour() -> Hour {
    Hour::of(Second::from(now()))
}

fn path(from: Hour, to: Hour) -> String {
    format!("/usage?from={from}&to={to}")
}

async fn lines(admin: &Person, from: Hour, to: Hour) -> Vec<Value> {
    let shown = admin.get(&format!("{}&limit=100", path(from, to))).await.expect(200).json();
    assert_eq!(shown["next_cursor"], Value::Null);
    shown["usage"].as_array().unwrap().clone()
}

/// Hours of a tenant's ledger, as if they had been sealed: of each its documents' quantity and what became of it.
async fn seal(world: &World, tenant: &Tenant, hours: &[(Hour, u32, State)]) {
    let (client, table) = (world.root().dynamodb(), world.details.output("LedgerTableName"));
    for (number, (hour, quantity, state)) in hours.iter().enumerate() {
        let record = Record {
            dimension: "documents_added".parse().unwrap(),
            measure: Measure::DocumentsAdded,
            quantity: Quantity::try_from(*quantity).unwrap(),
            brought: Vec::new(),
            state: state.clone(),
            late: 0,
            carried: 0,
        };
        let entry = Entry {
            tenant: tenant.tenant_id.parse().unwrap(),
            slot: Slot::first(*hour),
            license: "arn:aws:license-manager::294406891311:license:l-0f".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
            from: (number > 0).then_some(*hour),
            opening: 0,
            held: 0,
            drift: 0,
            ended: None,
            open_since: *hour,
            records: vec![record],
            version: 1,
        };
        assert_eq!(ledger::seal(&client, table, &entry, &[]).await.unwrap(), Write::Done);
    }
}

/// So many documents, in one event.
async fn use_up(world: &World, tenant: &Tenant, hour: Hour, documents: i64) {
    let id = format!("document/{}/added", uuid::Uuid::new_v4()).parse().unwrap();
    let event = UsageEvent::new(id, Measure::DocumentsAdded, documents, hour).unwrap();
    let tenant = tenant.tenant_id.parse().unwrap();
    let put = shared::usage::put(world.details.output("UsageTableName"), tenant, &event, now()).unwrap();
    let _ = world.root().dynamodb().transact_write_items().transact_items(put).send().await.unwrap();
}

#[tokio::test]
async fn what_was_used_is_shown_while_its_hour_is_open_and_then_as_it_is_billed() {
    let metering = Metering::of(world().await).await;
    let world = &metering.world;
    let bought = world.bought(json!({})).await;
    let signed_up = world.sign_up(&bought, "Curious Ltd").await;
    let admin = world.accept(&signed_up.email).await;
    let begun = this_hour();
    let id = admin.add("used.txt", CONTENT).await;
    let _ = admin.get(&format!("/documents/{id}")).await.expect(200);
    let open = lines(&admin, begun, this_hour()).await;
    let of = |lines: &[Value], measure: &str| {
        let of: Vec<_> =
            lines.iter().filter(|line| line["measure"] == measure && line["used"] != 0).cloned().collect();
        of[0].clone()
    };
    let used = of(&open, "documents_added");
    let hour = used["hour"].as_str().unwrap().parse::<Hour>().unwrap();
    assert!((begun..=this_hour()).contains(&hour));
    assert_eq!(
        used,
        json!({
            "hour": hour, "dimension": "documents_added", "measure": "documents_added", "used": 1, "state": "open",
        })
    );
    assert_eq!(of(&open, "storage_gib_hours")["used"], 1, "a part of a GiB is one");

    let licensed = Licensed {
        license: bought.license_arn.parse().unwrap(),
        account: bought.account.parse().unwrap(),
        tenant: admin.tenant_id.parse().unwrap(),
    };
    let _ = metering.run_until_done(closing(hour), &[&licensed], 5).await;
    let billed = of(&lines(&admin, begun, hour).await, "documents_added");
    let record = billed["metering_record_id"].as_str().expect("the Marketplace's own id");
    assert!(!record.is_empty());
    assert_eq!(
        billed,
        json!({
            "hour": hour, "dimension": "documents_added", "measure": "documents_added", "used": 1, "state": "accepted",
            "sealed": 1, "late": 0, "carried": 0, "brought": 0,
            "license_arn": bought.license_arn, "metering_record_id": record,
        })
    );
}

#[tokio::test]
async fn every_state_has_its_name_and_late_usage_its_amount() {
    let world = world().await;
    let tenant = world.fresh_tenant("named").await;
    let admin = world.sign_in(&tenant, 0).await;
    let first = this_hour().back(30);
    let states = [
        (State::Sealed, "sealed"),
        (State::Accepted { id: Some("a-1".parse().unwrap()) }, "accepted"),
        (State::AcceptedAsDuplicate, "accepted_as_duplicate"),
        (State::Contested, "contested"),
        (State::NotSubscribed { permission: Second::new(1) }, "not_subscribed"),
        (State::Expired { sent: Sent::Never }, "expired"),
        (State::Idle, "idle"),
    ];
    let hours = states.iter().zip(0..).map(|((state, _), n)| (first.forward(n), 2, state.clone()));
    seal(&world, &tenant, &hours.collect::<Vec<_>>()).await;
    for number in 0..u32::try_from(states.len()).unwrap() {
        use_up(&world, &tenant, first.forward(number), 2).await;
    }
    use_up(&world, &tenant, first.forward(1), 3).await;
    let shown = lines(&admin, first, first.forward(20)).await;
    let named: Vec<_> = shown.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(named, states.map(|(_, name)| name));
    assert_eq!(
        (&shown[1]["metering_record_id"], &shown[2]["metering_record_id"]),
        (&json!("a-1"), &Value::Null)
    );
    assert_eq!(
        (&shown[1]["used"], &shown[1]["sealed"], &shown[1]["late"]),
        (&json!(5), &json!(2), &json!(3))
    );
    assert_eq!(
        (&shown[2]["used"], &shown[2]["sealed"], &shown[2]["late"]),
        (&json!(2), &json!(2), &json!(0))
    );
}

#[tokio::test]
async fn only_administrators_see_it_and_only_their_own() {
    let world = world().await;
    let (ours, theirs) = (world.fresh_tenant("ours").await, world.fresh_tenant("theirs").await);
    let hour = this_hour().back(5);
    for (tenant, used) in [(&ours, 3), (&theirs, 4)] {
        use_up(&world, tenant, hour, used).await;
    }
    seal(&world, &ours, &[(hour, 3, State::Sealed)]).await;
    let (ada, dora) = (world.sign_in(&ours, 0).await, world.sign_in(&theirs, 0).await);
    let used =
        |lines: Vec<Value>| lines.iter().map(|l| (l["used"].clone(), l["state"].clone())).collect::<Vec<_>>();
    assert_eq!(used(lines(&ada, hour, hour).await), [(json!(3), json!("sealed"))]);
    let of_theirs = used(lines(&dora, hour, hour).await);
    assert_eq!(of_theirs[0], (json!(4), json!("open")));
    let named = format!("{}&tenant_id={}", path(hour, hour), ours.tenant_id);
    assert_eq!(
        used(dora.get(&named).await.expect(200).json()["usage"].as_array().unwrap().clone()),
        of_theirs
    );

    let ben = world.sign_in(&ours, 1).await;
    assert_eq!(ben.get(&path(hour, hour)).await.refusal(), "403 forbidden");
    assert_eq!(world.somebody(None).get(&path(hour, hour)).await.refusal(), "401 unauthorized");
    assert_eq!(ada.post("/usage", &json!({})).await.status, 404, "there is nothing to post to");
}

#[tokio::test]
async fn a_suspended_tenants_administrator_is_told_so() {
    let world = world().await;
    let (suspended, other) = (world.fresh_tenant("shut").await, world.fresh_tenant("open").await);
    let hour = this_hour();
    let _ = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("TenantsTableName"))
        .key("tenant_id", AttributeValue::S(suspended.tenant_id.clone()))
        .update_expression("SET subscription_state = :state")
        .condition_expression("attribute_exists(subscription_state)")
        .expression_attribute_values(":state", AttributeValue::S("suspended".to_owned()))
        .send()
        .await
        .unwrap();
    // This function has not asked for the tenant before, so it knows nothing older.
    let admin = world.sign_in(&suspended, 0).await;
    assert_eq!(admin.get(&path(hour, hour)).await.refusal(), "403 suspended");
    let admin = world.sign_in(&other, 0).await;
    assert_eq!(admin.get(&path(hour, hour)).await.status, 200, "nobody else is");
}

#[tokio::test]
async fn hours_that_nobody_may_ask_for_are_refused() {
    let world = world().await;
    let admin = world.person("amber", 0).await;
    let now = this_hour();
    for (query, why) in [
        (String::new(), "no hours"),
        (format!("?from={now}"), "no end"),
        (format!("?to={now}"), "no beginning"),
        (format!("?from={now}:00:00Z&to={now}"), "an instant is no hour"),
        (format!("?from=yesterday&to={now}"), "a word is no hour"),
        (format!("?from={now}&from={now}&to={now}"), "given twice"),
        (format!("?from={now}&to={}", now.prev()), "backwards"),
        (format!("?from={}&to={now}", now.back(744)), "more than 31 days"),
        (format!("?from={0}&to={0}", now.back(366 * 24)), "over a year ago"),
        (format!("?from={now}&to={now}&limit=0"), "a page of nothing"),
        (format!("?from={now}&to={now}&limit=101"), "too large a page"),
        (format!("?from={now}&to={now}&cursor=AAAA"), "no cursor of ours"),
    ] {
        assert_eq!(
            admin.get(&format!("/usage{query}")).await.refusal(),
            "400 invalid-request",
            "{why}: {query}"
        );
    }
    for (from, to) in
        [(now, now), (now.back(743), now), (now, now.forward(743)), (now.forward(1), now.forward(2))]
    {
        assert_eq!(admin.get(&path(from, to)).await.status, 200, "{from} {to}");
    }
}

#[tokio::test]
async fn pages_show_every_hour_once_and_their_cursors_are_good_for_nothing_else() {
    let world = world().await;
    let tenant = world.fresh_tenant("paged").await;
    let admin = world.sign_in(&tenant, 0).await;
    let now = this_hour();
    let first = now.back(40);
    let hours: Vec<_> = (0..30).map(|number| (first.forward(number), 1, State::Sealed)).collect();
    seal(&world, &tenant, &hours).await;
    for hour in [first.forward(3), first.forward(34), now] {
        use_up(&world, &tenant, hour, 1).await;
    }
    let whole = lines(&admin, first, now).await;
    // Sealed: one line each. Open: a line for each dimension.
    assert_eq!(whole.iter().filter(|line| line["state"] == "sealed").count(), 30);
    let mut open: Vec<_> =
        whole.iter().filter(|line| line["state"] == "open").map(|line| &line["hour"]).collect();
    open.dedup();
    assert_eq!(open, [&json!(first.forward(34)), &json!(now)]);

    let (mut paged, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let from = cursor.as_ref().map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = admin.get(&format!("{}&limit=7{from}", path(first, now))).await.expect(200).json();
        let mut shown: Vec<_> = page["usage"].as_array().unwrap().iter().map(|l| l["hour"].clone()).collect();
        shown.dedup();
        assert!(shown.len() <= 7, "{shown:?}");
        paged.extend(page["usage"].as_array().unwrap().clone());
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!((paged, pages), (whole, 5));

    let cursor = cursor.unwrap();
    let with = |from: Hour, to: Hour| format!("{}&cursor={cursor}", path(from, to));
    assert_eq!(admin.get(&with(first, now)).await.status, 200);
    assert_eq!(admin.get(&with(now, now)).await.refusal(), "400 invalid-request", "of other hours");
    assert_eq!(admin.get(&format!("/documents?cursor={cursor}")).await.refusal(), "400 invalid-request");
    let documents = world.person("amber", 0).await;
    assert_eq!(documents.get(&with(first, now)).await.refusal(), "400 invalid-request", "another tenant's");
}

#[tokio::test]
async fn what_shows_usage_changes_nothing_and_sees_nothing_else() {
    let world = world().await;
    let amber = world.tenant("amber");
    let role = world.details.output("TenantUsageRoleArn");
    let tags = [("tenant_id", amber.tenant_id.as_str()), ("policy_store_id", amber.policy_store_id.as_str())];
    let session = world.function("Usage").assume(role, &tags).await.unwrap().dynamodb();
    let tenant = AttributeValue::S(amber.tenant_id.clone());
    let query = |table: &str| {
        session
            .query()
            .table_name(world.details.output(table))
            .key_condition_expression("tenant_id = :t")
            .expression_attribute_values(":t", tenant.clone())
    };
    for table in ["UsageTableName", "LedgerTableName"] {
        assert!(query(table).send().await.is_ok(), "{table}");
        let key = if table == "UsageTableName" { "usage_key" } else { "slot" };
        let put = session
            .put_item()
            .table_name(world.details.output(table))
            .item("tenant_id", tenant.clone())
            .item(key, AttributeValue::S("0".to_owned()));
        let refused = put.send().await.map(drop).map_err(|e| Refused::of(&e));
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "PutItem {table}: {refused:?}");
        let scan = session.scan().table_name(world.details.output(table));
        let refused = scan.send().await.map(drop).map_err(|e| Refused::of(&e));
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "Scan {table}: {refused:?}");
    }
    for table in ["UsersTableName", "SharesTableName"] {
        let refused = query(table).send().await.map(drop).map_err(|e| Refused::of(&e));
        assert!(refused.as_ref().is_err_and(Refused::is_access_denied), "{table}: {refused:?}");
    }
}

#[tokio::test]
async fn a_store_that_an_earlier_release_made_knows_usage_once_it_is_upgraded() {
    // All stores are upgraded, also those that others are just trying to fill.
    let world = world_alone().await;
    let tenant = world.fresh_tenant("earlier").await;
    let admin = world.sign_in(&tenant, 0).await;
    let mut schema: Value = serde_json::from_str(shared::onboarding::SCHEMA).unwrap();
    assert!(schema["DocumentsAPI"]["actions"].as_object_mut().unwrap().remove("viewUsage").is_some());
    let _ = world
        .root()
        .verified_permissions()
        .put_schema()
        .policy_store_id(&tenant.policy_store_id)
        .definition(SchemaDefinition::CedarJson(schema.to_string()))
        .send()
        .await
        .unwrap();
    let now = this_hour();
    assert_eq!(admin.get(&path(now, now)).await.refusal(), "503 unavailable");
    assert_eq!(admin.get("/documents").await.status, 200, "what it knew it knows");

    let upgrade = async || {
        let (command, mut said) = (local::tenant::Command::Upgrade, String::new());
        let done = local::tenant::run(world.details, &command, true, &mut |line| said.push_str(line)).await;
        (done, serde_json::from_str::<Value>(&said).unwrap())
    };
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    let order = json!({
        "service": "verifiedpermissions", "operation": "PutSchema", "function": "Onboarding", "when": "before",
        "error": "500", "times": 10,
    });
    assert_eq!(admin.use_url_with(Method::POST, &faults, order.to_string()).await.status, 201);
    let (done, said) = upgrade().await;
    assert_eq!(admin.use_url(Method::DELETE, &faults, b"").await.status, 200);
    assert!(
        done.is_err() && !said["failed"].as_array().unwrap().is_empty(),
        "what failed is no success: {said}"
    );

    let (done, said) = upgrade().await;
    assert_eq!(admin.get(&path(now, now)).await.status, 200);
    assert_eq!(done.is_ok(), said["failed"].as_array().unwrap().is_empty(), "{said}");
    assert!(said["upgraded"].as_u64().unwrap() >= 3, "{said}");
    assert!(!said["failed"].as_array().unwrap().contains(&json!(tenant.tenant_id)));
    let _ = admin.add("as-before.txt", CONTENT).await;
}

#[tokio::test]
async fn whatever_fails_behind_it_nothing_is_shown() {
    let world = world_alone().await;
    let now = this_hour();
    let faults = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    for (service, operation, skip) in [
        ("sts", "AssumeRole", 0),
        ("sts", "AssumeRole", 1),
        ("dynamodb", "GetItem", 0),
        ("verifiedpermissions", "IsAuthorized", 0),
        ("dynamodb", "Query", 0),
        ("dynamodb", "Query", 1),
        ("dynamodb", "Query", 2),
    ] {
        // Unknown to the function: session, mapping, decision, ledger and events all have to be asked for.
        let tenant = world.fresh_tenant("failing").await;
        let admin = world.sign_in(&tenant, 0).await;
        use_up(&world, &tenant, now, 1).await;
        let order = json!({
            "service": service, "operation": operation, "function": "Usage", "when": "before", "error": "500",
            "times": 1000, "skip": skip,
        });
        assert_eq!(admin.use_url_with(Method::POST, &faults, order.to_string()).await.status, 201);
        let refused = admin.get(&path(now, now)).await;
        assert_eq!(admin.use_url(Method::DELETE, &faults, b"").await.status, 200);
        assert_eq!(refused.refusal(), "503 unavailable", "{service}:{operation} failing, after {skip}");
        assert!(!refused.body.contains(service), "no internals: {}", refused.body);
        assert_eq!(lines(&admin, now, now).await[0]["used"], 1, "{service}:{operation} no longer failing");
    }
}

#[tokio::test]
async fn a_ledger_that_somebody_else_wrote_into_is_no_account() {
    let world = world().await;
    let tenant = world.fresh_tenant("forged").await;
    let admin = world.sign_in(&tenant, 0).await;
    let hour = this_hour().back(3);
    seal(&world, &tenant, &[(hour, 1, State::Sealed)]).await;
    assert_eq!(lines(&admin, hour, hour).await.len(), 1);
    let (tenant_id, slot) = (AttributeValue::S(tenant.tenant_id.clone()), Slot::first(hour).to_string());
    let _ = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("LedgerTableName"))
        .key("tenant_id", tenant_id)
        .key("slot", AttributeValue::S(slot))
        .update_expression("SET version = :two")
        .expression_attribute_values(":two", AttributeValue::N("2".to_owned()))
        .send()
        .await
        .unwrap();
    assert_eq!(admin.get(&path(hour, hour)).await.refusal(), "500 internal");
    let incident = |line: &String| line.contains("malformed_ledger") && line.contains(&tenant.tenant_id);
    world.see("the incident", async || world.logs().await.iter().find(|line| incident(line)).map(drop)).await;
}
