//! A buyer comes from AWS Marketplace: every way in which that can go, through the public pages.

mod pages;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use local::marketplace::Bought;
use reqwest::Method;
use serde_json::json;
use shared::signup::{key::RegistrationKey, registration::Registration};
use tests::{Browser, Page, World, world, world_alone};
use tokio::task::JoinSet;

const TOKEN: &str = "x-amzn-marketplace-token";
const OFFER: &str = "x-amzn-marketplace-offer-type";
const FORM: &str = "Set up your Strongroom account";

/// How often the SDK asks before it gives up.
const TRIES: u32 = 3;

/// The rows of a table in which `attribute` is `value`.
async fn rows(world: &World, table: &str, attribute: &str, value: &str) -> usize {
    let mut found = 0;
    let mut pages = world
        .root()
        .dynamodb()
        .scan()
        .table_name(world.details.output(table))
        .filter_expression("#attribute = :value")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        found += page.unwrap().items().len();
    }
    found
}

/// What a person sees and a machine notes: status, heading, and when to come again.
fn seen(page: &Page) -> (u16, String, String) {
    (page.status(), page.heading().to_owned(), page.answer.header("retry-after").to_owned())
}

fn address(name: &str) -> String {
    format!("{name}-{}@buyer.example", uuid::Uuid::new_v4().simple())
}

#[tokio::test]
async fn a_licence_that_is_registered_again_and_at_once_is_one_tenant() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    let form = browser.arrive(&bought.token).await.expect(200);
    assert_eq!(form.heading(), FORM);

    let mut submits = JoinSet::new();
    for n in 0..6 {
        let (browser, token, registration) =
            (browser.clone(), bought.token.clone(), form.hidden("registration").unwrap());
        submits.spawn(async move {
            // Half of them come from the Marketplace again, half press the button again.
            let registration = match n % 2 {
                0 => registration,
                _ => browser.arrive(&token).await.hidden("registration").unwrap_or(registration),
            };
            let (company, email) = (format!("Company {n}"), address("admin"));
            let fields = [("registration", &*registration), ("company", &company), ("email", &email)];
            browser.post("/signup/registrations", &fields).await.expect(303).leads_to()
        });
    }
    let places: BTreeSet<String> = submits.join_all().await.into_iter().collect();
    assert_eq!(places.len(), 1, "they all lead to one registration");
    let place = places.first().unwrap();

    // The same token, and another one of the licence, whatever is typed: the first registration stands.
    for token in [&bought.token, &world.token_for(&bought).await] {
        assert_eq!(&browser.arrive(token).await.expect(303).leads_to(), place);
    }
    let again = browser.submit(&form, "Somebody Else", &address("else")).await.expect(303);
    assert_eq!(&again.leads_to(), place);
    assert_eq!(rows(&world, "OnboardingTableName", "license_arn", &bought.license_arn).await, 1);
    let subject = format!("license#{}", bought.license_arn);
    assert_eq!(rows(&world, "SubscriptionsTableName", "subject", &subject).await, 1);
    world.see_ready(place).await;
    assert_eq!(&browser.arrive(&bought.token).await.expect(303).leads_to(), place, "also when it is ready");
}

#[tokio::test]
async fn two_licences_of_one_buyer_are_two_tenants() {
    let world = world().await;
    let first = world.bought(json!({})).await;
    let second = world.bought(json!({ "account": first.account })).await;
    assert_eq!(first.account, second.account);
    let (one, two) = (world.register(&first, "One").await, world.register(&second, "Two").await);
    assert_ne!(one.tenant_id, two.tenant_id);
    let browser = world.browser();
    assert_eq!(browser.arrive(&first.token).await.expect(303).leads_to(), one.url);
    assert_eq!(browser.arrive(&second.token).await.expect(303).leads_to(), two.url);
}

