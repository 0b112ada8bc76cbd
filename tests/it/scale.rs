//! The product as it grows, in small: what a request calls of AWS does not grow with tenants, documents or shares, nor
//! with what a neighbour does. `cargo run --release -p bench -- scale` is the same in large, with times.

use bench::scale::{self, Measured, Plan};
use tests::{World, world, world_alone};

async fn measured(world: &World, plan: &Plan) -> Measured {
    match scale::measure(world.details, plan, &mut |_| {}).await {
        Ok(measured) => measured,
        Err(error) => panic!("{}", shared::problem::chain(&error)),
    }
}

/// Nothing but what is said to be.
fn nothing() -> Plan {
    Plan {
        tenants: Vec::new(),
        documents: 10,
        shares: Vec::new(),
        noise: 0,
        warm: 5,
        skewed: 60,
        swept: 20,
        instructions: false,
        functions: None,
    }
}

#[tokio::test]
async fn a_request_calls_no_more_of_aws_when_there_are_more_tenants_and_more_shares() {
    let world = world().await;
    let plan = Plan { tenants: vec![1, 20], shares: vec![1, 10], ..nothing() };
    let measured = measured(&world, &plan).await;
    let verdicts = measured.verdicts();
    // Three routes of documents, a first request, one after all others; five ways to meet a share.
    assert_eq!(verdicts.len(), 10, "{verdicts:#?}");
    assert!(measured.is_flat(), "{verdicts:#?}");

    let [one, twenty] = &measured.tenants[..] else { panic!("two steps") };
    assert_eq!((one.documents, twenty.documents), (10, 10 + 5 + 3 + 2 + 2 + 15));
    for step in [one, twenty] {
        let open = &step.warm["GET /documents/{document_id}"];
        assert_eq!(open.work.0, open.work.1, "every warm request does the same: {open:?}");
        assert!(open.work.1 >= 1, "calls are counted at all: {open:?}");
        assert_eq!(step.first.opening, 3, "two sessions and a mapping row open a tenant: {:?}", step.first);
        // However often a tenant is asked for, it is opened once.
        assert!(step.skewed.sessions <= 2 * step.tenants, "{:?}", step.skewed);
    }
    assert!(twenty.skewed.sessions >= 2, "others than the busiest are asked for: {:?}", twenty.skewed);
    assert_eq!(twenty.swept.opening, 3, "{:?}", twenty.swept);

    let [first, tenth] = &measured.shares[..] else { panic!("two steps") };
    let list = "GET /documents/{document_id}/shares";
    assert!(
        tenth.routes[list].answer_bytes > 5 * first.routes[list].answer_bytes,
        "ten shares were made, and all are listed"
    );
}

#[tokio::test]
async fn fifty_requests_of_one_tenant_cost_its_neighbours_no_answer_and_no_call() {
    let world = world_alone().await;
    let measured = measured(&world, &Plan { noise: 50, ..nothing() }).await;
    let noise = measured.noise.unwrap();
    assert_eq!(
        noise.statuses.iter().map(|(status, n)| (status.as_str(), *n)).collect::<Vec<_>>(),
        [("200", 50)]
    );
    assert_eq!(noise.neighbours.len(), 3);
    for neighbours in &noise.neighbours {
        assert_eq!(neighbours.statuses.keys().collect::<Vec<_>>(), ["200"], "{neighbours:?}");
        // A question and a query; and the mapping row where an environment has not met the tenant.
        assert!((2.0..=3.0).contains(&neighbours.calls), "{neighbours:?}");
        assert!(neighbours.function_ms.is_some(), "{neighbours:?}");
    }
}
