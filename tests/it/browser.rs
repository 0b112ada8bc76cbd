//! The sign-up in a real browser: Debian's Chromium, coming from another site with the Marketplace's form.
//!
//! Pictures of the pages are kept in `target/screenshots`.

use serde_json::json;
use tests::{Chromium, Visitor, world};
use thirtyfour::{By, Key};

const FORM: &str = "Set up your Strongroom account";
const READY: &str = "Your account is ready";

fn address() -> String {
    format!("grace-{}@buyer.example", uuid::Uuid::new_v4().simple())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_goes_from_the_marketplace_to_a_first_document_by_keyboard_alone() {
    let world = world().await;
    let bought = world.bought(json!({ "trial": true })).await;
    let browser = Chromium::start(Visitor::default()).await;
    browser.come_from_the_marketplace(&world, &bought).await;
    browser.see(FORM).await;
    assert_eq!(browser.url().await, format!("{}/signup", world.details.api_url), "nothing of the token");
    browser.keep_picture("1-registration").await;

    // A label for everything that is asked, and one heading.
    for (id, label) in [("company", "Company name"), ("email", "Administrator’s e-mail address")] {
        let script = format!("return document.getElementById('{id}').labels[0].textContent");
        let said = browser.driver.execute(script, Vec::new()).await.unwrap();
        assert_eq!(said.json(), label);
    }
    assert_eq!(browser.driver.find_all(By::Css("h1, main, html[lang=en]")).await.unwrap().len(), 3);

    // The first Tab is a way past the heading, then come the two questions and the button.
    let keys = |text: String| async {
        browser.driver.action_chain().send_keys(text).perform().await.unwrap();
    };
    let (tab, enter) = (|| Key::Tab.value(), || Key::Enter.value());
    let focused = async || browser.driver.active_element().await.unwrap();
    keys(tab().to_string()).await;
    assert_eq!(focused().await.text().await.unwrap(), "Skip to the content");
    keys(format!("{0}Willow & <Daughters>{0}", tab())).await;
    assert_eq!(focused().await.id().await.unwrap().as_deref(), Some("email"));
    // A browser takes it for an address, and it is none that mail can reach.
    keys(format!("grace@buyer{}", enter())).await;
    let alert = browser.find("[role=alert]").await.text().await.unwrap();
    assert!(alert.contains("Enter an e-mail address such as name@example.com"), "{alert}");
    let email = browser.find("#email").await;
    assert_eq!(email.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));
    let company = browser.find("#company").await.value().await.unwrap();
    assert_eq!(company.as_deref(), Some("Willow & <Daughters>"), "what was typed is still there");
    browser.keep_picture("2-please-check").await;

    let admin = address();
    browser.find("[role=alert] a").await.click().await.unwrap();
    assert_eq!(
        focused().await.id().await.unwrap().as_deref(),
        Some("email"),
        "the complaint leads to the field"
    );
    browser
        .driver
        .action_chain()
        .key_down(Key::Control)
        .send_keys("a")
        .key_up(Key::Control)
        .perform()
        .await
        .unwrap();
    keys(format!("{admin}{}{}", tab(), enter())).await;
    browser.find("[role=status]").await;
    browser.keep_picture("3-progress").await;
    browser.see(READY).await;
    browser.keep_picture("4-ready").await;
    assert!(browser.driver.get_all_cookies().await.unwrap().is_empty(), "no page sets a cookie");
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.end().await;

    let grace = world.accept(&admin).await;
    let document = grace.add("minutes.txt", b"Minutes of the first meeting").await;
    let list = grace.get("/documents").await.expect(200).json();
    assert_eq!(list["documents"].as_array().unwrap().len(), 1);
    assert_eq!(list["documents"][0]["document_id"], *document);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_without_scripts_gets_there_too() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = Chromium::start(Visitor { has_phone: true, is_without_scripts: true }).await;
    browser.come_from_the_marketplace(&world, &bought).await;
    // Without scripts a person presses the Marketplace's button.
    assert!(browser.url().await.starts_with("http://127.0.0.2:"), "nothing was sent by itself");
    browser.find("button").await.click().await.unwrap();
    browser.see(FORM).await;
    for css in ["h1", "#company", "#email", "button", "footer"] {
        let place = browser.find(css).await.rect().await.unwrap();
        assert!(place.x >= 0.0 && place.x + place.width <= 390.0, "{css} is wider than the phone: {place:?}");
    }
    let button = browser.find("button").await.rect().await.unwrap();
    assert!(button.height >= 44.0, "a finger finds it: {button:?}");
    browser.keep_picture("5-phone-registration").await;
    browser.find("#company").await.send_keys("Phone & Co").await.unwrap();
    let admin = address();
    browser.find("#email").await.send_keys(&admin).await.unwrap();
    browser.find("button").await.click().await.unwrap();
    browser.find("[role=status]").await;
    browser.keep_picture("6-phone-progress").await;
    browser.see(READY).await;
    browser.keep_picture("7-phone-ready").await;
    browser.end().await;
    let _ = world.accept(&admin).await.add("phone.txt", b"from a phone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_back_and_double_click_do_no_harm() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let browser = Chromium::start(Visitor::default()).await;
    browser.come_from_the_marketplace(&world, &bought).await;
    browser.see(FORM).await;
    // Sends the Marketplace's form again.
    browser.driver.refresh().await.unwrap();
    browser.see(FORM).await;
    browser.find("#company").await.send_keys("Impatient").await.unwrap();
    browser.find("#email").await.send_keys(address()).await.unwrap();
    let button = browser.find("button").await;
    browser.driver.action_chain().double_click_element(&button).perform().await.unwrap();
    browser.find("[role=status]").await;
    let place = browser.url().await;
    assert!(place.contains("/signup/registrations/"), "{place}");
    browser.driver.refresh().await.unwrap();
    browser.find("[role=status]").await;
    assert_eq!(browser.url().await, place);

    // Back to the form, or to Chromium's question whether to send it again: either way leads here again.
    browser.driver.back().await.unwrap();
    browser.driver.refresh().await.unwrap();
    browser.find("[role=status]").await;
    assert_eq!(browser.url().await, place);
    browser.see(READY).await;

    // And so does the Marketplace, the next day.
    browser.come_from_the_marketplace(&world, &bought).await;
    browser.see(READY).await;
    assert_eq!(browser.url().await, place);
    browser.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_too_late_or_by_another_way_is_told_what_to_do() {
    let world = world().await;
    let bought = world.bought(json!({})).await;
    let expire = json!({ "token": bought.token });
    world.marketplace().order("tokens/expire", &expire).await.unwrap();
    let browser = Chromium::start(Visitor::default()).await;
    browser.come_from_the_marketplace(&world, &bought).await;
    browser.see("This link from AWS Marketplace has expired").await;
    browser.keep_picture("8-expired").await;
    browser.driver.goto(format!("{}/signup", world.details.api_url)).await.unwrap();
    browser.see(FORM).await;
    let text = browser.find("main").await.text().await.unwrap();
    assert!(text.contains("Manage subscriptions") && text.contains("Already have an account?"), "{text}");
    browser.keep_picture("9-welcome").await;
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.end().await;
}
