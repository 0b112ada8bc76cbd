//! The users of a tenant: invited, listed and removed by its administrators, and by nobody else.

mod failures;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use local::account::Tenant;
use reqwest::Method;
use serde_json::{Value, json};
use shared::clock::{Clock, rfc3339};
use tests::{Answer, Person, World, world};
use uuid::Uuid;

/// An address that nobody has.
fn address(name: &str) -> String {
    format!("{name}-{}@users.example", Uuid::new_v4().simple())
}

async fn invite(admin: &Person, email: &str, role: &str) -> Answer {
    admin.post("/users", &json!({ "email": email, "role": role })).await
}

/// Invites somebody, who accepts.
async fn join(world: &World, admin: &Person, role: &str) -> Person {
    let email = address("joins");
    let _ = invite(admin, &email, role).await.expect(201);
    world.accept(&email).await
}

/// The mails to an address.
async fn mails(world: &World, email: &str) -> Vec<Value> {
    let url = format!("{}/_gateway/mail?to={email}", world.details.aws_endpoint_url);
    let mails = world.somebody(None).use_url(Method::GET, &url, b"").await.expect(200).json();
    mails["mails"].as_array().unwrap().clone()
}

/// As if the user had been invited eleven minutes ago.
async fn eleven_minutes_pass(world: &World, tenant: &Tenant, user: &str) {
    let then = rfc3339(Clock::system().now() - Duration::from_secs(660));
    let _ = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("UsersTableName"))
        .key("tenant_id", AttributeValue::S(tenant.tenant_id.clone()))
        .key("user_id", AttributeValue::S(user.to_owned()))
        .update_expression("SET invited_at = :then")
        .condition_expression("attribute_exists(invited_at)")
        .expression_attribute_values(":then", AttributeValue::S(then))
        .send()
        .await
        .unwrap();
}

async fn listed(admin: &Person) -> Vec<Value> {
    let list = admin.get("/users?limit=100").await.expect(200).json();
    list["users"].as_array().unwrap().clone()
}

async fn listed_as(admin: &Person, email: &str) -> Option<Value> {
    listed(admin).await.into_iter().find(|user| user["email"] == email)
}