#[tokio::test]
async fn every_error_of_resolve_customer_has_its_page_and_status() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    for (answer, status, heading, retry_after) in [
        ("ExpiredTokenException", 400, "This link from AWS Marketplace has expired", ""),
        ("InvalidTokenException", 400, "AWS Marketplace does not recognize this visit", ""),
        ("ThrottlingException", 503, "Many are signing up right now", "10"),
        ("InternalServiceErrorException", 503, "AWS Marketplace does not answer", "30"),
        ("DisabledApiException", 500, "This needs one of us", ""),
        ("AccessDeniedException", 500, "This needs one of us", ""),
        ("without_account", 502, "AWS Marketplace’s answer was not complete", ""),
        ("without_license", 502, "AWS Marketplace’s answer was not complete", ""),
        ("without_product", 502, "AWS Marketplace’s answer was not complete", ""),
        ("other_product", 403, "This subscription is for another product", ""),
    ] {
        let is_retried = matches!(answer, "ThrottlingException" | "InternalServiceErrorException");
        world.resolve_will_answer(&bought, answer, if is_retried { TRIES } else { 1 }).await;
        let page = browser.arrive(&bought.token).await;
        assert_eq!(seen(&page), (status, heading.to_owned(), retry_after.to_owned()), "{answer}");
        assert!(page.says("Need help?") && page.says("Already have an account?"), "{answer}");
        assert!(page.hidden("registration").is_none(), "{answer}: nothing to register with");
        // Nothing is lost: the same browser, sent again, gets the form.
        assert_eq!(browser.arrive(&bought.token).await.expect(200).heading(), FORM, "after {answer}");
    }
    // An answer as it was before agreements were in it is whole.
    world.resolve_will_answer(&bought, "without_metadata", 1).await;
    let form = browser.arrive(&bought.token).await.expect(200);
    let _ = browser.submit(&form, "Old Answer", &address("old")).await.expect(303);
    assert_eq!(rows(&world, "OnboardingTableName", "license_arn", &bought.license_arn).await, 1);
}

#[tokio::test]
async fn a_token_counts_only_while_it_is_good_and_for_this_product() {
    let world = world().await;
    let (browser, market) = (world.browser(), world.marketplace());
    let bought = world.bought(json!({})).await;
    let old = world.token_for(&bought).await;
    market.order("tokens/expire", &json!({ "token": old })).await.unwrap();
    assert_eq!(
        browser.arrive(&old).await.expect(400).heading(),
        "This link from AWS Marketplace has expired"
    );
    let _ = browser.arrive(&bought.token).await.expect(200);

    let unknown = browser.arrive("made-up/token+with==everything").await.expect(400);
    assert_eq!(unknown.heading(), "AWS Marketplace does not recognize this visit");

    let other = market.order("products", &json!({ "name": "Another product" })).await.unwrap();
    let elsewhere = world.bought(json!({ "product": other["code"] })).await;
    let page = browser.arrive(&elsewhere.token).await.expect(403);
    assert_eq!(page.heading(), "This subscription is for another product");
    let subject = format!("license#{}", elsewhere.license_arn);
    assert_eq!(
        rows(&world, "SubscriptionsTableName", "subject", &subject).await,
        0,
        "nothing was registered"
    );
}

#[tokio::test]
async fn a_registration_that_was_altered_made_up_or_kept_too_long_is_refused() {
    let world = world().await;
    let (mine, others) = (world.bought(json!({})).await, world.bought(json!({})).await);
    let browser = world.browser();
    let field = async |bought: &Bought| {
        browser.arrive(&bought.token).await.expect(200).hidden("registration").unwrap()
    };
    let (mine_field, others_field) = (field(&mine).await, field(&others).await);
    let (message, mac) = mine_field.split_once('.').unwrap();
    let (others_message, _) = others_field.split_once('.').unwrap();
    let mut forged = vec![
        (String::new(), "empty"),
        ("nonsense".to_owned(), "no field"),
        (message.to_owned(), "not signed"),
        (format!("{message}."), "an empty signature"),
        (format!("{others_message}.{mac}"), "somebody else's licence under this signature"),
        (format!("{mine_field}A"), "longer"),
    ];
    for at in [0, message.len() / 2, message.len() - 1, message.len() + 1, mine_field.len() - 1] {
        let mut altered = mine_field.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        forged.push((String::from_utf8(altered).unwrap(), "one letter changed"));
    }
    let send = async |registration: &str| {
        let fields = [("registration", registration), ("company", "Forger"), ("email", "f@buyer.example")];
        browser.post("/signup/registrations", &fields).await
    };
    for (field, why) in forged {
        let page = send(&field).await;
        assert_eq!((page.status(), page.heading()), (400, "This form cannot be accepted"), "{why}");
    }

    // Signed by the function's own role and key, but for a time that is over.
    let arn = world.details.output("RegistrationKeyArn").to_owned();
    let key = RegistrationKey::new(world.function("Signup").config(), arn);
    let now = std::time::UNIX_EPOCH.elapsed().map(|passed| std::time::UNIX_EPOCH + passed).unwrap();
    let good: Registration = key.open(&mine_field, now).await.unwrap();
    let over = Registration { expires_s: good.expires_s - 4 * 3600 - 1, ..good };
    let page = send(&key.seal(&over).await.unwrap()).await;
    assert_eq!((page.status(), page.heading()), (400, "This form has been open for too long"));

    for bought in [&mine, &others] {
        assert_eq!(rows(&world, "OnboardingTableName", "license_arn", &bought.license_arn).await, 0);
    }
    let _ = send(&mine_field).await.expect(303);
    assert_eq!(rows(&world, "OnboardingTableName", "license_arn", &mine.license_arn).await, 1);
}

