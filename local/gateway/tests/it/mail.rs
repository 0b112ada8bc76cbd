//! The mails that would have been sent.

use serde_json::{Value, json};

use crate::account::Account;
use crate::wire;

async fn mails(account: &Account, query: &str) -> Vec<Value> {
    let url = format!("{}/_gateway/mail{query}", account.gateway.aws_url);
    let answer: Value =
        serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap();
    answer["mails"].as_array().unwrap().clone()
}

fn arrive(account: &Account, text: &str, at: f64) {
    account.engine.change(|holds| holds.mails.push((text.to_owned(), at)));
}

#[tokio::test]
async fn an_invitation_is_read_with_its_temporary_password_newest_first() {
    let account = Account::start().await;
    let target = "AWSCognitoIdentityProviderService.AdminCreateUser";
    for password in ["Abc-1!defghij", "Xyz-2!klmnopq"] {
        let body =
            json!({"UserPoolId": "us-east-1_a", "Username": "a@example.com", "TemporaryPassword": password});
        assert_eq!(wire::json(&account, &account.root(), "cognito-idp", target, &body).await.0, 200);
        let at = if password.starts_with('A') { 1.0 } else { 2.5 };
        arrive(&account, &format!("You are invited: {password}"), at);
    }
    arrive(&account, "Your code is 123456", 1.5);
    let read = mails(&account, "?to=A%40example.com").await;
    let [second, code, first] = read.as_slice() else { panic!("{read:?}") };
    let expected = json!({"to": "a@example.com", "subject": "Welcome", "text": "You are invited: Xyz-2!klmnopq",
        "temporary_password": "Xyz-2!klmnopq", "time": "1970-01-01T00:00:02Z"});
    assert_eq!(*second, expected);
    assert_eq!(first["temporary_password"], "Abc-1!defghij");
    assert_eq!(code.get("temporary_password"), None, "no password is in it");
    assert!(mails(&account, "?to=b@example.com").await.is_empty());
    assert_eq!(mails(&account, "").await.len(), 3);
}

#[tokio::test]
async fn forgotten_mails_are_not_read_again() {
    let account = Account::start().await;
    arrive(&account, "one", 1.0);
    assert_eq!(mails(&account, "").await.len(), 1);
    let url = format!("{}/_gateway/mail", account.gateway.aws_url);
    assert_eq!(reqwest::Client::new().delete(url).send().await.unwrap().status(), 200);
    assert!(mails(&account, "").await.is_empty());
    arrive(&account, "two", 2.0);
    assert_eq!(mails(&account, "").await.len(), 1);
}
