//! What the pages show, to whom, and what they forbid the browser.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::json;
use shared::clock::rfc3339;
use tests::{World, world};

use super::{address, rows};

#[tokio::test]
async fn html_in_an_answer_is_text_wherever_it_comes_back() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    let form = browser.arrive(&bought.token).await.expect(200);
    let company = "<script>alert(1)</script> \"Söhne\" & <b>Töchter</b>";
    let page = browser.submit(&form, company, "\"><img src=x>@nowhere").await.expect(422);
    assert!(page.says("Please check what you entered") && page.says("Enter an e-mail address such as"));
    assert!(!page.says("Enter your company’s name"), "the name itself is fine");
    for tag in ["<script", "<b>", "<img"] {
        assert!(!page.answer.body.contains(tag), "{tag}: {}", page.answer.body);
    }
    assert!(page.says("&#60;script&#62;alert(1)"), "it comes back as it was typed: {}", page.answer.body);
    // The same registration goes on from the page that complained.
    let email = address("admin");
    let there = browser.submit(&page, company, &email).await.expect(303).leads_to();
    assert_eq!(rows(&world, "OnboardingTableName", "company", company).await, 1, "kept as it was typed");

    // Whoever comes to the same licence later learns nothing of who was first.
    let later = browser.arrive(&bought.token).await.expect(303);
    let page = browser.get(&later.leads_to()).await.expect(200);
    assert_eq!(later.leads_to(), there);
    for secret in ["Töchter", &*email, &bought.account] {
        assert!(!page.answer.body.contains(secret) && !later.answer.body.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_registrations_page_is_shown_to_whoever_has_its_whole_address_only() {
    let world = world().await;
    let (bought, other) = (world.bought(json!({})).await, world.bought(json!({})).await);
    let (mine, theirs) = (world.register(&bought, "Mine").await, world.register(&other, "Theirs").await);
    let browser = world.browser();
    let _ = browser.get(&mine.url).await.expect(200);
    let key = theirs.url.rsplit_once('.').unwrap().1;
    let nobody = uuid::Uuid::new_v4().simple().to_string();
    let (before, own_key) = mine.url.rsplit_once('.').unwrap();
    let mut bodies = BTreeSet::new();
    for (url, why) in [
        (format!("{before}.{key}"), "another registration's key"),
        (before.to_owned(), "no key"),
        (format!("{before}."), "an empty key"),
        (format!("{before}.{}", own_key.to_lowercase()), "nearly the key"),
        (mine.url.replace(&mine.tenant_id, &nobody), "no such tenant"),
        (mine.url.replace(&mine.tenant_id, "*"), "no tenant"),
    ] {
        let page = browser.get(&url).await;
        assert_eq!((page.status(), page.heading()), (404, "There is no such page"), "{why}");
        bodies.insert(page.answer.body);
    }
    assert_eq!(bodies.len(), 1, "none tells from another");
}

#[tokio::test]
async fn every_page_forbids_the_browser_whatever_it_does_not_need() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    let welcome = browser.get("/signup").await.expect(200);
    assert!(welcome.says("Manage subscriptions") && welcome.says("Already have an account?"));
    let form = browser.arrive(&bought.token).await.expect(200);
    let there = browser.submit(&form, "Headers", &address("admin")).await.expect(303);
    let progress = browser.get(&there.leads_to()).await.expect(200);
    let refused = browser.arrive("unknown").await.expect(400);
    for page in [welcome, form, there, progress, refused] {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.answer.header(name), value, "{}", page.heading());
        }
        assert!(page.answer.header("strict-transport-security").starts_with("max-age="));
        assert!(page.headers().get("set-cookie").is_none());
        if page.status() != 303 {
            let policy = page.answer.header("content-security-policy");
            for part in
                ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
            {
                assert!(policy.contains(part), "{policy}");
            }
            assert!(page.answer.header("content-type").starts_with("text/html"));
            assert!(!page.answer.body.contains("<script"));
        }
    }
}