#[tokio::test]
async fn bodies_that_are_no_form_of_ours_are_refused() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    let urlencoded = Some("application/x-www-form-urlencoded");
    let body = |padding: usize| {
        let token: String = reqwest::Url::parse_with_params("http://x/", [(TOKEN, &bought.token)])
            .unwrap()
            .query()
            .unwrap()
            .to_owned();
        format!("{token}&padding={}", "a".repeat(padding)).into_bytes()
    };
    for path in ["/signup", "/signup/registrations"] {
        let page = browser.post_body(path, urlencoded, body(1_000_000)).await.expect(413);
        assert_eq!(page.heading(), "That was too much", "{path}");
    }
    for (content_type, body, status) in [
        (None, body(1), 415),
        (Some("application/json"), br#"{"x-amzn-marketplace-token":"t"}"#.to_vec(), 415),
        (Some("multipart/form-data; boundary=b"), body(1), 415),
        (urlencoded, Vec::new(), 400),
        (urlencoded, b"token=t".to_vec(), 400),
        (urlencoded, [body(1), b"&".to_vec(), body(1)].concat(), 400),
        (urlencoded, body(17_000), 413),
    ] {
        let page = browser.post_body("/signup", content_type, body).await;
        assert_eq!(page.status(), status, "{}", page.heading());
    }
    // The form with something beside the token is the Marketplace's all the same.
    let page = browser.post_body("/signup", urlencoded, body(10_000)).await.expect(200);
    assert_eq!(page.heading(), FORM);
}

#[tokio::test]
async fn the_offer_type_is_known_in_both_spellings() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    for (offer, is_trial) in
        [("free-trial", true), ("free trial", true), ("private-offer", false), ("", false)]
    {
        let page = browser.post("/signup", &[(TOKEN, &bought.token), (OFFER, offer)]).await.expect(200);
        assert_eq!(page.says("free trial"), is_trial, "{offer}");
    }
    // A token that was sent without encoding its signs.
    let body = format!("{TOKEN}={}", bought.token).into_bytes();
    let page =
        browser.post_body("/signup", Some("application/x-www-form-urlencoded"), body).await.expect(200);
    assert!(!page.says("free trial"));
}

#[tokio::test]
async fn what_a_buyer_brings_and_types_is_in_no_log_and_the_token_in_no_table_either() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = world.browser();
    let form = browser.arrive(&bought.token).await.expect(200);
    assert!(!form.answer.body.contains(&bought.token), "nor on the page");
    let field = form.hidden("registration").unwrap();
    let (company, email) = ("Planted Company 4711", address("planted"));
    let there = browser.submit(&form, company, &email).await.expect(303).leads_to();
    assert!(!there.contains(&bought.token), "nor in an address");
    world.resolve_will_answer(&bought, "InternalServiceErrorException", TRIES).await;
    let _ = browser.arrive(&bought.token).await.expect(503);
    world.see_ready(&there).await;

    let logs = world
        .see("the line of the outage", async || {
            let logs = world.logs().await;
            logs.iter().any(|line| line.contains("POST /signup") && line.contains("503")).then_some(logs)
        })
        .await;
    // The engine says whom it would have mailed to: that is the letter, and no log of ours.
    let logs: Vec<String> = logs.into_iter().filter(|line| !line.contains("INFO [ses]")).collect();
    let access = std::fs::read_to_string(&world.details.access_log).unwrap();
    let key = there.rsplit_once('.').unwrap().1;
    for (secret, what) in [
        (&*bought.token, "the token"),
        (&*field, "the registration"),
        (company, "the company"),
        (&*email, "the address"),
        (key, "the key of the progress page"),
        (&*world.details.seller.external_id, "the ExternalId"),
    ] {
        assert!(!logs.iter().any(|line| line.contains(secret)), "{what} is in a log");
        assert!(!access.contains(secret), "{what} is in the access log");
    }
    for table in ["SubscriptionsTableName", "OnboardingTableName", "TenantsTableName", "UsersTableName"] {
        let mut pages =
            world.root().dynamodb().scan().table_name(world.details.output(table)).into_paginator().send();
        while let Some(page) = pages.next().await {
            assert!(
                !format!("{:?}", page.unwrap().items()).contains(&bought.token),
                "the token is in {table}"
            );
        }
    }
    // The session's name is in both accounts' records.
    assert!(logs.iter().any(|line| line.contains("session of the seller account opened")));
}

