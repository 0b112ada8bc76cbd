//! The usage table: where what tenants used stands until it is billed.
//!
//! A *writer* puts a [`UsageEvent`](crate::metering::UsageEvent) into the transaction of the effect that it counts ([`put`]), in the tenant's own
//! session. So an effect and its event are there together or not at all, and an effect that its own condition lets
//! happen once is counted once, however often its request is repeated. Items are added, never changed; no two
//! effects share one, so a busy tenant's writes do not wait for each other.
//!
//! A *reader* takes a tenant's events by the hour ([`page`]). It knows neither licences nor what is billed:
//! that is [`crate::metering`]'s.
//!
//! | effect | where | event | measure and amount |
//! |---|---|---|---|
//! | content arrived as promised | `documents::store::mark_available` | `document/ID/added` | `documents_added` 1 |
//! | | in the same transaction | `document/ID/stored` | `storage_gib_hours` + bytes |
//! | an available document was deleted | `documents::store::delete` | `document/ID/released` | `storage_gib_hours` − bytes |
//! | a share became active | `shares::row::finish` | `share/DOCUMENT/USER/MARK` | `shares_created` 1 |
//!
//! ## Uploads that never arrive
//!
//! Giving out an upload URL counts nothing. A document counts, and its bytes are held, from the moment somebody saw
//! in the bucket what was promised: the uploads function that the bucket's event calls, or whoever opens or shares
//! the document before that. Whoever of them is second changes nothing and counts nothing. If nothing arrives, there
//! is nothing to settle: the row goes after [`crate::documents::PENDING_LASTS`] without an event, and deleting it
//! earlier releases nothing. An event of the bucket that comes after that finds no document and removes the content,
//! which was never counted.
//!
//! ## When bytes are released
//!
//! With the deletion that the user asked for, not when the bucket has done it: from then on nobody can have the
//! content, and how long removing it takes is ours to pay.
//!
//! ## After a subscription's end
//!
//! The gate in the tenant's mapping row shuts the API, so new usage needs a request that had begun before, or content
//! that arrives by a URL that was signed before. It is written all the same, for it is true: it lies in the span of the
//! subscription's last entry ([`crate::metering::chain`]), and is shown and alarmed there as late usage. Erasing a
//! tenant writes no events: its metering is over by then. Nor does it remove any: these are the vendor's accounts, and
//! name documents and users by their ids alone. They go [`KEPT`] after they were written.

mod events;
mod rows;

use std::time::Duration;

pub(crate) use events::{arrived, released, shared};
pub use rows::{UsageError, page, put};

/// How long an event is kept: over a year, so that a year's bill can be explained. Billing needs it for three days:
/// levels go on from what the ledger says was held when the hour before was sealed.
pub const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
