//! Metering end to end: the real function against the account's tables and the Marketplace's bill. Whatever goes
//! wrong, what was used is billed once, in its hour; or the difference stands in the ledger and has a name.

mod crashes;
mod ends;
mod fan_out;
mod peers;
mod release;
mod unbillable;