/// Orders that every try of a call of the sign-up function fails.
async fn break_down(world: &World, service: &str, operation: &str, when: &str) {
    // Licence and agreement are read at once.
    let times = if operation == "GetItem" { 2 * TRIES } else { TRIES };
    let order = json!({
        "service": service, "operation": operation, "function": "Signup", "when": when, "error": "500", "times": times,
    });
    let url = format!("{}/_gateway/faults", world.details.aws_endpoint_url);
    assert_eq!(world.somebody(None).use_url_with(Method::POST, &url, order.to_string()).await.status, 201);
}

#[tokio::test]
async fn an_outage_is_a_page_and_sending_the_form_again_goes_on() {
    let world = world_alone().await;
    let browser = world.browser();
    for (service, operation, when) in [
        ("dynamodb", "GetItem", "before"),
        ("kms", "GenerateMac", "before"),
        ("kms", "VerifyMac", "before"),
        ("dynamodb", "TransactWriteItems", "before"),
        ("dynamodb", "TransactWriteItems", "after"),
        ("dynamodb", "UpdateItem", "before"),
        ("dynamodb", "UpdateItem", "after"),
        ("dynamodb", "PutItem", "before"),
        ("dynamodb", "PutItem", "after"),
        ("sqs", "SendMessage", "before"),
        ("sqs", "SendMessage", "after"),
    ] {
        // Into its line a licence is written at its arrival, if no event has told of it.
        let is_heard = operation != "UpdateItem";
        let bought = world.bought(json!({ "events": is_heard })).await;
        let arrives = matches!(operation, "GetItem" | "GenerateMac" | "UpdateItem");
        if arrives {
            break_down(&world, service, operation, when).await;
            let page = browser.arrive(&bought.token).await;
            assert_eq!(
                (page.status(), page.heading()),
                (503, "We cannot take this right now"),
                "{operation}"
            );
            assert!(!page.answer.header("retry-after").is_empty());
        }
        let form = browser.arrive(&bought.token).await.expect(200);
        if !arrives {
            break_down(&world, service, operation, when).await;
            let page = browser.submit(&form, "Outage", &address("first")).await;
            assert_eq!(page.status(), 503, "{operation} {when}");
        }
        let there = browser.submit(&form, "Outage", &address("again")).await.expect(303).leads_to();
        assert_eq!(rows(&world, "OnboardingTableName", "license_arn", &bought.license_arn).await, 1);
        if !is_heard {
            let order = json!({ "license_arn": bought.license_arn, "change": "update" });
            world.marketplace().order("changes", &order).await.unwrap();
        }
        world.see_ready(&there).await;
    }
}

#[tokio::test]
async fn a_subscription_that_is_over_says_so() {
    let world = world().await;
    let browser = world.browser();
    let (fresh, known) = (world.bought(json!({})).await, world.bought(json!({})).await);
    let form = browser.arrive(&fresh.token).await.expect(200);
    let signed_up = world.sign_up(&known, "Over").await;
    for bought in [&fresh, &known] {
        let order = json!({ "license_arn": bought.license_arn, "change": "cancel" });
        world.marketplace().order("changes", &order).await.unwrap();
        let token = world.token_for(bought).await;
        world
            .see("the end of the subscription", async || {
                let page = browser.arrive(&token).await;
                (page.heading() == "This subscription has ended").then(|| assert_eq!(page.status(), 403))
            })
            .await;
    }
    // Neither a form that was open meanwhile nor a page that was kept leads around it.
    let page = browser.submit(&form, "Too Late", &address("late")).await.expect(403);
    assert_eq!(page.heading(), "This subscription has ended");
    assert_eq!(browser.get(&signed_up.url).await.expect(403).heading(), "This subscription has ended");
}

/// The calls that one request made, by the gateway's count.
async fn calls(world: &World, page: &Page) -> serde_json::Value {
    let trace = page.answer.header("x-amzn-trace-id").trim_start_matches("Root=").to_owned();
    let url = format!("{}/_gateway/calls?trace={trace}", world.details.aws_endpoint_url);
    world.somebody(None).use_url(Method::GET, &url, b"").await.expect(200).json()["calls"].clone()
}

#[tokio::test]
async fn a_warm_arrival_makes_four_calls_of_which_two_at_once() {
    // Calls are counted for a request only while no other is under way.
    let world = world_alone().await;
    let browser: Browser = world.browser();
    let bought = world.bought(json!({ "events": false })).await;
    let warm = json!([
        { "service": "aws-marketplace", "operation": "ResolveCustomer", "count": 1 },
        // The licence, and of which line it is.
        { "service": "dynamodb", "operation": "GetItem", "count": 2 },
        { "service": "kms", "operation": "GenerateMac", "count": 1 },
    ]);
    // Whichever environment answers: one that has a session of the seller account asks for none.
    world
        .see("a warm arrival", async || {
            let page = browser.arrive(&bought.token).await.expect(200);
            (calls(&world, &page).await == warm).then_some(())
        })
        .await;
}
