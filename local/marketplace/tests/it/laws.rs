//! What holds for every history of records: the bill is the first accepted quantity of each hour, and no record
//! that was not answered with success is on it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use time::Duration;

use crate::market::{Market, START, hour, record};

/// One record: which buyer, dimension, hour back, quantity.
type Sent = (usize, usize, i64, u32);

const DIMENSIONS: [&str; 4] = ["documents_added", "shares_created", "storage_gib_hours", "unknown"];

fn batches() -> impl Strategy<Value = Vec<Vec<Sent>>> {
    // One record in a hundred has an unknown dimension, and one a time that is out of bounds.
    let dimension = prop_oneof![33 => Just(0_usize), 33 => Just(1), 33 => Just(2), 1 => Just(3)];
    let back = prop_oneof![99 => 0..5_i64, 1 => Just(24_i64)];
    let sent = (0..3_usize, dimension, back, 0..4_u32);
    prop::collection::vec(prop::collection::vec(sent, 0..8), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_bill_is_the_first_accepted_quantity_of_each_hour(batches in batches()) {
        let market = Market::open();
        let buyers = [market.buyer(), market.buyer(), market.buyer()];
        market.at(START + Duration::hours(30));
        let at = hour(market.now());
        let mut expected: BTreeMap<(String, i64, &str), u32> = BTreeMap::new();
        for batch in &batches {
            let records: Vec<Value> = batch
                .iter()
                .map(|(buyer, dimension, back, quantity)| {
                    record(&buyers[*buyer], DIMENSIONS[*dimension], at - Duration::hours(*back), *quantity)
                })
                .collect();
            let (status, answer) =
                market.raw(&crate::market::call("BatchMeterUsage"), &json!({ "UsageRecords": records }));
            let good = batch.iter().all(|(_, dimension, back, _)| *dimension < 3 && *back < 24);
            prop_assert_eq!(status == 200, good);
            if !good {
                continue;
            }
            for (place, (buyer, dimension, back, quantity)) in batch.iter().enumerate() {
                let key = (
                    buyers[*buyer].license_arn.clone(),
                    (at - Duration::hours(*back)).unix_timestamp(),
                    DIMENSIONS[*dimension],
                );
                let kept = *expected.entry(key).or_insert(*quantity);
                let told = if kept == *quantity { "Success" } else { "DuplicateRecord" };
                prop_assert_eq!(&answer["Results"][place]["Status"], told);
            }
        }
        let billed: BTreeMap<(String, i64, String), u32> = market
            .marketplace
            .bill(None)
            .into_iter()
            .map(|line| ((line.license_arn, line.hour.unix_timestamp(), line.dimension), line.quantity))
            .collect();
        let expected: BTreeMap<_, _> = expected
            .into_iter()
            .map(|((license, hour, dimension), quantity)| ((license, hour, dimension.to_owned()), quantity))
            .collect();
        prop_assert_eq!(billed, expected);
    }

    #[test]
    fn no_body_makes_it_do_anything_but_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let market = Market::open();
        market.buyer();
        for operation in ["ResolveCustomer", "BatchMeterUsage", "SearchAgreements", "DescribeAgreement"] {
            for encoding in [marketplace::Encoding::Json, marketplace::Encoding::Cbor] {
                let call = marketplace::Call { encoding, ..crate::market::call(operation) };
                let reply = market.marketplace.call(&call, &body);
                prop_assert!(reply.status == 400 || operation == "BatchMeterUsage" && reply.status == 200);
            }
        }
    }
}