#[tokio::test]
async fn a_refused_administrators_address_can_be_replaced_on_the_page() {
    let world = world().await;
    let taken = &world.tenant("amber").users[0].email;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    let form = browser.arrive(&bought.token).await.expect(200);
    let there = browser.submit(&form, "Taken", taken).await.expect(303).leads_to();
    let page = world
        .see("the page that asks for another address", async || {
            let page = browser.get(&there).await.expect(200);
            (page.heading() == "We need another e-mail address").then_some(page)
        })
        .await;
    assert!(!page.answer.body.contains(taken.as_str()), "the page does not tell whose address it is");
    assert!(!page.answer.body.contains("http-equiv=\"refresh\""), "nobody's typing is lost");

    let path = there.split_once("/signup/").map(|(_, rest)| format!("/signup/{rest}")).unwrap();
    let again = browser.post(&path, &[("email", "nonsense")]).await.expect(422);
    assert!(again.says("Enter an e-mail address such as") && again.says("nonsense"));
    let email = address("free");
    let changed = browser.post(&path, &[("email", &email)]).await.expect(303);
    assert_eq!(changed.leads_to(), there);
    world.see_ready(&there).await;
    let _ = browser.post(&path, &[("email", &address("later"))]).await.expect(303);
    let admin = world.accept(&email).await;
    let _ = admin.add("first.txt", b"first").await;
}

/// As if the administrator had been invited eleven minutes ago.
async fn eleven_minutes_pass(world: &World, tenant_id: &str) {
    let then = rfc3339(tests::now() - Duration::from_secs(660));
    let _ = world
        .root()
        .dynamodb()
        .update_item()
        .table_name(world.details.output("OnboardingTableName"))
        .key("tenant_id", AttributeValue::S(tenant_id.to_owned()))
        .update_expression("SET invited_at = :then")
        .condition_expression("attribute_exists(invited_at)")
        .expression_attribute_values(":then", AttributeValue::S(then))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_administrators_invitation_can_be_sent_again_from_the_page_until_they_have_signed_in() {
    const BUTTON: &str = "Send the invitation again";
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let signed_up = world.sign_up(&bought, "Again").await;
    let browser = world.browser();
    let path = signed_up.url.split_once("/signup/").map(|(_, rest)| format!("/signup/{rest}")).unwrap();
    let mails = async || {
        let url = format!("{}/_gateway/mail?to={}", world.details.aws_endpoint_url, signed_up.email);
        let mails = world.somebody(None).use_url(Method::GET, &url, b"").await.expect(200).json();
        mails["mails"].as_array().unwrap().len()
    };
    let ask = async || browser.post(&path, &[("again", "1")]).await.expect(303).leads_to();
    assert_eq!(mails().await, 1);

    // Too soon: the page offers nothing, and asking for it all the same does nothing.
    assert!(!browser.get(&signed_up.url).await.expect(200).says(BUTTON));
    assert_eq!(ask().await, signed_up.url);

    eleven_minutes_pass(&world, &signed_up.tenant_id).await;
    let page = browser.get(&signed_up.url).await.expect(200);
    assert!(page.says(BUTTON) && !page.answer.body.contains(&signed_up.email));
    let (one, other) = tokio::join!(ask(), ask());
    assert_eq!((&one, &other), (&signed_up.url, &signed_up.url));
    world.see("the second mail", async || (mails().await == 2).then_some(())).await;
    assert!(!browser.get(&signed_up.url).await.expect(200).says(BUTTON));

    let admin = world.accept(&signed_up.email).await;
    assert_eq!(admin.get("/users").await.status, 200, "the mailed password works");
    eleven_minutes_pass(&world, &signed_up.tenant_id).await;
    let _ = ask().await;
    world
        .see("an order that comes to nothing", async || {
            let logs = world.logs().await;
            let nothing = |line: &String| {
                line.contains("inviting again")
                    && line.contains("not_needed")
                    && line.contains(&signed_up.tenant_id)
            };
            logs.iter().any(nothing).then_some(())
        })
        .await;
    assert_eq!(mails().await, 2, "two at once were one, and whoever has signed in gets none");
}
