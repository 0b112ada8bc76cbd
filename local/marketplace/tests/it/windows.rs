//! How late usage may be, at the Marketplace's own clock.

use marketplace::MoveClock;
use time::Duration;
use time::macros::datetime;

use crate::market::{Market, START, hour, record};

const LATE: &str = "TimestampOutOfBoundsException";

#[test]
fn usage_is_taken_for_a_day() {
    let market = Market::open();
    let buyer = market.buyer();
    let at = hour(market.now());
    market.at(at + Duration::hours(24) - Duration::SECOND);
    assert_eq!(market.meter(&[record(&buyer, "documents_added", at, 1)]), ["Success"]);
    market.at(at + Duration::hours(24));
    market.fails(&[record(&buyer, "shares_created", at, 1)], LATE);
}

#[test]
fn usage_to_come_is_refused() {
    let market = Market::open();
    let buyer = market.buyer();
    market.fails(&[record(&buyer, "documents_added", market.now() + Duration::minutes(5), 1)], LATE);
    assert_eq!(market.meter(&[record(&buyer, "documents_added", hour(market.now()), 1)]), ["Success"]);
}

#[test]
fn last_months_usage_is_taken_until_six_on_the_first() {
    let market = Market::open();
    let buyer = market.buyer();
    let (november, december) = (datetime!(2026-11-30 23:00 UTC), datetime!(2026-12-01 0:00 UTC));
    market.at(datetime!(2026-12-01 05:59:59 UTC));
    assert_eq!(market.meter(&[record(&buyer, "documents_added", november, 1)]), ["Success"]);
    market.at(datetime!(2026-12-01 06:00 UTC));
    market.fails(
        &[record(&buyer, "shares_created", december, 1), record(&buyer, "shares_created", november, 1)],
        LATE,
    );
    assert_eq!(market.meter(&[record(&buyer, "shares_created", december, 1)]), ["Success"]);
}

#[test]
fn the_clock_can_be_set_moved_and_put_right() {
    let market = Market::open();
    let buyer = market.buyer();
    let at = hour(market.now());
    let moved = market.marketplace.move_clock(&MoveClock::Now("2026-11-24T00:00:00Z".to_owned())).unwrap();
    assert_eq!(moved.now, "2026-11-24T00:00:00Z");
    market.fails(&[record(&buyer, "documents_added", at, 1)], LATE);
    market.wait(Duration::SECOND);
    assert_eq!(market.marketplace.clock().now, "2026-11-24T00:00:01Z", "it runs on from there");
    market.marketplace.move_clock(&MoveClock::AdvanceSeconds(-1)).unwrap();
    assert_eq!(market.marketplace.clock().now, "2026-11-24T00:00:00Z");
    let right = market.marketplace.move_clock(&MoveClock::OffsetSeconds(0)).unwrap();
    assert_eq!((right.now.as_str(), right.offset_seconds), ("2026-11-22T10:20:31Z", 0));
    assert_eq!(market.now(), START + Duration::SECOND);
    assert_eq!(market.meter(&[record(&buyer, "documents_added", at, 1)]), ["Success"]);
    for far in ["9999-01-01T00:00:00Z", "yesterday"] {
        assert!(market.marketplace.move_clock(&MoveClock::Now(far.to_owned())).is_err());
    }
    assert!(market.marketplace.move_clock(&MoveClock::AdvanceSeconds(i64::MAX)).is_err());
}
