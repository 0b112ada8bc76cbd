//! `ResolveCustomer`: tokens, what they resolve to, and when they no longer do.

use marketplace::{Change, Subscribe};
use serde_json::{Value, json};
use time::Duration;

use crate::market::Market;

fn resolve(token: &str) -> Value {
    json!({ "RegistrationToken": token })
}

#[test]
fn a_token_says_who_bought_what_without_a_customer_identifier() {
    let market = Market::open();
    let buyer = market.buyer();
    let answer = market.ok("ResolveCustomer", &resolve(&buyer.token));
    assert_eq!(
        answer,
        json!({
            "CustomerAWSAccountId": buyer.account,
            "ProductCode": buyer.product_code,
            "LicenseArn": buyer.license_arn,
            "Metadata": { "AgreementId": buyer.agreement_id },
        })
    );
}

#[test]
fn a_token_gives_the_same_answer_until_it_expires_four_hours_later() {
    let market = Market::open();
    let buyer = market.buyer();
    let first = market.ok("ResolveCustomer", &resolve(&buyer.token));
    market.wait(Duration::hours(4) - Duration::SECOND);
    market.change(&buyer, Change::Cancel);
    assert_eq!(market.ok("ResolveCustomer", &resolve(&buyer.token)), first);
    market.wait(Duration::SECOND);
    market.refused("ResolveCustomer", &resolve(&buyer.token), "ExpiredTokenException");
}

#[test]
fn a_token_expires_by_order_and_a_new_one_is_good_again() {
    let market = Market::open();
    let (one, other) = (market.buyer(), market.buyer());
    assert_eq!(market.marketplace.expire(Some(&one.token), None).unwrap(), 1);
    assert_eq!(market.marketplace.expire(Some(&one.token), None).unwrap(), 0, "expired already");
    market.refused("ResolveCustomer", &resolve(&one.token), "ExpiredTokenException");
    market.ok("ResolveCustomer", &resolve(&other.token));
    let again = market.marketplace.token(Some(&one.license_arn), None).unwrap();
    assert_eq!(market.ok("ResolveCustomer", &resolve(&again.token))["LicenseArn"], one.license_arn);
    assert_eq!(market.marketplace.token_of(&one.license_arn), Some(again.token));
    assert_eq!(market.marketplace.expire(None, None).unwrap(), 2, "the new one and the other's");
    assert_eq!(market.marketplace.token_of(&one.license_arn), None);
}

#[test]
fn what_was_never_a_token_is_invalid() {
    let market = Market::open();
    let buyer = market.buyer();
    let cut = buyer.token.trim_end_matches('=');
    market.refused("ResolveCustomer", &resolve(cut), "InvalidTokenException");
    market.refused("ResolveCustomer", &resolve(""), "ValidationException");
    market.refused("ResolveCustomer", &json!({}), "ValidationException");
    market.refused("ResolveCustomer", &json!({ "RegistrationToken": 1 }), "SerializationException");
    market.refused("ResolveCustomer", &json!([]), "SerializationException");
    market.ok("ResolveCustomer", &resolve(&buyer.token));
}

#[test]
fn one_account_may_hold_several_agreements_for_one_product() {
    let market = Market::open();
    let one = market.buyer();
    let account = Some(one.account.clone());
    let two = market.marketplace.subscribe(Subscribe { account, ..Subscribe::default() }).unwrap();
    assert_eq!(one.account, two.account);
    assert_ne!(one.license_arn, two.license_arn);
    let answer = market.ok("ResolveCustomer", &resolve(&two.token));
    assert_eq!(answer["LicenseArn"], two.license_arn);
    for account in ["123", "44445555666x", crate::market::SELLER] {
        let order = Subscribe { account: Some(account.to_owned()), ..Subscribe::default() };
        assert!(market.marketplace.subscribe(order).is_err(), "{account}");
    }
}
