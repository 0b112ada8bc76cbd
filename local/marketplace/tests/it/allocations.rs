//! Vendor-metered tagging: a quantity split into buckets.

use serde_json::{Value, json};

use crate::market::{Market, hour, record, with};

fn bucket(quantity: u32, tags: &[(&str, &str)]) -> Value {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json!({ "AllocatedUsageQuantity": quantity, "Tags": tags })
}

fn rest(quantity: u32) -> Value {
    json!({ "AllocatedUsageQuantity": quantity })
}

/// The status, or the exception, of 70 units in these buckets.
fn seventy(buckets: &[Value]) -> String {
    let market = Market::open();
    let buyer = market.buyer();
    let record = record(&buyer, "storage_gib_hours", hour(market.now()), 70);
    let body = json!({ "UsageRecords": [with(record, "UsageAllocations", json!(buckets))] });
    let (_, answer) = market.raw(&crate::market::call("BatchMeterUsage"), &body);
    match answer["__type"].as_str() {
        Some(error) => {
            assert!(market.marketplace.bill(None).is_empty());
            error.rsplit('#').next().unwrap().to_owned()
        }
        None => answer["Results"][0]["Status"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn buckets_that_add_up_are_taken_one_of_them_untagged() {
    let (finance, engineering) =
        ([("Department", "Finance"), ("Team", "Reports")], [("Department", "Engineering")]);
    assert_eq!(seventy(&[bucket(40, &finance), bucket(25, &engineering), rest(5)]), "Success");
    assert_eq!(seventy(&[rest(70)]), "Success");
}

#[test]
fn buckets_that_do_not_add_up_or_are_the_same_are_refused() {
    let wrong = "InvalidUsageAllocationsException";
    assert_eq!(seventy(&[bucket(40, &[("a", "b")]), rest(29)]), wrong);
    assert_eq!(seventy(&[rest(30), rest(40)]), wrong);
    assert_eq!(
        seventy(&[bucket(30, &[("a", "b"), ("c", "d")]), bucket(40, &[("c", "d"), ("a", "b")])]),
        wrong,
        "the same tags in another order"
    );
    assert_eq!(seventy(&[]), wrong);
    let many: Vec<Value> = (0..2_501).map(|place| bucket(0, &[("n", &place.to_string())])).collect();
    assert_eq!(seventy(&many), wrong);
    assert_eq!(seventy(&[rest(35), json!({})]), "ValidationException", "a bucket without a quantity");
}

#[test]
fn tags_are_few_short_and_of_known_letters() {
    let good = bucket(70, &[("A a+-=._:/@", "b")]);
    assert_eq!(seventy(&[good]), "Success");
    let (long, longer) = ("k".repeat(101), "v".repeat(257));
    for tags in [
        vec![("", "v")],
        vec![("k", "")],
        vec![(long.as_str(), "v")],
        vec![("k", longer.as_str())],
        vec![("k", "ä")],
        vec![("k", "v"), ("k", "w")],
        vec![("a", "v"), ("b", "v"), ("c", "v"), ("d", "v"), ("e", "v"), ("f", "v")],
    ] {
        assert_eq!(seventy(&[bucket(70, &tags)]), "InvalidTagException", "{tags:?}");
    }
    let six: Vec<Value> = ["a", "b", "c", "d", "e", "f"]
        .iter()
        .map(|key| bucket(10, &[(key, "v")]))
        .chain([rest(10)])
        .collect();
    assert_eq!(seventy(&six), "InvalidTagException", "six keys across the record");
    let five: Vec<Value> =
        ["a", "b", "c", "d", "e"].iter().map(|key| bucket(10, &[(key, "v")])).chain([rest(20)]).collect();
    assert_eq!(seventy(&five), "Success");
}