#[tokio::test]
async fn an_invited_user_signs_in_with_what_was_mailed_and_works() {
    let world = world().await;
    let tenant = world.fresh_tenant("invites").await;
    let (ada, ben) = (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await);
    let email = address("Gwen");
    let made = invite(&ada, &email, "member").await.expect(201);
    let user = made.json()["user"].clone();
    let id = user["user_id"].as_str().unwrap().to_owned();
    assert!(made.header("location").ends_with(&format!("/users/{id}")));
    assert_eq!(
        (&user["email"], &user["role"], &user["status"], &user["invited_by"]),
        (&json!(email.to_lowercase()), &json!("member"), &json!("invited"), &json!(ada.user_id))
    );
    assert_eq!(listed_as(&ada, &email.to_lowercase()).await, Some(user));

    let document = ben.add("waiting.txt", b"waiting for gwen").await;
    let share = json!({ "document_id": document, "user_id": id });
    let _ = ben.post("/shares", &share).await.expect(201);

    let gwen = world.accept(&email.to_lowercase()).await;
    assert_eq!(
        (&gwen.user_id, &gwen.tenant_id),
        (&id, &tenant.tenant_id),
        "the tenant that invited, and no other"
    );
    assert_eq!(gwen.get(&format!("/documents/{document}")).await.status, 200, "what was waiting opens");
    let own = gwen.add("own.txt", b"gwen's own").await;
    assert_eq!(gwen.get(&format!("/documents/{own}")).await.status, 200);
    assert_eq!(gwen.get("/users").await.refusal(), "403 forbidden", "a member is no administrator");
    assert_eq!(listed_as(&ada, &email.to_lowercase()).await.unwrap()["status"], "active");
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_invited_again_once_in_ten_minutes() {
    let world = world().await;
    let tenant = world.fresh_tenant("again").await;
    let ada = world.sign_in(&tenant, 0).await;
    let email = address("again");
    let made = invite(&ada, &email, "admin").await.expect(201).json();
    let id = made["user"]["user_id"].as_str().unwrap().to_owned();
    assert_eq!(mails(&world, &email).await.len(), 1);

    let soon = invite(&ada, &email, "admin").await;
    assert_eq!(soon.refusal(), "409 user-exists");
    assert!(soon.json()["detail"].as_str().unwrap().contains("ten minutes"));
    assert_eq!(mails(&world, &email).await.len(), 1, "nothing was mailed");

    eleven_minutes_pass(&world, &tenant, &id).await;
    assert_eq!(invite(&ada, &email, "member").await.refusal(), "409 user-exists", "another role");
    assert_eq!(mails(&world, &email).await.len(), 1);
    let (one, other) = tokio::join!(invite(&ada, &email, "admin"), invite(&ada, &email, "admin"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "two at once are one");
    let again = if one.status == 200 { one } else { other };
    assert_eq!(again.json(), made, "the same user, as they were");
    assert_eq!(mails(&world, &email).await.len(), 2, "a second mail");
    assert_eq!(listed(&ada).await.len(), 4, "and no second user");

    let admin = world.accept(&email).await;
    assert_eq!(admin.get("/users").await.status, 200, "the mailed password works");
    // Not even the directory need have noticed that they signed in.
    eleven_minutes_pass(&world, &tenant, &id).await;
    let signed_in = invite(&ada, &email, "admin").await;
    assert_eq!(signed_in.refusal(), "409 user-exists");
    assert_eq!(listed_as(&ada, &email).await.unwrap()["status"], "active");
    eleven_minutes_pass(&world, &tenant, &id).await;
    assert_eq!(invite(&ada, &email, "admin").await.body, signed_in.body);
    assert_eq!(mails(&world, &email).await.len(), 2, "whoever has signed in gets none");
}

#[tokio::test]
async fn an_invited_administrator_is_one() {
    let world = world().await;
    let tenant = world.fresh_tenant("admins").await;
    let ada = world.sign_in(&tenant, 0).await;
    let iris = join(&world, &ada, "admin").await;
    let _ = invite(&iris, &address("by-iris"), "member").await.expect(201);
    assert_eq!(listed(&iris).await.len(), 5, "three, iris, and the one that she invited");
    let roles: Vec<_> = listed(&iris).await.iter().filter(|user| user["role"] == "admin").cloned().collect();
    assert_eq!(roles.len(), 2);
}

#[tokio::test]
async fn only_administrators_manage_users() {
    let world = world().await;
    let (ada, ben, cleo) =
        (world.person("amber", 0).await, world.person("amber", 1).await, world.person("amber", 2).await);
    let existing = ben.delete(&format!("/users/{}", cleo.user_id)).await;
    let absent = ben.delete(&format!("/users/{}", Uuid::new_v4())).await;
    for answer in
        [&existing, &absent, &ben.get("/users").await, &invite(&ben, &address("by-ben"), "member").await]
    {
        assert_eq!(answer.refusal(), "403 forbidden");
        assert_eq!(answer.body, absent.body, "a member does not even learn who is there");
    }
    assert_eq!(cleo.get("/documents").await.status, 200, "cleo is still there");
    assert_eq!(ada.get("/users").await.status, 200);
}

/// What a client can compare of two answers: everything but the ids, times and addresses in them.
fn shape(answer: &Answer, id: &str, email: &str) -> (u16, BTreeSet<String>, Value) {
    let headers = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
    let mut body: Value =
        serde_json::from_str(&answer.body.replace(id, "ID").replace(email, "EMAIL")).unwrap_or_default();
    if let Some(user) = body.get_mut("user") {
        assert!(user["created_at"].take().is_string());
    }
    (answer.status, headers, body)
}

#[tokio::test]
async fn an_address_that_belongs_to_another_tenant_gives_nothing_away() {
    let world = world().await;
    let tenant = world.fresh_tenant("curious").await;
    let (ada, ben) = (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await);
    let amber = &world.tenant("amber").users[2];
    let (taken, free) = (amber.email.clone(), address("free"));
    let document = ben.add("bait.txt", b"bait").await;

    let mut seen = Vec::new();
    for email in [&taken, &free] {
        let made = invite(&ada, email, "member").await.expect(201);
        let id = made.json()["user"]["user_id"].as_str().unwrap().to_owned();
        assert_ne!(id, amber.user_id, "no id of another tenant's user");
        let again = invite(&ada, &email.to_uppercase(), "member").await;
        assert_eq!(again.refusal(), "409 user-exists");
        let other_role = invite(&ada, email, "admin").await;
        eleven_minutes_pass(&world, &tenant, &id).await;
        let resent = invite(&ada, email, "member").await.expect(200);
        assert_eq!(resent.json(), made.json(), "the same user, as they were");
        let too_soon = invite(&ada, email, "member").await;
        assert_eq!(too_soon.body, again.body);
        let share = ben.post("/shares", &json!({ "document_id": document, "user_id": id })).await.expect(201);
        let mut row = listed_as(&ada, email).await.unwrap();
        assert!(row["created_at"].take().is_string() && row["user_id"].take() == *id);
        row["email"].take();
        let path = format!("/users/{id}");
        let removed = [ada.delete(&path).await, ada.delete(&path).await];
        let anew = invite(&ada, email, "member").await;
        seen.push((
            shape(&made, &id, email),
            [&again, &other_role, &resent, &too_soon, &anew].map(|answer| shape(answer, &id, email)),
            (share.status, row, listed_as(&ada, email).await.unwrap()["status"].clone()),
            removed.map(|answer| shape(&answer, &id, email)),
        ));
    }
    assert_eq!(seen[0], seen[1], "another tenant's address, and nobody's");

    let cleo = world.person("amber", 2).await;
    assert_eq!(cleo.get("/documents").await.status, 200, "cleo of amber has noticed nothing");
    assert!(mails(&world, &taken).await.is_empty(), "nor was anything mailed");
    assert_eq!(mails(&world, &free).await.len(), 2, "as it was to the other address");
}

#[tokio::test]
async fn an_address_invited_many_times_at_once_is_one_user() {
    let world = world().await;
    let tenant = world.fresh_tenant("at-once").await;
    let ada = world.sign_in(&tenant, 0).await;
    let email = address("once");
    let answers = tokio::join!(
        invite(&ada, &email, "admin"),
        invite(&ada, &email, "admin"),
        invite(&ada, &email, "admin")
    );
    let answers = [answers.0, answers.1, answers.2];
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert!(["409 user-exists", "409 concurrent-change"].contains(&answer.refusal().as_str()));
    }
    assert_eq!(listed(&ada).await.len(), 4);
    // The count of administrators is theirs, too: of two, one may be removed by the other.
    let second = world.accept(&email).await;
    let _ = second.delete(&format!("/users/{}", ada.user_id)).await.expect(204);
    assert_eq!(
        second.delete(&format!("/users/{}", second.user_id)).await.refusal(),
        "409 last-administrator"
    );
}

/// Every route, asked by somebody about their own document, and a user.
async fn everywhere(person: &Person, document: &str, user: &str) -> Vec<(String, Answer)> {
    let share = json!({ "document_id": document, "user_id": user });
    let new = tests::wish("late.txt", b"late");
    vec![
        ("add".to_owned(), person.post("/documents", &new).await),
        ("list".to_owned(), person.get("/documents").await),
        ("open".to_owned(), person.get(&format!("/documents/{document}")).await),
        ("share".to_owned(), person.post("/shares", &share).await),
        ("see shares".to_owned(), person.get(&format!("/documents/{document}/shares")).await),
        ("unshare".to_owned(), person.delete(&format!("/shares/{document}/{user}")).await),
        ("see users".to_owned(), person.get("/users").await),
        ("invite".to_owned(), invite(person, &address("late"), "member").await),
        ("remove".to_owned(), person.delete(&format!("/users/{user}")).await),
        ("delete".to_owned(), person.delete(&format!("/documents/{document}")).await),
    ]
}

#[tokio::test]
async fn a_removed_user_is_out_at_once_whatever_their_token_says() {
    let world = world().await;
    let tenant = world.fresh_tenant("out").await;
    let (ada, ben) = (world.sign_in(&tenant, 0).await, world.sign_in(&tenant, 1).await);
    let admin = join(&world, &ada, "admin").await;
    let twin = join(&world, &ada, "admin").await;
    let document = admin.add("admins.txt", b"admins'").await;
    let theirs = ben.add("bens.txt", b"ben's").await;
    let _ = ben.share(&theirs, &twin).await.expect(201);

    let path = format!("/users/{}", admin.user_id);
    let _ = ada.delete(&path).await.expect(204);
    for (what, answer) in everywhere(&admin, &document, &twin.user_id).await {
        assert!(
            ["403 forbidden", "404 not-found"].contains(&answer.refusal().as_str()),
            "{what}: {} {}",
            answer.status,
            answer.body
        );
    }
    assert_eq!(admin.get(&format!("/documents/{theirs}")).await.refusal(), "404 not-found");
    assert_eq!(admin.refresh(world.details).await.status, 400, "no new token");
    let status = listed(&ada).await.into_iter().find(|user| user["user_id"] == admin.user_id).unwrap();
    assert_eq!(status["status"], "removing");
    assert_eq!(ben.share(&theirs, &admin).await.refusal(), "422 receiver-outside-tenant");
    assert_eq!(ada.delete(&path).await.status, 204, "a repeat is answered like the first");

    // The same requests, of an administrator who was not removed: all of them are allowed.
    for (what, answer) in everywhere(&twin, &twin.add("twins.txt", b"twin's").await, &ben.user_id).await {
        assert!((200..300).contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    }
    assert!(twin.refresh(world.details).await.status == 200);
}

#[tokio::test]
async fn a_removed_user_cannot_sign_in_again() {
    let world = world().await;
    let tenant = world.fresh_tenant("signed-out").await;
    let ada = world.sign_in(&tenant, 0).await;
    let ben = &tenant.users[1];
    assert_eq!(Person::password(world.details, &ben.email, &ben.password).await.status, 200);
    let _ = ada.delete(&format!("/users/{}", ben.user_id)).await.expect(204);
    assert_eq!(Person::password(world.details, &ben.email, &ben.password).await.status, 400);
}

#[tokio::test]
async fn nobody_removes_themselves_so_the_last_administrator_stays() {
    let world = world().await;
    let tenant = world.fresh_tenant("last").await;
    let ada = world.sign_in(&tenant, 0).await;
    let herself = format!("/users/{}", ada.user_id);
    assert_eq!(ada.delete(&herself).await.refusal(), "409 last-administrator");
    let iris = join(&world, &ada, "admin").await;
    let refused = ada.delete(&herself).await;
    assert_eq!(refused.refusal(), "400 invalid-request");
    assert!(refused.json()["detail"].as_str().unwrap().contains("another administrator"));
    let _ = iris.delete(&herself).await.expect(204);
    assert_eq!(iris.delete(&format!("/users/{}", iris.user_id)).await.refusal(), "409 last-administrator");
    assert_eq!(iris.get("/users").await.status, 200);
}

#[tokio::test]
async fn two_administrators_who_remove_each_other_at_once_leave_one() {
    let world = world().await;
    for round in 0..4 {
        let tenant = world.fresh_tenant("duel").await;
        let ada = world.sign_in(&tenant, 0).await;
        let iris = join(&world, &ada, "admin").await;
        // One who never comes counts, and must not make it three.
        let _ = invite(&ada, &address("absent"), "admin").await.expect(201);
        let (of_ada, of_iris) = (format!("/users/{}", ada.user_id), format!("/users/{}", iris.user_id));
        let (by_ada, by_iris) = tokio::join!(ada.delete(&of_iris), iris.delete(&of_ada));
        let statuses = [by_ada.status, by_iris.status];
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{round}: {statuses:?}");
        let (winner, loser) = if by_ada.status == 204 { (&ada, &iris) } else { (&iris, &ada) };
        let lost = if by_ada.status == 204 { by_iris } else { by_ada };
        assert!(
            ["403 forbidden", "409 concurrent-change"].contains(&lost.refusal().as_str()),
            "{}",
            lost.body
        );
        assert_eq!(winner.get("/users").await.status, 200, "{round}");
        assert_eq!(loser.get("/users").await.refusal(), "403 forbidden", "{round}");
    }
}

#[tokio::test]
async fn an_invitation_that_cannot_be_is_refused() {
    let world = world().await;
    let ada = world.person("amber", 0).await;
    let good = json!({ "email": address("good"), "role": "member" });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    for (body, said) in [
        (String::new(), "not JSON"),
        ("email=a@b.example".to_owned(), "not JSON"),
        ("[]".to_owned(), "does not fit"),
        (json!({ "email": "a@b.example" }).to_string(), "missing field `role`"),
        (json!({ "role": "member" }).to_string(), "missing field `email`"),
        (with("tenant_id", json!(world.tenant("cobalt").tenant_id)), "unknown field `tenant_id`"),
        (with("custom:tenant_id", json!("x")), "unknown field"),
        (with("user_id", json!(Uuid::new_v4().to_string())), "unknown field"),
        (with("email", json!(5)), "invalid type"),
        (with("email", json!(["a@b.example"])), "invalid type"),
        (with("email", json!("")), "e-mail address"),
        (with("email", json!("ada")), "e-mail address"),
        (with("email", json!("a@b.example\r\nBcc: c@d.example")), "e-mail address"),
        (with("email", json!("<script>@b.example")), "e-mail address"),
        (with("email", json!(format!("{}@b.example", "a".repeat(65)))), "e-mail address"),
        (with("role", json!("owner")), "`admin` nor `member`"),
        (with("role", json!("Admin")), "`admin` nor `member`"),
        (with("role", json!("TENANT_ADMINS")), "`admin` nor `member`"),
        (with("role", json!("")), "`admin` nor `member`"),
        (good.to_string().replacen('{', r#"{"role":"admin","#, 1), "duplicate field `role`"),
    ] {
        let answer = ada.send(Method::POST, "/users", Some(body.clone())).await;
        assert_eq!(answer.refusal(), "400 invalid-request", "{body}");
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(said), "{body}: `{detail}` does not say `{said}`");
    }
    let large = with("email", json!("a".repeat(1_000_000)));
    assert_eq!(ada.send(Method::POST, "/users", Some(large)).await.refusal(), "413 payload-too-large");
    for path in
        ["/users/1", "/users/*", "/users/%23admins", &format!("/users/{}", ada.user_id.to_uppercase())]
    {
        assert_eq!(ada.delete(path).await.refusal(), "400 invalid-request", "{path}");
    }
    assert_eq!(ada.delete(&format!("/users/{}", Uuid::new_v4())).await.refusal(), "404 not-found");
    let _ = ada.post("/users", &good).await.expect(201);
}

#[tokio::test]
async fn the_list_comes_in_pages_that_only_their_reader_can_continue() {
    let world = world().await;
    let tenant = world.fresh_tenant("pages").await;
    let ada = world.sign_in(&tenant, 0).await;
    let iris = join(&world, &ada, "admin").await;
    let mut found = BTreeSet::new();
    let mut next = Some("/users?limit=2".to_owned());
    let mut cursor = String::new();
    while let Some(path) = next {
        let page = ada.get(&path).await.expect(200).json();
        found.extend(page["users"].as_array().unwrap().iter().map(|user| user["user_id"].to_string()));
        next = page["next_cursor"].as_str().map(|text| {
            text.clone_into(&mut cursor);
            format!("/users?limit=2&cursor={text}")
        });
    }
    assert_eq!(found.len(), 4, "each once, and nothing that is no user");
    let own = format!("/users?cursor={cursor}");
    assert_eq!(iris.get(&own).await.refusal(), "400 invalid-request", "another's cursor");
    assert_eq!(ada.get(&format!("/documents?cursor={cursor}")).await.refusal(), "400 invalid-request");
    for (limit, status) in [("1", 200), ("100", 200), ("0", 400), ("101", 400), ("x", 400)] {
        assert_eq!(ada.get(&format!("/users?limit={limit}")).await.status, status, "limit {limit}");
    }
}
