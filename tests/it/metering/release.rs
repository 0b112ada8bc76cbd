//! A record that the Marketplace refused, sent once more when somebody has mended what it objected to.

use local::metering::Trace;
use serde_json::json;
use shared::metering::Measure;
use tests::{
    metering::{Metering, used},
    world,
};

#[tokio::test]
async fn what_was_quarantined_is_billed_once_somebody_has_mended_what_was_wrong() {
    let metering = Metering::of(world().await).await;
    let hour = metering.closed(0);
    let buyer = metering.buyer(hour).await;
    metering.use_up(&buyer, &[used("share/1", Measure::SharesCreated, 3, hour)]).await;
    let dimension = format!("shares-{}", uuid::Uuid::new_v4().simple());
    let listed = ["documents_added", "storage_gib_hours", "shares_created", dimension.as_str()];
    let dimensions = format!(
        "documents_added=documents_added,shares_created={dimension},storage_gib_hours=storage_gib_hours"
    );
    let mut aggregator = metering.aggregator_with(metering.now(), &[("DIMENSIONS", &dimensions)]).await;
    let mut asks = async |event| aggregator.invoke(&event, &Trace::new()).await;
    let release = |dimension: &str| json!({ "release": { "tenant_id": buyer.tenant, "slot": format!("{hour}#0"), "dimension": dimension } });
    let run = Metering::order(metering.now(), &[&buyer]);
    let report = asks(run.clone()).await.unwrap();
    assert_eq!(
        (&report["quarantined"]["invalid_usage_dimension"], &report["accepted"]),
        (&1.into(), &2.into())
    );
    assert!(asks(release("documents_added")).await.is_err(), "it is on the bill already");

    let report = asks(release(&dimension)).await.unwrap();
    assert_eq!(report["quarantined"]["invalid_usage_dimension"], 1, "nothing has been mended: {report}");
    assert!(metering.billed(&buyer, &dimension).await.is_empty());

    let product = &metering.world.details.seller.product_code;
    let listing = json!({ "code": product, "dimensions": listed });
    metering.market.order("products", &listing).await.unwrap();
    let report = asks(run).await.unwrap();
    assert_eq!(
        (&report["calls"], &report["accepted"]),
        (&0.into(), &0.into()),
        "given up until somebody says so"
    );
    let report = asks(release(&dimension)).await.unwrap();
    assert_eq!(report["accepted"], 1, "{report}");
    assert_eq!(metering.billed(&buyer, &dimension).await, [(hour, 3)]);
    assert!(asks(release(&dimension)).await.is_err(), "once is enough");
}
